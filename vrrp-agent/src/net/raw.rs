//! Socket calls that no crate wraps: the only unsafe code of `net`.

use std::ffi::{c_char, c_int};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Binds the socket to the interface (SO_BINDTOIFINDEX): it sends and receives only there, even
/// after the interface was renamed.
pub(super) fn bind_to_index(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &c_index(index)?)
}

/// Sets the interface for outgoing multicast (IP_MULTICAST_IF).
pub(super) fn set_multicast_interface(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let any = libc::in_addr { s_addr: libc::INADDR_ANY };
    let request =
        libc::ip_mreqn { imr_multiaddr: any, imr_address: any, imr_ifindex: c_index(index)? };
    set_option(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

/// Sends a whole Ethernet frame through a packet socket. `ethertype` and `destination` are those of
/// the frame.
pub(super) fn send_frame(
    socket: BorrowedFd<'_>,
    index: u32,
    ethertype: u16,
    destination: [u8; 6],
    frame: &[u8],
) -> io::Result<usize> {
    let mut hardware_address = [0; 8];
    hardware_address[..6].copy_from_slice(&destination);
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: c_index(index)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: hardware_address,
    };
    // SAFETY: `frame` and `address` are valid for reads of the lengths passed, for the length of
    // the call; the kernel keeps neither.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Lets the runtime wait for a non-blocking socket to become readable.
///
/// # Panics
/// Outside a tokio runtime.
pub(super) fn readable(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a `Socket` owns its descriptor, which is open and the same as long as the `Socket`
    // lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}

/// Returns whether an interface is administratively up and has a carrier (ETHTOOL_GLINK). The
/// socket decides the namespace.
pub(super) fn has_carrier(socket: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    /// `struct ethtool_value` of linux/ethtool.h.
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    const ETHTOOL_GLINK: u32 = 0x0a;
    let mut value = Value { command: ETHTOOL_GLINK, data: 0 };
    let mut ifr_name: [c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    // The last byte stays zero, as the terminator.
    if name.len() >= ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as c_char;
    }
    let mut request = libc::ifreq {
        ifr_name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: (&raw mut value).cast() },
    };
    // SAFETY: `request` and the `value` it points to live through the call, and nothing else refers
    // to them; ETHTOOL_GLINK writes a `struct ethtool_value`, which `Value` is.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result == 0 { Ok(value.data != 0) } else { Err(io::Error::last_os_error()) }
}

/// Sends with `ttl` over either family from a dual-stack socket, and drops packets that arrive with
/// a lower one. With 255 no packet from beyond this link is accepted (RFC 5082).
pub fn require_ttl(socket: impl AsFd, ttl: u8) -> io::Result<()> {
    let (socket, ttl) = (socket.as_fd(), c_int::from(ttl));
    set_option(socket, libc::IPPROTO_IP, libc::IP_TTL, &ttl)?;
    set_option(socket, libc::IPPROTO_IP, libc::IP_MINTTL, &ttl)?;
    set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, &ttl)?;
    set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, &ttl)
}

fn c_index(index: u32) -> io::Result<c_int> {
    c_int::try_from(index).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// `T` must be the plain C type of the option.
fn set_option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: `value` is valid for reads of its own size for the length of the call; the kernel
    // copies it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const *value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
