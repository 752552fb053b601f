//! A client that sends requests continuously, each on a new connection, and records every answer.
//!
//! One thread drives all requests with `poll`: a request that hangs delays neither the next one nor
//! the clock.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

use crate::http::{Response, request};
use crate::names::HTTP_PORT;
use crate::netns::NetNs;
use crate::summary::{NOTICEABLE_GAP_MS, Sample, Summary};
use crate::sys;

/// How long one request may take.
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// Duration of a request on a busy machine.
const UNDER_WAY: Duration = Duration::from_millis(20);

/// A running probe of one address.
#[derive(Debug)]
pub struct HttpProbe {
    interval: Duration,
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl HttpProbe {
    /// Starts requesting `/` from `address` inside `netns`, one request each `interval`.
    pub fn start(netns: &NetNs, address: Ipv4Addr, interval: Duration) -> Result<Self> {
        let samples = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut driver = Driver {
            server: SocketAddrV4::new(address, HTTP_PORT),
            interval,
            samples: Arc::clone(&samples),
            stop: Arc::clone(&stop),
            flights: Vec::new(),
        };
        let thread = Some(netns.spawn(move || driver.run())?);
        Ok(Self { interval, samples, stop, thread })
    }

    /// The summary of the finished requests that were sent from `since` on.
    pub fn summary_since(&self, since: Instant) -> Summary {
        let samples: Vec<Sample> =
            lock(&self.samples).iter().filter(|s| s.sent >= since).cloned().collect();
        Summary::of(&samples, self.interval)
    }

    /// Stops, waits for running requests, and returns every sample in the order of sending.
    pub fn stop(mut self) -> Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            match thread.join() {
                Ok(result) => result?,
                Err(_) => bail!("the probe panicked"),
            }
        }
        let mut samples = std::mem::take(&mut *lock(&self.samples));
        samples.sort_by_key(|sample| sample.sent);
        Ok(Report::new(samples, self.interval))
    }
}

impl Drop for HttpProbe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn lock(samples: &Mutex<Vec<Sample>>) -> MutexGuard<'_, Vec<Sample>> {
    samples.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All samples of a stopped probe.
#[derive(Debug, Clone)]
pub struct Report {
    pub samples: Vec<Sample>,
    interval: Duration,
}

impl Report {
    /// `samples` in the order of sending.
    pub(crate) fn new(samples: Vec<Sample>, interval: Duration) -> Self {
        Self { samples, interval }
    }

    pub fn summary(&self) -> Summary {
        Summary::of(&self.samples, self.interval)
    }

    /// The summary of the requests sent at `since` or later.
    pub fn summary_since(&self, since: Instant) -> Summary {
        let samples: Vec<Sample> =
            self.samples.iter().filter(|s| s.sent >= since).cloned().collect();
        Summary::of(&samples, self.interval)
    }

    /// Fails on a gap that a client notices, and on a lost request, except requests in flight when
    /// the address moved at one of `moves`: if each node serves alone, its connections end with its
    /// mastership.
    pub fn check_no_gap(&self, moves: &[Instant]) -> Result<()> {
        let seen = self.summary();
        let told = || format!("{} {:?}", seen.sentence(), seen.failures);
        let strays = self.lost_apart_from(moves);
        ensure!(seen.outage_ms < NOTICEABLE_GAP_MS, "a gap: {}", told());
        ensure!(strays == 0, "{strays} lost that no move explains: {}", told());
        Ok(())
    }

    /// How many requests failed that were not in flight at one of `moves`.
    fn lost_apart_from(&self, moves: &[Instant]) -> usize {
        let spans = |sample: &Sample, at: Instant| {
            sample.sent <= at + UNDER_WAY && at <= sample.done + UNDER_WAY
        };
        let lost = self.samples.iter().filter(|sample| sample.outcome.is_err());
        lost.filter(|sample| !moves.iter().any(|&at| spans(sample, at))).count()
    }
}

/// One request in flight.
struct Flight {
    socket: Socket,
    sent: Instant,
    request_written: bool,
    answer: Vec<u8>,
}

struct Driver {
    server: SocketAddrV4,
    interval: Duration,
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    flights: Vec<Flight>,
}

impl Driver {
    fn run(&mut self) -> Result<()> {
        sys::prefer_this_thread();
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            let stopping = self.stop.load(Ordering::Relaxed);
            if stopping && self.flights.is_empty() {
                return Ok(());
            }
            if !stopping && now >= next {
                self.launch(now);
                // After a stall no burst makes up for missed requests.
                next = if next + self.interval * 2 < now { now } else { next } + self.interval;
            }
            self.expire(now);
            self.wait(if stopping { now + self.interval } else { next })?;
        }
    }

    fn launch(&mut self, now: Instant) {
        match connect(self.server) {
            Ok(socket) => {
                self.flights.push(Flight {
                    socket,
                    sent: now,
                    request_written: false,
                    answer: Vec::new(),
                });
            }
            Err(e) => self.record(now, Err(reason(&e))),
        }
    }

    fn expire(&mut self, now: Instant) {
        let mut late = Vec::new();
        self.flights.retain(|flight| {
            let alive = now < flight.sent + TIMEOUT;
            if !alive {
                late.push(flight.sent);
            }
            alive
        });
        for sent in late {
            self.record(sent, Err("timeout".to_owned()));
        }
    }

    /// Waits for socket events, at most until `next`, and handles them.
    fn wait(&mut self, next: Instant) -> Result<()> {
        let left = next.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<PollFd<'_>> = self
            .flights
            .iter()
            .map(|flight| {
                let wanted =
                    if flight.request_written { PollFlags::POLLIN } else { PollFlags::POLLOUT };
                PollFd::new(flight.socket.as_fd(), wanted)
            })
            .collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e).context("poll"),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let mut kept = Vec::with_capacity(self.flights.len());
        for (mut flight, ready) in std::mem::take(&mut self.flights).into_iter().zip(ready) {
            match if ready { flight.advance() } else { None } {
                Some(outcome) => self.record(flight.sent, outcome),
                None => kept.push(flight),
            }
        }
        self.flights = kept;
        Ok(())
    }

    fn record(&self, sent: Instant, outcome: Result<String, String>) {
        lock(&self.samples).push(Sample { sent, done: Instant::now(), outcome });
    }
}

impl Flight {
    /// Continues the request with the ready socket; `Some` when it has ended.
    fn advance(&mut self) -> Option<Result<String, String>> {
        if !self.request_written {
            if let Ok(Some(e)) | Err(e) = self.socket.take_error() {
                return Some(Err(reason(&e)));
            }
            self.request_written = true;
            return self.socket.write_all(&request("/", None)).err().map(|e| Err(reason(&e)));
        }
        let mut chunk = [0; 2048];
        match self.socket.read(&mut chunk) {
            Ok(0) => Some(verdict(&self.answer)),
            Ok(n) => {
                self.answer.extend_from_slice(&chunk[..n]);
                None
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => Some(Err(reason(&e))),
        }
    }
}

fn connect(server: SocketAddrV4) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    match socket.connect(&server.into()) {
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        result => result.map(|()| socket),
    }
}

fn verdict(answer: &[u8]) -> Result<String, String> {
    let answer = Response::parse(answer).map_err(|_| "cut short".to_owned())?;
    match (answer.status, answer.header("x-node")) {
        (200, Some(node)) => Ok(node.to_owned()),
        (status, _) => Err(format!("status {status}")),
    }
}

fn reason(error: &std::io::Error) -> String {
    error.kind().to_string()
}
