//! A client that pings an address each millisecond or so and records every answer.
//!
//! HTTP requests at that rate would use two cores. The kernel of the node with the address answers
//! an echo request (RFC 792), so only the address is measured, at the cost of two small frames.

use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::inject::checksum;
use crate::netns::NetNs;
use crate::probe::Report;
use crate::summary::Sample;
use crate::sys;

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
/// Identifier of our echo requests: no other program in the client's namespace pings.
const IDENTIFIER: u16 = 0x7672;
/// How long the last answers are waited for.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// A running probe of one address.
#[derive(Debug)]
pub struct EchoProbe {
    interval: Duration,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Vec<Question>>>>,
}

/// One echo request, and the time of its answer.
#[derive(Debug, Clone, Copy)]
struct Question {
    sent: Instant,
    answered: Option<Instant>,
}

impl EchoProbe {
    /// Starts pinging `address` from inside `netns`, once each `interval`.
    pub fn start(netns: &NetNs, address: Ipv4Addr, interval: Duration) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = netns.spawn(move || Driver::open(address, interval)?.run(&flag))?;
        Ok(Self { interval, stop, thread: Some(thread) })
    }

    /// Stops pinging and returns the result of each request, in the order of sending.
    pub fn stop(mut self) -> Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { bail!("the probe has been stopped") };
        let Ok(questions) = thread.join() else { bail!("the probe panicked") };
        let sample = |question: Question| match question.answered {
            Some(done) => Sample { sent: question.sent, done, outcome: Ok("an answer".to_owned()) },
            None => Sample {
                sent: question.sent,
                done: question.sent,
                outcome: Err("no answer".to_owned()),
            },
        };
        Ok(Report::new(questions?.into_iter().map(sample).collect(), self.interval))
    }
}

impl Drop for EchoProbe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Driver {
    socket: Socket,
    target: SockAddr,
    interval: Duration,
    questions: Vec<Question>,
}

impl Driver {
    fn open(address: Ipv4Addr, interval: Duration) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(Protocol::ICMPV4))
            .context("opening a raw socket")?;
        Ok(Self {
            socket,
            target: SocketAddrV4::new(address, 0).into(),
            interval,
            questions: Vec::new(),
        })
    }

    fn run(mut self, stop: &AtomicBool) -> Result<Vec<Question>> {
        sys::prefer_this_thread();
        let mut next = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            if now >= next {
                self.ask(now);
                // After a stall no burst makes up for missed requests.
                next = if next + self.interval * 2 < now { now } else { next } + self.interval;
            }
            self.listen_until(next)?;
        }
        let end = Instant::now() + LAST_ANSWERS;
        while Instant::now() < end
            && self.questions.last().is_some_and(|last| last.answered.is_none())
        {
            self.listen_until(end)?;
        }
        Ok(self.questions)
    }

    fn ask(&mut self, now: Instant) {
        let number = self.questions.len() as u32;
        // A request that cannot be sent counts as lost.
        let _ = self.socket.send_to(&request(number), &self.target);
        self.questions.push(Question { sent: now, answered: None });
    }

    /// Reads answers that arrive before `next`.
    fn listen_until(&mut self, next: Instant) -> Result<()> {
        let left = next.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, Some(TimeSpec::from(left)), None) {
            Ok(_) | Err(Errno::EINTR) => self.take_answers(),
            Err(e) => Err(e).context("poll"),
        }
    }

    fn take_answers(&mut self) -> Result<()> {
        let mut packet = [0; 128];
        loop {
            match (&self.socket).read(&mut packet) {
                Ok(length) => {
                    let number = answered(&packet[..length]);
                    if let Some(question) =
                        number.and_then(|number| self.questions.get_mut(number as usize))
                    {
                        question.answered.get_or_insert_with(Instant::now);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                // An ICMP error that belongs to a lost question.
                Err(e) if is_unreachable(&e) => {}
                Err(e) => return Err(e).context("waiting for answers"),
            }
        }
    }
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::ConnectionRefused
    )
}

/// An echo request with the request's number in its data: 16-bit sequence numbers would wrap each
/// minute.
fn request(number: u32) -> [u8; 12] {
    let [i0, i1] = IDENTIFIER.to_be_bytes();
    let [n0, n1, n2, n3] = number.to_be_bytes();
    let mut message = [ECHO_REQUEST, 0, 0, 0, i0, i1, n2, n3, n0, n1, n2, n3];
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// The number of the request that an IPv4 packet answers, if it does.
fn answered(packet: &[u8]) -> Option<u32> {
    let message = packet.get(usize::from(packet.first()? & 0x0f) * 4..)?;
    let ours = *message.first()? == ECHO_REPLY && message.get(4..6)? == IDENTIFIER.to_be_bytes();
    if ours { Some(u32::from_be_bytes(*message.get(8..)?.first_chunk()?)) } else { None }
}

#[cfg(test)]
mod tests;
