//! The thread's loop.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use vrrp_common::reason::Reason;

use super::Command;
use super::advert::Received;
use super::inbox::Inbox;
use super::index::Index;
use super::sockets::{SocketKey, Sockets};
use super::timer::Timer;
use super::unit::{Hands, Seat, Unit};
use super::wait;
use crate::clock;
use crate::net::frame_socket::FrameSocket;
use crate::plane::words::Words;
use crate::realtime;
use vrrp_election::timing_stats::{Lateness, lateness};
use vrrp_election::view::View;
use vrrp_election::{Heard, Input, VirtualRouter, group};
use vrrp_model::Degraded;
use vrrp_model::host::Interface;
use vrrp_model::time::Instant;
use vrrp_model::{ElectionThread, Router};

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
    /// By place.
    pub(super) units: BTreeMap<u32, Unit>,
    index: Index,
    /// Places of the members of each sync group.
    groups: Vec<Vec<u32>>,
    pub(super) sockets: Sockets,
    frames: FrameSocket,
    timer: Timer,
    words: Option<Words>,
    dropped: BTreeMap<(String, Reason), u64>,
    publish: watch::Sender<Arc<View>>,
    published_at: Instant,
    stopping: bool,
    obeyed: u64,
    /// A role or an epoch has changed since the last view, or a unit has gone.
    news: bool,
    /// A unit may be done with, or a socket be without a unit.
    untidy: bool,
    lateness: Lateness,
    degraded: Arc<[Degraded]>,
}

impl Runner {
    pub fn new(
        words: Option<Words>,
        frames: FrameSocket,
        timer: Timer,
        publish: watch::Sender<Arc<View>>,
    ) -> Self {
        let now = clock::now();
        Self {
            units: BTreeMap::new(),
            index: Index::default(),
            groups: Vec::new(),
            sockets: Sockets::default(),
            frames,
            timer,
            words,
            dropped: BTreeMap::new(),
            publish,
            published_at: now,
            stopping: false,
            obeyed: 0,
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
            // Before a timer acts, whatever came in meanwhile counts.
            let due = self.index.next().is_some_and(|deadline| deadline <= clock::now());
            self.drain_sockets(if due { self.sockets.keys() } else { ready }, &mut buffer);
            let now = clock::now();
            if let Some(deadline) = deadline.filter(|deadline| *deadline <= now) {
                self.lateness.record(now.saturating_since(deadline));
            }
            for place in self.index.due(now) {
                self.with_unit(place, |unit, hands| unit.act_on_time(now, hands));
            }
            self.settle_groups(now);
            if std::mem::take(&mut self.untidy) {
                self.forget_removed();
            }
            self.publish_view(now);
            if self.stopping && self.units.values().all(|unit| unit.machine.epoch().is_none()) {
                return;
            }
        }
    }

    /// Takes every command; false when the agent loop has gone.
    fn take_commands(&mut self, now: Instant, inbox: &Inbox) -> bool {
        for command in inbox.take() {
            self.obey(now, command);
            self.settle_groups(now);
            self.obeyed += 1;
        }
        !inbox.is_orphan()
    }

    pub(super) fn obey(&mut self, now: Instant, command: Command) {
        match command {
            Command::Configure { place, router } => self.configure(now, place, *router),
            Command::Remove { place } => {
                self.with_unit(place, |unit, hands| unit.remove(now, hands))
            }
            Command::Up { place, interface, mac, source } => {
                self.open_socket(place, &interface);
                // Two steps: what leaves the old seat goes through its socket, what begins on the
                // new one through that seat's.
                self.with_unit(place, |unit, hands| {
                    unit.take_seat(now, Seat { interface, mac, source }, hands)
                });
                self.with_unit(place, |unit, hands| unit.sit(now, hands));
            }
            Command::Down { place, link_up } => {
                self.with_unit(place, |unit, hands| unit.leave_seat(now, link_up, hands));
                self.close_unused_sockets();
            }
            Command::Priority { place, priority } => {
                self.with_unit(place, |unit, hands| unit.set_priority(now, priority, hands));
            }
            Command::Hold { place, hold } => {
                self.with_unit(place, |unit, hands| unit.set_hold(now, hold, hands))
            }
            Command::Accepts { place, accepts } => {
                self.with_unit(place, |unit, _| unit.set_accepts(accepts))
            }
            Command::Installed { place, epoch } => {
                self.with_unit(place, |unit, hands| unit.installed(now, epoch, hands))
            }
            Command::StandAside { places } => self.tell(now, &places, Input::StandAside),
            Command::StandAgain { places } => self.tell(now, &places, Input::StandAgain),
            Command::Groups(groups) => self.regroup(now, groups),
            Command::Shutdown => {
                self.stopping = true;
                self.with_all(|unit, hands| unit.input(now, Input::Shutdown, hands));
            }
        }
    }

    /// All of them, before their group is settled: else who was not told yet would hold the others.
    fn tell(&mut self, now: Instant, places: &[u32], input: Input) {
        for &place in places {
            self.with_unit(place, |unit, hands| unit.input(now, input, hands));
        }
    }

    fn configure(&mut self, now: Instant, place: u32, router: Router) {
        let Some(unit) = self.units.get_mut(&place) else {
            let mut unit = Unit::new(router, place, now);
            unit.machine.set_grouped(self.group_of(place).is_some());
            self.units.insert(place, unit);
            self.news = true;
            return;
        };
        // Its group may be another one from here on.
        unit.router.delivery = router.delivery;
        if let Some(interface) = unit.seat.as_ref().map(|seat| seat.interface.clone()) {
            self.open_socket(place, &interface);
        }
        self.with_unit(place, |unit, hands| unit.configure(now, router, hands));
    }

    fn group_of(&self, place: u32) -> Option<&[u32]> {
        self.groups.iter().find(|group| group.contains(&place)).map(Vec::as_slice)
    }

    /// Whoever stands alone from here on forgets what it did for its group's sake.
    fn regroup(&mut self, now: Instant, groups: Vec<Vec<u32>>) {
        let old = std::mem::replace(&mut self.groups, groups);
        for place in old
            .into_iter()
            .flatten()
            .filter(|&place| self.group_of(place).is_none())
            .collect::<Vec<_>>()
        {
            self.with_unit(place, |unit, hands| {
                unit.machine.set_grouped(false);
                group::settle(now, &mut [&mut unit.machine], true);
                unit.drain(now, hands);
            });
        }
        for place in self.groups.concat() {
            self.with_unit(place, |unit, _| unit.machine.set_grouped(true));
        }
    }

    fn settle_groups(&mut self, now: Instant) {
        for index in 0..self.groups.len() {
            self.settle_group(now, &self.groups[index].clone());
        }
    }

    /// Brings one sync group to agreement. What the kernel knows of its members counts before it
    /// takes over.
    fn settle_group(&mut self, now: Instant, places: &[u32]) {
        let due = |place| self.units.get(place).is_some_and(|unit| unit.machine.due(now).is_some());
        if places.iter().any(due) {
            for &place in places {
                self.with_unit(place, |unit, hands| unit.consult_kernel(now, hands));
            }
        }
        let complete = places.iter().all(|place| self.units.contains_key(place));
        let members = self
            .units
            .values_mut()
            .filter(|unit| places.contains(&unit.place) && !unit.is_leaving());
        let mut machines: Vec<&mut VirtualRouter> = members.map(|unit| &mut unit.machine).collect();
        group::settle(now, &mut machines, complete);
        for &place in places {
            self.with_unit(place, |unit, hands| unit.drain(now, hands));
        }
    }

    /// Lets go of routers that were removed and have handed over.
    fn forget_removed(&mut self) {
        let gone: Vec<u32> =
            self.units.iter().filter(|(_, unit)| unit.is_gone()).map(|(&place, _)| place).collect();
        for place in gone {
            self.with_unit(place, |unit, hands| unit.clear_words(hands));
            self.units.remove(&place);
            self.index.remove(place);
            self.news = true;
        }
        self.close_unused_sockets();
    }

    fn with_all(&mut self, mut act: impl FnMut(&mut Unit, &mut Hands)) {
        let places: Vec<u32> = self.units.keys().copied().collect();
        for place in places {
            self.with_unit(place, &mut act);
        }
    }

    /// Lets `act` work on a unit with everything its outputs touch.
    fn with_unit(&mut self, place: u32, act: impl FnOnce(&mut Unit, &mut Hands)) {
        let Some(unit) = self.units.get_mut(&place) else {
            return;
        };
        let socket = unit.socket_key().and_then(|key| self.sockets.get(&key));
        act(unit, &mut Hands { socket, frames: &self.frames, words: self.words.as_mut() });
        self.news |= std::mem::take(&mut unit.dirty);
        let moved = self.index.update(
            place,
            unit.next_deadline(),
            unit.socket_key().map(|key| (key, unit.router.vrid)),
        );
        self.untidy |= moved || unit.is_leaving();
    }

    fn open_socket(&mut self, place: u32, interface: &Interface) {
        if let Some(unit) = self.units.get(&place) {
            self.sockets.open(interface, SocketKey::of(interface.index, &unit.router));
        }
    }

    fn close_unused_sockets(&mut self) {
        let units = &self.units;
        self.sockets.retain(|key| units.values().any(|unit| unit.socket_key() == Some(*key)));
    }

    /// Gives the adverts in the sockets to the elections they are for. A socket from which not
    /// everything was read stays readable: the thread comes back to it at once.
    pub(super) fn drain_sockets(&mut self, keys: Vec<SocketKey>, buffer: &mut [u8]) {
        let most = READ_AT_ONCE.max(READ_PER_ROUTER * self.units.len());
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
        let place = self.index.addressee(key, received.vrid);
        let conf = place.and_then(|place| self.units[&place].conf());
        if received.is_foreign(conf.as_ref()) {
            return;
        }
        let verdict = received.judge(conf.as_ref()).and_then(|advert| {
            let unit = place.and_then(|place| self.units.get_mut(&place));
            unit.map_or(Ok(()), |unit| unit.verify(clock::unix(), &advert, received))
                .map(|()| advert)
        });
        match (verdict, place) {
            (Ok(advert), Some(place)) => {
                let now = clock::now();
                let heard = Heard {
                    at: now,
                    source: received.source.ip(),
                    priority: advert.priority,
                    interval: Duration::from_micros(advert.interval.as_micros()),
                };
                self.with_unit(place, |unit, hands| {
                    unit.look_at(&advert, received);
                    unit.hear(now, heard, hands);
                });
                if let Some(group) = self.group_of(place).map(<[u32]>::to_vec) {
                    self.settle_group(now, &group);
                }
            }
            (Err(reason), _) => {
                let sits = |unit: &&Unit| {
                    unit.seat.as_ref().is_some_and(|seat| seat.interface.index == key.ifindex)
                };
                let name = self.units.values().find(sits).map(|unit| unit.router.interface.clone());
                *self.dropped.entry((name.unwrap_or_default(), reason)).or_default() += 1;
            }
            (Ok(_), None) => {}
        }
    }

    /// Whoever waits for views is woken for what changed; counters alone it finds there when it
    /// looks.
    fn publish_view(&mut self, now: Instant) {
        let obeyed = self.obeyed > self.publish.borrow().obeyed;
        let news = std::mem::take(&mut self.news) | obeyed;
        if news || now.saturating_since(self.published_at) >= COUNTERS_EVERY {
            self.published_at = now;
            let routers = self.units.iter().map(|(&place, unit)| (place, unit.view())).collect();
            let (dropped, degraded) = (self.dropped.clone(), Arc::clone(&self.degraded));
            let view = Arc::new(View {
                routers,
                obeyed: self.obeyed,
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
