//! `bench live`: the data plane with real frames and real requests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::http;
use crate::packages::Group;
use crate::setup;

#[derive(Debug, Args)]
pub struct Options {
    /// Run only this part
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// How often each row is measured
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Frames made by the kernel, over three namespaces
    Packets,
    /// Requests to a real nginx, in the lab
    Http,
}

pub fn run(options: &Options) -> Result<()> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let (mut frames, mut requests) = (Value::Null, Value::Null);
    if wanted(Part::Packets) {
        frames = packets(options.rounds)?;
    }
    if wanted(Part::Http) {
        requests = http::run(options.rounds)?;
    }
    super::run::write_json(options.json.as_deref(), &json!({"packets": frames, "http": requests}))
}

/// The bench of `vrrp-tests` prints its table itself and writes its figures to a file.
fn packets(rounds: u32) -> Result<Value> {
    setup::ensure(Group::Lab)?;
    setup::ensure(Group::Bpf)?;
    let rounds = rounds.to_string();
    let file = std::env::temp_dir().join(format!("vrrp-bench-live-{}.json", std::process::id()));
    let [flag, count] = ["--rounds", &rounds].map(OsStr::new);
    let ran = super::run::bench("live", &[flag, count, OsStr::new("--json"), file.as_os_str()]);
    let figures = ran.and_then(|()| read(&file));
    // Without a result of the bench there is no file.
    let _ = std::fs::remove_file(&file);
    figures
}

fn read(file: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
}
