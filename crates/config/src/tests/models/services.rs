//! Random services.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Random, command, flag, host_of, many, name, pick, some_duration};
use vrrp_model::{
    Backend, BodyRegex, Check, CheckKind, DnsCheck, DnsRecord, Family, Forward, Fragments, Guard,
    HexBytes, HttpCheck, HttpRequest, HttpVersion, Persistence, Protocol, Rate, Router,
    ScriptCheck, Service, Sni, UdpCheck, UdpReply,
};

/// The port is one of the service's own, so that no two services have address and port in common.
pub(super) fn service(random: &mut Random, at: usize, routers: &[Router], secure: bool) -> Service {
    let router = &routers[random.next(routers.len())];
    let address = router.addresses[random.next(router.addresses.len())].address;
    let family = Family::of(address);
    let protocol = pick(random, &[Protocol::Tcp, Protocol::Udp]);
    let (persistence, fragments) = pick(
        random,
        &[
            (Persistence::Flow, Fragments::Drop),
            (Persistence::Source, Fragments::Drop),
            // The first service alone: no other could have the same address and protocol.
            (Persistence::Source, if at == 0 { Fragments::Steer } else { Fragments::Drop }),
        ],
    );
    let front = Front { family, port: at as u16 + 1, steers: fragments == Fragments::Steer };
    let check = check(random, protocol, secure);
    let real_path = protocol == Protocol::Tcp && check.kind != CheckKind::None && flag(random);
    let backends: Vec<Backend> =
        (0..1 + random.next(9)).map(|host| backend(random, &front, host)).collect();
    let mut own_checks: BTreeMap<usize, Check> = BTreeMap::new();
    for index in 0..backends.len() {
        if random.next(4) == 0 {
            own_checks.insert(index, self::check(random, protocol, secure));
        }
    }
    own_checks.retain(|_, own| *own != check);
    Service {
        name: name(random, at),
        address,
        port: front.port,
        protocol,
        persistence,
        fragments,
        drain: pick(
            random,
            &[
                Service::DRAIN,
                Duration::ZERO,
                Duration::from_millis(1),
                Duration::from_secs(86_400),
            ],
        ),
        quorum: pick(random, &[1, 2, u32::MAX]),
        sorry: flag(random).then(|| sorry(random, &front)),
        guard: guard(random, family, protocol),
        backends,
        check,
        own_checks,
        real_path,
    }
}

struct Front {
    family: Family,
    port: u16,
    steers: bool,
}

fn check(random: &mut Random, protocol: Protocol, secure: bool) -> Check {
    let check = one_check(random, protocol, secure);
    if check.kind == CheckKind::None {
        return check;
    }
    let further = many(random, |random| one_check(random, protocol, secure));
    let also = further.into_iter().filter(|further| further.kind != CheckKind::None).collect();
    Check { also, ..check }
}

fn one_check(random: &mut Random, protocol: Protocol, secure: bool) -> Check {
    let port = pick(random, &[Some(1), Some(65_535)]);
    let free = if protocol == Protocol::Tcp { None } else { port };
    let command = command(random, secure);
    let reply = HexBytes::parse("1x x2").map(|begins| UdpReply { begins, length: 1..=300 });
    let reply = reply.filter(|_| flag(random));
    let kinds = [
        CheckKind::None,
        CheckKind::Tcp { port },
        CheckKind::Tcp { port: free },
        CheckKind::Http(http(random, port)),
        CheckKind::Smtp { port, helo: "a.example".to_owned() },
        CheckKind::Dns(DnsCheck { port, name: "a.example.".to_owned(), record: DnsRecord::Aaaa }),
        CheckKind::Udp(UdpCheck { port, payload: b"\x0a\xbc".as_slice().into(), reply }),
        CheckKind::Ping,
        CheckKind::Script(ScriptCheck { command, dynamic: flag(random) }),
    ];
    let kind = pick(random, &kinds);
    let connects = !matches!(kind, CheckKind::None | CheckKind::Script(_));
    let elsewhere = connects && flag(random);
    Check {
        kind,
        address: pick(random, &["127.0.0.1", "2001:db8::9"]).parse().ok().filter(|_| elsewhere),
        interval: some_duration(random),
        timeout: some_duration(random),
        retry_interval: flag(random).then(|| some_duration(random)),
        rise: pick(random, &[1, 3]),
        fall: pick(random, &[1, u32::MAX]),
        also: Vec::new(),
    }
}

fn http(random: &mut Random, port: Option<u16>) -> HttpCheck {
    let requests = (0..1 + random.next(3)).map(|_| request(random)).collect();
    let sni = pick(random, &[Sni::Off, Sni::Host, Sni::Name("a.example".to_owned())]);
    let tls = flag(random).then_some(sni);
    HttpCheck { port, tls, version: pick(random, HttpVersion::ALL), requests }
}

fn request(random: &mut Random) -> HttpRequest {
    let body = BodyRegex {
        pattern: pick(random, &["(?i)^ok$", "a \"b\"\\d\n"]).to_owned(),
        no_match: flag(random),
    };
    HttpRequest {
        path: pick(random, &["/", "/a?b=\"c\"&d='e'"]).to_owned(),
        host: flag(random).then(|| "www.example.org".to_owned()),
        status: pick(random, &[vec![HttpRequest::STATUS], vec![301..=301, 500..=599]]),
        digest: flag(random).then_some([0x0f; 16]),
        body: flag(random).then_some(body),
    }
}

fn backend(random: &mut Random, front: &Front, host: usize) -> Backend {
    let ways = [Forward::Auto, Forward::Local, Forward::Dr, Forward::Ipip, Forward::Nat];
    let forward = pick(random, if front.steers { &ways[..4] } else { &ways });
    let (family, port) = match forward {
        Forward::Ipip => (pick(random, &[Family::V4, Family::V6]), front.port),
        // Ports of the service's own: what comes from a backend's port is of one service.
        Forward::Nat => (front.family, front.port + pick(random, &[0, 8000])),
        _ => (front.family, front.port),
    };
    Backend {
        address: host_of(family, 9, 0, host as u8 + 1),
        port,
        weight: pick(random, &[0, 1, 1000]),
        forward,
    }
}

fn sorry(random: &mut Random, front: &Front) -> Backend {
    if flag(random) {
        let own = match front.family {
            Family::V4 => IpAddr::from([127, 0, 0, 1]),
            Family::V6 => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        };
        return Backend { address: own, port: front.port, weight: 1, forward: Forward::Local };
    }
    Backend { weight: 1, ..backend(random, front, 99) }
}

fn guard(random: &mut Random, family: Family, protocol: Protocol) -> Guard {
    let mut rate = || {
        let rate = Rate {
            per_second: pick(random, &[1, 10, u32::MAX]),
            burst: pick(random, &[1, 20, u32::MAX]),
        };
        (protocol == Protocol::Tcp && flag(random)).then_some(rate)
    };
    let (new_per_source, new_total) = (rate(), rate());
    // Longer in one list than in the other: none is in both.
    let mut prefixes = |length: u8| {
        let mut all = many(random, |random| {
            let length = length + random.next(8) as u8;
            ipnet::IpNet::new_assert(host_of(family, 7, random.next(9) as u8, 0), length).trunc()
        });
        all.sort_unstable();
        all.dedup();
        all
    };
    Guard { new_per_source, new_total, allow: prefixes(8), deny: prefixes(16) }
}
