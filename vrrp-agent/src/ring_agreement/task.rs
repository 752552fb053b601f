//! The socket of the comparison: asks, answers, tells what was heard.

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

/// What no router forwards.
const TTL: u8 = 255;
/// Of the longest datagram, in bytes.
const MAX_LEN: usize = MESSAGE_MAX + seal::LEN;
/// Datagrams that are read at once, and the pause after as many. Of a flood the kernel drops the
/// rest, at less cost.
const BURST: usize = 64;
const PAUSE: Duration = Duration::from_millis(10);

/// The running comparison; dropping it ends it.
pub struct Agreement {
    own: watch::Sender<Own>,
    heard: watch::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Agreement {
    /// Says what this node has, and whom to ask, from now on.
    pub fn tell(&self, own: Own) {
        self.own.send_if_modified(|known| {
            let news = *known != own;
            *known = own;
            news
        });
    }

    /// What the others said.
    pub fn heard(&self) -> Heard {
        self.heard.borrow().clone()
    }
}

impl Drop for Agreement {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the port, for both families, and begins.
///
/// # Errors
/// The port is taken, or no socket can be had.
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
    // Whoever is farther away is not heard at all.
    raw::stay_on_link(&socket, TTL)?;
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
                    say(&socket, master, &question).await;
                }
                heard.send_modify(|heard| heard.forget(clock::now()));
            }
            Ok(()) = socket.readable() => {
                if hear(&socket, &mut peers, &heard).await {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Reads what waits; true where more may wait still.
async fn hear(socket: &UdpSocket, peers: &mut Peers, heard: &watch::Sender<Heard>) -> bool {
    let mut buffer = [0; MAX_LEN + 1];
    for _ in 0..BURST {
        let (len, from) = match socket.try_recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // News of a datagram that did not arrive.
            Err(_) => continue,
        };
        let node = from.ip().to_canonical();
        let Taken { rings, answer } =
            peers.take(node, buffer.get(..len).unwrap_or_default(), clock::unix());
        if !rings.is_empty() {
            heard.send_modify(|heard| heard.note(node, &rings, clock::now()));
        }
        if let Some(answer) = answer {
            say(socket, from, &answer).await;
        }
    }
    true
}

/// What does not arrive is said again.
async fn say(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
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
