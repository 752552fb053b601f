//! How adverts travel and who is master with whom: IPv6, unicast, the virtual MAC, sync groups, in
//! both languages.

use std::net::IpAddr;

use super::*;
use crate::{Loaded, convert};
use vrrp_model::{Config, Delivery, Family, Peer, Version};
use vrrp_status::explain;
use vrrp_status::summary::summary;

/// An IPv6 router by unicast with a virtual MAC, and one of IPv4 with the same VRID, in a group.
const PAIR: &str = "\
global_defs {
    router_id n
}
vrrp_script chk {
    script \"/bin/true\"
    weight 10
}
vrrp_sync_group VG_1 {
    group {
        VI_1 VI_6
    }
}
vrrp_instance VI_6 {
    interface eth1
    virtual_router_id 51
    native_ipv6
    use_vmac
    unicast_src_ip fe80::205
    unicast_peer {
        fe80::206 min_ttl 255
        2001:db8::7 min_ttl 250 max_ttl 254
    }
    virtual_ipaddress {
        fe80::249
        2001:db8::249/64
    }
}
vrrp_instance VI_1 {
    interface eth1
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.249
    }
}
";

fn keepalived(text: &str) -> Config {
    let (outcome, _) = read(text, Language::Keepalived, Mode::Strict);
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn said(text: &str) -> Vec<String> {
    lines(text, Language::Keepalived, Mode::Strict)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A good TOML router of IPv4 (`addresses` of its own) with `more` lines.
fn toml(addresses: &str, more: &str) -> Vec<String> {
    let head = "[[virtual_router]]\nname = \"a\"\ninterface = \"eth1\"\nvrid = 51\n";
    lines(&format!("{head}addresses = {addresses}\n{more}"), Language::Toml, Mode::Strict)
}

#[test]
fn a_keepalived_pair_of_both_families_is_read_without_a_word() {
    assert_eq!(said(PAIR), [""; 0]);
    let config = keepalived(PAIR);
    let v6 = &config.routers[0];
    assert_eq!((v6.family(), v6.version, v6.virtual_mac), (Family::V6, Version::V3, true));
    assert_eq!((v6.delivery, v6.source), (Delivery::Unicast, Some(ip("fe80::205"))));
    assert_eq!(
        v6.peers,
        [
            Peer { address: ip("fe80::206"), min_ttl: 255, max_ttl: 255 },
            Peer { address: ip("2001:db8::7"), min_ttl: 250, max_ttl: 254 },
        ]
    );
    assert_eq!(
        v6.addresses.iter().map(|address| address.prefix_len).collect::<Vec<_>>(),
        [128, 64]
    );
    let v4 = &config.routers[1];
    assert_eq!((v4.family(), v4.version, v4.virtual_mac), (Family::V4, Version::V2, false));
    assert_eq!(v4.delivery, Delivery::Multicast(ip("224.0.0.18")));
    assert_eq!(
        (config.groups[0].name.as_str(), config.groups[0].members.as_slice()),
        ("VG_1", [1, 0].as_slice())
    );
}

#[test]
fn conversion_keeps_family_delivery_peers_and_groups() {
    let (Outcome { config, diagnostics }, source) = read(PAIR, Language::Keepalived, Mode::Strict);
    let before = config.clone();
    let loaded = Loaded { config, diagnostics, source, language: Language::Keepalived };
    let text = convert(&loaded).expect("the file has no error");
    for part in [
        "unicast = true\npeers = [\"fe80::206\", { address = \"2001:db8::7\", min_ttl = 250, max_ttl = 254 }]\nvirtual_mac = true\n",
        "addresses = [\"fe80::249\", \"2001:db8::249/64\"]\n",
        "[[sync_group]]\nname = \"VG_1\"\nmembers = [\"VI_1\", \"VI_6\"]\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(read(&text, Language::Toml, Mode::Strict).0.config, before);
}

#[test]
fn the_first_address_decides_the_family_and_the_others_are_ignored() {
    let mixed = PAIR.replace("192.0.2.249", "192.0.2.249\n2001:db8::250");
    assert_eq!(
        said(&mixed),
        [
            "F:33:1: warning: an IPv6 address in an instance of IPv4: it is not installed, as in keepalived"
        ]
    );
    let config = keepalived(&mixed);
    assert_eq!(config.routers[1].addresses.len(), 1);
    assert_eq!(config.routers[1].excluded_addresses, []);
}

#[test]
fn a_group_of_the_file_counts_for_its_family_only() {
    let text = PAIR.replace("router_id n", "router_id n\nvrrp_mcast_group4 239.0.0.1\nvrrp_mcast_group6 ff02::77").replace(
        "    unicast_src_ip fe80::205\n    unicast_peer {\n        fe80::206 min_ttl 255\n        2001:db8::7 min_ttl 250 max_ttl 254\n    }\n",
        "",
    );
    let deliveries: Vec<Delivery> =
        keepalived(&text).routers.iter().map(|router| router.delivery).collect();
    assert_eq!(
        deliveries,
        [Delivery::Multicast(ip("ff02::77")), Delivery::Multicast(ip("239.0.0.1"))]
    );
}

#[test]
fn a_peer_without_a_ttl_range_gets_a_hint_how_to_allow_routers_between() {
    let text = PAIR.replace("2001:db8::7 min_ttl 250 max_ttl 254", "2001:db8::7");
    let (outcome, source) = read(&text, Language::Keepalived, Mode::Strict);
    let [warning] = outcome.diagnostics.as_slice() else { panic!("{:?}", outcome.diagnostics) };
    assert_eq!(
        headline(&source, warning),
        "F:21:9: warning: adverts of a peer without `min_ttl` must arrive with TTL 255, which none has that came through a \
         router; keepalived takes any"
    );
    assert!(
        warning.help.as_ref().is_some_and(|help| help.contains("`min_ttl 254`")),
        "{warning:?}"
    );
    assert_eq!(keepalived(&text).routers[0].peers[1].min_ttl, 255);
    assert_eq!(
        said(&PAIR.replace("fe80::206 min_ttl 255", "fe80::206")),
        [""; 0],
        "no router forwards link-local packets"
    );
}

#[test]
fn the_lower_bound_of_a_peers_ttl_is_keepalived_s() {
    for (written, range) in [
        ("min_ttl 0", (1, 255)),
        ("max_ttl 64", (1, 64)),
        ("min_ttl 0 max_ttl 9", (1, 9)),
        ("min_ttl 3", (3, 255)),
    ] {
        let config =
            keepalived(&PAIR.replace("fe80::206 min_ttl 255", &format!("fe80::206 {written}")));
        let peer = config.routers[0].peers[0];
        assert_eq!((peer.min_ttl, peer.max_ttl), range, "{written}");
    }
}

#[test]
fn words_behind_use_vmac_are_named() {
    assert_eq!(
        said(&PAIR.replace("use_vmac", "use_vmac vrrp.51")),
        [
            "F:17:14: warning: `use_vmac` makes no interface here, it needs none: `vrrp.51` has no effect"
        ]
    );
    assert_eq!(
        said(&PAIR.replace("use_vmac", "use_vmac vrrp.51 02:00:00:00:00:01"))[0],
        "F:17:22: error: the virtual MAC is always 00:00:5e:00:01:VRID (IPv6: 02): `02:00:00:00:00:01`"
    );
}

#[test]
fn unicast_adverts_leave_with_ttl_255_whatever_is_written() {
    let with = |lines: &str| said(&PAIR.replace("    use_vmac\n", &format!("    {lines}\n")));
    assert_eq!(with("unicast_ttl 255"), [""; 0]);
    assert_eq!(
        with("unicast_ttl 64"),
        ["F:17:17: error: unicast adverts leave with TTL 255 here: 64"]
    );
    assert_eq!(
        with("unicast_fault_no_peer"),
        [
            "F:17:5: warning: `unicast_fault_no_peer` has no effect: unicast without a peer is an error in any case"
        ]
    );
}

#[test]
fn in_a_group_weights_count_only_where_the_group_says_so() {
    let tracked = PAIR.replace(
        "    native_ipv6\n",
        "    track_script {\n        chk\n    }\n    track_interface {\n        eth2 weight -5\n    }\n",
    );
    assert_eq!(
        said(&tracked),
        [
            "F:17:9: warning: this script has the weight 10: it is not tracked, as in keepalived, which has no weights in a sync group",
            "F:20:21: warning: the weight -5 is taken as 0, its failure is a fault: in a sync group keepalived has no weights",
        ]
    );
    let weights = |text: &str| {
        let router = keepalived(text).routers.remove(0);
        let script = router.track_scripts.first().map(|track| track.weight.value);
        (script, router.track_interfaces[0].weight.value)
    };
    assert_eq!(weights(&tracked), (None, 0));
    for keyword in ["sync_group_tracking_weight", "global_tracking"] {
        let floating = tracked
            .replace("vrrp_sync_group VG_1 {", &format!("vrrp_sync_group VG_1 {{\n{keyword}"));
        assert_eq!(said(&floating), [""; 0]);
        assert_eq!(weights(&floating), (Some(10), -5));
    }
    assert_eq!(weights(&tracked.replace("VI_1 VI_6", "VI_1")), (Some(10), -5), "not a member");
}

#[test]
fn what_a_group_tracks_each_of_its_members_does() {
    let tracked = PAIR.replace(
        "vrrp_sync_group VG_1 {",
        "vrrp_sync_group VG_1 {\n    track_interface {\n        eth2\n        eth3 weight 5 reverse\n    }\n    \
         sync_group_tracking_weight\n",
    );
    assert_eq!(said(&tracked), [""; 0]);
    for router in keepalived(&tracked).routers {
        let tracked: Vec<_> = router
            .track_interfaces
            .iter()
            .map(|track| (track.interface.as_str(), track.weight.value, track.weight.reverse))
            .collect();
        assert_eq!(tracked, [("eth2", 0, false), ("eth3", 5, true)], "{}", router.name);
    }
}

#[test]
fn an_instance_may_stay_while_its_own_link_is_down() {
    let text = PAIR.replace("    use_vmac\n", "    dont_track_primary\n");
    assert_eq!(said(&text), [""; 0]);
    assert!(!keepalived(&text).routers.iter().all(|router| router.track_own_interface));
}

#[test]
fn sources_are_checked_whatever_the_keepalived_file_configures() {
    let text = PAIR
        .replace("    use_vmac\n", "    check_unicast_src off\n")
        .replace("router_id n", "vrrp_check_unicast_src");
    let why = "unicast adverts are taken from the peers alone, written or not; keepalived does so only where it is";
    assert_eq!(
        said(&text),
        [
            format!("F:2:5: warning: `vrrp_check_unicast_src` has no effect: {why}"),
            format!("F:17:5: warning: `check_unicast_src` has no effect: {why}"),
        ]
    );
}

#[test]
#[rustfmt::skip]
fn what_cannot_travel_is_named_with_its_place() {
    let v4 = "[\"192.0.2.9\"]";
    let v6 = "[\"fe80::9\"]";
    for (addresses, more, expected) in [
        ("[\"192.0.2.9\", \"fe80::9\"]", "", "F:5:27: error: an IPv6 address in a virtual router of IPv4: an advert carries one family only"),
        (v6, "version = 2", "F:5:14: error: IPv6 needs version 3 of VRRP"),
        ("[\"::ffff:192.0.2.9\"]", "", "F:5:14: error: virtual address `::ffff:192.0.2.9` is an IPv4 address in the clothes of IPv6"),
        ("[{ address = \"fe80::9\", label = \"eth1:1\" }]", "", "F:5:45: error: IPv6 addresses have no labels: this one"),
        (v4, "unicast = true", "F:6:11: error: unicast needs peers: adverts have no destination"),
        (v4, "unicast = true\npeers = [\"fe80::2\"]", "F:7:10: error: peer `fe80::2` is not of the family of the virtual addresses, IPv4"),
        (v4, "peers = [\"192.0.2.2\", \"192.0.2.2\"]", "F:6:23: error: peer `192.0.2.2` is listed twice"),
        (v4, "source = \"192.0.2.1\"\npeers = [\"192.0.2.1\"]", "F:7:10: error: peer `192.0.2.1` is this router itself: it is the source of its adverts"),
        (v4, "peers = [{ address = \"192.0.2.2\", min_ttl = 254 }]", "F:6:45: error: multicast adverts never pass a router: their TTL must be 255"),
        (v4, "unicast = true\npeers = [{ address = \"192.0.2.2\", min_ttl = 256 }]", "F:7:45: error: min_ttl must be 1 to 255, not 256"),
        (v4, "unicast = true\npeers = [{ address = \"192.0.2.2\", min_ttl = 9, max_ttl = 8 }]", "F:7:22: error: no TTL is at least 9 and at most 8"),
        (v4, "group = \"ff02::12\"", "F:6:9: error: group `ff02::12` is not of the family of the virtual addresses, IPv4"),
        (v4, "group = \"192.0.2.18\"", "F:6:9: error: group `192.0.2.18` is not a multicast address (224.0.0.0/4, ff00::/8)"),
        (v4, "group = \"224.0.0.18\"\nunicast = true\npeers = [\"192.0.2.2\"]", "F:6:9: error: adverts go to the peers: the multicast group has no effect"),
        (v6, "source = \"192.0.2.1\"", "F:6:10: error: source `192.0.2.1` is not of the family of the virtual addresses, IPv6"),
        (v6, "source = \"2001:db8::1\"", "F:6:10: warning: multicast adverts of IPv6 come from a link-local address (RFC 9568 section 5.1.2.1): others may refuse these"),
        (v4, "[[sync_group]]\nname = \"g\"\nmembers = [\"a\", \"b\"]", "F:8:17: error: there is no virtual router `b`"),
        (v4, "[[sync_group]]\nname = \"g\"\nmembers = [\"a\", \"a\"]", "F:8:17: error: `a` is in a sync group already"),
        (v4, "[[sync_group]]\nname = \"g\"\nmembers = [\"a\"]\n[[sync_group]]\nname = \"h\"\nmembers = [\"a\"]", "F:11:12: error: `a` is in a sync group already"),
        (v4, "[[sync_group]]\nname = \"g\"\nmembers = [\"a\"]", "F:7:8: warning: sync group `g` has fewer than two members: it has no effect"),
    ] {
        let said = toml(addresses, more);
        assert_eq!(said.first().map(String::as_str), Some(expected), "{addresses} {more}: {said:?}");
    }
    assert_eq!(toml(v6, "unicast = true\nsource = \"2001:db8::1\"\npeers = [\"2001:db8::2\"]"), [""; 0]);
}

#[test]
fn an_advert_holds_255_ipv4_and_90_ipv6_addresses_and_the_others_are_excluded_ones() {
    let list = |one: fn(usize) -> String, count: usize| {
        let all: Vec<String> = (1..=count).map(one).collect();
        format!("[{}]", all.join(", "))
    };
    let v4 = |at: usize| format!("\"10.0.{}.{}\"", at / 250, at % 250 + 1);
    let v6 = |at: usize| format!("\"fe80::{at}\"");
    assert_eq!(toml(&list(v4, 255), ""), [""; 0]);
    assert_eq!(toml(&list(v6, 90), ""), [""; 0]);
    let hmac = "hmac = { keys = [{ id = 1, secret = \"0123456789abcdef0123456789abcdef\" }] }";
    assert_eq!(toml(&list(v6, 89), hmac), [""; 0]);
    let excess = |count: usize, most: usize| {
        [format!(
            "F:2:8: warning: {count} virtual addresses, but an advert holds {most}: the others are excluded ones"
        )]
    };
    assert_eq!(toml(&list(v6, 90), hmac), excess(90, 89));
    assert_eq!(toml(&list(v4, 255), hmac), [""; 0]);
    assert_eq!(toml(&list(v4, 360), ""), excess(360, 255));
    assert_eq!(toml(&list(v6, 121), ""), excess(121, 90));
}

#[test]
fn a_vrid_may_stand_once_for_each_family_and_a_link_local_address_once_on_each_link() {
    let router = |name: &str, interface: &str, address: &str| {
        format!(
            "[[virtual_router]]\nname = \"{name}\"\ninterface = \"{interface}\"\nvrid = 51\naddresses = [\"{address}\"]\n"
        )
    };
    let both = |a: String, b: String| lines(&format!("{a}{b}"), Language::Toml, Mode::Strict);
    assert_eq!(both(router("a", "eth1", "192.0.2.9"), router("b", "eth1", "fe80::9")), [""; 0]);
    assert_eq!(both(router("a", "eth1", "fe80::9"), router("b", "eth2", "fe80::9")), [""; 0]);
    assert_eq!(
        both(router("a", "eth1", "fe80::8"), router("b", "eth1", "fe80::9")),
        ["F:9:8: error: VRID 51 on eth1 is used by `a` too"]
    );
    assert_eq!(
        both(router("a", "eth1", "fe80::9"), router("b", "eth1", "fe80::9"))[1],
        "F:10:14: warning: virtual address `fe80::9` of `b` belongs to `a` too: a node has it while it is master of either"
    );
    assert_eq!(
        both(router("a", "eth1", "192.0.2.9"), router("b", "eth2", "192.0.2.9")),
        [
            "F:10:14: warning: virtual address `192.0.2.9` of `b` belongs to `a` too: a node has it while it is master of either"
        ]
    );
}

#[test]
fn authentication_is_named_without_its_secrets() {
    let key = "auth_hmac {\nkey 7 ascii:hunter2-hunter2-hunter2-hunter2-\nmode permissive\n}";
    let config = keepalived(&PAIR.replace("    use_vmac\n", &format!("    {key}\n")));
    let said = [summary(&config), explain::plan(&config, Some("VI_6")).expect("a router")];
    for text in said {
        assert!(
            text.contains(", HMAC permissive with key 7\n") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn check_and_explain_name_family_delivery_peers_and_group() {
    let config = keepalived(PAIR);
    let summary = summary(&config);
    for part in [
        "    addresses: fe80::249, 2001:db8::249/64\n",
        "    adverts: IPv6 unicast to and from fe80::206, 2001:db8::7 (TTL 250 to 254); announcements and answers with the virtual MAC\n",
        "    in sync group VG_1: master together with VI_1, or not at all\n",
        "    adverts: IPv4 multicast to 224.0.0.18, from any source\n",
    ] {
        assert!(summary.contains(part), "{part}\n{summary}");
    }
    let multicast = PAIR
        .replace(
            "    virtual_ipaddress {\n        192",
            "    use_vmac\n    virtual_ipaddress {\n        192",
        )
        .replace("VI_1 VI_6", "VI_1");
    let alone = vrrp_status::summary::summary(&keepalived(&multicast));
    assert!(
        alone.contains("IPv4 multicast to 224.0.0.18, from any source, with the virtual MAC\n"),
        "{alone}"
    );
    assert!(!alone.contains("sync group"), "{alone}");
    let plan = explain::plan(&config, Some("VI_6")).expect("a router");
    for part in [
        "VI_6: VRID 51 on eth1, VRRPv3 over IPv6\n",
        "  group      VG_1: master together with VI_1, or not at all\n",
        "each 1 s from fe80::205 by unicast to fe80::206, 2001:db8::7 (TTL 250 to 254), accepted from them alone; announcements and answers \
         carry the virtual MAC\n",
    ] {
        assert!(plan.contains(part), "{part}\n{plan}");
    }
}
