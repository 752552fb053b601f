//! The packet socket for announcements (gratuitous ARP, neighbour advertisements) and for probes on
//! the real path: sends whole Ethernet frames on any interface and receives nothing.

use std::io;
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::raw;

const ETHERNET_HEADER_LEN: usize = 14;
/// TC_PRIO_CONTROL, as for adverts.
const PRIORITY: u32 = 7;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("packet socket (needs CAP_NET_RAW and CAP_NET_ADMIN): {0}")]
    Open(#[source] io::Error),
    #[error("a frame of {0} bytes is shorter than an Ethernet header")]
    Short(usize),
    /// ENETDOWN: the link is down; ENXIO: no such interface; ENOBUFS or EAGAIN: its queue is full.
    #[error("send a frame on interface {index}: {source}")]
    Send { index: u32, source: io::Error },
}

/// Sends frames on any interface and receives none. Never blocks.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
}

impl PacketSocket {
    pub fn open() -> Result<Self, FrameError> {
        // Protocol 0 receives nothing (packet(7)).
        let socket =
            Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), Some(Protocol::from(0)))
                .map_err(FrameError::Open)?;
        socket.set_priority(PRIORITY).map_err(FrameError::Open)?;
        Ok(Self { socket })
    }

    /// Sends `frame` on the interface with index `index`. The frame begins with the destination MAC
    /// and has no frame check sequence.
    pub fn send(&self, index: u32, frame: &[u8]) -> Result<(), FrameError> {
        let (destination, ethertype) = addressing(frame).ok_or(FrameError::Short(frame.len()))?;
        raw::send_frame(self.socket.as_fd(), index, ethertype, destination, frame)
            .map(drop)
            .map_err(|source| FrameError::Send { index, source })
    }
}

/// Destination and EtherType of a frame.
fn addressing(frame: &[u8]) -> Option<([u8; 6], u16)> {
    let header: &[u8; ETHERNET_HEADER_LEN] = frame.first_chunk()?;
    let [d0, d1, d2, d3, d4, d5, .., high, low] = *header;
    Some(([d0, d1, d2, d3, d4, d5], u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests;
