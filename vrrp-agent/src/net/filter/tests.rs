use crate::net::Netlink;
use crate::net::testing::{in_pair, interface, takes_frames_for};

/// The virtual MAC of VRID 51 (RFC 9568 section 7.3).
const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

#[test]
#[ignore = "needs root: network namespaces"]
fn a_mac_is_filtered_in_once_and_out_once() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        assert!(!takes_frames_for("left", MAC));
        assert!(netlink.filter_mac(index, MAC, true).await.expect("added"));
        assert!(takes_frames_for("left", MAC));
        assert!(!netlink.filter_mac(index, MAC, true).await.expect("there already is no error"));
        assert!(netlink.filter_mac(index, MAC, false).await.expect("removed"));
        assert!(!takes_frames_for("left", MAC));
        assert!(!netlink.filter_mac(index, MAC, false).await.expect("absent is no error"));
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_missing_interface_is_an_error_only_to_add_to() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let error = netlink.filter_mac(4_000, MAC, true).await.expect_err("no such interface");
        assert!(
            error
                .to_string()
                .starts_with("accept frames for 00:00:5e:00:01:33 on interface 4000: "),
            "{error}"
        );
        assert!(!netlink.filter_mac(4_000, MAC, false).await.expect("gone is without it"));
    });
}
