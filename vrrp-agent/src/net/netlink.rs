//! The netlink connection for requests, its error, and the decoding of the kernel's refusals.
//!
//! The requests themselves are in the modules of their subjects, such as `addresses` and
//! `neighbour`.

use std::future::Future;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, TryStreamExt};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use nix::errno::Errno;
use rtnetlink::Handle;
use tokio::task::JoinHandle;

use super::host_state;
use vrrp_model::host::XdpAttached;

/// The kernel answers within microseconds; after this long the answer is lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A request that the kernel did not carry out.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    #[error("netlink socket: {0}")]
    Open(#[source] io::Error),
    /// The kernel refused it.
    #[error("{action}: {source}")]
    Refused { action: String, source: io::Error },
    /// The kernel's answer could not be received.
    #[error("{action}: {source}")]
    Failed { action: String, source: rtnetlink::Error },
    #[error("{action}: no answer from the kernel")]
    TimedOut { action: String },
}

impl NetlinkError {
    fn new(action: String, error: rtnetlink::Error) -> Self {
        match error {
            rtnetlink::Error::NetlinkError(message) => {
                Self::Refused { action, source: message.to_io() }
            }
            source => Self::Failed { action, source },
        }
    }

    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { source, .. } => source.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }
}

/// A netlink connection for requests. It is shared by reference; its calls may overlap.
///
/// After the connection broke, the next request opens a new one.
#[derive(Debug)]
pub struct Netlink {
    live: Mutex<Live>,
}

#[derive(Debug)]
struct Live {
    handle: Handle,
    pump: JoinHandle<()>,
}

impl Netlink {
    /// Opens the connection in the calling thread's network namespace. It runs on the current tokio
    /// runtime.
    pub fn connect() -> Result<Self, NetlinkError> {
        Ok(Self { live: Mutex::new(Live::open()?) })
    }

    pub(super) fn handle(&self) -> Result<Handle, NetlinkError> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.pump.is_finished() {
            *live = Live::open()?;
        }
        Ok(live.handle.clone())
    }

    /// The XDP program that is attached to interface `index` now. The kernel sends no notification
    /// when a program is detached.
    ///
    /// # Errors
    /// The interface is gone.
    pub async fn xdp_program(&self, index: u32) -> Result<Option<XdpAttached>, NetlinkError> {
        let answers = link(&self.handle()?, index).await?;
        Ok(answers.iter().flat_map(|answer| &answer.attributes).find_map(
            |attribute| match attribute {
                LinkAttribute::Xdp(xdp) => host_state::attached(xdp),
                _ => None,
            },
        ))
    }
}

impl Live {
    fn open() -> Result<Self, NetlinkError> {
        // Strict checking makes the kernel filter dumps: a host may have a million routes.
        let (connection, handle, _) =
            rtnetlink::new_connection_with_strict_check().map_err(NetlinkError::Open)?;
        Ok(Self { handle, pump: tokio::spawn(connection) })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Awaits one request; `action` names it in the error.
pub(super) async fn request<T>(
    action: impl FnOnce() -> String,
    request: impl Future<Output = Result<T, rtnetlink::Error>>,
) -> Result<T, NetlinkError> {
    match tokio::time::timeout(ANSWER_WITHIN, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(NetlinkError::new(action(), error)),
        Err(_) => Err(NetlinkError::TimedOut { action: action() }),
    }
}

/// The current state of one interface, without its counters.
pub(super) async fn link(handle: &Handle, index: u32) -> Result<Vec<LinkMessage>, NetlinkError> {
    let get = handle.link().get().match_index(index);
    let get = get.set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats]);
    dump("read a link", get.execute()).await
}

/// Collects one dump.
pub(super) async fn dump<T>(
    action: &str,
    answers: impl Stream<Item = Result<T, rtnetlink::Error>>,
) -> Result<Vec<T>, NetlinkError> {
    request(|| action.to_owned(), answers.try_collect()).await
}

/// `Ok(true)` when carried out; `Ok(false)` when the kernel reports by one of `as_wanted` that the
/// state is the wanted one already.
pub(super) fn unless_so(
    result: Result<(), NetlinkError>,
    as_wanted: &[Errno],
) -> Result<bool, NetlinkError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.errno().is_some_and(|errno| as_wanted.contains(&errno)) => Ok(false),
        Err(error) => Err(error),
    }
}
