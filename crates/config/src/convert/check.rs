//! Checks as TOML.

use std::ops::RangeInclusive;

use super::text::{duration, inline_table, string, unless};
use vrrp_model::{
    Check, CheckKind, Command, DnsCheck, HttpCheck, HttpRequest, HttpVersion, ScriptCheck, Sni,
    UdpCheck,
};

/// A key and its value, if it is written.
type Field = (&'static str, Option<String>);

/// A check, or a list where there are several.
pub(super) fn check(check: &Check, real_path: bool) -> String {
    let first = one(check, real_path);
    if check.also.is_empty() {
        return first;
    }
    let further = check.also.iter().map(|further| one(further, true));
    format!("[{}]", std::iter::once(first).chain(further).collect::<Vec<_>>().join(", "))
}

fn one(check: &Check, real_path: bool) -> String {
    let Check { kind, address, interval, timeout, retry_interval, rise, fall, also: _ } = check;
    let second = duration(Check::SECOND);
    let mut fields: Vec<Field> = vec![
        ("type", Some(string(kind.check_type().label()))),
        ("address", address.map(|address| string(&address.to_string()))),
        ("port", kind.port().map(|port| port.to_string())),
    ];
    match kind {
        CheckKind::Http(http) => fields.extend(self::http(http)),
        CheckKind::Script(script) => fields.extend(self::script(script)),
        CheckKind::Smtp { port: _, helo } => fields.push(("helo", Some(string(helo)))),
        CheckKind::Dns(DnsCheck { port: _, name, record }) => {
            fields.extend([("name", Some(string(name))), ("record", Some(string(record.label())))])
        }
        CheckKind::Udp(udp) => fields.extend(self::udp(udp)),
        CheckKind::Ping | CheckKind::None | CheckKind::Tcp { .. } | CheckKind::FastCgi { .. } => {}
    }
    fields.extend([
        ("interval", unless(duration(*interval), &second)),
        ("timeout", unless(duration(*timeout), &second)),
        ("retry_interval", retry_interval.map(duration)),
        ("rise", unless(rise.to_string(), "1")),
        ("fall", unless(fall.to_string(), "1")),
        ("real_path", unless(real_path.to_string(), "true")),
    ]);
    inline_table(fields)
}

fn http(http: &HttpCheck) -> Vec<Field> {
    let HttpCheck { port: _, tls, version, requests } = http;
    let version = Some(version).filter(|version| **version != HttpVersion::default());
    let mut fields = match requests.as_slice() {
        [one] => request(one),
        several => {
            let all: Vec<String> = several.iter().map(|one| inline_table(request(one))).collect();
            vec![("requests", Some(format!("[{}]", all.join(", "))))]
        }
    };
    fields.push(("version", version.map(|version| string(version.label()))));
    fields.push(match tls {
        None | Some(Sni::Host) => ("sni", None),
        Some(Sni::Off) => ("sni", Some("false".to_owned())),
        Some(Sni::Name(name)) => ("sni", Some(string(name))),
    });
    fields
}

fn udp(udp: &UdpCheck) -> Vec<Field> {
    let UdpCheck { port: _, payload, reply } = udp;
    let begins = reply.as_ref().map(|reply| string(&reply.begins.to_string()));
    let least = reply.as_ref().map(|reply| reply.length.start().to_string());
    let most = reply.as_ref().map(|reply| reply.length.end().to_string());
    vec![
        ("payload", Some(string(&payload.to_string()))),
        ("reply", begins),
        ("min_reply", least),
        ("max_reply", most),
    ]
}

fn script(script: &ScriptCheck) -> Vec<Field> {
    let ScriptCheck { command: Command { words, user, group, secure: _ }, dynamic } = script;
    let words: Vec<String> = words.iter().map(|word| string(word)).collect();
    vec![
        ("command", Some(format!("[{}]", words.join(", ")))),
        ("user", user.as_deref().map(string)),
        ("user_group", group.as_deref().map(string)),
        ("dynamic", dynamic.then(|| "true".to_owned())),
    ]
}

fn request(request: &HttpRequest) -> Vec<Field> {
    let HttpRequest { path, host, status, digest, body } = request;
    let status = Some(status).filter(|status| **status != [HttpRequest::STATUS]);
    let no_match = body.as_ref().is_some_and(|body| body.no_match);
    vec![
        ("path", Some(string(path))),
        ("host", host.as_deref().map(string)),
        ("status", status.map(|ranges| statuses(ranges))),
        ("digest", digest.map(|digest| string(&format!("{:032x}", u128::from_be_bytes(digest))))),
        ("regex", body.as_ref().map(|body| string(&body.pattern))),
        ("regex_no_match", no_match.then(|| "true".to_owned())),
    ]
}

fn statuses(ranges: &[RangeInclusive<u16>]) -> String {
    let one = |range: &RangeInclusive<u16>| match range.start() == range.end() {
        true => range.start().to_string(),
        false => string(&format!("{}-{}", range.start(), range.end())),
    };
    format!("[{}]", ranges.iter().map(one).collect::<Vec<_>>().join(", "))
}
