//! Checks by a program: its exit status is the answer.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::failure::Failure;
use crate::clock;
use crate::process::{self, NotStarted, Outcome};
use vrrp_model::ScriptCheck;

/// Runs the program once. After `timeout` it is ended: runs never overlap.
pub(super) async fn run(script: &ScriptCheck, timeout: Duration) -> Result<String, Failure> {
    let deadline = clock::timer() + timeout;
    let mut starting = process::start_on_thread(script.command.clone(), Vec::new())?;
    let Ok(started) = tokio::time::timeout_at(deadline, &mut starting).await else {
        // It must have begun before it can be ended by dropping it.
        drop(starting.await);
        return Err(late(timeout));
    };
    let mut group = started.map_err(|_| {
        Failure::NotAsked("the thread that starts the script ended early".to_owned())
    })??;
    match tokio::time::timeout_at(deadline, group.wait()).await {
        Ok(Outcome::Exit(status)) if is_good(script, status) => {
            Ok(format!("the script exited with status {status}"))
        }
        Ok(Outcome::Exit(status)) => {
            Err(Failure::Backend(format!("the script exited with status {status}")))
        }
        Ok(Outcome::Signal(signal)) => {
            Err(Failure::Backend(format!("signal {signal} ended the script")))
        }
        Ok(Outcome::CannotStart(why)) => Err(Failure::Backend(why)),
        Ok(Outcome::TimedOut) => Err(late(timeout)),
        Err(_) => {
            group.signal(Signal::SIGTERM);
            group.end().await;
            Err(late(timeout))
        }
    }
}

/// As keepalived has it: 0, and with `misc_dynamic` 2 to 255, which mean a weight.
fn is_good(script: &ScriptCheck, status: i32) -> bool {
    status == 0 || (script.dynamic && status >= 2)
}

fn late(timeout: Duration) -> Failure {
    Failure::Backend(format!("the script did not end within {timeout:?}"))
}

impl From<NotStarted> for Failure {
    fn from(error: NotStarted) -> Self {
        match error {
            NotStarted::Broken(why) => {
                Failure::Backend(format!("the script cannot be started: {why}"))
            }
            NotStarted::Lack(why) => Failure::NotAsked(why),
        }
    }
}
