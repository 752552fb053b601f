//! Building what is measured, running it, and writing its figures.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::packages::Group;
use crate::{build_ebpf, exec, setup};

/// Runs a bench of `vrrp-tests` on a newly built XDP object.
pub fn bench(name: &str, arguments: &[&OsStr]) -> Result<()> {
    build_ebpf::run()?;
    let mut cargo = exec::cargo();
    // The measured code runs in the kernel, so the dev build, which exists already, gives the same
    // figures.
    cargo
        .args([
            "bench",
            "--quiet",
            "--profile",
            "dev",
            "--package",
            "vrrp-tests",
            "--bench",
            name,
            "--",
        ])
        .args(arguments);
    exec::run(cargo.env("VRRP_EBPF_OBJ", build_ebpf::object()))
}

/// Installs what is missing, and builds the agent in the release profile. `VRRP_AGENT_BIN` names
/// another one.
pub fn agent() -> Result<PathBuf> {
    setup::ensure(Group::Lab)?;
    if let Some(agent) = std::env::var_os("VRRP_AGENT_BIN") {
        return Ok(agent.into());
    }
    setup::ensure(Group::Bpf)?;
    build_ebpf::run()?;
    exec::run(exec::cargo().args(["build", "--release", "--package", "vrrp-agent"]))?;
    Ok(exec::target_dir().join("release/vrrp-agent"))
}

pub fn write_json(path: Option<&Path>, data: &Value) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(data).context("writing the figures as data")?;
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
