//! keepalived.conf for a node: read by Debian's keepalived, and by our agent.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::daemons::{program, write};
use crate::names::{FRONT_IF, Node, Vip};
use crate::netns::NetNs;

/// Settings of a node's two virtual routers that tests vary. The default is the example's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// VRRP version, 2 or 3. Version 3 knows no authentication.
    pub version: u8,
    /// Advertisement interval; whole seconds for version 2.
    pub interval: Duration,
    /// PASS password of version 2; `None`: no authentication.
    pub password: Option<String>,
    /// Whether a check of nginx lowers the priorities.
    pub track_nginx: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 2,
            interval: Duration::from_secs(1),
            password: Some("1111".to_owned()),
            track_nginx: true,
        }
    }
}

impl Settings {
    /// Version 3 at ten adverts a second.
    pub fn fast() -> Self {
        Self { version: 3, interval: Duration::from_millis(100), password: None, ..Self::default() }
    }

    /// The longest that a backup waits for its master with these settings (RFC 3768 6.1, RFC 9568
    /// 6.1), for priority 99.
    pub fn master_down_interval(&self) -> Duration {
        let skew = self.interval * (256 - 99) / 256;
        self.interval * 3 + skew
    }
}

/// The file for `node`.
pub fn config(node: Node, settings: &Settings) -> String {
    let mut text = format!(
        "! {node} of the dual-master pair, as keepalived writes it: keepalived and vrrp-agent both read this file.\n\
         global_defs {{\n    router_id {node}\n    script_user root\n}}\n"
    );
    if settings.track_nginx {
        text.push_str(
            "\nvrrp_script chk_nginx {\n    script \"/etc/vrrp-agent/chk_nginx.sh\"\n    interval 1\n    timeout 1\n    \
             rise 1\n    fall 3\n    weight -10\n}\n",
        );
    }
    for vip in Vip::BOTH {
        text.push_str(&instance(node, vip, settings));
    }
    text
}

fn instance(node: Node, vip: Vip, settings: &Settings) -> String {
    let state = if vip.home() == node { "MASTER" } else { "BACKUP" };
    let seconds = settings.interval.as_secs_f64();
    let mut lines = vec![
        format!("state {state}"),
        format!("interface {FRONT_IF}"),
        format!("virtual_router_id {}", vip.vrid()),
        format!("priority {}", vip.priority(node)),
        format!("advert_int {seconds}"),
    ];
    if settings.version != 2 {
        lines.insert(2, format!("version {}", settings.version));
    }
    if let (2, Some(password)) = (settings.version, &settings.password) {
        lines.extend(block(
            "authentication",
            &["auth_type PASS".to_owned(), format!("auth_pass {password}")],
        ));
    }
    if settings.track_nginx {
        lines.extend(block("track_script", &["chk_nginx".to_owned()]));
    }
    lines.extend(block("virtual_ipaddress", &[vip.address().to_string()]));
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("\nvrrp_instance {} {{\n{body}}}\n", vip.router())
}

fn block(word: &str, lines: &[String]) -> Vec<String> {
    let inner = lines.iter().map(|line| format!("    {line}"));
    [format!("{word} {{")].into_iter().chain(inner).chain(["}".to_owned()]).collect()
}

/// Writes the file for `node` into `dir`, with the check script's path in it.
pub fn write_config(dir: &Path, node: Node, settings: &Settings) -> Result<PathBuf> {
    let path = dir.join("keepalived.conf");
    let text = config(node, settings).replace("/etc/vrrp-agent", &dir.to_string_lossy());
    write(&path, &text)?;
    Ok(path)
}

/// Debian's keepalived on `node`, in the foreground, its files below `dir`.
pub fn daemon(dir: &Path, netns: &NetNs, node: Node, settings: &Settings) -> Result<Command> {
    daemon_on(dir, netns, &write_config(dir, node, settings)?)
}

/// Debian's keepalived on the file `config`, its other files below `dir`.
pub fn daemon_on(dir: &Path, netns: &NetNs, config: &Path) -> Result<Command> {
    daemon_with(dir, netns, config, &["--log-console", "--log-detail"])
}

/// The same without a log: its best case in a comparison.
pub fn silent_daemon_on(dir: &Path, netns: &NetNs, config: &Path) -> Result<Command> {
    daemon_with(dir, netns, config, &["--no-syslog"])
}

fn daemon_with(dir: &Path, netns: &NetNs, config: &Path, logging: &[&str]) -> Result<Command> {
    let mut command = netns.command(&program("keepalived")?)?;
    command.args(["--dont-fork", "--vrrp"]).args(logging).arg("--use-file").arg(config);
    for (option, file) in [("--pid", "keepalived.pid"), ("--vrrp_pid", "keepalived-vrrp.pid")] {
        let path = dir.join(file);
        // A killed one leaves its pid files, and a zombie of it would keep its successor from
        // starting.
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        command.arg(option).arg(path);
    }
    Ok(command)
}

#[cfg(test)]
mod tests;
