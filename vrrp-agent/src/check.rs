//! `vrrp-agent check`: says what is wrong with configuration files, or what they mean. Changes
//! nothing on the host.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Diagnostic, Loaded, Mode, Severity};
use crate::election::timing;
use crate::model::{Auth, Config, Delivery, Router, Script, Version, VirtualAddress, XdpUse};
use crate::net::view::HostView;
use crate::scripts;

pub mod host;
mod json;
mod service;
#[cfg(test)]
mod tests;
mod upstream;

/// Exit code when every file is good.
pub const GOOD: u8 = 0;
/// Exit code when a file has an error.
pub const BAD: u8 = 6;

/// How the answer looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One document, for programs.
    Json,
}

/// How to check.
#[derive(Debug, Default)]
pub struct Options {
    /// Read a keepalived.conf as `run` does: what keepalived skips is a warning.
    pub lenient: bool,
    /// Decides the `@id` lines of a keepalived.conf; the host name's first label when `None`.
    pub config_id: Option<String>,
    pub format: Format,
    /// Look at this host too; its network.
    pub host: Option<Arc<HostView>>,
}

/// Checks each file for itself. Returns the text to print and the exit code.
pub fn check(paths: &[PathBuf], options: &Options) -> (String, u8) {
    let mode = if options.lenient { Mode::Lenient } else { Mode::Strict };
    let checked: Vec<Checked> =
        paths.iter().map(|path| Checked::new(path, mode, options)).collect();
    let code = if checked.iter().all(Checked::is_good) { GOOD } else { BAD };
    let text = match options.format {
        Format::Text => checked.iter().map(Checked::text).collect::<Vec<_>>().join("\n"),
        Format::Json => json::document(
            checked.iter().map(|file| json::file(&file.loaded, file.host.as_ref())).collect(),
        ),
    };
    (text, code)
}

/// A file, and what was found on the host it is meant for.
struct Checked {
    loaded: Loaded,
    host: Option<OnHost>,
}

/// What was found on this host.
struct OnHost {
    findings: Vec<Diagnostic>,
    programs: Vec<host::programs::Trial>,
}

impl Checked {
    fn new(path: &Path, mode: Mode, options: &Options) -> Self {
        let mut loaded = config::load_as(path, mode, options.config_id.as_deref());
        // `--host` says more of them.
        if let (Some(config), None) = (&loaded.config, &options.host) {
            loaded.diagnostics.extend(unusable_scripts(config));
        }
        let look = |network| {
            let config = loaded.config.as_ref()?;
            let facts = host::read(config, network);
            Some(OnHost { findings: host::findings(config, &facts), programs: facts.programs })
        };
        Self { host: options.host.as_ref().and_then(look), loaded }
    }

    fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.loaded.diagnostics.iter().chain(self.host.iter().flat_map(|host| &host.findings))
    }

    fn count(&self, severity: Severity) -> usize {
        self.all().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    fn is_good(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    fn text(&self) -> String {
        let source = &self.loaded.source;
        let mut text = self
            .all()
            .map(|diagnostic| config::render(source, diagnostic))
            .collect::<Vec<_>>()
            .join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let counted = match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => "good".to_owned(),
            (0, warnings) => format!("good, {}", plural(warnings, "warning")),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => {
                format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
            }
        };
        let _ = writeln!(text, "{}: {counted}", source.name());
        if let Some(config) = &self.loaded.config {
            text.push_str(&summary(config));
        }
        if let Some(host) = &self.host {
            let _ = writeln!(text, "  {}", host::programs::describe(&host.programs));
        }
        text
    }
}

/// What `run` would say on this host.
fn unusable_scripts(config: &Config) -> Vec<Diagnostic> {
    let said = scripts::remove_unusable(&mut config.clone()).into_iter();
    let help = "as in keepalived; where it should be tracked, make it runnable on this host before the agent starts or reloads";
    said.map(|said| Diagnostic::host(Severity::Warning, said).help(help)).collect()
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
    let _ = writeln!(
        text,
        "  node {}: metrics {metrics}, API {}, XDP {xdp}",
        config.node,
        config.api_socket.display()
    );
    if !config.startup_delay.is_zero() {
        let _ = writeln!(text, "    the election begins {:?} after start", config.startup_delay);
    }
    if !config.release_on_exit {
        text.push_str("    a stopping agent releases nothing: its masterships are for the agent that starts next\n");
    }
    let _ = writeln!(text, "    election thread: {}", config.election);
    for (index, router) in config.routers.iter().enumerate() {
        describe_router(&mut text, router, &config.scripts);
        if let Some((group, others)) = config.group_of(index) {
            let _ = writeln!(
                text,
                "    in sync group {}: master together with {}, or not at all",
                group.name,
                others.join(", ")
            );
        }
    }
    for script in &config.scripts {
        describe_script(&mut text, script);
    }
    for service in &config.services {
        service::describe(&mut text, service);
    }
    service::describe_tunnel(&mut text, &config.tunnel, &config.services);
    for upstream in &config.upstreams {
        upstream::describe(&mut text, upstream);
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
    let _ = writeln!(
        text,
        "    addresses: {}",
        list(router.addresses.iter().map(|address| name_address(address, router)))
    );
    if !router.excluded_addresses.is_empty() {
        let excluded =
            router.excluded_addresses.iter().map(|address| name_address(address, router));
        let _ = writeln!(text, "    not advertised: {}", list(excluded));
    }
    let _ = writeln!(text, "    adverts: {}", delivery(router));
    for track in &router.track_scripts {
        let name = scripts.get(track.script).map_or("?", |script| script.name.as_str());
        let _ = writeln!(text, "    tracks script {name}: {}", effect(track.weight));
    }
    for track in &router.track_interfaces {
        let _ =
            writeln!(text, "    tracks interface {}: {}", track.interface, effect(track.weight));
    }
}

/// How adverts travel, and who is listened to.
fn delivery(router: &Router) -> String {
    let (family, peers) = (router.family(), router.peer_list());
    let mac = match (router.virtual_mac, router.delivery) {
        (false, _) => "",
        (true, Delivery::Multicast(_)) => ", with the virtual MAC",
        (true, Delivery::Unicast) => "; announcements and answers with the virtual MAC",
    };
    let hmac = router
        .hmac
        .as_ref()
        .map_or(String::new(), |hmac| format!(", HMAC {} with key {}", hmac.mode, hmac.send));
    match router.delivery {
        Delivery::Unicast => format!("{family} unicast to and from {peers}{hmac}{mac}"),
        Delivery::Multicast(group) => {
            let from = if peers.is_empty() { "anybody" } else { &peers };
            format!("{family} multicast to {group}, from {from}{hmac}{mac}")
        }
    }
}

/// The master down interval, in whole milliseconds. The owner does not wait.
fn silence(router: &Router) -> Duration {
    if router.priority == u8::MAX {
        return Duration::ZERO;
    }
    let exact = timing::master_down_interval(router.version, router.priority, router.interval);
    Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX))
}

fn name_address(address: &VirtualAddress, router: &Router) -> String {
    let mut name = address.address.to_string();
    let longest = if address.address.is_ipv4() { 32 } else { 128 };
    if address.prefix_len != longest {
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

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
