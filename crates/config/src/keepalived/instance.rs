//! `vrrp_instance`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{
    AddressDraft, AnnounceDraft, At, HmacDraft, InterfaceTrackDraft, NotifyDraft, PeerDraft,
    RouteDraft, RouterDraft, RuleDraft, ScriptTrackDraft,
};
use super::super::source::Span;
use super::address_lists::{addresses, interface_track, peers, script_track, tracks};
use super::family::Decision;
use super::global::{self, Globals};
use super::keywords::{AUTHENTICATION, INSTANCE};
use super::tree::Node;
use super::{hmac, notify, routes, values};
use vrrp_model::{ChecksumForm, Version};

/// Of `preempt_delay`.
const DELAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1000);
/// Of `advert_int`, in either version.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(255);
/// 12 bits of centiseconds (RFC 9568 section 5.2.7).
const LONGEST_V3_INTERVAL: Duration = Duration::from_millis(40_950);
const PRIORITY: i64 = 100;
/// Keywords that take a block. A list may be written more than once: its lines add up.
const BLOCKS: [&str; 9] = [
    "virtual_routes",
    "virtual_rules",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "track_script",
    "track_interface",
    "authentication",
    "unicast_peer",
    "auth_hmac",
];

/// What the lines of an instance say, before keepalived's rules between them.
struct Instance {
    state_master: Option<Span>,
    interface: Option<At<String>>,
    vrid: Option<At<i64>>,
    priority: Option<At<i64>>,
    interval: Option<At<Duration>>,
    version: Version,
    nopreempt: Option<Span>,
    preempt_delay: Option<At<Duration>>,
    auth_pass: Option<At<String>>,
    strict: bool,
    checksum: ChecksumForm,
    source: Option<At<String>>,
    group: Option<At<String>>,
    unicast: Option<Span>,
    peers: Vec<PeerDraft>,
    virtual_mac: bool,
    hmac: Option<At<HmacDraft>>,
    announce: AnnounceDraft,
    family: Decision,
    addresses: Vec<AddressDraft>,
    excluded_addresses: Vec<AddressDraft>,
    track_scripts: Vec<ScriptTrackDraft>,
    track_interfaces: Vec<InterfaceTrackDraft>,
    /// Whether the link of its own interface may go down (`dont_track_primary`).
    untracked: Option<bool>,
    routes: Vec<RouteDraft>,
    rules: Vec<RuleDraft>,
}

pub(super) fn read(
    node: &Node,
    globals: &Globals,
    reporter: &mut Reporter,
) -> Option<(RouterDraft, Vec<NotifyDraft>)> {
    let name = values::block_name(node, reporter)?;
    let mut instance = Instance {
        state_master: None,
        interface: globals.interface.clone(),
        vrid: None,
        priority: None,
        interval: None,
        version: globals.version,
        nopreempt: None,
        preempt_delay: None,
        auth_pass: None,
        strict: globals.strict,
        checksum: globals.checksum,
        source: None,
        group: None,
        unicast: None,
        peers: Vec::new(),
        virtual_mac: false,
        hmac: None,
        announce: globals.announce.clone(),
        family: Decision::default(),
        addresses: Vec::new(),
        excluded_addresses: Vec::new(),
        track_scripts: Vec::new(),
        track_interfaces: Vec::new(),
        untracked: None,
        routes: Vec::new(),
        rules: Vec::new(),
    };
    let statements = values::statements(node, &INSTANCE, &BLOCKS, reporter);
    for statement in &statements {
        instance.set(statement, reporter);
    }
    let notify = notify::of_routers(&name, &statements, false, globals, reporter);
    Some((instance.complete(name, globals, reporter)?, notify))
}

impl Instance {
    fn set(&mut self, node: &Node, reporter: &mut Reporter) {
        match node.keyword() {
            "state" => self.state_master = state(node, reporter),
            "interface" => self.interface = values::text(node, reporter),
            // Nothing can take its place: its range is checked with all others.
            "virtual_router_id" => {
                let word = values::word(node, reporter);
                self.vrid = word.and_then(|word| values::parse_number(word, reporter));
            }
            "priority" => self.priority = values::number_or(node, 1..=255, PRIORITY, reporter),
            "advert_int" => self.interval = values::seconds(node, INTERVALS, reporter),
            "version" => self.version = global::version(node, self.version, reporter),
            "preempt" => {
                if values::switch(node, reporter) {
                    self.nopreempt = None;
                }
            }
            "nopreempt" => self.nopreempt = Some(node.span().clone()),
            "preempt_delay" => self.preempt_delay = values::seconds(node, DELAYS, reporter),
            "authentication" => {
                if self.auth_pass.is_some() {
                    let message = "a second `authentication` block: the last one counts";
                    reporter.warning(Diagnostic::at(node.span(), message));
                }
                self.auth_pass = authentication(node, reporter);
            }
            "strict_mode" => self.strict = global::strict(node, reporter),
            "v3_checksum_as_v2" => self.checksum = global::checksum(node, reporter),
            "mcast_src_ip" | "unicast_src_ip" => {
                let source = values::text(node, reporter);
                let source = source.and_then(|source| self.family.source(source, reporter));
                self.source = source.or(self.source.take());
            }
            "mcast_dst_ip" => self.group = values::text(node, reporter),
            "unicast_peer" => {
                self.unicast = Some(node.span().clone());
                let mut peers = peers(node, reporter);
                self.family.peers(&mut peers, reporter);
                self.peers.extend(peers);
            }
            "unicast_ttl" => unicast_ttl(node, reporter),
            "use_vmac" => self.virtual_mac = virtual_mac(node, reporter),
            "auth_hmac" => self.hmac = hmac::read(node, reporter),
            "native_ipv6" => self.family.native(node.span(), reporter),
            "virtual_ipaddress" => {
                let mut addresses = addresses(node, reporter);
                self.family.addresses(&mut addresses, reporter);
                self.addresses.extend(addresses);
            }
            word if word.starts_with("notify") => {}
            "virtual_routes" => self.routes.extend(routes::routes(node, reporter)),
            "virtual_rules" => self.rules.extend(routes::rules(node, reporter)),
            "dont_track_primary" => self.untracked = Some(values::switch(node, reporter)),
            "virtual_ipaddress_excluded" => {
                self.excluded_addresses.extend(addresses(node, reporter));
            }
            "track_script" => self.track_scripts.extend(tracks(node, reporter).map(script_track)),
            "track_interface" => {
                self.track_interfaces.extend(tracks(node, reporter).map(interface_track))
            }
            _ => global::garp(node, "", &mut self.announce, reporter),
        }
    }

    /// Applies keepalived's rules between the lines. `state` is only a hint: it decides nothing but
    /// these.
    fn complete(
        mut self,
        name: At<String>,
        globals: &Globals,
        reporter: &mut Reporter,
    ) -> Option<RouterDraft> {
        self.skip_itself(reporter);
        self.apply_family(globals);
        self.drop_strict_password(reporter);
        let interval = self.interval(&name, reporter);
        let priority = self.priority(&name, reporter);
        self.preemption(reporter);
        let mut missing = |what: &str| {
            reporter.error(Diagnostic::at(
                &name.span,
                format!("vrrp_instance `{}` has no `{what}`", name.value),
            ));
        };
        if self.vrid.is_none() {
            missing("virtual_router_id");
        }
        if self.interface.is_none() {
            missing("interface");
        }
        let version = At::new(i64::from(self.number()), &name.span);
        Some(RouterDraft {
            interface: self.interface?,
            vrid: self.vrid?,
            version: Some(version),
            priority: Some(priority),
            interval: Some(interval.into()),
            preempt: Some(self.nopreempt.is_none()),
            preempt_delay: self.preempt_delay.map(At::from),
            auth_pass: self.auth_pass,
            checksum: self.checksum,
            source: self.source,
            group: self.group,
            unicast: self.unicast.map(|span| At::new(true, &span)),
            peers: self.peers,
            virtual_mac: self.virtual_mac,
            accept_always: false,
            hmac: self.hmac,
            addresses: self.addresses,
            excluded_addresses: self.excluded_addresses,
            announce: self.announce,
            track_scripts: self.track_scripts,
            track_interfaces: self.track_interfaces,
            track_own_interface: self.untracked.map(|untracked| !untracked),
            routes: self.routes,
            rules: self.rules,
            name,
        })
    }

    fn drop_strict_password(&mut self, reporter: &mut Reporter) {
        if let Some(pass) = self.auth_pass.take_if(|_| self.strict) {
            let message = "strict mode has no authentication: as in keepalived, adverts leave without this password and are taken without";
            let help = "take out the strict mode or the password, on every router of the VRID";
            reporter.warning(Diagnostic::at(&pass.span, message).help(help));
        }
    }

    /// IPv6 is always version 3. Without peers adverts go to the group.
    fn apply_family(&mut self, globals: &Globals) {
        let v6 = self.family.is_v6();
        if v6 {
            self.version = Version::V3;
        }
        self.group = self
            .group
            .take()
            .or_else(|| if v6 { globals.group6.clone() } else { globals.group.clone() });
        if self.unicast.is_some() && !self.peers.is_empty() {
            self.group = None;
        }
    }

    /// One list for all nodes is common. keepalived sends adverts to the node itself too, and they
    /// do nothing there.
    fn skip_itself(&mut self, reporter: &mut Reporter) {
        let parsed = |text: &At<String>| text.value.parse::<IpAddr>().ok();
        let Some(own) = self.source.as_ref().and_then(parsed) else { return };
        self.peers.retain(|peer| {
            let other = parsed(&peer.address) != Some(own);
            if !other {
                let message = format!("peer `{own}` is this router itself: it is left out");
                reporter.warning(Diagnostic::at(&peer.address.span, message));
            }
            other
        });
    }

    /// keepalived rounds to what the version can carry: whole seconds, or hundredths of one.
    fn interval(&self, name: &At<String>, reporter: &mut Reporter) -> At<Duration> {
        let Some(written) = &self.interval else {
            return At::new(Duration::from_secs(1), &name.span);
        };
        if self.version == Version::V3 && written.value > LONGEST_V3_INTERVAL {
            let message = "`advert_int` of VRRPv3 is at most 40.95 s";
            reporter.replaced(Diagnostic::at(&written.span, message), "40.95 s");
            return At::new(LONGEST_V3_INTERVAL, &written.span);
        }
        let step = match self.version {
            Version::V2 => 1_000_000,
            Version::V3 => 10_000,
        };
        let micros = u64::try_from(written.value.as_micros()).unwrap_or(u64::MAX);
        let rounded = Duration::from_micros((micros.saturating_add(step / 2) / step).max(1) * step);
        if rounded != written.value {
            let message = format!(
                "`advert_int` of VRRPv{} is rounded to {rounded:?}, as keepalived does: the rest",
                self.number()
            );
            reporter.ignored(Diagnostic::at(&written.span, message));
        }
        At::new(rounded, &written.span)
    }

    fn number(&self) -> u8 {
        match self.version {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }

    fn priority(&self, name: &At<String>, reporter: &mut Reporter) -> At<i64> {
        match (&self.priority, &self.state_master) {
            (Some(priority), _) => priority.clone(),
            (None, Some(state)) => {
                let message =
                    "`state MASTER` without `priority` means priority 255, the address owner";
                reporter.warning(Diagnostic::at(state, message).help("write the priority"));
                At::new(255, state)
            }
            (None, None) => At::new(PRIORITY, &name.span),
        }
    }

    /// `state MASTER` cancels `nopreempt` and `preempt_delay`.
    fn preemption(&mut self, reporter: &mut Reporter) {
        if let Some(nopreempt) = self.nopreempt.clone().filter(|_| self.state_master.is_some()) {
            let message = "`nopreempt` needs `state BACKUP`, on both nodes";
            reporter.ignored(Diagnostic::at(&nopreempt, message));
            self.nopreempt = None;
        }
        let clash = match (&self.preempt_delay, &self.state_master, &self.nopreempt) {
            (Some(delay), Some(_), _) if !delay.value.is_zero() => {
                Some((delay.span.clone(), "state MASTER"))
            }
            (Some(delay), _, Some(_)) if !delay.value.is_zero() => {
                Some((delay.span.clone(), "nopreempt"))
            }
            _ => None,
        };
        if let Some((span, other)) = clash {
            reporter.ignored(Diagnostic::at(
                &span,
                format!("`preempt_delay` has no effect with `{other}`"),
            ));
            self.preempt_delay = None;
        }
    }
}

/// The place of `state MASTER`.
fn state(node: &Node, reporter: &mut Reporter) -> Option<Span> {
    let word = values::word(node, reporter)?;
    match word.text.as_str() {
        "MASTER" => Some(word.span.clone()),
        "BACKUP" => None,
        _ => {
            let message =
                format!("the state `{}` is neither MASTER nor BACKUP", reporter.quote(&word.span));
            reporter.ignored(Diagnostic::at(&word.span, message));
            None
        }
    }
}

/// Adverts leave with 255, so that who is near can tell that they are.
fn unicast_ttl(node: &Node, reporter: &mut Reporter) {
    if let Some(ttl) = values::number(node, 0..=255, reporter).filter(|ttl| ttl.value != 255) {
        reporter.ignored(Diagnostic::at(
            &ttl.span,
            format!("unicast adverts leave with TTL 255 here: {}", ttl.value),
        ));
    }
}

/// `[NAME] [MAC] ...`: there is no interface that could have a name, and the MAC address is the
/// virtual router's own.
fn virtual_mac(node: &Node, reporter: &mut Reporter) -> bool {
    for word in node.values() {
        let quoted = reporter.quote(&word.span);
        if word.text.contains(':') {
            let message =
                format!("the virtual MAC is always 00:00:5e:00:01:VRID (IPv6: 02): `{quoted}`");
            reporter.ignored(Diagnostic::at(&word.span, message));
        } else {
            let message = format!(
                "`use_vmac` makes no interface here, it needs none: `{quoted}` has no effect"
            );
            reporter.warning(Diagnostic::at(&word.span, message));
        }
    }
    true
}

fn authentication(node: &Node, reporter: &mut Reporter) -> Option<At<String>> {
    let mut kind = None;
    let mut pass = None;
    for statement in values::statements(node, &AUTHENTICATION, &[], reporter) {
        match statement.keyword() {
            "auth_type" => kind = values::word(statement, reporter),
            _ => pass = values::text(statement, reporter),
        }
    }
    let pass = pass.filter(|pass| !pass.value.is_empty());
    match kind.map(|word| (word.text.as_str(), &word.span)) {
        Some(("PASS", span)) => {
            if pass.is_none() {
                let message = "`auth_type PASS` needs an `auth_pass`: without one there is no authentication, so this";
                reporter.ignored(Diagnostic::at(span, message));
            }
            if let Some(pass) = pass.as_ref().filter(|pass| pass.value.contains(['\'', '\\'])) {
                let message = "single quotes and backslashes are part of the password, as in keepalived: only double quotes are not";
                reporter.warning(Diagnostic::at(&pass.span, message));
            }
            pass
        }
        Some(("AH", span)) => {
            let help =
                "RFC 3768 removed it; use `auth_type PASS` or none, on every router of the VRID";
            reporter
                .error(Diagnostic::at(span, "authentication by AH is not supported").help(help));
            None
        }
        Some((_, span)) => {
            let message = "the authentication type must be PASS: by any other there is no authentication, so this block";
            reporter.ignored(Diagnostic::at(span, message));
            None
        }
        None => {
            let message = "`authentication` needs an `auth_type`: without one there is no authentication, as in keepalived";
            reporter.warning(Diagnostic::at(node.span(), message).help("auth_type PASS"));
            None
        }
    }
}
