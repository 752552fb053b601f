//! The agent's servers: metrics, and the control API.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::notices::Notices;
use super::observed::Observed;
use super::snapshot::{self, Apart, Fixed};
use crate::clock;
use crate::elector::Elector;
use crate::http::{ApiServer, HttpError, MetricsServer, Order, StatusSource};
use vrrp_model::Config;
use vrrp_status::ElectionStatus;

/// Makes the status in the task of the server that shows it, from the newest published values.
pub fn status_source(
    fixed: &Arc<Fixed>,
    observed: watch::Receiver<Arc<Observed>>,
    elector: &Elector,
    notices: &Notices,
) -> StatusSource {
    let (fixed, view) = (Arc::clone(fixed), elector.view());
    let dropped = elector.dropped_transitions();
    let notified = notices.counts.clone();
    StatusSource::new(move || {
        let view = view.borrow().clone();
        let observed = observed.borrow().clone();
        let election = ElectionStatus::new(&view.lateness, &view.degraded, dropped.count());
        let apart = Apart {
            election,
            notify_commands: notified.commands(),
            notify_lines: notified.lines(),
            notify_mails: notified.mails(),
        };
        snapshot::status(&fixed, &view, &observed, apart, clock::now(), clock::wall())
    })
}

/// Starts the servers. Without metrics the agent runs; without the API no client could ask it
/// anything.
pub async fn serve(
    tasks: &mut JoinSet<()>,
    config: &Config,
    source: &StatusSource,
    orders: &mpsc::Sender<Order>,
    ended: &watch::Receiver<bool>,
) -> Result<(), HttpError> {
    let api = ApiServer::bind(&config.api_socket)?;
    let (api_source, api_orders, api_ended) = (source.clone(), orders.clone(), ended.clone());
    tasks.spawn(api.serve(api_source, api_orders, api_ended));
    let Some(address) = config.metrics else {
        return Ok(());
    };
    match MetricsServer::bind(address).await {
        Ok(server) => {
            let (source, ended) = (source.clone(), ended.clone());
            tasks.spawn(server.serve(source, ended));
        }
        Err(error) => tracing::error!(%error, "no metrics"),
    }
    Ok(())
}
