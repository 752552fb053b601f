//! Upstreams of any kind.

use std::net::SocketAddr;

use super::*;
use vrrp_model::{Balance, Cgroup, Check, CheckKind, Upstream, UpstreamBackend};

pub(super) fn upstream(random: &mut Random, at: usize) -> Upstream {
    let family = pick(random, &[Family::V4, Family::V6]);
    let port = pick(random, &[1, 9000, 65_535]);
    let address = SocketAddr::from((host_of(family, 200, 0, at as u8 + 1), port));
    let own = pick(random, &[None, Some(9000), Some(65_535)]);
    Upstream {
        name: name(random, at),
        address,
        cgroup: pick(
            random,
            &[
                Cgroup::Path("/sys/fs/cgroup/a \"b\"/é".into()),
                Cgroup::Path("/".into()),
                Cgroup::Unit("php@1.service".into()),
            ],
        ),
        balance: pick(random, &[Balance::LeastConnections, Balance::WeightedRandom]),
        backends: (0..1 + random.next(64))
            .map(|host| backend(random, family, host, port))
            .collect(),
        check: Check {
            kind: pick(
                random,
                &[CheckKind::None, CheckKind::FastCgi { port: own }, CheckKind::Tcp { port: own }],
            ),
            address: None,
            interval: some_duration(random),
            timeout: some_duration(random),
            retry_interval: None,
            rise: pick(random, &[1, 3]),
            fall: pick(random, &[1, u32::MAX]),
            also: Vec::new(),
        },
    }
}

fn backend(random: &mut Random, family: Family, host: usize, port: u16) -> UpstreamBackend {
    let port = pick(random, &[port, 9000, 80]);
    let address = SocketAddr::from((host_of(family, 201, 0, host as u8 + 1), port));
    UpstreamBackend { address, weight: pick(random, &[0, 1, 1000]) }
}
