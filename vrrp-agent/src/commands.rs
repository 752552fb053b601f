//! The commands: `run`, those that query a running agent, and those that need none.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::agent::{self, Options, RunError};
use crate::cli::{self, Capture, Check, Cli, Command, Drain, Run};
use crate::client::ClientError;
use crate::effects;
use crate::keepalived::{self, Asked, Keepalived};
use crate::logger;
use crate::net::Netlink;
use crate::net::ethtool::{Ethtool, Stripping};
use crate::plane::pins::{Kind, Pins};
use crate::plane::sockets;
use crate::signals::{self, Held, Signals};
use crate::{capture, check, client, health, scripts, shortage};
use anyhow::Context;
use clap::Parser;
use nix::net::if_::if_indextoname;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use vrrp_common::maps::KeptTags;
use vrrp_config::{self, Loaded, Mode};
use vrrp_election::handover::Reply;
use vrrp_model::Config;
use vrrp_status as status;
use vrrp_status::Status;
use vrrp_status::explain;
use vrrp_steering::drain::Request;

/// Any other failure.
const EXIT_FAILURE: u8 = 1;
/// On a stop signal, reading the configuration is given up after this: a file may hang.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// A permission is missing.
const EXIT_PERMISSION: u8 = 4;

/// Runs the command of this process's command line.
pub fn main() -> ExitCode {
    // First of all: a signal that arrives early stays pending until its handler exists, instead of
    // ending the process.
    let held = signals::hold();
    if keepalived::is_called(std::env::args_os().next().as_ref()) {
        return as_keepalived(held);
    }
    let command = Cli::parse().command;
    // All other commands end at a signal.
    let held = matches!(command, Command::Run(_)).then_some(held);
    let outcome = match command {
        Command::Run(run) => return run_agent(run, held),
        Command::Check(wanted) => check_files(wanted),
        Command::Convert { file, config_id } => convert(&file, config_id.as_deref()),
        Command::Status { socket, json } => return show_status(&socket, json),
        Command::Explain { instance, config: Some(file), .. } => {
            explain_file(&file, instance.as_deref())
        }
        Command::Explain { instance, socket, .. } => {
            return explain_agent(&socket, instance.as_deref());
        }
        Command::Reload { socket } => return reload(&socket),
        Command::Failover { name, socket, timeout, json } => {
            return show_move(ask(client::failover(&socket, &name, timeout)), json);
        }
        Command::Failback { name, socket, json } => {
            return show_move(ask(client::failback(&socket, &name)), json);
        }
        Command::Drain(wanted) => return drain(wanted),
        Command::Capture(wanted) => capture_drops(wanted).map(|()| 0),
        Command::Detach { bpf_dir, socket } => detach(&bpf_dir, &socket).map(|()| 0),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

/// Does what keepalived's command line asks for.
fn as_keepalived(held: Held) -> ExitCode {
    let asked = match keepalived::asked(Keepalived::parse()) {
        Ok(asked) => asked,
        Err(why) => return fail(&anyhow::Error::msg(why), EXIT_FAILURE),
    };
    let (run, foreground) = match asked {
        Asked::Signal(number) => {
            println!("{number}");
            return ExitCode::SUCCESS;
        }
        Asked::Test { file, config_id, log } => {
            let (report, code) = keepalived::test(&file, config_id.as_deref());
            return match keepalived::write_report(&report, log.as_deref()) {
                Ok(()) => ExitCode::from(code),
                Err(why) => fail(&anyhow::Error::msg(why), EXIT_FAILURE),
            };
        }
        Asked::Run { run, foreground } => (run, foreground),
    };
    // Before any thread exists. Standard error stays: it has the log.
    if !foreground && let Err(errno) = nix::unistd::daemon(false, true) {
        return fail(&anyhow::Error::from(errno).context("going to the background"), EXIT_FAILURE);
    }
    run_agent(run, Some(held))
}

fn check_files(wanted: Check) -> anyhow::Result<u8> {
    let Check { mut files, lenient, config_id, format, host } = wanted;
    if files.is_empty() {
        files.push(cli::default_config());
    }
    let host = match host {
        true => Some(small_runtime()?.block_on(check::host::network())?),
        false => None,
    };
    let (text, code) = check::check(&files, &check::Options { lenient, config_id, format, host });
    print(&text).map(|()| code)
}

/// The summary goes to standard error: standard output may be a pcapng file.
fn capture_drops(wanted: Capture) -> anyhow::Result<()> {
    let Capture { reasons, every, snap, count, time, write, bpf_dir } = wanted;
    let options = capture::Options { reasons, every, snap, count, time, write, bpf_dir };
    let capture::Summary { captured, lost } = small_runtime()?.block_on(capture::run(&options))?;
    let lost = if lost == 0 {
        String::new()
    } else {
        format!(", {lost} lost because the buffers were full")
    };
    eprintln!("{captured} packets captured{lost}");
    Ok(())
}

/// Reads the file as `run` does, so that the TOML does what the agent would do with the file.
fn convert(file: &Path, config_id: Option<&str>) -> anyhow::Result<u8> {
    let loaded = load_and_report(file, config_id);
    match vrrp_config::convert(&loaded) {
        Some(text) => print(&text).map(|()| check::GOOD),
        None => Ok(check::BAD),
    }
}

/// Reads a file as `run` does, and prints all findings.
fn load_and_report(file: &Path, config_id: Option<&str>) -> Loaded {
    let loaded = vrrp_config::load_as(file, Mode::Lenient, config_id);
    let report = loaded.report();
    if !report.is_empty() {
        eprintln!("{report}");
    }
    loaded
}

fn run_agent(run: Run, held: Option<Held>) -> ExitCode {
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into(), EXIT_FAILURE),
    };
    let mut guard = None;
    let pid_file = match run.pid_file.clone().map(PidFile::write).transpose() {
        Ok(pid_file) => pid_file,
        Err(error) => return fail(&error, EXIT_FAILURE),
    };
    let outcome = runtime.block_on(start(run, held, &mut guard));
    drop(pid_file);
    // A file of a reload or of a script that does not open must not keep the process alive.
    runtime.shutdown_background();
    drop(guard);
    outcome.unwrap_or_else(|(error, code)| fail(&error, code))
}

/// A file with the id of this process; removed when this is dropped.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: PathBuf) -> anyhow::Result<Self> {
        fs::write(&path, format!("{}\n", std::process::id()))
            .with_context(|| format!("writing the pid file {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another program may have removed it; nothing else can be done about it at the end.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the agent to its end; `guard` keeps the log open for as long.
async fn start(
    run: Run,
    held: Option<Held>,
    guard: &mut Option<logger::Guard>,
) -> Result<ExitCode, (anyhow::Error, u8)> {
    let failed = |error: anyhow::Error| (error, EXIT_FAILURE);
    let mut signals = Signals::listen().context("signal handlers").map_err(failed)?;
    drop(held);
    let config_path = run.config.clone().unwrap_or_else(cli::default_config);
    let (path, id) = (config_path.clone(), run.config_id.clone());
    let mut loading = tokio::task::spawn_blocking(move || load_and_report(&path, id.as_deref()));
    let loaded = tokio::select! {
        loaded = &mut loading => loaded,
        signal = signals.stop() => match tokio::time::timeout(READ_WITHIN, loading).await {
            // The configuration names what a killed agent may have left, so that it is removed.
            Ok(loaded) => loaded,
            Err(_) => {
                eprintln!("vrrp-agent: {signal} before the configuration was read: nothing was changed on this host");
                return Ok(ExitCode::SUCCESS);
            }
        }
    };
    let loaded = loaded.context("reading the configuration").map_err(failed)?;
    let Some(mut config) = loaded.config else {
        return Ok(ExitCode::from(check::BAD));
    };
    override_paths(&mut config, &run);
    let mut unusable = scripts::remove_unusable(&mut config);
    unusable.extend(health::remove_unusable(&mut config));
    *guard = Some(
        logger::init(run.log_format, run.log_level.as_deref())
            .map_err(|error| failed(error.into()))?,
    );
    for warning in unusable {
        tracing::error!("{warning}");
    }
    match shortage::raise_descriptor_limit() {
        Ok(limit) => tracing::debug!(limit, "descriptors that the agent may open"),
        Err(error) => tracing::warn!(%error, "the limit of descriptors is not raised"),
    }
    let Run { config_id, kernel_log, release_on_exit, .. } = run;
    let options = Options { config_path, config_id, kernel_log, release_on_exit };
    // A task of the runtime: the thread that received a probe's result also handles it, without a
    // wakeup by the scheduler.
    let outcome =
        tokio::spawn(agent::run(config, options, signals)).await.unwrap_or_else(|error| {
            // The task is never cancelled, so it panicked.
            std::panic::resume_unwind(error.into_panic())
        });
    outcome.map(|()| ExitCode::SUCCESS).map_err(|error| {
        let code = exit_code(&error);
        (error.into(), code)
    })
}

fn override_paths(config: &mut Config, run: &Run) {
    if let Some(path) = &run.api_socket {
        config.api_socket.clone_from(path);
    }
    if let Some(path) = &run.bpf_dir {
        config.bpf_dir.clone_from(path);
    }
}

/// A missing permission anywhere in the chain of causes has an exit code of its own.
fn exit_code(error: &RunError) -> u8 {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        let denied = inner
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied);
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
    with_status(socket, |status| {
        print(&explain::now(status, instance).map_err(anyhow::Error::msg)?)
    })
}

fn explain_file(file: &Path, instance: Option<&str>) -> anyhow::Result<u8> {
    let loaded = vrrp_config::load(file, Mode::Lenient);
    match &loaded.config {
        Some(config) => print(&explain::plan(config, instance).map_err(anyhow::Error::msg)?)
            .map(|()| check::GOOD),
        None => {
            eprintln!("{}", loaded.report());
            Ok(check::BAD)
        }
    }
}

/// Fetches a running agent's status and passes it to `show`.
fn with_status(socket: &Path, show: impl FnOnce(&Status) -> anyhow::Result<()>) -> ExitCode {
    match ask(client::fetch_status(socket)) {
        Ok(status) => match show(&status) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, EXIT_FAILURE),
        },
        Err(code) => code,
    }
}

/// The running agent's answer, or the exit code of a failed request, whose error was printed.
fn ask<T>(question: impl Future<Output = Result<T, ClientError>>) -> Result<T, ExitCode> {
    let runtime = small_runtime().map_err(|error| fail(&error.into(), EXIT_FAILURE))?;
    runtime.block_on(question).map_err(|error| {
        let code = error.exit_code();
        fail(&error.into(), code)
    })
}

/// A runtime for one request.
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

/// Prints the result of a hand-over.
fn show_move(answer: Result<Reply, ExitCode>, json: bool) -> ExitCode {
    show_reply(answer, json, |reply| (&reply.message, reply.outcome.exit_code()))
}

fn drain(wanted: Drain) -> ExitCode {
    let Drain { backend, service, port, undo, socket, json } = wanted;
    let answer = ask(client::drain(&socket, &Request { backend, service, port, undo }));
    show_reply(answer, json, |reply| (&reply.message, reply.outcome.exit_code()))
}

/// Prints the result of an order on standard output: JSON, or the text that `describe` extracts
/// from the reply together with the exit code.
fn show_reply<T: Serialize>(
    answer: Result<T, ExitCode>,
    json: bool,
    describe: impl Fn(&T) -> (&str, u8),
) -> ExitCode {
    let reply = match answer {
        Ok(reply) => reply,
        Err(code) => return code,
    };
    let (message, code) = describe(&reply);
    let text = if json { to_json(&reply) } else { Ok(message.to_owned()) };
    match text.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::from(code),
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

fn to_json(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("as JSON")?;
    text.push('\n');
    Ok(text)
}

fn print_status(status: &Status, json: bool) -> anyhow::Result<()> {
    print(&if json { to_json(status)? } else { status::render(status) })
}

fn detach(bpf_dir: &Path, socket: &Path) -> anyhow::Result<()> {
    small_runtime()?.block_on(async {
        if client::fetch_status(socket).await.is_ok() {
            anyhow::bail!("an agent runs and answers on {}: stop it first", socket.display());
        }
        let mut removed = Vec::new();
        // Routes and addresses first: without the program the stack would answer ARP for them.
        let netlink = Netlink::connect()?;
        for address in netlink.own_local_routes().await? {
            netlink.remove_local_route(address).await?;
            removed.push(format!("local route to {address}"));
        }
        let pins = Pins::of_any_layout(Kind::Xdp, bpf_dir);
        let mut in_maps = Vec::new();
        for pins in &pins {
            in_maps.extend(pins.virtual_addresses()?);
        }
        let undone = effects::undo(&netlink, socket, &in_maps).await?;
        removed.extend(undone.removed);
        for address in undone.left_alone {
            eprintln!("not removed: {address} carries a VRRP daemon's mark, but this agent did not record it");
        }
        if sockets::clear(bpf_dir) {
            removed.push("the socket programs and their maps".to_owned());
        }
        if pins.iter().any(|pins| !pins.is_empty()) {
            removed.push("the XDP program and its maps".to_owned());
        }
        for pins in &pins {
            let kept = pins.kept_tags().unwrap_or_default();
            pins.clear();
            for KeptTags { ifindex, features } in kept {
                // Nothing to restore on an interface that is gone.
                if let Ok(name) = if_indextoname(ifindex) {
                    let name = name.to_string_lossy();
                    Ethtool::open()
                        .and_then(|ethtool| ethtool.set(&name, Stripping(features), true))
                        .with_context(|| format!("turning rx-vlan-offload of {name} on again"))?;
                    removed.push(format!("rx-vlan-offload of {name} off"));
                }
            }
        }
        let removed: String = removed.iter().map(|what| format!("removed: {what}\n")).collect();
        print(&(removed + "nothing is left\n"))
    })
}

/// Writes to standard output; a reader that closed it (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("vrrp-agent: {}", causes(error));
    ExitCode::from(code)
}

/// The chain of causes. A cause that the message before it contains is not repeated.
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
