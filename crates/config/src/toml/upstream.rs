//! `[[upstream]]` to a draft.

use super::super::diag::Reporter;
use super::super::draft::{CgroupDraft, UpstreamBackendDraft, UpstreamDraft};
use super::schema;
use super::service::check;
use super::values::{at, number};
use vrrp_model::Protocol;

pub(super) fn upstream(written: schema::Upstream, reporter: &mut Reporter) -> UpstreamDraft {
    let here = written.name.span();
    UpstreamDraft {
        address: at(written.address),
        port: at(written.port),
        cgroup: CgroupDraft { path: written.cgroup.map(at), unit: written.unit.map(at) },
        balance: written.balance,
        backends: written.backends.into_iter().map(backend).collect(),
        check: check(written.check, Protocol::Tcp, &here, reporter),
        name: at(written.name),
    }
}

fn backend(written: schema::UpstreamBackend) -> UpstreamBackendDraft {
    let here = written.address.span();
    UpstreamBackendDraft {
        address: at(written.address),
        port: written.port.map(at),
        weight: number(written.weight, 1, &here),
    }
}
