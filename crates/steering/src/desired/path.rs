//! The paths of clients' packets that this node can probe, and what is believed of the results.

use super::reachability::{Reachability, Unusable, is_active, own_source, reachability};
use super::{Facts, router_of};
use crate::vip_probe::{Outer, Path, Paths};
use vrrp_model::{Backend, CheckKind, Forward, Service};

/// What to probe: backends of services that this node acts for, whose check is good and whose way
/// is known. Who does not act has no opinion: a backend that is the other node takes packets for
/// the virtual address from the master alone.
pub fn paths(facts: &Facts) -> Paths {
    let mut paths = Paths::new();
    for (index, service) in facts.config.services.iter().enumerate() {
        if !service.real_path || !is_active(facts, service) {
            continue;
        }
        let checked = |position: usize| service.check_of(position).kind != CheckKind::None;
        for (position, backend) in
            service.backends.iter().enumerate().filter(|(position, _)| checked(*position))
        {
            if let Some(path) = reachability(facts, index, position)
                .and_then(|reach| path(facts, service, backend, &reach))
            {
                paths.insert((index, position), path);
            }
        }
    }
    paths
}

/// As the kernel program sends, so are the frames of a probe.
fn path(facts: &Facts, service: &Service, backend: &Backend, reach: &Reachability) -> Option<Path> {
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
    let front = router_of(facts.config, service)
        .and_then(|(_, router)| facts.host.link_by_name(&router.interface));
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
