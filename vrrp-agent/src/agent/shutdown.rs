//! The end of an agent: its masterships are released, or left for the agent that follows at once.

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::Agent;
use crate::clock;
use crate::elector::Command;
use crate::signals::Asked;
use vrrp_model::Router;
use vrrp_model::time::Instant;

/// How an agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Priority 0 first, and everything is taken back that no other node relies on.
    Release,
    /// Everything stays as it is: the next agent goes on, or the lease lapses.
    Leave,
}

/// The tasks that end with the agent, and whether it ends.
pub struct Lifecycle {
    /// Asked to stop, and how.
    pub ending: Option<End>,
    /// End after the shutdown signal.
    servers: JoinSet<()>,
    /// Never end by themselves; aborted when the agent is dropped.
    _background: JoinSet<()>,
    /// Ends with the election thread, or after the shutdown signal.
    notifier: JoinHandle<()>,
    shutdown: watch::Sender<bool>,
}

impl Lifecycle {
    pub fn new(
        servers: JoinSet<()>,
        background: JoinSet<()>,
        notifier: JoinHandle<()>,
        shutdown: watch::Sender<bool>,
    ) -> Self {
        Self { ending: None, servers, _background: background, notifier, shutdown }
    }

    /// Waits until every transition is in the log and was notified; the election thread has ended,
    /// or the servers have.
    pub async fn finish_notifier(&mut self) {
        let _ = (&mut self.notifier).await;
    }

    /// Ends the servers, then the notifier.
    pub async fn finish(&mut self) {
        let _ = self.shutdown.send(true);
        while self.servers.join_next().await.is_some() {}
        self.finish_notifier().await;
    }
}

impl Agent {
    pub(super) fn on_signal(&mut self, asked: Asked) {
        match asked {
            Asked::Stop(signal) => self.stop(signal),
            Asked::Reload if self.lifecycle.ending.is_some() => {
                tracing::info!("SIGHUP: no reload, the agent is stopping")
            }
            Asked::Reload => self.load(None),
            Asked::Nothing(signal) => {
                tracing::info!(
                    "{signal} does nothing here: `vrrp-agent status` and the metrics show what keepalived writes to files"
                );
            }
        }
    }

    pub(super) fn stop(&mut self, signal: &str) {
        if self.lifecycle.ending.is_some() {
            return;
        }
        let held = self.held();
        let release =
            self.fixed.release_on_exit.unwrap_or(self.known.running.config.release_on_exit);
        let unguarded = held
            .iter()
            .find(|(router, _)| !self.is_guarded(router))
            .map(|(router, _)| router.name.as_str());
        self.lifecycle.ending = Some(match (release, unguarded) {
            (false, None) => {
                let names: Vec<&str> =
                    held.iter().map(|(router, _)| router.name.as_str()).collect();
                let lease = held
                    .iter()
                    .map(|&(_, until)| until.saturating_since(clock::now()))
                    .min()
                    .unwrap_or_default();
                tracing::info!(
                    signal,
                    masterships = names.join(", "),
                    lease_ms = lease.as_millis(),
                    "stopping without release: masterships, addresses and the XDP program stay; an agent that starts while the \
                     lease holds goes on, else the backup takes over"
                );
                End::Leave
            }
            (_, instance) => {
                if let (false, Some(instance)) = (release, instance) {
                    tracing::warn!(
                        instance,
                        "released nevertheless: no XDP program stays that would fence this node"
                    );
                }
                tracing::info!(
                    signal,
                    "stopping: masterships are released, traffic is carried until a successor advertises"
                );
                self.outputs.elector.send(Command::Shutdown);
                End::Release
            }
        });
    }

    /// Routers that act here, and until when their leases hold at least.
    fn held(&self) -> Vec<(&Router, Instant)> {
        let view = self.inputs.view.borrow();
        let of = |(idx, router)| {
            let seen = view.routers.get(&idx).filter(|seen| seen.is_active())?;
            Some((router, seen.lease_until))
        };
        self.known.running.routers().filter_map(of).collect()
    }

    /// Whether the kernel program fences the router though no agent runs.
    fn is_guarded(&self, router: &Router) -> bool {
        let host = self.inputs.host.borrow();
        host.link_by_name(&router.interface)
            .is_some_and(|link| self.outputs.steering.outlives(link.index))
    }
}
