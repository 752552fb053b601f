//! Probes on the real path: which, with what frames, and what follows from the results.

use super::*;
use crate::vip_probe::{Outer, Path, Paths};

const PAIR: &str = "{ address = \"192.0.2.1\" }, { address = \"192.0.2.2\" }";

fn paths_of(facts: &Facts) -> Paths {
    paths(facts, &desired(facts).reachabilities)
}

/// A world whose node is active for the address.
fn active(address: &str, backends: &str, more: &str) -> World {
    World { active: vec![true; 2], ..World::serving(address, backends, more) }
}

fn probed(world: &World) -> Vec<(usize, usize)> {
    paths_of(&world.facts()).into_keys().collect()
}

fn members(world: &World) -> Vec<u16> {
    let members = world.desired().rosters[&0].members.clone().expect("decided");
    members.iter().map(|member| member.index).collect()
}

#[test]
fn frames_of_a_probe_go_as_the_program_sends_packets_and_come_from_the_interfaces_own_address() {
    let direct = |vip: &str, own: &str| Path {
        ifindex: FRONT,
        source_mac: FRONT_MAC,
        mac: NEIGHBOUR_MAC,
        outer: None,
        service: ip(vip).into(),
        port: 80,
        own: ip(own).into(),
    };
    let behind = |path: Path, own: &str, source: &str, entropy: u32, destination: &str| Path {
        ifindex: BACK,
        source_mac: BACK_MAC,
        outer: Some(Outer {
            source: ip(source).into(),
            entropy,
            destination: ip(destination).into(),
        }),
        own: ip(own).into(),
        ..path
    };
    let (v4, v6) = (direct(V4, "192.0.2.1"), direct(V6, "2001:db8::1"));
    let rows = [
        (V4, "192.0.2.2", "dr", "", v4),
        (V6, "2001:db8::2", "auto", "", v6),
        (V4, "10.0.0.21", "ipip", "", behind(v4, "10.0.0.1", "10.0.0.1", 0, "10.0.0.21")),
        (V4, "fd00::21", "ipip", "", behind(v4, "10.0.0.1", "fd00::1", 0, "fd00::21")),
        (V6, "198.51.100.7", "ipip", "", behind(v6, "fd00::1", "10.0.0.1", 0, "198.51.100.7")),
        (
            V4,
            "10.0.0.21",
            "ipip",
            "10.9.0.0/16",
            behind(v4, "10.0.0.1", "10.9.0.0", 0xffff, "10.0.0.21"),
        ),
    ];
    for (vip, address, forward, tunnel, expected) in rows {
        let mut world =
            active(vip, &format!("{{ address = \"{address}\", forward = \"{forward}\" }}"), "");
        world.config.tunnel.source_v4 = tunnel.parse().ok();
        assert_eq!(
            paths_of(&world.facts()).into_iter().collect::<Vec<_>>(),
            [((0, 0), expected)],
            "{address} by {forward}"
        );
    }
}

#[test]
fn a_tunnel_over_an_interface_of_another_family_is_probed_from_the_front() {
    let mut world = active(V4, "{ address = \"fd00::21\", forward = \"ipip\" }", "");
    world.link(BACK).addresses.retain(|held| held.address.is_ipv6());
    let own = |world: &World| {
        paths_of(&world.facts()).into_values().map(|path| path.own.ip()).collect::<Vec<_>>()
    };
    assert_eq!(own(&world), [ip("192.0.2.1")]);
    world.link(FRONT).addresses.retain(|held| held.address.is_ipv6());
    assert_eq!(own(&world), Vec::<IpAddr>::new(), "no address that a connection could come from");
}

#[test]
fn only_the_active_node_probes_and_only_paths_that_no_check_covers() {
    assert_eq!(probed(&World::serving(V4, PAIR, "")), [], "not active");
    let mut world = active(V4, PAIR, "");
    assert_eq!(probed(&world), [(0, 1)], "not its own stack");
    world.health = vec![vec![Some(true), Some(false)]];
    assert_eq!(probed(&world), [], "its check fails");
    world.health = vec![vec![Some(true), Some(true)]];
    world.host.neighbours.clear();
    assert_eq!(probed(&world), [], "no way");
    assert_eq!(probed(&active(V4, "{ address = \"10.0.0.21\", forward = \"nat\" }", "")), []);
    assert_eq!(
        probed(&active(V4, "{ address = \"192.0.2.2\", weight = 0 }", "")),
        [(0, 0)],
        "drained ones serve on"
    );
    let mut off = active(V4, PAIR, "");
    off.config.services[0].real_path = false;
    assert_eq!(probed(&off), [], "switched off");
}

#[test]
fn a_backend_that_is_not_reached_leaves_the_ring_and_is_probed_on() {
    let mut world = active(V4, PAIR, "");
    world.paths = vec![vec![None, Some(true)]];
    assert_eq!(members(&world), [0, 1]);
    world.paths = vec![vec![None, Some(false)]];
    let reach = reachability(&world.facts(), 0, 1).expect("a backend");
    assert_eq!((reach.unusable, reach.passable), (Some(Unusable::Path), false));
    assert_eq!(world.desired().backends[&1].forward, FORWARD_NONE);
    assert_eq!((members(&world), probed(&world)), (vec![0], vec![(0, 1)]));
    world.health = vec![vec![Some(true), Some(false)]];
    assert_eq!(
        reachability(&world.facts(), 0, 1).expect("a backend").unusable,
        Some(Unusable::Down),
        "the check comes first"
    );
    world.health = vec![vec![Some(true); 2]];
    world.active = vec![false; 2];
    assert_eq!(members(&world), [0, 1], "an inactive node has no state");
}

#[test]
fn probes_are_ignored_if_no_backend_would_remain() {
    let backends = "{ address = \"192.0.2.2\" }, { address = \"192.0.2.3\" }, { address = \"192.0.2.4\", weight = 0 }";
    let mut world = active(V4, backends, "");
    for host in ["192.0.2.3", "192.0.2.4"] {
        world.resolve(FRONT, host);
    }
    world.paths = vec![vec![Some(false), Some(true), Some(true)]];
    assert_eq!(members(&world), [1]);
    world.paths = vec![vec![Some(false), Some(false), Some(true)]];
    assert_eq!(members(&world), [0, 1], "a drained backend does not count");
    world.paths = vec![vec![Some(false), Some(true), Some(true)]];
    world.health = vec![vec![Some(true), Some(false), Some(true)]];
    assert_eq!(members(&world), [0], "nor is one whose check fails");
    let sorry = "sorry_server = { address = \"127.0.0.1\", forward = \"local\" }";
    let mut world = active(V4, "{ address = \"192.0.2.2\" }", sorry);
    world.paths = vec![vec![Some(false)]];
    assert_eq!(
        reachability(&world.facts(), 0, 0).expect("a backend").unusable,
        Some(Unusable::Path),
        "the sorry server is left"
    );
}
