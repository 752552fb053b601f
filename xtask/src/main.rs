//! `cargo xtask <command>`: the tasks of this repository, one file per command. Shared code is in
//! `exec` (running programs), `packages` (required Debian packages) and `toolchain` (the BPF
//! compiler).

mod bench;
mod build_ebpf;
mod ci;
mod conformance;
mod docs;
mod doctor;
mod exec;
mod fuzz;
mod interop;
mod lab;
mod lanes;
mod libtest;
mod packages;
mod prepare;
mod setup;
mod sim;
mod test;
mod tidy;
mod toolchain;
mod verifier;
mod vm_test;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Set-up, builds, tests and checks of this repository"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what a Debian or Ubuntu machine lacks for building and testing (as root)
    Setup,
    /// Show what this machine has and lacks, and the commands that install it
    Doctor,
    /// Compile and link the BPF objects; as root also show the verifier's statistics of the XDP
    /// program
    BuildEbpf,
    /// Run the failover scenario in a lab of network namespaces, or keep such a lab up (as root)
    Lab(lab::Options),
    /// Run the agent against keepalived and FRR, and print a row for each case (as root)
    Interop(interop::Options),
    /// Run all tests that this user may run, and list the skipped ones with reasons
    Test(test::Options),
    /// Run the programs, the agent and its tests on other kernels, in virtual machines
    VmTest(vm_test::Options),
    /// Print the conformance table, each case with the results of its tests
    Conformance(conformance::Options),
    /// Run the simulation of the election over many seeds, or replay one with its trace
    Sim(sim::Options),
    /// Run the fuzz targets with coverage guidance, and print their coverage
    Fuzz(fuzz::Options),
    /// Measure packets, requests, failover, load, scale, compared with minimal programs, the kernel
    /// and keepalived (as root)
    Bench(bench::Options),
    /// Write the tables of the documents that the sources define
    Docs,
    /// Check the rules of this repository: imports, sizes, `unsafe`, words, documents
    Tidy,
    /// The whole gate: fmt, tidy, clippy, fuzz, test
    Ci,
}

/// A command of this program, as documents name it.
struct Known {
    name: String,
    about: String,
    /// Its options and those of its subcommands, with their dashes.
    flags: Vec<String>,
}

/// All commands of this program.
fn known() -> Vec<Known> {
    fn flags(command: &clap::Command) -> Vec<String> {
        let own = command.get_arguments().filter_map(|argument| argument.get_long());
        let own = own.map(|long| format!("--{long}"));
        own.chain(command.get_subcommands().flat_map(flags)).collect()
    }
    let about = |command: &clap::Command| command.get_about().map(ToString::to_string);
    Cli::command()
        .get_subcommands()
        .map(|command| Known {
            name: command.get_name().to_owned(),
            about: about(command).unwrap_or_default(),
            flags: flags(command),
        })
        .collect()
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Setup => setup::run()?,
        Command::Doctor => doctor::run()?,
        Command::BuildEbpf => {
            build_ebpf::run()?;
            verifier::report(&build_ebpf::object())?;
        }
        Command::Lab(options) => lab::run(&options)?,
        Command::Interop(options) => interop::run(&options)?,
        Command::Test(options) => return test::run(&options),
        Command::VmTest(options) => return vm_test::run(&options),
        Command::Conformance(options) => return conformance::run(&options),
        Command::Sim(options) => sim::run(&options)?,
        Command::Fuzz(options) => fuzz::run(&options)?,
        Command::Bench(options) => return bench::run(&options),
        Command::Docs => docs::run(&known())?,
        Command::Tidy => tidy::run(&known())?,
        Command::Ci => return ci::run(&known()),
    }
    Ok(ExitCode::SUCCESS)
}
