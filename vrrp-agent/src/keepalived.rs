//! The command line of keepalived, for callers that know this program by that name: units,
//! containers, `keepalived -t` in a deployment.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser};
use nix::libc::SIGRTMIN;
use nix::sys::signal::Signal;

use crate::cli::{KEEPALIVED_CONF, Run};
use vrrp_config::{self, Mode, Severity};
use vrrp_model::{Command, Config};

/// The file name by which the program takes this command line.
const NAME: &str = "keepalived";
const VERSION: &str =
    concat!("(vrrp-agent ", env!("CARGO_PKG_VERSION"), ", command line of keepalived 2.2)");
const PID_FILE: &str = "/run/keepalived.pid";

/// Exit codes of `--config-test`, as 2.2.7 has them: its manual is one lower.
const CANNOT_RUN: u8 = 4;
const HAS_ERRORS: u8 = 5;
const INSECURE: u8 = 6;

/// VRRP failover with an XDP data plane, by the command line of keepalived 2.2.
#[derive(Parser)]
#[command(name = NAME, version = VERSION, about, disable_version_flag = true, max_term_width = 110)]
pub struct Keepalived {
    /// Configuration file
    #[arg(short = 'f', long = "use-file", value_name = "FILE", default_value = KEEPALIVED_CONF)]
    file: PathBuf,
    /// Check the configuration; the report goes to standard error, or to LOG_FILE. Exit codes: 0
    /// good; 4 cannot be run; 5 has errors; 6 runs scripts without script security
    #[arg(
        short = 't',
        long = "config-test",
        value_name = "LOG_FILE",
        num_args = 0..=1,
        require_equals = true
    )]
    config_test: Option<Option<PathBuf>>,
    /// Stay in the foreground
    #[arg(short = 'n', long = "dont-fork")]
    dont_fork: bool,
    /// Value that decides the `@id` lines, instead of the host name
    #[arg(short = 'i', long = "config-id", value_name = "ID")]
    config_id: Option<String>,
    /// File for the process id
    #[arg(short = 'p', long = "pid", value_name = "FILE", default_value = PID_FILE)]
    pid: PathBuf,
    /// Print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON
    #[arg(long, value_name = "SIGFUNC")]
    signum: Option<String>,
    /// Leave the addresses where they are at the end
    #[arg(short = 'V', long = "dont-release-vrrp")]
    dont_release_vrrp: bool,
    /// Not supported: run it inside the namespace
    #[arg(short = 's', long = "namespace", value_name = "NAME")]
    namespace: Option<String>,
    /// Not supported: load balancing without VRRP
    #[arg(short = 'C', long = "check")]
    check_only: bool,
    /// Show the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    without_effect: WithoutEffect,
}

/// Options that change nothing here: there is one process, and it logs to standard error.
#[derive(clap::Args)]
#[command(next_help_heading = "Options without effect")]
struct WithoutEffect {
    #[arg(short = 'P', long = "vrrp", hide_short_help = true)]
    vrrp: bool,
    #[arg(short = 'B', long = "no_bfd")]
    no_bfd: bool,
    #[arg(long)]
    all: bool,
    #[arg(short = 'l', long = "log-console")]
    log_console: bool,
    #[arg(short = 'D', long = "log-detail")]
    log_detail: bool,
    #[arg(short = 'S', long = "log-facility", value_name = "FACILITY")]
    log_facility: Option<String>,
    #[arg(short = 'G', long = "no-syslog")]
    no_syslog: bool,
    #[arg(short = 'u', long, value_name = "MASK")]
    umask: Option<String>,
    #[arg(short = 'X', long = "release-vips")]
    release_vips: bool,
    #[arg(short = 'I', long = "dont-release-ipvs")]
    dont_release_ipvs: bool,
    #[arg(short = 'R', long = "dont-respawn")]
    dont_respawn: bool,
    #[arg(short = 'd', long = "dump-conf")]
    dump_conf: bool,
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    vrrp_pid: Option<PathBuf>,
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE")]
    checkers_pid: Option<PathBuf>,
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE")]
    bfd_pid: Option<PathBuf>,
    #[arg(short = 'a', long = "address-monitoring")]
    address_monitoring: bool,
    #[arg(short = 'x', long)]
    snmp: bool,
    #[arg(short = 'A', long = "snmp-agent-socket", value_name = "FILE")]
    snmp_agent_socket: Option<PathBuf>,
    #[arg(short = 'm', long = "core-dump")]
    core_dump: bool,
    #[arg(short = 'M', long = "core-dump-pattern", value_name = "PATTERN")]
    core_dump_pattern: Option<String>,
    #[arg(short = 'e', long = "all-config")]
    all_config: bool,
    #[arg(long = "no-mem-check")]
    no_mem_check: bool,
}

/// What the command line asks for.
pub enum Asked {
    /// The lines are printed on standard error, the code is the exit code.
    Test { file: PathBuf, config_id: Option<String>, log: Option<PathBuf> },
    /// Number of a signal.
    Signal(i32),
    /// In the background unless `foreground`.
    Run { run: Run, foreground: bool },
}

/// Whether the program was called by keepalived's name.
pub fn is_called(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == NAME))
}

/// # Errors
/// What the options ask for is not supported, for people.
pub fn asked(options: Keepalived) -> Result<Asked, String> {
    let Keepalived { file, config_test, dont_fork, config_id, pid, signum, .. } = options;
    if let Some(function) = signum {
        return signal(&function).map(Asked::Signal).ok_or(format!("Unknown sigfunc {function}"));
    }
    if let Some(log) = config_test {
        return Ok(Asked::Test { file, config_id, log });
    }
    if let Some(name) = options.namespace {
        return Err(format!(
            "--namespace is not supported: run `ip netns exec {name} keepalived --dont-fork`"
        ));
    }
    if options.check_only {
        return Err("--check is not supported: load balancing needs the virtual routers".to_owned());
    }
    // The working directory is another one in the background.
    let config = std::path::absolute(&file).map_err(|error| error.to_string())?;
    let mut run = Run::of(config);
    run.config_id = config_id;
    run.pid_file = Some(std::path::absolute(&pid).map_err(|error| error.to_string())?);
    run.release_on_exit = options.dont_release_vrrp.then_some(false);
    Ok(Asked::Run { run, foreground: dont_fork })
}

/// As keepalived's `--signum`; those without effect here are ignored.
fn signal(function: &str) -> Option<i32> {
    Some(match function {
        "STOP" => Signal::SIGTERM as i32,
        "RELOAD" => Signal::SIGHUP as i32,
        "DATA" => Signal::SIGUSR1 as i32,
        "STATS" => Signal::SIGUSR2 as i32,
        "JSON" => SIGRTMIN() + 2,
        "STATS_CLEAR" => SIGRTMIN() + 29,
        _ => return None,
    })
}

/// `--config-test`: the report, and the exit code.
pub fn test(file: &Path, config_id: Option<&str>) -> (String, u8) {
    let lenient = vrrp_config::load_as(file, Mode::Lenient, config_id);
    let Some(config) = &lenient.config else { return (lenient.report(), CANNOT_RUN) };
    let strict = vrrp_config::load_as(file, Mode::Strict, config_id);
    let errors = strict.diagnostics.iter().any(|found| found.severity == Severity::Error);
    let report = strict.report();
    match errors {
        true => (report, HAS_ERRORS),
        false if is_insecure(config) => {
            let line = "scripts run without enable_script_security: programs that other users can replace run too\n";
            (format!("{report}{line}"), INSECURE)
        }
        false => (report, 0),
    }
}

fn is_insecure(config: &Config) -> bool {
    let scripts = config.scripts.iter().map(|script| &script.command);
    let notify = config.notify.iter().filter_map(|notify| notify.command());
    scripts.chain(notify).any(|command: &Command| !command.secure)
}

/// Writes the report of a test where it is asked for.
///
/// # Errors
/// The file cannot be written.
pub fn write_report(report: &str, log: Option<&Path>) -> Result<(), String> {
    match log {
        None => {
            eprint!("{report}");
            Ok(())
        }
        Some(log) => fs::write(log, report)
            .map_err(|error| format!("cannot write {}: {error}", log.display())),
    }
}

#[cfg(test)]
mod tests;
