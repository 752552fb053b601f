//! The raw sockets for adverts: one per interface and multicast group, or one for unicast on an
//! interface.

mod v4;
mod v6;

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::raw;
use vrrp_model::Family;
use vrrp_model::host::Interface;

/// IP protocol number of VRRP (RFC 9568 sections 5.1.1.4 and 5.1.2.4).
const PROTOCOL: u8 = 112;
/// TTL or hop limit (RFC 9568 sections 5.1.1.3 and 5.1.2.3).
const HOPS: u8 = 255;
/// DSCP CS6, internetwork control, as routing protocols mark their packets: TOS or traffic class.
const TRAFFIC_CLASS: u8 = 0xc0;
/// Room for some thousand adverts while the election thread is delayed.
const RECEIVE_BUFFER: usize = 1 << 20;
/// TC_PRIO_CONTROL: the first band of the default qdisc, so that a full link delays adverts least.
const PRIORITY: u32 = 7;

#[derive(Debug, thiserror::Error)]
#[error("advert socket on {interface}: {step}: {source}")]
pub struct OpenError {
    pub interface: String,
    /// The step that failed.
    pub step: &'static str,
    pub source: io::Error,
}

/// An advert that was not sent. The caller counts it and tries again at its next interval; the
/// router's state does not change.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("an advert of {0} bytes does not fit an IP packet")]
    TooLong(usize),
    #[error(
        "cannot send an advert from {source_address} to {destination} through this socket: they differ in IP version"
    )]
    Family { source_address: IpAddr, destination: IpAddr },
    /// ENETDOWN: the link is down; ENOBUFS or EAGAIN: its queue is full; ENETUNREACH: no route, or
    /// the interface lost its last address.
    #[error("send to {destination}: {source}")]
    Refused { destination: IpAddr, source: io::Error },
}

/// What was received, besides the bytes in the caller's buffer. Nothing of it is validated yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram {
    /// The buffer holds `len` bytes: an IPv4 packet, header included.
    V4 { len: usize },
    /// The buffer holds `len` bytes: what follows the IPv6 header and its extensions.
    V6 { source: Ipv6Addr, destination: Ipv6Addr, hop_limit: u8, len: usize },
}

/// Sends and receives the adverts of one interface and IP version. Never blocks.
///
/// Each raw socket of an interface receives every unicast VRRP packet to an address of this host
/// that arrives there, for any virtual router. An IPv4 socket receives multicast only of the group
/// that it joined. An IPv6 socket receives multicast of every group that any process of this host
/// joined there: the kernel does not check a raw socket's membership. So several sockets on an
/// interface receive the same packet, and the caller filters by destination.
#[derive(Debug)]
pub struct AdvertSocket {
    socket: Socket,
    interface: Interface,
    family: Family,
}

impl AdvertSocket {
    /// Opens the socket on `interface` and joins `group` there; without a group the socket is for
    /// unicast.
    ///
    /// The membership survives link flaps and address changes. It ends with the interface: when an
    /// interface of the same name returns with a new index, open another socket.
    ///
    /// # Errors
    /// Without CAP_NET_RAW or CAP_NET_ADMIN; when the interface is gone or has no `family`; when
    /// `group` is no multicast group of that family.
    pub fn open(
        interface: &Interface,
        family: Family,
        group: Option<IpAddr>,
    ) -> Result<Self, OpenError> {
        let step = |step: &'static str| {
            move |source: io::Error| OpenError { interface: interface.name.clone(), step, source }
        };
        let domain = match family {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        let protocol = Protocol::from(i32::from(PROTOCOL));
        let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))
            .map_err(step("open (needs CAP_NET_RAW)"))?;
        raw::bind_to_index(socket.as_fd(), interface.index)
            .map_err(step("bind to the interface"))?;
        socket.set_priority(PRIORITY).map_err(step("SO_PRIORITY (needs CAP_NET_ADMIN)"))?;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .map_err(|errno| step("SO_RCVBUFFORCE (needs CAP_NET_ADMIN)")(errno.into()))?;
        let outcome = match family {
            Family::V4 => v4::prepare(&socket, interface.index, group),
            Family::V6 => v6::prepare(&socket, interface.index, group),
        };
        outcome.map_err(|(name, source)| step(name)(source))?;
        Ok(Self { socket, interface: interface.clone(), family })
    }

    /// Sends `payload`, a whole VRRP message with its checksum, with TTL or hop limit 255 and
    /// traffic class 0xc0; IPv4 without DF. `destination` is the group or a unicast peer; `source`
    /// need not be an address of this host.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(
        &self,
        source: IpAddr,
        destination: IpAddr,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let outcome = match (self.family, source, destination) {
            (Family::V4, IpAddr::V4(source), IpAddr::V4(destination)) => {
                v4::send(&self.socket, source, destination, payload)
            }
            (Family::V6, IpAddr::V6(source), IpAddr::V6(destination)) => {
                v6::send(&self.socket, self.interface.index, source, destination, payload)
            }
            _ => return Err(SendError::Family { source_address: source, destination }),
        };
        match outcome {
            Some(Ok(())) => Ok(()),
            Some(Err(source)) => Err(SendError::Refused { destination, source }),
            None => Err(SendError::TooLong(payload.len())),
        }
    }

    /// The next waiting packet, cut to `buffer`; `None` when no packet waits.
    ///
    /// # Errors
    /// The network reported an error to the socket (ENETDOWN when the link went down), or the
    /// interface is gone.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        match self.family {
            Family::V4 => v4::recv(&self.socket, buffer),
            Family::V6 => v6::recv(&self.socket, buffer),
        }
    }
}

impl AsFd for AdvertSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The error for a group of the other IP version.
fn wrong_group() -> (&'static str, io::Error) {
    (
        "join the multicast group: it belongs to the other IP version",
        io::ErrorKind::InvalidInput.into(),
    )
}

/// Adds the name of the failed step to an error.
fn named(step: &'static str) -> impl FnOnce(io::Error) -> (&'static str, io::Error) {
    move |source| (step, source)
}

#[cfg(test)]
mod tests;
