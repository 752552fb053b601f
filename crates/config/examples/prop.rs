use vrrp_config::*;
fn main() {
    let base = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let n: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let words = [
        "0",
        "-1",
        "1",
        "256",
        "70000",
        "4294967295",
        "99999999999",
        "0.5",
        "x",
        "",
        "\"\"",
        "{",
        "}",
        "\n",
        "\n}\n",
        "10.20.0.1",
        "10.20.0.2",
        "127.0.0.1",
        "fe80::1",
        "2001:db8::1",
        "224.0.0.1",
        "10.20.0.300",
        "10.20.0.1/33",
        "::ffff:1.2.3.4",
        "R1",
        "R2",
        "s1",
        "G",
        "eth0",
        "eth0123456789012345",
        "MASTER",
        "BACKUP",
        "TCP",
        "udp",
        "NAT",
        "DR",
        "TUN",
        "PASS",
        "nopreempt",
        "native_ipv6",
        "version 3",
        "unicast_peer {",
        "virtual_ipaddress {",
        "real_server 10.20.0.11 80 {",
        "TCP_CHECK {",
        "HTTP_GET {",
        "priority",
        "weight",
        "quorum",
        "weight 5000",
        "sorry_server 10.20.0.12 80",
        "path foo",
        "url {",
        "\u{3000}",
        "\u{fffd}",
        "é",
        "$A",
        "$A=10",
        "~SEQ(N,1,3)",
        "persistence_timeout 0",
        "dev",
        "label",
        "\u{1}",
        "advert_int 41",
        "mcast_src_ip",
        "10.20.0.11 80",
        "virtual_server 10.20.0.1 80 {",
        "group {",
        "80",
        "443",
        "vrrp_sync_group G {",
        "virtual_server_group VG {",
        "virtual_server group VG {",
        "10.20.0.1-2 80",
    ];
    let mut r: u64 = std::env::args().nth(3).unwrap().parse().unwrap();
    let mut next = |below: usize| {
        r = r.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((r >> 33) as usize) % below.max(1)
    };
    let (mut ok, mut bad) = (0, 0);
    let mut count: std::collections::HashMap<String, (u32, String)> = Default::default();
    for _ in 0..n {
        let mut t: Vec<String> =
            base.split_inclusive(|c: char| c == ' ' || c == '\n').map(str::to_owned).collect();
        for _ in 0..1 + next(4) {
            let at = next(t.len());
            let end = t[at]
                .chars()
                .last()
                .filter(|c| c.is_whitespace())
                .map(String::from)
                .unwrap_or_default();
            match next(4) {
                0 => {
                    t.remove(at);
                }
                1 => {
                    let w = words[next(words.len())];
                    t.insert(at, format!("{w} "));
                }
                2 => {
                    let d = t[next(t.len())].clone();
                    t.insert(at, d);
                }
                _ => {
                    t[at] = format!("{}{end}", words[next(words.len())]);
                }
            }
        }
        let text = t.concat();
        let source = Source::new("F", text.as_bytes());
        let o = parse(&source, Language::Keepalived, Mode::Lenient, "node");
        let Some(c) = o.config else {
            for d in &o.diagnostics {
                if d.severity == Severity::Error {
                    let mut m = d.message.clone();
                    m = m.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
                    let mut parts: Vec<&str> = m.split('`').collect();
                    for (i, p) in parts.iter_mut().enumerate() {
                        if i % 2 == 1 {
                            *p = "_";
                        }
                    }
                    *count.entry(parts.concat()).or_insert((0, text.clone())) = {
                        let e = count.get(&parts.concat()).cloned().unwrap_or((0, text.clone()));
                        (e.0 + 1, e.1)
                    };
                    break;
                }
            }
            continue;
        };
        if c.routers.is_empty() {
            continue;
        }
        ok += 1;
        for s in &c.services {
            assert!(!s.backends.is_empty(), "{text}");
        }
        let toml = to_toml(&c);
        let src = Source::new("T", toml.as_bytes());
        let again = parse(&src, Language::Toml, Mode::Strict, "other");
        if again.config.as_ref() != Some(&c) {
            bad += 1;
            if bad < 6 {
                println!(
                    "---- {text}\n====\n{toml}\n{:?}",
                    again.diagnostics.iter().map(|d| &d.message).collect::<Vec<_>>()
                );
            }
        }
    }
    println!("{ok} configs, {bad} bad");
    let mut v: Vec<_> = count.into_iter().collect();
    v.sort_by_key(|x| std::cmp::Reverse(x.1.0));
    for (k, (n, t)) in v {
        println!("{n} {k}");
        if std::env::var("T").is_ok() {
            println!("{t}");
        }
    }
}
