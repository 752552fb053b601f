use super::*;
use vrrp_model::{Cgroup, Check, CheckKind};

fn upstream(weights: &[u16]) -> Upstream {
    let backend = |(host, &weight): (u8, &u16)| UpstreamBackend {
        address: ([192, 0, 2, host], 9000).into(),
        weight,
    };
    Upstream {
        name: "php".into(),
        address: ([192, 0, 2, 100], 9000).into(),
        cgroup: Cgroup::Unit("nginx.service".into()),
        balance: Balance::LeastConnections,
        backends: (1..).zip(weights).map(backend).collect(),
        check: Check::new(CheckKind::FastCgi { port: None }),
    }
}

fn members(wanted: &Upstreams) -> Option<Vec<(String, u32)>> {
    let pool = wanted.pools.values().next().expect("an upstream").as_ref()?;
    Some(
        pool.members
            .iter()
            .map(|(backend, weight)| (backend.address.ip().to_string(), *weight))
            .collect(),
    )
}

#[test]
fn healthy_backends_with_a_weight_take_connections() {
    let health = [vec![Some(true), Some(false), Some(true), Some(true)]];
    let wanted = upstreams(&[upstream(&[1, 1, 0, 5])], &health);
    assert_eq!(members(&wanted), Some(vec![("192.0.2.1".into(), 1), ("192.0.2.4".into(), 5)]));
    assert_eq!(wanted.backends.len(), 4);
}

#[test]
fn an_upstream_has_no_pool_before_every_check_has_a_result() {
    assert_eq!(members(&upstreams(&[upstream(&[1, 1])], &[vec![Some(true), None]])), None);
}

#[test]
fn an_upstream_without_a_usable_backend_is_an_empty_pool() {
    assert_eq!(
        members(&upstreams(&[upstream(&[1, 0])], &[vec![Some(false), Some(true)]])),
        Some(vec![])
    );
}
