//! The packet rows, and many random frames, on the program as the kernel runs it.

mod rows;

use proptest::test_runner::{RngAlgorithm, TestRng};
use rows::forwarding::{answer, web, web_v6};
use rows::kernel::{Kernel, Moved, forward, own_namespace};
use rows::world::{self, World};
use rows::{Count, Row, Seen};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::flow::{self, FlowKey};
use vrrp_common::ip::Address;
use vrrp_common::maps::{NAT_ANSWERS, NAT_ONLY_V4, NAT_ONLY_V6};
use vrrp_common::wire::ipv4::PROTO_TCP;

const RANDOM_FRAMES: usize = 20_000;
const ROUTERS: [usize; world::ROUTERS] = [0, 1, 2];

/// The kernel's numbers of the verdicts (`enum xdp_action`).
fn action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Drop => 1,
        Verdict::Pass => 2,
        Verdict::Tx => 3,
        Verdict::Redirect => 4,
    }
}

/// Runs a row; returns a line for each deviation.
fn play(kernel: &mut Kernel, row: &Row) -> Vec<String> {
    kernel.fill(&row.world);
    for frame in &row.before {
        kernel.run(frame);
    }
    let (counters, fences) = (kernel.counters(), ROUTERS.map(|router| kernel.fence(router)));
    let heard = ROUTERS.map(|router| kernel.heard(router));
    let mut remembered: Vec<_> = row.world.flows.clone();
    remembered.sort_unstable();
    let outcome = kernel.run(&row.frame);
    let moved = kernel.counters().since(&counters);

    let ours = row.world.interface.is_some();
    let backend = row.counts.iter().any(|count| matches!(count, Count::Backend(_)));
    let expected = Moved {
        verdicts: if ours { vec![row.verdict] } else { Vec::new() },
        counts: row.counts.clone(),
        bytes: if backend { row.frame.len() as u64 } else { 0 },
    };
    let mut wrong = Vec::new();
    let flows = kernel.flows();
    if flows != *row.flows.as_ref().unwrap_or(&remembered) {
        wrong.push(format!("remembers {flows:?}"));
    }
    if outcome.action != action(row.verdict) {
        wrong.push(format!("verdict {} is not {:?}", outcome.action, row.verdict));
    }
    if outcome.frame != row.out {
        wrong.push(format!("frame out\n    {:02x?} is not\n    {:02x?}", outcome.frame, row.out));
    }
    if moved != expected {
        wrong.push(format!("counted {moved:?}, not {expected:?}"));
    }
    for router in ROUTERS {
        let counted = |counter| row.counts.contains(&Count::Router(router, counter));
        let fence = kernel.fence(router);
        let wanted = if counted(RouterCounter::Fenced) {
            row.world.words[router].mastership
        } else {
            fences[router]
        };
        if fence != wanted {
            wrong.push(format!("router {router}: fence word {fence}, not {wanted}"));
        }
        let now = kernel.heard(router);
        let stamped = now != heard[router];
        if stamped != counted(RouterCounter::AdvertReceived) {
            wrong.push(format!("router {router}: liveness {now:?} was {:?}", heard[router]));
        }
        if stamped && !is_stamp_of(&now, &row.frame) {
            wrong.push(format!("router {router}: liveness {now:?} is not of this frame"));
        }
    }
    wrong
}

/// Whether liveness has the advert's fields; the parser finds them in the frame.
fn is_stamp_of(heard: &vrrp_common::maps::Liveness, frame: &[u8]) -> bool {
    use vrrp_common::classify::{Class, Vrrp, classify};
    let Class::Vrrp(Vrrp { ethernet, source, advert: Ok(advert), .. }) = classify(frame) else {
        return false;
    };
    heard.seen > 0
        && heard.source == source
        && heard.priority == advert.priority
        && heard.interval_centis == advert.interval.0
        && heard.mac == ethernet.source
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn the_rows_hold_in_the_kernel() {
    own_namespace();
    let mut kernel = Kernel::load();
    let rows = rows::table();
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            play(&mut kernel, row).into_iter().map(|line| format!("{}: {line}", row.says))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} faults in {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// A NAT backend answers this node's own health check: the answer must not get the virtual address
/// as its source.
#[test]
#[ignore = "needs root: loads the kernel program"]
fn what_a_nat_backend_answers_this_node_itself_stays_as_it_is() {
    own_namespace();
    forward(true);
    let mut kernel = Kernel::load();
    kernel.fill(&World::new());
    for packet in [web(), web_v6()] {
        // The host forwards and has no route for it, so the answer is for no client.
        let frame = answer(&packet).build();
        let before = kernel.counters();
        let outcome = kernel.run(&frame);
        assert_eq!((outcome.action, outcome.frame), (action(Verdict::Pass), frame));
        assert_eq!(kernel.counters().since(&before).counts, []);
    }
}

/// A host that forwards for NAT answers alone is no router: all other packets go to the host itself
/// or are dropped.
#[test]
#[ignore = "needs root: loads the kernel program"]
fn what_is_no_answer_is_not_forwarded_for_the_answers_sake() {
    const OUT: [u8; 4] = [198, 51, 100, 1];
    own_namespace();
    forward(true);
    let commands = [
        "link add out0 type veth peer name out1",
        "addr add 198.51.100.1/24 dev out0",
        "link set out0 up",
        "link set out1 up",
        "route add 203.0.113.0/24 via 198.51.100.2",
    ];
    for command in commands {
        let done = std::process::Command::new("ip").args(command.split(' ')).status();
        assert!(done.is_ok_and(|status| status.success()), "ip {command}");
    }
    let mut kernel = Kernel::load();
    let from = |destination: [u8; 4]| answer(&web()).from((world::REAL, 22)).to((destination, 22));
    let other_host = from([203, 0, 113, 9]);
    let long = other_host.clone().payload(vec![7; 1_480]);
    let mut play = |nat: u8, packet: &rows::flow::Packet, forwards: bool| {
        let mut world = World::new();
        world.interface.as_mut().expect("ours").nat = nat;
        kernel.fill(&world);
        let before = kernel.counters();
        let (outcome, frame) = (kernel.run(&packet.build()), packet.build());
        let refused = vec![Count::Router(0, RouterCounter::NotForwarded)];
        let (verdict, counts) =
            if forwards { (Verdict::Pass, Vec::new()) } else { (Verdict::Drop, refused) };
        assert_eq!(
            (outcome.action, outcome.frame),
            (action(verdict), frame),
            "{nat} {:?}",
            packet.destination
        );
        assert_eq!(
            kernel.counters().since(&before).counts,
            counts,
            "{nat} {:?}",
            packet.destination
        );
    };
    let only = NAT_ANSWERS | NAT_ONLY_V4;
    play(only, &other_host, false);
    play(only, &long, false);
    play(NAT_ANSWERS, &other_host, true);
    play(NAT_ANSWERS | NAT_ONLY_V6, &other_host, true);
    play(0, &other_host, true);
    play(only, &from(OUT), true);
    play(only, &from([192, 0, 2, 9]), true);
    play(only, &other_host.clone().macs([0xff; 6], world::REAL_MAC), true);
    play(only, &other_host.macs(world::NODE2_MAC, world::REAL_MAC), true);
}

/// A golden frame with a few bytes changed, cut or lengthened; half of the changed adverts get a
/// correct checksum.
fn mutated(golden: &[Vec<u8>], rng: &mut TestRng) -> Vec<u8> {
    use proptest::prelude::RngExt;
    let mut frame = golden[rng.random_range(0..golden.len())].clone();
    for _ in 0..rng.random_range(0..4) {
        let at = rng.random_range(0..frame.len());
        frame[at] = if rng.random_bool(0.5) {
            rng.random()
        } else {
            frame[at] ^ 1 << rng.random_range(0..8)
        };
    }
    match rng.random_range(0..8) {
        0 => frame.truncate(rng.random_range(14..=frame.len())),
        1 => frame.resize(frame.len() + rng.random_range(0..32), rng.random()),
        2 => frame = (0..rng.random_range(14..80)).map(|_| rng.random()).collect(),
        _ => {}
    }
    if rng.random_bool(0.5) && frame.len() >= 54 {
        frame[40..42].fill(0);
        let sum = vrrp_common::wire::checksum::compute(0, &frame[34..54]);
        frame[40..42].copy_from_slice(&sum.to_be_bytes());
    }
    frame
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn kernel_and_host_agree_on_random_frames() {
    own_namespace();
    let mut kernel = Kernel::load();
    let mut world = World::new();
    for router in &mut world.routers {
        (router.rate_limit, router.total_limit) = (u32::MAX, u32::MAX);
    }
    kernel.fill(&world);
    let short: Vec<Row> = rows::table().into_iter().filter(|row| row.frame.len() < 1_500).collect();
    // Adverts for us are listed twice, so that many of the frames are adverts.
    let is_advert = |row: &&Row| matches!(row.seen, Seen::Advert(_) | Seen::Rejected(_));
    let golden: Vec<Vec<u8>> =
        short.iter().chain(short.iter().filter(is_advert)).map(|row| row.frame.clone()).collect();
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut adverts = 0;
    let mut before = kernel.counters();
    for number in 0..RANDOM_FRAMES {
        let frame = mutated(&golden, &mut rng);
        let outcome = kernel.run(&frame);
        let now = kernel.counters();
        let moved = now.since(&before);
        before = now;
        let seen = rows::see(&world, &frame);
        let reasons: Vec<_> = moved
            .counts
            .iter()
            .filter(|count| matches!(count, Count::Reason(_)))
            .copied()
            .collect();
        let received = moved
            .counts
            .iter()
            .any(|count| matches!(count, Count::Router(_, RouterCounter::AdvertReceived)));
        let expected = match seen {
            Seen::Rejected(reason) => vec![Count::Reason(reason)],
            _ => Vec::new(),
        };
        let drops = matches!(seen, Seen::Rejected(_));
        adverts += usize::from(drops || received);
        assert_eq!(reasons, expected, "frame {number} {frame:02x?}, seen as {seen:?}");
        assert_eq!(
            received,
            matches!(seen, Seen::Advert(_)),
            "frame {number} {frame:02x?}, seen as {seen:?}"
        );
        assert!(
            !drops || outcome.action == action(Verdict::Drop),
            "frame {number} {frame:02x?}, seen as {seen:?}"
        );
        assert_eq!(moved.verdicts.len(), 1, "frame {number}: one verdict is counted");
    }
    assert!(adverts > RANDOM_FRAMES / 4, "only {adverts} frames were adverts");
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn the_kernel_steers_each_flow_as_the_host_computes() {
    let mut kernel = Kernel::load();
    let mut world = World::new();
    world.active();
    kernel.fill(&world);
    let mut hits = [0; 2];
    for number in 0..4_000_u32 {
        let [_, _, high, low] = (number * 7).to_be_bytes();
        let source = [10, 0, high, low];
        let port = 1_024 + number as u16 * 13;
        let flow = FlowKey {
            source: Address::v4(source),
            destination: Address::v4(world::VIP1),
            source_port: port,
            destination_port: 80,
            protocol: u32::from(PROTO_TCP),
        };
        let backend = world.services[world::WEB].live.0[flow::slot(flow.hash())];
        let before = kernel.counters();
        kernel.run(&rows::frame::Frame::flow(PROTO_TCP, source, port, world::VIP1, 80).build());
        assert_eq!(kernel.counters().since(&before).counts, [Count::Backend(backend)], "{flow:?}");
        hits[usize::from(backend)] += 1;
    }
    assert!(hits.iter().all(|&count| count > 1_700), "{hits:?}");
}
