//! Finds the compiler and linker for the XDP object. Two toolchains can build it: Debian's
//! `rustc-web` packages, which carry a built `core` for BPF, and rustup's nightly, which builds
//! `core` from `rust-src`.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::exec;

/// Rust's name of the little-endian BPF target.
pub const TARGET: &str = "bpfel-unknown-none";
/// The oldest compiler that builds `vrrp-ebpf`: its `rust-version`.
pub const OLDEST_RUSTC: (u32, u32) = (1, 96);
/// The LLVM that bpf-linker is built with; it must not be older than the compiler's.
pub const LLVM: u32 = 22;
/// The tested version of bpf-linker.
pub const BPF_LINKER: (u32, u32) = (0, 13);
/// Debian's compiler, even if rustup comes first on PATH.
pub const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Installs rustup's nightly, the other toolchain.
pub const RUSTUP_NIGHTLY: &str =
    "rustup toolchain install nightly --profile minimal --component rust-src";

/// A compiler that can build for BPF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    Debian { version: String },
    Nightly { version: String },
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian { version } => write!(f, "Debian's {DEBIAN_RUSTC} {version}"),
            Self::Nightly { version } => write!(f, "rustup's nightly {version} with rust-src"),
        }
    }
}

/// The compiler to use: Debian's if it is new enough, else nightly.
pub fn compiler() -> Option<Compiler> {
    debian().or_else(nightly)
}

/// `bpf-linker`, its version, and whether the version is new enough.
pub fn linker() -> Option<(PathBuf, String, bool)> {
    let program = exec::find_program("bpf-linker")?;
    let text = exec::read(&program, &["--version"])?;
    let version = text.split_whitespace().last()?.to_owned();
    let fits = minor_version(&version).is_some_and(|found| found >= BPF_LINKER);
    Some((program, version, fits))
}

/// The command that builds bpf-linker against Debian's LLVM.
pub fn install_linker() -> Command {
    let mut command = exec::cargo();
    exec::without_outer_cargo(&mut command);
    let wanted = format!("^{}.{}", BPF_LINKER.0, BPF_LINKER.1);
    let feature = format!("llvm-{LLVM}");
    command.args(["install", "bpf-linker", "--version", &wanted, "--locked", "--force"]);
    command.args(["--no-default-features", "--features", &feature]);
    let llvm = format!("/usr/lib/llvm-{LLVM}");
    command
        .env("LLVM_PREFIX", &llvm)
        .env("LIBRARY_PATH", format!("{llvm}/lib"))
        .env("PATH", path_with_llvm());
    command
}

/// The same command as shell text.
pub fn install_linker_line() -> String {
    let (major, minor) = BPF_LINKER;
    let llvm = format!("/usr/lib/llvm-{LLVM}");
    format!(
        "PATH={llvm}/bin:$PATH LLVM_PREFIX={llvm} LIBRARY_PATH={llvm}/lib \
         cargo install bpf-linker --version ^{major}.{minor} --locked --force --no-default-features --features llvm-{LLVM}"
    )
}

/// PATH with LLVM's own tools first.
pub fn path_with_llvm() -> OsString {
    exec::path_with(&[Path::new(&format!("/usr/lib/llvm-{LLVM}/bin"))])
}

fn debian() -> Option<Compiler> {
    let version = rustc_version(&exec::read(DEBIAN_RUSTC, &["--version"])?)?;
    let core = exec::read(DEBIAN_RUSTC, &["--print", "target-libdir", "--target", TARGET])?;
    let usable = minor_version(&version)? >= OLDEST_RUSTC && Path::new(core.trim()).is_dir();
    usable.then_some(Compiler::Debian { version })
}

fn nightly() -> Option<Compiler> {
    let rustup = exec::find_program("rustup")?;
    let version = rustc_version(&exec::read(&rustup, &["run", "nightly", "rustc", "--version"])?)?;
    let sysroot = exec::read(&rustup, &["run", "nightly", "rustc", "--print", "sysroot"])?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    let usable = minor_version(&version)? >= OLDEST_RUSTC && source.is_dir();
    usable.then_some(Compiler::Nightly { version })
}

/// `rustc 1.96.0 (...)` gives `1.96.0`.
fn rustc_version(text: &str) -> Option<String> {
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// The first two numbers of a version, without an epoch and without the rest.
pub fn minor_version(version: &str) -> Option<(u32, u32)> {
    let version = version.rsplit_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests;
