//! The build for 64-bit ARM: Debian's compiler with that architecture's standard library as its
//! sysroot, and Debian's cross linker. The BPF objects are the same on both architectures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::kernels::{Apt, Arch, cache};
use crate::{exec, toolchain};

pub const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
/// The compiled standard library, of exactly the compiler's version.
const LIBRARY: &str = "libstd-rust-web-dev";
/// Packages of the guest's tools and libraries.
const TOOLS: &[&str] =
    &["iproute2", "busybox-static", "kmod", "ethtool", "ipvsadm", "libc6", "libgcc-s1"];

/// A cargo that builds for the target; the subcommand is `word`.
pub fn cargo(word: &str) -> Result<Command> {
    let root = library()?;
    let mut command = exec::cargo();
    exec::without_outer_cargo(&mut command);
    command.arg(word).args(["--target", TARGET, "--target-dir"]).arg(target_dir());
    command.env("RUSTC", toolchain::DEBIAN_RUSTC);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    command.env(
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
        format!("--sysroot={}", root.display()),
    );
    Ok(command)
}

/// Builds the agent; returns its path.
pub fn agent() -> Result<PathBuf> {
    exec::run(cargo("build")?.args(["--package", "vrrp-agent"]))?;
    Ok(target_dir().join(TARGET).join("debug/vrrp-agent"))
}

fn target_dir() -> PathBuf {
    cache().join("target-arm64")
}

/// The compiler's sysroot for the target, downloaded once per compiler version.
fn library() -> Result<PathBuf> {
    let text = exec::read("dpkg-query", &["-W", "-f", "${Version}", LIBRARY]);
    let Some(version) = text.filter(|version| !version.is_empty()) else {
        bail!("{LIBRARY} is not installed: as root, `cargo xtask setup`");
    };
    let directory = cache().join("arm64-library").join(version.replace([':', '~', '+'], "-"));
    let root = directory.join("usr");
    if !root.join("lib/rustlib").join(TARGET).is_dir() {
        println!("vm-test: {LIBRARY} {version} for arm64");
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let package = format!("{LIBRARY}={version}");
        // The compiler came with the security updates of the distribution.
        Apt::bookworm_security(Arch::Arm)?.download(&[package], &directory, &directory)?;
    }
    Ok(root)
}

/// The root of a system of that architecture: tools and the libraries that they need.
pub fn system() -> Result<PathBuf> {
    let root = cache().join("arm64-system");
    if !has(&root, "bin/ip") || !has(&root, "bin/busybox") {
        println!("vm-test: {} for arm64", TOOLS.join(", "));
        Apt::bookworm(Arch::Arm)?.download_all(TOOLS, &root)?;
    }
    Ok(root)
}

fn has(root: &Path, file: &str) -> bool {
    root.join(file).exists()
}
