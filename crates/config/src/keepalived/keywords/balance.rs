//! Keywords of load balancing: `virtual_server`, `real_server` and their checks.

use super::Support::{Differs, Harmless, Read};
use super::{IPVS, Table};

const ALPHA: &str = "a backend takes connections after its first good check, with and without it";
const WARMUP: &str =
    "the first check of a backend is made at once: the backend takes connections after it";
const INHIBIT: &str =
    "a backend whose check fails takes no connections in any case, and keeps none";
const NO_LIMIT: &str = "connections are not counted: no limit would hold";
const WHOLE_BODY: &str =
    "it is not supported yet: a regex is searched in the whole body, up to its first MiB";
const NOT_BOUND: &str = "it is not supported yet: checks leave by the route to the backend";

pub(in super::super) const VIRTUAL_SERVER: Table = Table {
    block: "virtual_server",
    rows: &[
        (
            Read,
            &[
                "lvs_sched",
                "lb_algo",
                "lvs_method",
                "lb_kind",
                "protocol",
                "delay_loop",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "virtualhost",
                "weight",
                "real_server",
                "sh-port",
                "mh-port",
                "persistence_timeout",
                "persistence_granularity",
                "quorum",
                "hysteresis",
                "sorry_server",
                "sorry_server_lvs_method",
            ],
        ),
        (Read, &["smtp_alert"]),
        (
            Differs("clients are told apart by their addresses, not by what they say"),
            &["persistence_engine"],
        ),
        (
            Harmless("connections stay with the sorry server as with any drained backend"),
            &["sorry_server_inhibit"],
        ),
        (Read, &["quorum_up", "quorum_down"]),
        (Harmless(ALPHA), &["alpha"]),
        (Differs("scripts of services and backends are not run when the agent stops"), &["omega"]),
        (Differs("it is not supported yet"), &["ops"]),
        (Harmless(INHIBIT), &["inhibit_on_failure"]),
        (Harmless("backends are hashed in any case"), &["hashed", "sh-fallback", "mh-fallback"]),
        (Harmless(IPVS), &["flag-1", "flag-2", "flag-3", "snmp_name"]),
        (Harmless("a service goes where its address goes"), &["ha_suspend"]),
        (Harmless("the address tells the family"), &["ip_family"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

pub(in super::super) const REAL_SERVER: Table = Table {
    block: "real_server",
    rows: &[
        (
            Read,
            &[
                "weight",
                "lvs_method",
                "lb_kind",
                "TCP_CHECK",
                "HTTP_GET",
                "SSL_GET",
                "MISC_CHECK",
                "SMTP_CHECK",
                "DNS_CHECK",
                "UDP_CHECK",
                "PING_CHECK",
                "BFD_CHECK",
                "FILE_CHECK",
                "delay_loop",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "virtualhost",
            ],
        ),
        (Read, &["smtp_alert"]),
        (Differs(NO_LIMIT), &["uthreshold", "lthreshold"]),
        (Read, &["notify_up", "notify_down"]),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(INHIBIT), &["inhibit_on_failure"]),
        (Harmless(IPVS), &["snmp_name"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

/// `TCP_CHECK` and `PING_CHECK`.
pub(in super::super) const CHECK: Table = Table {
    block: "this check",
    rows: &[
        (
            Read,
            &[
                "connect_ip",
                "connect_port",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "delay_loop",
            ],
        ),
        (Differs(NOT_BOUND), &["bindto", "bind_port", "bind_if", "fwmark"]),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

/// `HTTP_GET` and `SSL_GET`.
pub(in super::super) const HTTP_CHECK: Table = Table {
    block: "HTTP_GET and SSL_GET",
    rows: &[
        (
            Read,
            &[
                "connect_ip",
                "connect_port",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "nb_get_retry",
                "delay_loop",
                "virtualhost",
                "http_protocol",
                "enable_sni",
                "sni_name",
                "url",
            ],
        ),
        (Differs(NOT_BOUND), &["bindto", "bind_port", "bind_if", "fwmark"]),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("a check asks for all its URLs at once"), &["fast_recovery"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

pub(in super::super) const MISC_CHECK: Table = Table {
    block: "MISC_CHECK",
    rows: &[
        (
            Read,
            &[
                "misc_path",
                "misc_timeout",
                "misc_dynamic",
                "user",
                "retry",
                "delay_before_retry",
                "delay_loop",
            ],
        ),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

pub(in super::super) const SMTP_CHECK: Table = Table {
    block: "SMTP_CHECK",
    rows: &[
        (
            Read,
            &[
                "connect_ip",
                "connect_port",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "delay_loop",
                "helo_name",
            ],
        ),
        (Differs("the real_server itself is asked, not other hosts"), &["host"]),
        (Differs(NOT_BOUND), &["bindto", "bind_port", "bind_if", "fwmark"]),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

pub(in super::super) const DNS_CHECK: Table = Table {
    block: "DNS_CHECK",
    rows: &[
        (
            Read,
            &[
                "connect_ip",
                "connect_port",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "delay_loop",
                "type",
                "name",
            ],
        ),
        (Differs(NOT_BOUND), &["bindto", "bind_port", "bind_if", "fwmark"]),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

pub(in super::super) const UDP_CHECK: Table = Table {
    block: "UDP_CHECK",
    rows: &[
        (
            Read,
            &[
                "connect_ip",
                "connect_port",
                "connect_timeout",
                "retry",
                "delay_before_retry",
                "delay_loop",
                "payload",
                "require_reply",
                "min_reply_length",
                "max_reply_length",
            ],
        ),
        (Differs(NOT_BOUND), &["bindto", "bind_port", "bind_if", "fwmark"]),
        (Harmless(ALPHA), &["alpha"]),
        (Harmless(WARMUP), &["warmup"]),
        (Harmless("each change of a backend is logged"), &["log_all_failures"]),
    ],
};

pub(in super::super) const URL: Table = Table {
    block: "url",
    rows: &[
        (
            Read,
            &[
                "path",
                "virtualhost",
                "status_code",
                "digest",
                "regex",
                "regex_no_match",
                "regex_options",
            ],
        ),
        (Differs(WHOLE_BODY), &["regex_min_offset", "regex_max_offset"]),
        (Harmless("matching needs no stack of its own"), &["regex_stack"]),
        (Harmless("a body may end without an end of TLS"), &["tls_compliant"]),
    ],
};
