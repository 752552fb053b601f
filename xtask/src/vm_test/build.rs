//! Builds and packs the contents of a guest.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::arm;
use super::image::Parts;
use super::kernels::Arch;
use crate::{build_ebpf, exec, prepare};

/// The guest's first process.
const INIT: &str = "vm";
/// Tests of `vrrp-tests` that a guest runs.
const TESTS: &[&str] = &[INIT, "xdp_rows", "alike"];
/// The unit tests of the agent, by their name in a guest.
const UNIT_TESTS: &str = "vrrp-agent-tests";

/// The archive that every kernel starts with.
pub struct Base {
    pub archive: Vec<u8>,
}

pub fn base(arch: Arch) -> Result<Base> {
    prepare::build(true)?;
    let (system, agent, mut programs) = match arch {
        Arch::X86 => {
            (PathBuf::from("/"), prepare::agent(), test_programs(exec::cargo().arg("test"))?)
        }
        Arch::Arm => (arm::system()?, arm::agent()?, test_programs(&mut arm::cargo("test")?)?),
    };
    programs.push(("vrrp-agent".to_owned(), agent));
    let objects: Vec<(String, PathBuf)> =
        build_ebpf::objects().into_iter().map(|(name, file)| (name.to_owned(), file)).collect();
    let parts = Parts { arch, system: &system, programs: &programs, objects: &objects, init: INIT };
    let archive = parts.pack()?;
    println!("vm-test: {} MB for each guest, before its kernel's modules", archive.len() >> 20);
    Ok(Base { archive })
}

/// A line of `cargo --message-format=json`: the fields that locate a test program.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Names in the guest, and files. The packages are those of `cargo xtask test`, so that nothing is
/// built twice.
fn test_programs(command: &mut Command) -> Result<Vec<(String, PathBuf)>> {
    command.args(["--workspace", "--no-run", "--message-format=json-render-diagnostics", "--lib"]);
    for name in TESTS {
        command.args(["--test", name]);
    }
    let line = exec::line(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut programs = Vec::new();
    if let Some(output) = child.stdout.take() {
        for text in BufReader::new(output).lines() {
            programs.extend(program(&text.context("cannot read cargo's output")?));
        }
    }
    let status = child.wait().with_context(|| format!("lost `{line}`"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    for name in TESTS.iter().chain([&UNIT_TESTS]) {
        ensure!(programs.iter().any(|(found, _)| found == name), "cargo has built no {name}");
    }
    Ok(programs)
}

fn program(line: &str) -> Option<(String, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    let (file, target) = (message.executable?, message.target?);
    let is = |kind: &str| target.kind.iter().any(|found| found == kind);
    if !message.profile?.test {
        None
    } else if is("test") && TESTS.contains(&target.name.as_str()) {
        Some((target.name, file))
    } else if is("lib") && target.name == "vrrp_agent" {
        Some((UNIT_TESTS.to_owned(), file))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
