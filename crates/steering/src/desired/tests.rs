//! A small world: two interfaces, a virtual router of each family, backends near and far.

mod path;
mod shared;

use std::collections::{BTreeSet, HashMap};
use vrrp_common::maps::{
    ADDRESS_HAS_SERVICES, ADDRESS_IS_BACKEND, FOREIGN_UNTOUCHED, FORWARD_DR, FORWARD_IPIP,
    FORWARD_LOCAL, FORWARD_NAT, FORWARD_NONE, SERVICE_BY_SOURCE, SERVICE_GUARDED, SOURCE_ALLOWED,
    SOURCE_DENIED,
};

use super::*;
use crate::drain::Request;
use vrrp_config::{Language, Mode, Source, parse};
use vrrp_model::Forward;
use vrrp_model::host::{self, ADDRESS_PROTOCOL, Route};
use vrrp_model::time::Instant;

const INDICES: [RouterIdx; 2] = [RouterIdx::new(7), RouterIdx::new(8)];
const FRONT: u32 = 2;
const BACK: u32 = 3;
const FRONT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const BACK_MAC: [u8; 6] = [2, 0, 0, 0, 0, 3];
const NEIGHBOUR_MAC: [u8; 6] = [2, 9, 9, 9, 9, 9];
const V4: &str = "192.0.2.100";
const V6: &str = "2001:db8::100";

const ROUTERS: &str = r#"
[[virtual_router]]
name = "VI_1"
interface = "front"
vrid = 51
addresses = ["192.0.2.100"]

[[virtual_router]]
name = "VI_6"
interface = "front"
vrid = 51
addresses = ["fe80::100", "2001:db8::100"]
"#;

/// How a service's backends are reached.
fn of_service(facts: &Facts, index: usize) -> Option<ServiceReachability> {
    let service = facts.config.services.get(index)?;
    let router = router_of(facts.config, service).map(|(router, _)| router);
    reachability::service_reachability(facts, index, router)
}

fn reachability(facts: &Facts, service: usize, backend: usize) -> Option<Reachability> {
    of_service(facts, service)?.backends.get(backend).copied()
}

fn sorry_reachability(facts: &Facts, service: usize) -> Option<Reachability> {
    of_service(facts, service)?.sorry
}

struct World {
    config: Config,
    host: HostView,
    slots: MapIds,
    health: Vec<Vec<Option<bool>>>,
    paths: Vec<Vec<Option<bool>>>,
    active: Vec<bool>,
    stopping: bool,
    drained: Drained,
}

impl World {
    /// With services as the configuration file has them, all backends healthy and every next hop
    /// known.
    fn with(services: &str) -> Self {
        let text = format!("{services}{ROUTERS}");
        let outcome =
            parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host");
        let config = outcome.config.unwrap_or_else(|| panic!("{text}: {:?}", outcome.diagnostics));
        let mut slots = MapIds::default();
        slots.assign(&config.services);
        let of_all = |known: Option<bool>| {
            config.services.iter().map(|service| vec![known; service.backends.len()]).collect()
        };
        let (health, paths) = (of_all(Some(true)), of_all(None));
        let host = host();
        Self {
            config,
            host,
            slots,
            health,
            paths,
            active: vec![false; 2],
            stopping: false,
            drained: Drained::default(),
        }
    }

    /// With one service `web` of these backends on port 80 of a virtual address, and `more` keys.
    fn serving(address: &str, backends: &str, more: &str) -> Self {
        Self::with(&service("web", address, backends, more))
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            config: &self.config,
            host: &self.host,
            active: &self.active,
            indices: &INDICES,
            slots: &self.slots,
            stopping: self.stopping,
            health: &self.health,
            paths: &self.paths,
            drained: &self.drained,
        }
    }

    fn desired(&self) -> Desired {
        desired(&self.facts())
    }

    /// How the first backend of the first service is reached.
    fn reach(&self) -> Reachability {
        reachability(&self.facts(), 0, 0).expect("a backend")
    }

    /// The way of the first backend, and what the kernel program is told of it.
    fn first(&self) -> (Reachability, BackendConf) {
        (self.reach(), self.desired().backends[&0])
    }

    fn link(&mut self, ifindex: u32) -> &mut Link {
        self.host.links.get_mut(&ifindex).expect("a link")
    }

    fn resolve(&mut self, ifindex: u32, address: &str) {
        self.host.neighbours.insert((ifindex, ip(address)), NEIGHBOUR_MAC);
    }
}

fn service(name: &str, address: &str, backends: &str, more: &str) -> String {
    let check = "check = { type = \"tcp\", interval = \"250ms\", timeout = \"200ms\" }";
    format!(
        "[[service]]\nname = \"{name}\"\naddress = \"{address}\"\nport = 80\nbackends = [{backends}]\n{check}\n{more}\n"
    )
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn held(text: &str, prefix_len: u8, scope: u8) -> host::Address {
    let (protocol, label, secondary, usable) = (0, None, false, true);
    host::Address {
        address: ip(text),
        prefix_len,
        protocol,
        label,
        scope,
        secondary,
        usable,
        deprecated: false,
    }
}

fn host() -> HostView {
    let link = |index, name: &str, mac, addresses| Link {
        name: name.to_owned(),
        index,
        up: true,
        mac,
        mtu: 1_500,
        addresses,
        ..Link::default()
    };
    let front =
        vec![held("192.0.2.1", 24, 0), held("fe80::1", 64, 253), held("2001:db8::1", 64, 0)];
    let back = vec![held("10.0.0.1", 24, 0), held("fe80::2", 64, 253), held("fd00::1", 64, 0)];
    let links = [link(FRONT, "front", FRONT_MAC, front), link(BACK, "back", BACK_MAC, back)];
    let on_link = Route { ifindex: BACK, gateway: None, mtu: None };
    let behind =
        |gateway: &str| Route { ifindex: BACK, gateway: Some(ip(gateway)), mtu: Some(1_400) };
    let routes = [
        ("10.0.0.21", Some(on_link)),
        ("fd00::21", Some(on_link)),
        ("198.51.100.7", Some(behind("10.0.0.254"))),
        ("2001:db8:7::7", Some(behind("fe80::fe"))),
        ("203.0.113.9", None),
    ];
    let known = [
        (FRONT, "192.0.2.2"),
        (FRONT, "2001:db8::2"),
        (BACK, "10.0.0.21"),
        (BACK, "fd00::21"),
        (BACK, "10.0.0.254"),
        (BACK, "fe80::fe"),
    ];
    HostView {
        links: links.into_iter().map(|link| (link.index, link)).collect(),
        neighbours: known
            .iter()
            .map(|(ifindex, address)| ((*ifindex, ip(address)), NEIGHBOUR_MAC))
            .collect(),
        routes: routes
            .into_iter()
            .map(|(address, route)| (ip(address), route))
            .collect::<HashMap<_, _>>(),
    }
}

#[test]
fn direct_return_goes_over_the_segment_of_the_virtual_address() {
    for (vip, backend) in [(V4, "192.0.2.2"), (V6, "2001:db8::2")] {
        for forward in ["", ", forward = \"dr\""] {
            let world = World::serving(vip, &format!("{{ address = \"{backend}\"{forward} }}"), "");
            let (reach, conf) = world.first();
            assert_eq!(
                (reach.forward, reach.unusable, reach.next_hop),
                (Forward::Dr, None, Some(ip(backend))),
                "{backend}"
            );
            assert_eq!(
                (conf.forward, conf.ifindex, conf.mac, conf.source_mac),
                (FORWARD_DR, FRONT, NEIGHBOUR_MAC, FRONT_MAC)
            );
            assert_eq!(
                (conf.address, conf.port, conf.service),
                (Address::from(ip(backend)), 80, 0)
            );
            let desired = world.desired();
            assert_eq!(desired.next_hops, BTreeSet::from([(FRONT, ip(backend))]));
            assert!(desired.destinations.is_empty(), "no route is asked for");
            assert_eq!(desired.rosters[&0].members.as_ref().map(Vec::len), Some(1));
            let key = AddressKey { address: ip(vip).into(), ifindex: FRONT, vlan: 0 };
            assert_eq!(
                desired.services[&0],
                ServiceConf { address: key, port: 80, protocol: 6, flags: 0 }
            );
            assert_eq!(desired.addresses[&key].flags, ADDRESS_HAS_SERVICES);
        }
    }
}

#[test]
fn a_node_of_the_pair_is_local_to_itself_and_accepts_packets_forwarded_by_the_master() {
    for (vip, own, other) in [(V4, "192.0.2.1", "192.0.2.2"), (V6, "2001:db8::1", "2001:db8::2")] {
        let backends = format!("{{ address = \"{own}\" }}, {{ address = \"{other}\" }}");
        let world = World::serving(vip, &backends, "");
        let (reach, conf) = world.first();
        assert_eq!((reach.forward, reach.next_hop, reach.unusable), (Forward::Local, None, None));
        assert_eq!((conf.forward, conf.ifindex), (FORWARD_LOCAL, FRONT));
        let desired = world.desired();
        let key = AddressKey { address: ip(vip).into(), ifindex: FRONT, vlan: 0 };
        assert_eq!(desired.addresses[&key].flags, ADDRESS_HAS_SERVICES | ADDRESS_IS_BACKEND);
        assert_eq!(desired.local_routes, BTreeSet::from([ip(vip)]));
        assert_eq!(desired.next_hops, BTreeSet::from([(FRONT, ip(other))]));

        let alone = World::serving(vip, &format!("{{ address = \"{own}\" }}"), "").desired();
        assert!(alone.local_routes.is_empty(), "no node forwards anything to the only backend");
        assert_eq!(alone.addresses[&key].flags, ADDRESS_HAS_SERVICES);
    }
}

#[test]
fn an_address_that_a_mastership_brought_is_not_this_nodes_own() {
    let mut world = World::serving(V4, "{ address = \"192.0.2.1\" }", "");
    world.link(FRONT).addresses[0].protocol = ADDRESS_PROTOCOL;
    assert_eq!(world.reach().forward, Forward::Dr);
}

#[test]
fn a_tunnel_goes_by_the_hosts_routes_and_comes_from_the_interface() {
    let rows = [
        (V4, "10.0.0.21", "10.0.0.21", 1_500, "10.0.0.1"),
        (V4, "198.51.100.7", "10.0.0.254", 1_400, "10.0.0.1"),
        (V6, "fd00::21", "fd00::21", 1_500, "fd00::1"),
        (V6, "2001:db8:7::7", "fe80::fe", 1_400, "fd00::1"),
        // The outer packet may be of the other family.
        (V4, "fd00::21", "fd00::21", 1_500, "fd00::1"),
        (V6, "10.0.0.21", "10.0.0.21", 1_500, "10.0.0.1"),
    ];
    for (vip, backend, next_hop, mtu, source) in rows {
        let world =
            World::serving(vip, &format!("{{ address = \"{backend}\", forward = \"ipip\" }}"), "");
        let (reach, conf) = world.first();
        assert_eq!(
            (reach.forward, reach.unusable, reach.next_hop),
            (Forward::Ipip, None, Some(ip(next_hop))),
            "{backend}"
        );
        let expected = BackendConf {
            address: ip(backend).into(),
            source: ip(source).into(),
            entropy: 0,
            ifindex: BACK,
            mtu,
            port: 80,
            service: 0,
            mac: NEIGHBOUR_MAC,
            source_mac: BACK_MAC,
            forward: FORWARD_IPIP,
            ..BackendConf::default()
        };
        assert_eq!(conf, expected, "{backend}");
        let desired = world.desired();
        assert_eq!(desired.destinations, BTreeSet::from([ip(backend)]));
        assert_eq!(desired.next_hops, BTreeSet::from([(BACK, ip(next_hop))]));
        assert!(
            desired.reverse.is_empty() && !desired.interfaces.contains_key(&BACK),
            "no answer comes back this way"
        );
    }
}

#[test]
fn a_tunnels_prefix_leaves_its_host_bits_to_the_flow() {
    let rows = [
        ("source_v4 = \"10.255.0.0/16\"", "10.0.0.21", "10.255.0.0", 0xffff),
        ("source_v4 = \"10.255.8.0/24\"", "10.0.0.21", "10.255.8.0", 0xff),
        ("source_v6 = \"fd11::/64\"", "fd00::21", "fd11::", u32::MAX),
        ("source_v6 = \"fd11::/120\"", "fd00::21", "fd11::", 0xff),
        // It is for the other family.
        ("source_v6 = \"fd11::/64\"", "10.0.0.21", "10.0.0.1", 0),
    ];
    for (tunnel, backend, source, entropy) in rows {
        let service =
            service("web", V4, &format!("{{ address = \"{backend}\", forward = \"ipip\" }}"), "");
        let (_, conf) = World::with(&format!("[tunnel]\n{tunnel}\n{service}")).first();
        assert_eq!((conf.source, conf.entropy), (Address::from(ip(source)), entropy), "{tunnel}");
    }
}

#[test]
fn a_tunnel_does_not_come_from_an_address_that_moves() {
    let mut world = World::serving(V4, "{ address = \"10.0.0.21\", forward = \"ipip\" }", "");
    world
        .link(BACK)
        .addresses
        .insert(0, host::Address { protocol: ADDRESS_PROTOCOL, ..held("10.0.0.9", 24, 0) });
    world.link(BACK).addresses.insert(0, held(V4, 32, 0));
    assert_eq!(world.first().1.source, Address::from(ip("10.0.0.1")));
    world.link(BACK).addresses.retain(|held| held.address != ip("10.0.0.1"));
    assert_eq!(
        (world.reach().unusable, world.first().1.forward),
        (Some(Unusable::NoSource), FORWARD_NONE)
    );
}

#[test]
fn an_interface_judges_vrrp_for_what_its_routers_listen_to() {
    let mut world = World::with("");
    let own = world.config.routers.iter().map(|router| {
        let addresses: Vec<IpAddr> = router.all_addresses().collect();
        Address::from(
            world
                .host
                .primary_address(FRONT, router.family(), &addresses)
                .expect("the interface has one"),
        )
    });
    let own: Vec<Address> = own.collect();
    let listens = |world: &World| {
        let listens = world.desired().interfaces[&FRONT].listens;
        listens.into_iter().filter(|address| *address != Address::UNSPECIFIED).collect::<Vec<_>>()
    };
    assert_eq!(listens(&world), own, "the standard's groups besides");
    world.config.routers[0].delivery = Delivery::Multicast(ip("224.0.0.99"));
    world.config.routers[0].source = Some(ip("192.0.2.77"));
    world.config.routers[1].delivery = Delivery::Unicast;
    assert_eq!(listens(&world), [ip("192.0.2.77").into(), ip("224.0.0.99").into(), own[1]]);
}

#[test]
fn nat_keeps_the_way_back_open() {
    for (vip, backend, idx) in [
        (V4, "10.0.0.21", 7),
        (V4, "198.51.100.7", 7),
        (V6, "fd00::21", 8),
        (V6, "2001:db8:7::7", 8),
    ] {
        let mut world = World::serving(
            vip,
            &format!("{{ address = \"{backend}\", forward = \"nat\", port = 8080 }}"),
            "",
        );
        let (reach, conf) = world.first();
        assert_eq!((reach.forward, reach.unusable), (Forward::Nat, None), "{backend}");
        assert_eq!(
            (conf.forward, conf.port, conf.ifindex, conf.source_mac),
            (FORWARD_NAT, 8_080, BACK, BACK_MAC)
        );
        let key = ReverseKey { address: ip(backend).into(), port: 8_080, protocol: 6 };
        let name = ReverseConf { address: ip(vip).into(), port: 80, pad: 0, router: idx };
        assert_eq!(world.desired().reverse, [(key, name)].into());
        let interface = InterfaceConf {
            ifindex: BACK,
            mac: BACK_MAC,
            pass_foreign: FOREIGN_UNTOUCHED,
            nat: 1,
            nat_router: idx,
            ..InterfaceConf::default()
        };
        assert_eq!(world.desired().interfaces[&BACK], interface, "where no virtual router is");
        assert_eq!(world.desired().interfaces[&FRONT].nat, 0);
        let (v4, v6) = (ip(vip).is_ipv4(), ip(vip).is_ipv6());
        let sides =
            [(FRONT, NatSide { back: false, v4, v6 }), (BACK, NatSide { back: true, v4, v6 })];
        assert_eq!(world.desired().nat_sides, sides.into());

        world.health = vec![vec![Some(false)]];
        assert_eq!(
            world.desired().reverse.len(),
            1,
            "responses of a failing backend are still translated"
        );
    }
}

#[test]
fn nat_to_a_node_of_the_pair_is_local_where_nothing_needs_rewriting() {
    let same_port = World::serving(
        V4,
        "{ address = \"192.0.2.1\", forward = \"nat\" }, { address = \"10.0.0.21\", forward = \"nat\" }",
        "",
    );
    assert_eq!((same_port.reach().forward, same_port.reach().unusable), (Forward::Local, None));
    let desired = same_port.desired();
    assert_eq!(desired.reverse.len(), 1, "its own answers are right already");
    assert!(desired.local_routes.is_empty(), "another master rewrites them");
    let other_port =
        World::serving(V4, "{ address = \"192.0.2.1\", forward = \"nat\", port = 8080 }", "");
    let (reach, conf) = other_port.first();
    assert_eq!(
        (reach.forward, reach.unusable, conf.forward),
        (Forward::Nat, Some(Unusable::OwnPort), FORWARD_NONE)
    );
    assert!(other_port.desired().reverse.is_empty());
}

/// The obstacle, and what is done about it.
#[test]
fn every_obstacle_is_reported_and_stops_the_packets() {
    type Damage = fn(&mut World);
    let rows: [(&str, Damage, Unusable, bool); 12] = [
        ("dr", |world| world.health = vec![vec![None]], Unusable::Unchecked, true),
        ("dr", |world| world.health = vec![vec![Some(false)]], Unusable::Down, false),
        ("dr", |world| world.link(FRONT).up = false, Unusable::NoInterface, false),
        ("dr", |world| drop(world.host.links.remove(&FRONT)), Unusable::NoInterface, false),
        ("dr", |world| world.host.neighbours.clear(), Unusable::Unresolved, false),
        ("local", |world| world.link(FRONT).up = false, Unusable::NoInterface, false),
        ("nat", |world| world.host.routes.clear(), Unusable::Unasked, false),
        (
            "nat",
            |world| world.host.routes.values_mut().for_each(|route| *route = None),
            Unusable::NoRoute,
            false,
        ),
        ("ipip", |world| world.link(BACK).up = false, Unusable::NoInterface, false),
        ("ipip", |world| world.link(BACK).mac = [0; 6], Unusable::NotEthernet, false),
        ("ipip", |world| world.host.neighbours.clear(), Unusable::Unresolved, false),
        ("nat", |world| world.host.neighbours.clear(), Unusable::Unresolved, false),
    ];
    for (forward, damage, unusable, passes) in rows {
        let address = if forward == "dr" { "192.0.2.2" } else { "10.0.0.21" };
        let backend = format!("{{ address = \"{address}\", forward = \"{forward}\" }}");
        let mut world = World::serving(V4, &backend, "");
        assert_eq!(world.reach().unusable, None, "{forward}");
        damage(&mut world);
        let (reach, conf) = world.first();
        assert_eq!((reach.unusable, reach.passable), (Some(unusable), passes), "{forward}");
        assert_eq!(conf.forward != FORWARD_NONE, passes, "{forward}: {unusable:?}");
        let members = &world.desired().rosters[&0].members;
        assert_eq!(members.is_none(), unusable.is_ignorance(), "{forward}: {unusable:?}");
        assert!(members.iter().all(Vec::is_empty), "{forward}: {unusable:?}");
        assert!(!unusable.text().is_empty());
    }
}

#[test]
fn a_drained_backend_keeps_what_it_has() {
    let world = World::serving(
        V4,
        "{ address = \"10.0.0.21\", forward = \"nat\", weight = 0 }, { address = \"192.0.2.2\" }",
        "",
    );
    let (reach, conf) = world.first();
    assert_eq!(
        (reach.unusable, reach.passable, conf.forward),
        (Some(Unusable::Drained), true, FORWARD_NAT)
    );
    let members = world.desired().rosters[&0].members.clone().expect("decided");
    assert_eq!(members.iter().map(|member| member.index).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_backend_that_is_drained_by_order_keeps_what_it_has_until_the_order_is_undone() {
    let mut world =
        World::serving(V4, "{ address = \"192.0.2.1\" }, { address = \"192.0.2.2\" }", "");
    let order = |undo| Request { backend: ip("192.0.2.2"), service: None, port: None, undo };
    let members = |world: &World| world.desired().rosters[&0].members.clone().expect("decided");
    let both = members(&world);
    for (undo, left) in [(false, &both[..1]), (true, &both[..])] {
        let targets = order(undo).targets(&world.config).expect("a backend");
        assert_eq!(
            order(undo).apply(&mut world.drained, Instant::default(), &world.config, &targets),
            [true]
        );
        assert_eq!(members(&world), left);
        let reach = reachability(&world.facts(), 0, 1).expect("a backend");
        assert_eq!((reach.unusable, reach.passable), ((!undo).then_some(Unusable::Ordered), true));
        assert!(world.desired().rosters[&0].spare.is_empty(), "it does not come back by itself");
    }
}

#[test]
fn the_sorry_server_is_in_the_ring_alone_while_the_quorum_is_not_met_and_the_way_to_it_is_known() {
    let more = "quorum = 2\nsorry_server = { address = \"127.0.0.1\", forward = \"local\" }";
    let mut world =
        World::serving(V4, "{ address = \"192.0.2.1\" }, { address = \"192.0.2.2\" }", more);
    let addresses = |world: &World| -> Vec<IpAddr> {
        let members = world.desired().rosters[&0].members.clone().expect("decided");
        members.iter().map(|member| member.address.ip()).collect()
    };
    assert_eq!(addresses(&world), [ip("192.0.2.1"), ip("192.0.2.2")]);
    world.health = vec![vec![Some(true), Some(false)]];
    assert_eq!(addresses(&world), [ip("127.0.0.1")]);
    let desired = world.desired();
    let member = desired.rosters[&0].members.as_ref().expect("decided")[0];
    assert_eq!(
        (desired.backends[&u32::from(member.index)].forward, member.weight),
        (FORWARD_LOCAL, 1)
    );
    world.link(FRONT).up = false;
    assert!(addresses(&world).is_empty(), "no backend is reachable");
    let part = of_services(&world.facts(), [0].into_iter());
    assert_eq!(
        (&part.rosters, &part.backends),
        (&world.desired().rosters, &world.desired().backends)
    );
}

#[test]
fn one_service_alone_is_reached_as_in_the_whole_desired_state() {
    let backends = "{ address = \"192.0.2.2\" }, { address = \"192.0.2.3\" }";
    let services = format!(
        "{}{}",
        service("web", V4, backends, ""),
        service("six", V6, "{ address = \"2001:db8::2\" }", "")
    );
    let mut world = World::with(&services);
    world.active = vec![true; 2];
    world.paths[0][1] = Some(false);
    world.resolve(FRONT, "192.0.2.3");
    let whole = world.desired().reachabilities;
    assert_eq!(whole.len(), 2);
    assert_eq!((whole[&0].router, whole[&1].router), (Some(0), Some(1)));
    assert_eq!(whole[&0].backends[1].unusable, Some(Unusable::Path), "the first one serves");
    for index in [0, 1] {
        let part = of_services(&world.facts(), [index].into_iter()).reachabilities;
        assert_eq!(part, BTreeMap::from([(index, whole[&index].clone())]));
    }
}

#[test]
fn a_changed_mac_address_is_taken_over() {
    let mut world = World::serving(V4, "{ address = \"198.51.100.7\", forward = \"nat\" }", "");
    world.host.neighbours.insert((BACK, ip("10.0.0.254")), [2, 8, 8, 8, 8, 8]);
    assert_eq!(world.first().1.mac, [2, 8, 8, 8, 8, 8]);
}

#[test]
fn the_sorry_server_is_reachable_but_not_in_the_ring() {
    let sorry =
        "quorum = 1\nsorry_server = { address = \"10.0.0.9\", forward = \"nat\", port = 8081 }";
    let mut world = World::serving(V4, "{ address = \"192.0.2.2\" }", sorry);
    let reach = |world: &World| sorry_reachability(&world.facts(), 0).expect("a sorry server");
    assert_eq!(reach(&world).unusable, Some(Unusable::Unasked));
    world
        .host
        .routes
        .insert(ip("10.0.0.9"), Some(Route { ifindex: BACK, gateway: None, mtu: None }));
    assert_eq!(reach(&world).unusable, Some(Unusable::Unresolved));
    assert!(world.desired().next_hops.contains(&(BACK, ip("10.0.0.9"))));
    world.resolve(BACK, "10.0.0.9");
    assert_eq!(
        (reach(&world).unusable, reach(&world).passable),
        (None, true),
        "independent of all checks"
    );
    let desired = world.desired();
    let number = world
        .slots
        .backend(&world.config.services[0], world.config.services[0].sorry.as_ref().expect("one"));
    assert_eq!(desired.backends[&number.expect("a number")].forward, FORWARD_NAT);
    assert_eq!(
        (desired.rosters[&0].members.as_ref().map(Vec::len), desired.reverse.len()),
        (Some(1), 1)
    );
    assert_eq!(
        sorry_reachability(&World::serving(V4, "{ address = \"192.0.2.2\" }", "").facts(), 0),
        None
    );
}

#[test]
fn a_sorry_page_on_loopback_makes_no_direct_return_backend() {
    let sorry = |address: &str| {
        format!("quorum = 1\nsorry_server = {{ address = \"{address}\", forward = \"local\" }}")
    };
    let other = "{ address = \"192.0.2.2\" }";
    assert!(World::serving(V4, other, &sorry("127.0.0.1")).desired().local_routes.is_empty());
    assert_eq!(
        World::serving(V4, other, &sorry("192.0.2.1")).desired().local_routes,
        BTreeSet::from([ip(V4)])
    );
}

#[test]
fn fragments_and_persistence_reach_the_tables() {
    let steered = "protocol = \"udp\"\npersistence = \"source\"\nfragments = \"steer\"";
    let dns = service("dns", V6, "{ address = \"2001:db8::2\" }", steered);
    let dns = dns.replace(
        "check = { type = \"tcp\", interval = \"250ms\", timeout = \"200ms\" }\n",
        "check = { type = \"none\" }\n",
    );
    let world =
        World::with(&format!("{}{dns}", service("web", V6, "{ address = \"2001:db8::2\" }", "")));
    let desired = world.desired();
    assert_eq!((desired.services[&0].flags, desired.services[&1].flags), (0, SERVICE_BY_SOURCE));
    assert_eq!(desired.services[&1].protocol, 17);
    let key = AddressKey { address: ip(V6).into(), ifindex: FRONT, vlan: 0 };
    let conf = desired.addresses[&key];
    assert_eq!((conf.tcp_fragments, conf.udp_fragments, conf.router), (0, 2, 8));
}

#[test]
fn guards_reach_the_tables_and_prefixes_keep_their_family() {
    let guard = "[service.guard]\nnew_per_source = { per_second = 10, burst = 20 }\nnew_total = { per_second = 500 }\n";
    let listed = format!("{guard}allow = [\"192.0.2.0/24\"]\ndeny = [\"192.0.2.128/25\"]");
    let denied = "[service.guard]\ndeny = [\"2001:db8:bad::/48\"]";
    let on = |address: &str, more: &str| {
        service(
            &format!("on {address}"),
            address,
            "{ address = \"10.0.0.21\", forward = \"ipip\" }",
            more,
        )
    };
    let world = World::with(&format!("{}{}", on(V4, &listed), on(V6, denied)));
    let desired = world.desired();
    assert_eq!(
        (desired.services[&0].flags, desired.services[&1].flags),
        (SERVICE_GUARDED, SERVICE_GUARDED)
    );
    let first = GuardConf {
        source_rate: 10,
        source_burst: 20,
        total_rate: 500,
        total_burst: 500,
        closed: 1,
        listed: 1,
    };
    let second = GuardConf { listed: 1, ..GuardConf::default() };
    assert_eq!(desired.guards, [(0, first), (1, second)].into());
    let entry = |service: u32, length: u32, source: &str, verdict: u32| {
        let source = Address::from(ip(source)).octets();
        ((length, GuardedSource { service: service.to_be_bytes(), source }), verdict)
    };
    let expected = [
        entry(0, 32 + 96 + 24, "192.0.2.0", SOURCE_ALLOWED),
        entry(0, 32 + 96 + 25, "192.0.2.128", SOURCE_DENIED),
        entry(1, 32 + 48, "2001:db8:bad::", SOURCE_DENIED),
    ];
    assert_eq!(desired.guard_sources, expected.into());
    let limited = World::serving(V4, "{ address = \"192.0.2.2\" }", guard).desired();
    assert_eq!((limited.guards[&0].closed, limited.guards[&0].listed), (0, 0));
    assert!(limited.guard_sources.is_empty());
}

#[test]
fn accept_always_holds_for_both_families_until_the_agent_stops() {
    let text = ROUTERS.replace("vrid = 51\n", "vrid = 51\naccept_always = true\n");
    let outcome = parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host");
    let mut world = World::with("");
    world.config = outcome.config.expect("a good file");
    assert_eq!(world.desired().local_routes, [V4, "fe80::100", V6].map(ip).into());
    world.stopping = true;
    assert!(world.desired().local_routes.is_empty());
}

#[test]
fn addresses_are_installed_where_this_node_acts() {
    let mut world = World::with("");
    assert!(world.desired().installed.is_empty());
    world.active = vec![false, true];
    let installed: Vec<IpAddr> =
        world.desired().installed.iter().map(|installed| installed.address).collect();
    assert_eq!(installed, [V6, "fe80::100"].map(ip));
    assert_eq!(
        world.desired().vrids,
        [((FRONT, false, 51), RouterIdx::new(7)), ((FRONT, true, 51), RouterIdx::new(8))].into()
    );
}
