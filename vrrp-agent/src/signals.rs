//! The signals that the agent handles, from its first instruction on.
//!
//! [`hold`] comes first in `main`: until the handlers exist a signal stays pending instead of
//! ending the process. [`Signals`] then keeps each signal until the agent reads it, so that one
//! that arrives during the start is handled after it.

use std::io;

use futures_util::FutureExt;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Number};
use tokio::signal::unix::{Signal, SignalKind, signal};

const HEEDED: [Number; 5] =
    [Number::SIGTERM, Number::SIGINT, Number::SIGHUP, Number::SIGUSR1, Number::SIGUSR2];

/// Blocked signals; they are unblocked when this is dropped.
pub struct Held(Option<SigSet>);

/// Blocks the signals that the agent handles, in the calling thread and in those that it starts.
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

/// The meaning of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT, by name.
    Stop(&'static str),
    /// SIGHUP.
    Reload,
    /// A signal that keepalived acts on and this agent does not, by name. Unhandled it would end
    /// the process.
    Nothing(&'static str),
}

/// Handlers of the signals; several pending ones of one kind count once.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: [Signal; 2],
    /// Received from the handlers already, but not by the agent's loop.
    stop: Option<&'static str>,
}

impl Signals {
    /// Installs the handlers. From then on none of these signals ends the process.
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

    /// The next signal's meaning. Cancel safe: no signal is lost.
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

    /// Waits for a stop signal; [`Signals::next`] returns it again. Reloads stay pending.
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

    /// The stop signal that was received, if any.
    pub fn stop_asked(&mut self) -> Option<&'static str> {
        self.stop().now_or_never()
    }
}
