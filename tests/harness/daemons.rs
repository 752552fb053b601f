//! The services behind the nodes: nginx, php-fpm, memcached and dnsmasq with the configuration of
//! `examples/dual-master/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cgroup;
use crate::names::{Host, MEMCACHED_PORT};
use crate::netns::NetNs;

/// Size of `/big`, bytes. The file is sparse.
pub const BIG_FILE: u64 = 32 << 20;

const NGINX_CONF: &str = include_str!("../../examples/dual-master/nginx.conf");
const PHP_FPM_CONF: &str = include_str!("../../examples/dual-master/php-fpm.conf");
const DNSMASQ_CONF: &str = include_str!("../../examples/dual-master/dnsmasq.conf");
const INDEX_HTML: &str = include_str!("../../examples/dual-master/html/index.html");
const INDEX_PHP: &str = include_str!("../../examples/dual-master/html/index.php");
const CHK_NGINX: &str = include_str!("../../examples/dual-master/chk_nginx.sh");

/// nginx's own list of php-fpm hosts, for nodes where no agent steers its connections.
const PHP_SERVERS: &str = "        server 10.0.0.22:9000 max_fails=1 fail_timeout=2s;
        server 10.0.0.23:9000 max_fails=1 fail_timeout=2s;
        server 10.0.0.24:9000 max_fails=1 fail_timeout=2s;
";

/// The configuration of a node's nginx.
pub fn nginx_conf(steered: bool) -> String {
    let upstream = |line: &&str| line.contains("server 10.0.0.100:9000");
    let mut text = String::new();
    let mut listed = false;
    for line in NGINX_CONF.lines() {
        if steered || !upstream(&line) {
            text.push_str(line);
            text.push('\n');
        } else if !listed {
            text.push_str(PHP_SERVERS);
            listed = true;
        }
    }
    text
}

/// nginx of one node, below `dir`, with the configuration `text`; in a cgroup where there is one.
pub fn nginx(dir: &Path, netns: &NetNs, text: &str, cgroup: Option<&Path>) -> Result<Command> {
    for sub in ["logs", "temp", "html"] {
        make_dir(&dir.join(sub))?;
    }
    write(&dir.join("nginx.conf"), text)?;
    write(&dir.join("html/index.html"), INDEX_HTML)?;
    write(&dir.join("html/index.php"), INDEX_PHP)?;
    let big = dir.join("html/big");
    File::create(&big)
        .and_then(|file| file.set_len(BIG_FILE))
        .with_context(|| format!("making {}", big.display()))?;
    let mut command = netns.command(&program("nginx")?)?;
    if let Some(cgroup) = cgroup {
        cgroup::join_on_spawn(&mut command, cgroup)?;
    }
    // The log's path also until the configuration is read: otherwise nginx opens the system's log.
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
    command.arg("-e").arg(dir.join("logs/error.log")).args(["-g", "daemon off;"]);
    Ok(command)
}

/// php-fpm of one php host, below `dir`.
pub fn php_fpm(dir: &Path, netns: &NetNs) -> Result<Command> {
    make_dir(dir)?;
    let config = dir.join("php-fpm.conf");
    write(&config, PHP_FPM_CONF)?;
    let mut command = netns.command(&php_fpm_program()?)?;
    command.arg("--nodaemonize").arg("--prefix").arg(dir).arg("--fpm-config").arg(config);
    Ok(command)
}

pub fn memcached(netns: &NetNs) -> Result<Command> {
    let Some(address) = Host::Cache.back() else { bail!("the cache has no address") };
    let mut command = netns.command(&program("memcached")?)?;
    command.args(["-u", "nobody", "-m", "16", "-t", "1", "-U", "0"]);
    command.args(["-l", &address.to_string(), "-p", &MEMCACHED_PORT.to_string()]);
    Ok(command)
}

pub fn dnsmasq(dir: &Path, netns: &NetNs) -> Result<Command> {
    make_dir(dir)?;
    let config = dir.join("dnsmasq.conf");
    write(&config, DNSMASQ_CONF)?;
    let mut command = netns.command(&program("dnsmasq")?)?;
    command.args(["--keep-in-foreground", "--log-facility=-"]);
    command
        .arg(format!("--conf-file={}", config.display()))
        .arg(format!("--pid-file={}", dir.join("pid").display()));
    Ok(command)
}

/// Puts the nginx check script into `dir`, executable.
pub fn check_script(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("chk_nginx.sh");
    write(&path, CHK_NGINX)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", path.display()))
}

/// Fails with the names of all missing programs, not just the first.
pub fn require_programs(names: &[&str]) -> Result<()> {
    let mut missing: Vec<&str> =
        names.iter().copied().filter(|name| program(name).is_err()).collect();
    if php_fpm_program().is_err() {
        missing.push("php-fpm");
    }
    if !missing.is_empty() {
        bail!(
            "the lab needs programs that are not installed: {} (`cargo xtask setup` installs them)",
            missing.join(", ")
        );
    }
    Ok(())
}

/// Full path of an installed program. Daemons live in directories that a user's PATH may lack.
pub fn program(name: &str) -> Result<String> {
    search_path()
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .map(|path| path.to_string_lossy().into_owned())
        .with_context(|| format!("{name} is not installed"))
}

/// Distributions add the version to the name: php-fpm8.2.
fn php_fpm_program() -> Result<String> {
    let mut found: Vec<PathBuf> = search_path()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("php-fpm"))
        })
        .collect();
    found.sort();
    found.last().map(|path| path.to_string_lossy().into_owned()).context("php-fpm is not installed")
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.into_iter().chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
}

pub fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))
}

pub fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
