//! The socket calls that no crate here wraps: the only unsafe code of `net`.

use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Binds the socket to the interface (SO_BINDTOIFINDEX): it hears and speaks there only, whatever the interface is called later.
pub(super) fn bind_to_index(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    set_option(
        socket,
        libc::SOL_SOCKET,
        libc::SO_BINDTOIFINDEX,
        &c_index(index)?,
    )
}

/// Sets the interface that multicast leaves by (IP_MULTICAST_IF).
pub(super) fn set_multicast_interface(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let any = libc::in_addr {
        s_addr: libc::INADDR_ANY,
    };
    let request = libc::ip_mreqn {
        imr_multiaddr: any,
        imr_address: any,
        imr_ifindex: c_index(index)?,
    };
    set_option(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

/// Sends a whole Ethernet frame through a packet socket. `ethertype` and `destination` are those of the frame.
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
    // SAFETY: `frame` and `address` are valid for reads of the lengths passed, for the length of the call; the kernel keeps neither.
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

fn c_index(index: u32) -> io::Result<c_int> {
    c_int::try_from(index).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// `T` must be the plain C type that the option takes.
fn set_option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: `value` is valid for reads of its own size for the length of the call; the kernel copies it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const *value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
