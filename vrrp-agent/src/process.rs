//! Programs that the agent runs: tracked scripts, notify commands, readers of FIFOs.
//!
//! A program gets no shell, no input, no output, the agent's environment less what would steer its
//! loader, `/` as its directory and a process group of its own.

pub mod security;
mod start;
#[cfg(test)]
mod tests;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

use vrrp_model::Command;

pub use start::{NotStarted, account, inspect, start_on_thread};

/// A run that timed out gets SIGTERM, and SIGKILL this much later.
pub const TERMINATION: Duration = Duration::from_secs(2);

/// PATH where the agent has none; a command without a slash is searched there.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Mode bits, one of which every executable has.
const ANY_EXECUTE: u32 = 0o111;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its exit status.
    Exit(i32),
    /// The signal that ended it.
    Signal(i32),
    /// Reported at the timeout; the script may still be ending.
    TimedOut,
    /// Why.
    CannotStart(String),
}

/// Runs a program to its end, for `timeout` at most, or until `leave` is done: then it runs on by
/// itself. Returns how it ended, and whether it was left. `environment` is added to the agent's.
pub async fn run(
    command: Command,
    environment: Vec<(&'static str, String)>,
    timeout: Duration,
    leave: impl Future<Output = ()>,
) -> (Outcome, bool) {
    let mut over = std::pin::pin!(tokio::time::sleep(timeout));
    let mut leave = std::pin::pin!(leave);
    let failed = |why: NotStarted| (Outcome::CannotStart(why.to_string()), false);
    let starting = match start_on_thread(command, environment) {
        Ok(starting) => starting,
        Err(lack) => return failed(lack),
    };
    let early = || NotStarted::Broken("its thread ended early".to_owned());
    // A file that does not open must not hold the caller up: a program that starts later is killed,
    // since nothing waits for it.
    let started = tokio::select! {
        started = starting => started.unwrap_or_else(|_| Err(early())),
        () = &mut leave => return (Outcome::TimedOut, false),
        () = &mut over => return (Outcome::TimedOut, false),
    };
    let mut group = match started {
        Ok(group) => group,
        Err(why) => return failed(why),
    };
    tokio::select! {
        outcome = group.wait() => return (outcome, false),
        () = &mut leave => {}
        () = &mut over => {
            group.signal(Signal::SIGTERM);
            group.end().await;
            return (Outcome::TimedOut, false);
        }
    }
    group.leave();
    (Outcome::Exit(0), true)
}

/// A running program: the process and its group.
pub struct Group {
    child: Child,
    id: Pid,
    /// Whether dropping this kills the group: not after an orderly end, because a program may
    /// leave a daemon running on purpose.
    armed: bool,
}

impl Group {
    fn new(child: Child) -> Result<Self, NotStarted> {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let id = id.ok_or_else(|| {
            NotStarted::Broken("the process ended before it was known".to_owned())
        })?;
        Ok(Self { child, id, armed: true })
    }

    pub async fn wait(&mut self) -> Outcome {
        match self.child.wait().await {
            Ok(status) => {
                self.armed = false;
                outcome(status)
            }
            Err(error) => Outcome::CannotStart(format!("cannot wait for it: {error}")),
        }
    }

    /// Waits for a run that got SIGTERM. Kills the rest of its group after [`TERMINATION`], or
    /// after the script itself has ended.
    pub async fn end(mut self) {
        let _ = tokio::time::timeout(TERMINATION, self.child.wait()).await;
        self.signal(Signal::SIGKILL);
        self.armed = false;
        if let Err(error) = self.child.wait().await {
            tracing::warn!(pid = self.id.as_raw(), %error, "cannot wait for a killed program");
        }
    }

    /// Lets it run on after this is dropped.
    fn leave(mut self) {
        self.armed = false;
    }

    pub fn signal(&self, signal: Signal) {
        match killpg(self.id, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(pid = self.id.as_raw(), %signal, %error, "cannot signal a program");
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.armed {
            self.signal(Signal::SIGKILL);
        }
    }
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => Outcome::Exit(code),
        (None, Some(signal)) => Outcome::Signal(signal),
        // Only a stopped process has neither, and `wait` does not return for stopped processes.
        (None, None) => Outcome::Exit(-1),
    }
}
