//! Random routes and rules.

use ipnet::IpNet;

use super::{Random, flag, interface, many, pick};
use vrrp_model::{Family, RouteKind, RouteScope, Routing, VirtualRoute, VirtualRule};

pub fn routing(random: &mut Random) -> Routing {
    Routing { routes: many(random, route), rules: many(random, rule) }
}

fn net(random: &mut Random, v6: bool) -> IpNet {
    let v4 = ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.7/32"];
    let nets = if v6 { ["::/0", "2001:db8::/32", "2001:db8::7/128"] } else { v4 };
    pick(random, &nets).parse().expect("a prefix")
}

fn route(random: &mut Random) -> VirtualRoute {
    let v6 = flag(random);
    let hop = if v6 { "2001:db8::1" } else { "192.0.2.1" }.parse().ok();
    let via = hop.filter(|_| flag(random));
    VirtualRoute {
        destination: net(random, v6),
        kind: pick(random, RouteKind::ALL),
        via,
        device: (via.is_none() || flag(random)).then(|| interface(random)),
        source: hop.filter(|_| flag(random)),
        scope: flag(random).then(|| pick(random, RouteScope::ALL)),
        table: pick(random, &[1, 254, 1000, u32::MAX]),
        metric: pick(random, &[0, 1, u32::MAX]),
        onlink: flag(random),
    }
}

fn rule(random: &mut Random) -> VirtualRule {
    let v6 = flag(random);
    let from = Some(net(random, v6)).filter(|_| flag(random));
    VirtualRule {
        family: if v6 { Family::V6 } else { Family::V4 },
        from,
        to: Some(net(random, v6)).filter(|_| from.is_none() || flag(random)),
        input: flag(random).then(|| interface(random)),
        table: pick(random, &[1, 254, u32::MAX]),
        priority: pick(random, &[0, 100, 32_765]),
    }
}
