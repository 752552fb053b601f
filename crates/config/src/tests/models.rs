//! Random models: everything a file could mean.

mod notify;
mod routes;
mod services;
mod upstream;

use std::net::IpAddr;
use std::time::Duration;

use super::garbage::Random;
use vrrp_model::{
    Announce, Auth, ChecksumForm, Command, Config, Delivery, ElectionThread, Family, Hmac, HmacKey,
    HmacMode, Peer, Recover, Router, Script, SyncGroup, TrackInterface, TrackScript, Tunnel,
    Version, VirtualAddress, Weight, XdpUse,
};

/// Characters that a careless writer would trip over.
const LETTERS: &[char] = &[
    'a', 'Z', '0', '_', '-', '"', '\'', '\\', '#', '=', '[', '{', '}', ',', ' ', 'é', '日',
    '\u{fffd}', '$', '!',
];

pub(super) fn config(random: &mut Random) -> Config {
    let secure = flag(random);
    let scripts: Vec<Script> = (0..random.next(4)).map(|at| script(random, at, secure)).collect();
    let routers: Vec<Router> =
        (0..1 + random.next(4)).map(|at| router(random, at, scripts.len())).collect();
    let groups = groups(random, routers.len());
    let services: Vec<_> =
        (0..random.next(4)).map(|at| services::service(random, at, &routers, secure)).collect();
    let mail = flag(random).then(|| notify::mail(random));
    let notify = (0..random.next(4))
        .map(|_| {
            notify::notify(
                random,
                (routers.len(), groups.len()),
                &services,
                (secure, mail.is_some()),
            )
        })
        .collect();
    let fifos = (0..random.next(3)).map(|at| notify::fifo(random, at, secure)).collect();
    Config {
        node: name(random, 0),
        compare_rings: pick(random, &[true, false]),
        metrics: pick(random, &[None, "127.0.0.1:9165".parse().ok(), "[::1]:80".parse().ok()]),
        api_socket: pick(random, &["/run/vrrp-agent/api.sock", "/tmp/a \"b\"/é.sock"]).into(),
        bpf_dir: pick(random, &["/sys/fs/bpf/vrrp-agent", "/x"]).into(),
        xdp: pick(random, &[XdpUse::Auto, XdpUse::Generic, XdpUse::Off]),
        pass_foreign_vrids: flag(random),
        nat_forward_other: flag(random),
        startup_delay: any_duration(random),
        release_on_exit: flag(random),
        election: election(random),
        routers,
        groups,
        scripts,
        routing: routes::routing(random),
        notify,
        fifos,
        mail,
        services,
        tunnel: tunnel(random),
        upstreams: (0..random.next(3)).map(|at| upstream::upstream(random, at)).collect(),
    }
}

fn tunnel(random: &mut Random) -> Tunnel {
    let v4 = pick(random, &["10.255.0.0/16", "172.16.0.0/28"]).parse().ok();
    let v6 = pick(random, &["fd00::/64", "fd00:1::/124"]).parse().ok();
    Tunnel { source_v4: v4.filter(|_| flag(random)), source_v6: v6.filter(|_| flag(random)) }
}

fn election(random: &mut Random) -> ElectionThread {
    let mut cpus: Vec<u16> = (0..random.next(4)).map(|_| random.next(1024) as u16).collect();
    cpus.sort_unstable();
    cpus.dedup();
    ElectionThread { realtime_priority: random.next(100) as u8, cpus, lock_memory: flag(random) }
}

fn router(random: &mut Random, at: usize, scripts: usize) -> Router {
    let family = pick(random, &[Family::V4, Family::V6]);
    let version =
        if family == Family::V6 { Version::V3 } else { pick(random, &[Version::V2, Version::V3]) };
    let unicast = flag(random);
    let byte = u8::try_from(at + 1).unwrap_or(1);
    let addresses = |random: &mut Random, block: u8, least: usize| -> Vec<VirtualAddress> {
        (0..least + random.next(9))
            .map(|host| virtual_address(random, host_of(family, byte, block, host as u8 + 1)))
            .collect()
    };
    Router {
        name: name(random, at),
        interface: interface(random),
        vrid: byte,
        version,
        priority: random.next(255) as u8 + 1,
        interval: match version {
            Version::V2 => Duration::from_secs(random.next(255) as u64 + 1),
            Version::V3 => Duration::from_millis((random.next(4095) as u64 + 1) * 10),
        },
        preempt: flag(random),
        preempt_delay: any_duration(random),
        auth: if version == Version::V2 && flag(random) { auth(random) } else { Auth::None },
        checksum: pick(random, &[ChecksumForm::PseudoHeader, ChecksumForm::MessageOnly]),
        hmac: flag(random).then(|| hmac(random)),
        source: pick(random, &[None, Some(host_of(family, 0, 0, 205))]),
        delivery: if unicast {
            Delivery::Unicast
        } else {
            Delivery::Multicast(group(random, family))
        },
        peers: (0..usize::from(unicast) + random.next(8))
            .map(|host| peer(random, family, unicast, host as u8 + 1))
            .collect(),
        virtual_mac: flag(random),
        accept_always: flag(random),
        addresses: addresses(random, 0, 1),
        excluded_addresses: addresses(random, 1, 0),
        announce: Announce {
            repeat: random.next(1000) as u32 + 1,
            delay: any_duration(random),
            interval: any_duration(random),
            refresh: any_duration(random),
            refresh_repeat: random.next(1000) as u32 + 1,
        },
        track_scripts: if scripts == 0 {
            Vec::new()
        } else {
            many(random, |r| TrackScript { script: r.next(scripts), weight: track_weight(r) })
        },
        track_interfaces: many(random, |r| TrackInterface {
            interface: interface(r),
            weight: track_weight(r),
        }),
        track_own_interface: flag(random),
        routing: routes::routing(random),
    }
}

fn track_weight(random: &mut Random) -> Weight {
    Weight { value: weight(random), reverse: flag(random) }
}

fn hmac(random: &mut Random) -> Hmac {
    let secret = |random: &mut Random| match random.next(3) {
        0 => vec![b'k'; 32 + random.next(33)],
        1 => [&b"hex:"[..], &[b'0'; 40]].concat(),
        _ => (0..32 + random.next(33)).map(|_| random.next(256) as u8).collect(),
    };
    let keys: Vec<HmacKey> = (1..=1 + random.next(3))
        .map(|id| HmacKey { id: id as u8, secret: secret(random) })
        .collect();
    let mode = pick(random, &[HmacMode::Enforce, HmacMode::Permissive, HmacMode::ReceiveOnly]);
    Hmac { mode, send: keys[random.next(keys.len())].id, keys }
}

fn host_of(family: Family, router: u8, block: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => [10, router, block, host].into(),
        Family::V6 => {
            [0xfe80, 0, 0, 0, 0, u16::from(router), u16::from(block), u16::from(host)].into()
        }
    }
}

fn group(random: &mut Random, family: Family) -> IpAddr {
    match family {
        Family::V4 => pick(random, &[[224, 0, 0, 18].into(), [239, 1, 2, 3].into()]),
        Family::V6 => pick(
            random,
            &[[0xff02, 0, 0, 0, 0, 0, 0, 0x12].into(), [0xff02, 0, 0, 0, 0, 0, 0, 7].into()],
        ),
    }
}

fn peer(random: &mut Random, family: Family, unicast: bool, host: u8) -> Peer {
    let (min_ttl, max_ttl) =
        if unicast { pick(random, &[(255, 255), (250, 255), (1, 64)]) } else { (255, 255) };
    Peer { address: host_of(family, 0, 0, host), min_ttl, max_ttl }
}

/// Some routers in groups, in any order.
fn groups(random: &mut Random, routers: usize) -> Vec<SyncGroup> {
    let half = routers / 2;
    let of = |random: &mut Random, at: usize, members: Vec<usize>| SyncGroup {
        name: name(random, at),
        members,
    };
    match random.next(3) {
        0 => Vec::new(),
        1 => vec![of(random, 0, (0..routers).rev().collect())],
        _ => vec![of(random, 0, (half..routers).collect()), of(random, 1, (0..half).collect())],
    }
}

fn virtual_address(random: &mut Random, address: IpAddr) -> VirtualAddress {
    let v4 = address.is_ipv4();
    VirtualAddress {
        address,
        prefix_len: if v4 {
            pick(random, &[32, 24, 0, 31])
        } else {
            pick(random, &[128, 64, 0, 32])
        },
        device: flag(random).then(|| interface(random)),
        label: (v4 && flag(random)).then(|| interface(random)),
    }
}

fn script(random: &mut Random, at: usize, secure: bool) -> Script {
    let command = command(random, secure);
    Script {
        name: name(random, at),
        interval: some_duration(random),
        timeout: some_duration(random),
        rise: pick(random, &[1, 2, u32::MAX]),
        fall: pick(random, &[1, 2, u32::MAX]),
        init_fail: flag(random),
        recover: flag(random).then(|| Recover {
            command: Command {
                user: command.user.clone(),
                group: command.group.clone(),
                ..self::command(random, secure)
            },
            attempts: pick(random, &[1, 2, u32::MAX]),
            timeout: some_duration(random),
        }),
        command,
    }
}

fn command(random: &mut Random, secure: bool) -> Command {
    let program = pick(random, &["/bin/sh", "killall"]).to_owned();
    let words = many(random, |r| {
        pick(
            r,
            &["-c", "a b", "\"", "'", "\\", "\n\t", "é\u{7f}", "#", "", "'''\"\"\"", "\u{fffd}"],
        )
        .to_owned()
    });
    Command {
        words: [vec![program], words].concat(),
        user: flag(random).then(|| name(random, 0)),
        group: flag(random).then(|| name(random, 0)),
        secure,
    }
}

/// As a file would give it: a string, cut to eight bytes wherever that falls.
fn auth(random: &mut Random) -> Auth {
    let text = pick(
        random,
        &[
            "1111",
            "\"\\'# x",
            "abcdefgé",
            "abcdef日",
            "abcde\u{1f600}",
            "abcdefg\u{10ffff}",
            "a\0b",
            "\0",
            "\u{fffd}",
        ],
    );
    let mut wire = [0; 8];
    wire.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    Auth::Pass(wire)
}

/// Different for each `at`.
fn name(random: &mut Random, at: usize) -> String {
    let letters = random.next(12);
    (0..letters).map(|_| pick(random, LETTERS)).chain(at.to_string().chars()).collect()
}

fn interface(random: &mut Random) -> String {
    pick(random, &["eth1", "bond0.100", "a\"b'\\", "日本"]).to_owned()
}

fn weight(random: &mut Random) -> i16 {
    pick(random, &[0, 1, -1, 253, -253])
}

fn any_duration(random: &mut Random) -> Duration {
    pick(
        random,
        &[
            Duration::ZERO,
            Duration::from_secs(1),
            Duration::from_secs(400_000),
            Duration::new(3, 1),
            Duration::from_micros(1_500),
        ],
    )
}

fn some_duration(random: &mut Random) -> Duration {
    pick(
        random,
        &[
            Duration::from_secs(1),
            Duration::from_secs(86_400),
            Duration::new(3, 1),
            Duration::from_millis(250),
        ],
    )
}

fn many<T>(random: &mut Random, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
    (0..random.next(4)).map(|_| one(random)).collect()
}

fn flag(random: &mut Random) -> bool {
    random.next(2) == 1
}

fn pick<T: Clone>(random: &mut Random, all: &[T]) -> T {
    all[random.next(all.len())].clone()
}
