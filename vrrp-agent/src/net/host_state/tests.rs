use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkMessage, LinkXdp, XdpAttached as Attached,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::apply;
use vrrp_model::Family;
use vrrp_model::host::ADDRESS_PROTOCOL;
use vrrp_model::host::{Address, HostView, Link, XdpAttached, XdpMode};

const NEXT_HOP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 22);

fn address(last: u8) -> Address {
    of(Ipv4Addr::new(192, 168, 1, last).into())
}

fn of(address: IpAddr) -> Address {
    Address {
        address,
        prefix_len: 24,
        protocol: 0,
        label: None,
        scope: 0,
        secondary: false,
        usable: true,
        deprecated: false,
    }
}

/// fe80::`last`.
fn link_local(last: u16) -> Address {
    Address { scope: 253, ..of(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last).into()) }
}

fn view_with(addresses: Vec<Address>) -> HostView {
    let mut view = HostView::default();
    view.links.insert(2, Link { name: "eth1".to_owned(), index: 2, addresses, ..Link::default() });
    view
}

fn link_message(flags: LinkFlags, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = 2;
    message.header.flags = flags;
    message.attributes = attributes;
    message
}

fn neighbour_message(state: NeighbourState) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = 2;
    message.header.state = state;
    message.attributes = vec![
        NeighbourAttribute::Destination(NeighbourAddress::Inet(NEXT_HOP)),
        NeighbourAttribute::LinkLayerAddress(vec![2, 0, 0, 0, 0, 9]),
    ];
    message
}

#[test]
fn the_primary_address_is_the_first_that_is_the_hosts_own() {
    let link_local = Address { scope: 253, ..address(1) };
    let ours = Address { protocol: ADDRESS_PROTOCOL, prefix_len: 32, ..address(249) };
    let by_hand = Address { prefix_len: 32, ..address(250) };
    let secondary = Address { secondary: true, ..address(7) };
    let view =
        view_with(vec![link_local, ours, by_hand.clone(), secondary, address(205), address(206)]);
    assert_eq!(view.primary_address(2, Family::V4, &[by_hand.address]), Some(address(205).address));
    assert_eq!(
        view.primary_address(2, Family::V4, &[by_hand.address, address(205).address]),
        Some(address(206).address)
    );
    assert_eq!(view.primary_address(3, Family::V4, &[]), None);
    let only_link_local = view_with(vec![Address { scope: 253, ..address(1) }]);
    assert_eq!(only_link_local.primary_address(2, Family::V4, &[]), Some(address(1).address));
    assert_eq!(
        view_with(vec![Address { scope: 254, ..address(1) }]).primary_address(2, Family::V4, &[]),
        None
    );
}

#[test]
fn the_primary_ipv6_address_is_a_link_local_one_that_may_be_used() {
    let ours = Address { protocol: ADDRESS_PROTOCOL, ..link_local(1) };
    let tentative = Address { usable: false, ..link_local(2) };
    let global = of(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    let mut all =
        vec![address(1), global, ours, tentative, link_local(5), link_local(4), link_local(3)];
    let view = view_with(all.clone());
    let primary =
        |view: &HostView, excluding: &[IpAddr]| view.primary_address(2, Family::V6, excluding);
    assert_eq!(primary(&view, &[link_local(3).address]), Some(link_local(4).address));
    assert_eq!(view.primary_address(2, Family::V4, &[]), Some(address(1).address));
    all.reverse();
    assert_eq!(primary(&view_with(all), &[]), primary(&view, &[]), "whatever the order");
    assert_eq!(primary(&view_with(vec![address(1)]), &[]), None);
}

fn address_message(flags: AddressHeaderFlags) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.index = 2;
    message.header.prefix_len = 64;
    message.header.flags = flags;
    message.attributes = vec![AddressAttribute::Address(link_local(1).address)];
    message
}

#[test]
fn an_ipv6_address_is_usable_once_detection_has_passed() {
    let mut view = view_with(Vec::new());
    let permanent = AddressHeaderFlags::Permanent;
    let not_yet = [
        AddressHeaderFlags::Tentative,
        AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed,
    ];
    for flags in not_yet.map(|flags| flags | permanent) {
        apply(&mut view, RouteNetlinkMessage::NewAddress(address_message(flags)));
        assert!(!view.links[&2].addresses[0].usable, "{flags:?}");
    }
    assert!(apply(&mut view, RouteNetlinkMessage::NewAddress(address_message(permanent))));
    assert_eq!(view.primary_address(2, Family::V6, &[]), Some(link_local(1).address));
    assert!(apply(&mut view, RouteNetlinkMessage::DelAddress(address_message(permanent))));
    assert!(view.links[&2].addresses.is_empty());
}

#[test]
fn a_link_is_up_when_it_works_and_keeps_what_a_message_leaves_out() {
    let mut view = HostView::default();
    let named = vec![LinkAttribute::IfName("eth1".to_owned()), LinkAttribute::Mtu(1500)];
    assert!(apply(&mut view, RouteNetlinkMessage::NewLink(link_message(LinkFlags::Up, named))));
    assert!(!view.links[&2].up);
    for missing in [LinkFlags::Up, LinkFlags::LowerUp, LinkFlags::Running] {
        let working = LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running;
        apply(&mut view, RouteNetlinkMessage::NewLink(link_message(working - missing, Vec::new())));
        assert!(!view.links[&2].up, "without {missing}");
    }
    let up = link_message(LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running, Vec::new());
    assert!(apply(&mut view, RouteNetlinkMessage::NewLink(up.clone())));
    assert!(!apply(&mut view, RouteNetlinkMessage::NewLink(up)), "the same again changes nothing");
    let link = view.link_by_name("eth1").expect("the link");
    assert_eq!((link.up, link.mtu), (true, 1500));
}

#[test]
fn leaving_a_bridge_does_not_delete_the_link() {
    let mut view = view_with(Vec::new());
    let mut message = link_message(LinkFlags::Up, Vec::new());
    message.header.interface_family = AddressFamily::Bridge;
    assert!(!apply(&mut view, RouteNetlinkMessage::DelLink(message.clone())));
    assert!(!apply(&mut view, RouteNetlinkMessage::NewLink(message.clone())));
    message.header.interface_family = AddressFamily::Unspec;
    assert!(apply(&mut view, RouteNetlinkMessage::DelLink(message)));
    assert!(view.links.is_empty());
}

#[test]
fn an_xdp_program_comes_and_goes() {
    let mut view = view_with(Vec::new());
    let set = |attributes| {
        RouteNetlinkMessage::NewLink(link_message(
            LinkFlags::Up,
            vec![LinkAttribute::Xdp(attributes)],
        ))
    };
    apply(
        &mut view,
        set(vec![
            LinkXdp::Attached(Attached::SocketBuffer),
            LinkXdp::ProgId(7),
            LinkXdp::SkbProgId(7),
        ]),
    );
    assert_eq!(view.links[&2].xdp, Some(XdpAttached { mode: XdpMode::Generic, prog_id: 7 }));
    apply(&mut view, set(vec![LinkXdp::Attached(Attached::None)]));
    assert_eq!(view.links[&2].xdp, None);
}

#[test]
fn only_usable_neighbours_are_kept() {
    let mut view = view_with(Vec::new());
    let mut set = |state| {
        apply(&mut view, RouteNetlinkMessage::NewNeighbour(neighbour_message(state)));
        view.neighbours.contains_key(&(2, NEXT_HOP.into()))
    };
    for state in [
        NeighbourState::Reachable,
        NeighbourState::Stale,
        NeighbourState::Delay,
        NeighbourState::Probe,
    ] {
        assert!(set(state), "{state:?}");
        assert!(!set(NeighbourState::Failed));
    }
    assert!(set(NeighbourState::Permanent));
    assert!(!set(NeighbourState::Incomplete));
    assert!(set(NeighbourState::Noarp), "the administrator's");
    for mac in [[0; 6], [1, 0, 0x5e, 0, 0, 18]] {
        let mut mapping = neighbour_message(NeighbourState::Noarp);
        mapping.attributes[1] = NeighbourAttribute::LinkLayerAddress(mac.to_vec());
        apply(&mut view, RouteNetlinkMessage::NewNeighbour(mapping));
        assert!(
            !view.neighbours.contains_key(&(2, NEXT_HOP.into())),
            "{mac:?} is a mapping of the protocol"
        );
    }

    apply(&mut view, RouteNetlinkMessage::NewNeighbour(neighbour_message(NeighbourState::Stale)));
    assert!(apply(
        &mut view,
        RouteNetlinkMessage::DelNeighbour(neighbour_message(NeighbourState::Stale))
    ));
    let mut bridge = neighbour_message(NeighbourState::Reachable);
    bridge.header.family = AddressFamily::Bridge;
    assert!(!apply(&mut view, RouteNetlinkMessage::NewNeighbour(bridge)));
    assert!(view.neighbours.is_empty());
}
