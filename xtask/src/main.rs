//! `cargo xtask <command>`: everything this repository does to itself.

mod lab;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Set-up, builds, tests and checks of this repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell the story of a failover in a lab of network namespaces, or hold such a lab open (as root)
    Lab(lab::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Lab(options) => lab::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
