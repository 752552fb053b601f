//! The election thread: one thread, alone with its sockets, timers, lease writes and gratuitous
//! ARP.
//!
//! ```text
//!   agent loop --- Command (queue + eventfd) -----> election thread --- raw sockets, packet
//!   agent loop <-- View (watch, newest only) ------ election thread     socket, words in maps
//!   notifier <----- Report (queue, in order) ------- election thread
//! ```
//!
//! Nothing that blocks runs here: scripts, checks, HTTP, netlink and files are the agent loop's.
//! The thread waits in one `poll` for a socket, a command or the timer of its next deadline; then
//! it takes commands, drains the sockets, and only then lets timers act: what was received counts
//! before what was not.

mod actions;
mod advert;
mod command_queue;
mod driver;
mod incoming;
mod lookup;
#[cfg(test)]
pub mod recording;
mod run;
mod sockets;
#[cfg(test)]
mod tests;
mod timer;
mod transitions;
mod wait;

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::{mpsc, watch};

use command_queue::Outbox;
use timer::Timer;
pub use transitions::Dropped;
pub use vrrp_election::view::{RouterView, View};

use crate::net::packet_socket::{FrameError, PacketSocket};
use crate::plane::mastership::MastershipMaps;
use vrrp_model::host::Interface;
use vrrp_model::{ElectionThread, Router, RouterIdx};
use vrrp_notify::Report;

/// What the agent loop sends to the thread. A virtual router is named by its index in the maps,
/// which it keeps over reloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// There is such a router, or its configuration changed.
    Configure { idx: RouterIdx, router: Box<Router> },
    /// There is no such router any more: release it, then forget it.
    Remove { idx: RouterIdx },
    /// The interface is there, up and has an address: take part. Again when any of it
    /// changed.
    Up { idx: RouterIdx, interface: Interface, mac: [u8; 6], source: IpAddr },
    /// It is not. `link_up`: the interface still works, so that a master can send priority 0 from
    /// the address it had.
    Down { idx: RouterIdx, link_up: bool },
    /// Effective priority, from tracking.
    Priority { idx: RouterIdx, priority: u8 },
    /// Whether tracking lets it take part in the election.
    Hold { idx: RouterIdx, hold: Hold },
    /// Whether the stack accepts packets for the addresses without having them: then gratuitous ARP
    /// waits for nothing.
    Accepts { idx: RouterIdx, accepts: bool },
    /// The virtual addresses of this mastership are on their interfaces: gratuitous ARP may go out.
    Installed { idx: RouterIdx, epoch: u64 },
    /// These, all members of one sync group or one alone, let another node be master.
    Standby { indices: Vec<RouterIdx> },
    /// These leave standby.
    EndStandby { indices: Vec<RouterIdx> },
    /// The sync groups, each as its members' indices; they replace those sent before.
    Groups(Vec<Vec<RouterIdx>>),
    /// Release everything; the thread ends when no router is active.
    Shutdown,
}

/// The result of tracking for a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hold {
    /// It may be elected.
    #[default]
    Free,
    /// A script that it depends on has not ended yet: nothing begins and nothing ends until it
    /// does.
    Pending,
    /// Something it depends on fails.
    Fault,
}

/// Sends commands to the thread. The loop has one, and the task that installs addresses has one.
#[derive(Clone)]
pub struct CommandSender {
    commands: Outbox,
    wake: Arc<EventFd>,
    /// By all senders.
    sent: Arc<AtomicU64>,
}

impl CommandSender {
    /// Sends a command. A thread that has ended takes none, and needs none.
    pub fn send(&self, command: Command) {
        // Counted first: a command that the thread handles at once must be in the count.
        self.sent.fetch_add(1, Ordering::AcqRel);
        self.commands.push(command);
        if let Err(error) = self.wake.write(1) {
            tracing::error!(%error, "cannot wake the election thread; it will look at its next deadline");
        }
    }
}

/// The agent loop's end of the thread.
pub struct Elector {
    sender: CommandSender,
    view: watch::Receiver<Arc<View>>,
    thread: JoinHandle<()>,
    dropped: Dropped,
}

/// Why the thread cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("eventfd: {0}")]
    Wake(nix::errno::Errno),
    #[error("timer: {0}")]
    Timer(nix::errno::Errno),
    #[error("cannot start the election thread: {0}")]
    Thread(std::io::Error),
    #[error(transparent)]
    Frames(#[from] FrameError),
}

impl Elector {
    /// Starts the thread under the scheduling `wanted`, with no routers yet. Without `words` there
    /// is no kernel program: everything goes through the sockets. Returns it with the queue of
    /// transitions.
    ///
    /// # Errors
    /// No packet socket (permission), or no thread.
    pub fn start(
        words: Option<MastershipMaps>,
        wanted: ElectionThread,
    ) -> Result<(Self, mpsc::Receiver<Report>), StartError> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(StartError::Wake)?;
        let wake = Arc::new(wake);
        let (commands, inbox) = command_queue::pair();
        let (publish, view) = watch::channel(Arc::new(View::default()));
        let timer = Timer::new().map_err(StartError::Timer)?;
        let (sender, transitions, dropped) = transitions::queue();
        let runner = run::Runner::new(words, PacketSocket::open()?, timer, publish, sender);
        let waiter = Arc::clone(&wake);
        let thread = thread::Builder::new()
            .name("election".to_owned())
            .spawn(move || runner.run(&wanted, &inbox, waiter.as_fd()))
            .map_err(StartError::Thread)?;
        let sender = CommandSender { commands, wake, sent: Arc::default() };
        Ok((Self { sender, view, thread, dropped }, transitions))
    }

    /// Without a thread: a test reads the commands and publishes the views. It ends with the test.
    #[cfg(test)]
    pub fn recording() -> (Self, recording::Thread) {
        let (commands, inbox) = command_queue::pair();
        let wake = EventFd::new().expect("an eventfd");
        let sender = CommandSender { commands, wake: Arc::new(wake), sent: Arc::default() };
        let (publish, view) = watch::channel(Arc::new(View::default()));
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = thread::spawn(move || while ended.recv().is_ok() {});
        let (_, _, dropped) = transitions::queue();
        let double = recording::Thread { inbox, publish, _end: end };
        (Self { sender, view, thread, dropped }, double)
    }

    /// Sends a command, see [`CommandSender::send`].
    pub fn send(&self, command: Command) {
        self.sender.send(command);
    }

    /// Another sender of commands to this thread.
    pub fn sender(&self) -> CommandSender {
        self.sender.clone()
    }

    /// Whether `view` knows of every command sent so far.
    pub fn has_handled_commands(&self, view: &View) -> bool {
        view.handled >= self.sender.sent.load(Ordering::Acquire)
    }

    /// The newest view; changes wake the receiver.
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// How many transitions found their queue full.
    pub fn dropped_transitions(&self) -> Dropped {
        self.dropped.clone()
    }

    /// Whether the thread has ended: after [`Command::Shutdown`], when no router is active.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}
