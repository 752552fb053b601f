//! The socket of the ring comparison: sends queries and answers, and publishes the other nodes'
//! digests.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::peers::Taken;
use super::{ASK_EVERY, Heard, Own, Peers, seal};
use crate::clock;
use crate::net::raw;
use vrrp_steering::ring_agreement::MAX_LEN as MESSAGE_MAX;

/// A router would decrement it.
const TTL: u8 = 255;
/// Longest datagram in bytes.
const MAX_LEN: usize = MESSAGE_MAX + seal::LEN;
/// Datagrams that are read without a pause. In a flood the kernel drops the rest, at lower cost.
const BURST: usize = 64;
const PAUSE: Duration = Duration::from_millis(10);

/// The running comparison; it ends when this is dropped.
pub struct Agreement {
    own: watch::Sender<Own>,
    heard: watch::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Agreement {
    /// Replaces this node's rings and the nodes to query.
    pub fn set_own(&self, own: Own) {
        self.own.send_if_modified(|known| {
            let news = *known != own;
            *known = own;
            news
        });
    }

    /// The other nodes' digests.
    pub fn heard(&self) -> Heard {
        self.heard.borrow().clone()
    }
}

impl Drop for Agreement {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the port for both families, and starts.
///
/// # Errors
/// The port is taken, or no socket can be opened.
///
/// # Panics
/// Outside a tokio runtime.
pub fn start(port: u16) -> io::Result<Agreement> {
    let socket = open(port)?;
    let (own, own_receiver) = watch::channel(Own::default());
    let (heard_sender, heard) = watch::channel(Heard::default());
    let task = tokio::spawn(run(socket, own_receiver, heard_sender));
    Ok(Agreement { own, heard, task })
}

fn open(port: u16) -> io::Result<UdpSocket> {
    let socket =
        Socket::new(Domain::IPV6, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    // Datagrams from beyond this link are dropped.
    raw::require_ttl(&socket, TTL)?;
    socket.bind(&SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))))?;
    UdpSocket::from_std(socket.into())
}

async fn run(socket: UdpSocket, mut own: watch::Receiver<Own>, heard: watch::Sender<Heard>) {
    let mut peers = Peers::new(RandomState::new().hash_one(0));
    let mut ask = interval(ASK_EVERY);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            changed = own.changed() => match changed {
                Ok(()) => peers.configure(&own.borrow_and_update()),
                Err(_) => return,
            },
            _ = ask.tick() => {
                for (master, question) in peers.questions(clock::unix()) {
                    send(&socket, master, &question).await;
                }
                heard.send_modify(|heard| heard.forget(clock::now()));
            }
            Ok(()) = socket.readable() => {
                if receive(&socket, &mut peers, &heard).await {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Reads waiting datagrams; returns true if more may wait.
async fn receive(socket: &UdpSocket, peers: &mut Peers, heard: &watch::Sender<Heard>) -> bool {
    let mut buffer = [0; MAX_LEN + 1];
    for _ in 0..BURST {
        let (len, from) = match socket.try_recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // An ICMP error of an earlier datagram.
            Err(_) => continue,
        };
        let node = from.ip().to_canonical();
        let Taken { rings, answer } =
            peers.take(node, buffer.get(..len).unwrap_or_default(), clock::unix());
        if !rings.is_empty() {
            heard.send_modify(|heard| heard.note(node, &rings, clock::now()));
        }
        if let Some(answer) = answer {
            send(socket, from, &answer).await;
        }
    }
    true
}

/// Sends one datagram. A lost one is repeated at the next interval.
async fn send(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
    let to = match to {
        SocketAddr::V4(to) => SocketAddr::from((to.ip().to_ipv6_mapped(), to.port())),
        SocketAddr::V6(_) => to,
    };
    if let Err(error) = socket.send_to(bytes, to).await {
        tracing::debug!(%to, %error, "cannot compare rings with another node");
    }
}

#[cfg(test)]
mod tests;
