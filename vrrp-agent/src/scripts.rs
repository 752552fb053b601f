//! Runs the tracked scripts and reports every result.
//!
//! Tasks: one per script, owned by [`Scripts`]. A task runs its script, waits for it, and waits for
//! the next interval: runs never overlap. Cancelling a task kills the process group of the run in
//! flight.
//!
//! Rise and fall are not counted here: every run is one [`Event`].

#[cfg(test)]
mod tests;

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::process::{self, NotStarted, Outcome};
use crate::shortage::{self, Undone};
use vrrp_model::{Command, Config, Recover, Script};

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
        let runner = Runner {
            index,
            script: script.clone(),
            events: events.clone(),
            broken: None,
            recoveries: 0,
            recovering: false,
        };
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
    /// Failures in a row that were answered by the script's recovery.
    recoveries: u32,
    /// The last run failed, and a recovery answers it.
    recovering: bool,
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
            if std::mem::take(&mut self.recovering) {
                self.recover().await;
            }
        }
    }

    /// Runs the script's recovery; the next run shows whether it helped.
    async fn recover(&self) {
        let Some(Recover { command, attempts, timeout }) = &self.script.recover else { return };
        let (script, attempt) = (&self.script.name, self.recoveries);
        tracing::warn!(script, attempt, of = attempts, "script failed: its recovery is run");
        let never = std::future::pending();
        let (outcome, _) = process::run(command.clone(), Vec::new(), *timeout, never).await;
        if outcome != Outcome::Exit(0) {
            tracing::warn!(script, ?outcome, "the recovery failed");
        }
    }

    /// Whether this result is answered by a recovery instead of being counted.
    fn answers(&mut self, ok: bool) -> bool {
        if ok {
            self.recoveries = 0;
        }
        let most = self.script.recover.as_ref().map_or(0, |recover| recover.attempts);
        self.recovering = !ok && self.recoveries < most;
        self.recoveries += u32::from(self.recovering);
        self.recovering
    }

    async fn run_once(&mut self) -> Result<(), mpsc::error::SendError<Event>> {
        let started = clock::timer();
        let deadline = clock::timer() + self.script.timeout;
        let command = self.script.command.clone();
        let mut starting = match process::start_on_thread(command, Vec::new()) {
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
        &mut self,
        outcome: Outcome,
        started: tokio::time::Instant,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let ok = outcome == Outcome::Exit(0);
        if self.answers(ok) {
            return Ok(());
        }
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

/// Removes commands that cannot run from the configuration, as keepalived does: such a script is
/// not tracked, instead of being tracked as failed. Returns a message about each, and about those
/// that other users could replace. A command for which this host lacks resources stays.
pub fn remove_unusable(config: &mut Config) -> Vec<String> {
    let mut messages = Vec::new();
    let mut usable = |what: &str, lost: &str, command: &Command| match process::inspect(command) {
        Ok(None) | Err(NotStarted::Lack(_)) => true,
        Ok(Some(insecure)) => {
            messages.push(format!(
                "{what} runs as root though other users can change it: {insecure}; \
                 script security refuses such programs"
            ));
            true
        }
        Err(NotStarted::Broken(why)) => {
            messages.push(format!("{what} is {lost}, because it cannot run: {why}"));
            false
        }
    };
    let is_tracked = |index| {
        let mut tracked = config.routers.iter().flat_map(|router| &router.track_scripts);
        tracked.any(|tracked| tracked.script == index)
    };
    let gone: Vec<usize> = config
        .scripts
        .iter()
        .enumerate()
        .filter(|(index, _)| is_tracked(*index))
        .filter(|(_, script)| {
            !usable(&format!("script {}", script.name), "not tracked", &script.command)
        })
        .map(|(index, _)| index)
        .collect();
    config.notify.retain(|notify| {
        let Some(command) = notify.command() else { return true };
        let program = command.words.first().map_or("", String::as_str);
        usable(&format!("the notify command {program}"), "left out", command)
    });
    config.remove_scripts(&gone);
    messages
}
