//! One node: the state in its kernel, and an agent's loop around the real election.

use std::net::Ipv4Addr;
use std::time::Duration;

use vrrp_common::ip::Address;
use vrrp_common::maps::RouterConf;
use vrrp_common::wire::vrrp::GROUP;
use vrrp_election::{Heard, Input, Output, Resume, Role, Settings, VirtualRouter};
use vrrp_model::Version;
use vrrp_model::time::Instant;

use super::frame::VRID;
use super::kernel::Kernel;
use super::{Mutant, Setup};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    Running,
    /// Stopped, as after SIGSTOP.
    Paused,
    /// Dead, as after SIGKILL: the kernel's state lives on.
    Crashed,
}

/// The state that the world requests of a router; a running agent follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Want {
    Run,
    Fault,
    LinkDown,
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Node {
    pub source: Ipv4Addr,
    pub kernel: Kernel,
    pub router: VirtualRouter,
    pub life: Life,
    /// Since when the agent has run without a break.
    pub running_since: Instant,
    pub want: Want,
    /// Effective priority that the tracking requests.
    pub priority: u8,
    /// An order that the election has not received yet: standby (true), or its end.
    pub asked_standby: Option<bool>,
    /// The agent dies after this many more outputs.
    pub crash_after: Option<u32>,
    /// A mutant delays its timer until then.
    held_until: Instant,
    settings: Settings,
    seen: Option<Want>,
}

impl Node {
    pub fn new(setup: &Setup, index: usize) -> Self {
        let source = setup.sources[index];
        let settings = Settings {
            version: setup.version,
            priority: setup.priorities[index],
            interval: setup.interval,
            preempt: setup.preempt,
            preempt_delay: setup.preempt_delay,
        };
        let conf = RouterConf {
            source: source.into(),
            destination: Address::v4(GROUP),
            vrid: VRID,
            version: match setup.version {
                Version::V2 => 2,
                Version::V3 => 3,
            },
            interval_centis: (setup.interval.as_millis() / 10) as u16,
            priority: settings.priority,
            ..RouterConf::default()
        };
        Self {
            source,
            kernel: Kernel::new(conf),
            router: VirtualRouter::new(settings),
            life: Life::Running,
            running_since: Instant::from_micros(0),
            want: Want::Run,
            priority: settings.priority,
            asked_standby: None,
            crash_after: None,
            held_until: Instant::from_micros(0),
            settings,
            seen: None,
        }
    }

    /// A new agent after a crash; it finds the masterships that the old one left in the kernel.
    pub fn restart(&mut self) {
        self.router = VirtualRouter::new(self.settings);
        self.kernel.socket.clear();
        self.asked_standby = None;
        self.seen = None;
        self.life = Life::Running;
    }

    /// Receives a frame from the wire.
    pub fn receive(&mut self, now: Instant, frame: &[u8], mutant: Mutant) -> Option<Heard> {
        let heard = self.kernel.receive(now, frame, mutant);
        if heard.is_none() {
            self.held_until = match (mutant, self.router.role()) {
                (Mutant::DiscardedResetsDownTimer, Role::Backup) => {
                    now + self.router.master_down_interval()
                }
                (Mutant::DiscardedResetsAdvertTimer, Role::Master) => now + self.settings.interval,
                _ => self.held_until,
            };
        }
        heard
    }

    /// When the agent's timer fires.
    pub fn deadline(&self, mutant: Mutant) -> Option<Instant> {
        let deadline = self.router.next_deadline()?;
        Some((deadline - self.cut_off(mutant)).max(self.held_until))
    }

    /// The timer has fired.
    pub fn handle_timeout(&mut self, now: Instant, mutant: Mutant) {
        if self.held_until <= now {
            self.router.handle_timeout(now + self.cut_off(mutant));
        }
    }

    /// How much too early a mutant's timer fires.
    fn cut_off(&self, mutant: Mutant) -> Duration {
        match (mutant, self.router.role()) {
            (Mutant::SkewToInteger, Role::Backup) => {
                Duration::from_nanos(u64::from(self.router.skew().subsec_nanos()))
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether a running agent would do anything now.
    pub fn has_work(&self, now: Instant, mutant: Mutant) -> bool {
        self.life == Life::Running
            && (self.seen != Some(self.want)
                || !self.kernel.socket.is_empty()
                || self.router.epoch() == Some(self.kernel.fence)
                || self.priority != self.router.priority()
                || self.asked_standby.is_some()
                || self.deadline(mutant).is_some_and(|deadline| deadline <= now))
    }

    /// Gives the election everything that waits for the agent, in the order of the election's
    /// contract.
    pub fn inputs(&mut self, mutant: Mutant) -> Vec<Input> {
        let mut inputs = vec![];
        if self.router.epoch() == Some(self.kernel.fence) {
            inputs.push(Input::Fenced);
        }
        if mutant != Mutant::TimerFirst {
            inputs.extend(self.read_socket());
        }
        if self.priority != self.router.priority() {
            inputs.push(Input::Priority(self.priority));
        }
        // A mastership left by an earlier agent is resumed even if it must be given up at once:
        // then it is handed over.
        let resume = self.left_behind();
        let up = Input::Startup { source: self.source.into(), resume };
        if resume.is_some() && self.want != Want::Run {
            inputs.push(up);
        }
        if self.seen != Some(self.want) {
            inputs.push(match self.want {
                Want::Run => up,
                Want::Fault => Input::Fault,
                Want::LinkDown => Input::InterfaceDown,
                Want::Stopped => Input::Shutdown,
            });
            self.seen = Some(self.want);
        }
        let asked = self.asked_standby.take();
        inputs
            .extend(asked.map(|standby| if standby { Input::Standby } else { Input::EndStandby }));
        inputs
    }

    pub fn read_socket(&mut self) -> Vec<Input> {
        self.kernel.socket.drain(..).map(Input::Advert).collect()
    }

    /// A mastership of the previous agent; a fenced one is cleared.
    fn left_behind(&mut self) -> Option<Resume> {
        if self.seen.is_some() {
            return None;
        }
        if self.kernel.active() {
            return Some(Resume { epoch: self.kernel.mastership });
        }
        self.kernel.mastership = 0;
        None
    }

    /// Applies one output to the kernel; the world sends the adverts.
    pub fn apply(&mut self, output: Output, setup: &Setup) {
        match output {
            Output::Lease { until, priority } => {
                let extra = match setup.mutant {
                    Mutant::LeaseTooLong => setup.interval * 2,
                    _ => Duration::ZERO,
                };
                self.kernel.lease = (until + extra).as_nanos();
                self.kernel.conf.priority = priority;
            }
            Output::Lapse if setup.mutant == Mutant::LapseForgotten => {}
            Output::Lapse => self.kernel.lease = 0,
            Output::Mastership(None)
                if setup.mutant == Mutant::ActsAfterLinkDown && self.want == Want::LinkDown => {}
            Output::Mastership(Some(_))
                if setup.mutant == Mutant::OwnerNeverActs && self.settings.priority == 255 => {}
            Output::Mastership(epoch) => self.kernel.mastership = epoch.unwrap_or(0),
            Output::Send { .. }
            | Output::Transition { .. }
            | Output::Announce
            | Output::Reannounce => {}
        }
    }
}
