//! The two HTTP servers: metrics on TCP for Prometheus, and the control API on a unix socket for
//! users of this host.
//!
//! Neither owns a task: `serve` is a future that ends at the shutdown signal, and its caller
//! chooses the task.

mod server;
mod socket;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use server::Limits;
use socket::Socket;
use vrrp_election::handover::{self, Outcome};
use vrrp_status::Status;
use vrrp_status::metrics;
use vrrp_steering::drain;

/// GET: the [`Status`] as JSON.
pub const STATUS_PATH: &str = "/v1/status";

/// POST: read the configuration file again.
pub const RELOAD_PATH: &str = "/v1/reload";

/// POST: let another node be master of the [`Named`].
pub const FAILOVER_PATH: &str = "/v1/failover";

/// POST: let this node be master of the [`Named`] again.
pub const FAILBACK_PATH: &str = "/v1/failback";

/// POST a [`drain::Request`]: a backend takes no new connections, or does again.
pub const DRAIN_PATH: &str = "/v1/drain";

/// A request to the agent's loop, with the channel of its answer.
#[derive(Debug)]
pub enum Order {
    Reload(oneshot::Sender<ReloadReply>),
    Failover(String, oneshot::Sender<handover::Reply>),
    Failback(String, oneshot::Sender<handover::Reply>),
    Drain(drain::Request, oneshot::Sender<drain::Reply>),
}

/// A virtual router or sync group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
}

/// The result of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReply {
    pub successful: bool,
    /// The changes, or the reason why nothing changed.
    pub message: String,
    /// Findings about the file; empty without any.
    pub report: String,
}

/// Time limit of requests in flight at shutdown.
const DRAIN: Duration = Duration::from_secs(1);

/// Makes a snapshot for each request. Called on a runtime thread: it may read maps, but must not
/// block.
#[derive(Clone)]
pub struct StatusSource(Arc<dyn Fn() -> Status + Send + Sync>);

impl StatusSource {
    pub fn new(snapshot: impl Fn() -> Status + Send + Sync + 'static) -> Self {
        Self(Arc::new(snapshot))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics { address: SocketAddr, source: io::Error },
    #[error("another agent answers on {path}")]
    InUse { path: PathBuf },
    #[error("{path} exists and is not a socket")]
    NotASocket { path: PathBuf },
    #[error("cannot serve the API on {path}: {source}")]
    Api { path: PathBuf, source: io::Error },
}

/// `/metrics` and `/healthz`.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    limits: Limits,
}

impl MetricsServer {
    /// [`HttpError::Metrics`]: the address is in use, not on this host, or not permitted.
    pub async fn bind(address: SocketAddr) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Metrics { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Self { listener, limits: Limits::USUAL })
    }

    /// The address it listens on; with port 0 the kernel chose the port.
    #[cfg(test)]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }

    /// Serves until `shutdown` is true or its sender is gone.
    pub async fn serve(self, source: StatusSource, shutdown: watch::Receiver<bool>) {
        let app = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(source);
        let server = server::serve(self.listener, app, "metrics", self.limits, shutdown.clone());
        drained(server, shutdown).await;
    }
}

/// The control API. Dropping it removes the socket file.
#[derive(Debug)]
pub struct ApiServer {
    socket: Socket,
    limits: Limits,
}

impl ApiServer {
    /// Listens on `path` with mode 0660. A socket file without a process behind it is replaced.
    ///
    /// [`HttpError::InUse`] if a process answers, [`HttpError::NotASocket`], or [`HttpError::Api`].
    pub fn bind(path: &Path) -> Result<Self, HttpError> {
        Ok(Self { socket: Socket::bind(path)?, limits: Limits::USUAL })
    }

    /// Serves until `shutdown` is true or its sender is gone, then removes the socket file.
    pub async fn serve(
        self,
        source: StatusSource,
        orders: mpsc::Sender<Order>,
        shutdown: watch::Receiver<bool>,
    ) {
        let app = Router::new()
            .route(STATUS_PATH, get(show_status))
            .with_state(source)
            .route(RELOAD_PATH, post(order_reload).with_state(orders.clone()))
            .route(FAILOVER_PATH, post(order_failover).with_state(orders.clone()))
            .route(FAILBACK_PATH, post(order_failback).with_state(orders.clone()))
            .route(DRAIN_PATH, post(order_drain).with_state(orders));
        let (listener, _file) = self.socket.split();
        drained(server::serve(listener, app, "API", self.limits, shutdown.clone()), shutdown).await;
    }
}

async fn show_metrics(State(source): State<StatusSource>) -> Response {
    match metrics::render(&(source.0)()) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn show_status(State(source): State<StatusSource>) -> Json<Status> {
    Json((source.0)())
}

/// Ends when shutdown is requested.
async fn signalled(mut shutdown: watch::Receiver<bool>) {
    // A sender that is gone counts as a request.
    let _ = shutdown.wait_for(|&asked| asked).await;
}

/// Runs the server, and aborts it if its last requests take longer than [`DRAIN`].
async fn drained(server: impl Future<Output = ()>, shutdown: watch::Receiver<bool>) {
    let deadline = async {
        signalled(shutdown).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        () = server => {}
        () = deadline => {}
    }
}

/// 200 if the new configuration is in force, 422 if it is not.
async fn order_reload(State(orders): State<mpsc::Sender<Order>>) -> Response {
    let status = |reply: &ReloadReply| {
        if reply.successful { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    };
    answered(&orders, Order::Reload, status).await
}

async fn order_failover(
    State(orders): State<mpsc::Sender<Order>>,
    Json(Named { name }): Json<Named>,
) -> Response {
    answered(&orders, |answer| Order::Failover(name, answer), moved).await
}

async fn order_failback(
    State(orders): State<mpsc::Sender<Order>>,
    Json(Named { name }): Json<Named>,
) -> Response {
    answered(&orders, |answer| Order::Failback(name, answer), moved).await
}

async fn order_drain(
    State(orders): State<mpsc::Sender<Order>>,
    Json(request): Json<drain::Request>,
) -> Response {
    let status = |reply: &drain::Reply| match reply.outcome {
        drain::Outcome::Unchanged | drain::Outcome::Drained | drain::Outcome::Undone => {
            StatusCode::OK
        }
        drain::Outcome::Unknown => StatusCode::NOT_FOUND,
    };
    answered(&orders, |answer| Order::Drain(request, answer), status).await
}

fn moved(reply: &handover::Reply) -> StatusCode {
    match reply.outcome {
        Outcome::HandedOver | Outcome::StandbyEnded | Outcome::NotStandby => StatusCode::OK,
        Outcome::NotMaster | Outcome::NoSuccessor | Outcome::Interrupted => StatusCode::CONFLICT,
        Outcome::Unknown => StatusCode::NOT_FOUND,
    }
}

/// Sends an order to the loop and waits for its result; 503 if the loop ends first.
async fn answered<T: Serialize>(
    orders: &mpsc::Sender<Order>,
    order: impl FnOnce(oneshot::Sender<T>) -> Order,
    status: impl FnOnce(&T) -> StatusCode,
) -> Response {
    let (answer, reply) = oneshot::channel();
    if orders.send(order(answer)).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match reply.await {
        Ok(reply) => (status(&reply), Json(reply)).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
