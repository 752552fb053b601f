//! The paths of clients' packets that this node can probe, and what is believed of the results.

use std::collections::BTreeMap;

use super::Facts;
use super::reachability::{Reachability, ServiceReachability, Unusable, is_active, own_source};
use crate::vip_probe::{Outer, Path, Paths};
use vrrp_model::host::Link;
use vrrp_model::{Backend, CheckKind, Forward, Service};

/// What to probe: backends with a good check and a known next hop, of services that this node is
/// master for. A standby node does not probe: a backend that is the other node takes packets for
/// the virtual address from the master alone.
///
/// `reachabilities` are those of the same facts, by service.
pub fn paths(facts: &Facts, reachabilities: &BTreeMap<usize, ServiceReachability>) -> Paths {
    let mut paths = Paths::new();
    for (&index, reachability) in reachabilities {
        let Some(service) = facts.config.services.get(index) else {
            continue;
        };
        if !service.real_path || !is_active(facts, reachability.router) {
            continue;
        }
        let checked = |position: usize| service.check_of(position).kind != CheckKind::None;
        let router = reachability.router.and_then(|router| facts.config.routers.get(router));
        let front = router.and_then(|router| facts.host.link_by_name(&router.interface));
        let backends = service.backends.iter().zip(&reachability.backends).enumerate();
        for (position, (backend, reach)) in backends.filter(|(position, _)| checked(*position)) {
            if let Some(path) = path(facts, service, front, backend, reach) {
                paths.insert((index, position), path);
            }
        }
    }
    paths
}

/// As the kernel program sends, so are the frames of a probe.
fn path(
    facts: &Facts,
    service: &Service,
    front: Option<&Link>,
    backend: &Backend,
    reach: &Reachability,
) -> Option<Path> {
    let ready = reach
        .unusable
        .is_none_or(|it| matches!(it, Unusable::Path | Unusable::Drained | Unusable::Ordered));
    let link = facts.host.links.get(&reach.ifindex).filter(|_| ready)?;
    let outer = match (reach.forward, reach.source) {
        (Forward::Dr, _) => None,
        (Forward::Ipip, Some(source)) => Some(Outer {
            source: source.address.into(),
            entropy: source.entropy,
            destination: backend.address.into(),
        }),
        // This node's own stack, or the backend's own address: the check has the same path.
        _ => return None,
    };
    // A tunnel may lead over an interface without an address of the service's family.
    let own = [Some(link), front]
        .into_iter()
        .flatten()
        .find_map(|link| own_source(facts, link, service.address))?;
    Some(Path {
        ifindex: link.index,
        source_mac: link.mac,
        mac: reach.mac?,
        outer,
        service: service.address.into(),
        port: service.port,
        own: own.into(),
    })
}
