//! `[[service]]` to a draft.

use std::time::Duration;

use toml::Spanned;

use super::super::diag::Reporter;
use super::super::draft::{At, BackendDraft, CheckDraft, CheckKindDraft, ServiceDraft};
use super::super::source::Span;
use super::schema;
use super::values::{at, number, timed};
use crate::model::{Forward, Protocol};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn service(written: schema::Service, reporter: &mut Reporter) -> ServiceDraft {
    let here = written.name.span();
    let protocol = match written.protocol {
        schema::Protocol::Tcp => Protocol::Tcp,
        schema::Protocol::Udp => Protocol::Udp,
    };
    ServiceDraft {
        address: at(written.address),
        port: at(written.port),
        protocol,
        backends: written.backends.into_iter().map(backend).collect(),
        check: check(written.check, protocol, &here, reporter),
        name: at(written.name),
    }
}

fn backend(written: schema::Backend) -> BackendDraft {
    let here = written.address.span();
    BackendDraft {
        address: at(written.address),
        weight: number(written.weight, 1, &here),
        forward: match written.forward {
            schema::Forward::Auto => Forward::Auto,
            schema::Forward::Local => Forward::Local,
            schema::Forward::Dr => Forward::Dr,
        },
    }
}

/// Without a `check` table a TCP service is checked by connecting, a UDP service not at all.
pub(super) fn check(
    written: Option<Spanned<schema::Check>>,
    protocol: Protocol,
    service: &Span,
    reporter: &mut Reporter,
) -> CheckDraft {
    let Some(written) = written else {
        let kind = if protocol == Protocol::Tcp { CheckKindDraft::Tcp } else { CheckKindDraft::None };
        let second = At::new(SECOND, service);
        let once = At::new(1, service);
        return CheckDraft {
            kind,
            span: service.clone(),
            port: None,
            path: None,
            interval: second.clone(),
            timeout: second,
            rise: once.clone(),
            fall: once,
        };
    };
    let span = written.span();
    let written = written.into_inner();
    CheckDraft {
        kind: match written.kind {
            schema::CheckKind::None => CheckKindDraft::None,
            schema::CheckKind::Tcp => CheckKindDraft::Tcp,
            schema::CheckKind::Http => CheckKindDraft::Http,
            schema::CheckKind::Fastcgi => CheckKindDraft::FastCgi,
        },
        port: written.port.map(at),
        path: written.path.map(at),
        interval: timed(written.interval.as_ref(), "interval", SECOND, &span, reporter),
        timeout: timed(written.timeout.as_ref(), "timeout", SECOND, &span, reporter),
        rise: number(written.rise, 1, &span),
        fall: number(written.fall, 1, &span),
        span,
    }
}
