//! `bench live`: what the data plane does with real frames, and with real requests.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::packages::Group;
use crate::setup;

#[derive(Debug, Args)]
pub struct Options {
    /// How often each row is timed
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Write the figures as data, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<()> {
    setup::ensure(Group::Lab)?;
    setup::ensure(Group::Bpf)?;
    let rounds = options.rounds.to_string();
    let mut arguments = vec![OsStr::new("--rounds"), OsStr::new(&rounds)];
    let json = options.json.as_deref().map(std::path::absolute).transpose()?;
    if let Some(path) = &json {
        arguments.extend([OsStr::new("--json"), path.as_os_str()]);
    }
    super::bench("live", &arguments)
}
