//! The table of upstreams.

use super::Table;
use crate::{UpstreamBackendStatus, UpstreamStatus};

pub(super) fn table(upstreams: &[UpstreamStatus]) -> Table {
    let mut table = Table::new(&[
        "UPSTREAM",
        "ADDRESS",
        "FOR",
        "REFUSED",
        "BACKEND",
        "STATE",
        "WEIGHT",
        "IN FLIGHT",
        "CONNECTS",
        "FAILED",
    ]);
    for upstream in upstreams {
        let mut head = [
            upstream.name.clone(),
            upstream.address.to_string(),
            whose(upstream),
            upstream.refused.to_string(),
        ];
        for backend in &upstream.backends {
            table.row(head.into_iter().chain(cells(backend)));
            head = Default::default();
        }
    }
    table
}

fn whose(upstream: &UpstreamStatus) -> String {
    match &upstream.reason {
        Some(reason) => format!("none ({reason})"),
        None => upstream.cgroup.clone(),
    }
}

fn cells(backend: &UpstreamBackendStatus) -> [String; 6] {
    let note = match (backend.suspect, backend.usable) {
        (true, true) => " (suspect)",
        (_, false) => " (unused)",
        (false, true) => "",
    };
    [
        backend.address.to_string(),
        format!("{}{note}", backend.state),
        backend.weight.to_string(),
        backend.in_flight.to_string(),
        backend.connects.to_string(),
        backend.failures.to_string(),
    ]
}
