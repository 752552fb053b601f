//! What tests and labs need before they start: packages, kernel programs, the agent.

use std::path::PathBuf;

use anyhow::Result;

use crate::packages::Group;
use crate::{build_ebpf, exec, setup, toolchain};

/// As root, installs what is missing; other users test what can be tested.
pub fn run() -> Result<()> {
    if exec::is_root() {
        setup::ensure(Group::Bpf)?;
        setup::ensure(Group::Lab)?;
        setup::ensure(Group::Vm)?;
    }
    build(exec::is_root() || (toolchain::compiler().is_some() && toolchain::linker().is_some()))
}

/// Builds the agent, with its kernel programs if there is a compiler for them.
pub fn build(programs: bool) -> Result<()> {
    if programs {
        build_ebpf::run()?;
    } else {
        println!(
            "test: no BPF toolchain, so the agent is built without the XDP program (`cargo xtask setup` as root mends it)"
        );
    }
    exec::run(exec::cargo().args(["build", "--package", "vrrp-agent"]))
}

/// The agent that the tests start.
pub fn agent() -> PathBuf {
    exec::target_dir().join("debug/vrrp-agent")
}
