//! The thread's loop.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;
use tokio::sync::watch;
use vrrp_common::reason::Reason;

use super::Command;
use super::advert::{self, Received};
use super::unit::{Hands, Seat, Unit};
use super::view::View;
use crate::clock;
use crate::election::{Heard, Input};
use crate::model::{Family, Router};
use crate::net::Interface;
use crate::net::advert_socket::{AdvertSocket, Datagram};
use crate::net::frame_socket::FrameSocket;
use crate::plane::words::Words;
use crate::realtime;
use crate::time::Instant;

/// Real-time priority of the thread: above everything ordinary, below the kernel's own threads.
const PRIORITY: u8 = 50;
/// Counters alone are published at most this often; roles at once.
const COUNTERS_EVERY: Duration = Duration::from_millis(200);
/// The longest IPv4 packet.
const PACKET_MAX: usize = 65_535;

pub struct Runner {
    /// By place.
    units: BTreeMap<u32, Unit>,
    /// By interface index and group.
    sockets: HashMap<(u32, Ipv4Addr), AdvertSocket>,
    frames: FrameSocket,
    words: Option<Words>,
    dropped: BTreeMap<(String, Reason), u64>,
    publish: watch::Sender<Arc<View>>,
    published_at: Instant,
    stopping: bool,
    obeyed: u64,
    /// A unit has gone since the last view.
    shrunk: bool,
}

impl Runner {
    pub fn new(words: Option<Words>, frames: FrameSocket, publish: watch::Sender<Arc<View>>) -> Self {
        let now = clock::now();
        Self {
            units: BTreeMap::new(),
            sockets: HashMap::new(),
            frames,
            words,
            dropped: BTreeMap::new(),
            publish,
            published_at: now,
            stopping: false,
            obeyed: 0,
            shrunk: false,
        }
    }

    /// Runs until a shutdown is complete, or the agent loop is gone.
    pub fn run(mut self, inbox: &Receiver<Command>, wake: BorrowedFd<'_>) {
        for degraded in realtime::enter(PRIORITY) {
            tracing::warn!("the election thread runs with less: {degraded}");
        }
        let mut buffer = vec![0; PACKET_MAX];
        loop {
            self.wait(wake);
            let now = clock::now();
            if !self.take_commands(now, inbox) {
                return;
            }
            self.drain_sockets(&mut buffer);
            let now = clock::now();
            self.with_all(|unit, hands| unit.act_on_time(now, hands));
            self.forget_removed();
            self.publish_view(now);
            if self.stopping && self.units.values().all(|unit| unit.machine.epoch().is_none()) {
                return;
            }
        }
    }

    /// Sleeps until a socket or the agent loop has something, or the next deadline.
    fn wait(&self, wake: BorrowedFd<'_>) {
        let deadline = self.units.values().filter_map(Unit::next_deadline).min();
        let timeout = deadline.map(|deadline| TimeSpec::from(deadline.saturating_since(clock::now())));
        let mut fds: Vec<PollFd<'_>> = self.sockets.values().map(|s| PollFd::new(s.as_fd(), PollFlags::POLLIN)).collect();
        fds.push(PollFd::new(wake, PollFlags::POLLIN));
        if let Err(errno) = nix::poll::ppoll(&mut fds, timeout, None)
            && errno != nix::errno::Errno::EINTR
        {
            tracing::error!(error = %errno, "poll failed on the election thread");
        }
        let mut woken = [0; 8];
        // Empties the eventfd; that it is empty already is no error.
        let _ = nix::unistd::read(wake, &mut woken);
    }

    /// Takes every command; false when the agent loop has gone.
    fn take_commands(&mut self, now: Instant, inbox: &Receiver<Command>) -> bool {
        loop {
            match inbox.try_recv() {
                Ok(command) => {
                    self.obey(now, command);
                    self.obeyed += 1;
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, now: Instant, command: Command) {
        match command {
            Command::Configure { place, router } => self.configure(now, place, *router),
            Command::Remove { place } => self.with_unit(place, |unit, hands| unit.remove(now, hands)),
            Command::Up { place, interface, mac, source } => {
                self.open_socket(place, &interface);
                // Two steps: what leaves the old seat goes through its socket, what begins on the new one through that seat's.
                self.with_unit(place, |unit, hands| unit.take_seat(now, Seat { interface, mac, source }, hands));
                self.with_unit(place, |unit, hands| unit.sit(now, hands));
            }
            Command::Down { place } => {
                self.with_unit(place, |unit, hands| unit.leave_seat(now, hands));
                self.close_unused_sockets();
            }
            Command::Priority { place, priority } => {
                self.with_unit(place, |unit, hands| unit.set_priority(now, priority, hands));
            }
            Command::Hold { place, hold } => self.with_unit(place, |unit, hands| unit.set_hold(now, hold, hands)),
            Command::Accepts { place, accepts } => self.with_unit(place, |unit, _| unit.set_accepts(accepts)),
            Command::Installed { place, epoch } => self.with_unit(place, |unit, hands| unit.installed(now, epoch, hands)),
            Command::Shutdown => {
                self.stopping = true;
                self.with_all(|unit, hands| unit.input(now, Input::Shutdown, hands));
            }
        }
    }

    fn configure(&mut self, now: Instant, place: u32, router: Router) {
        let Some(unit) = self.units.get_mut(&place) else {
            self.units.insert(place, Unit::new(router, place, now));
            return;
        };
        // Its group may be another one from here on.
        unit.router.group = router.group;
        if let Some(interface) = unit.seat.as_ref().map(|seat| seat.interface.clone()) {
            self.open_socket(place, &interface);
        }
        self.with_unit(place, |unit, hands| unit.configure(now, router, hands));
    }

    /// Lets go of routers that were removed and have handed over.
    fn forget_removed(&mut self) {
        let gone: Vec<u32> = self.units.iter().filter(|(_, unit)| unit.is_gone()).map(|(&place, _)| place).collect();
        for place in gone {
            self.with_unit(place, |unit, hands| unit.clear_words(hands));
            self.units.remove(&place);
            self.shrunk = true;
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
        let key = unit.seat.as_ref().map(|seat| (seat.interface.index, unit.router.group));
        let socket = key.and_then(|key| self.sockets.get(&key));
        act(unit, &mut Hands { socket, frames: &self.frames, words: self.words.as_mut() });
    }

    fn open_socket(&mut self, place: u32, interface: &Interface) {
        let Some(group) = self.units.get(&place).map(|unit| unit.router.group) else {
            return;
        };
        let key = (interface.index, group);
        if self.sockets.contains_key(&key) {
            return;
        }
        match AdvertSocket::open(interface, Family::V4, Some(group.into())) {
            Ok(socket) => {
                self.sockets.insert(key, socket);
            }
            Err(error) => tracing::error!(%interface, %error, "no adverts on this interface"),
        }
    }

    fn close_unused_sockets(&mut self) {
        let units = &self.units;
        let sits = |unit: &Unit, ifindex| unit.seat.as_ref().is_some_and(|seat| seat.interface.index == ifindex);
        self.sockets.retain(|&(ifindex, group), _| units.values().any(|unit| sits(unit, ifindex) && unit.router.group == group));
    }

    /// Gives every advert in the sockets to the election it is for.
    fn drain_sockets(&mut self, buffer: &mut [u8]) {
        let keys: Vec<(u32, Ipv4Addr)> = self.sockets.keys().copied().collect();
        for key in keys {
            loop {
                let received = match self.sockets.get(&key).map(|socket| socket.recv(buffer)) {
                    Some(Ok(Some(Datagram::V4 { len }))) => advert::parse(&buffer[..len]),
                    Some(Ok(Some(Datagram::V6 { .. }))) => None,
                    Some(Ok(None)) | None => break,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "advert socket");
                        break;
                    }
                };
                if let Some(received) = received {
                    self.deliver(key, &received);
                }
            }
        }
    }

    fn deliver(&mut self, (ifindex, group): (u32, Ipv4Addr), received: &Received) {
        let vrid = received.advert.as_ref().map(|advert| advert.vrid);
        let sits = |unit: &Unit| unit.seat.as_ref().is_some_and(|seat| seat.interface.index == ifindex);
        let of_vrid = |unit: &Unit| sits(unit) && unit.router.group == group && vrid == Ok(unit.router.vrid);
        let place = self.units.iter().find(|(_, unit)| of_vrid(unit)).map(|(&place, _)| place);
        let conf = place.and_then(|place| self.units[&place].conf());
        let verdict = match (received.advert, conf) {
            (Err(reason), _) => Err(reason),
            (Ok(_), None) => Err(Reason::Vrid),
            (Ok(_), Some(conf)) => received.judge(&conf),
        };
        match (verdict, place) {
            (Ok(advert), Some(place)) => {
                let now = clock::now();
                let heard = Heard {
                    at: now,
                    source: Ipv4Addr::from(received.ip.source),
                    priority: advert.priority,
                    interval: Duration::from_micros(advert.interval.as_micros()),
                };
                self.with_unit(place, |unit, hands| unit.hear(now, heard, hands));
            }
            (Err(reason), _) => {
                let name = self.units.values().find(|unit| sits(unit)).map(|unit| unit.router.interface.clone());
                *self.dropped.entry((name.unwrap_or_default(), reason)).or_default() += 1;
            }
            (Ok(_), None) => {}
        }
    }

    fn publish_view(&mut self, now: Instant) {
        let obeyed = self.obeyed > self.publish.borrow().obeyed;
        let dirty = self.units.values_mut().fold(false, |dirty, unit| std::mem::take(&mut unit.dirty) | dirty);
        let shrunk = std::mem::take(&mut self.shrunk);
        if dirty || obeyed || shrunk || now.saturating_since(self.published_at) >= COUNTERS_EVERY {
            self.published_at = now;
            let routers = self.units.iter().map(|(&place, unit)| (place, unit.view())).collect();
            self.publish.send_replace(Arc::new(View { routers, obeyed: self.obeyed, dropped: self.dropped.clone() }));
        }
    }
}
