//! The kernel's routes to some destinations, looked up again whenever they may have changed.

use crate::clock;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use rtnetlink::packet_core::NetlinkMessage;
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use vrrp_model::host::{Route, Routes};

use super::netlink::{NetlinkError, dump, unless_so};

/// Some changes send no notification (a routing rule by firewall mark, a learned metric): routes
/// are looked up again this often.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The kernel's route to `address`; `None` when it has none, or when the address is local.
///
/// # Errors
/// The kernel does not answer.
pub(super) async fn look_up(
    handle: &Handle,
    address: IpAddr,
) -> Result<Option<Route>, NetlinkError> {
    let mut question = RouteMessage::default();
    (question.header.address_family, question.header.destination_prefix_length) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    question.attributes.push(RouteAttribute::Destination(address.into()));
    let none =
        [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EACCES, Errno::EINVAL, Errno::ENODEV];
    match dump("look up a route", handle.route().get(question).execute()).await {
        Ok(answers) => Ok(answers.iter().find_map(route)),
        Err(error) => unless_so(Err(error), &none).map(|_| None),
    }
}

fn route(answer: &RouteMessage) -> Option<Route> {
    if answer.header.kind != RouteType::Unicast {
        return None;
    }
    let (mut ifindex, mut gateway, mut mtu) = (None, None, None);
    for attribute in &answer.attributes {
        match attribute {
            RouteAttribute::Oif(index) => ifindex = Some(*index),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => {
                gateway = Some(IpAddr::V4(*address))
            }
            RouteAttribute::Gateway(RouteAddress::Inet6(address)) => {
                gateway = Some(IpAddr::V6(*address))
            }
            RouteAttribute::Via(RouteVia::Inet(address)) => gateway = Some(IpAddr::V4(*address)),
            RouteAttribute::Via(RouteVia::Inet6(address)) => gateway = Some(IpAddr::V6(*address)),
            RouteAttribute::Metrics(metrics) => {
                mtu = metrics.iter().find_map(|metric| {
                    if let RouteMetric::Mtu(mtu) = metric { Some(*mtu) } else { None }
                });
            }
            _ => {}
        }
    }
    Some(Route { ifindex: ifindex?, gateway, mtu: mtu.filter(|mtu| *mtu > 0) })
}

/// Keeps the routes to a changing set of destinations up to date.
#[derive(Debug)]
pub(super) struct RouteWatch {
    wanted: watch::Receiver<BTreeSet<IpAddr>>,
    /// Subscribed only while there are destinations: a host may learn thousands of routes a second
    /// that do not matter here.
    news: Option<News>,
    asked: Instant,
}

impl RouteWatch {
    pub(super) fn new(wanted: watch::Receiver<BTreeSet<IpAddr>>) -> Self {
        Self { wanted, news: None, asked: clock::timer() }
    }

    /// Brings `known` up to date if that may be needed; `stale`: the caller knows that it is.
    /// Returns true if anything changed.
    pub(super) async fn refresh(
        &mut self,
        handle: &Handle,
        known: &mut Routes,
        stale: bool,
    ) -> Result<bool, NetlinkError> {
        let changed = self.wanted.has_changed().unwrap_or(false);
        let wanted = self.wanted.borrow_and_update().clone();
        if wanted.is_empty() {
            self.news = None;
            let had_any = !known.is_empty();
            known.clear();
            return Ok(had_any);
        }
        let moved = match &mut self.news {
            Some(news) => news.any(),
            None => {
                self.news = Some(News::open()?);
                true
            }
        };
        if !(changed || stale || moved || clock::timer().duration_since(self.asked) >= ASK_EVERY) {
            return Ok(false);
        }
        self.asked = clock::timer();
        let mut fresh = Routes::new();
        for address in wanted {
            fresh.insert(address, look_up(handle, address).await?);
        }
        let differs = *known != fresh;
        *known = fresh;
        Ok(differs)
    }
}

/// Reports that routes or rules changed, without details.
struct News {
    messages: BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>,
    pump: JoinHandle<()>,
}

impl News {
    fn open() -> Result<Self, NetlinkError> {
        let groups = [
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
            MulticastGroup::Ipv4Rule,
            MulticastGroup::Ipv6Rule,
        ];
        let (connection, _, messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(NetlinkError::Open)?;
        Ok(Self {
            messages: messages.map(|(message, _)| message).boxed(),
            pump: tokio::spawn(connection),
        })
    }

    /// Whether any notification arrived since the last call. A lost one counts, and so does a
    /// broken connection: the periodic lookup covers for it.
    fn any(&mut self) -> bool {
        let mut any = false;
        while let Some(Some(_)) = self.messages.next().now_or_never() {
            any = true;
        }
        any
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

#[cfg(test)]
mod tests;
