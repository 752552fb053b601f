//! The conformance list of VRRP in this project: each case with its number, the level at which it
//! is tested, and its tests. Packet rows are not listed: a row whose sentence begins with "VC-nnn"
//! belongs to case nnn.

use Level::{Config, Kernel, Lab, Machine, Row, Sim, Unit};

/// The level at which a case is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Packet rows, on the host's parser and on the loaded program.
    Row,
    /// The pure state machine and its timing.
    Machine,
    /// Other code besides the state machine.
    Unit,
    /// Validation of the configuration.
    Config,
    /// The kernel's own tables and sockets.
    Kernel,
    /// The simulation of several nodes.
    Sim,
    /// Real daemons in namespaces.
    Lab,
    NotBuilt,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Row => "row",
            Machine => "machine",
            Unit => "unit",
            Config => "config",
            Kernel => "kernel",
            Sim => "simulation",
            Lab => "lab",
            Level::NotBuilt => "not built",
        }
    }
}

pub struct Case {
    pub number: u16,
    pub title: &'static str,
    pub level: Level,
    /// Names of test functions.
    pub tests: &'static [&'static str],
    /// What of the case is not implemented, and why.
    pub lacks: Option<&'static str>,
}

impl Case {
    /// The case holds except for this.
    const fn but(self, lacks: &'static str) -> Self {
        Case { lacks: Some(lacks), ..self }
    }
}

const fn case(
    number: u16,
    title: &'static str,
    level: Level,
    tests: &'static [&'static str],
) -> Case {
    Case { number, title, level, tests, lacks: None }
}

const fn row(number: u16, title: &'static str) -> Case {
    case(number, title, Row, &[])
}

const fn not_built(number: u16, title: &'static str, why: &'static str) -> Case {
    case(number, title, Level::NotBuilt, &[]).but(why)
}

const MIXED: &str = "running versions 2 and 3 side by side is not built";
const OWNER: &str =
    "there is no setting for it: an owner processes adverts, as erratum 8298 requires";
const LIST: &str = "only an advert that lists none of our addresses is dropped, in both versions and from an owner too; an advert with any other list is counted and processed";

/// Every case, in the order of its numbers.
#[rustfmt::skip]
pub const TABLE: &[Case] = &[
    row(1, "IPv4 TTL is not 255: dropped"),
    row(2, "IPv6 hop limit is not 255: dropped"),
    row(3, "an IPv4 fragment: dropped"),
    case(4, "an IPv6 fragment: dropped; other extension headers: walked", Row, &["vc004_extension_headers_are_walked_as_far_as_the_bound"]),
    row(5, "IP options before the message"),
    row(6, "impossible IP lengths: dropped"),
    row(7, "Ethernet padding is ignored"),
    row(8, "one or two VLAN tags"),
    row(9, "multicast router, advert to our own address: dropped"),
    row(10, "unicast router, advert to the group: dropped"),
    row(11, "our own source address: dropped"),
    row(12, "a source that no host has: dropped"),
    row(13, "IPv6 source is not link-local: dropped"),
    row(14, "a source that is no peer: dropped"),
    row(15, "unicast: TTL 255, or the range of that peer"),
    row(16, "source MAC physical or virtual: both accepted").but("no mode that refuses the physical MAC: keepalived sends it by default"),
    row(17, "more adverts than an honest master sends: dropped, others not starved").but("only valid adverts are metered: invalid ones are dropped anyway, and a bucket for them could be filled with forged sources"),
    row(18, "traffic that is not ours passes untouched"),
    row(20, "a message of 0 to 7 bytes: dropped"),
    row(21, "an unknown version: dropped"),
    row(22, "the other version: dropped"),
    row(23, "version 2 over IPv6: dropped"),
    row(24, "a type other than 1: dropped"),
    row(25, "a VRID that is not configured: dropped"),
    row(26, "a VRID of another interface: dropped"),
    row(27, "one VRID in both families is two virtual routers"),
    case(28, "VRID 0: dropped, and refused in a file", Row, &["vc028_vrid_0_is_refused"]),
    row(29, "more addresses announced than sent: dropped"),
    case(30, "bytes behind the address list: dropped", Row, &["vc030_a_trailer_is_distinguished_from_a_wrong_length"]),
    row(31, "version 2 without authentication data: dropped"),
    row(32, "no addresses: dropped"),
    case(33, "255 addresses, or 90 over IPv6", Row, &["vc033_ninety_addresses_are_read_and_more_are_refused"]),
    case(34, "version 3 checksum over the message only: accepted, counted", Row, &["vc034_a_sum_over_the_message_only_is_accepted_and_counted"]),
    row(35, "version 3 checksum with pseudo-header: accepted"),
    row(36, "a checksum that is valid in neither form: dropped"),
    case(37, "IPv6 checksum without its pseudo-header: dropped", Row, &["vc037_a_sum_without_the_pseudo_header_or_with_another_is_refused"]),
    row(38, "version 2 checksum with a pseudo-header: dropped"),
    row(39, "checksum 0x0000 and 0xffff are one number"),
    not_built(40, "a mode that accepts one form of checksum only", "both forms are always accepted: an attacker can compute either form, so a strict mode gives no protection"),
    row(41, "a pseudo-header of another destination: dropped").but("no mode that accepts the unicast checksum of keepalived before 1.3.7"),
    row(42, "reserved bits are ignored"),
    row(43, "interval 0: dropped"),
    case(44, "an absurd interval is learned up to a bound", Machine, &["vc044_an_absurd_interval_is_clamped", "vc044_learned_interval_is_clamped"]),
    row(45, "IPv6: first address not link-local: accepted").but("neither logged nor counted on reception: a configuration that would send it is warned of (VC-119)"),
    row(46, "another authentication type, or an unknown one: dropped"),
    row(47, "a wrong password: dropped"),
    row(48, "authentication data without authentication is ignored"),
    row(49, "version 2: another interval: dropped"),
    case(50, "version 3: another interval: accepted, counted", Row, &["vc050_another_interval_is_accepted_and_counted"]),
    row(51, "version 2, list check on: another list: dropped").but(LIST),
    row(52, "version 2, list check on: another list of an owner: processed").but(LIST),
    case(53, "version 3: another list: processed, counted", Row, &["vc053_another_address_list_is_accepted_and_counted"]),
    case(54, "the list in another order is the same list", Row, &["vc054_the_order_of_the_addresses_does_not_matter"]),
    not_built(55, "version 2 owner: every advert dropped", OWNER),
    not_built(56, "version 3 owner: an advert logged, a setting to drop it", OWNER),
    case(57, "log lines are far fewer than adverts", Unit, &["vc057_odd_adverts_are_logged_less_and_less"]).but("discards are counted by reason and never logged; no notification is sent"),
    row(58, "an invalid advert changes nothing"),
    row(59, "several faults: the first rule alone counts"),
    row(60, "a valid advert is counted, priority 0 besides"),
    case(61, "owner: active at once", Machine, &["vc061_the_owner_is_master_at_once"]),
    case(62, "not owner: backup, and listens for a whole down interval", Machine, &["vc062_a_starting_backup_listens_for_a_whole_down_interval"]),
    case(63, "before startup an advert does nothing", Machine, &["vc063_before_startup_no_advert_does_anything"]),
    case(64, "no virtual address, or no source address: no election", Machine, &["vc064_without_a_source_address_the_router_stays_in_init", "vc064_a_router_without_addresses_is_refused"]),
    case(65, "announcements wait for the addresses", Kernel, &["vc065_announcements_wait_for_the_addresses"]),
    case(66, "defaults", Config, &["vc066_the_defaults_are_the_rfcs"]).but("no Accept_Mode: the stack takes packets for its addresses, as with keepalived and FRR"),
    case(67, "an owner always preempts", Machine, &["vc067_the_owner_preempts_whatever_is_configured", "vc067_an_owner_preempts_even_with_preemption_off"]),
    row(68, "backup: silent to ARP and solicitations"),
    row(69, "backup: frames to the virtual MAC dropped"),
    row(70, "backup: packets to the address dropped"),
    case(71, "backup: shutdown without an advert", Machine, &["vc071_a_backup_stops_without_an_advert"]),
    case(72, "down timer: advert, address, announcement, in this order", Machine, &["vc072_a_takeover_sends_the_advert_first_and_the_announcement_last"]),
    not_built(73, "takeover over IPv6: solicited-node groups, router advertisements", "the kernel joins the groups with the addresses; router advertisements are left to radvd"),
    case(74, "priority 0: only the skew is left", Machine, &["vc074_075_076_priority_zero_leaves_only_the_skew"]),
    case(75, "priority 0, then a better master: no promotion", Machine, &["vc074_075_076_priority_zero_leaves_only_the_skew"]),
    case(76, "priority 0 from any router", Machine, &["vc074_075_076_priority_zero_leaves_only_the_skew"]),
    case(77, "priority at least ours: timer restarted", Machine, &["vc077_078_which_adverts_reset_the_master_down_timer"]),
    case(78, "lower priority: timer goes on", Machine, &["vc077_078_which_adverts_reset_the_master_down_timer", "vc078_outwaiting_a_lower_master_is_preemption"]),
    case(79, "lower priority without preemption: timer restarted", Machine, &["vc079_080_without_preempt_a_lower_master_is_followed_until_it_dies"]),
    case(80, "without preemption a dead master is replaced", Machine, &["vc079_080_without_preempt_a_lower_master_is_followed_until_it_dies"]),
    case(81, "version 2 keeps its own interval", Machine, &["vc081_v2_keeps_its_own_interval"]),
    case(82, "version 3 learns the interval, and skew with it", Machine, &["vc082_083_084_v3_learns_from_accepted_adverts_only"]),
    case(83, "two masters: the interval of the last accepted advert is learned", Machine, &["vc082_083_084_v3_learns_from_accepted_adverts_only"]),
    case(84, "no interval is learned from a discarded advert", Machine, &["vc082_083_084_v3_learns_from_accepted_adverts_only"]),
    case(85, "advert and timer in one tick: the advert first", Machine, &["vc085_an_advert_in_the_same_tick_goes_before_the_timer"]),
    case(86, "a timer of an earlier time is ignored", Machine, &["vc086_a_late_or_early_timeout_of_an_old_deadline_does_nothing"]),
    case(87, "preemption delayed", Machine, &["vc087_preempt_delay_follows_a_lower_master_and_then_outwaits_it"]),
    case(88, "own priority changes: the timer moves by the skew", Machine, &["vc088_a_priority_change_moves_the_timer_by_the_skew_but_never_into_the_past"]),
    row(90, "active: ARP answered with the virtual MAC"),
    row(91, "active: solicitations answered").but("router advertisements for the virtual router are left to radvd"),
    row(92, "active: frames to the virtual MAC are forwarded"),
    row(93, "active: packets to the address are delivered").but("no Accept_Mode: they are never refused"),
    row(94, "neighbour discovery of others for the address is not dropped"),
    case(95, "the advert timer: own interval, own priority", Machine, &["vc095_109_the_cadence_is_kept_and_the_interval_is_ours"]),
    case(96, "active, priority 0 received: an advert, timer restarted", Machine, &["vc096_a_master_answers_a_release_at_once_and_restarts_its_timer"]),
    case(97, "active, higher priority received: yields", Machine, &["vc097_098_a_master_yields_to_its_better_and_learns_its_interval"]),
    case(98, "active, equal priority and higher address received: yields", Machine, &["vc097_098_a_master_yields_to_its_better_and_learns_its_interval"]),
    case(99, "active, equal priority and lower address received: stays", Machine, &["vc099_a_master_stays_before_an_equal_of_lower_address"]),
    case(100, "active, our own address received: nothing", Machine, &["vc100_a_masters_own_advert_come_back_does_nothing"]),
    case(101, "active, lower priority received: one advert, timer untouched", Machine, &["vc101_an_answer_to_a_lower_master_is_limited_and_leaves_the_timer"]),
    case(102, "the same in version 2", Machine, &["vc102_v2_answers_too"]).but("version 2 answers too, as keepalived does: no mode that is silent as RFC 3768 has it"),
    case(103, "active without preemption yields all the same", Machine, &["vc103_a_master_without_preempt_yields_to_its_better"]),
    case(104, "the tie-break is unsigned, in network order", Machine, &["vc104_the_tie_break_is_unsigned_in_network_order", "vc104_the_tie_break_compares_whole_addresses"]),
    case(105, "the tie-break compares the source address of our adverts, never a virtual one", Unit, &["the_primary_address_is_the_first_that_is_the_hosts_own", "the_primary_ipv6_address_is_a_link_local_one_that_may_be_used"]),
    case(106, "two owners: the higher address stays", Machine, &["vc067_the_owner_preempts_whatever_is_configured", "vc106_an_owner_stays_before_an_owner_of_lower_address"]),
    case(107, "active: shutdown sends priority 0 once", Machine, &["vc107_132_a_stop_ends_the_lease_and_then_sends_one_release"]),
    case(108, "tracking lowers the priority of the next advert", Machine, &["vc108_a_lowered_priority_is_in_the_next_advert_and_in_the_kernel_with_it", "vc108_the_sum_is_clamped_to_1_and_254"]),
    case(109, "the interval we send is the configured one", Machine, &["vc095_109_the_cadence_is_kept_and_the_interval_is_ours"]),
    case(110, "version 2 timers", Machine, &["vc110_v2_vectors"]),
    case(111, "version 3 timers", Machine, &["vc111_v3_vectors"]),
    case(112, "skew falls with priority at every interval", Machine, &["vc112_skew_strictly_decreases_with_priority_at_every_interval"]),
    case(113, "the down interval lies between three and four intervals", Machine, &["vc113_v3_down_interval_lies_between_three_and_four_intervals"]),
    case(114, "nothing is narrowed or rounded to seconds", Machine, &["vc114_centiseconds_are_not_seconds_and_nothing_is_narrowed"]),
    case(115, "the wall clock moves no timer", Unit, &["vc115_time_counts_from_boot_and_not_by_the_wall_clock"]),
    case(116, "a stalled node reads its socket before it handles its timer", Machine, &["vc116_a_stalled_master_without_a_successor_goes_on", "vc116_a_stalled_master_that_was_replaced_steps_down"]),
    case(117, "source, group, TTL, class, virtual MAC of what we send", Unit, &["vc117_a_frame_carries_group_source_ttl_class_and_virtual_mac", "adverts_cross_a_link", "ipv6_adverts_cross_a_link"]),
    case(118, "our address changes while active", Machine, &["vc118_a_new_source_address_is_advertised_at_once_and_none_ends_the_mastership"]),
    case(119, "IPv6: a first address that is not link-local: a warning", Config, &["vc119_a_first_ipv6_address_that_is_not_link_local_is_warned_of"]),
    case(120, "the form of checksum we send is a setting", Unit, &["vc120_the_form_of_the_sum_is_the_configured_one_and_ipv6_has_no_choice"]),
    case(121, "unicast: one copy for each peer", Unit, &["vc121_unicast_adverts_differ_in_nothing_but_the_pseudo_header", "a_unicast_socket_receives_packets_to_this_host"]),
    case(122, "what is announced, and how often", Unit, &["vc122_a_takeover_is_announced_now_and_again_after_the_delay", "vc122_an_unsolicited_advertisement_is_as_the_rfc_has_it", "an_arp_announcement_reads_back"]),
    case(123, "advert of a lower master received while active: announced again", Unit, &["vc123_after_a_lower_master_the_caches_are_corrected_thrice", "vc101_an_answer_to_a_lower_master_is_limited_and_leaves_the_timer"]),
    case(124, "an advert that cannot be sent is counted, the timer goes on", Kernel, &["vc124_an_advert_that_cannot_be_sent_is_counted_and_the_timer_goes_on", "the_membership_survives_a_flap_and_a_dead_link_is_an_error"]),
    case(125, "virtual MAC and IPv6 addresses of the host", Kernel, &["an_ipv6_address_is_usable_at_once"]).but("no interface has the virtual MAC, so no identifier can come of it; duplicate detection is off for virtual addresses"),
    case(126, "interface down while active", Machine, &["vc126_a_master_whose_interface_goes_down_is_inactive_and_tries_to_release"]),
    case(127, "interface up again: as new", Machine, &["vc127_an_interface_that_comes_back_starts_in_backup_and_listens_for_a_whole_down_interval"]),
    case(128, "addresses change while active", Machine, &["vc128_changed_settings_of_a_master_are_advertised_at_once", "a_reload_changes_what_changed_and_loses_nothing"]).but("all addresses are announced again, not the new ones only; a file without addresses is refused"),
    case(129, "a killed agent is replaced and falls silent", Sim, &["a_killed_agents_node_serves_until_its_successor_advertises", "an_agent_that_is_killed_or_stopped_leaves_no_gap_and_falls_silent"]),
    case(130, "an agent restarted", Machine, &["vc130_only_an_unfenced_mastership_is_resumed_and_without_announcing", "an_agent_restarted_within_its_lease_keeps_its_mastership", "an_agent_started_again_at_once_goes_on_as_master"]),
    case(131, "a reload without a change changes nothing", Unit, &["vc131_the_same_file_again_changes_nothing"]),
    case(132, "SIGTERM: a stop of all virtual routers", Lab, &["vc107_132_a_stop_ends_the_lease_and_then_sends_one_release", "a_graceful_stop_hands_over_without_a_gap", "an_agent_that_is_killed_or_stopped_leaves_no_gap_and_falls_silent"]),
    not_built(133, "both versions sent each interval", MIXED),
    not_built(134, "a version 2 master's interval translated", MIXED),
    not_built(135, "version 2 adverts of a node that sends version 3 ignored", MIXED),
    row(136, "routers of two versions: both active, each counts").but("no alarm of its own: alert on the drop reasons version_mismatch and interval_mismatch"),
    case(137, "HMAC required: none, dropped", Unit, &["vc137_an_advert_without_a_trailer_is_dropped_only_where_one_is_required", "vc137_a_roll_out_step_by_step_loses_no_advert", "vc137_the_checksum_of_an_ipv6_advert_covers_its_trailer"]),
    case(138, "HMAC: wrong key, code or reserved bits, dropped", Unit, &["vc138_a_present_trailer_is_verified_in_every_mode", "vc138_every_changed_bit_but_of_the_checksum_is_refused_by_its_reason_and_moves_no_mark", "vc138_a_trailer_of_another_source_router_or_key_is_refused", "vc138_any_of_the_keys_is_accepted_so_keys_are_changed_without_a_loss"]),
    case(139, "HMAC: replay, dropped", Unit, &["vc139_an_advert_heard_before_is_dropped_also_after_a_reload", "vc139_each_source_has_a_mark_of_its_own_and_the_one_heard_least_recently_makes_room", "vc139_serial_numbers_are_compared_across_their_end", "vc139_a_mark_that_a_wrong_clock_set_is_no_bar_once_clocks_are_right"]),
    case(140, "HMAC: too old, dropped", Unit, &["vc140_an_advert_from_outside_of_the_window_is_dropped_before_its_key_and_mac_are_looked_at", "vc140_the_window_is_three_intervals_within_bounds"]),
];
