//! The meaning of a configuration in words: the output of `check`.

mod notify;
mod service;
mod upstream;

use std::fmt::Write;
use std::time::Duration;

use vrrp_election::timing;
use vrrp_model::{Auth, Config, Delivery, Router, Script, Version, VirtualAddress, Weight};

/// The meaning of a configuration, for people. Contains no password.
pub fn summary(config: &Config) -> String {
    let mut text = String::new();
    let xdp = config.xdp;
    let metrics = config.metrics.map_or("off".to_owned(), |address| address.to_string());
    let _ = writeln!(
        text,
        "  node {}: metrics {metrics}, API {}, XDP {xdp}",
        config.node,
        config.api_socket.display()
    );
    if !config.startup_delay.is_zero() {
        let _ = writeln!(text, "    the election begins {:?} after start", config.startup_delay);
    }
    if !config.release_on_exit {
        text.push_str("    a stopping agent releases nothing: its masterships are for the agent that starts next\n");
    }
    let _ = writeln!(text, "    election thread: {}", config.election);
    for (index, router) in config.routers.iter().enumerate() {
        describe_router(&mut text, router, &config.scripts);
        if let Some((group, others)) = config.group_of(index) {
            let _ = writeln!(
                text,
                "    in sync group {}: master together with {}, or not at all",
                group.name,
                others.join(", ")
            );
        }
    }
    for script in &config.scripts {
        describe_script(&mut text, script);
    }
    notify::describe(&mut text, config);
    for service in &config.services {
        service::describe(&mut text, service);
    }
    service::describe_tunnel(&mut text, &config.tunnel, &config.services);
    for upstream in &config.upstreams {
        upstream::describe(&mut text, upstream);
    }
    text
}

fn describe_router(text: &mut String, router: &Router, scripts: &[Script]) {
    let version = match router.version {
        Version::V2 => "VRRPv2",
        Version::V3 => "VRRPv3",
    };
    let auth = match router.auth {
        Auth::None => "",
        Auth::Pass(_) => ", with password",
    };
    let _ = writeln!(
        text,
        "  router {}: VRID {} on {}, {version}{auth}, priority {}, advert each {:?}, takes over after {:?} of silence{}",
        router.name,
        router.vrid,
        router.interface,
        router.priority,
        router.interval,
        silence(router),
        if router.preempt { "" } else { ", does not preempt" },
    );
    let _ = writeln!(
        text,
        "    addresses: {}",
        list(router.addresses.iter().map(|address| name_address(address, router)))
    );
    if !router.excluded_addresses.is_empty() {
        let excluded =
            router.excluded_addresses.iter().map(|address| name_address(address, router));
        let _ = writeln!(text, "    not advertised: {}", list(excluded));
    }
    let _ = writeln!(text, "    adverts: {}", delivery(router));
    for track in &router.track_scripts {
        let name = scripts.get(track.script).map_or("?", |script| script.name.as_str());
        let _ = writeln!(text, "    tracks script {name}: {}", effect(track.weight));
    }
    for track in &router.track_interfaces {
        let _ =
            writeln!(text, "    tracks interface {}: {}", track.interface, effect(track.weight));
    }
}

/// How adverts are sent, and from which sources they are accepted.
fn delivery(router: &Router) -> String {
    let (family, peers) = (router.family(), router.peer_list());
    let mac = match (router.virtual_mac, router.delivery) {
        (false, _) => "",
        (true, Delivery::Multicast(_)) => ", with the virtual MAC",
        (true, Delivery::Unicast) => "; announcements and answers with the virtual MAC",
    };
    let hmac = router
        .hmac
        .as_ref()
        .map_or(String::new(), |hmac| format!(", HMAC {} with key {}", hmac.mode, hmac.send));
    match router.delivery {
        Delivery::Unicast => format!("{family} unicast to and from {peers}{hmac}{mac}"),
        Delivery::Multicast(group) => {
            let from = if peers.is_empty() { "any source" } else { &peers };
            format!("{family} multicast to {group}, from {from}{hmac}{mac}")
        }
    }
}

/// The master down interval, in whole milliseconds. The address owner does not wait.
fn silence(router: &Router) -> Duration {
    if router.priority == u8::MAX {
        return Duration::ZERO;
    }
    let exact = timing::master_down_interval(router.version, router.priority, router.interval);
    Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX))
}

fn name_address(address: &VirtualAddress, router: &Router) -> String {
    let mut name = address.address.to_string();
    let longest = if address.address.is_ipv4() { 32 } else { 128 };
    if address.prefix_len != longest {
        let _ = write!(name, "/{}", address.prefix_len);
    }
    if let Some(device) = address.device.as_ref().filter(|device| **device != router.interface) {
        let _ = write!(name, " on {device}");
    }
    if let Some(label) = &address.label {
        let _ = write!(name, " ({label})");
    }
    name
}

fn effect(weight: Weight) -> String {
    let Weight { value, reverse } = weight;
    let [succeeds, fails] = if reverse { ["fails", "succeeds"] } else { ["succeeds", "fails"] };
    match value {
        0 if reverse => "its success is a fault".to_owned(),
        0 => "its failure is a fault".to_owned(),
        1.. => format!("priority {value:+} while it {succeeds}"),
        _ => format!("priority {value} while it {fails}"),
    }
}

fn describe_script(text: &mut String, script: &Script) {
    let _ = writeln!(
        text,
        "  script {}: {:?} each {:?}, at most {:?}, good after {}, bad after {}, as {}",
        script.name,
        script.command.words,
        script.interval,
        script.timeout,
        script.rise,
        script.fall,
        script.command.user.as_deref().unwrap_or("the agent's user"),
    );
    if let Some(recover) = &script.recover {
        let (words, attempts) = (&recover.command.words, recover.attempts);
        let _ = writeln!(text, "    before a failure counts: {words:?}, {attempts} in a row");
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
