//! Making desired state true: addresses and routes by netlink, tables and rings in the maps, the
//! program on the interfaces.
//!
//! Level-triggered: [`Effects::install`] and [`Effects::settle`] take the whole of what should be,
//! compare it with what is, and do what differs. They may be called at any time and any number of
//! times; what failed is tried again by the next call. Only the agent's loop calls them.

mod addresses;
mod claims;
mod kernel;
mod nat_sysctls;
mod neighbours;
mod problems;
mod record;
mod rings;
mod settings;
mod tags;
mod undo;
mod unicast_filter;
mod upstreams;
mod xdp_attach;

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::net::{Netlink, NetlinkError};
use crate::plane::loader::Plane;
use crate::plane::{PlaneError, counters::Counters};
use kernel::Kernel;
pub use problems::Problems;
use record::Record;
pub use record::path as record_path;
pub use rings::{Flips, Published, Rings};
pub use tags::Seen as TagsSeen;
pub use undo::undo;
pub use upstreams::Standing;
use upstreams::Upstreams;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_model::{Config, Upstream, XdpUse};
use vrrp_steering::desired::Desired;
use vrrp_steering::map_ids::MapIds;
pub use xdp_attach::Hook;
use xdp_attach::Hooks;

/// Everything the agent changes on this host.
pub struct Effects {
    netlink: Netlink,
    record: Record,
    kernel: Option<Kernel>,
    usage: XdpUse,
    hooks: Hooks,
    macs: unicast_filter::Macs,
    upstreams: Upstreams,
    neighbours: neighbours::Neighbours,
    problems: Problems,
}

impl Effects {
    /// Takes over the loaded program, if there is one.
    ///
    /// # Errors
    /// No netlink socket, or maps that cannot be opened.
    pub fn new(config: &Config, plane: Option<Plane>, now: Instant) -> Result<Self, StartError> {
        Ok(Self {
            netlink: Netlink::connect()?,
            record: Record::load(&config.api_socket),
            kernel: plane.map(|plane| Kernel::new(plane, now)).transpose()?,
            usage: config.xdp,
            hooks: Hooks::default(),
            macs: unicast_filter::Macs::default(),
            upstreams: Upstreams::default(),
            neighbours: neighbours::Neighbours::default(),
            problems: Problems::default(),
        })
    }

    /// What the agent before this one called services and backends in the maps.
    pub fn found(&self) -> MapIds {
        self.kernel.as_ref().map(|kernel| kernel.tables.found()).unwrap_or_default()
    }

    /// Lets the services of `desired` be served as was decided at `decided`, and does nothing else.
    /// Returns when to come back for what must wait.
    pub fn steer(&mut self, decided: Instant, desired: &Desired) -> Option<Instant> {
        self.kernel.as_mut()?.steer(decided, desired, &mut self.problems)
    }

    /// Puts missing addresses and virtual MACs on their interfaces: the first thing to do, since
    /// announcements wait for it.
    pub async fn install(&mut self, config: &Config, desired: &Desired, host: &HostView) {
        self.macs.add(&self.netlink, &mut self.record, &desired.macs, &mut self.problems).await;
        let mut owner = addresses::Owner { record: &mut self.record, config };
        addresses::install(&self.netlink, &mut owner, desired, host, &mut self.problems).await;
    }

    /// Makes the rest of `desired` true as far as possible; addresses that should not be there go
    /// last, if they may go at all. Returns when to try again for what had to wait.
    pub async fn settle(
        &mut self,
        now: Instant,
        config: &Config,
        desired: &Desired,
        host: &HostView,
        may_remove: bool,
    ) -> Option<Instant> {
        // A packet waits for its backend, nothing waits for the rest.
        self.steer(now, desired);
        settings::silence(&mut self.record, desired, host, &mut self.problems);
        addresses::accept(&self.netlink, desired, &mut self.problems).await;
        settings::forward(&mut self.record, desired, host, &mut self.problems);
        let mut again = None;
        if let Some(kernel) = &mut self.kernel {
            self.hooks.look(now, &self.netlink, host).await;
            self.hooks.attach(&mut kernel.plane, self.usage, desired, host, &mut self.problems);
            let interfaces = nat_sysctls::restrict(config, desired, &mut self.problems);
            again = kernel.apply(now, desired, &interfaces, &mut self.problems);
            kernel.claims.look(now, config, desired);
            kernel.tags.keep(now, &self.hooks.attached(), host, &mut self.problems);
        }
        self.upstreams.apply(now, config, &desired.upstreams, &mut self.problems);
        if may_remove {
            let mut owner = addresses::Owner { record: &mut self.record, config };
            addresses::uninstall(&self.netlink, &mut owner, desired, host, &mut self.problems)
                .await;
            self.macs
                .remove(&self.netlink, &mut self.record, &desired.macs, &mut self.problems)
                .await;
            settings::give_back_unneeded(&mut self.record, desired, host, &mut self.problems);
        }
        self.neighbours.resolve(now, &self.netlink, desired, host).await;
        again
    }

    /// How the program hangs on an interface; `None` before the first attempt.
    pub fn hook(&self, ifindex: u32) -> Option<&Hook> {
        self.hooks.get(ifindex)
    }

    /// Whether the program sees the VLAN tags of frames that an interface receives.
    pub fn tags(&self, ifindex: u32) -> TagsSeen {
        self.kernel.as_ref().map(|kernel| kernel.tags.seen(ifindex)).unwrap_or_default()
    }

    /// Whether the program on an interface stays there, and goes on, without this agent.
    pub fn outlives(&self, ifindex: u32) -> bool {
        let pinned = self.kernel.as_ref().is_some_and(|kernel| kernel.plane.pins.is_some());
        pinned && matches!(self.hook(ifindex), Some(Hook::Attached(_)))
    }

    /// The counter slot of an interface.
    pub fn slot(&self, ifindex: u32) -> Option<u32> {
        self.kernel.as_ref()?.tables.slot(ifindex)
    }

    /// How long rings took to be in force; `None` without the kernel program.
    pub fn flips(&self) -> Option<&Flips> {
        self.kernel.as_ref().map(|kernel| kernel.rings.flips())
    }

    /// The ring in force of a service, by its number.
    pub fn ring(&self, service: u32) -> Option<&Published> {
        self.kernel.as_ref()?.rings.published(service)
    }

    /// How an upstream of the configuration stands.
    pub fn upstream(&self, index: usize, upstream: &Upstream) -> Standing {
        self.upstreams.standing(index, upstream)
    }

    /// After a reload: other cgroups may be asked for.
    pub fn look_again(&mut self) {
        self.upstreams.forget();
    }

    /// Handles to the counters, for the status.
    ///
    /// # Errors
    /// A map cannot be opened.
    pub fn counters(&self) -> Result<Option<Counters>, PlaneError> {
        self.kernel.as_ref().map(|kernel| Counters::open(&kernel.plane.maps)).transpose()
    }

    /// At the end of a graceful stop: takes everything back, but what a master elsewhere relies on.
    /// Where this node is a direct-return backend, or answers of NAT backends may come by, the
    /// program, fenced off from active, and the local routes remain.
    pub async fn retire(&mut self, desired: &Desired, host: &HostView) {
        self.macs
            .remove(&self.netlink, &mut self.record, &BTreeSet::new(), &mut self.problems)
            .await;
        if self.upstreams.outlives() {
            tracing::info!(
                "connections to upstreams are still steered, by the last health checks; `vrrp-agent detach` ends that"
            );
        }
        if desired.local_routes.is_empty() && desired.reverse.is_empty() {
            settings::give_back(&mut self.record, &BTreeSet::new(), host, &mut self.problems);
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

/// Why the effects cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error(transparent)]
    Plane(#[from] PlaneError),
}
