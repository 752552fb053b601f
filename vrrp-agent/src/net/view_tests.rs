use std::net::Ipv4Addr;

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, LinkXdp, XdpAttached as Attached};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Address, HostView, Link, XdpAttached, XdpMode};
use crate::net::addresses::ADDRESS_PROTOCOL;

const NEXT_HOP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 22);

fn address(last: u8) -> Address {
    Address { address: Ipv4Addr::new(192, 168, 1, last), prefix_len: 24, protocol: 0, label: None, scope: 0, secondary: false }
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
    let view = view_with(vec![link_local, ours, by_hand.clone(), secondary, address(205), address(206)]);
    assert_eq!(view.primary_address(2, &[by_hand.address]), Some(address(205).address));
    assert_eq!(view.primary_address(2, &[by_hand.address, address(205).address]), Some(address(206).address));
    assert_eq!(view.primary_address(3, &[]), None);
    let only_link_local = view_with(vec![Address { scope: 253, ..address(1) }]);
    assert_eq!(only_link_local.primary_address(2, &[]), Some(address(1).address));
    assert_eq!(view_with(vec![Address { scope: 254, ..address(1) }]).primary_address(2, &[]), None);
}

#[test]
fn a_link_is_up_when_it_works_and_keeps_what_a_message_leaves_out() {
    let mut view = HostView::default();
    let named = vec![LinkAttribute::IfName("eth1".to_owned()), LinkAttribute::Mtu(1500)];
    assert!(view.apply(RouteNetlinkMessage::NewLink(link_message(LinkFlags::Up, named))));
    assert!(!view.links[&2].up);
    for missing in [LinkFlags::Up, LinkFlags::LowerUp, LinkFlags::Running] {
        let working = LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running;
        view.apply(RouteNetlinkMessage::NewLink(link_message(working - missing, Vec::new())));
        assert!(!view.links[&2].up, "without {missing}");
    }
    let up = link_message(LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running, Vec::new());
    assert!(view.apply(RouteNetlinkMessage::NewLink(up.clone())));
    assert!(!view.apply(RouteNetlinkMessage::NewLink(up)), "the same again changes nothing");
    let link = view.link_by_name("eth1").expect("the link");
    assert_eq!((link.up, link.mtu), (true, 1500));
}

#[test]
fn leaving_a_bridge_does_not_delete_the_link() {
    let mut view = view_with(Vec::new());
    let mut message = link_message(LinkFlags::Up, Vec::new());
    message.header.interface_family = AddressFamily::Bridge;
    assert!(!view.apply(RouteNetlinkMessage::DelLink(message.clone())));
    assert!(!view.apply(RouteNetlinkMessage::NewLink(message.clone())));
    message.header.interface_family = AddressFamily::Unspec;
    assert!(view.apply(RouteNetlinkMessage::DelLink(message)));
    assert!(view.links.is_empty());
}

#[test]
fn an_xdp_program_comes_and_goes() {
    let mut view = view_with(Vec::new());
    let set = |attributes| RouteNetlinkMessage::NewLink(link_message(LinkFlags::Up, vec![LinkAttribute::Xdp(attributes)]));
    view.apply(set(vec![LinkXdp::Attached(Attached::SocketBuffer), LinkXdp::ProgId(7), LinkXdp::SkbProgId(7)]));
    assert_eq!(view.links[&2].xdp, Some(XdpAttached { mode: XdpMode::Generic, prog_id: 7 }));
    view.apply(set(vec![LinkXdp::Attached(Attached::None)]));
    assert_eq!(view.links[&2].xdp, None);
}

#[test]
fn only_usable_neighbours_are_kept() {
    let mut view = view_with(Vec::new());
    let mut set = |state| {
        view.apply(RouteNetlinkMessage::NewNeighbour(neighbour_message(state)));
        view.neighbours.contains_key(&(2, NEXT_HOP))
    };
    for state in [NeighbourState::Reachable, NeighbourState::Stale, NeighbourState::Delay, NeighbourState::Probe] {
        assert!(set(state), "{state:?}");
        assert!(!set(NeighbourState::Failed));
    }
    assert!(set(NeighbourState::Permanent));
    assert!(!set(NeighbourState::Incomplete));
    assert!(!set(NeighbourState::Noarp));

    view.apply(RouteNetlinkMessage::NewNeighbour(neighbour_message(NeighbourState::Stale)));
    assert!(view.apply(RouteNetlinkMessage::DelNeighbour(neighbour_message(NeighbourState::Stale))));
    let mut bridge = neighbour_message(NeighbourState::Reachable);
    bridge.header.family = AddressFamily::Bridge;
    assert!(!view.apply(RouteNetlinkMessage::NewNeighbour(bridge)));
    assert!(view.neighbours.is_empty());
}
