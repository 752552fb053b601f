//! The model as our TOML: `convert`. What is written lowers to the identical model.
//!
//! Every struct of the model is taken apart without `..`, so a new field does not compile before it
//! is written here. The text holds the passwords, as the configuration does; it never goes to a
//! log.

mod check;
mod comments;
mod notify;
mod route;
mod service;
mod text;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::load::Loaded;
use super::validate::HEX;
use comments::{Block, Comments};
use text::{Text, duration, inline_table, string};
use vrrp_model::{
    Announce, Auth, ChecksumForm, Config, Delivery, ElectionThread, Family, Hmac, HmacKey, Peer,
    Recover, Router, Script, SyncGroup, TrackInterface, TrackScript, Tunnel, Version,
    VirtualAddress, Weight, XdpUse,
};

/// The file as TOML with its comments; `None` when it has an error.
pub fn convert(loaded: &Loaded) -> Option<String> {
    let config = loaded.config.as_ref()?;
    let comments = Comments::read(loaded.source.text(), loaded.language);
    Some(write(config, &comments, Some(loaded.source.name())))
}

/// A model as TOML.
pub fn to_toml(config: &Config) -> String {
    write(config, &Comments::default(), None)
}

fn write(config: &Config, comments: &Comments, origin: Option<&str>) -> String {
    // Taken apart whole: a new key does not compile until it is written.
    let Config {
        node,
        metrics,
        compare_rings,
        api_socket,
        bpf_dir,
        xdp,
        pass_foreign_vrids,
        nat_forward_other,
        startup_delay,
        release_on_exit,
        election,
        routers,
        groups,
        scripts,
        routing,
        notify,
        fifos,
        mail,
        services,
        tunnel,
        upstreams,
    } = config;
    let mut text = Text::default();
    write_head(&mut text, origin, comments.of(&Block::File));
    text.key("node", &string(node));
    write_listeners(&mut text, *metrics, api_socket, bpf_dir);
    write_xdp(&mut text, *xdp);
    for (key, value, default) in [
        ("compare_rings", *compare_rings, true),
        ("pass_foreign_vrids", *pass_foreign_vrids, false),
        ("nat_forward_other", *nat_forward_other, false),
        ("release_on_exit", *release_on_exit, true),
    ] {
        if value != default {
            text.key(key, &value.to_string());
        }
    }
    write_security(&mut text, config);
    if !startup_delay.is_zero() {
        text.key("startup_delay", &duration(*startup_delay));
    }
    write_election(&mut text, election);
    write_tunnel(&mut text, tunnel);
    for router in routers {
        text.table("virtual_router", comments.of(&Block::Router(router.name.clone())));
        write_router(&mut text, router, scripts);
    }
    groups.iter().for_each(|group| write_group(&mut text, group, routers, comments));
    for script in scripts {
        text.table("script", comments.of(&Block::Script(script.name.clone())));
        write_script(&mut text, script);
    }
    route::write_static(&mut text, routing);
    notify.iter().for_each(|notify| notify::write(&mut text, notify, config));
    mail.iter().for_each(|mail| notify::write_mail(&mut text, mail));
    fifos.iter().for_each(|fifo| notify::write_fifo(&mut text, fifo));
    for service in services {
        text.table("service", comments.of(&Block::Service(service.address, service.port)));
        service::write(&mut text, service);
    }
    upstreams.iter().for_each(|upstream| upstream::write(&mut text, upstream));
    text.finish()
}

fn write_head(text: &mut Text, origin: Option<&str>, comments: &[String]) {
    if let Some(origin) = origin {
        text.comment(&format!(
            "Converted from {origin}. Keys that are not written have their defaults."
        ));
    }
    text.comments(comments);
}

/// One setting of the file, which every command holds.
fn write_security(text: &mut Text, config: &Config) {
    let scripts = config.scripts.iter().map(|script| &script.command);
    let notify = config.notify.iter().filter_map(|notify| notify.command());
    let readers = config.fifos.iter().filter_map(|fifo| fifo.reader.as_ref());
    let checks = config.checks().filter_map(|check| check.kind.command());
    if !scripts.chain(notify).chain(readers).chain(checks).all(|command| command.secure) {
        text.key("script_security", "false");
    }
}

/// Where the agent listens and keeps its maps, where that is not the default.
fn write_listeners(
    text: &mut Text,
    metrics: Option<SocketAddr>,
    api_socket: &Path,
    bpf_dir: &Path,
) {
    if metrics != Some(Config::METRICS) {
        let address = metrics.map_or("false".to_owned(), |address| string(&address.to_string()));
        text.key("metrics", &address);
    }
    if api_socket != Path::new(Config::API_SOCKET) {
        text.key("api_socket", &string(&api_socket.to_string_lossy()));
    }
    if bpf_dir != Path::new(Config::BPF_DIR) {
        text.key("bpf_dir", &string(&bpf_dir.to_string_lossy()));
    }
}

fn write_xdp(text: &mut Text, xdp: XdpUse) {
    if xdp != XdpUse::default() {
        text.key("xdp", &string(xdp.label()));
    }
}

fn write_group(text: &mut Text, group: &SyncGroup, routers: &[Router], comments: &Comments) {
    let SyncGroup { name, members } = group;
    text.table("sync_group", comments.of(&Block::Group(name.clone())));
    text.key("name", &string(name));
    let names =
        members.iter().filter_map(|member| routers.get(*member)).map(|router| string(&router.name));
    text.list("members", names);
}

fn write_election(text: &mut Text, election: &ElectionThread) {
    let default = ElectionThread::default();
    if *election == default {
        return;
    }
    let ElectionThread { realtime_priority, cpus, lock_memory } = election;
    text.single_table("election");
    if *realtime_priority != default.realtime_priority {
        text.key("realtime_priority", &realtime_priority.to_string());
    }
    if !cpus.is_empty() {
        text.list("cpus", cpus.iter().map(ToString::to_string));
    }
    if *lock_memory != default.lock_memory {
        text.key("lock_memory", &lock_memory.to_string());
    }
}

fn write_tunnel(text: &mut Text, tunnel: &Tunnel) {
    if *tunnel == Tunnel::default() {
        return;
    }
    let Tunnel { source_v4, source_v6 } = tunnel;
    text.single_table("tunnel");
    if let Some(prefix) = source_v4 {
        text.key("source_v4", &string(&prefix.to_string()));
    }
    if let Some(prefix) = source_v6 {
        text.key("source_v6", &string(&prefix.to_string()));
    }
}

fn write_router(text: &mut Text, router: &Router, scripts: &[Script]) {
    let Router {
        name,
        interface,
        vrid,
        version,
        priority,
        interval,
        preempt,
        preempt_delay,
        auth,
        checksum,
        hmac,
        source,
        delivery,
        peers,
        virtual_mac,
        accept_always,
        addresses,
        excluded_addresses,
        announce,
        track_scripts,
        track_interfaces,
        track_own_interface,
        routing,
    } = router;
    text.key("name", &string(name));
    text.key("interface", &string(interface));
    text.key("vrid", &vrid.to_string());
    text.key("version", if *version == Version::V2 { "2" } else { "3" });
    text.key("priority", &priority.to_string());
    text.key("interval", &duration(*interval));
    if !preempt {
        text.key("preempt", "false");
    }
    if !preempt_delay.is_zero() {
        text.key("preempt_delay", &duration(*preempt_delay));
    }
    if let Auth::Pass(wire) = auth {
        text.key("auth_pass", &string(&password(*wire)));
    }
    if *checksum == ChecksumForm::MessageOnly {
        text.key("checksum", &string("message-only"));
    }
    if let Some(hmac) = hmac {
        text.key("hmac", &authentication(hmac));
    }
    if let Some(source) = source {
        text.key("source", &string(&source.to_string()));
    }
    write_delivery(text, *delivery, peers, router.family());
    if *virtual_mac {
        text.key("virtual_mac", "true");
    }
    if *accept_always {
        text.key("accept_always", "true");
    }
    text.list("addresses", addresses.iter().map(virtual_address));
    if !excluded_addresses.is_empty() {
        text.list("excluded_addresses", excluded_addresses.iter().map(virtual_address));
    }
    write_announce(text, announce);
    write_tracking(text, track_scripts, track_interfaces, scripts);
    if !track_own_interface {
        text.key("track_own_interface", "false");
    }
    route::write(text, routing);
}

fn write_delivery(text: &mut Text, delivery: Delivery, peers: &[Peer], family: Family) {
    match delivery {
        Delivery::Multicast(group) if group == super::validate::default_group(family) => {}
        Delivery::Multicast(group) => text.key("group", &string(&group.to_string())),
        Delivery::Unicast => text.key("unicast", "true"),
    }
    if !peers.is_empty() {
        text.list("peers", peers.iter().map(peer));
    }
}

fn authentication(hmac: &Hmac) -> String {
    let Hmac { mode, send, keys } = hmac;
    let key = |HmacKey { id, secret }: &HmacKey| {
        let text = std::str::from_utf8(secret)
            .ok()
            .filter(|text| text.chars().all(|c| c.is_ascii_graphic()));
        let secret = match text.filter(|text| !text.starts_with(HEX)) {
            Some(text) => string(text),
            None => string(&format!(
                "{HEX}{}",
                secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            )),
        };
        format!("{{ id = {id}, secret = {secret} }}")
    };
    let keys: Vec<String> = keys.iter().map(key).collect();
    format!(
        "{{ mode = {}, send = {send}, keys = [{}] }}",
        string(&mode.to_string()),
        keys.join(", ")
    )
}

fn peer(peer: &Peer) -> String {
    let Peer { address, min_ttl, max_ttl } = peer;
    let address = string(&address.to_string());
    match (*min_ttl, *max_ttl) {
        (u8::MAX, u8::MAX) => address,
        (min_ttl, u8::MAX) => format!("{{ address = {address}, min_ttl = {min_ttl} }}"),
        _ => format!("{{ address = {address}, min_ttl = {min_ttl}, max_ttl = {max_ttl} }}"),
    }
}

const TRACKING: &str = "weight: negative is added while it fails, positive while it is well, 0 makes its failure a fault";

fn write_tracking(
    text: &mut Text,
    track_scripts: &[TrackScript],
    track_interfaces: &[TrackInterface],
    scripts: &[Script],
) {
    if !track_scripts.is_empty() {
        text.comment(TRACKING);
        text.list(
            "track_scripts",
            track_scripts.iter().map(|TrackScript { script, weight }| {
                let name = scripts.get(*script).map_or("", |script| script.name.as_str());
                let [value, reverse] = weight_keys(*weight);
                inline_table([
                    ("script", Some(string(name))),
                    ("weight", value),
                    ("reverse", reverse),
                ])
            }),
        );
    }
    if !track_interfaces.is_empty() {
        text.comment(TRACKING);
        text.list(
            "track_interfaces",
            track_interfaces.iter().map(|TrackInterface { interface, weight }| {
                let [value, reverse] = weight_keys(*weight);
                let interface = Some(string(interface));
                inline_table([("interface", interface), ("weight", value), ("reverse", reverse)])
            }),
        );
    }
}

/// `weight` and `reverse`.
fn weight_keys(Weight { value, reverse }: Weight) -> [Option<String>; 2] {
    [Some(value.to_string()), reverse.then(|| "true".to_owned())]
}

/// The eight bytes as a string that is cut to them again. Where the cut went through a character,
/// one that begins with what is left takes its place.
fn password(wire: [u8; 8]) -> String {
    let used = wire.iter().rposition(|byte| *byte != 0).map_or(wire.len(), |last| last + 1);
    let (whole, rest) = match std::str::from_utf8(&wire[..used]) {
        Ok(whole) => return whole.to_owned(),
        Err(error) => wire[..used].split_at(error.valid_up_to()),
    };
    let begins_so = |c: &char| c.encode_utf8(&mut [0; 4]).as_bytes().starts_with(rest);
    let completed = ('\u{80}'..=char::MAX).find(begins_so);
    String::from_utf8_lossy(whole).chars().chain(completed).collect()
}

fn virtual_address(virtual_address: &VirtualAddress) -> String {
    let VirtualAddress { address, prefix_len, device, label } = virtual_address;
    let address = match (address, prefix_len) {
        (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => address.to_string(),
        (address, length) => format!("{address}/{length}"),
    };
    if device.is_none() && label.is_none() {
        return string(&address);
    }
    let text = |value: &Option<String>| value.as_ref().map(|value| string(value));
    inline_table([
        ("address", Some(string(&address))),
        ("device", text(device)),
        ("label", text(label)),
    ])
}

fn write_announce(text: &mut Text, announce: &Announce) {
    let Announce { repeat, interval, delay, refresh, refresh_repeat } = announce;
    if refresh.is_zero() {
        text.comment("refresh 0s: gratuitous ARP after a takeover only");
    }
    let garp = inline_table([
        ("repeat", Some(repeat.to_string())),
        ("interval", Some(duration(*interval))),
        ("delay", Some(duration(*delay))),
        ("refresh", Some(duration(*refresh))),
        ("refresh_repeat", Some(refresh_repeat.to_string())),
    ]);
    text.key("garp", &garp);
}

fn write_script(text: &mut Text, script: &Script) {
    let Script { name, command, interval, timeout, rise, fall, init_fail, recover } = script;
    text.key("name", &string(name));
    notify::command(text, "command", "", command);
    text.key("interval", &duration(*interval));
    text.key("timeout", &duration(*timeout));
    text.key("rise", &rise.to_string());
    text.key("fall", &fall.to_string());
    if *init_fail {
        text.key("init_fail", "true");
    }
    if let Some(Recover { command, attempts, timeout }) = recover {
        // It runs as the script's user.
        let words: Vec<String> = command.words.iter().map(|word| string(word)).collect();
        let recover = inline_table([
            ("command", Some(format!("[{}]", words.join(", ")))),
            ("attempts", Some(attempts.to_string())),
            ("timeout", Some(duration(*timeout))),
        ]);
        text.key("recover", &recover);
    }
}
