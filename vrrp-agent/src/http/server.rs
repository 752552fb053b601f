//! Serves HTTP/1 connections within limits, so that clients that send or read slowly use up neither
//! descriptors nor memory.
//!
//! A connection is in one of two states. It *waits for its client* while a request is read or an
//! answer is written; each has a time limit. It is *at work* while the agent's loop executes an
//! order, without a limit. When a server has its maximum of connections, a new one replaces the one
//! that has waited longest for its client. After the process ran out of descriptors the maximum is
//! lower for a while, so that descriptors are left for other uses.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::signalled;
use crate::clock;
use crate::shortage::{self, Undone};

/// Greatest size of a request's head, and of its buffer.
const LONGEST_HEAD: usize = 32 * 1024;
/// Greatest size of an order.
const LONGEST_BODY: usize = 64 * 1024;
/// Pause after a failed accept: the cause may last, and the listener stays readable.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the maximum of connections stays lower after descriptors were short.
const SHORT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Greatest number of connections, at least 1.
    pub connections: usize,
    /// Time limit of a request's head, counted from the previous answer, and of its body. An answer
    /// has twice this time.
    pub patience: Duration,
}

impl Limits {
    /// Many times the need of a scraper or an administrator.
    pub(super) const USUAL: Limits = Limits { connections: 32, patience: Duration::from_secs(5) };
}

/// A listening socket.
pub(super) trait Listen {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept_one(&self) -> impl Future<Output = io::Result<Self::Stream>>;
}

impl Listen for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept_one(&self) -> io::Result<Self::Stream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listen for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept_one(&self) -> io::Result<Self::Stream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Serves until `shutdown`, then waits for the requests in flight. `name` is for the log.
pub(super) async fn serve(
    listener: impl Listen,
    app: Router,
    name: &str,
    limits: Limits,
    shutdown: watch::Receiver<bool>,
) {
    let mut connections = Connections {
        limits,
        name,
        open: Vec::new(),
        tasks: JoinSet::new(),
        replaced: 0,
        lowered: None,
    };
    let mut sweep = interval(limits.patience.max(Duration::from_millis(2)) / 2);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = pin!(signalled(shutdown.clone()));
    loop {
        tokio::select! {
            () = &mut ended => break,
            _ = sweep.tick() => connections.sweep(),
            accepted = listener.accept_one() => match accepted {
                Ok(stream) => connections.admit(stream, &app, &shutdown).await,
                Err(error) => connections.excuse(&error).await,
            },
        }
    }
    drop(listener);
    while connections.tasks.join_next().await.is_some() {}
}

struct Connections<'a> {
    limits: Limits,
    name: &'a str,
    open: Vec<(AbortHandle, Waiting)>,
    tasks: JoinSet<()>,
    /// Connections that were closed for a newer one.
    replaced: u64,
    /// A lower maximum of connections, and its start.
    lowered: Option<(usize, Instant)>,
}

impl Connections<'_> {
    async fn admit<S>(&mut self, stream: S, app: &Router, shutdown: &watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.forget_ended();
        let limit = self.limit();
        if self.open.len() >= limit {
            // If all are at work, the new one is closed.
            if !self.close_one() {
                return;
            }
            self.note_replaced();
            // Its descriptor is free before the next accept.
            while self.tasks.len() >= limit && self.tasks.join_next().await.is_some() {}
        }
        let waiting = Waiting::default();
        let task = talk(stream, app.clone(), waiting.clone(), self.limits, shutdown.clone());
        self.open.push((self.tasks.spawn(task), waiting));
    }

    /// Handles a failed accept.
    async fn excuse(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if shortage::is_shortage(error) {
            shortage::note(Undone::Connection, self.name, error);
            self.forget_ended();
            let limit = (self.open.len() / 2).max(1);
            self.lowered = Some((limit, clock::timer()));
            while self.open.len() > limit && self.close_one() {}
        }
        sleep(ACCEPT_PAUSE).await;
    }

    /// The present maximum of connections.
    fn limit(&self) -> usize {
        match self.lowered {
            Some((limit, since)) if clock::timer().duration_since(since) < SHORT => limit,
            _ => self.limits.connections,
        }
    }

    /// Closes the connection that has waited longest for its client; false if none waits.
    fn close_one(&mut self) -> bool {
        let waiting = self
            .open
            .iter()
            .enumerate()
            .filter_map(|(index, (_, waiting))| Some((waiting.since()?, index)));
        let Some((_, index)) = waiting.min() else { return false };
        self.open.swap_remove(index).0.abort();
        true
    }

    /// Closes connections whose clients take too long.
    fn sweep(&mut self) {
        self.forget_ended();
        let limit = self.limits.patience * 2;
        let late = |waiting: &Waiting| {
            waiting.since().is_some_and(|since| clock::timer().duration_since(since) >= limit)
        };
        for (task, _) in self.open.iter().filter(|(_, waiting)| late(waiting)) {
            task.abort();
        }
    }

    fn forget_ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|(task, _)| !task.is_finished());
    }

    fn note_replaced(&mut self) {
        self.replaced += 1;
        if self.replaced.is_power_of_two() {
            let (server, limit, count) = (self.name, self.limit(), self.replaced);
            tracing::warn!(
                server,
                limit,
                count,
                "too many connections at once: the one that waited longest is closed for each new one"
            );
        }
    }
}

/// Since when a connection waits for its client; `None` while it is at work.
#[derive(Debug, Clone)]
struct Waiting(Arc<Mutex<Option<Instant>>>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(clock::timer()))))
    }
}

impl Waiting {
    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Serves one connection to its end.
async fn talk<S>(
    stream: S,
    app: Router,
    waiting: Waiting,
    limits: Limits,
    shutdown: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(app.clone(), request, waiting.clone(), limits));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(LONGEST_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error of a client's connection needs no report.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = signalled(shutdown) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(
    app: Router,
    request: Request<Incoming>,
    waiting: Waiting,
    limits: Limits,
) -> Result<Response, Infallible> {
    waiting.set(Some(clock::timer()));
    let (head, body) = request.into_parts();
    let body = match read(body, limits.patience).await {
        Ok(body) => body,
        Err(status) => return Ok(close(status)),
    };
    waiting.set(None);
    let response = TowerToHyperService::new(app).call(Request::from_parts(head, body)).await;
    waiting.set(Some(clock::timer()));
    response
}

/// The whole body of a request.
async fn read(body: Incoming, patience: Duration) -> Result<Body, StatusCode> {
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match timeout(patience, Limited::new(body, LONGEST_BODY).collect()).await {
        Ok(Ok(body)) => Ok(Body::from(body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The last answer on a connection.
fn close(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
