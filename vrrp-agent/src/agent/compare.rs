//! Comparing rings with the other nodes: the socket follows the configuration, the status what was
//! heard.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::observed::Observed;
use crate::effects::RingFacts;
use crate::elector::View;
use crate::ring_agreement::{self, Agreement, Own, PORT, Ring};
use vrrp_model::{Hmac, Router, RouterIdx, Service};

/// The comparison, while there is something to compare.
#[derive(Default)]
pub struct Compare {
    agreement: Option<Agreement>,
    /// The port could not be opened; logged once.
    refused: bool,
}

impl Compare {
    /// Publishes this node's rings and peers to the task, and copies the newest results.
    pub fn follow(&mut self, view: &View, observed: &mut Observed) {
        let config = &observed.running.config;
        if !config.compare_rings || config.services.is_empty() {
            *self = Self::default();
            observed.agreement = ring_agreement::Heard::default();
            return;
        }
        if self.agreement.is_none() {
            match ring_agreement::start(PORT) {
                Ok(started) => (self.agreement, self.refused) = (Some(started), false),
                Err(error) if !self.refused => {
                    tracing::warn!(%error, port = PORT, "rings are not compared with those of other nodes");
                    self.refused = true;
                }
                Err(_) => {}
            }
        }
        if let Some(agreement) = &self.agreement {
            agreement.set_own(own(view, observed));
            observed.agreement = agreement.heard();
        }
    }
}

fn own(view: &View, observed: &Observed) -> Own {
    let routers = || observed.running.routers().map(|(_, router)| router);
    let mut peers: Vec<IpAddr> =
        routers().flat_map(|router| &router.peers).map(|peer| peer.address).collect();
    peers.sort_unstable();
    peers.dedup();
    let mut keys: Vec<Hmac> = Vec::new();
    for hmac in routers().filter_map(|router| router.hmac.as_ref()) {
        if !keys.contains(hmac) {
            keys.push(hmac.clone());
        }
    }
    Own { rings: rings(observed), masters: masters(view, observed), peers, keys }
}

fn rings(observed: &Observed) -> Vec<Ring> {
    let of = |(service, ring): (&Service, &Option<RingFacts>)| {
        let digest = ring.as_ref()?.digest;
        Some(Ring {
            address: service.address,
            port: service.port,
            protocol: service.protocol.number(),
            digest,
        })
    };
    observed.running.config.services.iter().zip(&observed.plane.rings).filter_map(of).collect()
}

/// The masters that are heard; a link-local one on the interface of its router.
fn masters(view: &View, observed: &Observed) -> Vec<SocketAddr> {
    let of = |(idx, router): (RouterIdx, &Router)| {
        let source = view.routers.get(&idx)?.heard?.source;
        Some(match source {
            IpAddr::V4(_) => SocketAddr::new(source, PORT),
            IpAddr::V6(source) => {
                let scope =
                    observed.host.link_by_name(&router.interface).map_or(0, |link| link.index);
                SocketAddrV6::new(source, PORT, 0, scope).into()
            }
        })
    };
    let mut masters: Vec<SocketAddr> = observed.running.routers().filter_map(of).collect();
    masters.sort_unstable();
    masters.dedup();
    masters
}
