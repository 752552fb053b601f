//! Compares a configuration with the facts about this host.

use std::net::IpAddr;

use super::programs::Trial;
use super::{AS_STARTED, Facts};
use crate::net::nat_sysctls::Lack;
use vrrp_config::{Diagnostic, Severity};
use vrrp_model::host::Link;
use vrrp_model::{Backend, Config, Delivery, Family, Peer, Router, Service, XdpUse};
use vrrp_steering::desired::{self, Unbound};

/// Bit, name, and what does not work without it (capabilities(7)).
const ALWAYS: [(u32, &str, &str); 2] = [
    (12, "CAP_NET_ADMIN", "no address can be installed"),
    (13, "CAP_NET_RAW", "no advert can be sent or read"),
];
const FOR_PROGRAMS: [(u32, &str, &str); 2] = [
    (39, "CAP_BPF", "the kernel program cannot be loaded"),
    (38, "CAP_PERFMON", "the kernel program cannot be loaded"),
];

const WAITED_FOR: &str = "the agent waits for it; until then nothing is steered";

/// Errors: a router would be in fault, or a script would never run. Warnings: the agent works, but
/// not everything as configured.
pub fn findings(config: &Config, facts: &Facts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for router in &config.routers {
        found.extend(binding(router, facts));
        found.extend(crowded(router, facts));
        found.extend(devices(router, facts));
        found.extend(distant(router, facts));
    }
    found.extend(config.routers.iter().flat_map(|router| held(router, facts)));
    for (script, why) in config.scripts.iter().zip(&facts.scripts) {
        found.extend(
            why.as_ref().map(|why| error(format!("script {} cannot be run: {why}", script.name))),
        );
    }
    found.extend(config.services.iter().flat_map(|service| unreachable(service, facts)));
    found.extend(facts.forwarding.iter().map(forwarding));
    found.extend(facts.hidden_tags.iter().map(|interface| hidden_tags(interface)));
    for (upstream, why) in config.upstreams.iter().zip(&facts.upstreams) {
        let say = |why| warning(format!("upstream {}: {why}", upstream.name)).help(WAITED_FOR);
        found.extend(why.as_ref().map(say));
    }
    found.extend(facts.programs.iter().filter_map(Trial::finding));
    found.extend(capabilities(config, facts));
    for degraded in &facts.thread {
        found.push(
            warning(format!("the election thread would run with reduced privileges: {degraded}"))
                .help(AS_STARTED),
        );
    }
    if loads_programs(config) && !facts.bpffs {
        let help = match config.upstreams.is_empty() {
            true => "mount -t bpf bpf /sys/fs/bpf, or set xdp = \"off\"",
            false => "mount -t bpf bpf /sys/fs/bpf",
        };
        found.push(
            warning(format!("{} is not on a bpffs: no kernel program", config.bpf_dir.display()))
                .help(help),
        );
    }
    if let (Some(address), Some(why), false) = (config.metrics, &facts.metrics, facts.agent_runs) {
        found.push(warning(format!("no metrics: cannot listen on {address}: {why}")));
    }
    if let Some(id) = facts.keepalived.first() {
        let help = "stop keepalived, or give it other VRIDs and set pass_foreign_vrids = true";
        found.push(warning(format!("keepalived runs on this host (process {id})")).help(help));
    }
    found.sort_by_key(|diagnostic| diagnostic.severity);
    found
}

/// Whether the router could take part in the election now.
fn binding(router: &Router, facts: &Facts) -> Option<Diagnostic> {
    let (name, interface) = (&router.name, &router.interface);
    let Some(link) = facts.network.link_by_name(interface) else {
        return Some(
            error(format!("{name}: interface {interface} does not exist")).help(interfaces(facts)),
        );
    };
    if !link.up {
        return Some(error(format!("{name}: interface {interface} is down")));
    }
    match (desired::binding(router, &facts.network), router.source) {
        (Err(Unbound::NoAddress | Unbound::NoLinkLocal), _) => {
            let kind = match router.family() {
                Family::V4 => "IPv4 address",
                Family::V6 => "usable link-local IPv6 address",
            };
            Some(error(format!("{name}: interface {interface} has no {kind} to send adverts from")))
        }
        (Err(why @ Unbound::NoSource(_)), _) => Some(
            error(format!("{name}: {why}"))
                .help("the router is in fault until the address is there"),
        ),
        (Err(why), _) => Some(error(format!("{name}: {why}"))),
        (Ok(_), Some(source)) if !link.addresses.iter().any(|held| held.address == source) => {
            Some(warning(format!("{name}: the source address {source} is not on {interface}")))
        }
        (Ok(_), _) => None,
    }
}

/// Addresses that do not fit into an advert at the MTU of the interface.
fn crowded(router: &Router, facts: &Facts) -> Option<Diagnostic> {
    let link = facts.network.link_by_name(&router.interface)?;
    let (all, fitting) = (router.addresses.len(), router.capacity(link.mtu));
    let say = || {
        let (name, interface, mtu) = (&router.name, &router.interface, link.mtu);
        let message = format!(
            "{name}: an advert holds {fitting} of {all} addresses at the MTU of {interface}, {mtu}"
        );
        warning(message).help(
            "the others are installed, but not advertised; the nodes of a router need the same MTU",
        )
    };
    (all > fitting).then(say)
}

/// Other interfaces that the router names.
fn devices(router: &Router, facts: &Facts) -> Vec<Diagnostic> {
    let known = |interface: &str| facts.network.link_by_name(interface);
    let mut found = Vec::new();
    for virtual_address in router.addresses.iter().chain(&router.excluded_addresses) {
        if let Some(device) =
            virtual_address.device.as_ref().filter(|device| known(device).is_none())
        {
            let address = virtual_address.address;
            found.push(error(format!(
                "{}: {address} belongs on interface {device}, which does not exist",
                router.name
            )));
        }
    }
    for tracked in &router.track_interfaces {
        let (interface, weight) = (&tracked.interface, tracked.weight);
        let state = match known(interface) {
            None => "does not exist",
            Some(Link { up: false, .. }) => "is down",
            Some(_) => continue,
        };
        let message = format!("{}: tracked interface {interface} {state}", router.name);
        found.push(if weight.value == 0 { error(message) } else { warning(message) });
    }
    found
}

/// Unicast peers that are not on a network of the interface: routers decrement the TTL of their
/// adverts.
fn distant(router: &Router, facts: &Facts) -> Vec<Diagnostic> {
    let Some(link) = facts
        .network
        .link_by_name(&router.interface)
        .filter(|_| router.delivery == Delivery::Unicast)
    else {
        return Vec::new();
    };
    let is_near = |peer: IpAddr| {
        link.addresses.iter().any(|held| same_network(held.address, peer, held.prefix_len))
    };
    let far = router.peers.iter().filter(|peer| peer.min_ttl == u8::MAX && !is_near(peer.address));
    let say = |peer: &Peer| {
        let (name, address, interface) = (&router.name, peer.address, &router.interface);
        let message = format!(
            "{name}: the peer {address} is on no network of {interface}: routers decrement its adverts' TTL below 255"
        );
        let help = format!(
            "accept them with {{ address = \"{address}\", min_ttl = 254 }}, less for more than one router"
        );
        warning(message).help(help)
    };
    far.map(say).collect()
}

/// Whether the first `length` bits agree; `false` between the families.
fn same_network(one: IpAddr, other: IpAddr, length: u8) -> bool {
    let beyond = |bits: u32| bits.saturating_sub(u32::from(length));
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(beyond(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(beyond(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Backends without a route.
fn unreachable(service: &Service, facts: &Facts) -> Vec<Diagnostic> {
    let lost =
        service.targets().filter(|target| facts.network.routes.get(&target.address) == Some(&None));
    let say = |target: &Backend| {
        warning(format!("{}: no route to the backend {}", service.name, target.address))
    };
    lost.map(say).collect()
}

fn forwarding(lack: &Lack) -> Diagnostic {
    let Lack { found, wanted, .. } = lack;
    let message = format!("{} is {found}, and NAT needs {wanted}", lack.key());
    match lack.is_for_all() {
        true => warning(message).help(
            "it concerns every interface, so the agent does not change it: set it with sysctl(8)",
        ),
        false => warning(message).help("the agent sets it when it starts"),
    }
}

fn hidden_tags(interface: &str) -> Diagnostic {
    let message = format!(
        "{interface} removes VLAN tags from frames (rx-vlan-offload), and its driver cannot turn that off"
    );
    warning(message)
        .help("the XDP program sees VRRP adverts of its VLANs as untagged: use other VRIDs there, or xdp = \"off\"")
}

/// Virtual addresses that are on this host already although no agent runs.
fn held(router: &Router, facts: &Facts) -> Vec<Diagnostic> {
    if facts.agent_runs {
        return Vec::new();
    }
    let help = match facts.keepalived.is_empty() {
        true => {
            "remove it from the host's own configuration; `vrrp-agent detach` removes what a killed agent left"
        }
        false => "keepalived seems to be its master",
    };
    let holder = |address: IpAddr| {
        let mut links = facts.network.links.values();
        links.find(|link| link.addresses.iter().any(|held| held.address == address))
    };
    let on = |address: IpAddr| holder(address).map(|link| (address, &link.name));
    let say = |(address, link)| {
        warning(format!("{}: {address} is on {link} already", router.name)).help(help)
    };
    router.all_addresses().filter_map(on).map(say).collect()
}

fn capabilities(config: &Config, facts: &Facts) -> Vec<Diagnostic> {
    let Some(held) = facts.capabilities else {
        return vec![warning("the capabilities of this process cannot be read".to_owned())];
    };
    let wanted = ALWAYS.iter().chain(FOR_PROGRAMS.iter().filter(|_| loads_programs(config)));
    let missing = wanted.filter(|(bit, _, _)| held & (1 << bit) == 0);
    missing
        .map(|(_, name, lost)| {
            warning(format!("this process has no {name}: {lost}")).help(AS_STARTED)
        })
        .collect()
}

/// Whether the configuration needs a kernel program.
fn loads_programs(config: &Config) -> bool {
    config.xdp != XdpUse::Off || !config.upstreams.is_empty()
}

fn interfaces(facts: &Facts) -> String {
    let names: Vec<&str> = facts
        .network
        .links
        .values()
        .map(|link| link.name.as_str())
        .filter(|name| *name != "lo")
        .collect();
    format!("interfaces here: {}", names.join(", "))
}

fn error(message: String) -> Diagnostic {
    Diagnostic::host(Severity::Error, message)
}

fn warning(message: String) -> Diagnostic {
    Diagnostic::host(Severity::Warning, message)
}
