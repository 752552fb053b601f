//! The command line.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::logger::Format;
use crate::{capture, check};
use clap::{ArgAction, Parser, Subcommand};
use vrrp_common::counter::DropReason;

/// Read where no file is named, and keepalived's where this one does not exist.
const DEFAULT_CONFIG: &str = "/etc/vrrp-agent/vrrp-agent.toml";
pub const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";
const DEFAULT_SOCKET: &str = "/run/vrrp-agent/api.sock";
const DEFAULT_BPF_DIR: &str = "/sys/fs/bpf/vrrp-agent";

/// VRRP failover with an XDP data plane.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the agent in the foreground until SIGTERM
    #[command(after_help = "Exit codes: 0 stopped; 1 failed; 4 no permission; 6 bad configuration")]
    Run(Run),
    /// Check configuration files: report errors, or what the files configure; changes nothing
    #[command(after_help = "Exit codes: 0 good; 1 failed; 6 bad configuration")]
    Check(Check),
    /// Write a keepalived.conf as TOML with the same meaning to standard output; reports what was
    /// ignored on standard error
    #[command(after_help = "Exit codes: 0 written; 1 failed; 6 bad configuration")]
    Convert {
        file: PathBuf,
        /// Value that decides the `@id` lines of a keepalived.conf, instead of the host name
        #[arg(short = 'i', long)]
        config_id: Option<String>,
    },
    /// Show the state of a running agent and the reasons for it
    #[command(after_help = "Exit codes: 0 shown; 1 failed; 3 no agent runs; 4 no permission")]
    Status {
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Explain why a virtual router is (not) master and what it waits for; with --config, explain
    /// how a file would be run
    #[command(
        after_help = "Exit codes: 0 shown; 1 failed; 3 no agent runs; 4 no permission; 6 bad configuration (with --config)"
    )]
    Explain {
        /// Name of the virtual router; all of them when absent
        instance: Option<String>,
        /// Explain this file instead of a running agent
        #[arg(short, long)]
        config: Option<PathBuf>,
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET", conflicts_with = "config")]
        socket: PathBuf,
    },
    /// Make a running agent read its configuration file again; a file with errors changes nothing
    #[command(
        after_help = "Exit codes: 0 in force; 1 failed; 3 no agent runs; 4 no permission; 6 bad configuration"
    )]
    Reload {
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
    },
    /// Hand mastership over to another node and wait until it is master; this node does not preempt
    /// until `failback`
    #[command(
        after_help = "Exit codes: 0 handed over; 1 no node took over, or failed; 3 no agent runs; 4 no permission; 5 not master here"
    )]
    Failover {
        /// Name of a virtual router or sync group; for a member of a group its whole group hands
        /// over
        name: String,
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
        /// Seconds to wait; when absent, as long as a hand-over may take
        #[arg(long, value_parser = seconds)]
        timeout: Option<Duration>,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Allow a node that handed over to preempt again, as far as it is configured to
    #[command(
        after_help = "Exit codes: 0 not on standby; 1 failed; 3 no agent runs; 4 no permission"
    )]
    Failback {
        /// Name of a virtual router or sync group; a member of a group means its whole group
        name: String,
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show samples of the packets that the XDP program drops, with the reasons; ends at Ctrl-C
    #[command(after_help = "Exit codes: 0 ended; 1 failed")]
    Capture(Capture),
    /// Send no new connections to a backend; established ones may stay for the service's drain
    /// time. A restart of the agent ends the drain
    #[command(
        after_help = "Exit codes: 0 done; 1 no such backend, or failed; 3 no agent runs; 4 no permission"
    )]
    Drain(Drain),
    /// Remove the XDP program, its maps, and the addresses and routes that a stopped or killed
    /// agent left
    #[command(after_help = "Exit codes: 0 nothing is left; 1 failed, or an agent runs")]
    Detach {
        /// Directory of the agent's pins
        #[arg(long, default_value = DEFAULT_BPF_DIR, env = "VRRP_AGENT_BPF_DIR")]
        bpf_dir: PathBuf,
        /// The API socket of the agent that must not be running
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
    },
}

#[derive(clap::Args)]
pub struct Capture {
    /// Only packets dropped for this reason, named as in the metrics; may be given several times
    #[arg(long = "reason", value_name = "REASON", value_parser = capture::parse_reason)]
    pub reasons: Vec<DropReason>,
    /// Sample one packet of this many, at random
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// Most bytes kept of a packet
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(14..=65_535))]
    pub snap: u32,
    /// End after this many packets
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_parser = seconds)]
    pub time: Option<Duration>,
    /// Write a pcapng file instead of lines, with the reason as each packet's comment; `-` is
    /// standard output
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Directory of the agent's pins
    #[arg(long, default_value = DEFAULT_BPF_DIR, env = "VRRP_AGENT_BPF_DIR")]
    pub bpf_dir: PathBuf,
}

#[derive(clap::Args)]
pub struct Check {
    /// Where none is named: /etc/vrrp-agent/vrrp-agent.toml, or /etc/keepalived/keepalived.conf if
    /// that does not exist
    pub files: Vec<PathBuf>,
    /// Read keepalived.conf as `run` does: a setting that keepalived would ignore is a warning
    #[arg(long)]
    pub lenient: bool,
    /// Value that decides the `@id` lines of a keepalived.conf, instead of the host name
    #[arg(short = 'i', long)]
    pub config_id: Option<String>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    pub format: check::Format,
    /// Check this host too: interfaces, addresses, capabilities, scripts, bpffs, ports, and whether
    /// the kernel loads the programs
    #[arg(long)]
    pub host: bool,
}

#[derive(clap::Args)]
pub struct Drain {
    /// Address of the backend
    pub backend: IpAddr,
    /// Only in this service; when absent, in every service that has the backend
    #[arg(long)]
    pub service: Option<String>,
    /// Only this port, if the address has several
    #[arg(long)]
    pub port: Option<u16>,
    /// Send connections to the backend again
    #[arg(long)]
    pub undo: bool,
    /// The agent's API socket
    #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
    pub socket: PathBuf,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct Run {
    /// Configuration file: TOML, or an unchanged keepalived.conf. Where none is named:
    /// /etc/vrrp-agent/vrrp-agent.toml, or /etc/keepalived/keepalived.conf if that does not exist
    #[arg(short, long, env = "VRRP_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Value that decides the `@id` lines of a keepalived.conf, instead of the host name
    #[arg(short = 'i', long)]
    pub config_id: Option<String>,
    /// Overrides the file's api_socket
    #[arg(long)]
    pub api_socket: Option<PathBuf>,
    /// Overrides the file's bpf_dir
    #[arg(long, env = "VRRP_AGENT_BPF_DIR")]
    pub bpf_dir: Option<PathBuf>,
    /// Overrides the file's release_on_exit: false leaves masterships to the agent that starts next
    #[arg(long, action = ArgAction::Set, value_name = "BOOL")]
    pub release_on_exit: Option<bool>,
    /// Write the process id to this file, and remove it at the end
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Log rare events in the kernel program, fences above all
    #[arg(long)]
    pub kernel_log: bool,
    /// Format of log lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
    /// Lowest level of log lines: error, warn, info, debug, trace, or a filter as in RUST_LOG
    #[arg(long)]
    pub log_level: Option<String>,
}

impl Run {
    /// With this file and all defaults.
    pub fn of(config: PathBuf) -> Self {
        Self {
            config: Some(config),
            config_id: None,
            api_socket: None,
            bpf_dir: None,
            release_on_exit: None,
            pid_file: None,
            kernel_log: false,
            log_format: Format::default(),
            log_level: None,
        }
    }
}

/// The file that is read where none is named.
pub fn default_config() -> PathBuf {
    let found = [DEFAULT_CONFIG, KEEPALIVED_CONF].into_iter().find(|path| Path::new(path).exists());
    PathBuf::from(found.unwrap_or(DEFAULT_CONFIG))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches('s').trim_end().parse();
    number
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write seconds: 10, 2.5".to_owned())
}

#[cfg(test)]
mod tests;
