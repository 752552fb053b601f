//! IPv4: packets are sent with our own header and received with theirs.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv as receive};
use socket2::{InterfaceIndexOrAddress, Socket};

use super::{Datagram, HOPS, PROTOCOL, TRAFFIC_CLASS, named, wrong_group};
use crate::net::raw;

pub(super) const HEADER_LEN: usize = 20;

/// Sets the options; the error names the failed option.
pub(super) fn prepare(
    socket: &Socket,
    index: u32,
    group: Option<IpAddr>,
) -> Result<(), (&'static str, io::Error)> {
    socket.set_multicast_all_v4(false).map_err(named("IP_MULTICAST_ALL"))?;
    // With an own header the source need not be an address of this host, and DF stays clear.
    socket.set_header_included_v4(true).map_err(named("IP_HDRINCL"))?;
    match group {
        None => Ok(()),
        Some(IpAddr::V6(_)) => Err(wrong_group()),
        Some(IpAddr::V4(group)) => {
            socket.set_multicast_loop_v4(false).map_err(named("IP_MULTICAST_LOOP"))?;
            raw::set_multicast_interface(socket.as_fd(), index)
                .map_err(named("IP_MULTICAST_IF"))?;
            let interface = InterfaceIndexOrAddress::Index(index);
            socket
                .join_multicast_v4_n(&group, &interface)
                .map_err(named("join the multicast group"))
        }
    }
}

/// `None` when the packet would be too long.
pub(super) fn send(
    socket: &Socket,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    payload: &[u8],
) -> Option<io::Result<()>> {
    let header = header(source, destination, payload.len())?;
    let address = SocketAddrV4::new(destination, 0).into();
    Some(
        socket
            .send_to_vectored(&[IoSlice::new(&header), IoSlice::new(payload)], &address)
            .map(drop),
    )
}

pub(super) fn recv(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    loop {
        match receive(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(len) => return Ok(Some(Datagram::V4 { len })),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The IPv4 header of an advert. The kernel fills in the identification and the checksum (raw(7)).
pub(super) fn header(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    payload_len: usize,
) -> Option<[u8; HEADER_LEN]> {
    let total = u16::try_from(HEADER_LEN.checked_add(payload_len)?).ok()?;
    let mut header = [0; HEADER_LEN];
    header[0] = 0x45;
    header[1] = TRAFFIC_CLASS;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[8] = HOPS;
    header[9] = PROTOCOL;
    header[12..16].copy_from_slice(&source.octets());
    header[16..].copy_from_slice(&destination.octets());
    Some(header)
}
