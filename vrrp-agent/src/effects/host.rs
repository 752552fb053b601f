//! The host's own state: addresses, local routes, filter entries, settings and neighbours. Changing
//! it waits for the kernel, so a task of its own does it, and the loop goes on meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vrrp_model::RouterIdx;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use super::addresses;
use super::neighbours::Neighbours;
use super::problems::Problems;
use super::record::Record;
use super::routing::Routing;
use super::settings;
use super::unicast_filter::Macs;
use super::xdp_attach::Programs;
use crate::clock;
use crate::elector::{Command, CommandSender};
use crate::net::{Netlink, NetlinkError};
use vrrp_model::Config;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;

/// How often interfaces are asked for their program: the kernel sends no notification when one is
/// detached or replaced.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the host should be like. Each round of the loop replaces the one before it.
#[derive(Clone)]
pub struct Wanted {
    pub config: Arc<Config>,
    pub desired: Arc<Desired>,
    /// As it was when `desired` was computed.
    pub host: Arc<HostView>,
    /// By index in the maps: masterships whose announcements wait for these addresses.
    pub masterships: Arc<BTreeMap<RouterIdx, Announced>>,
    /// Interfaces that the kernel program is attached to.
    pub attached: BTreeSet<u32>,
    /// The maps hold `desired` too. Before that, addresses are only added.
    pub in_maps: bool,
    /// Addresses that are not wanted may go: the election thread has handled its commands, so none
    /// of them belongs to a mastership that `desired` does not know of yet.
    pub may_remove: bool,
}

/// A mastership under one configuration of its addresses. When either is another, its addresses are
/// announced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    pub epoch: u64,
    /// Counts the configurations of the router.
    pub revision: u64,
}

/// What the agent changes in the host's own state.
pub struct Host {
    netlink: Netlink,
    record: Record,
    macs: Macs,
    routing: Routing,
    neighbours: Neighbours,
    problems: Problems,
    /// By index in the maps: the mastership whose addresses were reported as installed last.
    announced: BTreeMap<RouterIdx, Announced>,
    look_at: Instant,
}

/// The loop's end of the task.
pub struct HostTask {
    wanted: watch::Sender<Option<Arc<Wanted>>>,
    settled: watch::Receiver<bool>,
    programs: watch::Receiver<Programs>,
    task: JoinHandle<Host>,
}

impl HostTask {
    /// Starts the task. It reports installed addresses to the election thread by `sender`.
    pub fn start(host: Host, sender: CommandSender) -> Self {
        let (wanted, newest) = watch::channel(None);
        let (settle, settled) = watch::channel(false);
        let (found, programs) = watch::channel(Programs::default());
        let report = Report { sender, settle, found };
        Self { wanted, settled, programs, task: tokio::spawn(host.follow(newest, report)) }
    }

    /// Replaces what the host should be like. Never waits.
    pub fn want(&self, wanted: Wanted) {
        self.wanted.send_replace(Some(Arc::new(wanted)));
    }

    /// Whether everything was made true once.
    pub fn is_settled(&self) -> bool {
        *self.settled.borrow()
    }

    /// Returns when everything was made true for the first time, and each time that the kernel was
    /// asked for the programs.
    pub async fn news(&mut self) {
        tokio::select! {
            Ok(()) = self.settled.changed() => {}
            Ok(()) = self.programs.changed() => {}
            else => std::future::pending().await,
        }
    }

    /// The kernel's last answer about the programs on the interfaces.
    pub fn programs(&mut self) -> Programs {
        self.programs.borrow_and_update().clone()
    }

    /// Whether the task has ended without being asked.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Lets the task make the newest state true, and takes the host back from it.
    ///
    /// # Errors
    /// The task has panicked.
    pub async fn finish(self) -> Result<Host, JoinError> {
        drop(self.wanted);
        self.task.await
    }
}

#[cfg(test)]
impl HostTask {
    /// A task that has settled and does nothing: a test reads what the loop wants.
    pub fn recording() -> (Self, watch::Receiver<Option<Arc<Wanted>>>) {
        let (wanted, newest) = watch::channel(None);
        let (_, settled) = watch::channel(true);
        let (_, programs) = watch::channel(Programs::default());
        let task = tokio::spawn(std::future::pending());
        (Self { wanted, settled, programs, task }, newest)
    }
}

/// What the task reports, and to which part.
struct Report {
    sender: CommandSender,
    settle: watch::Sender<bool>,
    found: watch::Sender<Programs>,
}

impl Host {
    /// Reads what an earlier agent with this API socket changed.
    ///
    /// # Errors
    /// No netlink socket.
    pub fn open(api_socket: &Path) -> Result<Self, NetlinkError> {
        Ok(Self {
            netlink: Netlink::connect()?,
            record: Record::load(api_socket),
            macs: Macs::default(),
            routing: Routing::default(),
            neighbours: Neighbours::default(),
            problems: Problems::default(),
            announced: BTreeMap::new(),
            look_at: Instant::default(),
        })
    }

    /// Makes the newest state true until the loop drops its end, and the last one then.
    async fn follow(
        mut self,
        mut newest: watch::Receiver<Option<Arc<Wanted>>>,
        report: Report,
    ) -> Self {
        let mut installed: Option<Arc<Desired>> = None;
        while newest.changed().await.is_ok() {
            let Some(wanted) = newest.borrow_and_update().clone() else { continue };
            // The same state comes twice a round: before and after the maps hold it.
            if !installed.as_ref().is_some_and(|known| Arc::ptr_eq(known, &wanted.desired)) {
                self.install(&wanted).await;
                installed = Some(Arc::clone(&wanted.desired));
            }
            self.announce(&wanted, &report.sender);
            if !wanted.in_maps {
                continue;
            }
            self.settle(&wanted).await;
            report.settle.send_if_modified(|settled| !std::mem::replace(settled, true));
            if let Some(programs) = self.look(&wanted).await {
                report.found.send_replace(programs);
            }
        }
        self
    }

    /// Puts missing addresses, virtual MACs and routes in their places: the first thing to do,
    /// since announcements wait for it.
    async fn install(&mut self, wanted: &Wanted) {
        let Self { netlink, record, macs, routing, problems, .. } = self;
        macs.add(netlink, record, &wanted.desired.macs, problems).await;
        let mut owner = addresses::Owner { record, config: &wanted.config };
        addresses::install(netlink, &mut owner, &wanted.desired, &wanted.host, problems).await;
        // A route may name one of the addresses as its source.
        routing.add(netlink, record, &wanted.desired, problems).await;
    }

    /// Reports masterships whose addresses are there, each once.
    fn announce(&mut self, wanted: &Wanted, sender: &CommandSender) {
        self.announced.retain(|idx, _| wanted.masterships.contains_key(idx));
        for (&idx, &mastership) in wanted.masterships.iter() {
            if self.announced.insert(idx, mastership) != Some(mastership) {
                sender.send(Command::Installed { idx, epoch: mastership.epoch });
            }
        }
    }

    /// Makes the rest true as far as possible; addresses that should not be there go last, if they
    /// may go at all.
    async fn settle(&mut self, wanted: &Wanted) {
        let Self { netlink, record, macs, routing, neighbours, problems, .. } = self;
        let Wanted { config, desired, host, .. } = wanted;
        settings::silence(record, desired, host, problems);
        addresses::accept(netlink, desired, problems).await;
        settings::forward(record, desired, host, problems);
        if wanted.may_remove {
            routing.remove(netlink, record, desired, problems).await;
            let mut owner = addresses::Owner { record, config };
            addresses::uninstall(netlink, &mut owner, desired, host, problems).await;
            macs.remove(netlink, record, &desired.macs, problems).await;
            settings::give_back_unneeded(record, desired, host, problems);
        }
        neighbours.resolve(clock::now(), netlink, desired, host).await;
    }

    /// Asks for the programs on the interfaces, once in [`LOOK_EVERY`].
    async fn look(&mut self, wanted: &Wanted) -> Option<Programs> {
        let now = clock::now();
        if now < self.look_at || wanted.attached.is_empty() {
            return None;
        }
        self.look_at = now + LOOK_EVERY;
        let mut programs = Programs { asked: now, found: BTreeMap::new() };
        for &ifindex in &wanted.attached {
            if let Ok(found) = self.netlink.xdp_program(ifindex).await {
                programs.found.insert(ifindex, found);
            }
        }
        Some(programs)
    }

    /// At the end of a graceful stop: takes everything back, but what a master elsewhere relies on.
    /// Where this node is a direct-return backend, or answers of NAT backends may come by, local
    /// routes and settings remain.
    pub async fn retire(&mut self, desired: &Desired, host: &HostView) {
        let Self { netlink, record, macs, problems, .. } = self;
        macs.remove(netlink, record, &BTreeSet::new(), problems).await;
        if !desired.is_relied_on() {
            settings::give_back(record, &BTreeSet::new(), host, problems);
        }
    }
}

#[cfg(test)]
mod tests;
