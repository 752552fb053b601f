//! What the election thread gets: the interface of each router, its priority, its faults. Only
//! changes are sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vrrp_common::maps::{ROUTER_V6, RouterConf};

use crate::effects::Announced;
use crate::elector::{Command, Elector, Hold, RouterView, View};
use crate::plane::PlaneError;
use crate::plane::mastership::{Mastership, MastershipMaps};
use vrrp_model::host::HostView;
use vrrp_model::host::Interface;
use vrrp_model::time::Instant;
use vrrp_model::{Config, Family, Router, RouterIdx};
use vrrp_steering::desired::{self, Binding, Desired, Unbound};
use vrrp_steering::running_config::RunningConfig;
use vrrp_steering::tracking::{Effective, Fault, Track};

/// Gives every router its index in the maps; without maps, its number.
///
/// # Errors
/// The maps have no room, or cannot be written.
pub fn indices(
    config: &Config,
    host: &HostView,
    words: Option<&mut MastershipMaps>,
) -> Result<Vec<RouterIdx>, PlaneError> {
    let Some(words) = words else {
        return Ok((0..config.routers.len() as u32).map(RouterIdx::new).collect());
    };
    let wanted: Vec<RouterConf> = config
        .routers
        .iter()
        .map(|router| {
            let ifindex = host.link_by_name(&router.interface).map_or(0, |link| link.index);
            RouterConf {
                ifindex,
                vrid: router.vrid,
                flags: if router.family() == Family::V6 { ROUTER_V6 } else { 0 },
                ..RouterConf::default()
            }
        })
        .collect();
    words.assign_indexes(&wanted)
}

/// Indices of masterships that an earlier agent left and that no fence has ended.
///
/// # Errors
/// The maps cannot be read.
pub fn resumable(
    indices: &[RouterIdx],
    words: Option<&MastershipMaps>,
) -> Result<BTreeSet<RouterIdx>, PlaneError> {
    let mut resumable = BTreeSet::new();
    if let Some(words) = words {
        for &idx in indices {
            if words.inherited(idx)?.is_active() {
                resumable.insert(idx);
            }
        }
    }
    Ok(resumable)
}

/// What the thread got last, by index in the maps.
pub struct ElectionSync {
    told: BTreeMap<RouterIdx, LastSent>,
    /// Sync groups as sent last.
    groups: Vec<Vec<RouterIdx>>,
    /// Until everything was made true once, rings included, only these may stand: masterships that
    /// an earlier agent left. The others wait, or they could win an election before the kernel is
    /// ready for what follows.
    first: Option<BTreeSet<RouterIdx>>,
    /// Those that wait do so no longer than this, should a health check hang.
    ready_by: Instant,
    /// No elections before this time (`startup_delay`).
    open_at: Instant,
    /// Counts the configurations that were sent.
    revision: u64,
}

#[derive(Debug, Clone, Default)]
struct LastSent {
    router: Option<Router>,
    /// `None`: not sent yet. `Some(None)`: sent that there is none.
    binding: Option<Option<(Interface, [u8; 6], IpAddr)>>,
    /// Why there is none, as logged last.
    unseated: Option<Unbound>,
    /// How many of the addresses to be advertised fit, as logged last.
    fitting: Option<usize>,
    priority: Option<u8>,
    hold: Hold,
    accepts: bool,
    /// Of the configuration that was sent last.
    revision: u64,
}

impl ElectionSync {
    pub fn new(config: &Config, resumable: BTreeSet<RouterIdx>, now: Instant) -> Self {
        Self {
            told: BTreeMap::new(),
            groups: Vec::new(),
            first: Some(resumable),
            ready_by: now + vrrp_steering::startup_gate::patience(config.checks()),
            open_at: now + config.startup_delay,
            revision: 0,
        }
    }

    /// Whether all routers may take part in the election.
    pub fn are_open(&self) -> bool {
        self.first.is_none()
    }

    /// The first full reconcile is done: elections start, if the checks of all
    /// backends have had a first result, or had time for one. Returns when to ask again.
    pub fn open(&mut self, now: Instant, unchecked: usize) -> Option<Instant> {
        if self.first.is_some() && unchecked > 0 {
            if now < self.ready_by {
                return Some(self.ready_by);
            }
            tracing::warn!(unchecked, "the election starts before every health check has a result");
        }
        self.first = None;
        None
    }

    /// Sends the thread what changed. Configuration, priority and fault come before the binding,
    /// so that no election starts with less than is known.
    pub fn follow(
        &mut self,
        now: Instant,
        running: &RunningConfig,
        host: &HostView,
        track: &Track,
        elector: &Elector,
    ) {
        if now < self.open_at {
            return;
        }
        // Before anything else: no member may act alone, and a router that leaves is no longer
        // waited for.
        self.follow_groups(running, elector);
        self.told.retain(|idx, _| running.indices.contains(idx));
        for (idx, router) in running.routers() {
            if running.leaving.contains(&idx) {
                // Should it come back, everything is sent again.
                self.told.remove(&idx);
                continue;
            }
            if self.first.as_ref().is_some_and(|first| !first.contains(&idx)) {
                continue;
            }
            let told = self.told.entry(idx).or_default();
            let router = told.fit(router, host);
            let router = router.as_ref();
            if told.router.as_ref() != Some(router) {
                told.router = Some(router.clone());
                self.revision += 1;
                told.revision = self.revision;
                elector.send(Command::Configure { idx, router: Box::new(router.clone()) });
            }
            told.follow_track(idx, router, &track.effective(router), elector);
            told.follow_binding(idx, router, host, elector);
        }
    }

    /// Tells the thread which routers are masters together.
    pub fn follow_groups(&mut self, running: &RunningConfig, elector: &Elector) {
        let groups = running.groups();
        if groups != self.groups {
            self.groups.clone_from(&groups);
            elector.send(Command::Groups(groups));
        }
    }

    /// Tells the thread for which routers announcements need not wait: all their addresses have
    /// local routes.
    pub fn follow_routes(&mut self, running: &RunningConfig, desired: &Desired, elector: &Elector) {
        for (idx, router) in running.routers() {
            let Some(told) = self.told.get_mut(&idx) else {
                continue;
            };
            let accepts =
                router.all_addresses().all(|address| desired.local_routes.contains(&address));
            if accepts != told.accepts {
                told.accepts = accepts;
                elector.send(Command::Accepts { idx, accepts });
            }
        }
    }

    /// By index in the maps: the masterships whose addresses are to be announced once they are
    /// installed.
    pub fn masterships(&self, view: &View) -> BTreeMap<RouterIdx, Announced> {
        let mastership = |(&idx, router): (&RouterIdx, &RouterView)| {
            let revision = self.told.get(&idx)?.revision;
            Some((idx, Announced { epoch: router.epoch?, revision }))
        };
        view.routers.iter().filter_map(mastership).collect()
    }
}

impl LastSent {
    /// The router with the advertised addresses that fit an advert on its interface as it is now.
    fn fit<'a>(&mut self, router: &'a Router, host: &HostView) -> Cow<'a, Router> {
        let Some(mtu) = host.link_by_name(&router.interface).map(|link| link.mtu) else {
            return Cow::Borrowed(router);
        };
        let fitted = router.fitted(mtu);
        let (fitting, all) = (fitted.addresses.len(), router.addresses.len());
        if fitting < all && self.fitting != Some(fitting) {
            let (instance, interface) = (&router.name, &router.interface);
            tracing::warn!(
                instance,
                interface,
                mtu,
                "an advert holds {fitting} of {all} addresses here: the others are installed, but not advertised; the other \
                 nodes need the same MTU"
            );
        }
        self.fitting = Some(fitting);
        fitted
    }

    fn follow_track(
        &mut self,
        idx: RouterIdx,
        router: &Router,
        effective: &Effective,
        elector: &Elector,
    ) {
        if self.priority.unwrap_or(router.priority) != effective.priority {
            elector.send(Command::Priority { idx, priority: effective.priority });
        }
        self.priority = Some(effective.priority);
        let hold = match effective.fault {
            None => Hold::Free,
            Some(Fault::ScriptPending(_)) => Hold::Pending,
            Some(Fault::Script(_) | Fault::Interface(_)) => Hold::Fault,
        };
        if hold != self.hold {
            self.hold = hold;
            elector.send(Command::Hold { idx, hold });
        }
    }

    fn follow_binding(
        &mut self,
        idx: RouterIdx,
        router: &Router,
        host: &HostView,
        elector: &Elector,
    ) {
        let found = desired::binding(router, host);
        let why = found.as_ref().err().cloned();
        if why != self.unseated
            && let Some(why) = &why
        {
            tracing::warn!(instance = router.name, interface = router.interface, "fault: {why}");
        }
        self.unseated = why;
        let binding = found.ok().map(|Binding { interface, mac, source }| (interface, mac, source));
        if self.binding.as_ref() == Some(&binding) {
            return;
        }
        match &binding {
            Some((interface, mac, source)) => {
                let (interface, mac, source) = (interface.clone(), *mac, *source);
                elector.send(Command::Up { idx, interface, mac, source });
            }
            None => {
                // Where the link still works, a priority 0 tells the peers that this node leaves.
                let link_up = host.link_by_name(&router.interface).is_some_and(|link| link.up);
                elector.send(Command::Down { idx, link_up });
            }
        }
        self.binding = Some(binding);
    }
}
