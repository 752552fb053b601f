//! Every forwarding mode serves pages, with real hosts.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vrrp_tests::names::{Host, Node};

use crate::check::Checks;
use crate::site::{Site, front6};
use crate::story::{self, DIRECT, NAT, NAT_BACKENDS, TUNNEL, TUNNEL_END};

/// Enough connections that each backend gets some, whatever the ring.
const PAGES: usize = 16;
/// Several checks of each backend.
const CHECKED: Duration = Duration::from_secs(3);
const NODES: [Host; 2] = [Host::Node1, Host::Node2];

/// All modes, through the master of both families.
pub fn run(checks: &mut Checks, site: &Site, master: Node) {
    for server in &site.servers {
        server.take_clients();
    }
    let usable = || {
        site.wait_backends(master, "usable backends of IPv4", |service, backend| {
            !is_v4(service["address"].as_str().unwrap_or_default()) || backend["usable"] == true
        })
    };
    checks.check("IPv4 backends", || usable().map(|()| "all usable".to_owned()));
    checks.check("local and direct return", || site.served_by(story::vip(DIRECT), PAGES, &NODES));
    checks.check("NAT", || {
        let seen = site.served_by(story::vip(NAT), PAGES, &NAT_BACKENDS)?;
        let client = Host::Client.front().context("an address")?;
        for host in NAT_BACKENDS {
            let clients = site.server(host, 8080)?.take_clients();
            ensure!(
                clients.iter().all(|seen| *seen == IpAddr::from(client)),
                "{host} was asked by {clients:?}"
            );
        }
        Ok(seen)
    });
    checks.check("IPIP to a tunnel device", || tunnel(site, story::vip(TUNNEL), "four"));
    checks.check("IPv6 direct return", || {
        // Checks that began before this node had the virtual address are no evidence for later
        // ones.
        sleep(CHECKED);
        site.wait_backends(master, "usable backends of IPv6", |service, backend| {
            service["name"] != "direct6" || backend["usable"] == true
        })?;
        site.served_by(story::vip6(DIRECT), PAGES, &NODES)
    });
    checks.check("IPv6 NAT", || {
        let seen = site.served_by(story::vip6(NAT), PAGES, &NAT_BACKENDS)?;
        let client = front6(Host::Client).context("an address")?;
        let clients = site.server(Host::Php1, 8080)?.take_clients();
        ensure!(
            clients.iter().all(|seen| *seen == IpAddr::from(client)),
            "a backend was asked by {clients:?}"
        );
        Ok(seen)
    });
    checks.check("IPv6 in IPv6 to a tunnel device", || tunnel(site, story::vip6(TUNNEL), "six"));
}

fn is_v4(address: &str) -> bool {
    address.starts_with("192.")
}

/// Pages through a tunnel, whose far end counts packets.
fn tunnel(site: &Site, server: std::net::SocketAddr, device: &str) -> Result<String> {
    let before = received(site, device)?;
    let seen = site.served_by(server, PAGES, &[TUNNEL_END])?;
    let packets = received(site, device)? - before;
    ensure!(packets >= PAGES as u64 * 3, "{packets} packets came out of the tunnel");
    Ok(format!("{seen}, {packets} packets out of {device}"))
}

fn received(site: &Site, device: &str) -> Result<u64> {
    let netns = site.netns(TUNNEL_END);
    let mut ip = std::process::Command::new("ip");
    let text = vrrp_tests::process::output(ip.args([
        "-n",
        netns.name(),
        "-s",
        "-j",
        "link",
        "show",
        "dev",
        device,
    ]))?;
    let links: serde_json::Value = serde_json::from_str(&text).context("counters of a device")?;
    links[0]["stats64"]["rx"]["packets"].as_u64().context("a counter of a device")
}
