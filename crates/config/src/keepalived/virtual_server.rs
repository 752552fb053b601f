//! `virtual_server` and `virtual_server_group`: LVS services to ours.

mod weights;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, BackendDraft, ChecksDraft, GuardDraft, ServiceDraft, SorryDraft};
use super::super::source::Span;
use super::checker::{self, Inherited};
use super::global::Globals;
use super::group::{self, Group};
use super::keywords::{REAL_SERVER, VIRTUAL_SERVER};
use super::tree::{Node, Word};
use super::{lvs, values};
use vrrp_model::{CheckType, Forward, Persistence, Protocol};

/// IPVS's weights.
const WEIGHTS: RangeInclusive<i64> = 0..=i32::MAX as i64;
/// Failures that are forgiven; those of a check may be none.
const RETRIES: RangeInclusive<i64> = 1..=u32::MAX as i64;
const QUORUMS: RangeInclusive<i64> = 1..=u32::MAX as i64;

/// The settings of a virtual_server, before its addresses are known.
struct Server {
    /// How backends are reached that do not say it themselves; `None` where that is not built.
    method: Option<Forward>,
    protocol: Option<Protocol>,
    persistence: Persistence,
    quorum: At<i64>,
    sorry: Option<SorryDraft>,
    inherited: Inherited,
    weight: At<i64>,
    backends: Vec<RealServer>,
    /// A real server cannot be reached, with a diagnostic.
    left_out: bool,
}

struct RealServer {
    backend: BackendDraft,
    /// As written: what the backend is checked on, and what counts with NAT.
    port: At<i64>,
    /// Empty: it counts as up.
    checks: ChecksDraft,
    span: Span,
}

/// Reads one virtual_server: a service for each of its addresses.
pub(super) fn read(
    node: &Node,
    groups: &[Group],
    globals: &Globals,
    reporter: &mut Reporter,
) -> Vec<ServiceDraft> {
    let addresses = group::addresses(node, groups, reporter);
    let Some(server) = Server::read(node, globals, reporter) else { return Vec::new() };
    if server.backends.is_empty() {
        if !server.left_out {
            reporter.ignored(Diagnostic::at(node.span(), "this virtual_server has no real_server"));
        }
        return Vec::new();
    }
    addresses
        .into_iter()
        .map(|(address, port)| server.service(address, port, node.span(), reporter))
        .collect()
}

impl Server {
    /// `None` when it is for a protocol that is not built.
    fn read(node: &Node, globals: &Globals, reporter: &mut Reporter) -> Option<Self> {
        let here = node.span();
        let mut server = Self {
            method: Some(Forward::Nat),
            protocol: Some(Protocol::Udp),
            persistence: Persistence::Flow,
            quorum: At::new(1, here),
            sorry: None,
            inherited: Inherited::new(here, globals),
            weight: At::new(1, here),
            backends: Vec::new(),
            left_out: false,
        };
        let statements = values::statements(node, &VIRTUAL_SERVER, &["real_server"], reporter);
        let protocol = server.settings(&statements, here, reporter);
        server.protocol = read_protocol(protocol, here, reporter);
        let own_method =
            statements.iter().find(|statement| statement.keyword() == "sorry_server_lvs_method");
        let sorry_method =
            own_method.map_or(server.method, |node| lvs::method(node, server.method, reporter));
        for statement in statements {
            match statement.keyword() {
                "real_server" => server.real_server(statement, reporter),
                "sorry_server" => server.sorry = sorry(statement, sorry_method, reporter),
                _ => {}
            }
        }
        server.cap_quorum(reporter);
        server.scale_weights(reporter);
        server.warn_of_unchecked(reporter);
        server.protocol.is_some().then_some(server)
    }

    /// Settings first: real servers take them over wherever they stand. Returns the protocol's
    /// word.
    fn settings<'a>(
        &mut self,
        statements: &[&'a Node],
        here: &Span,
        reporter: &mut Reporter,
    ) -> Option<&'a Word> {
        let mut scheduler = None;
        let mut protocol = None;
        let mut with_ports = false;
        let mut persistence = None;
        for statement in statements.iter().copied() {
            match statement.keyword() {
                "lvs_sched" | "lb_algo" => scheduler = values::word(statement, reporter),
                "sh-port" | "mh-port" => with_ports = true,
                "lvs_method" | "lb_kind" => {
                    self.method = lvs::method(statement, self.method, reporter)
                }
                "protocol" => protocol = values::word(statement, reporter),
                "weight" => {
                    let weight = values::number(statement, WEIGHTS, reporter);
                    self.weight = weight.unwrap_or(self.weight.clone());
                }
                "persistence_timeout" | "persistence_granularity" => {
                    persistence = lvs::persistence(statement, reporter).or(persistence);
                }
                "quorum" => {
                    let quorum = values::number_or(statement, QUORUMS, 1, reporter);
                    self.quorum = quorum.unwrap_or(self.quorum.clone());
                }
                "hysteresis" => lvs::hysteresis(statement, reporter),
                "real_server" | "sorry_server" | "sorry_server_lvs_method" => {}
                _ => self.inherited.read(statement, RETRIES, reporter),
            }
        }
        let scheduler = scheduler.map_or(("wlc", here), |word| (word.text.as_str(), &word.span));
        let by_scheduler = lvs::scheduler(scheduler, with_ports, reporter);
        self.persistence = persistence.unwrap_or(by_scheduler);
        protocol
    }

    fn real_server(&mut self, node: &Node, reporter: &mut Reporter) {
        let Some((address, port)) = group::address_and_port(node, reporter) else { return };
        let mut weight = self.weight.clone();
        let mut inherited = self.inherited.clone();
        let mut method = self.method;
        let (mut blocks, mut not_built) = (Vec::new(), Vec::new());
        let checks = [checker::BUILT.as_slice(), &checker::NOT_BUILT].concat();
        for statement in values::statements(node, &REAL_SERVER, &checks, reporter) {
            match statement.keyword() {
                "weight" => {
                    weight = values::number(statement, WEIGHTS, reporter).unwrap_or(weight);
                }
                "lvs_method" | "lb_kind" => method = lvs::method(statement, method, reporter),
                check if checker::BUILT.contains(&check) => blocks.push(statement),
                check if checker::NOT_BUILT.contains(&check) => not_built.push(statement),
                _ => inherited.read(statement, RETRIES, reporter),
            }
        }
        let mut read = |block: &&Node| checker::read(block, inherited.clone(), reporter);
        let checks: ChecksDraft = blocks.iter().filter_map(&mut read).collect();
        for block in not_built {
            checker::not_built(block, &address, !checks.is_empty(), reporter);
        }
        let Some(forward) = method else {
            self.left_out = true;
            return;
        };
        let written = (forward == Forward::Nat).then(|| port.clone());
        let backend =
            BackendDraft { address, port: written, weight: Some(weight), forward, check: None };
        self.backends.push(RealServer { backend, port, checks, span: node.span().clone() });
    }

    fn service(
        &self,
        address: At<String>,
        port: At<i64>,
        here: &Span,
        reporter: &mut Reporter,
    ) -> ServiceDraft {
        let protocol = self.protocol.unwrap_or(Protocol::Udp);
        let suffix = if protocol == Protocol::Udp { "/udp" } else { "" };
        let as_it_is = self.backends.iter().filter(|server| server.backend.forward != Forward::Nat);
        for RealServer { port: own, .. } in
            as_it_is.filter(|server| server.port.value != port.value)
        {
            let message = format!(
                "backends reached by DR or TUN listen on the service's port, {}: this one",
                port.value
            );
            reporter.ignored(Diagnostic::at(&own.span, message));
        }
        let host = if address.value.contains(':') {
            format!("[{}]", address.value)
        } else {
            address.value.clone()
        };
        ServiceDraft {
            name: At::new(format!("{host}:{}{suffix}", port.value), &address.span),
            persistence: self.persistence,
            fragments: None,
            drain: None,
            quorum: Some(self.quorum.clone()),
            sorry: self.sorry.clone(),
            guard: GuardDraft::default(),
            backends: self
                .backends
                .iter()
                .map(|server| self.backend(server, protocol, &port))
                .collect(),
            check: Some(self.checks(protocol, &port, here)),
            address,
            port,
            protocol,
        }
    }

    /// The service's checks are those of the first real server that has any.
    fn checks(&self, protocol: Protocol, port: &At<i64>, here: &Span) -> ChecksDraft {
        match self.common() {
            Some(server) => server.checks(protocol, port),
            None => vec![checker::none(here)],
        }
    }

    /// Each real server but the first that is checked has checks of its own, or none: nothing is
    /// taken over from its neighbours. What is equal becomes the service's when it is validated.
    fn backend(&self, server: &RealServer, protocol: Protocol, port: &At<i64>) -> BackendDraft {
        let own = self.common().is_some_and(|common| !std::ptr::eq(common, server));
        let check = own.then(|| server.checks(protocol, port));
        BackendDraft { check, ..server.backend.clone() }
    }

    fn common(&self) -> Option<&RealServer> {
        self.backends.iter().find(|server| !server.checks.is_empty())
    }

    /// keepalived says nothing of it; where the neighbours have checks it is more often forgotten
    /// than meant.
    fn warn_of_unchecked(&self, reporter: &mut Reporter) {
        let Some(common) = self.common().and_then(|server| server.checks.first()) else { return };
        for server in self.backends.iter().filter(|server| server.checks.is_empty()) {
            let message = "this real_server has no check: it counts as up, whatever becomes of it";
            let here = Diagnostic::at(&server.backend.address.span, message);
            reporter.warning(
                here.related(&common.span, "another one of this virtual_server is checked"),
            );
        }
    }
}

impl RealServer {
    /// keepalived takes a real server without a check for up.
    fn checks(&self, protocol: Protocol, port: &At<i64>) -> ChecksDraft {
        if self.checks.is_empty() {
            return vec![checker::none(&self.span)];
        }
        // keepalived connects to the same port whatever the protocol: a UDP service has no other
        // word for it.
        let written = self.backend.port.as_ref().unwrap_or(port);
        let mut checks = self.checks.clone();
        let has_port = |kind| !matches!(kind, CheckType::Script | CheckType::Ping);
        let connecting = checks.iter_mut().filter(|check| has_port(check.value.kind));
        for check in connecting.filter(|_| protocol == Protocol::Udp) {
            check.value.port.get_or_insert_with(|| written.clone());
        }
        checks
    }
}

/// `sorry_server ADDRESS [PORT]`. One with an address of the loopback is this node's own stack, as
/// for IPVS.
fn sorry(node: &Node, method: Option<Forward>, reporter: &mut Reporter) -> Option<SorryDraft> {
    let Some(address) = node.values().first() else {
        values::word(node, reporter);
        return None;
    };
    let own = address.text.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let forward = if own { Forward::Local } else { method? };
    let port = node
        .values()
        .get(1)
        .filter(|_| forward == Forward::Nat)
        .and_then(|port| values::number_of("port", port, 1..=65_535, reporter));
    Some(SorryDraft { address: At::new(address.text.clone(), &address.span), port, forward })
}

/// `None` when it is for a protocol that is not built.
fn read_protocol(written: Option<&Word>, here: &Span, reporter: &mut Reporter) -> Option<Protocol> {
    let written = written.map(|word| (word.text.to_ascii_uppercase(), &word.span));
    match written.as_ref().map(|(name, span)| (name.as_str(), *span)) {
        Some(("TCP", _)) => return Some(Protocol::Tcp),
        Some(("UDP", _)) => {}
        Some(("SCTP", span)) => {
            reporter.ignored(Diagnostic::at(span, "SCTP is not supported: this virtual_server"));
            return None;
        }
        Some((_, span)) => {
            let message = format!("the protocol `{}` is neither TCP nor UDP", reporter.quote(span));
            reporter.replaced(Diagnostic::at(span, message), "UDP");
        }
        None => {
            let message = "without `protocol` this virtual_server is for UDP, as in keepalived";
            reporter.warning(
                Diagnostic::at(here, message).help("write `protocol TCP` or `protocol UDP`"),
            );
        }
    }
    Some(Protocol::Udp)
}
