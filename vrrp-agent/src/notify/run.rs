//! One run of a notify command.

use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::until;
use crate::clock;
use crate::process::{self, NotStarted, Outcome};
use vrrp_notify::Job;

/// Runs a job until it ends, its time is over, or `leave` is true: then it runs on by itself.
/// Returns how it ended, and whether it was left.
pub async fn run(job: Job, mut leave: watch::Receiver<bool>) -> (Outcome, bool) {
    let Job { command, environment, timeout, wait: _ } = job;
    let deadline = clock::timer() + timeout;
    let failed = |why: NotStarted| (Outcome::CannotStart(why.to_string()), false);
    let starting = match process::start_on_thread(command, environment) {
        Ok(starting) => starting,
        Err(lack) => return failed(lack),
    };
    let early = || NotStarted::Broken("its thread ended early".to_owned());
    let mut group = match starting.await.unwrap_or_else(|_| Err(early())) {
        Ok(group) => group,
        Err(why) => return failed(why),
    };
    tokio::select! {
        outcome = group.wait() => return (outcome, false),
        () = until(&mut leave) => {}
        () = tokio::time::sleep_until(deadline) => {
            group.signal(Signal::SIGTERM);
            group.end().await;
            return (Outcome::TimedOut, false);
        }
    }
    group.leave();
    (Outcome::Exit(0), true)
}
