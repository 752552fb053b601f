//! The kernel's programs: their maps, rings and hooks, and the programs on the cgroups of
//! upstreams.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::kernel::Kernel;
use super::nat_sysctls;
use super::problems::Problems;
use super::steering::{HookFacts, PlaneFacts, RingFacts, Steering};
use super::upstreams::Upstreams;
use super::xdp_attach::{Hook, Hooks, Programs};
use crate::plane::loader::Plane;
use crate::plane::{PlaneError, counters::Counters};
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Service, XdpUse};
use vrrp_steering::desired::Desired;
use vrrp_steering::map_ids::MapIds;
use vrrp_steering::running_config::RunningConfig;

/// Everything the agent changes in the kernel's programs.
pub struct DataPlane {
    /// `None` without a kernel program: then the election and the addresses work alone.
    kernel: Option<Kernel>,
    hooks: Hooks,
    upstreams: Upstreams,
    problems: Problems,
}

impl DataPlane {
    /// Takes over the loaded program, if there is one.
    ///
    /// # Errors
    /// Maps that cannot be opened.
    pub fn new(plane: Option<Plane>, now: Instant) -> Result<Self, PlaneError> {
        Ok(Self {
            kernel: plane.map(|plane| Kernel::new(plane, now)).transpose()?,
            hooks: Hooks::default(),
            upstreams: Upstreams::default(),
            problems: Problems::default(),
        })
    }

    /// What the agent before this one called services and backends in the maps.
    pub fn found(&self) -> MapIds {
        self.kernel.as_ref().map(|kernel| kernel.tables.found()).unwrap_or_default()
    }

    /// Handles to the counters, for the status.
    ///
    /// # Errors
    /// A map cannot be opened.
    pub fn counters(&self) -> Result<Option<Counters>, PlaneError> {
        self.kernel.as_ref().map(|kernel| Counters::open(&kernel.plane.maps)).transpose()
    }

    fn ring(&self, running: &RunningConfig, service: &Service) -> Option<RingFacts> {
        let published = self.kernel.as_ref()?.rings.published(running.slots.service(service)?)?;
        let (course, roster) = (&published.course, &published.roster);
        let slots = |backend: &Backend| {
            let number = running.slots.backend(service, backend);
            number.map_or(0, |number| course.plan().slots(number as u16))
        };
        Some(RingFacts {
            digest: course.plan().digest,
            generation: course.generation(),
            serving: roster.serving,
            quorum_met: roster.quorum_met,
            drain: course.drain().map(|drain| (drain.until(service.drain), drain.marked_slots())),
            slots: service.backends.iter().map(slots).collect(),
        })
    }

    fn hook(&self, wanted: XdpUse, ifindex: u32) -> HookFacts {
        let hook = self.hooks.get(ifindex);
        HookFacts {
            attached: matches!(hook, Some(Hook::Attached(_))),
            mode: hook.and_then(Hook::mode),
            program_id: hook.and_then(Hook::program_id),
            reason: match hook {
                Some(Hook::Refused(reason)) => Some(reason.as_str().into()),
                Some(Hook::Attached(_)) => None,
                None if wanted == XdpUse::Off => Some("switched off in the configuration".into()),
                None => Some(
                    "the kernel program is not loaded: `vrrp-agent check --host` reports the cause"
                        .into(),
                ),
            },
            tags: self.kernel.as_ref().map(|kernel| kernel.tags.seen(ifindex)).unwrap_or_default(),
            slot: self.kernel.as_ref().and_then(|kernel| kernel.tables.slot(ifindex)),
        }
    }
}

impl Steering for DataPlane {
    fn steer(&mut self, decided: Instant, desired: &Desired) {
        if let Some(kernel) = &mut self.kernel {
            // What must wait is found to be undone by the round that follows.
            kernel.steer(decided, desired, &mut self.problems);
        }
    }

    fn apply(
        &mut self,
        now: Instant,
        running: &RunningConfig,
        desired: &Desired,
        host: &HostView,
        programs: &Programs,
    ) -> Option<Instant> {
        let config = &running.config;
        // A packet waits for its backend, nothing waits for the rest.
        self.steer(now, desired);
        let mut again = None;
        if let Some(kernel) = &mut self.kernel {
            self.hooks.compare(now, programs, host);
            self.hooks.attach(
                now,
                &mut kernel.plane,
                config.xdp,
                desired,
                host,
                &mut self.problems,
            );
            let interfaces = nat_sysctls::restrict(config, desired, &mut self.problems);
            again = kernel.apply(now, desired, &interfaces, &mut self.problems);
            kernel.claims.look(now, config, desired);
            kernel.tags.keep(now, &self.hooks.attached(), host, &mut self.problems);
        }
        self.upstreams.apply(now, config, &desired.upstreams, &mut self.problems);
        again
    }

    fn look_again(&mut self) {
        self.upstreams.forget();
    }

    fn attached(&self) -> BTreeSet<u32> {
        self.hooks.attached()
    }

    fn outlives(&self, ifindex: u32) -> bool {
        let pinned = self.kernel.as_ref().is_some_and(|kernel| kernel.plane.pins.is_some());
        pinned && matches!(self.hooks.get(ifindex), Some(Hook::Attached(_)))
    }

    fn facts(&self, running: &RunningConfig, desired: &Desired) -> PlaneFacts {
        let config = &running.config;
        let hook = |&ifindex: &u32| (ifindex, self.hook(config.xdp, ifindex));
        let upstreams = config.upstreams.iter().enumerate();
        PlaneFacts {
            rings: config.services.iter().map(|service| self.ring(running, service)).collect(),
            flips: self.kernel.as_ref().map(|kernel| *kernel.rings.flips()),
            hooks: desired.interfaces.keys().map(hook).collect::<BTreeMap<_, _>>(),
            upstreams: upstreams
                .map(|(index, upstream)| self.upstreams.standing(index, upstream))
                .collect(),
        }
    }

    /// Where this node is a direct-return backend, or answers of NAT backends may come by, the
    /// program, fenced off from active, remains.
    fn retire(&mut self, desired: &Desired, host: &HostView) {
        if self.upstreams.outlives() {
            tracing::info!(
                "connections to upstreams are still steered, by the last health checks; `vrrp-agent detach` ends that"
            );
        }
        if !desired.is_relied_on() {
            if let Some(pins) = self.kernel.as_ref().and_then(|kernel| kernel.plane.pins.as_ref()) {
                pins.clear();
            }
            if let Some(kernel) = &mut self.kernel {
                kernel.tags.give_all_back(host);
            }
            return;
        }
        let answers_for: BTreeSet<IpAddr> =
            desired.reverse.values().map(|name| name.address.ip()).collect();
        tracing::info!(
            backend_of = list(&desired.local_routes),
            answers_for = list(&answers_for),
            "the other node may rely on it: the XDP program, local routes and kernel settings stay; `vrrp-agent detach` removes them"
        );
    }
}

fn list(addresses: &BTreeSet<IpAddr>) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
