//! Reload: read standby, compare, put in force. A bad file changes nothing.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Agent;
use super::knowledge::ReloadFacts;
use crate::clock;
use crate::elector::{Command, View};
use crate::http::ReloadReply;
use crate::{health, scripts};
use vrrp_config::{self, Mode};
use vrrp_model::{Config, RouterIdx};

/// A configuration file that was read, and who asked for it.
pub struct Loading {
    /// The configuration, or nothing where the file has errors.
    config: Option<Config>,
    /// What there is to say about the file.
    report: String,
    request: Option<oneshot::Sender<ReloadReply>>,
}

impl Agent {
    /// Begins to read the configuration file, on a thread of its own.
    pub(super) fn load(&mut self, request: Option<oneshot::Sender<ReloadReply>>) {
        let path = self.fixed.config_path.clone();
        let id = self.fixed.config_id.clone();
        self.inputs.loading.spawn_blocking(move || {
            let mut loaded = vrrp_config::load_as(&path, Mode::Lenient, id.as_deref());
            let mut report = loaded.report();
            let mut unusable =
                loaded.config.as_mut().map(scripts::remove_unusable).unwrap_or_default();
            unusable.extend(loaded.config.as_mut().into_iter().flat_map(health::remove_unusable));
            for said in unusable {
                tracing::error!("{said}");
                report.push_str(&said);
                report.push('\n');
            }
            Loading { config: loaded.config, report, request }
        });
    }

    /// Puts a configuration that was read in force, if it is sound.
    pub(super) fn take_over_configuration(&mut self, loading: Loading) {
        let Loading { config, report, request } = loading;
        let outcome = match config {
            _ if self.lifecycle.ending.is_some() => Err("the agent is stopping".to_owned()),
            Some(config) => Ok(self.replace(config)),
            None => Err("the file has errors: the configuration in force stays".to_owned()),
        };
        let successful = outcome.is_ok();
        let message = match outcome {
            Ok(message) => {
                tracing::info!("configuration reloaded: {message}");
                message
            }
            Err(message) => {
                tracing::error!("reload failed: {message}\n{report}");
                message
            }
        };
        let at = clock::wall();
        let before = self.known.reload.as_ref().and_then(|reload| reload.success_at);
        let success_at = if successful { Some(at) } else { before };
        self.known.reload =
            Some(ReloadFacts { successful, message: message.clone(), at, success_at });
        // The client that is answered now may ask for the status before the next round ends.
        self.outputs.observed.send_modify(|observed| {
            Arc::make_mut(observed).reload.clone_from(&self.known.reload);
        });
        if let Some(request) = request {
            // The client may have gone away meanwhile; the reload holds all the same.
            let _ = request.send(ReloadReply { successful, message, report });
        }
    }

    pub(super) fn replace(&mut self, new: Config) -> String {
        let Self { inputs, known, outputs, .. } = self;
        let changes = known.replace(new);
        let new = &known.running.config;
        outputs.notices.replace_config(&known.running);
        if changes.scripts {
            inputs.workers.restart_scripts(&new.scripts);
        }
        if changes.services {
            inputs.workers.restart_probes(&new.services);
        }
        if changes.upstreams {
            inputs.workers.restart_upstream_probes(&new.upstreams);
            outputs.steering.look_again();
        }
        outputs.election_sync.follow_groups(&known.running, &outputs.elector);
        for &idx in &changes.released {
            outputs.elector.send(Command::Remove { idx });
        }
        changes.describe()
    }

    /// Lets go of removed routers that the election thread has let go of.
    pub(super) fn forget_left(&mut self, view: &View) {
        if !self.outputs.elector.has_handled_commands(view) {
            return;
        }
        let gone: Vec<RouterIdx> = self
            .known
            .running
            .leaving
            .iter()
            .copied()
            .filter(|idx| !view.routers.contains_key(idx))
            .collect();
        for idx in gone {
            Arc::make_mut(&mut self.known.running).forget(idx);
        }
    }
}
