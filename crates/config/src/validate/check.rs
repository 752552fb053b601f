//! Health checks of backends.

mod http;
mod keys;
mod other;

use std::net::IpAddr;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, CheckDraft, ChecksDraft};
use super::{command, values};
use vrrp_model::{
    Check, CheckKind, CheckType, Command, HttpCheck, HttpVersion, Protocol, ScriptCheck,
};

/// What a mistake in a check does when lenient: keepalived takes a backend without a check for up.
const UNCHECKED: &str = "this check is left out, and the backend counts as up";
/// Likewise where there are others.
const LEFT_OUT: &str = "this check is left out";

/// What of the file as a whole counts for a check.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub protocol: Protocol,
    /// Whether root refuses scripts that other users could replace.
    pub secure: bool,
}

/// Without a check TCP is checked by connecting, UDP not at all.
pub(super) fn validate(
    written: Option<&ChecksDraft>,
    context: Context,
    reporter: &mut Reporter,
) -> Check {
    let Some(written) = written else {
        return Check::new(match context.protocol.default_check() {
            CheckType::Tcp => CheckKind::Tcp { port: None },
            _ => CheckKind::None,
        });
    };
    let several = written.len() > 1;
    let fate = if several { LEFT_OUT } else { UNCHECKED };
    let mut made = Vec::new();
    for (at, draft) in written.iter().enumerate() {
        let read = |reporter: &mut Reporter| {
            if let Some(At { span, .. }) = draft.value.real_path.as_ref().filter(|_| at > 0) {
                let message = "the first check has `real_path`, which is switched for all of them";
                reporter.error(Diagnostic::at(span, message));
            }
            if several && draft.value.kind == CheckType::None {
                let message = "a check of type \"none\" stands alone";
                reporter.error(Diagnostic::at(&draft.span, message));
            }
            one(draft, context, reporter)
        };
        made.extend(reporter.part(fate, read));
    }
    let mut made = made.into_iter();
    let first = made.next().unwrap_or_else(none);
    Check { also: made.collect(), ..first }
}

fn one(written: &At<CheckDraft>, context: Context, reporter: &mut Reporter) -> Check {
    let At { value: draft, span } = written;
    let port =
        draft.port.as_ref().map(|port| values::number(port, "port", 1..=65_535_u16, reporter));
    let kind = match draft.kind {
        CheckType::None => CheckKind::None,
        CheckType::Tcp => CheckKind::Tcp { port },
        CheckType::Http | CheckType::Https => CheckKind::Http(HttpCheck {
            port,
            tls: (draft.kind == CheckType::Https).then(|| http::sni(draft, reporter)),
            version: draft.version.as_ref().map_or(HttpVersion::default(), |version| version.value),
            requests: http::requests(draft, reporter),
        }),
        CheckType::FastCgi => CheckKind::FastCgi { port },
        CheckType::Smtp => CheckKind::Smtp { port, helo: other::helo(draft, reporter) },
        CheckType::Dns => CheckKind::Dns(other::dns(draft, port, reporter)),
        CheckType::Udp => CheckKind::Udp(other::udp(draft, port, reporter)),
        CheckType::Ping => CheckKind::Ping,
        CheckType::Script => CheckKind::Script(script(written, context, reporter)),
    };
    if context.protocol == Protocol::Udp && kind.has_port() && port.is_none() {
        let message = "a UDP service has no port that this check could connect to";
        reporter.error(
            Diagnostic::at(span, message).help("give the check a `port`, or use `type = \"none\"`"),
        );
    }
    keys::check(draft, reporter);
    let second = Check::SECOND;
    let retry = draft.retry_interval.as_ref();
    Check {
        kind,
        address: address(draft, reporter),
        interval: values::duration(draft.interval.as_ref(), "interval", second, reporter),
        timeout: values::duration(draft.timeout.as_ref(), "timeout", second, reporter),
        retry_interval: retry
            .map(|_| values::duration_or_zero(retry, "retry_interval", second, reporter)),
        rise: values::number_or(draft.rise.as_ref(), 1, "rise", 1..=u32::MAX, reporter),
        fall: values::number_or(draft.fall.as_ref(), 1, "fall", 1..=u32::MAX, reporter),
        also: Vec::new(),
    }
}

fn script(written: &At<CheckDraft>, context: Context, reporter: &mut Reporter) -> ScriptCheck {
    let At { value: draft, span } = written;
    if draft.command.is_none() {
        reporter.error(Diagnostic::at(span, "a check of type \"script\" needs a `command`"));
    }
    let command = draft.command.as_ref().map(|words| {
        let command = command::Draft {
            what: "this check".to_owned(),
            words,
            user: draft.user.as_ref(),
            group: draft.user_group.as_ref(),
            secure: context.secure,
        };
        command::validate(&command, reporter)
    });
    ScriptCheck {
        // The file has an error where there is none.
        command: command.unwrap_or_else(|| Command::new([""; 0])),
        dynamic: draft.dynamic.as_ref().is_some_and(|written| written.value),
    }
}

fn address(draft: &CheckDraft, reporter: &mut Reporter) -> Option<IpAddr> {
    let written = draft.address.as_ref()?;
    if matches!(draft.kind, CheckType::None | CheckType::Script) {
        let message = "a check of this type connects to no address";
        reporter.error(Diagnostic::at(&written.span, message));
    }
    values::unicast_or_loopback(written, "address", reporter)
}

/// A backend without a check counts as up.
pub(super) fn none() -> Check {
    Check::new(CheckKind::None)
}

/// Whether backends are asked on the real path as well: where that is possible, unless it is
/// switched off.
pub(super) fn real_path(
    draft: Option<&ChecksDraft>,
    protocol: Protocol,
    reporter: &mut Reporter,
) -> bool {
    let first = draft.and_then(|all| all.first());
    let kind = first.map_or(protocol.default_check(), |draft| draft.value.kind);
    let possible = protocol == Protocol::Tcp && kind != CheckType::None;
    let written = first.and_then(|draft| draft.value.real_path.as_ref());
    if let Some(At { value: true, span }) = written
        && !possible
    {
        let message = match protocol {
            Protocol::Udp => "UDP has no connections that could be asked for on the real path",
            Protocol::Tcp => "backends that are not checked are not asked on the real path either",
        };
        reporter.error(Diagnostic::at(span, message).help("leave `real_path` out"));
    }
    possible && written.is_none_or(|written| written.value)
}

/// The check of a single backend: whether the real path is asked is a matter of the whole service.
pub(super) fn of_one_backend(draft: &ChecksDraft, reporter: &mut Reporter) {
    for written in draft.iter().filter_map(|draft| draft.value.real_path.as_ref()) {
        let message = "the check of a single backend has no `real_path`: it is switched for the whole service";
        reporter.error(
            Diagnostic::at(&written.span, message).help("write it in the check of the service"),
        );
    }
}

/// Upstreams have none.
pub(super) fn no_real_path(draft: Option<&ChecksDraft>, reporter: &mut Reporter) {
    for written in draft.into_iter().flatten().filter_map(|draft| draft.value.real_path.as_ref()) {
        let message = "a check of an upstream has no `real_path`: its connections go to the backends' own addresses";
        reporter.error(Diagnostic::at(&written.span, message).help("leave it out"));
    }
}
