//! The checks of a `real_server`.

mod http;
mod misc;
mod other;
mod regex;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, CheckDraft, SniDraft};
use super::super::source::Span;
use super::global::Globals;
use super::keywords::HTTP_CHECK;
use super::tree::Node;
use super::values;
use vrrp_model::CheckType;

const INTERVALS: RangeInclusive<Duration> = Duration::from_micros(1)..=Duration::MAX;
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_micros(1)..=values::MOST_SECONDS;
/// keepalived's defaults.
const CHECK_EACH: Duration = Duration::from_secs(60);
const CHECK_AT_MOST: Duration = Duration::from_secs(5);
const RETRIES: i64 = 1;
const DNS_RETRIES: i64 = 3;
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_HTTP_AFTER: Duration = Duration::from_secs(3);
/// What keepalived reads of the time before a retry.
const RETRY_DELAYS: RangeInclusive<Duration> = Duration::ZERO..=values::MOST_SECONDS;

/// The keywords of the checks that are built.
pub(super) const BUILT: [&str; 8] = [
    "TCP_CHECK",
    "HTTP_GET",
    "SSL_GET",
    "MISC_CHECK",
    "SMTP_CHECK",
    "DNS_CHECK",
    "UDP_CHECK",
    "PING_CHECK",
];

/// Those of keepalived's checks that are not.
pub(super) const NOT_BUILT: [&str; 2] = ["BFD_CHECK", "FILE_CHECK"];

/// What a check takes over from the levels of the file above it.
#[derive(Clone)]
pub(super) struct Inherited {
    interval: At<Duration>,
    timeout: At<Duration>,
    /// Failures that are forgiven.
    retry: Option<At<i64>>,
    /// From a failure to the next attempt.
    retry_delay: Option<At<Duration>>,
    /// The account of scripts.
    user: Option<At<String>>,
    user_group: Option<At<String>>,
    /// The host that HTTP asks for.
    host: Option<At<String>>,
}

impl Inherited {
    /// Of a virtual_server at `here` in which nothing of it is written.
    pub(super) fn new(here: &Span, globals: &Globals) -> Self {
        Self {
            interval: At::new(CHECK_EACH, here),
            timeout: At::new(CHECK_AT_MOST, here),
            retry: None,
            retry_delay: None,
            user: globals.script_account.user.clone(),
            user_group: globals.script_account.group.clone(),
            host: None,
        }
    }

    /// Reads a statement that is for checks; anything else is not for here.
    ///
    /// `retries`: how many keepalived reads in this block.
    pub(super) fn read(
        &mut self,
        node: &Node,
        retries: RangeInclusive<i64>,
        reporter: &mut Reporter,
    ) {
        match node.keyword() {
            "delay_loop" => {
                if let Some(value) = values::seconds(node, INTERVALS, reporter) {
                    self.interval = value;
                }
            }
            "connect_timeout" => {
                if let Some(value) = values::seconds(node, TIMEOUTS, reporter) {
                    self.timeout = value;
                }
            }
            "retry" | "nb_get_retry" => {
                self.retry = values::number(node, retries, reporter).or(self.retry.take());
            }
            "delay_before_retry" => {
                self.retry_delay =
                    values::seconds(node, RETRY_DELAYS, reporter).or(self.retry_delay.take());
            }
            "virtualhost" => self.host = values::text(node, reporter).or(self.host.take()),
            _ => {}
        }
    }

    /// A check of the kind, when it runs.
    fn draft(&self, kind: CheckType, span: &Span) -> CheckDraft {
        let (retries, retry_after) = match kind {
            CheckType::Http | CheckType::Https => (RETRIES, RETRY_HTTP_AFTER),
            CheckType::Script => (0, RETRY_AFTER),
            CheckType::Dns => (DNS_RETRIES, self.interval.value),
            _ => (RETRIES, RETRY_AFTER),
        };
        let fall = match &self.retry {
            Some(retry) => At::new(retry.value.saturating_add(1), &retry.span),
            None => At::new(retries + 1, span),
        };
        let retry_after = self.retry_delay.clone().unwrap_or_else(|| At::new(retry_after, span));
        CheckDraft {
            interval: Some(self.interval.clone().into()),
            timeout: Some(self.timeout.clone().into()),
            // Without a retry there is no time before it.
            retry_interval: (fall.value > 1).then(|| retry_after.into()),
            fall: Some(fall),
            ..CheckDraft::new(kind)
        }
    }
}

/// Reads the block of a check that is built; `None` where it checks nothing, with a diagnostic.
pub(super) fn read(
    node: &Node,
    mut inherited: Inherited,
    reporter: &mut Reporter,
) -> Option<At<CheckDraft>> {
    let kind = match node.keyword() {
        "MISC_CHECK" => return misc::read(node, inherited, reporter),
        "HTTP_GET" => CheckType::Http,
        "SSL_GET" => CheckType::Https,
        _ => return Some(other::read(node, inherited, reporter)),
    };
    let (mut port, mut address, mut version, mut sni) = (None, None, None, None);
    let mut urls = Vec::new();
    for statement in values::statements(node, &HTTP_CHECK, &["url"], reporter) {
        match statement.keyword() {
            "connect_port" => port = values::number(statement, 1..=65_535, reporter),
            "connect_ip" => address = values::text(statement, reporter),
            "http_protocol" => version = http::version(statement, reporter),
            "enable_sni" | "sni_name" => sni = http::sni(statement, kind, reporter).or(sni),
            "url" => urls.push(statement),
            _ => inherited.read(statement, values::ANY, reporter),
        }
    }
    let mut draft = CheckDraft { port, address, version, ..inherited.draft(kind, node.span()) };
    let host = inherited.host.as_ref();
    let requests: Vec<_> =
        urls.into_iter().filter_map(|url| http::request(url, host, reporter)).collect();
    if requests.is_empty() {
        let message = "a check without a `url` that has a `path` checks nothing: this one";
        reporter.ignored(Diagnostic::at(node.span(), message));
        return None;
    }
    draft.requests = Some(At::new(requests, node.span()));
    // keepalived indicates no name unless it is told to.
    let off = || At::new(SniDraft::Switch(false), node.span());
    draft.sni = (kind == CheckType::Https).then(|| sni.unwrap_or_else(off));
    Some(At::new(draft, node.span()))
}

/// A backend whose check is not built is named: it would be thought to be checked.
pub(super) fn not_built(
    node: &Node,
    server: &At<String>,
    is_checked: bool,
    reporter: &mut Reporter,
) {
    let instead = match is_checked {
        true => "is checked by its other checks alone",
        false => "is not checked, and counts as up",
    };
    let message = format!(
        "`{}` is not supported: real_server {} {instead}: this check",
        node.keyword(),
        server.value
    );
    reporter.ignored(Diagnostic::at(node.span(), message));
}

/// No check: keepalived takes such a real server for up.
pub(super) fn none(here: &Span) -> At<CheckDraft> {
    At::new(CheckDraft::new(CheckType::None), here)
}
