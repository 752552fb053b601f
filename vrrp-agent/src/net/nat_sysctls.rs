//! The sysctls that NAT needs. Reads them, changes nothing.
//!
//! The kernel program forwards most packets itself, with routes from bpf_fib_lookup, which answers
//! only where the host forwards. It passes a packet whose next hop is not resolved to the stack,
//! which then forwards a packet whose source is an address of this host.

use vrrp_common::maps::{NAT_ONLY_V4, NAT_ONLY_V6};

use crate::net::sysctl::{Setting, Sysctl, SysctlError};
use vrrp_steering::desired::NatSide;

/// A sysctl whose value does not suit NAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub interface: String,
    pub setting: Setting,
    pub found: u32,
    pub wanted: u32,
}

/// The sysctls to change on an interface, in this order.
///
/// # Errors
/// A sysctl cannot be read: the interface is gone, or /proc/sys is not mounted.
pub fn lacking(sysctl: &Sysctl, interface: &str, side: NatSide) -> Result<Vec<Lack>, SysctlError> {
    let mut lacking = Vec::new();
    let mut want = |setting: Setting, found: u32, wanted: u32| {
        lacking.push(Lack { interface: interface.to_owned(), setting, found, wanted });
    };
    // On the client side the kernel program alone forwards: with forwarding off there the stack
    // forwards nothing else from clients.
    if !side.back {
        return Ok(lacking);
    }
    if side.v4 {
        if sysctl.read(interface, Setting::AcceptLocal)? == 0 {
            want(Setting::AcceptLocal, 0, 1);
        }
        // A strict reverse path check drops an answer of a flow that came in through the other
        // node. The larger of both values is in effect.
        let own = sysctl.read(interface, Setting::RpFilter)?;
        if own.max(sysctl.read(ALL, Setting::RpFilter)?) == STRICT {
            want(Setting::RpFilter, own, LOOSE);
        }
        if sysctl.read(interface, Setting::Forwarding)? == 0 {
            want(Setting::Forwarding, 0, 1);
        }
    }
    if side.v6 && sysctl.read(interface, Setting::Forwarding6)? == 0 {
        if sysctl.read(interface, Setting::AcceptRouterAdvertisements)? == 1 {
            want(Setting::AcceptRouterAdvertisements, 1, 2);
        }
        want(Setting::Forwarding6, 0, 1);
    }
    if side.v6 && sysctl.read(ALL, Setting::Forwarding6)? == 0 {
        match sysctl.read(interface, Setting::ForceForwarding6) {
            Ok(0) => want(Setting::ForceForwarding6, 0, 1),
            Ok(_) => {}
            // Before Linux 6.17 only `all` turns on forwarding in the stack. `all` is left to the
            // administrator.
            Err(_) => lacking.push(Lack {
                interface: ALL.to_owned(),
                setting: Setting::Forwarding6,
                found: 0,
                wanted: 1,
            }),
        }
    }
    Ok(lacking)
}

/// The sysctls that [`lacking`] may name for an interface on this side.
pub fn settings_of(side: NatSide) -> impl Iterator<Item = Setting> {
    let v4 = side.v4.then_some(Setting::Forwarding);
    let back = (side.v4 && side.back).then_some([Setting::AcceptLocal, Setting::RpFilter]);
    let v6 = side.v6.then_some([
        Setting::AcceptRouterAdvertisements,
        Setting::Forwarding6,
        Setting::ForceForwarding6,
    ]);
    v4.into_iter().chain(back.into_iter().flatten()).chain(v6.into_iter().flatten())
}

/// NAT_ bits of the families that the host as a whole does not forward: whatever it forwards, it
/// forwards for NAT alone.
///
/// # Errors
/// A sysctl cannot be read.
pub fn answers_only(sysctl: &Sysctl) -> Result<u8, SysctlError> {
    let v4 = sysctl.read(ALL, Setting::Forwarding)? == 0;
    // Without IPv6 nothing is forwarded.
    let v6 = sysctl.read(ALL, Setting::Forwarding6).unwrap_or(0) == 0;
    Ok(if v4 { NAT_ONLY_V4 } else { 0 } | if v6 { NAT_ONLY_V6 } else { 0 })
}

impl Lack {
    /// Whether the sysctl concerns every interface, so that the agent leaves it to the
    /// administrator.
    pub fn is_for_all(&self) -> bool {
        self.interface == ALL
    }

    /// The name that sysctl(8) uses.
    pub fn key(&self) -> String {
        self.setting.key(&self.interface)
    }
}

const ALL: &str = "all";
/// Values of `rp_filter`.
const STRICT: u32 = 1;
const LOOSE: u32 = 2;

#[cfg(test)]
mod tests;
