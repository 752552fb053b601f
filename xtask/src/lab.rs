//! `cargo xtask lab`: the scenario of a dual-master pair with real daemons; or a lab that stays up
//! for manual work.

mod failures;
mod hold;
mod report;
mod service;
mod story;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::{LabOptions, Router};

use crate::packages::Group;
use crate::{build_ebpf, exec, setup};
use story::Story;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    cast: Cast,
    /// Also write the scenario's results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring a lab up and leave it running
    Up(Cast),
    /// Remove labs: the one named, or all that are held open or whose owner has died
    Down {
        /// As shown by `lab status`
        id: Option<String>,
    },
    /// Show the labs on this machine
    Status,
    /// Run a command inside a host of the newest held lab
    Exec {
        /// client, dns, node1, node2, php1, php2, php3 or cache
        host: String,
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// The programs of the nodes, and their intervals.
#[derive(Debug, Args)]
struct Cast {
    /// The router program on node2
    #[arg(long, value_enum, default_value_t = Player::Agent)]
    peer: Player,
    /// The router program on node1; with keepalived on both, the scenario runs with keepalived
    /// alone
    #[arg(long, value_enum)]
    node1: Option<Player>,
    /// Version 3 and ten adverts a second, instead of version 2 and one
    #[arg(long)]
    fast: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Player {
    /// vrrp-agent with the example's TOML, services included
    Agent,
    /// vrrp-agent reading the example's keepalived.conf: no services
    AgentOnKeepalivedConf,
    /// Debian's keepalived
    Keepalived,
}

impl Cast {
    fn options(&self) -> LabOptions {
        // With keepalived as the peer our agent has no services: keepalived's node would not accept
        // forwarded packets.
        let node1 = self.node1.unwrap_or(match self.peer {
            Player::Agent => Player::Agent,
            Player::AgentOnKeepalivedConf | Player::Keepalived => Player::AgentOnKeepalivedConf,
        });
        let router = |player| match player {
            Player::Agent => Router::Agent,
            Player::AgentOnKeepalivedConf => Router::AgentOnKeepalivedConf,
            Player::Keepalived => Router::Keepalived,
        };
        let settings = if self.fast { Settings::fast() } else { Settings::default() };
        LabOptions::new(router(node1), router(self.peer)).with_settings(&settings)
    }
}

pub fn run(options: &Options) -> Result<()> {
    match &options.action {
        None => play_and_report(&prepare(options.cast.options())?, options.json.as_deref()),
        Some(Action::Up(cast)) => hold::up(prepare(cast.options())?),
        Some(Action::Down { id }) => hold::down(id.as_deref()),
        Some(Action::Status) => hold::status(),
        Some(Action::Exec { host, command }) => hold::exec(host, command),
    }
}

/// Installs what is missing, and builds the agent with its XDP program if the lab needs it and
/// `VRRP_AGENT_BIN` names none.
pub fn prepare(mut options: LabOptions) -> Result<LabOptions> {
    setup::ensure(Group::Lab)?;
    if !options.routers.iter().any(Router::is_agent) || std::env::var_os("VRRP_AGENT_BIN").is_some()
    {
        return Ok(options);
    }
    setup::ensure(Group::Bpf)?;
    build_ebpf::run()?;
    exec::run(exec::cargo().args(["build", "--package", "vrrp-agent"]))?;
    options.agent = exec::target_dir().join("debug/vrrp-agent");
    Ok(options)
}

fn play_and_report(options: &LabOptions, json: Option<&Path>) -> Result<()> {
    let mut story = Story::begin(options.clone())?;
    story.step("Both addresses are served", service::both_served);
    story.step("The PHP page keeps its session", service::php_session);
    story.step("The name leads to both nodes", service::dns_name);
    story.step("A cable is pulled", failures::link_cut);
    story.step("The cable is plugged in again", failures::healed);
    story.step("The master's router is killed", failures::killed);
    story.step("It is started again", failures::started_again);
    story.step("The master's router is stopped in good order", failures::stopped);
    story.step("It is started once more", failures::started_again);
    story.step("nginx dies on the master", failures::nginx_killed);
    story.step("nginx is back", failures::nginx_back);
    story.step("Bad adverts come in thousands", service::bad_adverts);
    let (held, data) = story.end();
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&data).context("writing the story as data")?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    if !held {
        bail!("the story did not hold");
    }
    Ok(())
}
