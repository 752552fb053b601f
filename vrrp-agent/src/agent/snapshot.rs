//! The status from what the loop, the election thread and the kernel program know.

mod services;
mod upstreams;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::reason::Reason;

use super::knowledge::ReloadFacts;
use super::observed::Observed;
use super::tracking::tracking;
use crate::effects::{HookFacts, TagsSeen};
use crate::elector::{RouterView, View};
use crate::plane::attach::Mode;
use crate::plane::counters::Counters;
use crate::shortage;
use services::services;
use vrrp_election::Role;
use vrrp_model::host::XdpMode as HostXdpMode;
use vrrp_model::time::Instant;
use vrrp_model::{Config, Router, RouterIdx, Version};
use vrrp_status::{
    AddressStatus, ElectionStatus, HistogramStatus, InterfaceStatus, MasterStatus, ReloadStatus,
    RouterStatus, SCHEMA, ScriptState, ScriptStatus, Status, VlanTags, XdpMode, XdpStatus,
};
use vrrp_steering::desired;
use vrrp_steering::tracking::Health;

/// Counters of the kernel program that have a field of their own in a router's status; the others
/// are listed by name.
const FIELDS: [RouterCounter; 6] = [
    RouterCounter::AdvertReceived,
    RouterCounter::PriorityZeroReceived,
    RouterCounter::LowerPriorityReceived,
    RouterCounter::ArpAnswered,
    RouterCounter::ArpSuppressed,
    RouterCounter::NotActive,
];

/// What does not change while the agent runs.
pub struct Fixed {
    pub config_path: PathBuf,
    /// What its conditions are compared with, where it is not the host's name.
    pub config_id: Option<String>,
    /// Instead of the file's `release_on_exit`.
    pub release_on_exit: Option<bool>,
    /// `None` without the kernel program.
    pub counters: Option<Counters>,
    pub started: Instant,
    pub started_unix: SystemTime,
}

/// What other tasks than the loop count.
pub struct Apart {
    pub election: ElectionStatus,
    /// By outcome.
    pub notify_commands: BTreeMap<String, u64>,
    pub notify_lines: BTreeMap<String, u64>,
    pub notify_mails: BTreeMap<String, u64>,
}

/// Builds the status as of `now`.
pub fn status(
    fixed: &Fixed,
    view: &View,
    observed: &Observed,
    apart: Apart,
    now: Instant,
    wall: SystemTime,
) -> Status {
    let config = &observed.running.config;
    Status {
        schema: SCHEMA,
        node: config.node.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_unix: unix(fixed.started_unix),
        uptime_seconds: now.saturating_since(fixed.started).as_secs_f64(),
        config: fixed.config_path.display().to_string(),
        reload: observed.reload.as_ref().map(reload),
        election: apart.election,
        notify_commands: apart.notify_commands,
        notify_lines: apart.notify_lines,
        notify_mails: apart.notify_mails,
        interfaces: interfaces(fixed, view, observed),
        routers: routers(fixed, view, observed, now, wall),
        services: services(fixed, observed, now),
        flips: observed.plane.flips.as_ref().map(HistogramStatus::from).unwrap_or_default(),
        upstreams: upstreams::upstreams(observed, now),
        scripts: scripts(config, observed),
        shortages: shortage::counts()
            .map(|(undone, count)| (undone.label().to_owned(), count))
            .into(),
    }
}

fn routers(
    fixed: &Fixed,
    view: &View,
    observed: &Observed,
    now: Instant,
    wall: SystemTime,
) -> Vec<RouterStatus> {
    let of = |(index, (idx, conf))| {
        let router = view.routers.get(&idx)?;
        Some(RouterSight { fixed, observed, now, wall, index, idx, conf, router }.status())
    };
    observed.running.routers().enumerate().filter_map(of).collect()
}

fn reload(facts: &ReloadFacts) -> ReloadStatus {
    ReloadStatus {
        successful: facts.successful,
        message: facts.message.clone(),
        at_unix: unix(facts.at),
        success_at_unix: facts.success_at.map(unix),
    }
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn interfaces(fixed: &Fixed, view: &View, observed: &Observed) -> Vec<InterfaceStatus> {
    let routers = observed.running.config.routers.iter().map(|router| router.interface.as_str());
    // Those that lead to NAT backends need no router.
    let others = observed
        .plane
        .hooks
        .keys()
        .filter_map(|ifindex| observed.host.links.get(ifindex))
        .map(|link| link.name.as_str());
    let mut names: Vec<&str> = routers.chain(others).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| interface(fixed, view, observed, name)).collect()
}

fn interface(fixed: &Fixed, view: &View, observed: &Observed, name: &str) -> InterfaceStatus {
    let link = observed.host.link_by_name(name);
    let hook = link.and_then(|link| observed.plane.hooks.get(&link.index));
    let counted = fixed.counters.as_ref().zip(hook.and_then(|hook| hook.slot));
    let verdicts = counted.map_or_else(
        || Verdict::ALL.iter().map(|verdict| (verdict.label().to_owned(), 0)).collect(),
        |(counters, slot)| counters.verdicts(slot),
    );
    let mut dropped_adverts = counted.map_or_else(
        || {
            Reason::ALL
                .iter()
                .map(|reason| (reason.label().to_owned(), 0))
                .collect::<BTreeMap<_, _>>()
        },
        |(counters, slot)| counters.dropped_adverts(slot),
    );
    for ((interface, reason), count) in &view.dropped {
        if interface == name {
            *dropped_adverts.entry(reason.label().to_owned()).or_default() += count;
        }
    }
    InterfaceStatus {
        name: name.to_owned(),
        index: link.map_or(0, |link| link.index),
        up: link.is_some_and(|link| link.up),
        xdp: xdp(hook, link.and_then(|link| link.xdp).map(|xdp| xdp.mode)),
        vlan_tags: match hook.map(|hook| hook.tags).unwrap_or_default() {
            TagsSeen::Always => VlanTags::Seen,
            TagsSeen::TurnedOff => VlanTags::OffloadTurnedOff,
            TagsSeen::Stripped => VlanTags::Hidden,
        },
        verdicts,
        dropped_adverts,
    }
}

fn xdp(hook: Option<&HookFacts>, reported: Option<HostXdpMode>) -> XdpStatus {
    let Some(hook) = hook else {
        return XdpStatus {
            mode: XdpMode::Off,
            prog_id: None,
            reason: Some("the interface does not exist".to_owned()),
        };
    };
    let mode = match (hook.attached, hook.mode, reported) {
        (false, _, _) => XdpMode::Off,
        (true, Some(Mode::Generic), _) | (true, None, Some(HostXdpMode::Generic)) => {
            XdpMode::Generic
        }
        (true, _, _) => XdpMode::Driver,
    };
    XdpStatus { mode, prog_id: hook.program_id, reason: hook.reason.as_deref().map(str::to_owned) }
}

/// One router, and everything its status is made of.
struct RouterSight<'a> {
    fixed: &'a Fixed,
    observed: &'a Observed,
    now: Instant,
    wall: SystemTime,
    index: usize,
    idx: RouterIdx,
    conf: &'a Router,
    router: &'a RouterView,
}

impl RouterSight<'_> {
    fn status(&self) -> RouterStatus {
        let (conf, router) = (self.conf, self.router);
        let since = self.now.saturating_since(router.since);
        let counts = &router.counts;
        let lease = self.lease();
        RouterStatus {
            name: conf.name.clone(),
            vrid: conf.vrid,
            interface: conf.interface.clone(),
            group: self.group(),
            version: match conf.version {
                Version::V2 => 2,
                Version::V3 => 3,
            },
            role: router.role,
            reason: self.reason(),
            standby_seconds: router
                .standby_since
                .map(|standby| self.now.saturating_since(standby).as_secs_f64()),
            since_seconds: since.as_secs_f64(),
            last_transition_unix: unix(self.wall.checked_sub(since).unwrap_or(UNIX_EPOCH)),
            last_transition_reason: router.reason.map(|reason| reason.name().to_owned()),
            priority: router.priority,
            base_priority: conf.priority,
            tracking: tracking(&self.observed.running.config, self.observed, conf),
            master: self.master(),
            master_heard_ms: router.heard.map(|heard| millis(self.now.saturating_since(heard.at))),
            deadline_ms: router
                .deadline
                .map(|deadline| millis(deadline.saturating_since(self.now))),
            preempt: conf.preempt,
            peers: conf.peers.iter().map(|peer| peer.address).collect(),
            addresses: self.addresses(),
            not_advertised: self.not_advertised(),
            epoch: router.epoch.unwrap_or(0),
            fenced: router
                .epoch
                .is_some_and(|epoch| self.counters().is_some_and(|(c, idx)| c.fence(idx) == epoch)),
            lease_remaining_ms: lease,
            lease_margin_seconds: router.margins.last().map(|micros| micros as f64 / 1e6),
            lease_margin_min_seconds: router.margins.least().map(|micros| micros as f64 / 1e6),
            failovers: router.failovers.durations().into(),
            interval_ms: millis(router.interval),
            master_down_ms: millis(router.master_down),
            transitions: Role::ALL.into_iter().zip(counts.transitions).collect(),
            adverts_sent: counts.adverts_sent,
            adverts_received: counts.adverts_received,
            priority_zero_sent: counts.priority_zero_sent,
            priority_zero_received: counts.priority_zero_received,
            announcements_sent: counts.announcements_sent,
            arp_answered: self.count(RouterCounter::ArpAnswered),
            arp_suppressed: self.count(RouterCounter::ArpSuppressed),
            vip_dropped: self.count(RouterCounter::NotActive),
            lower_priority_adverts: counts.lower_priority_received,
            interval_errors: counts.interval_errors,
            address_list_errors: counts.address_list_errors,
            message_only_adverts: counts.message_only_received,
            events: self.events(),
        }
    }

    fn counters(&self) -> Option<(&Counters, RouterIdx)> {
        self.fixed.counters.as_ref().map(|counters| (counters, self.idx))
    }

    fn count(&self, counter: RouterCounter) -> u64 {
        self.counters().map_or(0, |(counters, idx)| counters.router(idx, counter))
    }

    fn events(&self) -> BTreeMap<String, u64> {
        let others = RouterCounter::ALL.iter().filter(|counter| !FIELDS.contains(counter));
        others.map(|&event| (event.label().to_owned(), self.count(event))).collect()
    }

    /// Milliseconds left of the lease; negative when it has lapsed.
    fn lease(&self) -> Option<i64> {
        let (counters, idx) = self.counters()?;
        self.router.epoch?;
        let until = i64::try_from(counters.lease_until(idx).as_micros()).ok()?;
        let now = i64::try_from(self.now.as_micros()).ok()?;
        Some((until - now) / 1_000)
    }

    fn group(&self) -> Option<String> {
        let groups = &self.observed.running.config.groups;
        groups
            .iter()
            .find(|group| group.members.contains(&self.index))
            .map(|group| group.name.clone())
    }

    fn reason(&self) -> String {
        let fault = match self.router.role {
            Role::Fault => self.observed.fault(self.conf),
            Role::Init | Role::Backup | Role::Master | Role::Releasing => None,
        };
        fault.unwrap_or_else(|| {
            self.router.reason.map_or_else(
                || "waiting for its interface".to_owned(),
                |reason| reason.name().to_owned(),
            )
        })
    }

    fn master(&self) -> Option<MasterStatus> {
        let own =
            || desired::binding(self.conf, &self.observed.host).ok().map(|binding| binding.source);
        match self.router.role {
            Role::Master | Role::Releasing => {
                own().map(|source| MasterStatus { source, priority: self.router.priority })
            }
            Role::Backup => {
                let heard = self.router.heard.filter(|heard| heard.priority != 0)?;
                Some(MasterStatus { source: heard.source, priority: heard.priority })
            }
            Role::Init | Role::Fault => None,
        }
    }

    fn not_advertised(&self) -> usize {
        let link = self.observed.host.link_by_name(&self.conf.interface);
        link.map_or(0, |link| {
            self.conf.addresses.len().saturating_sub(self.conf.capacity(link.mtu))
        })
    }

    fn addresses(&self) -> Vec<AddressStatus> {
        let held = |address: IpAddr| {
            self.observed
                .host
                .links
                .values()
                .any(|link| link.addresses.iter().any(|held| held.address == address))
        };
        self.conf
            .all_addresses()
            .map(|address| AddressStatus { address, installed: held(address) })
            .collect()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn scripts(config: &Config, observed: &Observed) -> Vec<ScriptStatus> {
    config
        .scripts
        .iter()
        .zip(observed.scripts.facts())
        .enumerate()
        .map(|(index, (script, facts))| ScriptStatus {
            name: script.name.clone(),
            state: match observed.track.script_health(index) {
                Health::Unknown => ScriptState::Unknown,
                Health::Good => ScriptState::Good,
                Health::Bad => ScriptState::Bad,
            },
            last_exit: facts.last_exit,
            last_duration_ms: facts.last_duration_ms,
            runs: facts.runs,
            failures: facts.failures,
            timeouts: facts.timeouts,
        })
        .collect()
}
