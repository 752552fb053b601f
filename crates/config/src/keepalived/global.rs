//! `global_defs`.

use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{AnnounceDraft, At, ElectionDraft, Time};
use super::command::Account;
use super::fifo::Fifos;
use super::keywords::{GLOBAL_DEFS, MAIL};
use super::mail::Mail;
use super::tree::Node;
use super::values;
use vrrp_model::{ChecksumForm, Version};

/// Frames of a burst.
const MOST_ANNOUNCEMENTS: i64 = 1000;
/// The highest priority under SCHED_FIFO (sched(7)).
const HIGHEST_PRIORITY: i64 = 99;
/// The highest number in a `cpu_set_t`.
const HIGHEST_CPU: i64 = 1023;

/// What `global_defs` sets for everything else; the defaults are keepalived's.
pub(super) struct Globals {
    pub router_id: Option<At<String>>,
    pub version: Version,
    pub group: Option<At<String>>,
    /// For IPv6.
    pub group6: Option<At<String>>,
    pub interface: Option<At<String>>,
    pub announce: AnnounceDraft,
    pub startup_delay: Option<At<Time>>,
    pub election: ElectionDraft,
    /// `script_user`.
    pub script_account: Account,
    /// keepalived's default is off.
    pub script_security: bool,
    pub fifos: Fifos,
    pub mail: Mail,
    pub checksum: ChecksumForm,
    pub strict: bool,
}

impl Default for Globals {
    fn default() -> Self {
        Self {
            router_id: None,
            version: Version::V2,
            group: None,
            group6: None,
            interface: None,
            announce: AnnounceDraft::default(),
            startup_delay: None,
            election: ElectionDraft::default(),
            script_account: Account::default(),
            script_security: false,
            fifos: Fifos::default(),
            mail: Mail::default(),
            checksum: ChecksumForm::PseudoHeader,
            strict: false,
        }
    }
}

pub(super) fn read(node: &Node, globals: &mut Globals, reporter: &mut Reporter) {
    for statement in values::statements(node, &GLOBAL_DEFS, &["notification_email"], reporter) {
        match statement.keyword() {
            "router_id" => globals.router_id = values::text(statement, reporter),
            "vrrp_version" => globals.version = version(statement, globals.version, reporter),
            "vrrp_mcast_group6" => globals.group6 = values::text(statement, reporter),
            "vrrp_mcast_group4" => globals.group = values::text(statement, reporter),
            "default_interface" => globals.interface = values::text(statement, reporter),
            "vrrp_startup_delay" => {
                globals.startup_delay =
                    values::seconds(statement, Duration::ZERO..=values::MOST_SECONDS, reporter)
                        .map(At::from);
            }
            "vrrp_rt_priority" => {
                let priority =
                    values::clamped(statement, values::ANY, 0..=HIGHEST_PRIORITY, reporter);
                globals.election.realtime_priority =
                    priority.or(globals.election.realtime_priority.take());
            }
            "vrrp_cpu_affinity" => {
                globals.election.cpus = values::numbers(statement, 0..=HIGHEST_CPU, reporter)
            }
            "vrrp_no_swap" => {
                globals.election.lock_memory = Some(values::switch(statement, reporter))
            }
            "script_user" => {
                globals.script_account = account(statement, reporter);
            }
            "enable_script_security" => {
                globals.script_security = values::switch(statement, reporter);
            }
            "vrrp_strict" => globals.strict = strict(statement, reporter),
            "v3_checksum_as_v2" => globals.checksum = checksum(statement, reporter),
            word if word.contains("notify_fifo") => {}
            word if MAIL.contains(&word) => globals.mail.read(statement, reporter),
            _ => garp(statement, "vrrp_", &mut globals.announce, reporter),
        }
    }
    // Their scripts run as the `script_user`, which may be written below them.
    let mut fifos = std::mem::take(&mut globals.fifos);
    for statement in node.body.iter().flatten() {
        fifos.read(statement, &globals.script_account, reporter);
    }
    globals.fifos = fifos;
}

/// `present` where what is written is no version.
pub(super) fn version(node: &Node, present: Version, reporter: &mut Reporter) -> Version {
    match values::number(node, 2..=3, reporter) {
        Some(At { value: 3, .. }) => Version::V3,
        Some(_) => Version::V2,
        None => present,
    }
}

/// Of strict mode that is followed which could break a pair; `complete` of an instance does it.
pub(super) fn strict(node: &Node, reporter: &mut Reporter) -> bool {
    let on = values::switch(node, reporter);
    if on {
        let message = format!(
            "`{}`: one rule of strict mode is followed, that there is no authentication; the rest",
            node.keyword()
        );
        reporter.ignored(Diagnostic::at(node.span(), message));
    }
    on
}

pub(super) fn checksum(node: &Node, reporter: &mut Reporter) -> ChecksumForm {
    if values::switch(node, reporter) {
        ChecksumForm::MessageOnly
    } else {
        ChecksumForm::PseudoHeader
    }
}

/// `USER [GROUP]`
pub(super) fn account(node: &Node, reporter: &mut Reporter) -> Account {
    if node.values().is_empty() {
        // Reports the missing value.
        values::word(node, reporter);
    }
    Account::of(node.values(), reporter)
}

/// `garp_master_*` of an instance, or with the prefix `vrrp_` their defaults.
pub(super) fn garp(
    node: &Node,
    prefix: &str,
    announce: &mut AnnounceDraft,
    reporter: &mut Reporter,
) {
    let keyword = node.keyword().strip_prefix(prefix).unwrap_or_default();
    match keyword {
        "garp_master_repeat" => set_count(node, &mut announce.repeat, reporter),
        "garp_master_refresh_repeat" => set_count(node, &mut announce.refresh_repeat, reporter),
        "garp_interval" => {
            let range = Duration::ZERO..=values::MOST_SECONDS;
            set(values::seconds(node, range, reporter), &mut announce.interval);
        }
        "garp_master_delay" => set_seconds(node, &mut announce.delay, reporter),
        "garp_master_refresh" => set_seconds(node, &mut announce.refresh, reporter),
        _ => {}
    }
}

fn set(written: Option<At<Duration>>, field: &mut Option<At<Time>>) {
    if let Some(written) = written {
        *field = Some(written.into());
    }
}

fn set_seconds(node: &Node, field: &mut Option<At<Time>>, reporter: &mut Reporter) {
    set(values::whole_seconds(node, 0..=values::MOST_WHOLE_SECONDS, reporter), field);
}

fn set_count(node: &Node, field: &mut Option<At<i64>>, reporter: &mut Reporter) {
    if let Some(number) = values::clamped(node, values::ANY, 1..=MOST_ANNOUNCEMENTS, reporter) {
        *field = Some(number);
    }
}
