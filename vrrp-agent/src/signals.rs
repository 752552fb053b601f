//! The signals that the agent heeds, from its first instruction on.
//!
//! [`hold`] comes first in `main`: until there are handlers a signal waits, blocked, instead of
//! ending the process. [`Signals`] then keeps each one until it is asked for, so that one that
//! comes during the start is heeded after it.

use std::io;

use futures_util::FutureExt;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Number};
use tokio::signal::unix::{Signal, SignalKind, signal};

const HEEDED: [Number; 5] =
    [Number::SIGTERM, Number::SIGINT, Number::SIGHUP, Number::SIGUSR1, Number::SIGUSR2];

/// Blocked signals; they are let through when this is dropped.
pub struct Held(Option<SigSet>);

/// Blocks the signals that the agent heeds, in the calling thread and in those that it starts.
pub fn hold() -> Held {
    let mut blocked = SigSet::empty();
    HEEDED.iter().for_each(|&number| blocked.add(number));
    Held(blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok())
}

impl Drop for Held {
    fn drop(&mut self) {
        // The mask was in force before, so it is a valid one.
        let _ = self.0.take().map(|before| before.thread_set_mask());
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT, by name.
    Stop(&'static str),
    /// SIGHUP.
    Reload,
    /// A signal that keepalived acts on and this agent does not, by name. It would end the process
    /// if it were not handled.
    Nothing(&'static str),
}

/// Handlers of the signals; several of one kind that wait count once.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: [Signal; 2],
    /// Taken from the handlers already, but not by the agent's loop.
    stop: Option<&'static str>,
}

impl Signals {
    /// Installs the handlers; for as long as the process lives none of these signals ends it.
    ///
    /// # Errors
    /// The kernel refuses a handler.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
            stop: None,
        })
    }

    /// The next thing that is asked for. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Asked {
        if let Some(name) = self.stop.take() {
            return Asked::Stop(name);
        }
        let [user1, user2] = &mut self.user;
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
            _ = user1.recv() => Asked::Nothing("SIGUSR1"),
            _ = user2.recv() => Asked::Nothing("SIGUSR2"),
        }
    }

    /// Waits until the agent is asked to stop; [`Signals::next`] says so again. Reloads wait.
    pub async fn stop(&mut self) -> &'static str {
        let name = match self.stop {
            Some(name) => name,
            None => tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            },
        };
        self.stop = Some(name);
        name
    }

    /// Whether the agent has been asked to stop, and by which signal.
    pub fn stop_asked(&mut self) -> Option<&'static str> {
        self.stop().now_or_never()
    }
}
