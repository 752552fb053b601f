//! The pure crates depend on no runtime, socket, netlink or BPF library, directly or through
//! another crate. Their `clippy.toml` lists what is forbidden from the standard library.

use std::fs;

use anyhow::{Context, Result, bail};

use super::finding::Finding;
use crate::exec;

/// Libraries for tasks that a pure crate leaves to the agent.
const EFFECTS: &[&str] = &[
    "aya",
    "axum",
    "hyper",
    "netlink-packet-route",
    "nix",
    "rtnetlink",
    "socket2",
    "tokio",
    "vrrp-agent",
];

/// Asks cargo for the dependencies of each crate in `crates/`.
pub fn check(findings: &mut Vec<Finding>) -> Result<()> {
    let directory = exec::root().join("crates");
    let entries =
        fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() {
            names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    names.sort();
    for name in names {
        let mut command = exec::cargo();
        command.args(["tree", "--edges", "normal", "--prefix", "none", "--offline", "--locked"]);
        command.args(["--package", &format!("vrrp-{name}")]);
        let output = command.output().context("cannot run cargo tree")?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed:\n{stderr}", exec::line(&command));
        }
        findings.extend(judge(&name, &String::from_utf8_lossy(&output.stdout)));
    }
    Ok(())
}

/// The finding of one crate, from the list of packages that it needs: `NAME VERSION` per line.
pub fn judge(name: &str, tree: &str) -> Option<Finding> {
    let mut effects: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|package| EFFECTS.contains(package))
        .collect();
    effects.sort_unstable();
    effects.dedup();
    (!effects.is_empty()).then(|| {
        let effects = effects.join(", ");
        let text =
            format!("this crate is pure and depends on {effects}: `cargo tree -p vrrp-{name}`");
        Finding::new(&format!("crates/{name}/Cargo.toml"), 1, text)
    })
}
