//! Keywords of `vrrp_instance`.

use super::Support::{Dangerous, Differs, Harmless, Mail, Read};
use super::{IPVS, NO_NOTIFY, NO_TRACKING, OWN_PROCESS, Table};

pub(in super::super) const INSTANCE: Table = Table {
    block: "vrrp_instance",
    rows: &[
        (
            Read,
            &[
                "state",
                "interface",
                "virtual_router_id",
                "priority",
                "advert_int",
                "version",
                "virtual_ipaddress",
                "virtual_ipaddress_excluded",
                "authentication",
                "mcast_src_ip",
                "unicast_src_ip",
                "mcast_dst_ip",
                "preempt",
                "nopreempt",
                "preempt_delay",
                "garp_master_delay",
                "garp_master_repeat",
                "garp_master_refresh",
                "garp_master_refresh_repeat",
                "track_script",
                "track_interface",
                "v3_checksum_as_v2",
            ],
        ),
        (Mail, &["smtp_alert"]),
        (
            Dangerous("unicast is not supported yet: the peers would not hear each other"),
            &["unicast_peer", "unicast_fault_no_peer", "unicast_ttl"],
        ),
        (
            Dangerous("HMAC authentication is not supported yet: the peers would drop our adverts"),
            &["auth_hmac"],
        ),
        (Dangerous("IPv6 is not supported yet"), &["native_ipv6"]),
        (
            Dangerous("routes and rules are not supported yet: they would not follow the address"),
            &["virtual_routes", "virtual_rules"],
        ),
        (
            Dangerous("an instance without addresses is not supported yet"),
            &["no_virtual_ipaddress"],
        ),
        (Dangerous("VRFs are not supported yet"), &["vrf"]),
        (
            Differs(
                "the virtual MAC is not supported yet: addresses would answer with the interface's own",
            ),
            &[
                "use_vmac",
                "vmac_xmit_base",
                "use_vmac_addr",
                "use_ipvlan",
                "vmac_garp_intvl",
            ],
        ),
        (
            Differs(
                "strict mode is not supported: keepalived in strict mode drops authentication and other things",
            ),
            &["strict_mode"],
        ),
        (
            Differs(NO_TRACKING),
            &["track_file", "track_process", "track_bfd", "track_src_ip"],
        ),
        (
            Differs(NO_NOTIFY),
            &[
                "notify",
                "notify_master",
                "notify_backup",
                "notify_fault",
                "notify_stop",
                "notify_deleted",
                "notify_master_rx_lower_pri",
                "notify_priority_changes",
            ],
        ),
        (
            Differs("it is not supported yet"),
            &[
                "no_accept",
                "down_timer_adverts",
                "timer_expired_backup",
                "thread_timer_expired",
                "lower_prio_no_advert",
                "higher_prio_send_advert",
                "owner_ignore_adverts",
                "dont_track_primary",
                "check_unicast_src",
                "garp_extra_if",
                "promote_secondaries",
                "track_group",
            ],
        ),
        (Harmless("it is the default"), &["accept"]),
        (
            Harmless("announcements are paced as they are"),
            &["garp_lower_prio_delay", "garp_lower_prio_repeat"],
        ),
        (
            Harmless("every advert is checked; it costs nothing here"),
            &["skip_check_adv_addr"],
        ),
        (
            Harmless("both checksum forms are accepted"),
            &["old_unicast_checksum"],
        ),
        (Harmless(OWN_PROCESS), &["debug", "kernel_rx_buf_size"]),
        (Harmless(IPVS), &["lvs_sync_daemon_interface"]),
    ],
};
