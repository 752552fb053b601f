//! Describes how a configured router would run.

use super::{OWNER, chosen, duration, line};
use vrrp_election::timing;
use vrrp_model::{Auth, Config, Delivery, Family, Router, Version, Weight};
use vrrp_steering::tracking;

/// Describes how router `name` (every router if `None`) of a file would run.
///
/// # Errors
/// There is no such router; the error lists the names.
pub fn plan(config: &Config, name: Option<&str>) -> Result<String, String> {
    let wanted = chosen(&config.routers, name, |router| &router.name)?;
    Ok(wanted.into_iter().map(|router| router_plan(config, router)).collect::<Vec<_>>().join("\n"))
}

fn router_plan(config: &Config, router: &Router) -> String {
    let (version, auth) = match (router.version, router.auth) {
        (Version::V2, Auth::Pass(_)) => ("VRRPv2", " with password"),
        (Version::V2, Auth::None) => ("VRRPv2", ""),
        (Version::V3, _) => ("VRRPv3", ""),
    };
    let (name, vrid, interface, family) =
        (&router.name, router.vrid, &router.interface, router.family());
    let mut text = format!("{name}: VRID {vrid} on {interface}, {version} over {family}{auth}\n");
    let index = config.routers.iter().position(|known| known.name == *name);
    if let Some((group, others)) = index.and_then(|index| config.group_of(index)) {
        line(
            &mut text,
            "group",
            &format!("{}: master together with {}, or not at all", group.name, others.join(", ")),
        );
    }
    let (low, high) = tracking::range(router);
    let reach = if low == high { low.to_string() } else { format!("{low} to {high}") };
    line(
        &mut text,
        "priority",
        &format!("{reach} = {} configured{}", router.priority, parts(config, router)),
    );
    for fault in faults(config, router) {
        line(&mut text, "fault", &format!("while {fault}"));
    }
    line(&mut text, "takes over", &takeover(router, low, high));
    line(&mut text, "preempts", &preemption(router));
    line(&mut text, "adverts", &adverts(router));
    let lease = duration(router.interval * 3);
    line(
        &mut text,
        "as master",
        &format!("vouches for itself {lease} from each advert; no backup may take over before"),
    );
    let addresses: Vec<String> = router
        .addresses
        .iter()
        .chain(&router.excluded_addresses)
        .map(|virtual_address| virtual_address.address.to_string())
        .collect();
    line(&mut text, "addresses", &addresses.join(", "));
    text
}

/// The terms of the sum behind the configured priority.
fn parts(config: &Config, router: &Router) -> String {
    if router.priority == OWNER {
        return " (address owner: weights do not count)".to_owned();
    }
    let scripts =
        router.track_scripts.iter().map(|track| (script(config, track.script), track.weight));
    let interfaces = router
        .track_interfaces
        .iter()
        .map(|track| (format!("interface {}", track.interface), track.weight));
    let term = |(what, weight): (String, Weight)| {
        let [well, fails] = match weight.reverse {
            false => ["is well", "fails"],
            true => ["fails", "is well"],
        };
        match weight.value {
            0 => String::new(),
            value @ 1.. => format!(" + {value} while {what} {well}"),
            value => format!(" - {} while {what} {fails}", value.unsigned_abs()),
        }
    };
    scripts.chain(interfaces).map(term).collect()
}

fn faults(config: &Config, router: &Router) -> Vec<String> {
    let mut all = vec![format!("interface {} is down or has no address", router.interface)];
    let scripts = router.track_scripts.iter().filter(|track| track.weight.value == 0);
    all.extend(scripts.map(|track| {
        let verb = if track.weight.reverse { "succeeds" } else { "fails" };
        format!("{} {verb}", script(config, track.script))
    }));
    let interfaces = router.track_interfaces.iter().filter(|track| track.weight.value == 0);
    all.extend(interfaces.map(|track| {
        let state = if track.weight.reverse { "up" } else { "down" };
        format!("interface {} is {state}", track.interface)
    }));
    all
}

fn script(config: &Config, index: usize) -> String {
    format!("script {}", config.scripts.get(index).map_or("?", |script| script.name.as_str()))
}

fn takeover(router: &Router, low: u8, high: u8) -> String {
    if router.priority == OWNER {
        return "at once when it starts: it is the address owner".to_owned();
    }
    let at = |priority| {
        let (version, interval) = (router.version, router.interval);
        let down = duration(timing::master_down_interval(version, priority, interval));
        let skew = duration(timing::skew(version, priority, interval));
        format!(
            "{down} of silence (3 x {} + skew {skew}) with priority {priority}",
            duration(interval)
        )
    };
    let learned = match router.version {
        Version::V2 => "",
        Version::V3 => "; a backup uses the master's interval",
    };
    match low == high {
        true => format!("after {}{learned}", at(high)),
        false => format!("after {}, {}{learned}", at(high), at(low)),
    }
}

fn preemption(router: &Router) -> String {
    match (router.priority == OWNER || router.preempt, router.preempt_delay) {
        (false, _) => {
            "no: a master of lower priority stays until it is silent or leaves".to_owned()
        }
        (true, delay) if delay.is_zero() || router.priority == OWNER => {
            "a master of lower priority, when the master down timer expires".to_owned()
        }
        (true, delay) => {
            format!("a master of lower priority, after following it for {}", duration(delay))
        }
    }
}

fn adverts(router: &Router) -> String {
    let kind = match router.family() {
        Family::V4 => "primary",
        Family::V6 => "link-local",
    };
    let from = router
        .source
        .map_or(format!("the {kind} address of {}", router.interface), |source| source.to_string());
    let interval = duration(router.interval);
    let mac = match (router.virtual_mac, router.delivery) {
        (false, _) => "",
        (true, Delivery::Multicast(_)) => "; they, announcements and answers carry the virtual MAC",
        (true, Delivery::Unicast) => "; announcements and answers carry the virtual MAC",
    };
    let peers = router.peer_list();
    let way = match router.delivery {
        Delivery::Unicast => format!("by unicast to {peers}, accepted from them alone"),
        Delivery::Multicast(group) => {
            let accepted = if peers.is_empty() { "any source" } else { &peers };
            format!("to {group}, accepted from {accepted}")
        }
    };
    let hmac = router
        .hmac
        .as_ref()
        .map_or(String::new(), |hmac| format!(", HMAC {} with key {}", hmac.mode, hmac.send));
    format!("each {interval} from {from} {way}{hmac}{mac}")
}
