//! `interop`: the matrix against keepalived and FRR, as a table. The tests of `vrrp-tests` do the
//! work.

use std::path::{PathBuf, absolute};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::packages::Group;
use crate::{build_ebpf, exec, setup};

#[derive(Args)]
pub struct Options {
    /// Only cases with this in their name
    case: Option<String>,
    /// Also append the rows to this file, as Markdown tables
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<()> {
    if !exec::is_root() {
        bail!("interop makes network namespaces: run it as root");
    }
    setup::ensure(Group::Bpf)?;
    setup::ensure(Group::Lab)?;
    build_ebpf::run()?;
    exec::run(exec::cargo().args(["build", "--package", "vrrp-agent"]))?;
    let mut cargo = exec::cargo();
    cargo.args([
        "test",
        "--quiet",
        "--package",
        "vrrp-tests",
        "--test",
        "interop_matrix",
        "--no-fail-fast",
    ]);
    cargo.args(["--", "--ignored", "--nocapture", "--test-threads", "1"]);
    cargo.env("VRRP_MATRIX", options.case.as_deref().unwrap_or_default());
    cargo
        .env("VRRP_AGENT_BIN", exec::target_dir().join("debug/vrrp-agent"))
        .env("VRRP_EBPF_OBJ", build_ebpf::object());
    if let Some(table) = &options.table {
        // The tests run in a directory of their own.
        cargo.env("VRRP_MATRIX_TABLE", absolute(table).context("no working directory")?);
    }
    exec::run(&mut cargo)
}
