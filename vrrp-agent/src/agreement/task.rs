//! The socket of the comparison: asks, answers, tells what was heard.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::message::{MAX_LEN, Message};
use super::{ASK_EVERY, Heard, Own};
use crate::clock;
use crate::net::raw;

/// What no router forwards.
const TTL: u8 = 255;

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
    let socket = Socket::new(Domain::IPV6, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    // Whoever is farther away is not heard at all.
    raw::stay_on_link(&socket, TTL)?;
    socket.bind(&SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))))?;
    UdpSocket::from_std(socket.into())
}

async fn run(socket: UdpSocket, own: watch::Receiver<Own>, heard: watch::Sender<Heard>) {
    let mut ask = interval(ASK_EVERY);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = [0; MAX_LEN + 1];
    loop {
        tokio::select! {
            _ = ask.tick() => {
                let Own { rings, masters } = own.borrow().clone();
                for master in masters {
                    say(&socket, master, &Message::of(&rings, true)).await;
                }
                heard.send_modify(|heard| heard.forget(clock::now()));
            }
            received = socket.recv_from(&mut buffer) => {
                let Ok((len, from)) = received else { continue };
                let Some(message) = buffer.get(..len).and_then(Message::parse) else { continue };
                heard.send_modify(|heard| heard.note(from.ip().to_canonical(), &message.rings, clock::now()));
                if message.wants_answer {
                    let rings = own.borrow().rings.clone();
                    say(&socket, from, &Message::of(&rings, false)).await;
                }
            }
        }
    }
}

/// What does not arrive is said again.
async fn say(socket: &UdpSocket, to: SocketAddr, messages: &[Message]) {
    let to = match to {
        SocketAddr::V4(to) => SocketAddr::from((to.ip().to_ipv6_mapped(), to.port())),
        SocketAddr::V6(_) => to,
    };
    for message in messages {
        if let Err(error) = socket.send_to(&message.to_bytes(), to).await {
            tracing::debug!(%to, %error, "cannot ask for the rings of another node");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::super::Ring;
    use super::*;

    #[tokio::test]
    async fn two_nodes_hear_each_others_rings() {
        let vip: IpAddr = [192, 0, 2, 9].into();
        let ring = |digest| Ring { address: vip, port: 80, protocol: 6, digest };
        // One asks; the other one, who knows of nobody, is asked.
        let (one, other) = (start(47_166).expect("free"), start(47_167).expect("free"));
        other.tell(Own { rings: vec![ring(2)], masters: Vec::new() });
        one.tell(Own { rings: vec![ring(1)], masters: vec![([127, 0, 0, 1], 47_167).into()] });
        let mut both = Vec::new();
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            both = [&one, &other].map(|node| node.heard().of(vip, 80, 6).map(|(_, digest)| digest).collect::<Vec<_>>()).to_vec();
            if both == [[2], [1]] {
                break;
            }
        }
        assert_eq!(both, [[2], [1]]);
    }
}
