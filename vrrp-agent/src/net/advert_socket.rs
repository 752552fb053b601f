//! The raw IPv4 socket that adverts travel through, one for each interface and multicast group.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::{Interface, raw};

/// IP protocol number of VRRP (RFC 9568 section 5.1.1.4).
const PROTOCOL: u8 = 112;
/// RFC 9568 section 5.1.1.3; a receiver must drop anything else.
const TTL: u8 = 255;
/// Internetwork control, as routing protocols mark their packets (RFC 791).
const TOS: u8 = 0xc0;
const HEADER_LEN: usize = 20;
/// Room for some thousand adverts while the thread is held up.
const RECEIVE_BUFFER: usize = 1 << 20;
/// TC_PRIO_CONTROL: the first band of the default queue, so that a full link delays adverts least.
const PRIORITY: u32 = 7;

#[derive(Debug, thiserror::Error)]
#[error("advert socket on {interface}: {step}: {source}")]
pub struct OpenError {
    pub interface: String,
    /// The step that was refused.
    pub step: &'static str,
    pub source: io::Error,
}

/// An advert that did not leave. The caller counts it and tries again at its next interval (no state changes for it).
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("an advert of {0} bytes does not fit an IPv4 packet")]
    TooLong(usize),
    /// ENETDOWN: the link is down; ENOBUFS or EAGAIN: its queue is full; ENETUNREACH: the interface lost its last address.
    #[error("send to {destination}: {source}")]
    Refused { destination: Ipv4Addr, source: io::Error },
}

/// Adverts of one interface, both ways. Never blocks.
#[derive(Debug)]
pub struct AdvertSocket {
    socket: Socket,
}

impl AdvertSocket {
    /// Opens the socket on `interface` and joins `group` there.
    ///
    /// The membership outlives link flaps and address changes. It does not outlive the interface: when one of the same name
    /// comes back with a new index, open another socket.
    ///
    /// # Errors
    /// Without CAP_NET_RAW, or when the interface is gone or has no IPv4.
    pub fn open(interface: &Interface, group: Ipv4Addr) -> Result<Self, OpenError> {
        let step = |step: &'static str| move |source: io::Error| OpenError { interface: interface.name.clone(), step, source };
        let protocol = Protocol::from(i32::from(PROTOCOL));
        let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking().cloexec(), Some(protocol))
            .map_err(step("open (needs CAP_NET_RAW)"))?;
        raw::bind_to_index(socket.as_fd(), interface.index).map_err(step("bind to the interface"))?;
        socket.set_multicast_all_v4(false).map_err(step("IP_MULTICAST_ALL"))?;
        // Own header: the source need not be an address of this host, and DF stays clear.
        socket.set_header_included_v4(true).map_err(step("IP_HDRINCL"))?;
        socket.set_multicast_loop_v4(false).map_err(step("IP_MULTICAST_LOOP"))?;
        raw::set_multicast_interface(socket.as_fd(), interface.index).map_err(step("IP_MULTICAST_IF"))?;
        socket.set_priority(PRIORITY).map_err(step("SO_PRIORITY (needs CAP_NET_ADMIN)"))?;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .map_err(|errno| step("SO_RCVBUFFORCE (needs CAP_NET_ADMIN)")(errno.into()))?;
        socket
            .join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface.index))
            .map_err(step("join the multicast group"))?;
        Ok(Self { socket })
    }

    /// Sends `payload`, a whole VRRP message, in an IPv4 packet with TTL 255, TOS 0xc0 and DF clear. `destination` is the
    /// group or a unicast peer; `source` need not be an address of this host.
    pub fn send(&self, source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Result<(), SendError> {
        let header = header(source, destination, payload.len()).ok_or(SendError::TooLong(payload.len()))?;
        let address = SocketAddrV4::new(destination, 0).into();
        self.socket
            .send_to_vectored(&[IoSlice::new(&header), IoSlice::new(payload)], &address)
            .map(drop)
            .map_err(|source| SendError::Refused { destination, source })
    }

    /// The next waiting IPv4 packet, header included, cut to `buffer`; `None` when nothing waits.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => return Ok(Some(length)),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for AdvertSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The IPv4 header of an advert. The kernel fills in the identification and the checksum (raw(7)).
fn header(source: Ipv4Addr, destination: Ipv4Addr, payload_len: usize) -> Option<[u8; HEADER_LEN]> {
    let total = u16::try_from(HEADER_LEN.checked_add(payload_len)?).ok()?;
    let mut header = [0; HEADER_LEN];
    header[0] = 0x45;
    header[1] = TOS;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[8] = TTL;
    header[9] = PROTOCOL;
    header[12..16].copy_from_slice(&source.octets());
    header[16..].copy_from_slice(&destination.octets());
    Some(header)
}

#[cfg(test)]
#[path = "advert_socket_tests.rs"]
mod tests;
