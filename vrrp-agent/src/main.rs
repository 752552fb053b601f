//! `vrrp-agent`: flags, configuration, run; and the commands that ask a running agent.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};
use vrrp_agent::agent::{self, RunError};
use vrrp_agent::client::ClientError;
use vrrp_agent::config::{self, Loaded, Mode};
use vrrp_agent::logger::{self, Format};
use vrrp_agent::model::Config;
use vrrp_agent::net::Netlink;
use vrrp_agent::plane::pins::Pins;
use vrrp_agent::status::Status;
use vrrp_agent::{check, client, explain, status};

const DEFAULT_CONFIG: &str = "/etc/vrrp-agent/vrrp-agent.toml";
const DEFAULT_SOCKET: &str = "/run/vrrp-agent/api.sock";
const DEFAULT_BPF_DIR: &str = "/sys/fs/bpf/vrrp-agent";

/// Anything that failed.
const EXIT_FAILURE: u8 = 1;
/// A permission is missing.
const EXIT_PERMISSION: u8 = 4;

/// VRRP failover with an XDP data plane.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the agent in the foreground until SIGTERM
    Run(Run),
    /// Say what is wrong with configuration files, or what they mean; changes nothing
    Check(Check),
    /// Write a keepalived.conf as TOML with the same meaning to standard output; what was ignored goes to standard error
    Convert {
        file: PathBuf,
        /// What the `@id` lines of a keepalived.conf are compared with, instead of the host name
        #[arg(short = 'i', long)]
        config_id: Option<String>,
    },
    /// Show what a running agent does and why
    Status {
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Say why a virtual router is (not) master and what it waits for; with --config, what a file would make it do
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
    /// Let a running agent read its configuration file again; a bad file changes nothing
    Reload {
        /// The agent's API socket
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
    },
    /// Remove the XDP program, its maps, and the addresses and routes that a stopped or killed agent left
    Detach {
        /// Where the agent pinned them
        #[arg(long, default_value = DEFAULT_BPF_DIR)]
        bpf_dir: PathBuf,
        /// The API socket of the agent that must not be running
        #[arg(long, default_value = DEFAULT_SOCKET, env = "VRRP_AGENT_SOCKET")]
        socket: PathBuf,
    },
}

#[derive(clap::Args)]
struct Check {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Read keepalived.conf as `run` does: what keepalived ignores is a warning
    #[arg(long)]
    lenient: bool,
    /// What the `@id` lines of a keepalived.conf are compared with, instead of the host name
    #[arg(short = 'i', long)]
    config_id: Option<String>,
    /// How the answer looks
    #[arg(long, value_enum, default_value_t)]
    format: check::Format,
    /// Look at this host too: interfaces, addresses, capabilities, scripts, bpffs, ports
    #[arg(long)]
    host: bool,
}

#[derive(clap::Args)]
struct Run {
    /// Our TOML, or a keepalived.conf as it is
    #[arg(short, long, default_value = DEFAULT_CONFIG, env = "VRRP_AGENT_CONFIG")]
    config: PathBuf,
    /// What the `@id` lines of a keepalived.conf are compared with, instead of the host name
    #[arg(short = 'i', long)]
    config_id: Option<String>,
    /// Instead of the file's api_socket
    #[arg(long)]
    api_socket: Option<PathBuf>,
    /// Instead of the file's bpf_dir
    #[arg(long)]
    bpf_dir: Option<PathBuf>,
    /// Log what the kernel program does on rare events, a fence above all
    #[arg(long)]
    kernel_log: bool,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
    /// Least important lines to show: error, warn, info, debug, trace, or a filter as in RUST_LOG
    #[arg(long)]
    log_level: Option<String>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => return run_agent(run),
        Command::Check(wanted) => check_files(wanted),
        Command::Convert { file, config_id } => convert(&file, config_id.as_deref()),
        Command::Status { socket, json } => return show_status(&socket, json),
        Command::Explain { instance, config: Some(file), .. } => explain_file(&file, instance.as_deref()),
        Command::Explain { instance, socket, .. } => return explain_agent(&socket, instance.as_deref()),
        Command::Reload { socket } => return reload(&socket),
        Command::Detach { bpf_dir, socket } => detach(&bpf_dir, &socket).map(|()| 0),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

fn check_files(wanted: Check) -> anyhow::Result<u8> {
    let Check { files, lenient, config_id, format, host } = wanted;
    let host = match host {
        true => Some(small_runtime()?.block_on(check::host::network())?),
        false => None,
    };
    let (text, code) = check::check(&files, &check::Options { lenient, config_id, format, host });
    print(&text).map(|()| code)
}

/// Read as `run` reads it: the TOML does what the agent would do with the file.
fn convert(file: &Path, config_id: Option<&str>) -> anyhow::Result<u8> {
    let loaded = load_aloud(file, config_id);
    match config::convert(&loaded) {
        Some(text) => print(&text).map(|()| check::GOOD),
        None => Ok(check::BAD),
    }
}

/// Reads a file as `run` does, and says everything there is to say about it.
fn load_aloud(file: &Path, config_id: Option<&str>) -> Loaded {
    let loaded = config::load_as(file, Mode::Lenient, config_id);
    let report = loaded.report();
    if !report.is_empty() {
        eprintln!("{report}");
    }
    loaded
}

fn run_agent(run: Run) -> ExitCode {
    let loaded = load_aloud(&run.config, run.config_id.as_deref());
    let Some(mut config) = loaded.config else {
        return ExitCode::from(check::BAD);
    };
    override_paths(&mut config, &run);
    let guard = match logger::init(run.log_format, run.log_level.as_deref()) {
        Ok(guard) => guard,
        Err(error) => return fail(&error.into(), EXIT_FAILURE),
    };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(agent::run(config, run.config, run.config_id, run.kernel_log));
            // A file that does not open, of a reload or a script, must not keep the process.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => return fail(&error.into(), EXIT_FAILURE),
    };
    drop(guard);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit_code(&error);
            fail(&error.into(), code)
        }
    }
}

fn override_paths(config: &mut Config, run: &Run) {
    if let Some(path) = &run.api_socket {
        config.api_socket.clone_from(path);
    }
    if let Some(path) = &run.bpf_dir {
        config.bpf_dir.clone_from(path);
    }
}

/// A missing permission has an exit code of its own, wherever in the chain it stands.
fn exit_code(error: &RunError) -> u8 {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        let denied = inner.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied);
        if denied {
            return EXIT_PERMISSION;
        }
        source = inner.source();
    }
    EXIT_FAILURE
}

fn show_status(socket: &Path, json: bool) -> ExitCode {
    with_status(socket, |status| print_status(status, json))
}

fn explain_agent(socket: &Path, instance: Option<&str>) -> ExitCode {
    with_status(socket, |status| print(&explain::now(status, instance).map_err(anyhow::Error::msg)?))
}

fn explain_file(file: &Path, instance: Option<&str>) -> anyhow::Result<u8> {
    let loaded = config::load(file, Mode::Lenient);
    match &loaded.config {
        Some(config) => print(&explain::plan(config, instance).map_err(anyhow::Error::msg)?).map(|()| check::GOOD),
        None => {
            eprintln!("{}", loaded.report());
            Ok(check::BAD)
        }
    }
}

/// Asks a running agent and shows what `show` makes of its status.
fn with_status(socket: &Path, show: impl FnOnce(&Status) -> anyhow::Result<()>) -> ExitCode {
    match ask(client::fetch_status(socket)) {
        Ok(status) => match show(&status) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, EXIT_FAILURE),
        },
        Err(code) => code,
    }
}

/// The running agent's answer, or the exit code of a question that failed, which has then been told.
fn ask<T>(question: impl Future<Output = Result<T, ClientError>>) -> Result<T, ExitCode> {
    let runtime = small_runtime().map_err(|error| fail(&error.into(), EXIT_FAILURE))?;
    runtime.block_on(question).map_err(|error| {
        let code = error.exit_code();
        fail(&error.into(), code)
    })
}

/// A runtime for one question.
fn small_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn reload(socket: &Path) -> ExitCode {
    match ask(client::reload(socket)) {
        Ok(reply) => {
            eprint!("{}", reply.report);
            eprintln!("{}", reply.message);
            if reply.successful { ExitCode::SUCCESS } else { ExitCode::from(check::BAD) }
        }
        Err(code) => code,
    }
}

fn print_status(status: &Status, json: bool) -> anyhow::Result<()> {
    if json {
        let mut text = serde_json::to_string_pretty(status).context("status as JSON")?;
        text.push('\n');
        return print(&text);
    }
    print(&status::render(status))
}

fn detach(bpf_dir: &Path, socket: &Path) -> anyhow::Result<()> {
    small_runtime()?.block_on(async {
        if client::fetch_status(socket).await.is_ok() {
            anyhow::bail!("an agent runs and answers on {}: stop it first", socket.display());
        }
        // Routes and addresses first: without the program the stack would answer ARP for them.
        let netlink = Netlink::connect()?;
        for address in netlink.own_local_routes().await? {
            netlink.remove_local_route(address).await?;
        }
        let Some(pins) = Pins::find(bpf_dir) else {
            anyhow::bail!("nothing is pinned below {}", bpf_dir.display());
        };
        let virtual_addresses = pins.virtual_addresses()?;
        for held in netlink.own_addresses().await? {
            if virtual_addresses.contains(&(held.index, held.address)) {
                netlink.remove_address(held.index, held.address, held.prefix_len).await?;
            }
        }
        pins.clear();
        Ok(())
    })
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("vrrp-agent: {}", causes(error));
    ExitCode::from(code)
}

/// The chain of causes; one that an outer message has told already is not repeated.
fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}
