//! `fuzz`: runs the fuzz targets of `fuzz/` with coverage guidance, from seeds made of the packet
//! rows and the configurations.
//!
//! cargo-fuzz builds them on any toolchain (RUSTC_BOOTSTRAP makes a stable compiler accept its
//! flags). No sanitizer: the fuzzed code has no `unsafe`, and AddressSanitizer would double the
//! build time. Arithmetic is checked for overflow.

mod run;
mod seeds;
mod target;

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::exec;
use crate::lanes;
use target::{Input, directory, triple};

/// The tested version of cargo-fuzz.
const CARGO_FUZZ: &str = "^0.13";
/// Targets that run at a time, each on one core.
const LANES: usize = 2;

const TARGETS: [(&str, Input); 6] = [
    ("config", Input::Configuration),
    ("convert", Input::Configuration),
    ("frame", Input::Packets),
    ("advert", Input::Packets),
    ("agreement", Input::Datagram),
    ("machine", Input::Sequence),
];

#[derive(clap::Args)]
pub struct Options {
    /// Only these targets
    targets: Vec<String>,
    /// For how long each target runs
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { targets: Vec::new(), seconds: 20 }
    }
}

pub fn run(options: &Options) -> Result<()> {
    let named = |name: &str| {
        options.targets.is_empty() || options.targets.iter().any(|target| target == name)
    };
    let chosen: Vec<(&str, Input)> = TARGETS.into_iter().filter(|(name, _)| named(name)).collect();
    if let Some(unknown) =
        options.targets.iter().find(|target| TARGETS.iter().all(|(name, _)| name != target))
    {
        bail!(
            "there is no fuzz target `{unknown}`; there are {}",
            TARGETS.map(|(name, _)| name).join(", ")
        );
    }
    install()?;
    let begin = Instant::now();
    exec::run(&mut build())?;
    println!("fuzz: built in {:.0} s", begin.elapsed().as_secs_f64());
    let dictionary = seeds::write(&chosen)?;
    let start = |(name, input)| {
        let dictionary = (input == Input::Configuration).then_some(dictionary.as_path());
        run::target(name, dictionary, options.seconds)
    };
    let failed =
        lanes::side_by_side(chosen, LANES, start)?.into_iter().filter(|held| !held).count();
    if failed > 0 {
        bail!("{failed} fuzz target(s) failed");
    }
    Ok(())
}

/// The installed cargo-fuzz, by its own version text.
pub fn installed() -> Option<String> {
    let program = exec::find_program("cargo-fuzz")?;
    exec::read(program, &["--version"]).map(|text| text.trim().to_owned())
}

fn install() -> Result<()> {
    if installed().is_some() {
        return Ok(());
    }
    println!("fuzz: installing cargo-fuzz (about a minute)");
    let mut command = exec::cargo();
    exec::without_outer_cargo(&mut command);
    exec::run_quietly(command.args(["install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked"]))
}

fn build() -> Command {
    let mut command = exec::cargo();
    exec::without_outer_cargo(&mut command).env("RUSTC_BOOTSTRAP", "1");
    command.args([
        "fuzz",
        "build",
        "--sanitizer",
        "none",
        "--debug-assertions",
        "--target",
        &triple(),
        "--target-dir",
    ]);
    command.arg(directory());
    command
}
