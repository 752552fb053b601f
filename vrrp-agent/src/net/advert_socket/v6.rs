//! IPv6 (RFC 3542): the kernel writes and removes the header. Source, destination and hop limit are
//! passed as ancillary data.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use socket2::Socket;

use super::{Datagram, HOPS, TRAFFIC_CLASS, named, wrong_group};

/// Sets the options; the error names the failed option.
pub(super) fn prepare(
    socket: &Socket,
    index: u32,
    group: Option<IpAddr>,
) -> Result<(), (&'static str, io::Error)> {
    // The source of a packet need not be an address of this host.
    socket.set_freebind_v6(true).map_err(named("IPV6_FREEBIND"))?;
    socket.set_unicast_hops_v6(HOPS.into()).map_err(named("IPV6_UNICAST_HOPS"))?;
    socket.set_multicast_hops_v6(HOPS.into()).map_err(named("IPV6_MULTICAST_HOPS"))?;
    socket.set_tclass_v6(TRAFFIC_CLASS.into()).map_err(named("IPV6_TCLASS"))?;
    socket.set_recv_hoplimit_v6(true).map_err(named("IPV6_RECVHOPLIMIT"))?;
    setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)
        .map_err(|errno| named("IPV6_RECVPKTINFO")(errno.into()))?;
    match group {
        None => Ok(()),
        Some(IpAddr::V4(_)) => Err(wrong_group()),
        Some(IpAddr::V6(group)) => {
            socket.set_multicast_loop_v6(false).map_err(named("IPV6_MULTICAST_LOOP"))?;
            socket.set_multicast_if_v6(index).map_err(named("IPV6_MULTICAST_IF"))?;
            socket.join_multicast_v6(&group, index).map_err(named("join the multicast group"))
        }
    }
}

/// `None` when the packet would be too long.
pub(super) fn send(
    socket: &Socket,
    index: u32,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload: &[u8],
) -> Option<io::Result<()>> {
    u16::try_from(payload.len()).ok()?;
    let info = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
        ipi6_ifindex: index,
    };
    let address = SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, index));
    let control = [ControlMessage::Ipv6PacketInfo(&info)];
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(payload)],
        &control,
        MsgFlags::MSG_DONTWAIT,
        Some(&address),
    );
    Some(sent.map(drop).map_err(io::Error::from))
}

pub(super) fn recv(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    let mut space = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
    loop {
        let mut slices = [IoSliceMut::new(buffer)];
        match recvmsg::<SockaddrIn6>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut space),
            MsgFlags::MSG_DONTWAIT,
        ) {
            Ok(message) => {
                let (mut destination, mut hop_limit) = (None, None);
                for control in message.cmsgs()? {
                    match control {
                        ControlMessageOwned::Ipv6PacketInfo(info) => {
                            destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr))
                        }
                        ControlMessageOwned::Ipv6HopLimit(limit) => {
                            hop_limit = u8::try_from(limit).ok()
                        }
                        _ => {}
                    }
                }
                let source = message.address.map(|address| address.ip());
                // The kernel passes all three with every packet; a packet without them could not be
                // validated.
                if let (Some(source), Some(destination), Some(hop_limit)) =
                    (source, destination, hop_limit)
                {
                    return Ok(Some(Datagram::V6 {
                        source,
                        destination,
                        hop_limit,
                        len: message.bytes,
                    }));
                }
            }
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
