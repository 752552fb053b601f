//! Where the thread sleeps.

use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::sockets::{SocketKey, Sockets};
use super::timer::Timer;
use vrrp_model::time::Instant;

/// Sleeps until a socket or the agent loop (`wake`) has something, or until `deadline`. Returns the
/// sockets that have.
pub fn wait(
    sockets: &Sockets,
    wake: BorrowedFd<'_>,
    timer: &Timer,
    deadline: Option<Instant>,
) -> Vec<SocketKey> {
    // Without its timer the thread would never wake in silence: then it does not sleep long.
    let limit = match timer.set(deadline) {
        Ok(()) => PollTimeout::NONE,
        Err(errno) => {
            tracing::error!(error = %errno, "the timer of the election thread cannot be set");
            PollTimeout::from(1_u8)
        }
    };
    let mut fds: Vec<PollFd<'_>> = [wake, timer.as_fd()]
        .into_iter()
        .chain(sockets.fds())
        .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
        .collect();
    if let Err(errno) = nix::poll::poll(&mut fds, limit)
        && errno != nix::errno::Errno::EINTR
    {
        tracing::error!(error = %errno, "poll failed on the election thread");
    }
    let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
    if ready(&fds[0]) {
        // Empties the eventfd; that it is empty already is no error.
        let _ = nix::unistd::read(wake, &mut [0; 8]);
    }
    let found = sockets.keys().into_iter().zip(&fds[2..]).filter(|(_, fd)| ready(fd));
    found.map(|(key, _)| key).collect()
}
