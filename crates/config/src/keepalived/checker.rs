//! `TCP_CHECK` and `HTTP_GET`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::super::source::Span;
use super::keywords::{CHECK, URL};
use super::tree::Node;
use super::values;
use vrrp_model::CheckType;

const INTERVALS: RangeInclusive<Duration> = Duration::from_micros(1)..=Duration::MAX;
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_micros(1)..=values::MOST_SECONDS;

/// When a check runs; each level of the file takes the level above as its default.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Timing {
    pub interval: At<Duration>,
    pub timeout: At<Duration>,
    /// Failures that are forgiven.
    pub retry: At<i64>,
}

/// How the backends of a service are checked.
pub(super) struct Checked {
    pub kind: CheckType,
    pub span: Span,
    pub port: Option<At<i64>>,
    pub path: Option<At<String>>,
    pub timing: Timing,
}

impl Checked {
    /// Whether both mean the same, wherever they are written.
    pub(super) fn same(&self, other: &Self) -> bool {
        let port = |checked: &Self| checked.port.as_ref().map(|port| port.value);
        let path = |checked: &Self| checked.path.as_ref().map(|path| path.value.clone());
        let times = |checked: &Self| {
            let timing = &checked.timing;
            (timing.interval.value, timing.timeout.value, timing.retry.value)
        };
        self.kind == other.kind
            && port(self) == port(other)
            && path(self) == path(other)
            && times(self) == times(other)
    }
}

/// `delay_loop`, `connect_timeout`, `retry`; anything else is not for here.
///
/// `retries`: how many keepalived reads in this block.
pub(super) fn timing(
    node: &Node,
    timing: &mut Timing,
    retries: RangeInclusive<i64>,
    reporter: &mut Reporter,
) {
    match node.keyword() {
        "delay_loop" => {
            if let Some(value) = values::seconds(node, INTERVALS, reporter) {
                timing.interval = value;
            }
        }
        "connect_timeout" => {
            if let Some(value) = values::seconds(node, TIMEOUTS, reporter) {
                timing.timeout = value;
            }
        }
        "retry" | "nb_get_retry" => {
            if let Some(value) = values::number(node, retries, reporter) {
                timing.retry = value;
            }
        }
        _ => {}
    }
}

/// Reads the block of a check that is built.
pub(super) fn read(
    node: &Node,
    defaults: Timing,
    mail: &mut Vec<Span>,
    reporter: &mut Reporter,
) -> Checked {
    let kind = if node.keyword() == "HTTP_GET" { CheckType::Http } else { CheckType::Tcp };
    let mut checked =
        Checked { kind, span: node.span().clone(), port: None, path: None, timing: defaults };
    let mut url = None;
    for statement in values::statements(node, &CHECK, &["url"], mail, reporter) {
        match statement.keyword() {
            "connect_port" => checked.port = values::number(statement, 1..=65_535, reporter),
            "url" if kind == CheckType::Http && url.is_none() => url = Some(statement),
            "url" => {
                let message = "only the first `url` of an HTTP_GET is checked: this one";
                reporter.ignored(Diagnostic::at(statement.span(), message));
            }
            // Of HTTP_GET alone.
            "nb_get_retry" if kind == CheckType::Tcp => {
                let message = "unknown keyword `nb_get_retry` in TCP_CHECK";
                reporter.ignored(Diagnostic::at(statement.span(), message).help("retry"));
            }
            _ => timing(statement, &mut checked.timing, values::ANY, reporter),
        }
    }
    if let Some(url) = url {
        for statement in values::statements(url, &URL, &[], mail, reporter) {
            checked.path = values::text(statement, reporter);
        }
    }
    checked
}
