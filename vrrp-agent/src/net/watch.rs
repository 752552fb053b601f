//! Keeps a [`HostView`] equal to the kernel's state and publishes each change at once.

use crate::clock;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::{Handle, MulticastGroup};
use socket2::{Domain, Socket, Type};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at, sleep};
use tracing::{debug, warn};

use super::host_state;
use super::netlink::{NetlinkError, dump, link};
use super::raw;
use super::route::RouteWatch;
use vrrp_model::host::HostView;

/// How often the whole state is read again, whatever the notifications reported.
const RESYNC: Duration = Duration::from_secs(30);
/// How often the carrier of links with addresses is polled. The kernel delays notifications of a
/// lost carrier by up to 1 s when any link changed shortly before (its link watch is rate limited);
/// a poll sees the loss at once. 20 polls a second cost about 0.3 % of a core, mostly for wakeups.
const POLL: Duration = Duration::from_millis(50);
/// Pause after the state could not be read.
const RETRY: Duration = Duration::from_millis(100);
/// Room for a burst of notifications. The kernel caps it at net.core.rmem_max; an overrun costs a
/// resync.
const RECEIVE_BUFFER: u32 = 1 << 20;
/// The most notifications that are applied between two publications.
const BATCH: usize = 256;

/// Notifications and dumps of this network namespace. It runs in a task of its own.
#[derive(Debug)]
pub struct Watcher {
    connection: Connection,
    view: HostView,
    publish: watch::Sender<Arc<HostView>>,
    routes: RouteWatch,
    destinations: watch::Sender<BTreeSet<IpAddr>>,
    /// Links, addresses or everything changed since the routes were looked up.
    stale: bool,
}

/// Why the state must be read again.
enum Interrupted {
    /// The interval has passed.
    Due,
    /// Notifications were dropped or the connection broke. Notifications that still wait in the
    /// socket are older than the loss and must not be applied.
    Lost,
    NoReceivers,
}

impl Watcher {
    /// Reads the whole state; the receiver holds it when this returns. Changes are published once
    /// [`Watcher::run`] runs.
    pub async fn start() -> Result<(Self, watch::Receiver<Arc<HostView>>), NetlinkError> {
        let connection = Connection::open()?;
        let view = read_all(&connection.handle).await?;
        let (publish, receiver) = watch::channel(Arc::new(view.clone()));
        let (destinations, wanted) = watch::channel(BTreeSet::new());
        let routes = RouteWatch::new(wanted);
        Ok((Self { connection, view, publish, routes, destinations, stale: false }, receiver))
    }

    /// Looks up the routes to these destinations, so that the view has them when this returns, and
    /// follows the destinations that the sender sends.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub async fn follow_routes_to(
        &mut self,
        destinations: BTreeSet<IpAddr>,
    ) -> Result<watch::Sender<BTreeSet<IpAddr>>, NetlinkError> {
        self.destinations.send_replace(destinations);
        if self.routes.refresh(&self.connection.handle, &mut self.view.routes, true).await? {
            self.publish();
        }
        Ok(self.destinations.clone())
    }

    /// Follows the kernel until the last receiver is dropped. After lost notifications or a broken
    /// connection it reads the whole state again.
    pub async fn run(mut self) {
        loop {
            let mut reopen = match self.follow().await {
                Interrupted::NoReceivers => return,
                Interrupted::Due => false,
                Interrupted::Lost => true,
            };
            while let Err(error) = self.read_all_again(reopen).await {
                warn!(%error, "could not read the host's network state");
                sleep(RETRY).await;
                reopen = true;
            }
        }
    }

    async fn follow(&mut self) -> Interrupted {
        let mut resync = interval_at(clock::timer() + RESYNC, RESYNC);
        resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut poll = interval_at(clock::timer() + POLL, POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.connection.notifications.next() => {
                    if self.take(message).is_break() {
                        return Interrupted::Lost;
                    }
                }
                _ = poll.tick() => {
                    if self.poll_carriers().await.is_break()
                        || self.refresh_routes().await.is_break()
                    {
                        return Interrupted::Lost;
                    }
                }
                _ = resync.tick() => return Interrupted::Due,
                () = self.publish.closed() => return Interrupted::NoReceivers,
            }
        }
    }

    /// Applies a notification and those that wait behind it, then publishes once. Breaks when some
    /// were lost.
    fn take(&mut self, first: Option<NetlinkMessage<RouteNetlinkMessage>>) -> ControlFlow<()> {
        let mut changed = false;
        let mut next = Some(first);
        let mut outcome = ControlFlow::Continue(());
        let mut room = BATCH;
        while let Some(message) = next {
            match message.map(|message| message.payload) {
                Some(NetlinkPayload::InnerMessage(message)) => {
                    changed |= host_state::apply(&mut self.view, message)
                }
                Some(NetlinkPayload::Overrun(_)) | None => {
                    debug!("netlink notifications were lost: reading the whole state again");
                    outcome = ControlFlow::Break(());
                    break;
                }
                Some(_) => {}
            }
            room -= 1;
            if room == 0 {
                break;
            }
            next = self.connection.notifications.next().now_or_never();
        }
        if changed {
            self.stale = true;
            self.publish();
        }
        outcome
    }

    /// Polls the carrier of the links that have addresses, and reads the links whose carrier
    /// changed.
    ///
    /// When notifications arrived in between, the read state is discarded: it may be older than
    /// they are, and the next poll comes soon.
    async fn poll_carriers(&mut self) -> ControlFlow<()> {
        let used = self.view.links.values().filter(|link| !link.addresses.is_empty());
        // Without an answer from the driver the notifications decide.
        let news = used.filter(|link| {
            self.connection.carrier(&link.name).is_some_and(|carrier| carrier != link.up)
        });
        let indexes: Vec<u32> = news.map(|link| link.index).collect();
        for index in indexes {
            let answers = match link(&self.connection.handle, index).await {
                Ok(answers) => answers,
                // The link is gone; its notification follows.
                Err(NetlinkError::Refused { .. }) => continue,
                Err(error) => {
                    warn!(%error, "could not read a link");
                    return ControlFlow::Break(());
                }
            };
            if let Some(waiting) = self.connection.notifications.next().now_or_never() {
                return self.take(waiting);
            }
            let mut changed = false;
            for link in answers {
                changed |= host_state::apply(&mut self.view, RouteNetlinkMessage::NewLink(link));
            }
            if changed {
                self.publish();
            }
        }
        ControlFlow::Continue(())
    }

    /// At most a few times a second, however often routes change.
    async fn refresh_routes(&mut self) -> ControlFlow<()> {
        match self.routes.refresh(&self.connection.handle, &mut self.view.routes, self.stale).await
        {
            Ok(changed) => {
                self.stale = false;
                if changed {
                    self.publish();
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                warn!(%error, "could not look up routes");
                ControlFlow::Break(())
            }
        }
    }

    /// Waiting notifications may be older or newer than the dump. They are applied on top of it, so
    /// the last message about each object is the newest in both cases. After a loss this does not
    /// hold: then the connection is opened again.
    async fn read_all_again(&mut self, reopen: bool) -> Result<(), NetlinkError> {
        if reopen {
            self.connection = Connection::open()?;
        }
        let view = read_all(&self.connection.handle).await?;
        self.replace(view);
        Ok(())
    }

    fn replace(&mut self, mut view: HostView) {
        view.routes.clone_from(&self.view.routes);
        self.stale = true;
        if self.view != view {
            self.view = view;
            self.publish();
        }
    }

    fn publish(&self) {
        self.publish.send_replace(Arc::new(self.view.clone()));
    }
}

/// One netlink socket that subscribes before it dumps, so that no change is missed in between.
struct Connection {
    handle: Handle,
    notifications: BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>,
    pump: JoinHandle<()>,
    /// For queries that netlink answers too slowly.
    probe: Socket,
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
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Neigh,
        ];
        let (mut connection, handle, messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(NetlinkError::Open)?;
        let socket = connection.socket_mut();
        rtnetlink::sys::AsyncSocket::socket_mut(socket)
            .set_rx_buf_sz(RECEIVE_BUFFER)
            .map_err(NetlinkError::Open)?;
        let probe =
            Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None).map_err(NetlinkError::Open)?;
        let pump = tokio::spawn(connection);
        Ok(Self {
            handle,
            notifications: messages.map(|(message, _)| message).boxed(),
            pump,
            probe,
        })
    }

    fn carrier(&self, name: &str) -> Option<bool> {
        raw::has_carrier(self.probe.as_fd(), name).ok()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// The whole state, as dumped now.
async fn read_all(handle: &Handle) -> Result<HostView, NetlinkError> {
    let mut view = HostView::default();
    for link in dump("list links", handle.link().get().execute()).await? {
        host_state::apply(&mut view, RouteNetlinkMessage::NewLink(link));
    }
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut addresses = handle.address().get();
        addresses.message_mut().header.family = family;
        for address in dump("list addresses", addresses.execute()).await? {
            host_state::apply(&mut view, RouteNetlinkMessage::NewAddress(address));
        }
        let neighbours = handle.neighbours().get().set_address_family(family);
        for neighbour in dump("list neighbours", neighbours.execute()).await? {
            host_state::apply(&mut view, RouteNetlinkMessage::NewNeighbour(neighbour));
        }
    }
    Ok(view)
}

#[cfg(test)]
mod tests;
