//! `cargo xtask <command>`: everything this repository does to itself. One file per command; what commands share is in
//! `exec` (running programs), `packages` (what the machine must have) and `toolchain` (the BPF compiler).

mod build_ebpf;
mod exec;
mod packages;
mod setup;
mod tidy;
mod toolchain;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Set-up, builds, tests and checks of this repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what a Debian or Ubuntu machine lacks for building and testing (as root)
    Setup,
    /// Compile and link the XDP object
    BuildEbpf,
    /// Check the rules of this repository: imports, sizes, `unsafe`, documents
    Tidy,
}

/// The names of all commands.
fn names() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup => setup::run(),
        Command::BuildEbpf => build_ebpf::run(),
        Command::Tidy => tidy::run(&names()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
