use std::fs;

use super::{Ensured, Setting, Sysctl, SysctlError};
use crate::net::testing;

#[test]
fn a_value_is_raised_and_never_lowered() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("ipv4/conf/eth1")).expect("a directory");
    fs::write(dir.path().join("ipv4/conf/eth1/arp_announce"), "0\n").expect("a file");
    let sysctl = Sysctl::below(dir.path());
    let ensure =
        |minimum| sysctl.ensure_min("eth1", Setting::ArpAnnounce, minimum).expect("written");
    assert_eq!(ensure(2), Ensured::Changed { from: 0, to: 2 });
    assert_eq!(ensure(2), Ensured::Already(2));
    assert_eq!(ensure(1), Ensured::Already(2));
}

#[test]
fn errors_name_the_cause() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("ipv4/conf/eth1")).expect("a directory");
    fs::write(dir.path().join("ipv4/conf/eth1/rp_filter"), "no").expect("a file");
    let sysctl = Sysctl::below(dir.path());
    for name in ["", "..", "a/b", "/eth1", "eth1/"] {
        assert!(
            matches!(sysctl.read(name, Setting::RpFilter), Err(SysctlError::Name(_))),
            "{name}"
        );
    }
    assert!(matches!(sysctl.read("eth1", Setting::RpFilter), Err(SysctlError::Parse { .. })));
    assert!(matches!(sysctl.read("eth2", Setting::RpFilter), Err(SysctlError::Io { .. })));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_kernel_takes_it_for_an_interface() {
    testing::in_pair(async |pair| {
        pair.enter_left();
        let sysctl = Sysctl::default();
        sysctl.write("left", Setting::ArpAnnounce, 0).expect("written");
        let ensured = sysctl.ensure_min("left", Setting::ArpAnnounce, 2).expect("written");
        assert_eq!(ensured, Ensured::Changed { from: 0, to: 2 });
        assert_eq!(sysctl.read("left", Setting::ArpAnnounce).expect("read"), 2);
        assert!(matches!(sysctl.read("right", Setting::ArpAnnounce), Err(SysctlError::Io { .. })));
    });
}
