//! The sockets of the VIP probes: one sends frames, one per family receives the answers.

use std::net::IpAddr;

use crate::net::packet_socket::PacketSocket;
use crate::net::tcp_sniffer::TcpSniffer;
use vrrp_model::Family;
use vrrp_steering::vip_probe::frame::Attempt;

/// Longer than the headers of an answer.
const LONGEST: usize = 128;

/// Why an attempt was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unsent {
    #[error("{0}")]
    Open(String),
    /// They could not be opened, which was reported then.
    #[error("no sockets")]
    NoSockets,
    #[error("reserve a port of {0}: {1}")]
    Port(IpAddr, String),
    #[error("listen for answers: {0}")]
    Listen(String),
    #[error("{0}")]
    Send(String),
}

/// One packet socket for frames out, one of each family for segments in.
pub struct Sockets {
    frames: PacketSocket,
    v4: Receiver,
    v6: Receiver,
}

struct Receiver {
    socket: TcpSniffer,
    ports: Vec<u16>,
    buffer: [u8; LONGEST],
}

impl Sockets {
    /// # Errors
    /// Without CAP_NET_RAW and CAP_NET_ADMIN.
    pub fn open() -> Result<Self, Unsent> {
        let frames = PacketSocket::open().map_err(|error| Unsent::Open(error.to_string()))?;
        Ok(Self { frames, v4: Receiver::open(Family::V4)?, v6: Receiver::open(Family::V6)? })
    }

    pub fn send(&self, ifindex: u32, frame: &[u8]) -> Result<(), Unsent> {
        self.frames.send(ifindex, frame).map_err(|error| Unsent::Send(error.to_string()))
    }

    /// Receives answers to exactly these attempts from now on.
    pub fn listen<'a>(
        &mut self,
        attempts: impl Iterator<Item = &'a Attempt>,
    ) -> Result<(), Unsent> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for attempt in attempts {
            let ports = if attempt.path.own.is_v4() { &mut v4 } else { &mut v6 };
            ports.push(attempt.own_port);
        }
        self.v4.listen(v4)?;
        self.v6.listen(v6)
    }

    /// The next packet, from its IP header on. Cancel safe.
    pub async fn recv(&mut self) -> Vec<u8> {
        tokio::select! {
            packet = self.v4.recv() => packet,
            packet = self.v6.recv() => packet,
        }
    }
}

impl Receiver {
    fn open(family: Family) -> Result<Self, Unsent> {
        let socket = TcpSniffer::open(family)
            .map_err(|error| Unsent::Open(format!("packet socket (needs CAP_NET_RAW): {error}")))?;
        Ok(Self { socket, ports: Vec::new(), buffer: [0; LONGEST] })
    }

    fn listen(&mut self, ports: Vec<u16>) -> Result<(), Unsent> {
        if self.ports != ports {
            self.socket.set_ports(&ports).map_err(|error| Unsent::Listen(error.to_string()))?;
            self.ports = ports;
        }
        Ok(())
    }

    async fn recv(&mut self) -> Vec<u8> {
        loop {
            // The error reports once that an interface went down; the others still receive.
            if let Ok(len) = self.socket.recv(&mut self.buffer).await {
                return self.buffer.get(..len).unwrap_or_default().to_vec();
            }
        }
    }
}
