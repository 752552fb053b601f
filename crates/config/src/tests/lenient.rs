//! What `run` makes of a keepalived.conf with a mistake: the smallest block that it belongs to is
//! left out, or has another value, and the first message says so. Each row is a kind of mistake.

use super::*;
use crate::to_toml;
use vrrp_model::{Auth, Config};

/// A kind, where its lines stand (see [`whole`]), the lines, what is looked at, what that is when
/// lenient, and the first line said.
struct Row(&'static str, char, &'static str, fn(&Config) -> String, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("a number out of range: priority", 'I', "priority 0", routers, "R1 V2 100 1s 0ns", "F:8:10: warning: `priority` must be 1 to 255, not 0; 100 in its place"),
    Row("a number out of range: priority, above", 'I', "priority 256", routers, "R1 V2 100 1s 0ns", "F:8:10: warning: `priority` must be 1 to 255, not 256; 100 in its place"),
    Row("a word for a number: priority", 'I', "priority high", routers, "R1 V2 100 1s 0ns", "F:8:10: warning: `high` is not a whole number; 100 in its place"),
    Row("a time out of range: advert_int", 'I', "version 3\nadvert_int 0", routers, "R1 V3 100 1s 0ns", "F:9:12: warning: `0` is not a number of seconds from 0.01 to 255; ignored"),
    Row("a time out of range: advert_int of version 3", 'I', "version 3\nadvert_int 41", routers, "R1 V3 100 40.95s 0ns", "F:9:12: warning: `advert_int` of VRRPv3 is at most 40.95 s; 40.95 s in its place"),
    Row("a time out of range: preempt_delay", 'I', "preempt_delay 5000", routers, "R1 V2 100 1s 0ns", "F:8:15: warning: `5000` is not a number of seconds from 0 to 1000; ignored"),
    Row("a version that there is not", 'I', "version 4", routers, "R1 V2 100 1s 0ns", "F:8:9: warning: `version` must be 2 to 3, not 4; ignored"),
    Row("a fraction where a whole number stands", 'I', "garp_master_delay 0.5", announce, "5 5s 60s", "F:8:19: warning: `0.5` is not a whole number; ignored"),
    Row("a number below its range: garp_master_repeat", 'I', "garp_master_repeat 0", announce, "1 5s 60s", "F:8:20: warning: `garp_master_repeat` must be 1 to 1000, not 0; 1 in its place"),
    Row("a number above ours: garp_master_repeat", 'I', "garp_master_repeat 5000", announce, "1000 5s 60s", "F:8:20: warning: `garp_master_repeat` must be 1 to 1000, not 5000; 1000 in its place"),
    Row("a number out of range: garp_master_refresh", 'I', "garp_master_refresh -1", announce, "5 5s 60s", "F:8:21: warning: `garp_master_refresh` must be 0 to 4294, not -1; ignored"),
    Row("a number out of range: unicast_ttl", 'I', "unicast_ttl 256", routers, "R1 V2 100 1s 0ns", "F:8:13: warning: `unicast_ttl` must be 0 to 255, not 256; ignored"),
    Row("a source that is no address", 'I', "mcast_src_ip 10.20.0", routers, "R1 V2 100 1s 0ns", "F:8:14: warning: source `10.20.0` is not an IP address; ignored"),
    Row("a group that is none", 'I', "mcast_dst_ip 10.20.0.9", routers, "R1 V2 100 1s 0ns", "F:8:14: warning: group `10.20.0.9` is not a multicast address (224.0.0.0/4, ff00::/8); ignored"),
    Row("a peer that is the router itself", 'I', "unicast_src_ip 10.20.0.2\nunicast_peer {\n10.20.0.2 min_ttl 255\n10.20.0.3 min_ttl 255\n}", peers, "Unicast [10.20.0.3]", "F:10:1: warning: peer `10.20.0.2` is this router itself: it is left out"),
    Row("a peer twice", 'I', "unicast_peer {\n10.20.0.3 min_ttl 255\n10.20.0.3 min_ttl 255\n}", peers, "Unicast [10.20.0.3]", "F:10:1: warning: peer `10.20.0.3` is listed twice; ignored"),
    Row("a peer that is no address", 'I', "unicast_peer {\n10.20.0 min_ttl 255\n10.20.0.3 min_ttl 255\n}", peers, "Unicast [10.20.0.3]", "F:9:1: warning: peer `10.20.0` is not an IP address; this peer is left out"),
    Row("unicast without peers", 'I', "unicast_peer {\n}", peers, "Multicast(224.0.0.18) []", "F:8:1: warning: unicast needs peers: adverts have no destination; multicast in its place"),
    Row("a password without a type", 'I', "authentication {\nauth_pass abc\n}", auth, "none", "F:8:1: warning: `authentication` needs an `auth_type`: without one there is no authentication, as in keepalived"),
    Row("a type without a password", 'I', "authentication {\nauth_type PASS\n}", auth, "none", "F:9:11: warning: `auth_type PASS` needs an `auth_pass`: without one there is no authentication, so this; ignored"),
    Row("two blocks of authentication", 'I', "authentication {\nauth_type PASS\nauth_pass a\n}\nauthentication {\nauth_type PASS\nauth_pass b\n}", auth, "b", "F:12:1: warning: a second `authentication` block: the last one counts"),
    Row("a weight out of range: an interface", 'I', "track_interface {\neth1 weight 300\n}", tracks, "[eth1 0] []", "F:9:13: warning: `weight` must be -253 to 253, not 300; ignored"),
    Row("a script below the instance", 'Z', "vrrp_script late {\nscript /bin/true\n}", tracks, "[] []", "F:10:1: warning: the script `late` is defined below: keepalived does not know it here, so this line; ignored"),
    Row("an unknown block", 'I', "frobnicate {\na b\n}\nnopreempt", routers, "R1 V2 100 1s 0ns", "F:8:1: warning: unknown keyword `frobnicate` in vrrp_instance, whose `}` keepalived takes for that of vrrp_instance; ignored"),
    Row("white space that keepalived does not know", 'I', "priority\u{3000}150", routers, "R1 V2 100 1s 0ns", "F:8:1: warning: U+3000 is no blank: it is a part of this word, as in keepalived"),
    Row("a keyword without its block", 'I', "authentication", auth, "none", "F:8:1: warning: `authentication` needs a block: { ... }; ignored"),
    Row("a family that a line before the addresses decides", 'I', "unicast_src_ip fe80::9", routers, "refused", "F:5:15: error: virtual router `R1` has no virtual address"),
    Row("a prefix length out of range", 'A', "10.20.0.1/33", addresses, "10.20.0.1/32", "F:11:1: warning: the prefix length of virtual address `10.20.0.1/33` must be 0 to 32; 32 in its place"),
    Row("an address that is none", 'A', "10.20.0.1\n10.20.0.256", addresses, "10.20.0.1/32", "F:12:1: warning: virtual address `10.20.0.256` is not an IP address; this address is left out"),
    Row("an address that no host has", 'A', "10.20.0.1\n127.0.0.1", addresses, "10.20.0.1/32", "F:12:1: warning: virtual address `127.0.0.1` is not an address a host can have on a network; this address is left out"),
    Row("an address of the other family", 'A', "10.20.0.1\n2001:db8::1", addresses, "10.20.0.1/32", "F:12:1: warning: an IPv6 address in an instance of IPv4: it is not installed, as in keepalived"),
    Row("a label that is too long", 'A', "10.20.0.1\n10.20.0.2 label eth0:123456789012", addresses, "10.20.0.1/32", "F:12:17: warning: an address's label must be 1 to 15 bytes, without spaces and slashes; this address is left out"),
    Row("an option without its value", 'A', "10.20.0.1 dev", addresses, "10.20.0.1/32", "F:11:11: warning: `dev` needs a value; ignored"),
    Row("a sequence that never ends", 'A', "10.20.0.1\n~SEQ(N,5,1,1) 10.20.0.${N}", addresses, "10.20.0.1/32", "F:12:1: warning: its steps never reach the last number; this line is ignored"),
    Row("an address of two instances", 'Z', "vrrp_instance R2 {\ninterface eth0\nvirtual_router_id 34\nvirtual_ipaddress {\n10.20.0.1/24\n}\n}", routers, "R1 V2 100 1s 0ns, R2 V2 100 1s 0ns", "F:18:1: warning: virtual address `10.20.0.1` of `R2` belongs to `R1` too: a node has it while it is master of either"),
    Row("a brace that is missing at the end", 'Z', "vrrp_script s {\nscript /bin/true", scripts, "s [\"/bin/true\"] 1s 1", "F:14:15: warning: this block is not closed; the end of the file closes it"),
    Row("a brace that is missing before an instance", 'Y', "global_defs {\nrouter_id R", routers, "refused", "F:6:1: error: an instance inside of another block: the `}` of that block is missing"),
    Row("a brace of full width", 'Y', "vrrp_script s \u{ff5b}\nscript /bin/true\n}", routers, "refused", "F:1:15: error: U+FF5B is no brace: it is a part of this word, as in keepalived"),
    Row("two scripts of one name", 'Z', "vrrp_script s {\nscript /bin/true\n}\nvrrp_script s {\nscript /bin/false\n}", scripts, "s [\"/bin/true\"] 1s 1", "F:17:13: warning: the script `s` is defined twice, the first one counts: this one; ignored"),
    Row("a number out of range: a script's weight", 'X', "weight 300", scripts, "s [\"/bin/true\"] 1s 1", "F:7:8: warning: `weight` must be -253 to 253, not 300; ignored"),
    Row("a number out of range: a script's interval", 'X', "interval 0", scripts, "s [\"/bin/true\"] 1s 1", "F:7:10: warning: `interval` must be 1 to 4294, not 0; 1 in its place"),
    Row("a fraction: a script's interval", 'X', "interval 1.5", scripts, "s [\"/bin/true\"] 1s 1", "F:7:10: warning: `1.5` is not a whole number; ignored"),
    Row("a number out of range: a script's rise", 'X', "rise 0", scripts, "s [\"/bin/true\"] 1s 1", "F:7:6: warning: `rise` must be 1 to 2147483647, not 0; 1 in its place"),
    Row("a script whose program is none", 'Y', "vrrp_script late {\nscript \u{201c}/bin/true\u{201d}\n}", tracks, "[] []", "F:2:8: warning: U+201C is no quote: it is a part of this word, as in keepalived"),
    Row("a group with an unknown member", 'Z', "vrrp_sync_group G {\ngroup {\nR1\nR2\nGHOST\n}\n}\nvrrp_instance R2 {\ninterface eth0\nvirtual_router_id 34\nvirtual_ipaddress {\n10.20.0.2\n}\n}", groups, "G [0, 1]", "F:18:1: warning: there is no virtual router `GHOST`; ignored"),
    Row("two groups of one name", 'Z', "vrrp_sync_group G {\ngroup {\nR1\nR2\n}\n}\nvrrp_sync_group G {\ngroup {\nR1\n}\n}\nvrrp_instance R2 {\ninterface eth0\nvirtual_router_id 34\nvirtual_ipaddress {\n10.20.0.2\n}\n}", groups, "G [0, 1]", "F:20:17: warning: the sync group `G` is defined twice, the first one counts: this one; ignored"),
    Row("an instance in two groups", 'Z', "vrrp_sync_group G {\ngroup {\nR1\nR2\n}\n}\nvrrp_sync_group H {\ngroup {\nR1\n}\n}\nvrrp_instance R2 {\ninterface eth0\nvirtual_router_id 34\nvirtual_ipaddress {\n10.20.0.2\n}\n}", groups, "G [0, 1]", "F:20:17: warning: sync group `H` has fewer than two members: it has no effect"),
    Row("a number out of range: global_defs", 'G', "vrrp_rt_priority 200", routers, "R1 V2 100 1s 0ns", "F:3:18: warning: `vrrp_rt_priority` must be 0 to 99, not 200; 99 in its place"),
    Row("a version out of range: global_defs", 'G', "vrrp_version 4", routers, "R1 V2 100 1s 0ns", "F:3:14: warning: `vrrp_version` must be 2 to 3, not 4; ignored"),
    Row("a number out of range: quorum", 'S', "quorum 0", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:17:8: warning: `quorum` must be 1 to 4294967295, not 0; 1 in its place"),
    Row("a number out of range: delay_loop", 'S', "delay_loop 0", checks, "Tcp { port: None } 60s 5s 2", "F:17:12: warning: `0` is not a number of seconds from 0.000001 to 86400; ignored"),
    Row("a number out of range: retry", 'S', "retry 0", checks, "Tcp { port: None } 60s 5s 2", "F:17:7: warning: `retry` must be 1 to 4294967295, not 0; ignored"),
    Row("a number out of range: persistence_timeout", 'S', "lb_algo rr\npersistence_timeout 0", services, "10.20.0.1:80 flow 1 [10.20.0.11:80 1]", "F:16:9: warning: each connection goes to a backend by Maglev hashing, in proportion to the weights, not in turn as `rr` would"),
    Row("a granularity of less than an address", 'S', "lb_algo rr\npersistence_granularity 255.255.255.0", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:16:9: warning: each connection goes to a backend by Maglev hashing, in proportion to the weights, not in turn as `rr` would"),
    Row("a protocol in lower case", 'S', "protocol tcp", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", ""),
    Row("a protocol that there is not", 'S', "protocol foo", services, "10.20.0.1:80/udp source 1 [10.20.0.11:80 1]", "F:16:10: warning: the protocol `foo` is neither TCP nor UDP; UDP in its place"),
    Row("a method that there is not", 'S', "lb_kind FOO", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:17:9: warning: `FOO` is neither NAT, DR nor TUN; ignored"),
    Row("a sorry server that is no address", 'S', "sorry_server 10.20.0 80", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:17:14: warning: sorry server `10.20.0` is not an IP address; this sorry server is left out"),
    Row("a weight above ours", 'B', "weight 12500", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1000]", "F:19:8: warning: a weight is at most 1000, not 12500: all weights of this virtual_server and its quorum are scaled down"),
    Row("a weight that is none", 'B', "weight -1", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:19:8: warning: `weight` must be 0 to 2147483647, not -1; ignored"),
    Row("a keyword of another check", 'C', "nb_get_retry 3", checks, "Tcp { port: None } 60s 5s 2", "F:21:1: warning: unknown keyword `nb_get_retry` in this check; ignored"),
    Row("a port out of range: a check", 'C', "connect_port 0", checks, "Tcp { port: None } 60s 5s 2", "F:21:14: warning: `connect_port` must be 1 to 65535, not 0; ignored"),
    Row("a backend twice", 'S', "real_server 10.20.0.12 80 {\nTCP_CHECK {\n}\n}\nreal_server 10.20.0.12 80 {\nTCP_CHECK {\n}\n}", services, "10.20.0.1:80 source 1 [10.20.0.12:80 1, 10.20.0.11:80 1]", "F:21:13: warning: backend `10.20.0.12` is listed twice; this backend is left out"),
    Row("a backend that no host has", 'S', "real_server 127.0.0.1 80 {\nTCP_CHECK {\n}\n}", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:17:13: warning: backend `127.0.0.1` is not an address a host can have on a network; this backend is left out"),
    Row("a backend whose port is none", 'S', "real_server 10.20.0.12 x {\nTCP_CHECK {\n}\n}", services, "10.20.0.1:80 source 1 [10.20.0.11:80 1]", "F:17:24: warning: `x` is not a whole number; this address is left out"),
    Row("a service for an address that no instance has", 'Z', "virtual_server 10.20.0.200 80 {\nprotocol TCP\nlb_algo mh\nreal_server 10.20.0.11 80 {\nTCP_CHECK {\n}\n}\n}", services, "", "F:14:16: warning: `10.20.0.200` is not a virtual address of any router in this file; this service is not served"),
    Row("a service twice", 'Z', "virtual_server 10.20.0.1 81 {\nprotocol TCP\nlb_algo mh\nreal_server 10.20.0.11 81 {\nTCP_CHECK {\n}\n}\n}\nvirtual_server 10.20.0.1 81 {\nprotocol TCP\nlb_algo mh\nreal_server 10.20.0.12 81 {\nTCP_CHECK {\n}\n}\n}", services, "10.20.0.1:81 source 1 [10.20.0.11:81 1]", "F:22:16: warning: the virtual_server `10.20.0.1:81` is defined twice, the first one counts: this one; ignored"),
    Row("two services with a NAT backend in common", 'Z', "virtual_server_group VG {\n10.20.0.1 90\n10.20.0.1 91\n}\nvirtual_server group VG {\nprotocol TCP\nlb_algo mh\nreal_server 10.20.0.11 90 {\nTCP_CHECK {\n}\n}\n}", services, "10.20.0.1:90 source 1 [10.20.0.11:90 1]", "F:16:1: warning: service `10.20.0.1:91` has no other backend; this service is not served"),
    Row("a service of an unknown group", 'Z', "virtual_server group NO {\nlb_algo mh\nprotocol TCP\nreal_server 10.20.0.11 80 {\nTCP_CHECK {\n}\n}\n}", services, "", "F:14:22: warning: there is no virtual_server_group `NO`; this virtual_server is left out"),
    Row("a range of IPv6 addresses", '!', "vrrp_instance R1 {\ninterface eth0\nvirtual_router_id 33\nvirtual_ipaddress {\nfe80::33\n2001:db8::1\n2001:db8::2\n}\n}\nvirtual_server_group VG {\n2001:db8::1-2 80\n}\nvirtual_server group VG {\nlb_algo mh\nlb_kind DR\nprotocol TCP\nreal_server 2001:db8::11 80 {\nTCP_CHECK {\n}\n}\n}", services, "[2001:db8::1]:80 source 1 [2001:db8::11:80 1], [2001:db8::2]:80 source 1 [2001:db8::11:80 1]", ""),
    Row("a comment in a definition", '!', "$BODY= \\\nnopreempt \\\n# why \\\npriority 7\nvrrp_instance R1 {\ninterface eth0\nvirtual_router_id 33\n$BODY\nvirtual_ipaddress {\n10.20.0.1\n}\n}", routers, "R1 V2 7 1s 0ns", "F:3:7: warning: the definition goes on after this comment, as in keepalived 2.2; in keepalived 2.4 it ends here"),
    Row("a byte order mark", '!', "\u{feff}vrrp_instance R1 {\ninterface eth0\nvirtual_router_id 33\nvirtual_ipaddress {\n10.20.0.1\n}\n}", routers, "R1 V2 100 1s 0ns", "F:1:1: warning: keepalived takes the byte order mark for a part of the first word, which it then does not know"),
    Row("typographic quotes", 'G', "router_id \u{201c}R\u{201d}", routers, "R1 V2 100 1s 0ns", "F:3:11: warning: U+201C is no quote: it is a part of this word, as in keepalived"),
    Row("variables in a sequence", '!', "$LOW=4\n$HIGH=6\nvrrp_instance R1 {\ninterface eth0\nvirtual_router_id 33\nvirtual_ipaddress {\n~SEQ(N,$LOW,$HIGH) 10.20.0.${N}\n}\n}", addresses, "10.20.0.4/32, 10.20.0.5/32, 10.20.0.6/32", ""),
    Row("native_ipv6 before addresses of IPv4", 'I', "native_ipv6", routers, "refused", "F:5:15: error: virtual router `R1` has no virtual address"),
    Row("services alone", '!', "virtual_server 10.20.0.1 80 {\nprotocol TCP\nlb_algo mh\nreal_server 10.20.0.11 80 {\nTCP_CHECK {\n}\n}\n}", routers, "", "F: warning: no virtual router in this file; the agent does nothing"),
    Row("an instance without a VRID", '!', "vrrp_instance R1 {\ninterface eth0\nvirtual_ipaddress {\n10.20.0.1\n}\n}", routers, "refused", "F:1:15: error: vrrp_instance `R1` has no `virtual_router_id`"),
    Row("an instance without an address", '!', "vrrp_instance R1 {\ninterface eth0\nvirtual_router_id 33\n}", routers, "refused", "F:1:15: error: virtual router `R1` has no virtual address"),
];

/// A whole file: the lines in an instance (`I`), among its addresses (`A`), in its script (`X`), in
/// `global_defs` (`G`), in a virtual_server (`S`), its real_server (`B`) or its check (`C`), before
/// all (`Y`), behind all (`Z`), or alone (`!`).
fn whole(place: char, lines: &str) -> String {
    if place == '!' {
        return lines.to_owned();
    }
    let at = |here: char| if here == place { lines } else { "" };
    let addresses = if place == 'A' { lines } else { "10.20.0.1/24" };
    let script = match place {
        'X' => format!("vrrp_script s {{\nscript /bin/true\n{lines}\n}}\n"),
        _ => String::new(),
    };
    // A script that is defined below.
    let track = if lines.contains(" late ") { "track_script {\nlate\n}" } else { "" };
    let unless =
        |keyword: &str, line: &'static str| if lines.contains(keyword) { "" } else { line };
    let algorithm = unless("lb_algo", "lb_algo mh\n");
    let protocol = unless("protocol", "protocol TCP\n");
    let server = match place {
        'S' | 'B' | 'C' => format!(
            "virtual_server 10.20.0.1 80 {{\n{algorithm}{protocol}{}\nreal_server 10.20.0.11 80 {{\n{}\nTCP_CHECK {{\n{}\n}}\n}}\n}}\n",
            at('S'),
            at('B'),
            at('C')
        ),
        _ => String::new(),
    };
    format!(
        "{}\nglobal_defs {{\n{}\n}}\n{script}vrrp_instance R1 {{\ninterface eth0\nvirtual_router_id 33\n{}\n{track}\nvirtual_ipaddress {{\n{addresses}\n}}\n}}\n{server}{}\n",
        at('Y'),
        at('G'),
        at('I'),
        at('Z')
    )
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn routers(config: &Config) -> String {
    list(&config.routers, |router| {
        format!(
            "{} {:?} {} {:?} {:?}",
            router.name, router.version, router.priority, router.interval, router.preempt_delay
        )
    })
}

fn announce(config: &Config) -> String {
    let announce = config.routers[0].announce;
    format!("{} {:?} {:?}", announce.repeat, announce.delay, announce.refresh)
}

fn peers(config: &Config) -> String {
    let router = &config.routers[0];
    format!("{:?} [{}]", router.delivery, list(&router.peers, |peer| peer.address.to_string()))
}

fn auth(config: &Config) -> String {
    match config.routers[0].auth {
        Auth::None => "none".to_owned(),
        Auth::Pass(bytes) => String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned(),
    }
}

fn tracks(config: &Config) -> String {
    let router = &config.routers[0];
    let interfaces = list(&router.track_interfaces, |track| {
        format!("{} {}", track.interface, track.weight.value)
    });
    let scripts =
        list(&router.track_scripts, |track| format!("{} {}", track.script, track.weight.value));
    format!("[{interfaces}] [{scripts}]")
}

fn addresses(config: &Config) -> String {
    list(&config.routers[0].addresses, |held| format!("{}/{}", held.address, held.prefix_len))
}

fn scripts(config: &Config) -> String {
    list(&config.scripts, |script| {
        format!("{} {:?} {:?} {}", script.name, script.command.words, script.interval, script.rise)
    })
}

fn groups(config: &Config) -> String {
    list(&config.groups, |group| format!("{} {:?}", group.name, group.members))
}

fn services(config: &Config) -> String {
    list(&config.services, |service| {
        let backends = list(&service.backends, |backend| {
            format!("{}:{} {}", backend.address, backend.port, backend.weight)
        });
        let sorry = if service.sorry.is_some() { " sorry" } else { "" };
        format!("{} {} {} [{backends}]{sorry}", service.name, service.persistence, service.quorum)
    })
}

fn checks(config: &Config) -> String {
    let check = &config.services[0].check;
    format!("{:?} {:?} {:?} {}", check.kind, check.interval, check.timeout, check.fall)
}

#[test]
fn a_mistake_leaves_out_its_smallest_block() {
    let mut wrong = Vec::new();
    for Row(kind, place, text, look, expected, first) in ROWS {
        let text = whole(*place, text);
        let (outcome, source) = read(&text, Language::Keepalived, Mode::Lenient);
        let said: Vec<String> =
            outcome.diagnostics.iter().map(|diagnostic| headline(&source, diagnostic)).collect();
        let seen = outcome.config.as_ref().map_or("refused".to_owned(), look);
        let message = said.first().map_or("", String::as_str);
        if seen != *expected || message != *first {
            wrong.push(format!("{kind}\n  {seen}\n  {message}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_left_can_be_written_as_toml() {
    for Row(kind, place, text, ..) in ROWS {
        let (outcome, _) = read(&whole(*place, text), Language::Keepalived, Mode::Lenient);
        let Some(config) = outcome.config.filter(|config| !config.routers.is_empty()) else {
            continue;
        };
        let (again, _) = read(&to_toml(&config), Language::Toml, Mode::Strict);
        assert_eq!(again.config, Some(config), "{kind}: {:?}", again.diagnostics);
    }
}
