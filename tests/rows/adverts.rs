//! Rows of the VRRP filter: the validation of one advert.

use vrrp_common::counter::RouterCounter::{Fenced, PriorityZeroReceived};
use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::trailer;

use super::frame::Frame;
use super::world::{BACK_IFINDEX, CLIENT, NODE1, NODE2, PASSWORD, VIP1, VIP2, VRID1, World};
use super::{Count, Row, Seen, accepted, rejected, row};

/// Offsets in the VRRP message.
const VERSION_TYPE: usize = 0;
pub const VRID: usize = 1;
pub const PRIORITY: usize = 2;
const COUNT: usize = 3;
/// Version 2: authentication type; version 3: high byte of the interval.
const AUTH: usize = 4;
pub const INTERVAL: usize = 5;
pub const CHECKSUM: usize = 6;
pub const PASSWORD_AT: usize = 12;

pub const DOT1Q: u16 = 0x8100;
const DOT1AD: u16 = 0x88a8;
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];

pub fn rows() -> Vec<Row> {
    let mut rows = ip_rows();
    rows.extend(frame_rows());
    rows.extend(message_rows());
    rows.extend(version2_rows());
    rows.extend(version3_rows());
    rows.extend(hmac_rows());
    rows.extend(truncated_rows());
    rows
}

fn ip_rows() -> Vec<Row> {
    let ttl = |ttl| {
        rejected(
            format!("VC-001 TTL {ttl}, priority 255"),
            Frame::v2().set(PRIORITY, &[255]).ttl(ttl).build(),
            Reason::Ttl,
        )
    };
    let from = |source| {
        rejected(
            format!("VC-012 source {source:?} is no host's"),
            Frame::v2().source(source).build(),
            Reason::Source,
        )
    };
    vec![
        ttl(0),
        ttl(1),
        ttl(64),
        ttl(254),
        rejected(
            "VC-003 first fragment (MF)",
            Frame::v2().fragment(0x2000).build(),
            Reason::Fragment,
        ),
        rejected(
            "VC-003 later fragment (offset 1)",
            Frame::v2().fragment(1).build(),
            Reason::Fragment,
        ),
        rejected(
            "VC-003 last fragment at the largest offset",
            Frame::v2().fragment(0x1fff).build(),
            Reason::Fragment,
        ),
        accepted(
            "VC-003 DF and the reserved bit make no fragment",
            Frame::v2().fragment(0xc000).build(),
            0,
        ),
        accepted(
            "VC-005 router alert option: the message begins at IHL * 4",
            Frame::v2().options(&ROUTER_ALERT).build(),
            0,
        ),
        accepted("VC-005 forty bytes of options", Frame::v2().options(&[1; 40]).build(), 0),
        accepted(
            "VC-005 options before a version 3 advert",
            Frame::v3().options(&ROUTER_ALERT).build(),
            1,
        ),
        rejected("VC-006 IHL 0", Frame::v2().ihl(0).build(), Reason::Length),
        rejected("VC-006 IHL 4", Frame::v2().ihl(4).build(), Reason::Length),
        rejected(
            "VC-006 IHL reaches beyond the message's first bytes",
            Frame::v2().ihl(15).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 IHL * 4 + 8 is more than the total length",
            Frame::v2().total_len(27).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 total length shorter than the header",
            Frame::v2().total_len(19).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 total length one byte too long",
            Frame::v2().total_len(41).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 total length 2^13 too long",
            Frame::v2().total_len(40 + (1 << 13)).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 total length 65535",
            Frame::v2().total_len(65_535).build(),
            Reason::Length,
        ),
        rejected(
            "VC-009 sent to us alone, and the virtual router listens to the group",
            Frame::v2().destination(NODE1).build(),
            Reason::Destination,
        ),
        rejected(
            "VC-010 sent to the group, and the virtual router listens to its own address",
            Frame::v2().build(),
            Reason::Destination,
        )
        .when(|world| world.routers[0].destination = Address::v4(NODE1)),
        rejected(
            "VC-011 our own source address",
            Frame::v2().source(NODE1).build(),
            Reason::OwnSource,
        ),
        from([0, 0, 0, 0]),
        from([127, 0, 0, 1]),
        from([224, 0, 0, 18]),
        from([255, 255, 255, 255]),
        rejected(
            "VC-014 an unknown source, and node 2 is the only peer",
            Frame::v2().source(CLIENT).build(),
            Reason::Peer,
        )
        .when(|world| world.peers(&[NODE2])),
        accepted("VC-014 node 2, and node 2 is the only peer", Frame::v2().build(), 0)
            .when(|world| world.peers(&[NODE2])),
        accepted("VC-014 the last of eight peers", Frame::v2().build(), 0).when(|world| {
            world.peers(&[CLIENT, CLIENT, CLIENT, CLIENT, CLIENT, CLIENT, CLIENT, NODE2])
        }),
        rejected("VC-014 an address behind the peers in use", Frame::v2().build(), Reason::Peer)
            .when(|world| {
                world.peers(&[CLIENT, NODE2]);
                world.routers[0].peer_count = 1;
            }),
        accepted(
            "VC-016 source MAC of the virtual router",
            Frame::v2().source_mac([0, 0, 0x5e, 0, 1, VRID1]).build(),
            0,
        ),
        accepted("VC-016 source MAC physical, as keepalived sends it", Frame::v2().build(), 0),
    ]
}

/// The trailer itself is verified behind the socket.
fn hmac_rows() -> Vec<Row> {
    let signed = || Frame::v2().trailing(trailer::LEN);
    let better = || Frame::v2().set(PRIORITY, &[200]).trailing(trailer::LEN).build();
    vec![
        accepted("VC-137 a trailer where adverts are authenticated", signed().build(), 0)
            .when(|world| world.hmac(false)),
        accepted("VC-137 a trailer where it is required", signed().build(), 0)
            .when(|world| world.hmac(true)),
        accepted("VC-137 no trailer, and none is required", Frame::v2().build(), 0)
            .when(|world| world.hmac(false)),
        rejected(
            "VC-137 no trailer where one is required",
            Frame::v2().build(),
            Reason::AuthMissing,
        )
        .when(|world| world.hmac(true)),
        rejected(
            "VC-030 a trailer where nothing is authenticated",
            signed().build(),
            Reason::Length,
        ),
        rejected(
            "VC-137 a trailer one byte short",
            Frame::v2().trailing(trailer::LEN - 1).build(),
            Reason::Length,
        )
        .when(|world| world.hmac(true)),
        accepted(
            "VC-138 a better master's signed advert, lease good: the agent verifies, and yields",
            better(),
            0,
        )
        .when(|world| {
            world.hmac(true);
            world.active();
        }),
        accepted(
            "VC-138 another master's signed advert, lease lapsed: fenced unverified",
            better(),
            0,
        )
        .when(|world| {
            world.hmac(true);
            world.lapsed();
        })
        .counts(&[Count::Router(0, Fenced)]),
    ]
}

fn frame_rows() -> Vec<Row> {
    let tagged = |tags: &[(u16, u16)]| {
        tags.iter().fold(Frame::v2(), |frame, &(protocol, tci)| frame.tagged(protocol, tci)).build()
    };
    vec![
        accepted("VC-007 padded to 60 bytes", Frame::v2().padded_to(60).build(), 0),
        accepted("VC-007 version 3, padded to 60 bytes", Frame::v3().padded_to(60).build(), 1),
        accepted("VC-008 one VLAN tag", tagged(&[(DOT1Q, 100)]), 0)
            .when(|world| world.in_vlan(100)),
        accepted("VC-008 the tag's priority bits are not its VID", tagged(&[(DOT1Q, 0xe064)]), 0)
            .when(|world| world.in_vlan(100)),
        accepted("VC-008 two VLAN tags", tagged(&[(DOT1AD, 5), (DOT1Q, 100)]), 0)
            .when(|world| world.in_vlan(5 << 12 | 100)),
        accepted("VC-008 a priority tag (VID 0) is no VLAN", tagged(&[(DOT1Q, 0)]), 0),
        row(
            "VC-008 another VLAN than the virtual router's: its own interface sees to it",
            tagged(&[(DOT1Q, 101)]),
            Seen::Foreign,
        )
        .when(|world| world.in_vlan(100)),
        rejected("VC-008 untagged, and the virtual router is in a VLAN", tagged(&[]), Reason::Vrid)
            .when(|world| world.in_vlan(100)),
        row(
            "VC-008 tagged, and the virtual router is not in a VLAN",
            tagged(&[(DOT1Q, 100)]),
            Seen::Foreign,
        ),
        row(
            "three VLAN tags are not ours to read",
            tagged(&[(DOT1AD, 1), (DOT1Q, 2), (DOT1Q, 3)]),
            Seen::Other,
        ),
        rejected("VC-026 the VRID is configured on another interface", tagged(&[]), Reason::Vrid)
            .when(|world| world.routers[0].ifindex = BACK_IFINDEX),
        row(
            "the agent has given the virtual router its place and not described it yet",
            tagged(&[]),
            Seen::Foreign,
        )
        .when(|world| {
            (world.routers[0].used, world.routers[0].destination) = (0, Address::UNSPECIFIED)
        }),
        row("a valid advert on an interface that is not ours", tagged(&[]), Seen::Advert(0))
            .when(|world| world.interface = None),
    ]
}

fn message_rows() -> Vec<Row> {
    let short = |len| {
        rejected(
            format!("VC-020 a message of {len} bytes"),
            Frame::v2().resize(len).build(),
            Reason::Length,
        )
    };
    let version = |version: u8| {
        rejected(
            format!("VC-021 version {version}"),
            Frame::v2().set(VERSION_TYPE, &[version << 4 | 1]).build(),
            Reason::Version,
        )
    };
    let kind = |kind: u8| {
        rejected(
            format!("VC-024 type {kind}"),
            Frame::v2().set(VERSION_TYPE, &[0x20 | kind]).build(),
            Reason::Type,
        )
    };
    let vrid =
        |says: &str, vrid| rejected(says, Frame::v2().set(VRID, &[vrid]).build(), Reason::Vrid);
    let mut rows: Vec<Row> = (0..8).map(short).collect();
    rows.extend([0, 1, 4, 5, 15].map(version));
    rows.extend([0, 2, 3, 15].map(kind));
    rows.extend([
        rejected(
            "VC-022 version 3 to a version 2 router",
            Frame::v3().set(VRID, &[VRID1]).build(),
            Reason::VersionMismatch,
        ),
        vrid("VC-025 VRID 99 is not configured", 99),
        vrid("VC-028 VRID 0", 0),
        row(
            "VC-025 VRID 99 where another daemon runs",
            Frame::v2().set(VRID, &[99]).build(),
            Seen::Foreign,
        )
        .when(World::foreign_passes),
        rejected(
            "VC-029 count 2, one address",
            Frame::v2().set(COUNT, &[2]).build(),
            Reason::Length,
        ),
        rejected(
            "VC-029 count 1, two addresses",
            Frame::v2_of(VRID1, 99, Some(PASSWORD), &[VIP1, VIP2]).set(COUNT, &[1]).build(),
            Reason::Length,
        ),
        rejected(
            "VC-030 28 bytes of a keepalived HMAC after the authentication data",
            Frame::v2().resize(48).build(),
            Reason::Length,
        ),
        rejected(
            "VC-032 count 0",
            Frame::v2_of(VRID1, 99, Some(PASSWORD), &[]).build(),
            Reason::CountZero,
        ),
        accepted(
            "VC-033 255 addresses",
            Frame::v2_of(VRID1, 99, Some(PASSWORD), &[VIP1; 255]).build(),
            0,
        ),
        rejected(
            "VC-033 255 addresses announced, 254 sent",
            Frame::v2_of(VRID1, 99, Some(PASSWORD), &[VIP1; 254]).set(COUNT, &[255]).build(),
            Reason::Length,
        ),
        rejected(
            "VC-033 255 addresses, one bit of the last wrong",
            Frame::v2_of(VRID1, 99, Some(PASSWORD), &[VIP1; 255]).corrupt(1_027, &[0]).build(),
            Reason::Checksum,
        ),
        accepted(
            "VC-054 the addresses in another order",
            Frame::v2_of(VRID1, 99, Some(PASSWORD), &[VIP2, VIP1]).build(),
            0,
        ),
        rejected(
            "VC-059 TTL 254, bad checksum and unknown VRID: the first check alone counts",
            Frame::v2().corrupt(VRID, &[99]).ttl(254).build(),
            Reason::Ttl,
        ),
        rejected(
            "VC-059 bad checksum and unknown VRID",
            Frame::v2().corrupt(VRID, &[99]).build(),
            Reason::Checksum,
        ),
        rejected(
            "VC-059 wrong password and interval 0",
            Frame::v2().set(INTERVAL, &[0]).set(PASSWORD_AT, b"2").build(),
            Reason::AuthPassword,
        ),
        accepted("VC-060 valid, priority above 0", Frame::v2().build(), 0),
        accepted("VC-060 valid, priority 0", Frame::v2().set(PRIORITY, &[0]).build(), 0)
            .counts(&[Count::Router(0, PriorityZeroReceived)]),
    ]);
    rows
}

fn version2_rows() -> Vec<Row> {
    let auth =
        |says: &str, kind, reason| rejected(says, Frame::v2().set(AUTH, &[kind]).build(), reason);
    let plain = || Frame::v2_of(VRID1, 99, None, &[VIP1]);
    vec![
        rejected("VC-031 no authentication data", Frame::v2().resize(12).build(), Reason::Length),
        rejected(
            "VC-036 checksum wrong by one bit",
            Frame::v2().corrupt(CHECKSUM, &[0]).build(),
            Reason::Checksum,
        ),
        rejected(
            "VC-036 priority changed on the way",
            Frame::v2().corrupt(PRIORITY, &[200]).build(),
            Reason::Checksum,
        ),
        rejected(
            "VC-038 checksum with pseudo-header",
            Frame::v2().seal_pseudo().build(),
            Reason::Checksum,
        ),
        accepted("VC-039 checksum 0x0000", zero_checksum([0, 0]), 0),
        accepted("VC-039 checksum 0xffff, the same number", zero_checksum([0xff, 0xff]), 0),
        auth("VC-046 no authentication where PASS is configured", 0, Reason::AuthMismatch),
        auth("VC-046 AH where PASS is configured", 2, Reason::AuthMismatch),
        auth("VC-046 authentication type 3 is unknown", 3, Reason::AuthType),
        auth("VC-046 authentication type 255 is unknown", 255, Reason::AuthType),
        rejected(
            "VC-046 PASS where no authentication is configured",
            Frame::v2().build(),
            Reason::AuthMismatch,
        )
        .when(World::without_auth),
        rejected(
            "VC-047 another password",
            Frame::v2().set(PASSWORD_AT, b"1112").build(),
            Reason::AuthPassword,
        ),
        rejected(
            "VC-047 the password and one more byte",
            Frame::v2().set(PASSWORD_AT + 7, b"1").build(),
            Reason::AuthPassword,
        ),
        rejected(
            "VC-047 an empty password",
            Frame::v2().set(PASSWORD_AT, &[0; 8]).build(),
            Reason::AuthPassword,
        ),
        accepted(
            "VC-048 authentication data without authentication is ignored",
            plain().set(PASSWORD_AT, b"whatever").build(),
            0,
        )
        .when(World::without_auth),
        accepted("no authentication, as configured", plain().build(), 0).when(World::without_auth),
        rejected(
            "VC-043 interval 0",
            Frame::v2().set(INTERVAL, &[0]).build(),
            Reason::IntervalZero,
        ),
        rejected(
            "VC-049 interval 2 s, ours is 1 s",
            Frame::v2().set(INTERVAL, &[2]).build(),
            Reason::IntervalMismatch,
        ),
        rejected(
            "VC-049 interval 255 s",
            Frame::v2().set(INTERVAL, &[255]).build(),
            Reason::IntervalMismatch,
        ),
    ]
}

/// A version 2 advert whose second address makes the checksum zero, transmitted as `checksum`.
fn zero_checksum(checksum: [u8; 2]) -> Vec<u8> {
    let frame = Frame::v2_of(VRID1, 99, Some(PASSWORD), &[VIP1, [0; 4]]);
    let lacking = frame.message()[CHECKSUM..CHECKSUM + 2].to_vec();
    frame.corrupt(12, &lacking).corrupt(CHECKSUM, &checksum).build()
}

fn version3_rows() -> Vec<Row> {
    let foreign_pseudo = Frame::v3().seal_pseudo_to(NODE2, NODE1).build();
    let v2 = |priority, addresses: &[[u8; 4]]| {
        Frame::v2_of(VRID1, priority, Some(PASSWORD), addresses).build()
    };
    let mut sixteen = [VIP1; 16];
    sixteen[15] = VIP2;
    vec![
        rejected(
            "VC-022 version 2 to a version 3 router",
            Frame::v2_of(52, 100, None, &[VIP2]).build(),
            Reason::VersionMismatch,
        ),
        rejected(
            "VC-030 28 bytes of a keepalived HMAC after the list",
            Frame::v3().resize(40).build(),
            Reason::Length,
        ),
        rejected(
            "VC-029 count 2, one address, version 3",
            Frame::v3().set(COUNT, &[2]).build(),
            Reason::Length,
        ),
        rejected(
            "VC-031 eight bytes of authentication data are too many",
            Frame::v3().resize(20).build(),
            Reason::Length,
        ),
        rejected("VC-032 count 0, version 3", Frame::v3_of(&[], true).build(), Reason::CountZero),
        accepted("VC-033 255 addresses, version 3", Frame::v3_of(&[VIP2; 255], true).build(), 1),
        accepted("VC-034 checksum over the message only", Frame::v3_of(&[VIP2], false).build(), 1),
        accepted("VC-035 checksum with pseudo-header", Frame::v3().build(), 1),
        rejected(
            "VC-036 checksum valid in neither form",
            Frame::v3().corrupt(CHECKSUM, &[0x12, 0x34]).build(),
            Reason::Checksum,
        ),
        rejected("VC-041 pseudo-header of another destination", foreign_pseudo, Reason::Checksum),
        rejected(
            "VC-035 pseudo-header of another source",
            Frame::v3().source(CLIENT).build(),
            Reason::Checksum,
        ),
        accepted(
            "VC-042 reserved nibble 0xf is ignored",
            Frame::v3().set(AUTH, &[0xf0, 100]).build(),
            1,
        ),
        rejected(
            "VC-043 interval 0, priority 255",
            Frame::v3().set(PRIORITY, &[255]).set(AUTH, &[0, 0]).build(),
            Reason::IntervalZero,
        ),
        rejected(
            "VC-043 interval 0 below a reserved nibble",
            Frame::v3().set(AUTH, &[0xf0, 0]).build(),
            Reason::IntervalZero,
        ),
        accepted(
            "VC-044 interval 4095 cs passes: the election bounds what it learns",
            Frame::v3().set(AUTH, &[0x0f, 0xff]).build(),
            1,
        ),
        rejected(
            "VC-051 none of our addresses, version 2: another cluster",
            v2(99, &[VIP2]),
            Reason::AddressList,
        ),
        accepted("VC-051 one of our addresses and another, version 2", v2(99, &[VIP2, VIP1]), 0),
        rejected(
            "VC-052 an owner of none of our addresses, version 2",
            v2(255, &[VIP2]),
            Reason::AddressList,
        ),
        accepted(
            "VC-052 an owner of one of our addresses and another, version 2",
            v2(255, &[VIP2, VIP1]),
            0,
        ),
        rejected(
            "VC-051 none of our addresses, version 3: another cluster",
            Frame::v3_of(&[VIP1], true).build(),
            Reason::AddressList,
        ),
        accepted(
            "VC-053 other addresses than ours, version 3",
            Frame::v3_of(&[VIP1], true).build(),
            1,
        )
        .when(|world| world.names(1, &[VIP2, VIP1])),
        accepted("VC-053 the last of sixteen is ours", Frame::v3_of(&sixteen, true).build(), 1),
        accepted(
            "VC-053 seventeen addresses are left to the agent",
            Frame::v3_of(&[VIP1; 17], true).build(),
            1,
        ),
        accepted(
            "VC-053 more addresses than ours, version 3",
            Frame::v3_of(&[VIP1, VIP2], true).build(),
            1,
        ),
        accepted(
            "VC-050 interval 200 cs, ours is 100 cs",
            Frame::v3().set(AUTH, &[0, 200]).build(),
            1,
        ),
        rejected(
            "VC-011 our own source address, version 3",
            Frame::v3().source(NODE1).seal_pseudo().build(),
            Reason::OwnSource,
        ),
    ]
}

/// The golden adverts cut off at each length behind the IP header.
fn truncated_rows() -> Vec<Row> {
    let cut = |frame: Vec<u8>, name: &'static str| {
        (34..frame.len())
            .map(move |len| {
                rejected(
                    format!("{name}, cut off after {len} bytes"),
                    frame[..len].to_vec(),
                    Reason::Length,
                )
            })
            .collect::<Vec<_>>()
    };
    let mut rows = cut(Frame::v2().build(), "version 2");
    rows.extend(cut(Frame::v3().build(), "version 3"));
    rows
}
