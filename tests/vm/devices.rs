//! Virtual routers on links that the lab does not have: VLAN, bond and dummy; and a network with
//! loss and delay.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vrrp_tests::names::{FRONT_IF, Host, Mac, Node};
use vrrp_tests::process::output;

use crate::check::Checks;
use crate::failover::addresses;
use crate::site::{PATIENCE, Site, wait_until};
use crate::story::router;

const VLAN: &str = "eth1.5";
const BOND: &str = "bond0";
const DUMMY: &str = "dummy0";
/// The bond's links: interfaces of the node, and suffixes of the switch's ports.
const CABLES: [(&str, &str); 2] = [("slave0", "-s0"), ("slave1", "-s1")];
const PORT: u16 = 80;
/// Many adverts at one a second.
const WATCHED: Duration = Duration::from_secs(20);
const LOSS: &str = "tc qdisc replace dev eth1 root netem delay 30ms 10ms loss 5%";

/// Name, interface, VRID, third octet of the network.
const ROUTERS: [(&str, &str, u8, u8); 3] =
    [("VLAN", VLAN, 71, 5), ("BOND", BOND, 72, 6), ("DUMMY", DUMMY, 73, 7)];

pub fn run(checks: &mut Checks) -> Result<()> {
    let mut site = up().context("bringing up the site")?;
    checks.check("VLAN: one master, which the client reaches", || reached(&site, 5, Node::Node1));
    checks.check("bond: one master, which the client reaches", || reached(&site, 6, Node::Node1));
    checks.check("dummy: it is master alone and has the address", || {
        site.wait_role(Node::Node1, "DUMMY", "master")?;
        ensure!(
            addresses(&site, Node::Node1)?.contains(" 192.168.7.249/"),
            "the address is missing"
        );
        Ok("192.168.7.249".to_owned())
    });
    checks.check("bond: the active cable is pulled, and nothing moves", || {
        let active = active_slave(&site)?;
        let port = CABLES
            .iter()
            .find(|(slave, _)| *slave == active)
            .map(|(_, port)| *port)
            .context("a slave")?;
        site.topology().front_switch().ip(&[format!("link set node1{port} down")])?;
        wait_until("another active cable", PATIENCE, || {
            active_slave(&site).is_ok_and(|now| now != active)
        })?;
        let seen = reached(&site, 6, Node::Node1)?;
        site.topology().front_switch().ip(&[format!("link set node1{port} up")])?;
        Ok(format!("{active} was active; {seen}"))
    });
    checks.check("bond: another MAC address, and the client finds it", || {
        let mac = Mac([2, 0, 0xb0, 0, 0, 0x99]);
        site.netns(Host::Node1).ip(&[format!("link set {BOND} address {mac}")])?;
        let found = || {
            neighbour(&site, Ipv4Addr::new(192, 168, 6, 249))
                .is_ok_and(|text| text.contains(&mac.to_string()))
        };
        wait_until("the client's neighbour entry", PATIENCE, || {
            reached(&site, 6, Node::Node1).is_ok() && found()
        })
        .with_context(|| neighbour(&site, Ipv4Addr::new(192, 168, 6, 249)).unwrap_or_default())?;
        reached(&site, 6, Node::Node1)
    });
    checks.check("loss of 5 % and delay of 30 ms: no false takeover", || {
        let before = takeovers(&site)?;
        for host in [Host::Node1, Host::Node2] {
            tc(&site, host, LOSS)?;
        }
        sleep(WATCHED);
        let seen = takeovers(&site)? - before;
        ensure!(seen == 0, "the backup took over {seen} times");
        let master = site.role(Node::Node1, "VLAN")?;
        for host in [Host::Node1, Host::Node2] {
            tc(&site, host, "tc qdisc del dev eth1 root")?;
        }
        Ok(format!("{master} for {WATCHED:?}"))
    });
    checks.check("VLAN and bond: kill -9, the other node takes over", || {
        site.kill(Node::Node1)?;
        for name in ["VLAN", "BOND"] {
            site.wait_role(Node::Node2, name, "master")?;
        }
        Ok(format!("{}; {}", reached(&site, 5, Node::Node2)?, reached(&site, 6, Node::Node2)?))
    });
    checks.check("the site is removed", || site.down().map(|()| "removed".to_owned()));
    Ok(())
}

fn up() -> Result<Site> {
    let mut site = Site::build("vm-test devices", config)?;
    // Dual-stack sockets need IPv6 enabled, but no addresses.
    site.enable_ipv6(&[Host::Node1, Host::Node2])?;
    let client = site.netns(Host::Client);
    client.ip(&vlan(10))?;
    client.ip(&[format!("addr add 192.168.6.10/24 dev {FRONT_IF}")])?;
    for node in Node::BOTH {
        let (netns, last) = (site.netns(node.host()), node.front().octets()[3]);
        netns.ip(&vlan(last))?;
        netns.ip(&[format!("link add {BOND} type bond mode active-backup miimon 50")])?;
        for (number, (slave, port)) in (0..).zip(CABLES) {
            site.topology().spare_cable(
                node.host(),
                slave,
                &format!("{node}{port}"),
                Mac([2, 0, 0xb0, number, 0, last]),
            )?;
            netns.ip(&[format!("link set {slave} master {BOND}")])?;
        }
        netns.ip(&[
            format!("addr add 192.168.6.{last}/24 brd + dev {BOND}"),
            format!("link set {BOND} up"),
            format!("link add {DUMMY} type dummy"),
            format!("addr add 192.168.7.{last}/24 brd + dev {DUMMY}"),
            format!("link set {DUMMY} up"),
        ])?;
        site.serve(node.host(), PORT)?;
    }
    for node in Node::BOTH {
        site.start(node)?;
    }
    for name in ["VLAN", "BOND"] {
        site.wait_role(Node::Node1, name, "master")?;
        site.wait_role(Node::Node2, name, "backup")?;
    }
    Ok(site)
}

fn vlan(last: u8) -> [String; 3] {
    [
        format!("link add link {FRONT_IF} name {VLAN} type vlan id 5"),
        format!("addr add 192.168.5.{last}/24 brd + dev {VLAN}"),
        format!("link set {VLAN} up"),
    ]
}

fn config(node: Node) -> String {
    let priority = if node == Node::Node1 { 100 } else { 99 };
    let mut text = format!(
        "node = \"{node}\"\napi_socket = \"/run/vrrp-agent/api.sock\"\nbpf_dir = \"/sys/fs/bpf/vrrp-agent\"\nmetrics = false\n\n"
    );
    for (name, interface, vrid, network) in ROUTERS {
        text.push_str(&router(
            name,
            interface,
            vrid,
            priority,
            &format!("\"192.168.{network}.249\""),
        ));
    }
    text
}

/// Fails unless the client gets pages of the virtual address from `node`.
fn reached(site: &Site, network: u8, node: Node) -> Result<String> {
    let server = SocketAddr::from((Ipv4Addr::new(192, 168, network, 249), PORT));
    site.served_by(server, 4, &[node.host()])
}

fn active_slave(site: &Site) -> Result<String> {
    let netns = site.netns(Host::Node1);
    let text = output(Command::new("ip").args([
        "-n",
        netns.name(),
        "-d",
        "-j",
        "link",
        "show",
        "dev",
        BOND,
    ]))?;
    let links: serde_json::Value = serde_json::from_str(&text).context("a bond")?;
    Ok(links[0]["linkinfo"]["info_data"]["active_slave"]
        .as_str()
        .context("no active slave")?
        .to_owned())
}

/// The client's entry for an address.
fn neighbour(site: &Site, address: Ipv4Addr) -> Result<String> {
    let netns = site.netns(Host::Client);
    output(Command::new("ip").args(["-n", netns.name(), "neigh", "show", &address.to_string()]))
}

fn takeovers(site: &Site) -> Result<u64> {
    let count = |name| -> Result<u64> {
        Ok(site.router(Node::Node2, name)?["transitions"]["master"].as_u64().unwrap_or(0))
    };
    Ok(count("VLAN")? + count("BOND")?)
}

fn tc(site: &Site, host: Host, line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut command = site.netns(host).command(words.next().context("a command")?)?;
    output(command.args(words)).map(drop)
}
