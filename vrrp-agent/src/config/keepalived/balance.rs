//! `virtual_server` and `virtual_server_group`: LVS services to ours.

use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, BackendDraft, CheckDraft, CheckKindDraft, ServiceDraft};
use super::super::source::Span;
use super::checker::{self, Checked, Timing};
use super::group::{self, Group};
use super::keywords::{REAL_SERVER, VIRTUAL_SERVER};
use super::tree::Node;
use super::values;
use crate::model::{Forward, Protocol};

/// keepalived's default.
const CHECK_EACH: Duration = Duration::from_secs(60);
const CHECK_AT_MOST: Duration = Duration::from_secs(5);

/// How packets are to reach a backend.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Dr,
    /// One that is not built.
    Other(&'static str),
}

/// What a virtual_server says, before its addresses are known.
struct Server {
    method: Method,
    method_span: Span,
    protocol: Option<Protocol>,
    timing: Timing,
    weight: At<i64>,
    backends: Vec<(BackendDraft, At<i64>)>,
    check: Option<Checked>,
}

/// Reads one virtual_server: a service for each of its addresses.
pub(super) fn read(node: &Node, groups: &[Group], mail: &mut Vec<Span>, reporter: &mut Reporter) -> Vec<ServiceDraft> {
    let addresses = group::addresses(node, groups, reporter);
    let Some(server) = Server::read(node, mail, reporter) else { return Vec::new() };
    if let Method::Other(name) = server.method {
        let message = format!("forwarding by {name} is not built yet: this virtual_server");
        let help = "use `lvs_method DR`: the backends hold the address on a loopback and answer the client directly";
        reporter.ignored(Diagnostic::at(&server.method_span, message).help(help));
        return Vec::new();
    }
    if server.backends.is_empty() {
        reporter.ignored(Diagnostic::at(node.span(), "this virtual_server has no real_server"));
        return Vec::new();
    }
    addresses.into_iter().map(|(address, port)| server.service(address, port, node.span(), reporter)).collect()
}

impl Server {
    /// `None` when it is for a protocol that is not built.
    fn read(node: &Node, mail: &mut Vec<Span>, reporter: &mut Reporter) -> Option<Self> {
        let here = node.span();
        let mut server = Self {
            method: Method::Other("NAT, keepalived's default,"),
            method_span: here.clone(),
            protocol: Some(Protocol::Udp),
            timing: Timing {
                interval: At::new(CHECK_EACH, here),
                timeout: At::new(CHECK_AT_MOST, here),
                retry: At::new(1, here),
            },
            weight: At::new(1, here),
            backends: Vec::new(),
            check: None,
        };
        let statements = values::statements(node, &VIRTUAL_SERVER, &["real_server"], mail, reporter);
        let mut scheduler = None;
        let mut protocol = None;
        // Settings first: real servers take them over wherever they stand.
        for statement in statements.iter().copied() {
            match statement.keyword() {
                "lvs_sched" | "lb_algo" => scheduler = values::word(statement, reporter),
                "lvs_method" | "lb_kind" => (server.method, server.method_span) = method(statement, reporter),
                "protocol" => protocol = values::word(statement, reporter),
                "weight" => server.weight = values::number(statement, reporter).unwrap_or(server.weight),
                "real_server" => {}
                _ => checker::timing(statement, &mut server.timing, reporter),
            }
        }
        approximate(scheduler.map_or(("wlc", here), |word| (word.text.as_str(), &word.span)), reporter);
        match protocol.map(|word| (word.text.as_str(), &word.span)) {
            Some(("TCP", _)) => server.protocol = Some(Protocol::Tcp),
            Some(("UDP", _)) => {}
            Some(("SCTP", span)) => {
                reporter.ignored(Diagnostic::at(span, "SCTP is not supported: this virtual_server"));
                server.protocol = None;
            }
            Some((_, span)) => {
                let message = format!("the protocol `{}` is neither TCP nor UDP", reporter.quote(span));
                reporter.error(Diagnostic::at(span, message));
            }
            None => {
                let message = "without `protocol` this virtual_server is for UDP, as in keepalived";
                reporter.warning(Diagnostic::at(here, message).help("write `protocol TCP` or `protocol UDP`"));
            }
        }
        for statement in statements {
            if statement.keyword() == "real_server" {
                server.real_server(statement, mail, reporter);
            }
        }
        server.protocol.is_some().then_some(server)
    }

    fn real_server(&mut self, node: &Node, mail: &mut Vec<Span>, reporter: &mut Reporter) {
        let Some((address, port)) = group::address_and_port(node, reporter) else { return };
        let mut weight = self.weight.clone();
        let mut timing = self.timing.clone();
        let mut check = None;
        let blocks = ["TCP_CHECK", "HTTP_GET"];
        for statement in values::statements(node, &REAL_SERVER, &blocks, mail, reporter) {
            match statement.keyword() {
                "weight" => weight = values::number(statement, reporter).unwrap_or(weight),
                "lvs_method" | "lb_kind" => {
                    let (own, span) = method(statement, reporter);
                    if own != self.method {
                        let message = "all backends of a service are reached in the same way: this one";
                        reporter.ignored(Diagnostic::at(&span, message));
                    }
                }
                "TCP_CHECK" | "HTTP_GET" => check = Some(statement),
                _ => checker::timing(statement, &mut timing, reporter),
            }
        }
        if let Some(check) = check {
            let checked = checker::read(check, timing, mail, reporter);
            match &self.check {
                None => self.check = Some(checked),
                Some(first) if !first.same(&checked) => {
                    let message = "all backends of a service are checked in the same way: this check";
                    reporter.ignored(Diagnostic::at(check.span(), message).related(&first.span, "the check that counts"));
                }
                Some(_) => {}
            }
        }
        self.backends.push((BackendDraft { address, weight, forward: Forward::Auto }, port));
    }

    fn service(&self, address: At<String>, port: At<i64>, here: &Span, reporter: &mut Reporter) -> ServiceDraft {
        let protocol = self.protocol.unwrap_or(Protocol::Udp);
        let suffix = if protocol == Protocol::Udp { "/udp" } else { "" };
        for (_, own) in self.backends.iter().filter(|(_, own)| own.value != port.value) {
            let message = format!("backends reached by DR listen on the service's port, {}: this one", port.value);
            reporter.ignored(Diagnostic::at(&own.span, message));
        }
        ServiceDraft {
            name: At::new(format!("{}:{}{suffix}", address.value, port.value), &address.span),
            backends: self.backends.iter().map(|(backend, _)| copy(backend)).collect(),
            check: self.check(protocol, &port, here),
            address,
            port,
            protocol,
        }
    }

    /// keepalived takes a real server without a check for up.
    fn check(&self, protocol: Protocol, port: &At<i64>, here: &Span) -> CheckDraft {
        let once = At::new(1, here);
        match &self.check {
            Some(checked) => CheckDraft {
                kind: checked.kind,
                span: checked.span.clone(),
                // keepalived connects to the same port whatever the protocol.
                port: checked.port.clone().or_else(|| (protocol == Protocol::Udp).then(|| port.clone())),
                path: checked.path.clone(),
                interval: checked.timing.interval.clone(),
                timeout: checked.timing.timeout.clone(),
                rise: once,
                fall: At::new(checked.timing.retry.value.saturating_add(1), &checked.timing.retry.span),
            },
            None => CheckDraft {
                kind: CheckKindDraft::None,
                span: here.clone(),
                port: None,
                path: None,
                interval: self.timing.interval.clone(),
                timeout: self.timing.timeout.clone(),
                rise: once.clone(),
                fall: once,
            },
        }
    }
}

fn copy(backend: &BackendDraft) -> BackendDraft {
    BackendDraft { address: backend.address.clone(), weight: backend.weight.clone(), forward: backend.forward }
}

/// `NAT`, `DR`, or `TUN` with its options.
fn method(node: &Node, reporter: &mut Reporter) -> (Method, Span) {
    let Some(word) = node.values().first() else {
        values::word(node, reporter);
        return (Method::Other("NAT, keepalived's default,"), node.span().clone());
    };
    let method = match word.text.as_str() {
        "DR" => Method::Dr,
        "NAT" => Method::Other("NAT"),
        "TUN" => Method::Other("TUN"),
        _ => {
            let message = format!("`{}` is neither NAT, DR nor TUN", reporter.quote(&word.span));
            reporter.error(Diagnostic::at(&word.span, message));
            Method::Dr
        }
    };
    (method, word.span.clone())
}

/// Says how the one scheduler there is differs from the one asked for.
fn approximate((name, span): (&str, &Span), reporter: &mut Reporter) {
    let spread = "each connection goes to a backend by Maglev hashing, in proportion to the weights";
    let message = match name {
        "mh" => return,
        "rr" | "wrr" => format!("{spread}, not in turn as `{name}` would"),
        "sh" | "dh" => format!("{spread}; `{name}` hashes in another way: connections move when this node takes over"),
        "lc" | "wlc" | "lblc" | "lblcr" | "sed" | "nq" | "fo" | "ovf" | "twos" => {
            format!("{spread}, not by the load as `{name}` would")
        }
        _ => {
            reporter.ignored(Diagnostic::at(span, format!("unknown scheduler `{}`", reporter.quote(span))));
            return;
        }
    };
    reporter.warning(Diagnostic::at(span, message));
}
