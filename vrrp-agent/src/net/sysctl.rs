//! Sysctls of an interface, under /proc/sys/net/ipv4/conf and /proc/sys/net/ipv6/conf.
//!
//! Keeps no state: the caller logs what changed and decides whether to restore it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A sysctl of one interface. The kernel uses the larger of the interface's value and that of
/// `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Setting {
    /// 2: an ARP request never carries another interface's address as its sender.
    ArpAnnounce,
    /// 1: ARP is answered only for addresses of the receiving interface.
    ArpIgnore,
    /// Reverse path check: 0 none, 1 strict, 2 loose.
    RpFilter,
    /// 1: packets from addresses of this host are accepted.
    AcceptLocal,
    /// 1: when a primary address is removed, a secondary one is promoted instead of being removed
    /// too.
    PromoteSecondaries,
    /// 1: packets that arrive here for other hosts are forwarded.
    Forwarding,
    /// Likewise for IPv6. On `all` it turns forwarding on for the whole stack. On an interface it
    /// decides whether router advertisements are ignored (unless
    /// [`Setting::AcceptRouterAdvertisements`] is 2).
    Forwarding6,
    /// 1: IPv6 packets that arrive here are forwarded although `all` is 0 (since Linux 6.17).
    ForceForwarding6,
    /// 1: router advertisements are accepted unless the interface forwards; 2: always.
    AcceptRouterAdvertisements,
}

impl Setting {
    const fn file(self) -> &'static str {
        match self {
            Self::ArpAnnounce => "arp_announce",
            Self::ArpIgnore => "arp_ignore",
            Self::RpFilter => "rp_filter",
            Self::AcceptLocal => "accept_local",
            Self::PromoteSecondaries => "promote_secondaries",
            Self::Forwarding | Self::Forwarding6 => "forwarding",
            Self::ForceForwarding6 => "force_forwarding",
            Self::AcceptRouterAdvertisements => "accept_ra",
        }
    }

    const fn family(self) -> &'static str {
        match self {
            Self::Forwarding6 | Self::ForceForwarding6 | Self::AcceptRouterAdvertisements => "ipv6",
            _ => "ipv4",
        }
    }

    /// The name that sysctl(8) uses for an interface.
    pub fn key(self, interface: &str) -> String {
        format!("net.{}.conf.{interface}.{}", self.family(), self.file())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    #[error("{0:?} is no interface name")]
    Name(String),
    /// Not found: the interface is gone. Read-only: a container without its own /proc/sys.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} holds {text:?}, not a number")]
    Parse { path: PathBuf, text: String },
}

/// The result of [`Sysctl::ensure_min`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    Already(u32),
    Changed { from: u32, to: u32 },
}

/// /proc/sys/net of the calling thread's network namespace.
#[derive(Debug, Clone)]
pub struct Sysctl {
    net: PathBuf,
}

impl Default for Sysctl {
    fn default() -> Self {
        Self { net: PathBuf::from("/proc/sys/net") }
    }
}

impl Sysctl {
    /// A tree at another path.
    #[cfg(test)]
    pub(crate) fn below(net: &Path) -> Self {
        Self { net: net.to_owned() }
    }

    pub fn read(&self, interface: &str, setting: Setting) -> Result<u32, SysctlError> {
        let path = self.path(interface, setting)?;
        let text = fs::read_to_string(&path)
            .map_err(|source| SysctlError::Io { path: path.clone(), source })?;
        text.trim().parse().map_err(|_| SysctlError::Parse { path, text })
    }

    pub fn write(&self, interface: &str, setting: Setting, value: u32) -> Result<(), SysctlError> {
        let path = self.path(interface, setting)?;
        fs::write(&path, value.to_string()).map_err(|source| SysctlError::Io { path, source })
    }

    /// Raises the interface's own value to `minimum` when it is lower.
    pub fn ensure_min(
        &self,
        interface: &str,
        setting: Setting,
        minimum: u32,
    ) -> Result<Ensured, SysctlError> {
        let from = self.read(interface, setting)?;
        if from >= minimum {
            return Ok(Ensured::Already(from));
        }
        self.write(interface, setting, minimum)?;
        Ok(Ensured::Changed { from, to: minimum })
    }

    fn path(&self, interface: &str, setting: Setting) -> Result<PathBuf, SysctlError> {
        // The name comes from a configuration file; it must not lead out of the tree.
        let plain = Path::new(interface).file_name().is_some_and(|name| name == interface);
        if !plain {
            return Err(SysctlError::Name(interface.to_owned()));
        }
        Ok(self.net.join(setting.family()).join("conf").join(interface).join(setting.file()))
    }
}

#[cfg(test)]
mod tests;
