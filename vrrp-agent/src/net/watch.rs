//! Keeps a [`HostView`] equal to the kernel's state and publishes each change at once.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::{debug, warn};

use super::netlink::{NetlinkError, dump};
use super::view::HostView;

/// How often the view is read anew, whatever the notifications said.
const RESYNC: Duration = Duration::from_secs(30);
/// Pause before a broken connection is opened again.
const RECONNECT: Duration = Duration::from_millis(100);
/// Room for a burst of notifications. The kernel caps it at net.core.rmem_max; an overrun costs a resync.
const RECEIVE_BUFFER: u32 = 1 << 20;
/// Notifications taken over between two publications, when so many wait.
const BATCH: usize = 256;

/// Notifications and dumps of this network namespace. Run it on a task of its own.
#[derive(Debug)]
pub struct Watcher {
    connection: Connection,
    view: HostView,
    publish: watch::Sender<Arc<HostView>>,
}

/// Why a connection must be given up or the view be read anew.
enum Interrupted {
    /// Notifications were lost, or it was time to look.
    Resync,
    Broken,
    NobodyListens,
}

impl Watcher {
    /// Reads the whole state; the receiver holds it when this returns. Changes are published once [`Watcher::run`] runs.
    pub async fn start() -> Result<(Self, watch::Receiver<Arc<HostView>>), NetlinkError> {
        let connection = Connection::open()?;
        let view = connection.dump().await?;
        let (publish, receiver) = watch::channel(Arc::new(view.clone()));
        Ok((
            Self {
                connection,
                view,
                publish,
            },
            receiver,
        ))
    }

    /// Follows the kernel until the last receiver is dropped. Lost notifications and broken connections are healed by reading
    /// everything anew.
    pub async fn run(mut self) {
        loop {
            match self.follow().await {
                Interrupted::NobodyListens => return,
                Interrupted::Resync => {}
                Interrupted::Broken => {
                    warn!("netlink connection lost, opening another");
                    sleep(RECONNECT).await;
                    match Connection::open() {
                        Ok(connection) => self.connection = connection,
                        Err(error) => warn!(%error, "netlink connection"),
                    }
                }
            }
            // Notifications that wait are older or newer than the answers; applied on top, the last word on each object is
            // the newest either way.
            match self.connection.dump().await {
                Ok(view) => self.replace(view),
                Err(error) => {
                    warn!(%error, "could not read the host's network state");
                    sleep(RECONNECT).await;
                }
            }
        }
    }

    async fn follow(&mut self) -> Interrupted {
        let mut resync = interval_at(Instant::now() + RESYNC, RESYNC);
        resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.connection.notifications.next() => {
                    let Some(message) = message else { return Interrupted::Broken };
                    if self.take(message).is_break() {
                        return Interrupted::Resync;
                    }
                }
                _ = resync.tick() => return Interrupted::Resync,
                () = self.publish.closed() => return Interrupted::NobodyListens,
            }
        }
    }

    /// Takes over a notification and those that wait behind it, then publishes once. Breaks when some were lost.
    fn take(&mut self, first: NetlinkMessage<RouteNetlinkMessage>) -> ControlFlow<()> {
        let (mut changed, mut outcome) = (false, ControlFlow::Continue(()));
        let mut next = Some(first);
        for _ in 0..BATCH {
            match next.map(|message| message.payload) {
                Some(NetlinkPayload::InnerMessage(message)) => changed |= self.view.apply(message),
                Some(NetlinkPayload::Overrun(_)) => {
                    debug!("netlink notifications were lost, reading everything anew");
                    outcome = ControlFlow::Break(());
                    break;
                }
                Some(_) => {}
                None => break,
            }
            next = self
                .connection
                .notifications
                .next()
                .now_or_never()
                .flatten();
        }
        if changed {
            self.publish();
        }
        outcome
    }

    fn replace(&mut self, view: HostView) {
        if self.view != view {
            self.view = view;
            self.publish();
        }
    }

    fn publish(&self) {
        self.publish.send_replace(Arc::new(self.view.clone()));
    }
}

/// One netlink socket that is subscribed before it is asked, so that no change falls between the two.
struct Connection {
    handle: Handle,
    notifications: BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>,
    pump: JoinHandle<()>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    fn open() -> Result<Self, NetlinkError> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Neigh,
        ];
        let (mut connection, handle, messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(NetlinkError::Open)?;
        let socket = connection.socket_mut();
        rtnetlink::sys::AsyncSocket::socket_mut(socket)
            .set_rx_buf_sz(RECEIVE_BUFFER)
            .map_err(NetlinkError::Open)?;
        let pump = tokio::spawn(connection);
        Ok(Self {
            handle,
            notifications: messages.map(|(message, _)| message).boxed(),
            pump,
        })
    }

    async fn dump(&self) -> Result<HostView, NetlinkError> {
        let mut view = HostView::default();
        for link in dump("list links", self.handle.link().get().execute()).await? {
            view.apply(RouteNetlinkMessage::NewLink(link));
        }
        let mut addresses = self.handle.address().get();
        addresses.message_mut().header.family = AddressFamily::Inet;
        for address in dump("list addresses", addresses.execute()).await? {
            view.apply(RouteNetlinkMessage::NewAddress(address));
        }
        let neighbours = self
            .handle
            .neighbours()
            .get()
            .set_address_family(AddressFamily::Inet);
        for neighbour in dump("list neighbours", neighbours.execute()).await? {
            view.apply(RouteNetlinkMessage::NewNeighbour(neighbour));
        }
        Ok(view)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
