//! One virtual router on the election thread: its machine, and what the machine's outputs touch.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_common::ip::Address;
use vrrp_common::maps::RouterConf;
use vrrp_common::wire::vrrp::{Centis, PRIORITY_RELEASE};

use super::Hold;
use super::advert;
use super::sockets::SocketKey;
use super::transitions;
use crate::net::advert_socket::AdvertSocket;
use crate::net::packet_socket::{FrameError, PacketSocket};
use crate::plane::PlaneError;
use crate::plane::mastership::Mastership;
use vrrp_election::announce::Schedule;
use vrrp_election::auth::Authenticator;
use vrrp_election::timing_stats::{Failovers, Margins};
use vrrp_election::view::{Counts, RouterView};
use vrrp_election::{Heard, Input, Reason, Resume, Role, VirtualRouter};
use vrrp_model::Router;
use vrrp_model::RouterIdx;
use vrrp_model::host::Interface;
use vrrp_model::time::Instant;

/// Gratuitous ARP goes out after this even without a report that the addresses are installed: with
/// the kernel program in place the node already answers for them.
pub(super) const INSTALL_PATIENCE: Duration = Duration::from_millis(50);

/// The router's place on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub interface: Interface,
    pub mac: [u8; 6],
    pub source: IpAddr,
}

/// What a unit's outputs act on; borrowed from the thread for one step.
pub struct Io<'a> {
    pub socket: Option<&'a AdvertSocket>,
    pub frames: &'a dyn Frames,
    pub words: Option<&'a mut dyn Mastership>,
    pub transitions: &'a transitions::Sender,
}

/// Sends whole Ethernet frames.
pub trait Frames {
    /// # Errors
    /// The interface does not exist or is down, or its queue is full.
    fn send(&self, ifindex: u32, frame: &[u8]) -> Result<(), FrameError>;
}

impl Frames for PacketSocket {
    fn send(&self, ifindex: u32, frame: &[u8]) -> Result<(), FrameError> {
        PacketSocket::send(self, ifindex, frame)
    }
}

pub struct RouterDriver {
    pub router: Router,
    /// Index in the maps.
    pub idx: RouterIdx,
    pub machine: VirtualRouter,
    pub binding: Option<Binding>,
    pub(super) schedule: Schedule,
    /// Signs and verifies adverts; `None`: they are not authenticated.
    pub(super) auth: Option<Authenticator>,
    /// Announce at the latest then, unless the addresses are reported installed before.
    pub(super) announce_by: Option<Instant>,
    /// End of the lease as last written.
    pub(super) lease_until: Instant,
    /// Priority of our last advert; the kernel program compares with that one.
    pub(super) told_priority: u8,
    /// Source of the last advert that was verified, where adverts must be; else unspecified.
    pub(super) trusted: Address,
    hold: Hold,
    /// The stack accepts packets for the addresses before they are installed.
    pub(super) accepts: bool,
    pub(super) reason: Option<Reason>,
    pub(super) since: Instant,
    pub(super) counts: Counts,
    pub(super) margins: Margins,
    pub(super) failovers: Failovers,
    /// Removed from the configuration: gone as soon as it has handed over.
    leaving: bool,
    /// Role or epoch changed since the last view.
    pub dirty: bool,
}

impl RouterDriver {
    pub fn new(router: Router, idx: RouterIdx, now: Instant) -> Self {
        Self {
            machine: VirtualRouter::new((&router).into()),
            schedule: Schedule::new(router.announce),
            auth: authenticator(None, &router),
            told_priority: router.priority,
            router,
            idx,
            binding: None,
            announce_by: None,
            lease_until: now,
            trusted: Address::UNSPECIFIED,
            hold: Hold::Free,
            accepts: false,
            reason: None,
            since: now,
            counts: Counts::default(),
            margins: Margins::default(),
            failovers: Failovers::default(),
            leaving: false,
            dirty: true,
        }
    }

    /// The router as the kernel program and the socket check know it; `None` without a binding.
    pub fn conf(&self) -> Option<RouterConf> {
        let binding = self.binding.as_ref()?;
        let conf = advert::router_conf(
            &self.router,
            binding.interface.index,
            binding.source,
            self.told_priority,
        );
        Some(RouterConf { trusted: self.trusted, ..conf })
    }

    /// The MAC address its virtual addresses are at; `None` without a binding.
    pub fn mac(&self) -> Option<[u8; 6]> {
        Some(self.conf()?.mac(self.binding.as_ref()?.mac))
    }

    /// The socket that its adverts go through; `None` without a binding.
    pub fn socket_key(&self) -> Option<SocketKey> {
        Some(SocketKey::of(self.binding.as_ref()?.interface.index, &self.router))
    }

    /// Takes over a changed configuration; a router that was leaving stays.
    pub fn configure(&mut self, now: Instant, router: Router, io: &mut Io) {
        let known: Vec<IpAddr> = self.router.all_addresses().collect();
        let has_new = router.all_addresses().any(|address| !known.contains(&address));
        if router.announce != self.router.announce {
            self.schedule = Schedule::new(router.announce);
            self.schedule.resume(now);
        }
        self.auth = authenticator(self.auth.take(), &router);
        self.router = router;
        self.input(now, Input::Settings((&self.router).into()), io);
        self.write_conf(io);
        if std::mem::take(&mut self.leaving) {
            self.stand(now, io);
        }
        if has_new && self.machine.epoch().is_some() {
            self.announce_by = Some(now + INSTALL_PATIENCE);
        }
    }

    /// Releases for good.
    pub fn remove(&mut self, now: Instant, io: &mut Io) {
        self.leaving = true;
        self.input(now, Input::Shutdown, io);
    }

    /// Removed, and so out of its sync group.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Removed, and active no more.
    pub fn is_gone(&self) -> bool {
        self.leaving && self.machine.epoch().is_none()
    }

    /// Leaves nothing of this router in the kernel's words.
    pub fn clear_maps(&mut self, io: &mut Io) {
        self.with_words(io, |words, idx| words.clear(idx));
    }

    /// Takes a binding; a mastership on another interface ends there.
    pub fn bind(&mut self, now: Instant, binding: Binding, io: &mut Io) {
        let moved = self.binding.as_ref().is_some_and(|old| old.interface != binding.interface);
        if moved {
            self.input(now, Input::InterfaceDown, io);
        }
        self.binding = Some(binding);
    }

    /// Starts the election on the binding, unless a fault prevents it.
    pub fn start(&mut self, now: Instant, io: &mut Io) {
        let Some(source) = self.binding.as_ref().map(|binding| binding.source) else {
            return;
        };
        self.write_conf(io);
        match self.machine.role() {
            Role::Init | Role::Fault => self.stand(now, io),
            Role::Backup | Role::Master | Role::Releasing => {
                self.input(now, Input::Source(source), io)
            }
        }
    }

    /// The interface or its address is gone. While the link works the last advert, of priority 0,
    /// leaves from the address of the binding, though the host has it no more.
    pub fn unbind(&mut self, now: Instant, link_up: bool, io: &mut Io) {
        if !link_up {
            self.binding = None;
        }
        self.input(now, Input::InterfaceDown, io);
        self.binding = None;
    }

    pub fn set_hold(&mut self, now: Instant, hold: Hold, io: &mut Io) {
        self.hold = hold;
        self.stand(now, io);
    }

    pub fn set_accepts(&mut self, accepts: bool) {
        self.accepts = accepts;
    }

    pub fn set_priority(&mut self, now: Instant, priority: u8, io: &mut Io) {
        tracing::info!(
            instance = self.router.name,
            from = self.machine.priority(),
            to = priority,
            "effective priority changes"
        );
        self.input(now, Input::Priority(priority), io);
    }

    fn stand(&mut self, now: Instant, io: &mut Io) {
        let Some(binding) = &self.binding else {
            return;
        };
        let source = binding.source;
        match (self.hold, self.machine.role()) {
            (Hold::Pending, _) => {}
            (Hold::Free, _) => {
                let resume = self.resume(io);
                self.input(now, Input::Startup { source, resume }, io);
            }
            (Hold::Fault, role) => {
                // A mastership that an earlier agent left is taken up to be handed over in good
                // order.
                if role == Role::Init
                    && let Some(resume) = self.resume(io)
                {
                    self.input(now, Input::Startup { source, resume: Some(resume) }, io);
                }
                self.input(now, Input::Fault, io);
            }
        }
    }

    /// The mastership that an earlier agent left in the kernel, if no fence has ended it; a fenced
    /// one is cleared.
    fn resume(&mut self, io: &mut Io) -> Option<Resume> {
        let words = io.words.as_deref_mut()?;
        let left = words.inherited(self.idx).inspect_err(report).ok()?;
        if left.mastership == 0 {
            return None;
        }
        if left.is_active() {
            return Some(Resume { epoch: left.mastership });
        }
        tracing::info!(
            instance = self.router.name,
            "an earlier agent's mastership was fenced: cleared"
        );
        words.set_mastership(self.idx, None).unwrap_or_else(|error| report(&error));
        None
    }

    /// A valid advert from the socket.
    pub fn hear(&mut self, now: Instant, mut heard: Heard, io: &mut Io) {
        if let Some(stamp) = self.stamp(io)
            && (stamp.source, stamp.priority) == (heard.source, heard.priority)
        {
            // It may have waited in the socket: what counts is when it arrived.
            heard.at = stamp.at.min(now);
        }
        if self.machine.epoch().is_some() && now > self.lease_until {
            // A thread that was stalled first learns that the kernel has ended its mastership.
            self.consult_kernel(now, io);
        }
        self.trust(heard.source, io);
        self.counts.adverts_received += 1;
        if heard.priority == PRIORITY_RELEASE {
            self.counts.priority_zero_received += 1;
        } else if self.machine.role() == Role::Master && heard.priority < self.machine.priority() {
            self.counts.lower_priority_received += 1;
        }
        self.input(now, Input::Advert(heard), io);
        if self.machine.epoch().is_some() {
            // Whatever the machine made of the advert: where the kernel fenced on it, this node
            // is not active.
            self.consult_kernel(now, io);
        }
    }

    /// What the kernel knows and this thread may not: a fence, an advert still in the socket.
    /// Before any timer is handled.
    pub fn consult_kernel(&mut self, now: Instant, io: &mut Io) {
        let Some(words) = io.words.as_deref_mut() else {
            return;
        };
        if let Some(epoch) = self.machine.epoch() {
            let fenced =
                words.fenced(self.idx).inspect_err(report).is_ok_and(|fence| fence == epoch);
            if fenced {
                self.input(now, Input::Fenced, io);
            }
            return;
        }
        if let Some(heard) = self.stamp(io)
            && self.machine.last_heard().is_none_or(|last| last.at < heard.at)
        {
            self.input(now, Input::Advert(heard), io);
        }
    }

    /// The last advert that the kernel program saw. Where adverts are authenticated it says
    /// nothing: the kernel program cannot verify them.
    fn stamp(&self, io: &Io) -> Option<Heard> {
        if self.auth.is_some() {
            return None;
        }
        let stamp = io.words.as_deref()?.heard(self.idx).inspect_err(report).ok().flatten()?;
        Some(Heard {
            at: Instant::from_nanos(stamp.seen),
            source: stamp.source.ip(),
            priority: stamp.priority,
            interval: Duration::from_micros(Centis(stamp.interval_centis).as_micros()),
        })
    }

    /// Everything that is due at `now`.
    pub fn act_on_time(&mut self, now: Instant, io: &mut Io) {
        if self.machine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.consult_kernel(now, io);
            self.machine.handle_timeout(now);
            self.drain(now, io);
        }
        if self.announce_by.is_some_and(|deadline| deadline <= now) {
            self.start_announcing(now);
        }
        self.announce(now, io);
    }

    /// The addresses of the mastership `epoch` are on their interfaces.
    pub fn installed(&mut self, now: Instant, epoch: u64, io: &mut Io) {
        if self.announce_by.is_some() && self.machine.epoch() == Some(epoch) {
            self.start_announcing(now);
            self.announce(now, io);
        }
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        [self.machine.next_deadline(), self.announce_by, self.schedule.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// One input, then everything that follows from it.
    pub fn input(&mut self, now: Instant, input: Input, io: &mut Io) {
        self.machine.handle(now, input);
        self.drain(now, io);
    }
}

pub(super) fn report(error: &PlaneError) {
    tracing::error!(%error, "cannot access the mastership maps of a virtual router");
}

impl RouterDriver {
    pub fn view(&self) -> RouterView {
        RouterView {
            role: self.machine.role(),
            reason: self.reason,
            since: self.since,
            standby_since: self.machine.standby_since(),
            epoch: self.machine.epoch(),
            priority: self.machine.priority(),
            heard: self.machine.last_heard().copied(),
            lease_until: self.lease_until,
            deadline: self.machine.next_deadline(),
            master_down: self.machine.master_down_interval(),
            interval: self.machine.learned_interval(),
            counts: self.counts,
            margins: self.margins,
            failovers: self.failovers,
        }
    }
}

/// The authentication that a router's configuration asks for; what was sent and heard before stays
/// known.
fn authenticator(known: Option<Authenticator>, router: &Router) -> Option<Authenticator> {
    let hmac = router.hmac.as_ref()?;
    let made = match known {
        Some(mut auth) => auth.configure(hmac, router.interval).map(|()| auth),
        None => Authenticator::new(hmac, router.interval),
    };
    // The configuration was checked by the same rules.
    made.inspect_err(
        |error| tracing::error!(instance = router.name, %error, "adverts cannot be authenticated"),
    )
    .ok()
}

#[cfg(test)]
mod tests;
