//! The thread's advert sockets: one for each interface, family and group, and one for unicast.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use crate::net::advert_socket::{AdvertSocket, Datagram};
use vrrp_model::host::Interface;
use vrrp_model::{Delivery, Family, Router};

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketKey {
    pub ifindex: u32,
    pub family: Family,
    /// `None`: unicast.
    pub group: Option<IpAddr>,
}

impl SocketKey {
    /// The socket that a router on the interface needs.
    pub fn of(ifindex: u32, router: &Router) -> Self {
        let group = match router.delivery {
            Delivery::Multicast(group) => Some(group),
            Delivery::Unicast => None,
        };
        Self { ifindex, family: router.family(), group }
    }
}

#[derive(Default)]
pub struct Sockets(HashMap<SocketKey, AdvertSocket>);

impl Sockets {
    pub fn get(&self, key: &SocketKey) -> Option<&AdvertSocket> {
        self.0.get(key)
    }

    pub fn keys(&self) -> Vec<SocketKey> {
        self.0.keys().copied().collect()
    }

    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.values().map(AsFd::as_fd)
    }

    pub fn open(&mut self, interface: &Interface, key: SocketKey) {
        if self.0.contains_key(&key) {
            return;
        }
        match AdvertSocket::open(interface, key.family, key.group) {
            Ok(socket) => {
                self.0.insert(key, socket);
            }
            Err(error) => tracing::error!(%interface, %error, "no adverts on this interface"),
        }
    }

    pub fn retain(&mut self, wanted: impl Fn(&SocketKey) -> bool) {
        self.0.retain(|key, _| wanted(key));
    }

    /// The next packet of a socket, in `buffer`; `None` when nothing waits.
    pub fn recv(&self, key: &SocketKey, buffer: &mut [u8]) -> Option<Datagram> {
        self.0
            .get(key)?
            .recv(buffer)
            .inspect_err(|error| tracing::debug!(%error, "advert socket"))
            .ok()
            .flatten()
    }

    /// Whether a packet to `destination` is this socket's to deliver: unicast reaches every socket
    /// of the interface, and counts where a router listens for it, else where routers listen to the
    /// group.
    pub fn is_for(&self, key: &SocketKey, destination: IpAddr) -> bool {
        match key.group {
            None => !destination.is_multicast(),
            Some(_) if destination.is_multicast() => true,
            Some(_) => !self.0.contains_key(&SocketKey { group: None, ..*key }),
        }
    }
}
