//! `vrrp-agent explain`: why a running router is what it is and what it waits for ([`now`]), or
//! what a file would make it do ([`plan`]).
//!
//! Pure: a status or a model goes in, text comes out.

mod plan;

use std::fmt::Write;
use std::time::Duration;

use crate::{InterfaceStatus, RouterStatus, Status, TrackedStatus};
use vrrp_election::Role;
use vrrp_model::suggest;

pub use plan::plan;

/// Priority of the address owner (RFC 9568 section 6.1).
const OWNER: u8 = 255;

/// The reasons for the role of router `name` (every router if `None`) of a running agent.
///
/// # Errors
/// There is no such router; the error lists the names.
pub fn now(status: &Status, name: Option<&str>) -> Result<String, String> {
    let wanted = chosen(&status.routers, name, |router| &router.name)?;
    let explain = |router: &RouterStatus| {
        let interface =
            status.interfaces.iter().find(|interface| interface.name == router.interface);
        router_now(router, interface)
    };
    Ok(wanted.into_iter().map(explain).collect::<Vec<_>>().join("\n"))
}

fn chosen<'a, T>(
    all: &'a [T],
    name: Option<&str>,
    name_of: fn(&T) -> &String,
) -> Result<Vec<&'a T>, String> {
    let wanted: Vec<&T> =
        all.iter().filter(|one| name.is_none_or(|name| name_of(one) == name)).collect();
    match (name, wanted.is_empty()) {
        (Some(name), true) => {
            let names: Vec<&str> = all.iter().map(|one| name_of(one).as_str()).collect();
            Err(suggest::unknown("virtual router", name, &names))
        }
        _ => Ok(wanted),
    }
}

fn router_now(router: &RouterStatus, interface: Option<&InterfaceStatus>) -> String {
    let mut text = format!(
        "{}: {}{} for {} (VRID {} on {}, VRRPv{})\n",
        router.name,
        router.role,
        if router.fenced { ", fenced" } else { "" },
        millis((router.since_seconds * 1_000.0) as u64),
        router.vrid,
        router.interface,
        router.version,
    );
    line(&mut text, "why", &router.why());
    if let Some(group) = &router.group {
        line(
            &mut text,
            "group",
            &format!("{group}: master together with its other members, or not at all"),
        );
    }
    line(&mut text, "priority", &sum(router));
    if let Some(master) = router.master.as_ref().filter(|_| router.role == Role::Backup) {
        let heard = router
            .master_heard_ms
            .map_or(String::new(), |ms| format!(", heard {} ago", millis(ms)));
        line(
            &mut text,
            "master",
            &format!("{}, priority {}{heard}", master.source, master.priority),
        );
    }
    line(&mut text, "next", &next(router));
    let (interval, down) = (millis(router.interval_ms), millis(router.master_down_ms));
    line(
        &mut text,
        "timers",
        &format!("adverts each {interval}, master down after {down} of silence"),
    );
    if let Some(left) = router.lease_remaining_ms {
        line(&mut text, "lease", &lease(left));
    }
    if let (Some(last), Some(least)) =
        (router.lease_margin_seconds, router.lease_margin_min_seconds)
    {
        line(
            &mut text,
            "renewal",
            &format!("with {last:.3} s left of the lease before, {least:.3} s at worst"),
        );
    }
    line(&mut text, "adverts", &adverts(router));
    let held = |address: &crate::AddressStatus| match address.installed {
        true => format!("{} installed", address.address),
        false => format!("{} not installed", address.address),
    };
    line(&mut text, "addresses", &router.addresses.iter().map(held).collect::<Vec<_>>().join(", "));
    if let Some(interface) = interface {
        line(&mut text, "link", if interface.up { "up" } else { "down" });
        let reason =
            interface.xdp.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        line(&mut text, "XDP", &format!("{}{reason}", interface.xdp.mode));
    }
    text
}

fn line(text: &mut String, what: &str, value: &str) {
    let _ = writeln!(text, "  {what:<10} {value}");
}

/// `90 = 100 - 10 (script chk_nginx is bad) + 0 (interface eth2 is good)`.
fn sum(router: &RouterStatus) -> String {
    let mut text = format!("{} = {}", router.priority, router.base_priority);
    if router.base_priority == OWNER {
        text.push_str(" (address owner: weights do not count)");
        return text;
    }
    let mut total = i32::from(router.base_priority);
    for tracked in &router.tracking {
        total += i32::from(tracked.contributes);
        let sign = if tracked.contributes < 0 { '-' } else { '+' };
        let TrackedStatus { kind, name, state, contributes, .. } = tracked;
        let fault = if tracked.is_fault() { ": fault" } else { "" };
        let _ = write!(
            text,
            " {sign} {} ({kind} {name} is {state}{fault})",
            contributes.unsigned_abs()
        );
    }
    let kept = total.clamp(1, 254);
    if kept != total {
        text.push_str(", kept within 1 to 254");
    }
    if kept != i32::from(router.priority) {
        text.push_str(", not in force yet");
    }
    text
}

/// What the router waits for.
fn next(router: &RouterStatus) -> String {
    let in_time = router.deadline_ms.map_or("soon".to_owned(), |ms| format!("in {}", millis(ms)));
    match router.role {
        Role::Init | Role::Fault => {
            let missing: Vec<String> = router
                .tracking
                .iter()
                .filter(|tracked| tracked.is_fault())
                .map(|tracked| {
                    let wanted = if tracked.reverse { "bad" } else { "good" };
                    format!("{} {} to be {wanted}", tracked.kind, tracked.name)
                })
                .collect();
            match missing.is_empty() {
                true => {
                    "waits until its interface is up and has an address, and startup_delay is over"
                        .to_owned()
                }
                false => format!("waits for {}", missing.join(" and ")),
            }
        }
        Role::Backup => match &router.master {
            None => format!("takes over {in_time} unless a master advertises"),
            Some(master) if master.priority >= router.priority => {
                format!(
                    "takes over {in_time} unless the master advertises: its priority {} is not below ours",
                    master.priority
                )
            }
            Some(master) if router.standby_seconds.is_some() => {
                let yields = format!("it has {}, but this router is on standby", master.priority);
                format!("takes over {in_time} unless the master advertises: {yields}")
            }
            Some(master) if !router.preempt => {
                format!(
                    "takes over {in_time} unless the master advertises: it has {}, but this router does not preempt",
                    master.priority
                )
            }
            Some(master) => {
                let put_off = "each of its adverts postpones that while preempt_delay runs";
                format!(
                    "preempts the master of lower priority {} {in_time}; {put_off}",
                    master.priority
                )
            }
        },
        Role::Master if router.fenced => {
            "is not active: another master advertised after the lease had lapsed; steps down"
                .to_owned()
        }
        Role::Master => format!("next advert {in_time}; yields to a higher priority"),
        Role::Releasing => {
            format!("is active until its successor advertises, stops {in_time} at the latest")
        }
    }
}

fn lease(left_ms: i64) -> String {
    match u64::try_from(left_ms) {
        Ok(ms) => format!("good for {}: no backup may take over before", millis(ms)),
        Err(_) => format!(
            "lapsed {} ago: the next advert of another master fences this node",
            millis(left_ms.unsigned_abs())
        ),
    }
}

fn adverts(router: &RouterStatus) -> String {
    let from = match router.peers.is_empty() {
        true => "any source".to_owned(),
        false => router.peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    format!("sent {}, heard {}, accepted from {from}", router.adverts_sent, router.adverts_received)
}

/// `3.609 s`, `250 ms`.
fn millis(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

/// To the millisecond.
fn duration(value: Duration) -> String {
    let ms = value.as_millis();
    match ms % 1_000 {
        _ if ms < 1_000 => format!("{ms} ms"),
        0 => format!("{} s", ms / 1_000),
        rest => format!("{}.{rest:03} s", ms / 1_000),
    }
}

#[cfg(test)]
mod tests;
