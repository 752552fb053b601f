//! The state of the maps for the rows: node 1 of the dual-master pair, as the agent would fill
//! them.

use vrrp_common::flow::FlowKey;
use vrrp_common::ip::Address;
use vrrp_common::maglev::{self, Member};
use vrrp_common::maps::{
    ADDRESS_HAS_SERVICES, ADDRESS_IS_BACKEND, AddressConf, AddressKey, BackendConf,
    FOREIGN_DROPPED, FOREIGN_LIMITED, FORWARD_DR, FORWARD_IPIP, FORWARD_LOCAL, FORWARD_NAT,
    FORWARD_NONE, GuardConf, GuardedSource, InterfaceConf, Liveness, MAX_PEERS, ROUTER_HMAC,
    ROUTER_HMAC_REQUIRED, ROUTER_V6, ROUTER_VIRTUAL_MAC, ReverseConf, ReverseKey, Ring, RouterConf,
    SERVICE_BY_SOURCE, SERVICE_GUARDED, ServiceKey,
};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::vrrp::{AUTH_NONE, AUTH_PASS, GROUP, GROUP_V6};

/// Test runs arrive on the loopback interface of the namespace, whose index is always 1.
pub const IFINDEX: u32 = 1;
/// An interface on which no packet arrives.
pub const BACK_IFINDEX: u32 = 2;

pub const VRID1: u8 = 51;
pub const VRID2: u8 = 52;
pub const VIP1: [u8; 4] = [192, 168, 1, 249];
pub const VIP2: [u8; 4] = [192, 168, 1, 250];
pub const NODE1: [u8; 4] = [192, 168, 1, 205];
pub const NODE2: [u8; 4] = [192, 168, 1, 206];
pub const CLIENT: [u8; 4] = [192, 168, 1, 10];
pub const NODE1_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x05];
pub const NODE2_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x06];
pub const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x10];
pub const BACK_MAC: [u8; 6] = [0x02, 0, 0, 0, 1, 0x05];
pub const PASSWORD: [u8; 8] = *b"1111\0\0\0\0";
pub const NODE1_V6: Address =
    Address::v6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x05]);
pub const NODE2_V6: Address =
    Address::v6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x06]);
pub const CLIENT_V6: Address =
    Address::v6([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]);
pub const VIP_V6: Address =
    Address::v6([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf9]);
pub const VIP_V6_LOCAL: Address =
    Address::v6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf9]);
/// Virtual routers: VRID 51 and 52 over IPv4, VRID 51 over IPv6.
pub const ROUTERS: usize = 3;
pub const EPOCH: u64 = 7;
pub const RATE_LIMIT: u32 = 5;
pub const TOTAL_LIMIT: u32 = 20;
/// Adverts of unknown VRIDs.
pub const FOREIGN_LIMIT: u32 = 20;

/// Backends: this node, node 2 on the same segment, node 2 through another interface, one that is
/// not to be used.
pub const LOCAL: u16 = 0;
pub const DIRECT: u16 = 1;
pub const REDIRECTED: u16 = 2;
pub const UNUSABLE: u16 = 3;
/// Behind a tunnel of either family, with the interface's own address or a flow's hash as the outer
/// source.
pub const TUNNEL: u16 = 4;
pub const TUNNEL_V6: u16 = 5;
pub const TUNNEL_SPREAD: u16 = 6;
pub const TUNNEL_V6_SPREAD: u16 = 7;
/// Behind destination NAT, at port 8080.
pub const NAT: u16 = 8;
pub const NAT_V6: u16 = 9;

pub const REAL: [u8; 4] = [10, 0, 0, 22];
pub const REAL_V6: Address = Address::v6([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x22]);
pub const REAL_MAC: [u8; 6] = [0x02, 0, 0, 0, 1, 0x22];
pub const REAL_PORT: u16 = 8080;
pub const BACK: [u8; 4] = [10, 0, 0, 10];
pub const BACK_V6: Address = Address::v6([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]);
pub const SPREAD: [u8; 4] = [10, 255, 0, 0];
pub const SPREAD_V6: Address = Address::v6([0xfd, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// The longest packet that fits a tunnel.
pub const MTU: u32 = 1_500;

/// Services: VIP1 and the IPv6 address, each with one of TCP, one of UDP, and one of TCP by source
/// address.
pub const WEB: usize = 0;
pub const DNS: usize = 1;
pub const STICKY: usize = 2;
pub const WEB_V6: usize = 3;
pub const DNS_V6: usize = 4;
pub const STICKY_V6: usize = 5;
pub const WEB_PORT: u16 = 80;
pub const WEB_V6_PORT: u16 = 443;
pub const DNS_PORT: u16 = 53;
pub const STICKY_PORT: u16 = 8443;
/// Indexes of VIP1 and of the IPv6 address among the addresses.
const VIP1_PLACE: usize = 0;
const VIP_V6_PLACE: usize = 2;

/// A lease that does not end during a test.
const GOOD_LEASE: u64 = u64::MAX;
/// One nanosecond after boot: long past.
const LAPSED_LEASE: u64 = 1;

/// The values in the maps of one virtual router.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Words {
    pub mastership: u64,
    pub fence: u64,
    pub lease: u64,
    pub heard: Liveness,
    /// The master that is followed.
    pub followed: Liveness,
}

#[derive(Clone)]
pub struct World {
    /// `None`: the interface is not ours.
    pub interface: Option<InterfaceConf>,
    pub routers: [RouterConf; ROUTERS],
    pub words: [Words; ROUTERS],
    pub addresses: Vec<(AddressKey, AddressConf)>,
    pub services: Vec<Service>,
    pub backends: Vec<BackendConf>,
    pub flows: Vec<(FlowKey, u16)>,
    /// The flows were recorded in an earlier drain.
    pub earlier_flows: bool,
    pub reverse: Vec<(ReverseKey, ReverseConf)>,
    /// By service.
    pub guards: Vec<GuardConf>,
    /// Prefix lengths, sources, and verdicts.
    pub guard_sources: Vec<(u32, GuardedSource, u32)>,
}

#[derive(Clone)]
pub struct Service {
    pub key: ServiceKey,
    pub flags: u32,
    pub live: Box<Ring>,
    /// `None`: nothing is being drained.
    pub base: Option<Box<Ring>>,
}

impl World {
    /// Both virtual routers are in backup, VIP1:80 is spread over this node and node 2.
    pub fn new() -> Self {
        let router = RouterConf {
            ifindex: IFINDEX,
            source: Address::v4(NODE1),
            destination: Address::v4(GROUP),
            rate_limit: RATE_LIMIT,
            total_limit: TOTAL_LIMIT,
            interval_centis: 100,
            used: 1,
            ..RouterConf::default()
        };
        let address = |address: Address, router, flags| {
            (
                AddressKey { address, ifindex: IFINDEX, vlan: 0 },
                AddressConf { router, flags, ..AddressConf::default() },
            )
        };
        let mut world = World {
            interface: Some(interface()),
            routers: [
                RouterConf {
                    vrid: VRID1,
                    version: 2,
                    priority: 100,
                    auth_type: AUTH_PASS,
                    auth_data: PASSWORD,
                    ..router
                },
                RouterConf { vrid: VRID2, version: 3, priority: 99, ..router },
                RouterConf {
                    vrid: VRID1,
                    version: 3,
                    priority: 100,
                    source: NODE1_V6,
                    destination: GROUP_V6,
                    flags: ROUTER_V6,
                    ..router
                },
            ],
            words: [Words::default(); ROUTERS],
            addresses: vec![
                address(Address::v4(VIP1), 0, ADDRESS_HAS_SERVICES),
                address(Address::v4(VIP2), 1, 0),
                address(VIP_V6, 2, ADDRESS_HAS_SERVICES),
                address(VIP_V6_LOCAL, 2, 0),
            ],
            services: services(),
            backends: backends(),
            flows: Vec::new(),
            earlier_flows: false,
            reverse: reverse(),
            guards: vec![GuardConf::default(); STICKY_V6 + 1],
            guard_sources: Vec::new(),
        };
        // A hint that is right for some packets, and one that is wrong for all.
        world.addresses[0].1.service_hints = [2, 1];
        world.addresses[2].1.service_hints = [1, 0];
        world.names(0, &[VIP1]);
        world.names(1, &[VIP2]);
        world.routers[2].set_addresses([VIP_V6_LOCAL, VIP_V6].into_iter());
        world
    }

    /// The addresses that adverts of an IPv4 router name.
    pub fn names(&mut self, router: usize, addresses: &[[u8; 4]]) {
        self.routers[router].set_addresses(addresses.iter().map(|&address| Address::v4(address)));
    }

    /// Master of the first virtual router, with a good lease.
    pub fn active(&mut self) {
        self.words[0] =
            Words { mastership: EPOCH, fence: EPOCH - 1, lease: GOOD_LEASE, ..self.words[0] };
    }

    /// Master whose agent has not renewed its lease.
    pub fn lapsed(&mut self) {
        self.words[0] = Words { mastership: EPOCH, fence: 0, lease: LAPSED_LEASE, ..self.words[0] };
    }

    /// Master without a fence yet, but another master's advert was seen.
    pub fn fenced(&mut self) {
        self.words[0] =
            Words { mastership: EPOCH, fence: EPOCH, lease: LAPSED_LEASE, ..self.words[0] };
    }

    /// Direct-return backend of a service whose master is node 2.
    pub fn dr_backend(&mut self) {
        self.dr_backend_without_master();
        self.follows(NODE2, NODE2_MAC, 200);
    }

    /// Follows a master that advertises each second and has just advertised.
    pub fn follows(&mut self, source: [u8; 4], mac: [u8; 6], priority: u8) {
        const NOW: u64 = u64::MAX;
        let source = Address::v4(source);
        self.words[0].followed = Liveness {
            seen: NOW,
            source,
            mac,
            priority,
            interval_centis: 100,
            ..Liveness::default()
        };
    }

    /// Follows that master, whose last advert is long ago.
    pub fn followed_long_ago(&mut self) {
        self.words[0].followed.seen = 1;
    }

    /// A virtual router of the interface receives adverts to `address`.
    pub fn listens(&mut self, address: Address) {
        if let Some(interface) = &mut self.interface {
            interface.listen(address);
        }
    }

    /// Direct-return backend that has received no master's advert yet.
    pub fn dr_backend_without_master(&mut self) {
        self.addresses[0].1.flags |= ADDRESS_IS_BACKEND;
    }

    /// Active for all addresses, with every flow of every service to one backend.
    pub fn only(&mut self, backend: u16) {
        self.active();
        self.active_v6();
        for service in 0..self.services.len() {
            self.only_of(service, backend);
        }
    }

    /// Every flow of one service to one backend, which becomes the service's own.
    pub fn only_of(&mut self, service: usize, backend: u16) {
        self.services[service].live.0.fill(backend);
        if let Some(backend) = self.backends.get_mut(usize::from(backend)) {
            backend.service = service as u16;
        }
    }

    /// VIP1 and the IPv6 address accept fragments of TCP, for the service that spreads by source.
    pub fn takes_fragments(&mut self) {
        self.addresses[VIP1_PLACE].1.tcp_fragments = STICKY as u16 + 1;
        self.addresses[VIP_V6_PLACE].1.tcp_fragments = STICKY_V6 as u16 + 1;
    }

    /// A service has limits.
    pub fn guarded(&mut self, service: usize, guard: GuardConf) {
        self.services[service].flags |= SERVICE_GUARDED;
        self.guards[service] = guard;
    }

    /// A source prefix of a guarded service; `bits` of the address, an IPv4 one in its mapped form.
    pub fn lists(&mut self, service: usize, source: Address, bits: u32, what: u32) {
        let key =
            GuardedSource { service: (service as u32).to_be_bytes(), source: source.octets() };
        self.guards[service].listed = 1;
        self.guard_sources.push((32 + bits, key, what));
    }

    /// The first virtual router and its address are in a VLAN, as
    /// [`vrrp_common::wire::eth::Ethernet::vlan`].
    pub fn in_vlan(&mut self, vlan: u32) {
        self.routers[0].vlan = vlan;
        self.addresses[0].0.vlan = vlan;
    }

    /// The first virtual router accepts adverts of `peers` only.
    pub fn peers(&mut self, peers: &[[u8; 4]]) {
        let router = &mut self.routers[0];
        for (slot, &peer) in peers.iter().enumerate() {
            router.peers[slot] = Address::v4(peer);
        }
        (router.ttl_min, router.ttl_max) = ([255; MAX_PEERS], [255; MAX_PEERS]);
        router.peer_count = peers.len() as u8;
    }

    /// The first virtual router is unicast, with node 2 as its peer, whose adverts may have passed
    /// routers.
    pub fn routed(&mut self, ttl: std::ops::RangeInclusive<u8>) {
        self.peers(&[NODE2]);
        let router = &mut self.routers[0];
        router.destination = Address::v4(NODE1);
        (router.ttl_min[0], router.ttl_max[0]) = (*ttl.start(), *ttl.end());
    }

    /// Master of the IPv6 virtual router, with a good lease.
    pub fn active_v6(&mut self) {
        self.words[2] =
            Words { mastership: EPOCH, fence: EPOCH - 1, lease: GOOD_LEASE, ..self.words[2] };
    }

    /// The first virtual router authenticates adverts by HMAC.
    pub fn hmac(&mut self, required: bool) {
        self.routers[0].flags |=
            if required { ROUTER_HMAC | ROUTER_HMAC_REQUIRED } else { ROUTER_HMAC };
    }

    /// Virtual routers have MAC addresses of their own.
    pub fn virtual_macs(&mut self) {
        for router in &mut self.routers {
            router.flags |= ROUTER_VIRTUAL_MAC;
        }
    }

    pub fn without_auth(&mut self) {
        self.routers[0].auth_type = AUTH_NONE;
        self.routers[0].auth_data = [0; 8];
    }

    pub fn foreign_passes(&mut self) {
        if let Some(interface) = &mut self.interface {
            interface.pass_foreign = FOREIGN_LIMITED;
        }
    }
}

fn interface() -> InterfaceConf {
    let mut interface = InterfaceConf {
        ifindex: IFINDEX,
        mac: NODE1_MAC,
        pass_foreign: FOREIGN_DROPPED,
        nat: 1,
        foreign_limit: FOREIGN_LIMIT,
        ..InterfaceConf::default()
    };
    interface.listen(Address::v4(NODE1));
    interface.listen(NODE1_V6);
    interface
}

fn services() -> Vec<Service> {
    let service = |address: usize, port, protocol, flags| Service {
        key: ServiceKey { address: address as u32, port, protocol, pad: 0 },
        flags,
        live: spread(),
        base: None,
    };
    vec![
        service(VIP1_PLACE, WEB_PORT, PROTO_TCP, 0),
        service(VIP1_PLACE, DNS_PORT, PROTO_UDP, 0),
        service(VIP1_PLACE, STICKY_PORT, PROTO_TCP, SERVICE_BY_SOURCE),
        service(VIP_V6_PLACE, WEB_V6_PORT, PROTO_TCP, 0),
        service(VIP_V6_PLACE, DNS_PORT, PROTO_UDP, 0),
        service(VIP_V6_PLACE, STICKY_PORT, PROTO_TCP, SERVICE_BY_SOURCE),
    ]
}

fn backends() -> Vec<BackendConf> {
    let node2 = BackendConf {
        ifindex: IFINDEX,
        address: Address::v4(NODE2),
        mac: NODE2_MAC,
        source_mac: NODE1_MAC,
        ..BackendConf::default()
    };
    let real = BackendConf {
        ifindex: BACK_IFINDEX,
        address: Address::v4(REAL),
        source: Address::v4(BACK),
        mtu: MTU,
        port: REAL_PORT,
        mac: REAL_MAC,
        source_mac: BACK_MAC,
        ..BackendConf::default()
    };
    let tunnel = BackendConf { forward: FORWARD_IPIP, ..real };
    let tunnel_v6 = BackendConf { address: REAL_V6, source: BACK_V6, ..tunnel };
    let spread = BackendConf { ifindex: IFINDEX, source_mac: NODE1_MAC, ..tunnel };
    vec![
        BackendConf {
            address: Address::v4(NODE1),
            forward: FORWARD_LOCAL,
            ..BackendConf::default()
        },
        BackendConf { forward: FORWARD_DR, ..node2 },
        BackendConf { forward: FORWARD_DR, ifindex: BACK_IFINDEX, source_mac: BACK_MAC, ..node2 },
        BackendConf { forward: FORWARD_NONE, ..node2 },
        tunnel,
        tunnel_v6,
        BackendConf { source: Address::v4(SPREAD), entropy: 0xffff, ..spread },
        BackendConf { address: REAL_V6, source: SPREAD_V6, entropy: u32::MAX, ..spread },
        BackendConf { forward: FORWARD_NAT, ..real },
        BackendConf { forward: FORWARD_NAT, address: REAL_V6, ..real },
    ]
}

/// Answers of the NAT backends, of either protocol.
fn reverse() -> Vec<(ReverseKey, ReverseConf)> {
    let way = |real: Address, protocol: u8, name: Address, port, router| {
        let key =
            ReverseKey { address: real, port: u32::from(REAL_PORT), protocol: u32::from(protocol) };
        (key, ReverseConf { address: name, port, pad: 0, router })
    };
    vec![
        way(Address::v4(REAL), PROTO_TCP, Address::v4(VIP1), WEB_PORT, 0),
        way(Address::v4(REAL), PROTO_UDP, Address::v4(VIP1), DNS_PORT, 0),
        way(REAL_V6, PROTO_TCP, VIP_V6, WEB_V6_PORT, 2),
        way(REAL_V6, PROTO_UDP, VIP_V6, DNS_PORT, 2),
    ]
}

fn spread() -> Box<Ring> {
    let mut ring = Box::new(Ring::EMPTY);
    let member =
        |address, index| Member { address: Address::v4(address), port: WEB_PORT, weight: 1, index };
    maglev::fill(&mut ring.0, &[member(NODE1, LOCAL), member(NODE2, DIRECT)]).expect("two members");
    ring
}
