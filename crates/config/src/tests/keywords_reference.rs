//! The features of keepalived that a reader must or should know, line by line: each is read, or
//! named with a reason, never unknown.

use super::*;

/// A feature, where its lines stand (`R`: top level, `G`: global_defs, `I`: vrrp_instance, `S`:
/// vrrp_script, `V`: virtual_server), the lines.
#[rustfmt::skip]
const ROWS: &[(&str, char, &str)] = &[
    ("1.0 grammar", 'R', "! note\nvrrp_script s\n{\nscript \"/bin/true\" # note\n}"),
    ("1.0 root keywords", 'R', "net_namespace x\nnet_namespace_ipvs x\nnamespace_with_ipsets\ninstance x\nuse_pid_dir\nlinkbeat_use_polling\nchild_wait_time 5\nlinkbeat_interfaces { eth0 }\ntrack_group G { group { A } }\nstatic_ipaddress { 10.0.0.9 }\nstatic_routes { }\nstatic_rules { }\nvrrp_sync_group G { group { A } }\ngarp_group { garp_interval 1 }\nvrrp_track_process p { process nginx }\ntrack_file f { file /f }\nvrrp_track_file f { file /f }\ninterface_up_down_delays { eth0 1 1 }\nbfd_instance b { neighbor_ip 10.0.0.2 }\nSSL { password x }"),
    ("1.0 conditional", 'I', "@host priority 9\n@^host priority 8"),
    ("1.0 variables", 'R', "$P=9\n$Q=${P}"),
    ("1.0 sequences", 'R', "~SEQ(N,1,2) $X${N}=1\n~LST(N,1,2) $Y=${N}"),
    ("1.0 legacy", 'V', "lb_algo rr\nlb_kind DR"),
    ("1.1 identity", 'G', "router_id x\nprocess_name x\nvrrp_process_name x\numask 077\ndata_use_instance\ninstance x\nuse_pid_dir\nuse_symlink_paths\nrandom_seed 1\nconfig_save_dir /x\ntmp_config_directory /x\nset_supplementary_groups"),
    ("1.1 script security", 'G', "script_user nobody\nenable_script_security"),
    ("1.1 VRRP defaults", 'G', "vrrp_version 3\nvrrp_mcast_group4 224.0.0.18\nvrrp_mcast_group6 ff02::12\ndefault_interface eth0\nvrrp_strict\nvrrp_check_unicast_src\nvrrp_skip_check_adv_addr\nv3_checksum_as_v2\nvrrp_down_timer_adverts 3\nvrrp_lower_prio_no_advert\nvrrp_higher_prio_send_advert\nvrrp_owner_ignore_adverts\nlog_unknown_vrids\ndisable_local_igmp"),
    ("1.1 GARP defaults", 'G', "vrrp_garp_master_delay 5\nvrrp_garp_master_repeat 5\nvrrp_garp_master_refresh 60\nvrrp_garp_master_refresh_repeat 1\nvrrp_garp_lower_prio_delay 1\nvrrp_garp_lower_prio_repeat 1\nvrrp_garp_interval 0.1\nvrrp_gna_interval 0.1\nvrrp_min_garp\nvrrp_garp_extra_if 1\nvrrp_vmac_garp_intvl 1"),
    ("1.1 start-up", 'G', "vrrp_startup_delay 2\nvrrp_delay_after_boot 60"),
    ("1.1 dynamic interfaces", 'G', "dynamic_interfaces allow_if_changes"),
    ("1.1 notify", 'G', "notify_fifo /f\nnotify_fifo_script /f\nvrrp_notify_fifo /f\nlvs_notify_fifo /f\nvrrp_notify_priority_changes\nfifo_write_vrrp_states_on_reload\nrs_init_notifies"),
    ("1.1 scheduling", 'G', "vrrp_priority -5\nvrrp_no_swap\nvrrp_rt_priority 1\nvrrp_cpu_affinity 0\nvrrp_rlimit_rttime 1\nchecker_priority 0\nbfd_priority 0\nmax_auto_priority 1\nmin_auto_priority_delay 1"),
    ("1.1 dumps", 'G', "json_version 1\nstate_dump_file /x\nstats_dump_file /x\njson_dump_file /x"),
    ("1.1 reload", 'G', "reload_check_config\nreload_time_file /x\nreload_repeat\nreload_file"),
    ("1.1 namespaces", 'R', "net_namespace x"),
    ("1.2 core", 'I', "state BACKUP\npriority 9\nadvert_int 1\nversion 3\nnative_ipv6\ndebug 1\nvrf x"),
    ("1.2 VIPs", 'I', "virtual_ipaddress_excluded { 10.0.1.1/24 brd - dev eth1 scope link label eth1:0 home -nodad no_track }\nno_virtual_ipaddress\npromote_secondaries"),
    ("1.2 routes and rules", 'I', "virtual_routes { 10.1.0.0/16 via 10.0.0.254 }\nvirtual_rules { from 10.0.0.1 table 1 }"),
    ("1.2 PASS and AH", 'I', "authentication {\nauth_type AH\nauth_pass x\n}"),
    ("1.2 auth_hmac", 'I', "auth_hmac { key 1 ascii:x }"),
    ("1.2 unicast", 'I', "unicast_src_ip 10.0.0.2\nunicast_peer { 10.0.0.3 min_ttl 255 }\nunicast_ttl 255\ncheck_unicast_src\nunicast_fault_no_peer\nold_unicast_checksum never"),
    ("1.2 multicast", 'I', "mcast_src_ip 10.0.0.2\nmcast_dst_ip 224.0.0.18\ntrack_src_ip"),
    ("1.2 preempt", 'I', "preempt\npreempt_delay 5"),
    ("1.2 GARP", 'I', "garp_master_delay 5\ngarp_master_repeat 5\ngarp_master_refresh 5\ngarp_master_refresh_repeat 5\ngarp_lower_prio_delay 1\ngarp_lower_prio_repeat 1\ngarp_extra_if all\nvmac_garp_intvl 1"),
    ("1.2 timing", 'I', "down_timer_adverts 3\ntimer_expired_backup\nthread_timer_expired\nkernel_rx_buf_size 1"),
    ("1.2 advert policy", 'I', "lower_prio_no_advert\nhigher_prio_send_advert\nowner_ignore_adverts\nskip_check_adv_addr\nstrict_mode\nv3_checksum_as_v2"),
    ("1.2 tracking", 'I', "track_interface { eth1 weight 5 }\ntrack_script { s }\ntrack_file { f }\ntrack_process { p }\ntrack_bfd { b }\ndont_track_primary"),
    ("1.2 notify", 'I', "notify /x\nnotify_master /x\nnotify_backup /x\nnotify_fault /x\nnotify_stop /x\nnotify_deleted /x\nnotify_master_rx_lower_pri /x\nnotify_priority_changes\nsmtp_alert"),
    ("1.3 vrrp_script", 'S', "interval 1.5\ntimeout 1\nweight 5\nrise 2\nfall 2\nuser nobody\ninit_fail"),
    ("1.4 scheduler", 'V', "lvs_sched sh\nhashed\nops\nsh-port\nsh-fallback\nmh-port\nmh-fallback\nflag-1"),
    ("1.4 persistence", 'V', "persistence_timeout 50\npersistence_granularity 255.255.255.0\npersistence_engine sip"),
    ("1.4 health flow", 'V', "delay_loop 6\nconnect_timeout 5\nretry 1\ndelay_before_retry 1\nwarmup 1\nalpha\nomega\nha_suspend\nlog_all_failures"),
    ("1.4 quorum", 'V', "quorum 1\nhysteresis 0\nquorum_up /x\nquorum_down /x\nsorry_server 10.0.0.9 80\nsorry_server_inhibit\nsorry_server_lvs_method DR"),
    ("1.4 real_server", 'V', "real_server 10.0.0.12 80 {\nweight 2\ninhibit_on_failure\nnotify_up /x\nnotify_down /x\nuthreshold 5\nlthreshold 1\nvirtualhost x\nsnmp_name x\nsmtp_alert\n}"),
    ("1.4 checkers", 'V', "real_server 10.0.0.12 80 {\nHTTP_GET {\nurl { path /\nstatus_code 200\ndigest x\nregex x }\nhttp_protocol 1.1\nbindto 10.0.0.2\nconnect_port 8080\n}\nMISC_CHECK { misc_path /x }\nFILE_CHECK { track_file f }\nSSL_GET { url { path / } }\n}"),
];

#[test]
fn every_feature_is_read_or_named() {
    let sections = [
        ('R', "%"),
        ('G', "global_defs {\n%\n}"),
        (
            'I',
            "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n%\n}",
        ),
        ('S', "vrrp_script s {\nscript /bin/true\n%\n}"),
        (
            'V',
            "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlvs_method DR\nreal_server 10.0.0.11 80 { TCP_CHECK { } }\n%\n}",
        ),
    ];
    for (feature, block, text) in ROWS {
        let (_, around) = sections.iter().find(|(name, _)| name == block).unwrap_or(&sections[0]);
        for mode in [Mode::Strict, Mode::Lenient] {
            let said = lines(&around.replace('%', text), Language::Keepalived, mode);
            for wrong in [
                "unknown keyword",
                "stay as it is",
                "takes no block",
                "is not closed",
                "needs a value",
            ] {
                assert!(!said.iter().any(|line| line.contains(wrong)), "{feature}: {said:?}");
            }
        }
    }
}
