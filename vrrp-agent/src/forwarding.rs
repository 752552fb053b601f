//! What the stack must be set to where NAT is used. Reads, changes nothing.
//!
//! The kernel program sends on most packets by itself, but asks the host's routes, which answer
//! only where the host forwards. An answer whose next hop is not resolved yet it hands to the
//! stack, which then forwards a packet whose source is an address of its own.

use vrrp_common::maps::{NAT_ONLY_V4, NAT_ONLY_V6};

use crate::desired::NatSide;
use crate::net::sysctl::{Setting, Sysctl, SysctlError};

/// A setting that is not as NAT needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub interface: String,
    pub setting: Setting,
    pub found: u32,
    pub wanted: u32,
}

/// What to change on an interface, in this order.
///
/// # Errors
/// A setting cannot be read: the interface is gone, or /proc/sys is not there.
pub fn lacking(sysctl: &Sysctl, interface: &str, side: NatSide) -> Result<Vec<Lack>, SysctlError> {
    let mut lacking = Vec::new();
    let mut want = |setting: Setting, found: u32, wanted: u32| {
        lacking.push(Lack { interface: interface.to_owned(), setting, found, wanted });
    };
    // Clients' packets are sent on by the kernel program alone: with forwarding off where they come
    // in, the stack sends on nothing else from there.
    if !side.back {
        return Ok(lacking);
    }
    if side.v4 {
        if sysctl.read(interface, Setting::AcceptLocal)? == 0 {
            want(Setting::AcceptLocal, 0, 1);
        }
        // Strict, the check refuses an answer of a flow that came in by the other node. What counts
        // is the larger value.
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
            // Before Linux 6.17 only `all` turns the stack's forwarding on; that is the
            // administrator's to say.
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

/// The settings that [`lacking`] may name for an interface on this side.
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

/// NAT_ bits of the families that the host as a whole does not forward: whatever it forwards then,
/// it forwards for NAT's sake.
///
/// # Errors
/// A setting cannot be read.
pub fn answers_only(sysctl: &Sysctl) -> Result<u8, SysctlError> {
    let v4 = sysctl.read(ALL, Setting::Forwarding)? == 0;
    // Without IPv6 nothing is forwarded.
    let v6 = sysctl.read(ALL, Setting::Forwarding6).unwrap_or(0) == 0;
    Ok(if v4 { NAT_ONLY_V4 } else { 0 } | if v6 { NAT_ONLY_V6 } else { 0 })
}

impl Lack {
    /// Whether the agent leaves it to the administrator, since it concerns every interface.
    pub fn is_for_all(&self) -> bool {
        self.interface == ALL
    }

    /// As sysctl(8) has it.
    pub fn key(&self) -> String {
        self.setting.key(&self.interface)
    }
}

const ALL: &str = "all";
/// Values of `rp_filter`.
const STRICT: u32 = 1;
const LOOSE: u32 = 2;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn set(root: &Path, key: &str, value: u32) {
        let path = root.join(key);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, format!("{value}\n")).expect("written");
    }

    /// All settings of a host that was installed and left alone.
    fn fresh(root: &Path) {
        for interface in ["all", "eth2"] {
            for key in ["accept_local", "rp_filter", "forwarding"] {
                set(root, &format!("ipv4/conf/{interface}/{key}"), 0);
            }
            for (key, value) in [("forwarding", 0), ("force_forwarding", 0), ("accept_ra", 1)] {
                set(root, &format!("ipv6/conf/{interface}/{key}"), value);
            }
        }
    }

    fn said(root: &Path, side: NatSide) -> Vec<String> {
        let lacking = lacking(&Sysctl::below(root), "eth2", side).expect("readable");
        lacking
            .iter()
            .map(|lack| format!("{} {} -> {}", lack.key(), lack.found, lack.wanted))
            .collect()
    }

    #[test]
    fn the_back_side_takes_packets_in_its_own_name_and_alone_forwards() {
        let dir = tempfile::tempdir().expect("a directory");
        fresh(dir.path());
        let front = NatSide { v4: true, ..NatSide::default() };
        assert_eq!(said(dir.path(), front), [""; 0]);
        assert_eq!(said(dir.path(), NatSide { v6: true, ..front }), [""; 0]);
        let back = NatSide { back: true, ..front };
        assert_eq!(
            said(dir.path(), back),
            ["net.ipv4.conf.eth2.accept_local 0 -> 1", "net.ipv4.conf.eth2.forwarding 0 -> 1"]
        );
        set(dir.path(), "ipv4/conf/all/rp_filter", 1);
        assert!(said(dir.path(), back).contains(&"net.ipv4.conf.eth2.rp_filter 0 -> 2".to_owned()));
        set(dir.path(), "ipv4/conf/eth2/rp_filter", 2);
        assert!(
            said(dir.path(), back).iter().all(|line| !line.contains("rp_filter")),
            "the larger value counts"
        );
    }

    #[test]
    fn a_host_that_forwards_anyway_is_not_kept_from_it() {
        let dir = tempfile::tempdir().expect("a directory");
        fresh(dir.path());
        let only = || answers_only(&Sysctl::below(dir.path())).expect("readable");
        assert_eq!(only(), NAT_ONLY_V4 | NAT_ONLY_V6);
        set(dir.path(), "ipv4/conf/all/forwarding", 1);
        assert_eq!(only(), NAT_ONLY_V6);
        set(dir.path(), "ipv6/conf/all/forwarding", 1);
        assert_eq!(only(), 0);
    }

    #[test]
    fn ipv6_keeps_its_router_advertisements() {
        let dir = tempfile::tempdir().expect("a directory");
        fresh(dir.path());
        let side = NatSide { back: true, v4: false, v6: true };
        let expected = ["accept_ra 1 -> 2", "forwarding 0 -> 1", "force_forwarding 0 -> 1"];
        assert_eq!(
            said(dir.path(), side),
            expected.map(|text| format!("net.ipv6.conf.eth2.{text}"))
        );
        // An older kernel.
        fs::remove_file(dir.path().join("ipv6/conf/eth2/force_forwarding")).expect("removed");
        set(dir.path(), "ipv6/conf/eth2/forwarding", 1);
        assert_eq!(said(dir.path(), side), ["net.ipv6.conf.all.forwarding 0 -> 1"]);
        assert!(
            lacking(&Sysctl::below(dir.path()), "eth2", side).expect("readable")[0].is_for_all()
        );
        set(dir.path(), "ipv6/conf/all/forwarding", 1);
        assert_eq!(said(dir.path(), side), [""; 0]);
    }
}
