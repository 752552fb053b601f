//! `vrrp-agent check`: says what is wrong with configuration files, or what they mean. Touches nothing on the host but the files.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{self, Mode, Severity};
use crate::model::{
    Auth, Backend, CheckKind, Config, Forward, Protocol, Router, Script, Service, Version, VirtualAddress, XdpUse,
};

#[cfg(test)]
mod tests;

/// Exit code when every file is good.
pub const GOOD: u8 = 0;
/// Exit code when a file has an error.
pub const BAD: u8 = 6;

/// Checks each file for itself. Returns the text to print and the exit code.
///
/// `lenient` reads a keepalived.conf as `run` does: what keepalived skips is a warning. `config_id` decides its `@id` lines.
pub fn check(paths: &[PathBuf], lenient: bool, config_id: Option<&str>) -> (String, u8) {
    let mode = if lenient { Mode::Lenient } else { Mode::Strict };
    let mut code = GOOD;
    let mut texts = Vec::new();
    for path in paths {
        let (text, good) = check_file(path, mode, config_id);
        texts.push(text);
        if !good {
            code = BAD;
        }
    }
    (texts.join("\n"), code)
}

fn check_file(path: &Path, mode: Mode, config_id: Option<&str>) -> (String, bool) {
    let loaded = config::load_as(path, mode, config_id);
    let count = |severity| loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut text = loaded.report();
    if !text.is_empty() {
        text.push('\n');
    }
    let counted = match (errors, warnings) {
        (0, 0) => "good".to_owned(),
        (0, warnings) => format!("good, {}", plural(warnings, "warning")),
        (errors, 0) => plural(errors, "error"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    };
    let _ = writeln!(text, "{}: {counted}", path.display());
    if let Some(config) = &loaded.config {
        text.push_str(&summary(config));
    }
    (text, loaded.config.is_some())
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What a configuration means, for people. Shows no password.
pub fn summary(config: &Config) -> String {
    let mut text = String::new();
    let metrics = config.metrics.map_or("off".to_owned(), |address| address.to_string());
    let xdp = match config.xdp {
        XdpUse::Auto => "auto",
        XdpUse::Generic => "generic",
        XdpUse::Off => "off",
    };
    let _ = writeln!(text, "  node {}: metrics {metrics}, API {}, XDP {xdp}", config.node, config.api_socket.display());
    if !config.startup_delay.is_zero() {
        let _ = writeln!(text, "    the election begins {:?} after start", config.startup_delay);
    }
    for router in &config.routers {
        describe_router(&mut text, router, &config.scripts);
    }
    for script in &config.scripts {
        describe_script(&mut text, script);
    }
    for service in &config.services {
        describe_service(&mut text, service);
    }
    text
}

fn describe_router(text: &mut String, router: &Router, scripts: &[Script]) {
    let version = match router.version {
        Version::V2 => "VRRPv2",
        Version::V3 => "VRRPv3",
    };
    let auth = match router.auth {
        Auth::None => "",
        Auth::Pass(_) => ", with password",
    };
    let _ = writeln!(
        text,
        "  router {}: VRID {} on {}, {version}{auth}, priority {}, advert each {:?}, takes over after {:?} of silence{}",
        router.name,
        router.vrid,
        router.interface,
        router.priority,
        router.interval,
        silence(router),
        if router.preempt { "" } else { ", does not preempt" },
    );
    let _ = writeln!(text, "    addresses: {}", list(router.addresses.iter().map(|address| name_address(address, router))));
    if !router.excluded_addresses.is_empty() {
        let excluded = router.excluded_addresses.iter().map(|address| name_address(address, router));
        let _ = writeln!(text, "    not advertised: {}", list(excluded));
    }
    for track in &router.track_scripts {
        let name = scripts.get(track.script).map_or("?", |script| script.name.as_str());
        let _ = writeln!(text, "    tracks script {name}: {}", effect(track.weight));
    }
    for track in &router.track_interfaces {
        let _ = writeln!(text, "    tracks interface {}: {}", track.interface, effect(track.weight));
    }
}

/// The master down interval (RFC 9568 section 6.1, RFC 3768 section 6.1): three adverts and the skew. The owner does not wait.
fn silence(router: &Router) -> Duration {
    if router.priority == u8::MAX {
        return Duration::ZERO;
    }
    let unit = match router.version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => router.interval,
    };
    let exact = router.interval * 3 + unit * (256 - u32::from(router.priority)) / 256;
    Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX))
}

fn name_address(address: &VirtualAddress, router: &Router) -> String {
    let mut name = address.address.to_string();
    if address.prefix_len != 32 {
        let _ = write!(name, "/{}", address.prefix_len);
    }
    if let Some(device) = address.device.as_ref().filter(|device| **device != router.interface) {
        let _ = write!(name, " on {device}");
    }
    if let Some(label) = &address.label {
        let _ = write!(name, " ({label})");
    }
    name
}

fn effect(weight: i16) -> String {
    match weight {
        0 => "its failure is a fault".to_owned(),
        1.. => format!("priority {weight:+} while it succeeds"),
        _ => format!("priority {weight} while it fails"),
    }
}

fn describe_script(text: &mut String, script: &Script) {
    let _ = writeln!(
        text,
        "  script {}: {:?} each {:?}, at most {:?}, good after {}, bad after {}, as {}",
        script.name,
        script.command,
        script.interval,
        script.timeout,
        script.rise,
        script.fall,
        script.user.as_deref().unwrap_or("the agent's user"),
    );
}

fn describe_service(text: &mut String, service: &Service) {
    let protocol = match service.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    let backends = list(service.backends.iter().map(name_backend));
    let _ = writeln!(text, "  service {}: {protocol} {}:{} to {backends}", service.name, service.address, service.port);
    let check = &service.check;
    let on_port = |port: &Option<u16>| port.map_or(String::new(), |port| format!(" on port {port}"));
    let kind = match &check.kind {
        CheckKind::None => {
            let _ = writeln!(text, "    backends are not checked");
            return;
        }
        CheckKind::Tcp { port } => format!("by TCP{}", on_port(port)),
        CheckKind::Http { port, path } => format!("by HTTP GET {path}{}", on_port(port)),
    };
    let _ = writeln!(
        text,
        "    checked {kind} each {:?}, at most {:?}, up after {}, down after {}",
        check.interval, check.timeout, check.rise, check.fall,
    );
}

fn name_backend(backend: &Backend) -> String {
    let forward = match backend.forward {
        Forward::Auto => "",
        Forward::Local => ", local",
        Forward::Dr => ", direct return",
    };
    format!("{} (weight {}{forward})", backend.address, backend.weight)
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
