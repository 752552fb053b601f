//! Every forwarding mode with real hosts: pages through NAT and direct return, packets into
//! tunnels, over IPv4 and IPv6.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use vrrp_tests::http::{self, Response};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{BACK_IF, FRONT_IF, Host, Mac, Node, Vip};
use vrrp_tests::process::wait_until;
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::tap::Tap;
use vrrp_tests::web::{SLOW_FILE, WebServer};
use vrrp_tests::{LabOptions, Router, inject, topology};

const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;
/// The backends' default gateway: a virtual address of the back network, of the same master.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const BACKENDS: [Host; 2] = [Host::Php1, Host::Php2];
/// Port of the backends; the service is on port 80.
const PORT: u16 = 8080;
const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x249);
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x254);
const PATIENCE: Duration = Duration::from_secs(10);
/// Enough connections that both backends get some with any ring.
const PAGES: usize = 40;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;

fn front6(host: Host) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host.front()?.octets()[3].into()))
}

fn back6(host: Host) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host.back()?.octets()[3].into()))
}

/// The node's name, sockets and first virtual router, followed by `more`.
fn config(node: Node, more: &str) -> String {
    let text = plain_config(node, &settings());
    let (head, _) = text.split_at(text.rfind("[[virtual_router]]").unwrap_or_default());
    format!("{head}{more}")
}

fn settings() -> Settings {
    Settings { track_nginx: false, ..Settings::fast() }
}

fn router(node: Node, name: &str, interface: &str, vrid: u8, addresses: &str) -> String {
    let priority = VIP.priority(node);
    format!(
        "[[virtual_router]]\nname = \"{name}\"\ninterface = \"{interface}\"\nvrid = {vrid}\npriority = {priority}\n\
         interval = \"100ms\"\naddresses = [{addresses}]\n"
    )
}

fn service(name: &str, address: IpAddr, port: u16, keys: &str, backends: &[String]) -> String {
    format!(
        "[[service]]\nname = \"{name}\"\naddress = \"{address}\"\nport = {port}\n{keys}\nbackends = [{}]\n",
        backends.join(", ")
    )
}

const CHECKED: &str =
    "check = { type = \"tcp\", interval = \"250ms\", timeout = \"200ms\", rise = 1, fall = 1 }";
const UNCHECKED: &str = "check = { type = \"none\" }";

/// Both nodes with a configuration each, not started yet.
fn scene(config: impl Fn(Node) -> String) -> Result<Scene> {
    let options = LabOptions::new(
        Router::AgentWith(config(Node::Node1)),
        Router::AgentWith(config(Node::Node2)),
    );
    Scene::without_routers(options.with_settings(&settings()))
}

/// Starts both agents, and waits for the master and for usable backends.
fn start(scene: &mut Scene) -> Result<()> {
    for node in Node::BOTH {
        scene.lab.start_router(node)?;
    }
    let master = scene.router_when(VICTIM, VIP, "master", |router| router["role"] == "master");
    master.with_context(|| scene.log(VICTIM))?;
    scene.router_when(SUCCESSOR, VIP, "backup", |router| router["role"] == "backup")?;
    for node in Node::BOTH {
        let usable = |status: &Value| backends(status).all(|backend| backend["usable"] == true);
        let waited = wait_until(&format!("usable backends on {node}"), PATIENCE, || {
            scene.status(node).is_ok_and(|status| backends(&status).count() > 0 && usable(&status))
        });
        waited.with_context(|| scene.status_text(node).unwrap_or_default())?;
    }
    Ok(())
}

fn backends(status: &Value) -> impl Iterator<Item = &Value> {
    let services = status["services"].as_array().map(Vec::as_slice).unwrap_or_default();
    services
        .iter()
        .flat_map(|service| service["backends"].as_array().map(Vec::as_slice).unwrap_or_default())
}

/// Packets steered to each backend of a node, by its address.
fn steered(scene: &Scene, node: Node) -> Result<Vec<(String, u64)>> {
    let status = scene.status(node)?;
    Ok(backends(&status)
        .map(|b| {
            (b["address"].as_str().unwrap_or("").to_owned(), b["packets"].as_u64().unwrap_or(0))
        })
        .collect())
}

/// A counter of the kernel program for all routers of a node.
fn event(scene: &Scene, node: Node, name: &str) -> Result<u64> {
    let status = scene.status(node)?;
    let routers = status["routers"].as_array().context("routers")?;
    Ok(routers.iter().filter_map(|router| router["events"][name].as_u64()).sum())
}

fn redirected(scene: &Scene, node: Node, interface: &str) -> Result<u64> {
    let status = scene.status(node)?;
    let interfaces = status["interfaces"].as_array().context("interfaces")?;
    let found =
        interfaces.iter().find(|found| found["name"] == interface).context("the interface")?;
    found["verdicts"]["redirect"].as_u64().context("a counter")
}

fn get(scene: &Scene, server: SocketAddr, path: &str) -> Result<Response> {
    let path = path.to_owned();
    scene
        .lab
        .topology()
        .host(Host::Client)
        .run(move || http::get(server, &path, None, Duration::from_secs(2)))
}

/// Requests many pages; returns the host that served each.
fn pages(scene: &Scene, server: SocketAddr) -> Result<Vec<String>> {
    let mut servers = Vec::new();
    for page in 0..PAGES {
        let answer = get(scene, server, "/").with_context(|| format!("page {page} of {server}"))?;
        ensure!(answer.status == 200, "status {}", answer.status);
        let name = answer.header("x-node").context("a server that names itself")?.to_owned();
        if !servers.contains(&name) {
            servers.push(name);
        }
    }
    servers.sort();
    Ok(servers)
}

/// A download that takes seconds; returns the number of bytes once it has ended.
fn download(scene: &Scene, server: SocketAddr) -> Result<JoinHandle<Result<u64>>> {
    scene.lab.topology().host(Host::Client).spawn(move || {
        use std::io::Write;
        let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&http::request("/slow", None))?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(std::io::copy(&mut stream, &mut std::io::sink())?)
    })
}

/// Gives hosts of the lab IPv6 addresses on both networks.
fn enable_ipv6(scene: &Scene, hosts: &[Host]) -> Result<()> {
    let topology = scene.lab.topology();
    hosts.iter().try_for_each(|&host| {
        topology::enable_ipv6(&topology.host(host), front6(host), back6(host))
    })
}

fn nat_config(node: Node) -> String {
    let gateway = router(node, "VI_B", BACK_IF, 61, &format!("\"{GATEWAY}\""));
    let group = "[[sync_group]]\nname = \"NAT\"\nmembers = [\"VI_1\", \"VI_B\"]\n";
    let targets: Vec<String> = BACKENDS
        .iter()
        .filter_map(|host| {
            Some(format!("{{ address = \"{}\", forward = \"nat\", port = {PORT} }}", host.back()?))
        })
        .collect();
    config(
        node,
        &format!("{gateway}{group}{}", service("web", VIP.address().into(), 80, CHECKED, &targets)),
    )
}

fn route_back(scene: &Scene, gateway: IpAddr) -> Result<()> {
    for host in BACKENDS {
        scene.lab.topology().host(host).ip(&[format!("route replace default via {gateway}")])?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn nat_carries_pages_through_either_node_and_a_download_over_a_failover() -> Result<()> {
    let mut scene = scene(nat_config)?;
    let web: Vec<WebServer> = BACKENDS
        .into_iter()
        .map(|host| WebServer::start(&scene.lab, host, PORT))
        .collect::<Result<_>>()?;
    route_back(&scene, GATEWAY.into())?;
    start(&mut scene)?;
    let server = SocketAddr::from((VIP.address(), 80));

    let served = pages(&scene, server)?;
    let (there, back) =
        (redirected(&scene, VICTIM, FRONT_IF)?, redirected(&scene, VICTIM, BACK_IF)?);
    let (returned, packets) = (event(&scene, VICTIM, "nat_returned")?, steered(&scene, VICTIM)?);
    println!(
        "by {VICTIM} both ways: served by {served:?}; steered {packets:?}, {returned} answers; redirected {there} and {back}"
    );
    ensure!(served == ["php1", "php2"], "served by {served:?}");
    let each = |(_, count): &(String, u64)| *count >= 5;
    ensure!(packets.iter().all(each), "each backend gets whole connections: {packets:?}");
    ensure!(
        returned >= PAGES as u64 * 4 && there >= PAGES as u64 * 4 && back >= PAGES as u64 * 4,
        "the program carries them"
    );
    let client = Host::Client.front().context("the client has an address")?.to_string();
    for server in &web {
        let clients = server.clients()?;
        ensure!(!clients.is_empty(), "it served");
        let strange: Vec<&String> = clients.iter().filter(|address| **address != client).collect();
        ensure!(strange.is_empty(), "the server saw {strange:?}");
    }

    // The answers go through the other node, which has not seen the requests.
    let successor = SUCCESSOR.host().back().context("an address")?;
    route_back(&scene, successor.into())?;
    let before = event(&scene, SUCCESSOR, "nat_returned")?;
    let served = pages(&scene, server)?;
    let returned = event(&scene, SUCCESSOR, "nat_returned")? - before;
    println!("there by {VICTIM}, back by {SUCCESSOR}: served by {served:?}, {returned} answers");
    ensure!(
        served.len() == 2 && returned >= PAGES as u64 * 4,
        "{SUCCESSOR} carries answers it knows nothing of"
    );

    route_back(&scene, GATEWAY.into())?;
    let under_way = download(&scene, server)?;
    sleep(Duration::from_secs(1));
    let since = Instant::now();
    scene.lab.kill_router(VICTIM)?;
    let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
    let bytes = under_way.join().map_err(|_| anyhow!("the client panicked"))??;
    let carried = event(&scene, SUCCESSOR, "nat_returned")? - before - returned;
    println!(
        "killed {VICTIM}: {SUCCESSOR} after {moved:?}; the download ended {:?} later with {bytes} bytes, {carried} answers by {SUCCESSOR}",
        since.elapsed()
    );
    ensure!(bytes == SLOW_FILE, "a whole file has {SLOW_FILE} bytes, not {bytes}");
    ensure!(
        carried > 0 && steered(&scene, SUCCESSOR)?.iter().map(|(_, count)| count).sum::<u64>() > 0,
        "{SUCCESSOR} carried the rest"
    );
    scene.lab.down()
}

fn nat6_config(node: Node) -> String {
    let targets: Vec<String> = BACKENDS
        .iter()
        .filter_map(|host| {
            Some(format!("{{ address = \"{}\", forward = \"nat\", port = {PORT} }}", back6(*host)?))
        })
        .collect();
    let front = router(node, "VI_6", FRONT_IF, 51, &format!("\"fe80::249\", \"{VIP6}\""));
    let back = router(node, "VI_B6", BACK_IF, 61, &format!("\"fe80::254\", \"{GATEWAY6}\""));
    let group = "[[sync_group]]\nname = \"NAT6\"\nmembers = [\"VI_6\", \"VI_B6\"]\n";
    let direct: Vec<String> = Node::BOTH
        .iter()
        .filter_map(|node| Some(format!("{{ address = \"{}\" }}", front6(node.host())?)))
        .collect();
    let services = service("nat6", VIP6.into(), 80, CHECKED, &targets)
        + &service("dr6", VIP6.into(), PORT, CHECKED, &direct);
    config(node, &format!("{front}{back}{group}{services}"))
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn ipv6_goes_by_nat_and_by_direct_return() -> Result<()> {
    let mut scene = scene(nat6_config)?;
    enable_ipv6(&scene, &[Host::Client, Host::Node1, Host::Node2, Host::Php1, Host::Php2])?;
    for host in BACKENDS {
        scene.lab.topology().host(host).ip(&[format!("-6 route add default via {GATEWAY6}")])?;
    }
    let hosts = BACKENDS.into_iter().chain(Node::BOTH.map(Node::host));
    let web: Vec<WebServer> =
        hosts.map(|host| WebServer::start(&scene.lab, host, PORT)).collect::<Result<_>>()?;
    start(&mut scene)?;

    let served = pages(&scene, SocketAddr::from((VIP6, 80)))?;
    let returned = event(&scene, VICTIM, "nat_returned")?;
    println!(
        "NAT: served by {served:?}; steered {:?}, {returned} answers",
        steered(&scene, VICTIM)?
    );
    ensure!(
        served == ["php1", "php2"] && returned >= PAGES as u64 * 4,
        "served by {served:?}, {returned} answers"
    );
    let served = pages(&scene, SocketAddr::from((VIP6, PORT)))?;
    let accepted = event(&scene, SUCCESSOR, "backend_accepted")?;
    println!(
        "direct return: served by {served:?}; {SUCCESSOR} accepted {accepted} from the master"
    );
    ensure!(
        served == ["node1", "node2"] && accepted >= 5,
        "served by {served:?}, {accepted} accepted"
    );
    let client = front6(Host::Client).context("the client has an address")?.to_string();
    for server in &web {
        ensure!(server.clients()?.contains(&client), "the server saw {:?}", server.clients()?);
    }
    checks_are_not_sent_from_the_virtual_address(&scene, web)?;
    let log = scene.log(VICTIM);
    ensure!(log.contains("net.ipv6.conf.eth2.forwarding"), "the changes are logged: {log}");
    scene.lab.down()
}

/// The master opens a new connection to a recovered backend: from its own address, since an answer
/// to the virtual address would not arrive.
fn checks_are_not_sent_from_the_virtual_address(
    scene: &Scene,
    mut web: Vec<WebServer>,
) -> Result<()> {
    let away = web.pop().context("the successor's server")?;
    drop(away);
    let successor = front6(SUCCESSOR.host()).context("an address")?.to_string();
    let backend_is = |usable: bool| {
        wait_until(&format!("{successor} usable: {usable}"), PATIENCE, || {
            let status = scene.status(VICTIM);
            status.is_ok_and(|status| {
                backends(&status)
                    .any(|b| b["address"] == successor.as_str() && b["usable"] == usable)
            })
        })
    };
    backend_is(false)?;
    let _back = WebServer::start(&scene.lab, SUCCESSOR.host(), PORT)?;
    backend_is(true).with_context(|| scene.status_text(VICTIM).unwrap_or_default())?;
    let served = pages(scene, SocketAddr::from((VIP6, PORT)))?;
    ensure!(served == ["node1", "node2"], "served by {served:?} after {successor} was away");
    let named = |address: &str| {
        scene.status_text(SUCCESSOR).is_ok_and(|text| text.contains(&format!("as {address}")))
    };
    ensure!(
        !named("fe80::249"),
        "rings are compared from the master's own address: {}",
        scene.status_text(SUCCESSOR)?
    );
    Ok(())
}

const TUNNEL_PORT: u16 = 5_300;

fn tunnel_config(node: Node) -> String {
    let tunnel = "[tunnel]\nsource_v4 = \"10.255.0.0/16\"\n";
    let text =
        config(node, &router(node, "VI_6", FRONT_IF, 51, &format!("\"fe80::249\", \"{VIP6}\"")));
    let (head, routers) = text.split_at(text.find("[[").unwrap_or_default());
    let to = |address: String| [format!("{{ address = \"{address}\", forward = \"ipip\" }}")];
    let [four, six] =
        [Host::Php1.back().map(|a| a.to_string()), back6(Host::Php1).map(|a| a.to_string())]
            .map(Option::unwrap_or_default);
    let udp = format!("protocol = \"udp\"\n{UNCHECKED}");
    let services = [
        service("four in four", VIP.address().into(), 80, UNCHECKED, &to(four.clone())),
        service("six in six", VIP6.into(), TUNNEL_PORT, &udp, &to(six.clone())),
        service("four in six", VIP.address().into(), TUNNEL_PORT, &udp, &to(six)),
        service("six in four", VIP6.into(), TUNNEL_PORT + 1, &udp, &to(four)),
    ];
    format!("{head}{tunnel}{routers}{}", services.concat())
}

/// The next frame at the backend that carries a packet with this inner protocol.
fn tap(scene: &Scene, ethertype: [u8; 2], protocol: u8) -> Result<Tap> {
    let host = Host::Php1;
    let mac = Mac::of(host.back().context("an address")?);
    let at = if ethertype == [0x08, 0x00] { ETHERNET + 9 } else { ETHERNET + 6 };
    let wanted =
        move |frame: &[u8]| frame[12..ETHERNET] == ethertype && frame.get(at) == Some(&protocol);
    Tap::listen(&scene.lab.topology().host(host), BACK_IF, mac, PATIENCE, wanted)
}

/// Sends a datagram from the client.
fn send(scene: &Scene, target: SocketAddr, payload: Vec<u8>) -> Result<SocketAddr> {
    scene.lab.topology().host(Host::Client).run(move || {
        let any: IpAddr = if target.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(target)?;
        socket.send(&payload)?;
        Ok(socket.local_addr()?)
    })
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn tunnels_carry_whole_packets_of_either_family() -> Result<()> {
    let mut scene = scene(tunnel_config)?;
    enable_ipv6(&scene, &[Host::Client, Host::Node1, Host::Node2, Host::Php1])?;
    start(&mut scene)?;
    let backend = Host::Php1.back().context("an address")?;
    let (node6, backend6) =
        (back6(VICTIM.host()).context("an address")?, back6(Host::Php1).context("an address")?);

    // IPv4 in IPv4: exactly the client's packet.
    let heard = tap(&scene, [0x08, 0x00], 4)?;
    let client = Host::Client.front().context("an address")?;
    let sent = inject::syn(client, VICTIM, VIP.address(), (40_000, 80));
    inject::send_raw(&scene.lab.topology().host(Host::Client), sent.clone())?;
    let frame = heard.frame()?;
    let (outer, inner) = frame[ETHERNET..].split_at(IPV4);
    println!("four in four: {:?} -> {:?}", &outer[12..16], &outer[16..20]);
    ensure!(
        outer[12..14] == [10, 255] && outer[16..20] == backend.octets(),
        "outer addresses: {outer:?}"
    );
    ensure!(
        usize::from(u16::from_be_bytes([outer[2], outer[3]])) == frame.len() - ETHERNET,
        "outer length: {outer:?}"
    );
    ensure!(sum(outer) == 0xffff, "outer checksum: {outer:?}");
    ensure!(inner == &sent[ETHERNET..], "the inner packet is whole: {inner:?}");

    let payload: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    // IPv6 in IPv6.
    let heard = tap(&scene, [0x86, 0xdd], 41)?;
    let source = send(&scene, SocketAddr::from((VIP6, TUNNEL_PORT)), payload.clone())?;
    let frame = heard.frame()?;
    let (outer, inner) = frame[ETHERNET..].split_at(IPV6);
    ensure!(
        outer[8..24] == node6.octets() && outer[24..40] == backend6.octets(),
        "outer addresses: {outer:?}"
    );
    check_inner6(inner, source, TUNNEL_PORT, &payload)?;

    // IPv6 in IPv4.
    let heard = tap(&scene, [0x08, 0x00], 41)?;
    let source = send(&scene, SocketAddr::from((VIP6, TUNNEL_PORT + 1)), payload.clone())?;
    let frame = heard.frame()?;
    check_inner6(&frame[ETHERNET + IPV4..], source, TUNNEL_PORT + 1, &payload)?;

    // IPv4 in IPv6.
    let heard = tap(&scene, [0x86, 0xdd], 4)?;
    send(&scene, SocketAddr::from((VIP.address(), TUNNEL_PORT)), payload.clone())?;
    let frame = heard.frame()?;
    let inner = &frame[ETHERNET + IPV6..];
    ensure!(
        inner[16..20] == VIP.address().octets() && inner[IPV4 + 8..] == payload[..],
        "the inner packet is whole"
    );

    too_long(&scene)?;
    let packets = steered(&scene, VICTIM)?;
    ensure!(packets.iter().all(|(_, count)| *count > 0), "each way was taken: {packets:?}");
    scene.lab.down()
}

fn check_inner6(inner: &[u8], source: SocketAddr, port: u16, payload: &[u8]) -> Result<()> {
    let client = front6(Host::Client).context("an address")?;
    ensure!(
        inner[8..24] == client.octets() && inner[24..40] == VIP6.octets(),
        "inner addresses: {:?}",
        &inner[..IPV6]
    );
    let ports = [source.port(), port].map(u16::to_be_bytes).concat();
    ensure!(
        inner[IPV6..IPV6 + 4] == ports[..] && inner[IPV6 + 8..] == *payload,
        "the inner datagram is whole"
    );
    Ok(())
}

/// A packet that exceeds the tunnel's MTU is answered by ICMP, and the client's stack accepts that.
fn too_long(scene: &Scene) -> Result<()> {
    for (target, longest) in [
        (SocketAddr::from((VIP6, TUNNEL_PORT)), 1_500 - 48),
        (SocketAddr::from((VIP.address(), TUNNEL_PORT)), 1_500 - 28),
    ] {
        send(scene, target, vec![7; longest])?;
        let client = scene.lab.topology().host(Host::Client);
        let (family, expected) =
            if target.is_ipv6() { ("-6", "mtu 1460") } else { ("-4", "mtu 1460") };
        let known = || {
            let mut ip = std::process::Command::new("ip");
            ip.args(["-n", client.name(), family, "route", "get", &target.ip().to_string()]);
            vrrp_tests::process::output(&mut ip).unwrap_or_default()
        };
        let waited = wait_until("the path MTU", PATIENCE, || known().contains(expected));
        waited.with_context(known)?;
    }
    let answered = event(scene, VICTIM, "too_big")?;
    ensure!(answered >= 2, "{answered} were answered");
    Ok(())
}

/// RFC 1071: all ones over a header with a correct checksum.
fn sum(header: &[u8]) -> u32 {
    let mut sum: u32 =
        header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}
