//! Labs that stay up for manual work: up, down, status, exec.

use std::ffi::OsString;
use std::iter::once;
use std::os::unix::process::CommandExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use vrrp_tests::agent::AgentPaths;
use vrrp_tests::lab::AGENT_DIR;
use vrrp_tests::names::{Host, METRICS_PORT, SITE_NAME, Vip};
use vrrp_tests::rundir::{self, Manifest};
use vrrp_tests::topology::Topology;
use vrrp_tests::{Lab, LabOptions};

pub fn up(options: LabOptions) -> Result<()> {
    let agents = options.routers.iter().any(vrrp_tests::Router::is_agent);
    let lab = Lab::up(options)?;
    let run_dir = lab.run_dir().display().to_string();
    let id = lab.hold()?;
    println!("Lab {id} is up; its configs and logs are in {run_dir}/.");
    for vip in Vip::BOTH {
        println!("  {vip} is {}, at home on {}", vip.address(), vip.home());
    }
    println!("Try:");
    println!("  cargo xtask lab exec client curl -i http://{}/index.php", Vip::Vip1.address());
    println!("  cargo xtask lab exec dns tcpdump -ni eth1 vrrp or arp");
    if agents {
        println!("  cargo xtask lab exec node1 vrrp-agent status");
        println!("  cargo xtask lab exec node1 curl http://127.0.0.1:{METRICS_PORT}/metrics");
    }
    println!("  cargo xtask lab status");
    println!("  cargo xtask lab down");
    println!(
        "{SITE_NAME} has both addresses at the name server {}.",
        Host::Dns.front().context("no name server")?
    );
    Ok(())
}

pub fn down(id: Option<&str>) -> Result<()> {
    let mut gone = rundir::sweep()?;
    let held = rundir::list()?.into_iter().filter(|lab| lab.held).map(|lab| lab.id);
    let wanted: Vec<String> = held.filter(|held| id.is_none_or(|id| id == held)).collect();
    for lab in wanted {
        rundir::remove(&lab)?;
        gone.push(lab);
    }
    match (gone.as_slice(), id) {
        ([], Some(id)) => bail!("there is no held lab {id}"),
        ([], None) => println!("There was nothing to remove."),
        (gone, _) => println!("Removed: {}.", gone.join(", ")),
    }
    Ok(())
}

pub fn status() -> Result<()> {
    let labs = rundir::list()?;
    if labs.is_empty() {
        println!("No lab is up.");
    }
    for lab in labs {
        let owner = if lab.held { "held open" } else { "in use by its owner" };
        println!("lab {} ({owner}): {}", lab.id, lab.about);
        for process in &lab.processes {
            let state = if process.is_alive() { "runs" } else { "has ended" };
            println!("  {:16} {state}, pid {}", process.name, process.pid);
        }
        println!("  files in {}/", rundir::path_of(&lab.id).display());
    }
    Ok(())
}

pub fn exec(host: &str, command: &[String]) -> Result<()> {
    let Some(host) = Host::from_name(host) else {
        bail!("{host} is none of: {}", Host::ALL.map(Host::name).join(", "));
    };
    let lab = newest_held()?;
    let (program, arguments) = command.split_first().context("no command")?;
    let mut command = Topology::of(&lab.id).host(host).command(program)?;
    command.args(arguments).envs(surroundings(&rundir::path_of(&lab.id), host)?);
    // Replaces this process: the command gets the terminal, and its exit code is ours.
    Err(command.exec()).with_context(|| format!("running {program} on {host}"))
}

/// A command's environment: the lab's directory, its agent as `vrrp-agent`, and the socket, pins
/// and configuration of this host's agent.
fn surroundings(run_dir: &Path, host: Host) -> Result<Vec<(&'static str, OsString)>> {
    let agent = AgentPaths::below(&run_dir.join(host.name()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(once(run_dir.join(AGENT_DIR)).chain(std::env::split_paths(&path)))
            .context("PATH")?;
    let mut found = vec![
        ("VRRP_LAB", run_dir.into()),
        ("PATH", path),
        ("VRRP_AGENT_SOCKET", agent.api_socket.into()),
        ("VRRP_AGENT_BPF_DIR", agent.bpf_dir.into()),
    ];
    let mut configurations =
        ["agent.toml", "keepalived.conf"].iter().map(|name| agent.dir.join(name));
    found.extend(
        configurations.find(|file| file.is_file()).map(|file| ("VRRP_AGENT_CONFIG", file.into())),
    );
    Ok(found)
}

fn newest_held() -> Result<Manifest> {
    let mut held = rundir::list()?.into_iter().filter(|lab| lab.held);
    held.next_back().context("no lab is held open (`cargo xtask lab up` starts one)")
}

#[cfg(test)]
mod tests;
