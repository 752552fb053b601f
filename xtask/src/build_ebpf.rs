//! `build-ebpf`: compiles and links the BPF objects with the BPF toolchain of this machine.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec;
use crate::toolchain::{self, Compiler, TARGET};

/// The objects that the agent embeds.
const OBJECTS: [&str; 2] = ["vrrp-ebpf", "vrrp-sockets"];

/// Path of the finished XDP object.
pub fn object() -> PathBuf {
    finished(OBJECTS[0])
}

/// Names and paths of all objects that the agent embeds.
pub fn objects() -> [(&'static str, PathBuf); 2] {
    OBJECTS.map(|name| (name, finished(name)))
}

fn finished(name: &str) -> PathBuf {
    target_dir().join(TARGET).join("release").join(name)
}

pub fn run() -> Result<()> {
    let Some(compiler) = toolchain::compiler() else {
        bail!(
            "no compiler for {TARGET}: neither Debian's rustc-web {}.{} with libstd-rust-web-dev-bpf, nor rustup's nightly with \
             rust-src; as root: `cargo xtask setup`",
            toolchain::OLDEST_RUSTC.0,
            toolchain::OLDEST_RUSTC.1
        );
    };
    let linker = match toolchain::linker() {
        Some((program, _, true)) => program,
        Some((program, version, false)) => {
            bail!(
                "{} is {version}: too old; `cargo xtask setup` builds a newer one",
                program.display()
            )
        }
        None => bail!("bpf-linker is missing; as root: `cargo xtask setup`"),
    };
    println!("build-ebpf: {compiler}, {}", linker.display());
    exec::run(&mut build(&compiler, &linker))?;
    for object in OBJECTS.map(finished) {
        let size = fs::metadata(&object)
            .with_context(|| format!("the build left no {}", object.display()))?
            .len();
        println!(
            "build-ebpf: {} ({size} bytes)",
            object.strip_prefix(exec::root()).unwrap_or(&object).display()
        );
    }
    Ok(())
}

/// A cargo in `vrrp-ebpf`, without the variables of the outer cargo.
///
/// `RUSTC_BOOTSTRAP`: `aya-ebpf` uses unstable features on this target. `--btf` and full debug
/// information: they describe BTF-defined maps. The `cfg` selects the host's register layout in
/// `aya-ebpf`. Headers are read by words instead of bytes, which saves a quarter of the time of a
/// bad advert and half of the verifier's work: kernels on x86 and ARM load misaligned words from
/// packets. v3 has the 32-bit instructions for it (kernel 5.1).
fn build(compiler: &Compiler, linker: &Path) -> Command {
    let mut command = match compiler {
        Compiler::Debian { .. } => exec::cargo(),
        Compiler::Nightly { .. } => Command::new("rustup"),
    };
    exec::without_outer_cargo(&mut command);
    match compiler {
        Compiler::Debian { .. } => {
            command.env("RUSTC", toolchain::DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").arg("build");
        }
        Compiler::Nightly { .. } => {
            command.args(["run", "nightly", "cargo", "build", "-Z", "build-std=core"]);
        }
    }
    let directory = exec::root().join("vrrp-ebpf");
    command.args(["--release", "--target", TARGET, "--target-dir"]).arg(target_dir());
    if directory.join("Cargo.lock").exists() {
        command.arg("--locked");
    }
    let flags = [
        format!("-Clinker={}", linker.display()),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "-Ctarget-cpu=v3".to_owned(),
        "-Ctarget-feature=+allows-misaligned-mem-access".to_owned(),
        format!("--cfg=bpf_target_arch=\"{ARCH}\""),
    ];
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("PATH", toolchain::path_with_llvm());
    command.current_dir(directory);
    command
}

/// Beside the workspace's own builds and independent of `CARGO_TARGET_DIR`: the agent's build
/// script reads the objects here.
fn target_dir() -> PathBuf {
    exec::root().join("target/ebpf")
}
