//! The site of most parts: a dual-master pair with a service for each forwarding mode, and an
//! upstream.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};
use vrrp_tests::names::{BACK_IF, FRONT_IF, Host, Node, Vip};
use vrrp_tests::topology::Topology;

use crate::site::{Site, back6, front6};

/// The backends' gateways to clients: virtual addresses of the back network, with the same master.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
pub const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x254);
pub const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x249);
/// The destination of a node's own connections; no host has it.
pub const UPSTREAM: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 0, 0, 100), 9000);

/// Ports of services on the virtual addresses.
pub const DIRECT: u16 = 80;
pub const NAT: u16 = 81;
pub const TUNNEL: u16 = 82;
/// Port of the NAT backends.
const BEHIND_NAT: u16 = 8080;
pub const NAT_BACKENDS: [Host; 2] = [Host::Php1, Host::Php2];
/// Decapsulates packets of the tunnel, and answers over a link of its own to the front network.
pub const TUNNEL_END: Host = Host::Php3;
const TUNNEL_END_FRONT: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 60);

/// The routers whose preferred master is node 1.
pub const LED_BY_NODE1: &[&str] = &["VI_1", "VI_B", "VI_6", "VI_B6"];
pub const LED_BY_NODE2: &[&str] = &["VI_2"];

pub fn vip(port: u16) -> SocketAddr {
    (Vip::Vip1.address(), port).into()
}

pub fn vip6(port: u16) -> SocketAddr {
    (VIP6, port).into()
}

/// The site with both agents running, in the configured roles.
pub fn up() -> Result<Site> {
    let mut site = Site::build("vm-test", config)?;
    let topology = site.topology();
    topology.connect_front(TUNNEL_END, TUNNEL_END_FRONT)?;
    site.enable_ipv6(&[
        Host::Client,
        Host::Node1,
        Host::Node2,
        Host::Php1,
        Host::Php2,
        Host::Php3,
    ])?;
    wire(site.topology())?;
    for node in Node::BOTH {
        // Before Linux 6.17 IPv6 is forwarded only if all interfaces forward.
        site.netns(node.host()).run(|| {
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
                .context("forwarding of IPv6")
        })?;
        site.serve(node.host(), DIRECT)?;
    }
    for host in NAT_BACKENDS {
        site.serve(host, BEHIND_NAT)?;
        site.serve(host, UPSTREAM.1)?;
    }
    site.serve(TUNNEL_END, TUNNEL)?;
    for node in Node::BOTH {
        site.start(node)?;
    }
    settle(&site).with_context(|| Node::BOTH.map(|node| site.log(node)).join(" || "))?;
    Ok(site)
}

/// Waits until each node is master of its routers.
pub fn settle(site: &Site) -> Result<()> {
    for (leader, names) in [(Node::Node1, LED_BY_NODE1), (Node::Node2, LED_BY_NODE2)] {
        for name in names {
            site.wait_role(leader, name, "master")?;
            site.wait_role(leader.other(), name, "backup")?;
        }
    }
    Ok(())
}

/// Routes back to clients, and the ends of the tunnels.
fn wire(topology: &Topology) -> Result<()> {
    for host in NAT_BACKENDS {
        topology.host(host).ip(&[
            format!("route add default via {GATEWAY}"),
            format!("-6 route add default via {GATEWAY6}"),
        ])?;
    }
    let end = topology.host(TUNNEL_END);
    end.run(|| {
        // The virtual address is on `lo`, and is announced on no network.
        for (key, value) in [("arp_ignore", "1"), ("arp_announce", "2"), ("rp_filter", "0")] {
            std::fs::write(format!("/proc/sys/net/ipv4/conf/all/{key}"), value)
                .with_context(|| format!("setting {key}"))?;
        }
        Ok(())
    })?;
    let (own, own6) =
        (TUNNEL_END.back().context("an address")?, back6(TUNNEL_END).context("an address")?);
    end.ip(&[
        format!("link add four type ipip local {own} remote any"),
        "link set four up".to_owned(),
        format!("link add six type ip6tnl mode ip6ip6 local {own6} remote any"),
        "link set six up".to_owned(),
        format!("addr add {}/32 dev lo", Vip::Vip1.address()),
        format!("addr add {VIP6}/128 dev lo"),
    ])
}

fn config(node: Node) -> String {
    let mut text = format!(
        "node = \"{node}\"\napi_socket = \"/run/vrrp-agent/api.sock\"\nbpf_dir = \"/sys/fs/bpf/vrrp-agent\"\nmetrics = false\n\n"
    );
    let (one, two) = (Vip::Vip1, Vip::Vip2);
    for (name, interface, vrid, leader, addresses) in [
        ("VI_1", FRONT_IF, 51, Node::Node1, format!("\"{}\"", one.address())),
        ("VI_2", FRONT_IF, 52, Node::Node2, format!("\"{}\"", two.address())),
        ("VI_B", BACK_IF, 61, Node::Node1, format!("\"{GATEWAY}\"")),
        ("VI_6", FRONT_IF, 51, Node::Node1, format!("\"fe80::249\", \"{VIP6}\"")),
        ("VI_B6", BACK_IF, 61, Node::Node1, format!("\"fe80::254\", \"{GATEWAY6}\"")),
    ] {
        text.push_str(&router(
            name,
            interface,
            vrid,
            if leader == node { 100 } else { 99 },
            &addresses,
        ));
    }
    text.push_str("[[sync_group]]\nname = \"G4\"\nmembers = [\"VI_1\", \"VI_B\"]\n");
    text.push_str("[[sync_group]]\nname = \"G6\"\nmembers = [\"VI_6\", \"VI_B6\"]\n\n");
    let front: Vec<String> =
        Node::BOTH.iter().map(|node| backend(node.front().into(), "")).collect();
    let front_six = addresses(&Node::BOTH.map(Node::host), front6, "");
    let nat = format!(", forward = \"nat\", port = {BEHIND_NAT}");
    let nat_four = addresses(&NAT_BACKENDS, Host::back, &nat);
    let nat_six = addresses(&NAT_BACKENDS, back6, &nat);
    let tunnel = ", forward = \"ipip\"";
    let (end_four, end_six) =
        (addresses(&[TUNNEL_END], Host::back, tunnel), addresses(&[TUNNEL_END], back6, tunnel));
    for (name, address, port, backends) in [
        ("direct", one.address().into(), DIRECT, &front),
        ("direct2", two.address().into(), DIRECT, &front),
        ("nat", one.address().into(), NAT, &nat_four),
        ("tunnel", one.address().into(), TUNNEL, &end_four),
        ("direct6", IpAddr::from(VIP6), DIRECT, &front_six),
        ("nat6", VIP6.into(), NAT, &nat_six),
        ("tunnel6", VIP6.into(), TUNNEL, &end_six),
    ] {
        text.push_str(&service(name, address, port, backends));
    }
    let targets = addresses(&NAT_BACKENDS, Host::back, "").join(", ");
    text.push_str(&format!(
        "[[upstream]]\nname = \"own\"\naddress = \"{}\"\nport = {}\nunit = \"nginx.service\"\nbackends = [{targets}]\n{CHECK}\n",
        UPSTREAM.0, UPSTREAM.1
    ));
    text
}

const CHECK: &str =
    "check = { type = \"tcp\", interval = \"500ms\", timeout = \"450ms\", rise = 1, fall = 2 }";

pub fn router(name: &str, interface: &str, vrid: u8, priority: u8, addresses: &str) -> String {
    format!(
        "[[virtual_router]]\nname = \"{name}\"\ninterface = \"{interface}\"\nvrid = {vrid}\npriority = {priority}\n\
         interval = \"1s\"\naddresses = [{addresses}]\n\n"
    )
}

fn service(name: &str, address: IpAddr, port: u16, backends: &[String]) -> String {
    let backends = backends.join(", ");
    format!(
        "[[service]]\nname = \"{name}\"\naddress = \"{address}\"\nport = {port}\nbackends = [{backends}]\n{CHECK}\n\n"
    )
}

fn backend(address: IpAddr, keys: &str) -> String {
    format!("{{ address = \"{address}\"{keys} }}")
}

fn addresses<A: Into<IpAddr>>(
    hosts: &[Host],
    address: impl Fn(Host) -> Option<A>,
    keys: &str,
) -> Vec<String> {
    hosts.iter().filter_map(|&host| Some(backend(address(host)?.into(), keys))).collect()
}
