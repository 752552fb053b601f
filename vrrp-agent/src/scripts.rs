//! Runs the tracked scripts and reports every result.
//!
//! Tasks: one per script, owned by [`Scripts`]. A task runs its script, waits for it, and waits for
//! the next interval: runs never overlap. Cancelling a task kills the process group of the run in
//! flight.
//!
//! A script gets no shell, no input, no output, a small environment, `/` as its directory and a
//! process group of its own. Rise and fall are not counted here: every run is one [`Event`].

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
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::shortage::{self, Undone};
use start::start_on_thread;
pub use start::{NotStarted, inspect, remove_unusable};
use vrrp_model::Script;

/// A run that timed out gets SIGTERM, and SIGKILL this much later.
const TERMINATION: Duration = Duration::from_secs(2);

/// PATH of the scripts; a command without a slash is searched there.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Mode bits, one of which every executable has.
const ANY_EXECUTE: u32 = 0o111;

/// Shortest interval; zero would panic, and the model's smallest is greater.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// A run of a script has ended, or has timed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Index into [`vrrp_model::Config::scripts`].
    pub script: usize,
    /// It exited with status 0 in time.
    pub ok: bool,
    pub outcome: Outcome,
    pub duration: Duration,
}

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

/// The running scripts; dropping it ends them.
#[derive(Debug)]
pub struct Scripts {
    _tasks: JoinSet<()>,
}

/// Starts running all scripts, each at once and then at its interval.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(scripts: &[Script], events: &mpsc::Sender<Event>) -> Scripts {
    let mut tasks = JoinSet::new();
    for (index, script) in scripts.iter().enumerate() {
        let runner = Runner { index, script: script.clone(), events: events.clone(), broken: None };
        tasks.spawn(runner.run());
    }
    Scripts { _tasks: tasks }
}

struct Runner {
    index: usize,
    script: Script,
    events: mpsc::Sender<Event>,
    /// Reason of the last failed start, so that it is logged once.
    broken: Option<String>,
}

impl Runner {
    /// Runs until the receiver of the events is dropped.
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.script.interval.max(SHORTEST_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if self.run_once().await.is_err() {
                return;
            }
        }
    }

    async fn run_once(&mut self) -> Result<(), mpsc::error::SendError<Event>> {
        let started = clock::timer();
        let deadline = clock::timer() + self.script.timeout;
        let script = self.script.clone();
        let mut starting = match start_on_thread(script) {
            Ok(starting) => starting,
            Err(lack) => return self.excuse(&lack),
        };
        let Ok(start) = tokio::time::timeout_at(deadline, &mut starting).await else {
            self.report(Outcome::TimedOut, started).await?;
            // Runs never overlap: this one must have begun before it can be ended by dropping it.
            drop(starting.await);
            return Ok(());
        };
        let mut group = match start
            .unwrap_or_else(|_| Err(NotStarted::Broken("its thread ended early".to_owned())))
        {
            Ok(group) => group,
            Err(NotStarted::Broken(why)) => {
                self.note_broken(Some(&why));
                return self.report(Outcome::CannotStart(why), started).await;
            }
            Err(lack @ NotStarted::Lack(_)) => return self.excuse(&lack),
        };
        self.note_broken(None);
        match tokio::time::timeout_at(deadline, group.wait()).await {
            Ok(outcome) => self.report(outcome, started).await,
            Err(_) => {
                // SIGTERM is sent before the report: a slow receiver does not prolong the run.
                group.signal(Signal::SIGTERM);
                self.report(Outcome::TimedOut, started).await?;
                group.end().await;
                Ok(())
            }
        }
    }

    async fn report(
        &self,
        outcome: Outcome,
        started: tokio::time::Instant,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let ok = outcome == Outcome::Exit(0);
        let event = Event {
            script: self.index,
            ok,
            outcome,
            duration: clock::timer().duration_since(started),
        };
        self.events.send(event).await
    }

    /// The script was not run for lack of resources: the known state stays.
    fn excuse(&self, lack: &NotStarted) -> Result<(), mpsc::error::SendError<Event>> {
        shortage::note(Undone::Script, &self.script.name, lack);
        Ok(())
    }

    fn note_broken(&mut self, why: Option<&str>) {
        if self.broken.as_deref() == why {
            return;
        }
        self.broken = why.map(str::to_owned);
        let script = &self.script.name;
        match why {
            Some(reason) => tracing::warn!(script, reason, "script cannot be started"),
            None => tracing::info!(script, "script can be started again"),
        }
    }
}

/// A running script: the process and its group.
struct Group {
    child: Child,
    id: Pid,
    /// Whether dropping this kills the group: not after an orderly end, because a script may leave
    /// a daemon running on purpose.
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

    async fn wait(&mut self) -> Outcome {
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
    async fn end(mut self) {
        let _ = tokio::time::timeout(TERMINATION, self.child.wait()).await;
        self.signal(Signal::SIGKILL);
        self.armed = false;
        if let Err(error) = self.child.wait().await {
            tracing::warn!(pid = self.id.as_raw(), %error, "cannot wait for a killed script");
        }
    }

    fn signal(&self, signal: Signal) {
        match killpg(self.id, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(pid = self.id.as_raw(), %signal, %error, "cannot signal a script");
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
