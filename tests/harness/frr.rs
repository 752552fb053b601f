//! FRR's vrrpd on a node: zebra, vrrpd and the macvlan devices that vrrpd needs.
//!
//! vrrpd installs no addresses. It looks for a macvlan with the virtual MAC address that has the
//! addresses already, and makes zebra set it "protodown" while it is a backup.

use std::net::IpAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::unistd::User;
use serde_json::Value;

use crate::daemons::{make_dir, program, write};
use crate::netns::NetNs;
use crate::process::output;

/// The user of Debian's package; the daemons require the group `frrvty`, which only this user has.
const USER: &str = "frr";
/// Debian's directory of the daemons, which is not in PATH.
const DAEMONS: &str = "/usr/lib/frr";

/// Directories of one node's daemons.
#[derive(Debug, Clone)]
pub struct FrrPaths {
    dir: PathBuf,
}

impl FrrPaths {
    /// Makes the directory, writable for FRR's user.
    pub fn make(dir: &Path) -> Result<Self> {
        let dir = dir.join("frr");
        make_dir(&dir)?;
        let user = User::from_name(USER)
            .context("looking for FRR's user")?
            .context("FRR is not installed: it has no user")?;
        chown(&dir, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .with_context(|| format!("handing {} over", dir.display()))?;
        Ok(Self { dir })
    }

    /// zebra's socket; vrrpd needs it at its start.
    pub fn zebra_socket(&self) -> PathBuf {
        self.dir.join("zserv.api")
    }

    /// One of the two daemons, in the foreground, reading `text`.
    pub fn daemon(&self, name: &str, netns: &NetNs, text: &str) -> Result<Command> {
        let config = self.dir.join(format!("{name}.conf"));
        write(&config, text)?;
        let mut command = netns.command(&format!("{DAEMONS}/{name}"))?;
        command
            .arg("-f")
            .arg(config)
            .arg("-z")
            .arg(self.zebra_socket())
            .arg("--vty_socket")
            .arg(&self.dir);
        // No TCP port for the command line; a pid file per node.
        command
            .args(["-P", "0", "-u", USER, "-g", USER, "-i"])
            .arg(self.dir.join(format!("{name}.pid")));
        Ok(command)
    }

    /// The virtual router `vrid` in `show vrrp json`.
    pub fn ask(&self, vrid: u8) -> Result<Value> {
        let line = format!("show vrrp {vrid} json");
        let text = output(
            Command::new(program("vtysh")?)
                .arg("--vty_socket")
                .arg(&self.dir)
                .args(["-d", "vrrpd", "-c", &line]),
        )?;
        let routers: Value = serde_json::from_str(&text)
            .with_context(|| format!("reading vrrpd's state: {text}"))?;
        routers.get(0).cloned().with_context(|| format!("vrrpd has no virtual router {vrid}"))
    }
}

/// Fails where FRR is not installed.
pub fn require() -> Result<()> {
    std::fs::metadata(Path::new(DAEMONS).join("vrrpd"))
        .map(drop)
        .context("FRR is not installed (`cargo xtask setup` does it)")
}

/// Makes the macvlan on `parent` that vrrpd looks for, with `addresses` of one family.
pub fn make_macvlan(netns: &NetNs, parent: &str, vrid: u8, addresses: &[IpAddr]) -> Result<()> {
    let ipv6 = addresses.iter().any(IpAddr::is_ipv6);
    let (name, family) = (device(vrid, ipv6), if ipv6 { 2 } else { 1 });
    let mut lines = vec![
        format!(
            "link add {name} link {parent} address 00:00:5e:00:{family:02x}:{vrid:02x} type macvlan mode bridge"
        ),
        // A link-local address made from the MAC would be the same on both nodes.
        format!("link set dev {name} addrgenmode random"),
    ];
    for address in addresses {
        lines.push(match address {
            IpAddr::V4(address) => format!("addr add {address}/32 dev {name}"),
            IpAddr::V6(address) => format!("addr add {address}/64 dev {name} nodad"),
        });
    }
    lines.push(format!("link set {name} up"));
    netns.ip(&lines)
}

/// Removes the macvlan of an earlier start, if there is one.
pub fn remove_macvlan(netns: &NetNs, vrid: u8, ipv6: bool) {
    // If there is none, the command fails, which is fine.
    let _ = netns.ip(&[format!("link del {}", device(vrid, ipv6))]);
}

fn device(vrid: u8, ipv6: bool) -> String {
    format!("vrrp{}-{vrid}", if ipv6 { 6 } else { 4 })
}
