//! `[[service]]` to a draft.

use std::time::Duration;

use toml::Spanned;

use super::super::diag::Reporter;
use super::super::draft::{At, BackendDraft, CheckDraft, GuardDraft, RateDraft, ServiceDraft};
use super::super::source::Span;
use super::schema;
use super::values::{at, number, timed};
use vrrp_model::{CheckType, Fragments, Protocol, Service};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn service(written: schema::Service, reporter: &mut Reporter) -> ServiceDraft {
    let here = written.name.span();
    let protocol = written.protocol;
    ServiceDraft {
        address: at(written.address),
        port: at(written.port),
        protocol,
        persistence: written.persistence,
        fragments: written.fragments.map_or(At::new(Fragments::default(), &here), at),
        drain: timed(written.drain.as_ref(), "drain", Service::DRAIN, &here, reporter),
        quorum: number(written.quorum, 1, &here),
        sorry: written.sorry_server.map(sorry),
        guard: guard(written.guard),
        backends: written
            .backends
            .into_iter()
            .map(|written| backend(written, protocol, reporter))
            .collect(),
        check: check(written.check, protocol, &here, reporter),
        name: at(written.name),
    }
}

fn backend(written: schema::Backend, protocol: Protocol, reporter: &mut Reporter) -> BackendDraft {
    let here = written.address.span();
    BackendDraft {
        check: written.check.map(|written| check(Some(written), protocol, &here, reporter)),
        address: at(written.address),
        port: written.port.map(at),
        weight: number(written.weight, 1, &here),
        forward: written.forward,
    }
}

fn sorry(written: schema::SorryServer) -> BackendDraft {
    let here = written.address.span();
    BackendDraft {
        address: at(written.address),
        port: written.port.map(at),
        weight: At::new(1, &here),
        forward: written.forward,
        check: None,
    }
}

fn guard(written: schema::Guard) -> GuardDraft {
    GuardDraft {
        new_per_source: written.new_per_source.map(rate),
        new_total: written.new_total.map(rate),
        allow: written.allow.into_iter().map(at).collect(),
        deny: written.deny.into_iter().map(at).collect(),
    }
}

fn rate(written: Spanned<schema::Rate>) -> RateDraft {
    let span = written.span();
    let schema::Rate { per_second, burst } = written.into_inner();
    RateDraft { per_second: at(per_second), burst: burst.map(at), span }
}

/// Without a `check` table a TCP service is checked by connecting, a UDP service not at all.
pub(super) fn check(
    written: Option<Spanned<schema::Check>>,
    protocol: Protocol,
    service: &Span,
    reporter: &mut Reporter,
) -> CheckDraft {
    let Some(written) = written else {
        let second = At::new(SECOND, service);
        let once = At::new(1, service);
        return CheckDraft {
            kind: CheckType::default_for(protocol),
            span: service.clone(),
            port: None,
            path: None,
            interval: second.clone(),
            timeout: second,
            rise: once.clone(),
            fall: once,
            real_path: None,
        };
    };
    let span = written.span();
    let written = written.into_inner();
    CheckDraft {
        kind: written.kind,
        port: written.port.map(at),
        path: written.path.map(at),
        interval: timed(written.interval.as_ref(), "interval", SECOND, &span, reporter),
        timeout: timed(written.timeout.as_ref(), "timeout", SECOND, &span, reporter),
        rise: number(written.rise, 1, &span),
        fall: number(written.fall, 1, &span),
        real_path: written.real_path.map(at),
        span,
    }
}
