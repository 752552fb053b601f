//! The thread's loop.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use vrrp_common::reason::Reason;

use super::Command;
use super::advert::Received;
use super::command_queue::Inbox;
use super::driver::{Binding, Io, RouterDriver};
use super::lookup::Index;
use super::sockets::{SocketKey, Sockets};
use super::timer::Timer;
use super::{transitions, wait};
use crate::clock;
use crate::net::packet_socket::PacketSocket;
use crate::plane::mastership::{Mastership, MastershipMaps};
use crate::realtime;
use vrrp_election::timing_stats::{Lateness, lateness};
use vrrp_election::view::View;
use vrrp_election::{Heard, Input, VirtualRouter, group};
use vrrp_model::Degraded;
use vrrp_model::host::Interface;
use vrrp_model::time::Instant;
use vrrp_model::{ElectionThread, Router, RouterIdx};

/// Counters alone are published at most this often; roles at once.
const COUNTERS_EVERY: Duration = Duration::from_millis(200);
/// Datagrams of one socket that are read before timers act: at least so many, and so many for each
/// router, so that no router's peer is missed by a thread that was held up. However many more wait,
/// the timers are looked at in between.
const READ_AT_ONCE: usize = 64;
const READ_PER_ROUTER: usize = 4;
/// The longest IP packet.
const PACKET_MAX: usize = 65_535;

pub struct Runner {
    /// By index in the maps.
    pub(super) drivers: BTreeMap<RouterIdx, RouterDriver>,
    index: Index,
    /// Places of the members of each sync group.
    groups: Vec<Vec<RouterIdx>>,
    pub(super) sockets: Sockets,
    frames: PacketSocket,
    timer: Timer,
    words: Option<MastershipMaps>,
    dropped: BTreeMap<(String, Reason), u64>,
    publish: watch::Sender<Arc<View>>,
    transitions: transitions::Sender,
    published_at: Instant,
    stopping: bool,
    handled: u64,
    /// A role or an epoch has changed since the last view, or a unit has gone.
    news: bool,
    /// A unit may be done with, or a socket be without a unit.
    untidy: bool,
    lateness: Lateness,
    degraded: Arc<[Degraded]>,
}

impl Runner {
    pub fn new(
        words: Option<MastershipMaps>,
        frames: PacketSocket,
        timer: Timer,
        publish: watch::Sender<Arc<View>>,
        transitions: transitions::Sender,
    ) -> Self {
        let now = clock::now();
        Self {
            drivers: BTreeMap::new(),
            index: Index::default(),
            groups: Vec::new(),
            sockets: Sockets::default(),
            frames,
            timer,
            words,
            dropped: BTreeMap::new(),
            publish,
            transitions,
            published_at: now,
            stopping: false,
            handled: 0,
            news: false,
            untidy: false,
            lateness: lateness(),
            degraded: Arc::default(),
        }
    }

    /// Runs until a shutdown is complete, or the agent loop is gone.
    pub fn run(mut self, wanted: &ElectionThread, inbox: &Inbox, wake: BorrowedFd<'_>) {
        self.degraded = realtime::enter(wanted).into();
        for degraded in self.degraded.iter() {
            tracing::warn!("the election thread runs with less: {degraded}");
        }
        let mut buffer = vec![0; PACKET_MAX];
        loop {
            let deadline = self.index.next();
            let ready = wait::wait(&self.sockets, wake, &self.timer, deadline);
            let now = clock::now();
            if !self.take_commands(now, inbox) {
                return;
            }
            // Adverts that came in meanwhile count before a timer is handled.
            let due = self.index.next().is_some_and(|deadline| deadline <= clock::now());
            self.drain_sockets(if due { self.sockets.keys() } else { ready }, &mut buffer);
            let now = clock::now();
            if let Some(deadline) = deadline.filter(|deadline| *deadline <= now) {
                self.lateness.record(now.saturating_since(deadline));
            }
            for idx in self.index.due(now) {
                self.with_unit(idx, |driver, io| driver.act_on_time(now, io));
            }
            self.settle_groups(now);
            if std::mem::take(&mut self.untidy) {
                self.forget_removed();
            }
            self.publish_view(now);
            if self.stopping && self.drivers.values().all(|driver| driver.machine.epoch().is_none())
            {
                return;
            }
        }
    }

    /// Takes every command; false when the agent loop has gone.
    fn take_commands(&mut self, now: Instant, inbox: &Inbox) -> bool {
        for command in inbox.take() {
            self.on_command(now, command);
            self.settle_groups(now);
            self.handled += 1;
        }
        !inbox.is_orphan()
    }

    pub(super) fn on_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Configure { idx, router } => self.configure(now, idx, *router),
            Command::Remove { idx } => self.with_unit(idx, |driver, io| driver.remove(now, io)),
            Command::Up { idx, interface, mac, source } => {
                self.open_socket(idx, &interface);
                // Unbind first: the release must leave through the old socket, the first advert
                // through the new one.
                self.with_unit(idx, |driver, io| {
                    driver.bind(now, Binding { interface, mac, source }, io)
                });
                self.with_unit(idx, |driver, io| driver.start(now, io));
            }
            Command::Down { idx, link_up } => {
                self.with_unit(idx, |driver, io| driver.unbind(now, link_up, io));
                self.close_unused_sockets();
            }
            Command::Priority { idx, priority } => {
                self.with_unit(idx, |driver, io| driver.set_priority(now, priority, io));
            }
            Command::Hold { idx, hold } => {
                self.with_unit(idx, |driver, io| driver.set_hold(now, hold, io))
            }
            Command::Accepts { idx, accepts } => {
                self.with_unit(idx, |driver, _| driver.set_accepts(accepts))
            }
            Command::Installed { idx, epoch } => {
                self.with_unit(idx, |driver, io| driver.installed(now, epoch, io))
            }
            Command::Standby { indices } => self.tell(now, &indices, Input::Standby),
            Command::EndStandby { indices } => self.tell(now, &indices, Input::EndStandby),
            Command::Groups(groups) => self.regroup(now, groups),
            Command::Shutdown => {
                self.stopping = true;
                self.with_all(|driver, io| driver.input(now, Input::Shutdown, io));
            }
        }
    }

    /// All of them, before their group is settled: a member without its command would hold the
    /// others.
    fn tell(&mut self, now: Instant, indices: &[RouterIdx], input: Input) {
        for &idx in indices {
            self.with_unit(idx, |driver, io| driver.input(now, input, io));
        }
    }

    fn configure(&mut self, now: Instant, idx: RouterIdx, router: Router) {
        let Some(driver) = self.drivers.get_mut(&idx) else {
            let mut driver = RouterDriver::new(router, idx, now);
            driver.machine.set_grouped(self.group_of(idx).is_some());
            self.drivers.insert(idx, driver);
            self.news = true;
            return;
        };
        // Its group may be another one from here on.
        driver.router.delivery = router.delivery;
        if let Some(interface) = driver.binding.as_ref().map(|binding| binding.interface.clone()) {
            self.open_socket(idx, &interface);
        }
        self.with_unit(idx, |driver, io| driver.configure(now, router, io));
    }

    fn group_of(&self, idx: RouterIdx) -> Option<&[RouterIdx]> {
        self.groups.iter().find(|group| group.contains(&idx)).map(Vec::as_slice)
    }

    /// A router without a group from here on forgets what it did for its group.
    fn regroup(&mut self, now: Instant, groups: Vec<Vec<RouterIdx>>) {
        let old = std::mem::replace(&mut self.groups, groups);
        for idx in old
            .into_iter()
            .flatten()
            .filter(|&idx| self.group_of(idx).is_none())
            .collect::<Vec<_>>()
        {
            self.with_unit(idx, |driver, io| {
                driver.machine.set_grouped(false);
                group::settle(now, &mut [&mut driver.machine], true);
                driver.drain(now, io);
            });
        }
        for idx in self.groups.concat() {
            self.with_unit(idx, |driver, _| driver.machine.set_grouped(true));
        }
    }

    fn settle_groups(&mut self, now: Instant) {
        for index in 0..self.groups.len() {
            self.settle_group(now, &self.groups[index].clone());
        }
    }

    /// Brings one sync group to agreement. What the kernel knows of its members counts before it
    /// takes over.
    fn settle_group(&mut self, now: Instant, indices: &[RouterIdx]) {
        let due =
            |idx| self.drivers.get(idx).is_some_and(|driver| driver.machine.due(now).is_some());
        if indices.iter().any(due) {
            for &idx in indices {
                self.with_unit(idx, |driver, io| driver.consult_kernel(now, io));
            }
        }
        let complete = indices.iter().all(|idx| self.drivers.contains_key(idx));
        let members = self
            .drivers
            .values_mut()
            .filter(|driver| indices.contains(&driver.idx) && !driver.is_leaving());
        let mut machines: Vec<&mut VirtualRouter> =
            members.map(|driver| &mut driver.machine).collect();
        group::settle(now, &mut machines, complete);
        for &idx in indices {
            self.with_unit(idx, |driver, io| driver.drain(now, io));
        }
    }

    /// Lets go of routers that were removed and have handed over.
    fn forget_removed(&mut self) {
        let gone: Vec<RouterIdx> = self
            .drivers
            .iter()
            .filter(|(_, driver)| driver.is_gone())
            .map(|(&idx, _)| idx)
            .collect();
        for idx in gone {
            self.with_unit(idx, |driver, io| driver.clear_maps(io));
            self.drivers.remove(&idx);
            self.index.remove(idx);
            self.news = true;
        }
        self.close_unused_sockets();
    }

    fn with_all(&mut self, mut act: impl FnMut(&mut RouterDriver, &mut Io)) {
        let indices: Vec<RouterIdx> = self.drivers.keys().copied().collect();
        for idx in indices {
            self.with_unit(idx, &mut act);
        }
    }

    /// Lets `act` work on a unit with everything its outputs touch.
    fn with_unit(&mut self, idx: RouterIdx, act: impl FnOnce(&mut RouterDriver, &mut Io)) {
        let Some(driver) = self.drivers.get_mut(&idx) else {
            return;
        };
        let socket = driver.socket_key().and_then(|key| self.sockets.get(&key));
        let words = self.words.as_mut().map(|words| words as &mut dyn Mastership);
        let (frames, transitions) = (&self.frames, &self.transitions);
        act(driver, &mut Io { socket, frames, words, transitions });
        self.news |= std::mem::take(&mut driver.dirty);
        let moved = self.index.update(
            idx,
            driver.next_deadline(),
            driver.socket_key().map(|key| (key, driver.router.vrid)),
        );
        self.untidy |= moved || driver.is_leaving();
    }

    fn open_socket(&mut self, idx: RouterIdx, interface: &Interface) {
        if let Some(driver) = self.drivers.get(&idx) {
            self.sockets.open(interface, SocketKey::of(interface.index, &driver.router));
        }
    }

    fn close_unused_sockets(&mut self) {
        let drivers = &self.drivers;
        self.sockets.retain(|key| drivers.values().any(|driver| driver.socket_key() == Some(*key)));
    }

    /// Gives the adverts in the sockets to the elections they are for. A socket from which not
    /// everything was read stays readable: the thread comes back to it at once.
    pub(super) fn drain_sockets(&mut self, keys: Vec<SocketKey>, buffer: &mut [u8]) {
        let most = READ_AT_ONCE.max(READ_PER_ROUTER * self.drivers.len());
        for key in keys {
            for _ in 0..most {
                let Some(datagram) = self.sockets.recv(&key, buffer) else { break };
                if let Some(received) = super::advert::parse(buffer, datagram) {
                    self.deliver(key, &received);
                }
            }
        }
    }

    fn deliver(&mut self, key: SocketKey, received: &Received) {
        if !self.sockets.is_for(&key, received.destination.ip()) {
            return;
        }
        let idx = self.index.addressee(key, received.vrid);
        let conf = idx.and_then(|idx| self.drivers[&idx].conf());
        if received.is_foreign(conf.as_ref()) {
            return;
        }
        let verdict = received.judge(conf.as_ref()).and_then(|advert| {
            let driver = idx.and_then(|idx| self.drivers.get_mut(&idx));
            driver
                .map_or(Ok(()), |driver| driver.verify(clock::unix(), &advert, received))
                .map(|()| advert)
        });
        match (verdict, idx) {
            (Ok(advert), Some(idx)) => {
                let now = clock::now();
                let heard = Heard {
                    at: now,
                    source: received.source.ip(),
                    priority: advert.priority,
                    interval: Duration::from_micros(advert.interval.as_micros()),
                };
                self.with_unit(idx, |driver, io| {
                    driver.look_at(&advert, received);
                    driver.hear(now, heard, io);
                });
                if let Some(group) = self.group_of(idx).map(<[RouterIdx]>::to_vec) {
                    self.settle_group(now, &group);
                }
            }
            (Err(reason), _) => {
                let sits = |driver: &&RouterDriver| {
                    driver
                        .binding
                        .as_ref()
                        .is_some_and(|binding| binding.interface.index == key.ifindex)
                };
                let name =
                    self.drivers.values().find(sits).map(|driver| driver.router.interface.clone());
                *self.dropped.entry((name.unwrap_or_default(), reason)).or_default() += 1;
            }
            (Ok(_), None) => {}
        }
    }

    /// Wakes watchers for what changed; counters alone they find when they
    /// looks.
    fn publish_view(&mut self, now: Instant) {
        let handled = self.handled > self.publish.borrow().handled;
        let news = std::mem::take(&mut self.news) | handled;
        if news || now.saturating_since(self.published_at) >= COUNTERS_EVERY {
            self.published_at = now;
            let routers = self.drivers.iter().map(|(&idx, driver)| (idx, driver.view())).collect();
            let (dropped, degraded) = (self.dropped.clone(), Arc::clone(&self.degraded));
            let view = Arc::new(View {
                routers,
                handled: self.handled,
                dropped,
                lateness: self.lateness,
                degraded,
            });
            self.publish.send_if_modified(|published| {
                *published = view;
                news
            });
        }
    }
}
