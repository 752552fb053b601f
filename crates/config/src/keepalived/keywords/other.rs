//! Keywords of blocks that are reported as a whole: known here so that a stray one is told where it
//! belongs.

/// Blocks and their words.
pub(super) const OTHERS: [(&str, &[&str]); 6] = [
    ("garp_group", &["garp_interval", "gna_interval", "interface", "interfaces"]),
    ("track_file", &["file", "weight", "init_file"]),
    (
        "vrrp_track_process",
        &[
            "process",
            "param_match",
            "weight",
            "quorum",
            "quorum_max",
            "delay",
            "fork_delay",
            "terminate_delay",
            "full_command",
        ],
    ),
    (
        "bfd_instance",
        &[
            "neighbor_ip",
            "neighbour_ip",
            "source_ip",
            "min_rx",
            "min_tx",
            "idle_tx",
            "multiplier",
            "passive",
            "ttl",
            "hoplimit",
            "max_hops",
            "multihop",
            "weight",
            "vrrp",
            "checker",
        ],
    ),
    ("SSL", &["ca", "certificate", "key", "password"]),
    ("FILE_CHECK", &["track_file", "weight"]),
];
