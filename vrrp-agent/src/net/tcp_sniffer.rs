//! The packet socket that receives TCP segments which the stack would drop, such as those from an
//! address of this host.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::raw;
use vrrp_model::Family;

/// Receives TCP segments to the configured ports, on all interfaces, before the stack handles them.
/// Each is read from its IP header on.
#[derive(Debug)]
pub struct TcpSniffer {
    socket: AsyncFd<Socket>,
    family: Family,
}

impl TcpSniffer {
    /// Opens the socket; it receives nothing yet.
    ///
    /// # Errors
    /// Without CAP_NET_RAW.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(family: Family) -> io::Result<Self> {
        let ethertype = match family {
            Family::V4 => libc::ETH_P_IP,
            Family::V6 => libc::ETH_P_IPV6,
        };
        // The kernel expects network byte order, 16 bits.
        let protocol = Protocol::from(i32::from((ethertype as u16).to_be()));
        let socket =
            Socket::new(Domain::PACKET, Type::DGRAM.nonblocking().cloexec(), Some(protocol))?;
        let socket = Self { socket: raw::readable(socket)?, family };
        socket.set_ports(&[])?;
        Ok(socket)
    }

    /// Receives segments to these ports from now on. Earlier ones may still wait in the socket.
    ///
    /// # Errors
    /// More ports than the kernel accepts, which is at least 500 (net.core.optmem_max).
    pub fn set_ports(&self, ports: &[u16]) -> io::Result<()> {
        self.socket.get_ref().attach_filter(&filter(self.family, ports))
    }

    /// The next segment, cut to `buffer`; its length. May be cancelled at any point.
    ///
    /// # Errors
    /// ENETDOWN when an interface went down; later calls work again.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.async_io(Interest::READABLE, |mut socket| socket.read(buffer)).await
    }
}

/// A TCP port that is reserved while this value lives: no other socket gets it, and none listens on
/// it.
#[derive(Debug)]
pub struct ReservedPort {
    _socket: Socket,
    number: u16,
}

impl ReservedPort {
    /// Reserves a port of this address.
    ///
    /// # Errors
    /// The address is not on this host, or all ports are taken.
    pub fn of(address: IpAddr) -> io::Result<Self> {
        let socket =
            Socket::new(Domain::for_address((address, 0).into()), Type::STREAM.cloexec(), None)?;
        socket.bind(&SocketAddr::new(address, 0).into())?;
        let number = socket.local_addr()?.as_socket().map_or(0, |bound| bound.port());
        Ok(Self { _socket: socket, number })
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Load a byte or two at an offset, or behind the header whose length X holds.
const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const LOAD_WORD_BEHIND: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
/// X becomes the length of the IPv4 header at an offset.
const HEADER_LEN: u32 = libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// A classic BPF program that accepts whole TCP segments to one of `ports`, without IPv6 extension
/// headers.
fn filter(family: Family, ports: &[u16]) -> Vec<SockFilter> {
    let step = |code: u32, then: u8, otherwise: u8, operand: u32| {
        SockFilter::new(code as u16, then, otherwise, operand)
    };
    let drop = || step(RETURN, 0, 0, 0);
    let is = |operand: u32, skip: u8| step(IF_EQUAL, skip, 0, operand);
    let tcp = libc::IPPROTO_TCP as u32;
    let mut program = match family {
        Family::V4 => vec![
            step(LOAD_BYTE, 0, 0, 9),
            is(tcp, 1),
            drop(),
            // Only the first fragment has ports.
            step(LOAD_WORD, 0, 0, 6),
            step(IF_ANY_BIT, 0, 1, 0x1fff),
            drop(),
            step(HEADER_LEN, 0, 0, 0),
            step(LOAD_WORD_BEHIND, 0, 0, 2),
        ],
        Family::V6 => vec![step(LOAD_BYTE, 0, 0, 6), is(tcp, 1), drop(), step(LOAD_WORD, 0, 0, 42)],
    };
    for &port in ports {
        program.extend([step(IF_EQUAL, 0, 1, port.into()), step(RETURN, 0, 0, u32::MAX)]);
    }
    program.push(drop());
    program
}

#[cfg(test)]
mod tests;
