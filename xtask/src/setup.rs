//! `setup`: installs what a Debian or Ubuntu machine lacks. Installed packages are not changed; no
//! daemon is started.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};

use crate::exec;
use crate::packages::{self, Group, Package};
use crate::toolchain::{self, Compiler};

/// Package scripts run it before they start a daemon; exit code 101 forbids the start.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Written by `cargo xtask setup` for the time of an installation.\nexit 101\n";

pub fn run() -> Result<()> {
    ensure(Group::Bpf)?;
    ensure(Group::Lab)?;
    ensure(Group::Vm)
}

/// Installs what is missing of a group, or fails with the commands to type.
pub fn ensure(group: Group) -> Result<()> {
    let label = match group {
        Group::Bpf => "BPF toolchain",
        Group::Lab => "lab",
        Group::Vm => "virtual machines",
        Group::Arm => "64-bit ARM",
    };
    match group {
        Group::Bpf if toolchain::compiler().is_some() && linker_fits() => {}
        Group::Bpf => ensure_bpf()?,
        Group::Lab | Group::Vm | Group::Arm => {
            install(&missing(group), &[])?;
        }
    }
    println!("setup: {label}: complete");
    Ok(())
}

/// The packages of a group that are not installed.
pub fn missing(group: Group) -> Vec<&'static Package> {
    let installed = installed();
    let has = |name: &&str| installed.contains(*name);
    packages::needed(group)
        .filter(|package| !has(&package.name) && !package.instead.iter().any(has))
        .collect()
}

/// The command that installs these packages.
pub fn apt_line(packages: &[&Package]) -> String {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    format!("apt-get update && apt-get install -y --no-install-recommends {}", names.join(" "))
}

fn linker_fits() -> bool {
    toolchain::linker().is_some_and(|(_, _, fits)| fits)
}

fn ensure_bpf() -> Result<()> {
    let mut wanted = missing(Group::Bpf);
    // A nightly that is installed already needs LLVM and the linker only.
    let compiler = toolchain::compiler();
    if matches!(compiler, Some(Compiler::Nightly { .. })) {
        wanted.retain(|package| !package.name.contains("rust"));
    }
    if !wanted.is_empty() {
        require_apt(&wanted, true)?;
        update_lists();
        refuse_old_distribution(&wanted)?;
        install_now(&wanted, &packages::WELCOME.iter().collect::<Vec<_>>())?;
    }
    let Some(compiler) = toolchain::compiler() else {
        bail!(
            "the packages are installed, yet no compiler for {} was found; the second way: {}",
            toolchain::TARGET,
            toolchain::RUSTUP_NIGHTLY
        );
    };
    println!("setup: compiler for BPF: {compiler}");
    if !linker_fits() {
        println!("setup: building bpf-linker (about a minute)");
        exec::run_quietly(&mut toolchain::install_linker())
            .with_context(|| format!("try: {}", toolchain::install_linker_line()))?;
    }
    match toolchain::linker() {
        Some((program, version, true)) => {
            println!("setup: linker for BPF: {} {version}", program.display());
        }
        _ => bail!("bpf-linker was installed but is not found on PATH"),
    }
    Ok(())
}

/// A distribution without the BPF compiler or this LLVM needs rustup's nightly, which is not
/// installed without consent.
fn refuse_old_distribution(wanted: &[&Package]) -> Result<()> {
    let candidate = |name: &str| -> Option<(u32, u32)> {
        let text = exec::read("apt-cache", &["policy", name])?;
        toolchain::minor_version(
            text.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?,
        )
    };
    let old: Vec<&str> = wanted
        .iter()
        .filter(|package| match package.name {
            "rustc-web" => {
                candidate(package.name).is_none_or(|found| found < toolchain::OLDEST_RUSTC)
            }
            name => candidate(name).is_none(),
        })
        .map(|package| package.name)
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let (major, minor) = toolchain::OLDEST_RUSTC;
    bail!(
        "this distribution has no {} (rustc-web must be {major}.{minor} or newer). The second way to a BPF toolchain:\n  {}\n  \
         LLVM {} from https://apt.llvm.org, packages llvm-{llvm}-dev libpolly-{llvm}-dev\n  {}",
        old.join(", "),
        toolchain::RUSTUP_NIGHTLY,
        toolchain::LLVM,
        toolchain::install_linker_line(),
        llvm = toolchain::LLVM,
    );
}

fn install(wanted: &[&Package], welcome: &[&Package]) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    require_apt(wanted, false)?;
    update_lists();
    install_now(wanted, welcome)
}

fn require_apt(wanted: &[&Package], with_linker: bool) -> Result<()> {
    let why = match (exec::find_program("apt-get"), exec::is_root()) {
        (None, _) => "this is not a Debian or Ubuntu system; the packages there are called",
        (Some(_), false) => "not root; as root, type",
        (Some(_), true) => return Ok(()),
    };
    let mut steps = format!("  {}", apt_line(wanted));
    if with_linker && !linker_fits() {
        steps.push_str("\nthen, as yourself:\n  ");
        steps.push_str(&toolchain::install_linker_line());
    }
    bail!("{} package(s) are missing, and {why}:\n{steps}", wanted.len());
}

/// Once in a run. A broken third-party source is no error here: what is really missing shows at the
/// installation.
fn update_lists() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        println!("setup: apt-get update");
        if let Err(error) = exec::run_quietly(Command::new("apt-get").args(["update", "-qq"])) {
            eprintln!("setup: warning: {error:#}");
        }
    });
}

fn install_now(wanted: &[&Package], welcome: &[&Package]) -> Result<()> {
    let known = |package: &&&Package| exec::read("apt-cache", &["show", package.name]).is_some();
    let names: Vec<&str> =
        wanted.iter().chain(welcome.iter().filter(known)).map(|package| package.name).collect();
    println!("setup: apt-get install {}", names.join(" "));
    let quiet = NoDaemons::begin()?;
    exec::run_quietly(
        Command::new("apt-get")
            .args([
                "install",
                "-y",
                "-qq",
                "--no-install-recommends",
                "-o",
                "DPkg::Lock::Timeout=300",
            ])
            .args(&names)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    drop(quiet);
    disable_units(wanted);
    Ok(())
}

/// A unit that was not started now must not start at the next boot: the lab runs its own copies.
fn disable_units(fresh: &[&Package]) {
    if !Path::new("/run/systemd/system").is_dir() {
        return;
    }
    let Ok(files) =
        fs::read_dir("/usr/lib/systemd/system").or_else(|_| fs::read_dir("/lib/systemd/system"))
    else {
        return;
    };
    let units: Vec<String> = files
        .flatten()
        .filter_map(|file| file.file_name().into_string().ok())
        .filter(|name| {
            fresh.iter().filter_map(|package| package.unit).any(|unit| is_unit(name, unit))
        })
        .collect();
    if units.is_empty() {
        return;
    }
    println!("setup: systemctl disable {}", units.join(" "));
    if let Err(error) = exec::run_quietly(Command::new("systemctl").arg("disable").args(&units)) {
        eprintln!("setup: warning: {error:#}");
    }
}

/// `php` and `-fpm.service` match `php8.2-fpm.service`; no letters may be in between.
fn is_unit(name: &str, (prefix, suffix): (&str, &str)) -> bool {
    let middle = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
    middle.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn installed() -> HashSet<String> {
    let text = exec::read("dpkg-query", &["-W", "-f", "${db:Status-Status} ${Package}\n"])
        .unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect()
}

/// While this lives, package scripts start no daemon. An interrupt stays pending until the policy
/// file is removed; it still reaches the installation, as a child starts with no signal blocked.
struct NoDaemons {
    held: SigSet,
    ours: bool,
}

impl NoDaemons {
    fn begin() -> Result<Self> {
        let mut held = SigSet::empty();
        held.add(Signal::SIGINT);
        held.add(Signal::SIGTERM);
        held.thread_block().context("cannot hold back signals")?;
        let found = fs::read_to_string(POLICY).ok();
        // A policy of the administrator stays; a leftover of an earlier run is ours.
        let ours = found.is_none_or(|text| text == POLICY_TEXT);
        let guard = Self { held, ours };
        if guard.ours {
            fs::write(POLICY, POLICY_TEXT).with_context(|| format!("cannot write {POLICY}"))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("cannot make {POLICY} executable"))?;
        }
        Ok(guard)
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if self.ours
            && Path::new(POLICY).exists()
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!(
                "setup: warning: {POLICY} is left behind and keeps daemons from starting: {error}"
            );
        }
        if let Err(error) = self.held.thread_unblock() {
            eprintln!("setup: warning: interrupts stay blocked: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
