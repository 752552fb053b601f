//! The end of an agent: its masterships are released, or left for the agent that follows at once.

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

impl Agent {
    pub(super) fn heed(&mut self, asked: Asked) {
        match asked {
            Asked::Stop(signal) => self.stop(signal),
            Asked::Reload if self.ending.is_some() => {
                tracing::info!("SIGHUP: no reload, the agent is stopping")
            }
            Asked::Reload => self.load(None),
            Asked::Nothing(signal) => {
                tracing::info!(
                    "{signal} does nothing here: `vrrp-agent status` and the metrics tell what keepalived writes to files"
                );
            }
        }
    }

    pub(super) fn stop(&mut self, signal: &str) {
        if self.ending.is_some() {
            return;
        }
        let held = self.held();
        let release = self.fixed.release_on_exit.unwrap_or(self.running.config.release_on_exit);
        let unguarded = held
            .iter()
            .find(|(router, _)| !self.is_guarded(router))
            .map(|(router, _)| router.name.as_str());
        self.ending = Some(match (release, unguarded) {
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
                        "released all the same: no XDP program stays that would fence this node"
                    );
                }
                tracing::info!(
                    signal,
                    "stopping: masterships are released, traffic is carried until a successor speaks"
                );
                self.elector.send(Command::Shutdown);
                End::Release
            }
        });
    }

    /// Routers that act here, and until when their leases hold at least.
    fn held(&self) -> Vec<(&Router, Instant)> {
        let view = self.news.view.borrow();
        let of = |(place, router)| {
            let seen = view.routers.get(&place).filter(|seen| seen.is_active())?;
            Some((router, seen.lease_until))
        };
        self.running.routers().filter_map(of).collect()
    }

    /// Whether the kernel program fences the router though no agent runs.
    fn is_guarded(&self, router: &Router) -> bool {
        let host = self.news.host.borrow();
        host.link_by_name(&router.interface).is_some_and(|link| self.effects.outlives(link.index))
    }
}
