//! A client that asks again and again, each time on a new connection, and remembers every answer.
//!
//! One thread drives all requests with `poll`: a request that hangs keeps neither the next one nor the clock waiting.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use crate::http::{Response, request};
use crate::names::HTTP_PORT;
use crate::netns::NetNs;
use crate::sys;

/// How long one request may take.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// What became of one request.
#[derive(Debug, Clone)]
pub struct Sample {
    pub sent: Instant,
    pub done: Instant,
    /// The node that answered 200, or why it failed.
    pub outcome: Result<String, String>,
}

/// A running probe of one address.
#[derive(Debug)]
pub struct HttpProbe {
    interval: Duration,
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl HttpProbe {
    /// Starts asking `address` for `/` from inside `netns`, one request each `interval`.
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

    /// The summary of the requests sent from `since` on that have ended by now.
    pub fn summary_since(&self, since: Instant) -> Summary {
        let samples: Vec<Sample> = lock(&self.samples).iter().filter(|s| s.sent >= since).cloned().collect();
        Summary::of(&samples, self.interval)
    }

    /// Stops asking, waits for what is under way, and returns every sample in the order of sending.
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
        Ok(Report { samples, interval: self.interval })
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
    pub fn summary(&self) -> Summary {
        Summary::of(&self.samples, self.interval)
    }

    /// The summary of the requests sent at `since` or later.
    pub fn summary_since(&self, since: Instant) -> Summary {
        let samples: Vec<Sample> = self.samples.iter().filter(|s| s.sent >= since).cloned().collect();
        Summary::of(&samples, self.interval)
    }
}

/// What a client saw.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    pub sent: usize,
    pub ok: usize,
    pub failed: usize,
    /// Answers by node.
    pub by_node: BTreeMap<String, usize>,
    /// Failures by reason.
    pub failures: BTreeMap<String, usize>,
    /// The longest time without an answer, ms; time in which the probe itself was kept from asking is not counted.
    pub outage_ms: f64,
    /// The longest time the probe was kept from asking, ms: how well this machine could measure.
    pub stall_ms: f64,
    /// Time from sending to the end of the answer, ms: median and worst.
    pub latency_p50_ms: f64,
    pub latency_max_ms: f64,
}

impl Summary {
    fn of(samples: &[Sample], interval: Duration) -> Self {
        let mut this = Self { sent: samples.len(), ..Self::default() };
        let mut answered = Vec::new();
        let mut latencies = Vec::new();
        for sample in samples {
            match &sample.outcome {
                Ok(node) => {
                    this.ok += 1;
                    *this.by_node.entry(node.clone()).or_default() += 1;
                    answered.push(sample.done);
                    latencies.push(millis(sample.done - sample.sent));
                }
                Err(reason) => {
                    this.failed += 1;
                    *this.failures.entry(reason.clone()).or_default() += 1;
                }
            }
        }
        answered.sort();
        latencies.sort_by(f64::total_cmp);
        this.latency_p50_ms = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
        this.latency_max_ms = latencies.last().copied().unwrap_or_default();
        let mut sends: Vec<Instant> = samples.iter().map(|sample| sample.sent).collect();
        sends.sort();
        let stalls = stalls(&sends, interval);
        this.stall_ms = stalls.iter().map(|(from, to)| millis(*to - *from)).fold(0.0, f64::max);
        this.outage_ms = longest_outage(&sends, &answered, &stalls);
        this
    }

    /// One line for people.
    pub fn sentence(&self) -> String {
        let nodes: Vec<String> = self.by_node.iter().map(|(node, count)| format!("{node} {count}")).collect();
        let answered = if nodes.is_empty() { "nobody answered".to_owned() } else { nodes.join(", ") };
        let lost = match self.failed {
            0 => "none lost".to_owned(),
            n => format!("{n} lost"),
        };
        format!("{} requests: {answered}; {lost}; longest gap {:.1} ms", self.sent, self.outage_ms)
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The times in which a request was due but not sent.
fn stalls(sends: &[Instant], interval: Duration) -> Vec<(Instant, Instant)> {
    sends.windows(2).filter(|pair| pair[1] - pair[0] > interval * 2).map(|pair| (pair[0] + interval, pair[1])).collect()
}

/// The longest time between two answers in a row, ms, from the first request to the last; less the stalls in it.
fn longest_outage(sends: &[Instant], answered: &[Instant], stalls: &[(Instant, Instant)]) -> f64 {
    let (Some(first), Some(last)) = (sends.first(), sends.last()) else { return 0.0 };
    let marks: Vec<Instant> = [*first].into_iter().chain(answered.iter().copied()).chain([*last]).collect();
    let gap = |from: Instant, to: Instant| {
        let stalled: Duration =
            stalls.iter().map(|(begin, end)| (*end).min(to).saturating_duration_since((*begin).max(from))).sum();
        millis(to.saturating_duration_since(from).saturating_sub(stalled))
    };
    marks.windows(2).map(|pair| gap(pair[0], pair[1])).fold(0.0, f64::max)
}

/// One request under way.
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
                // After a stall: no burst to catch up.
                next = if next + self.interval * 2 < now { now } else { next } + self.interval;
            }
            self.expire(now);
            self.wait(if stopping { now + self.interval } else { next })?;
        }
    }

    fn launch(&mut self, now: Instant) {
        match connect(self.server) {
            Ok(socket) => {
                self.flights.push(Flight { socket, sent: now, request_written: false, answer: Vec::new() });
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

    /// Waits for news, at most until `next`, and handles it.
    fn wait(&mut self, next: Instant) -> Result<()> {
        let left = next.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<PollFd<'_>> = self
            .flights
            .iter()
            .map(|flight| {
                let wanted = if flight.request_written { PollFlags::POLLIN } else { PollFlags::POLLOUT };
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
    /// Does what the socket is ready for; `Some` when the request has ended.
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
