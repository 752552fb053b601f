//! Rows of the VRRP filter: rate limits, adverts that are not for this node, floods, and the fence.

use vrrp_common::counter::RouterCounter::{
    self, Fenced, LowerPriorityReceived, PriorityZeroReceived,
};
use vrrp_common::ip::Address;
use vrrp_common::maps::ROUTER_HMAC_REQUIRED;
use vrrp_common::reason::Reason;
use vrrp_common::wire::trailer;

use super::adverts::{CHECKSUM, DOT1Q, INTERVAL, PASSWORD_AT, PRIORITY, VRID};
use super::frame::Frame;
use super::world::{
    CLIENT, FOREIGN_LIMIT, NODE1, NODE1_MAC, NODE2, NODE2_MAC, PASSWORD, RATE_LIMIT, TOTAL_LIMIT,
    VIP2, VRID1, World,
};
use super::{Count, Row, Seen, accepted, rejected, row};

pub fn rows() -> Vec<Row> {
    let mut rows = rate_rows();
    rows.extend(foreign_rows());
    rows.extend(flood_rows());
    rows.extend(fence_rows());
    rows
}

fn rate_rows() -> Vec<Row> {
    let stranger = Frame::v2().source(CLIENT).build();
    vec![
        accepted("VC-017 the last advert the rate allows", Frame::v2().build(), 0)
            .after(RATE_LIMIT - 1, &Frame::v2().build()),
        {
            let mut over =
                rejected("VC-017 one advert over the rate", Frame::v2().build(), Reason::Rate)
                    .after(RATE_LIMIT, &Frame::v2().build());
            over.seen = Seen::Advert(0);
            over
        },
        accepted(
            "VC-017 another source over its rate takes nothing from node 2",
            Frame::v2().build(),
            0,
        )
        .after(RATE_LIMIT * 4, &stranger),
        accepted(
            "VC-017 another virtual router's adverts take nothing either",
            Frame::v3().build(),
            1,
        )
        .after(RATE_LIMIT * 4, &Frame::v2().build()),
        accepted("VC-058 invalid adverts of the same source take nothing", Frame::v2().build(), 0)
            .after(RATE_LIMIT * 4, &Frame::v2().ttl(64).build()),
    ]
}

/// VRRP that is not for us: between other hosts, for another daemon here, for another host on the
/// wire.
fn foreign_rows() -> Vec<Row> {
    let foreign = |says: &str, frame: Frame| row(says, frame.build(), Seen::Foreign);
    let to = |destination: [u8; 4]| Frame::v2().destination(destination).destination_mac(NODE1_MAC);
    let strange = |vrid: u8| to([10, 0, 0, 22]).set(VRID, &[vrid]);
    let mine = |vrid: u8| to(NODE1).set(VRID, &[vrid]);
    let bad_sum = {
        let mut frame = Frame::v2().build();
        frame[14 + 10] ^= 1;
        frame
    };
    let mut rows = vec![
        foreign("unicast VRRP that this host forwards, TTL 255", strange(63)),
        foreign("unicast VRRP that this host forwards, TTL 64", strange(64).ttl(64)),
        foreign("unicast VRRP that this host forwards, of a VRID of ours", strange(VRID1)),
        foreign(
            "unicast VRRP that this host forwards, in fragments",
            strange(VRID1).fragment(0x2000),
        ),
        foreign("unicast VRRP that this host forwards, too short", strange(VRID1).resize(1)),
        foreign("unicast VRRP for another daemon on this host, TTL 254", mine(62).ttl(254)),
        foreign(
            "unicast VRRP for another daemon on this host, its message wrong by our rules",
            mine(62).corrupt(CHECKSUM, &[0]),
        ),
        foreign("VRRP to a group that is not ours", Frame::v2().destination([224, 0, 0, 99])),
        rejected(
            "VRRP to a group of ours, which the VRID does not listen to",
            Frame::v2().destination([224, 0, 0, 99]).build(),
            Reason::Destination,
        )
        .when(|world| world.listens(Address::v4([224, 0, 0, 99]))),
        foreign(
            "an advert for another host, flooded by the switch",
            Frame::v2().destination_mac(NODE2_MAC),
        ),
        rejected(
            "VRRP to us alone, in fragments",
            to(NODE1).fragment(0x2000).build(),
            Reason::Fragment,
        ),
        rejected(
            "VRRP to us alone, too short for a VRID",
            to(NODE1).resize(1).build(),
            Reason::Length,
        ),
        rejected(
            "VRRP to us alone in a broadcast frame is judged",
            Frame::v2().destination(NODE1).build(),
            Reason::Destination,
        ),
        foreign(
            "another daemon's advert to the group, TTL 64",
            Frame::v2().set(VRID, &[99]).ttl(64),
        )
        .when(World::foreign_passes),
        foreign(
            "another daemon's advert to the group, wrong by our rules",
            Frame::v2().set(VRID, &[99]).corrupt(CHECKSUM, &[0]),
        )
        .when(World::foreign_passes),
        rejected(
            "a fragment to the group, and another daemon runs here",
            Frame::v2().fragment(0x2000).build(),
            Reason::Fragment,
        )
        .when(World::foreign_passes),
        foreign("another VLAN's advert, TTL 64", Frame::v2().tagged(DOT1Q, 5).ttl(64)),
        foreign(
            "another VLAN's advert, in fragments",
            Frame::v2().tagged(DOT1Q, 5).fragment(0x2000),
        ),
        foreign(
            "another VLAN's advert of a better master, active: not fenced",
            Frame::v2().tagged(DOT1Q, 5).set(PRIORITY, &[255]),
        )
        .when(World::active),
        rejected("the IP header's checksum is wrong", bad_sum, Reason::IpChecksum),
    ];
    let all =
        |world: &mut World| (0..9).for_each(|last| world.listens(Address::v4([10, 9, 9, last])));
    rows.push(
        rejected(
            "more addresses are listened to than are known: all is judged",
            strange(VRID1).build(),
            Reason::Destination,
        )
        .when(all),
    );
    rows
}

/// Valid adverts of many sources.
fn flood_rows() -> Vec<Row> {
    let stranger = |number: u32, priority: u8| {
        let [_, _, high, low] = number.to_be_bytes();
        Frame::v2().source([10, 1, high, low]).set(PRIORITY, &[priority]).build()
    };
    let flood = |row: Row| {
        (0..2 * TOTAL_LIMIT)
            .fold(row, |row, number| row.after(1, &stranger(2 * TOTAL_LIMIT - number, 1)))
    };
    let refused = |says: &str, frame: Vec<u8>| {
        let mut row = rejected(says, frame, Reason::Rate);
        row.seen = Seen::Advert(0);
        row
    };
    let known = |world: &mut World| world.follows(NODE2, NODE2_MAC, 99);
    let from = |frame: Frame| frame.source(CLIENT).build();
    vec![
        flood(refused("a flood of many sources: one more", stranger(9_000, 1))).when(known),
        flood(accepted(
            "a flood of many sources: adverts of the followed master are accepted",
            Frame::v2().build(),
            0,
        ))
        .when(known),
        flood(accepted(
            "a flood of many sources: adverts of a better master are accepted",
            from(Frame::v2().set(PRIORITY, &[200])),
            0,
        ))
        .when(known),
        flood(accepted(
            "a flood of many sources: another virtual router's adverts pass",
            Frame::v3().build(),
            1,
        ))
        .when(known),
        flood(accepted(
            "a flood of many sources, adverts are authenticated: adverts of the verified source are accepted",
            signed(NODE2),
            0,
        ))
        .when(|world| {
            world.hmac(false);
            world.routers[0].flags |= ROUTER_HMAC_REQUIRED;
            world.routers[0].trusted = Address::v4(NODE2);
        }),
        accepted("many sources, but peers are configured", Frame::v2().build(), 0)
            .when(|world| {
                known(world);
                world.peers(&[NODE2, CLIENT]);
                world.routers[0].total_limit = 1;
            })
            .after(RATE_LIMIT, &from(Frame::v2().set(PRIORITY, &[1]))),
        row(
            "another daemon's adverts, as many as may pass",
            Frame::v2().set(VRID, &[99]).build(),
            Seen::Foreign,
        )
        .when(World::foreign_passes)
        .after(FOREIGN_LIMIT - 1, &Frame::v2().set(VRID, &[99]).build()),
        {
            let frame = Frame::v2().set(VRID, &[99]).build();
            let mut over =
                rejected("another daemon's adverts, one too many", frame.clone(), Reason::Rate)
                    .when(World::foreign_passes)
                    .after(2 * FOREIGN_LIMIT, &frame);
            over.seen = Seen::Foreign;
            over
        },
        accepted("a flood of another daemon's adverts: ours pass", Frame::v2().build(), 0)
            .when(World::foreign_passes)
            .after(2 * FOREIGN_LIMIT, &Frame::v2().set(VRID, &[99]).build()),
    ]
}

fn signed(source: [u8; 4]) -> Vec<u8> {
    Frame::v2().source(source).trailing(trailer::LEN).build()
}

/// The fence: the adverts that end a mastership in the kernel.
fn fence_rows() -> Vec<Row> {
    let advert = |priority| Frame::v2().set(PRIORITY, &[priority]).build();
    let heard = |says: &str, priority, state: fn(&mut World), counts: &[RouterCounter]| {
        let counts: Vec<Count> = counts.iter().map(|&counter| Count::Router(0, counter)).collect();
        accepted(says, advert(priority), 0).when(state).counts(&counts)
    };
    let ignored =
        |says: &str, frame: Vec<u8>, reason| rejected(says, frame, reason).when(World::lapsed);
    vec![
        heard(
            "good lease, lower priority: not fenced",
            99,
            World::active,
            &[LowerPriorityReceived],
        ),
        heard(
            "good lease, lowest priority: not fenced",
            1,
            World::active,
            &[LowerPriorityReceived],
        ),
        heard("good lease, higher priority: fenced", 101, World::active, &[Fenced]),
        heard("good lease, owner: fenced", 255, World::active, &[Fenced]),
        heard("good lease, equal priority, higher address: fenced", 100, World::active, &[Fenced]),
        accepted(
            "good lease, equal priority, lower address: not fenced",
            Frame::v2().set(PRIORITY, &[100]).source([192, 168, 1, 204]).build(),
            0,
        )
        .when(World::active)
        .counts(&[Count::Router(0, LowerPriorityReceived)]),
        heard("lapsed lease, lower priority: fenced", 99, World::lapsed, &[Fenced]),
        heard("lapsed lease, lowest priority: fenced", 1, World::lapsed, &[Fenced]),
        heard("lapsed lease, higher priority: fenced", 200, World::lapsed, &[Fenced]),
        heard(
            "lapsed lease, priority 0 claims nothing: not fenced",
            0,
            World::lapsed,
            &[PriorityZeroReceived],
        ),
        heard("good lease, priority 0: not fenced", 0, World::active, &[PriorityZeroReceived]),
        heard("already fenced: nothing more to end", 200, World::fenced, &[]),
        heard("in backup: nothing to end", 200, |_| {}, &[]),
        ignored(
            "VC-058 lapsed lease, TTL 64: not fenced",
            Frame::v2().ttl(64).build(),
            Reason::Ttl,
        ),
        ignored(
            "VC-058 lapsed lease, bad checksum: not fenced",
            Frame::v2().corrupt(PRIORITY, &[255]).build(),
            Reason::Checksum,
        ),
        ignored(
            "VC-058 lapsed lease, wrong password: not fenced",
            Frame::v2().set(PASSWORD_AT, b"x").build(),
            Reason::AuthPassword,
        ),
        ignored(
            "VC-011 lapsed lease, our own advert reflected: not fenced",
            Frame::v2().source(NODE1).build(),
            Reason::OwnSource,
        ),
        ignored(
            "VC-058 lapsed lease, unknown VRID: not fenced",
            Frame::v2().set(VRID, &[99]).build(),
            Reason::Vrid,
        ),
        ignored(
            "VC-058 lapsed lease, fragment: not fenced",
            Frame::v2().fragment(0x2000).build(),
            Reason::Fragment,
        ),
        ignored(
            "lapsed lease, a better master of another cluster with the same VRID: not fenced",
            Frame::v2_of(VRID1, 200, Some(PASSWORD), &[VIP2]).build(),
            Reason::AddressList,
        ),
        rejected(
            "lapsed lease, a stranger among configured peers: not fenced",
            Frame::v2().source(CLIENT).build(),
            Reason::Peer,
        )
        .when(|world| {
            world.lapsed();
            world.peers(&[NODE2]);
        }),
        accepted(
            "lapsed lease, another virtual router's advert: not fenced",
            Frame::v3().build(),
            1,
        )
        .when(World::lapsed),
        rejected(
            "VC-136 active in version 2, a better master of version 3: both active, and each counts",
            Frame::v3().set(VRID, &[VRID1]).set(PRIORITY, &[254]).build(),
            Reason::VersionMismatch,
        )
        .when(World::active),
        ignored(
            "VC-136 active in version 2, interval of another: both active, and each counts",
            Frame::v2().set(PRIORITY, &[254]).set(INTERVAL, &[2]).build(),
            Reason::IntervalMismatch,
        ),
    ]
}
