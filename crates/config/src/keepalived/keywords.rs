//! Every keyword of keepalived that a block may hold, and what becomes of it here.

mod balance;
mod global;
mod instance;
mod other;
#[cfg(test)]
mod tests;

use vrrp_model::suggest;

/// What the agent does with a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    /// Read by the block's lowering.
    Read,
    /// Skipping it does no harm: a warning in either mode, with the reason.
    Harmless(&'static str),
    /// Without it the node behaves differently from keepalived: an error for `check`, a warning for
    /// `run`.
    Differs(&'static str),
    /// Skipping it could break the pair or its traffic: an error in either mode.
    Dangerous(&'static str),
}

pub(super) use balance::{
    CHECK, DNS_CHECK, HTTP_CHECK, MISC_CHECK, REAL_SERVER, SMTP_CHECK, UDP_CHECK, URL,
    VIRTUAL_SERVER,
};
pub(super) use global::{GLOBAL_DEFS, MAIL};
pub(super) use instance::INSTANCE;

use Support::{Dangerous, Differs, Harmless, Read};

/// The keywords one block may hold.
pub(super) struct Table {
    /// How messages call the block.
    pub block: &'static str,
    rows: &'static [(Support, &'static [&'static str])],
}

impl Table {
    pub(super) fn support(&self, keyword: &str) -> Option<Support> {
        self.rows.iter().find(|(_, words)| words.contains(&keyword)).map(|(support, _)| *support)
    }

    pub(super) fn suggest(&self, keyword: &str) -> Option<&'static str> {
        suggest::nearest(keyword, self.rows.iter().flat_map(|(_, words)| words.iter().copied()))
    }

    /// Another block that knows `keyword`: the usual trace of a brace too many or too few.
    pub(super) fn belongs_to(keyword: &str) -> Option<&'static str> {
        let own =
            ALL.iter().find(|table| table.support(keyword).is_some()).map(|table| table.block);
        own.or_else(|| {
            other::OTHERS
                .iter()
                .find(|(_, words)| words.contains(&keyword))
                .map(|(block, _)| *block)
        })
    }
}

/// A keyword of keepalived, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// The block that holds it, as messages call it.
    pub block: &'static str,
    pub word: &'static str,
    /// `works`, `different`, `no effect` or `refused`.
    pub support: &'static str,
    /// How it differs, why it has no effect, or why it is refused; empty where it works.
    pub why: &'static str,
}

/// Keywords that are read and mean something else here than in keepalived.
const OTHERWISE: [(&str, &str); 11] = [
    ("lb_algo", "Maglev hashing, in proportion to the weights, whatever is named"),
    ("lvs_sched", "as lb_algo"),
    ("persistence_timeout", "a client keeps its backend as long as that is in the ring"),
    ("persistence_granularity", "only whole addresses"),
    ("hysteresis", "it counts in weights of backends that are up"),
    ("use_vmac", "without a macvlan: frames carry the virtual MAC address"),
    ("unicast_ttl", "adverts leave with 255"),
    ("unicast_peer", "sources and TTL are checked; `min_ttl` allows routers between"),
    ("vrrp_strict", "of its rules the one without authentication"),
    ("strict_mode", "as vrrp_strict"),
    ("notify_fifo", "its reader is not started again at a reload"),
];

/// Every keyword of keepalived that a block may hold, in the order of the blocks.
pub fn all() -> Vec<Keyword> {
    let mut all = Vec::new();
    for table in ALL {
        for (support, words) in table.rows {
            all.extend(words.iter().map(|word| keyword(table.block, word, *support)));
        }
    }
    for (block, words) in other::OTHERS {
        let support = ALL.iter().find_map(|table| table.support(block));
        let support = support.unwrap_or(Differs("its block is not supported yet"));
        all.extend(words.iter().map(|word| keyword(block, word, support)));
    }
    all
}

fn keyword(block: &'static str, word: &'static str, support: Support) -> Keyword {
    let (support, why) = match support {
        Read => match OTHERWISE.iter().find(|(otherwise, _)| *otherwise == word) {
            Some((_, how)) => ("different", *how),
            None => ("works", ""),
        },
        Harmless(why) => ("no effect", why),
        Differs(how) => ("different", how),
        Dangerous(why) => ("refused", why),
    };
    Keyword { block, word, support, why }
}

const ALL: [&Table; 16] = [
    &ROOT,
    &GLOBAL_DEFS,
    &INSTANCE,
    &AUTH_HMAC,
    &SYNC_GROUP,
    &SCRIPT,
    &AUTHENTICATION,
    &VIRTUAL_SERVER,
    &REAL_SERVER,
    &CHECK,
    &HTTP_CHECK,
    &MISC_CHECK,
    &SMTP_CHECK,
    &DNS_CHECK,
    &UDP_CHECK,
    &URL,
];

const OWN_PROCESS: &str = "it tunes keepalived's own processes";
const IPVS: &str = "it tunes IPVS, which is not used";
const NO_PRIORITY_LINES: &str =
    "changes of the priority are not written to FIFOs; the metric vrrp_priority has them";
const NO_TRACKING: &str =
    "this kind of tracking is not supported yet: its failures would not move the address";
const PEERS_ONLY: &str = "unicast adverts are taken from the peers alone, written or not; keepalived does so only where it is";
const SENT_ANYWAY: &str = "a master that yields sends one more advert in any case; keepalived does so only where it is on";
const NO_BFD: &str = "BFD is not supported yet; adverts each 100 ms find a dead peer as fast";

pub(super) const ROOT: Table = Table {
    block: "the file's top level",
    rows: &[
        (
            Read,
            &[
                "global_defs",
                "vrrp_instance",
                "vrrp_sync_group",
                "vrrp_script",
                "virtual_server",
                "virtual_server_group",
                "static_routes",
                "static_rules",
            ],
        ),
        (
            Dangerous(
                "network namespaces are not supported yet: start the agent inside the namespace",
            ),
            &["net_namespace", "net_namespace_ipvs"],
        ),
        (
            Differs(
                "static addresses are not supported: configure them with the host's own network settings",
            ),
            &["static_ipaddress"],
        ),
        (
            Differs(NO_TRACKING),
            &[
                "vrrp_track_process",
                "track_process",
                "vrrp_track_file",
                "track_file",
                "track_group",
            ],
        ),
        (Differs(NO_BFD), &["bfd_instance"]),
        (Differs("it is not supported yet"), &["interface_up_down_delays", "garp_group"]),
        (
            Harmless("links are watched through netlink"),
            &["linkbeat_use_polling", "linkbeat_interfaces"],
        ),
        (
            Harmless(OWN_PROCESS),
            &[
                "instance",
                "use_pid_dir",
                "child_wait_time",
                "namespace_with_ipsets",
                "include_check",
            ],
        ),
        (Differs("it is not supported yet: SSL_GET shows no certificate of its own"), &["SSL"]),
    ],
};

pub(super) const AUTH_HMAC: Table = Table {
    block: "auth_hmac",
    rows: &[
        (Read, &["key", "active_key", "mode"]),
        (
            Differs("serial numbers are the time of sending, within three intervals, 5 s at least"),
            &["anti_replay", "time_window"],
        ),
    ],
};

pub(super) const SYNC_GROUP: Table = Table {
    block: "vrrp_sync_group",
    rows: &[
        (Read, &["group", "sync_group_tracking_weight", "global_tracking"]),
        (Read, &["smtp_alert"]),
        (Read, &["track_interface", "track_script"]),
        (Differs(NO_TRACKING), &["track_file", "track_process", "track_bfd"]),
        (Read, &["notify", "notify_master", "notify_backup", "notify_fault", "notify_stop"]),
        (Differs(NO_PRIORITY_LINES), &["notify_priority_changes"]),
    ],
};

pub(super) const SCRIPT: Table = Table {
    block: "vrrp_script",
    rows: &[(
        Read,
        &["script", "interval", "timeout", "weight", "rise", "fall", "user", "init_fail"],
    )],
};

pub(super) const AUTHENTICATION: Table =
    Table { block: "authentication", rows: &[(Read, &["auth_type", "auth_pass"])] };
