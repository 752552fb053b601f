//! Running other programs: every failure names the command line that failed.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How many lines of a captured output a failure shows.
const TAIL_LINES: usize = 40;

/// The root of the workspace in which cargo was called: several checkouts may share a target
/// directory.
pub fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map(Path::to_path_buf).unwrap_or(xtask)
}

/// Where the workspace's own cargo builds go.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The cargo that runs us, in the root of the workspace, with its own toolchain first on PATH: once
/// the BPF toolchain is installed there is a second `rustc` in /usr/bin, and a PATH that begins
/// there would mix both.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env("PATH", path_with(&[]));
    command
}

/// PATH for a child: these directories, the toolchain of the cargo that runs us, and what was there
/// before.
pub fn path_with(first: &[&Path]) -> OsString {
    let cargo = env::var_os("CARGO").map(PathBuf::from);
    let toolchain = cargo
        .as_deref()
        .and_then(Path::parent)
        .filter(|directory| directory.join("rustc").is_file());
    let path = env::var_os("PATH").unwrap_or_default();
    let places = first
        .iter()
        .copied()
        .chain(toolchain)
        .map(Path::to_path_buf)
        .chain(env::split_paths(&path));
    env::join_paths(places).unwrap_or(path)
}

/// Removes the variables of the outer cargo, so that a cargo with another compiler does not inherit
/// them.
pub fn without_outer_cargo(command: &mut Command) -> &mut Command {
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_TERM_",
        "CARGO_SOURCE_",
    ];
    const LEAKS: [&str; 9] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
        "RUSTC_BOOTSTRAP",
        "LD_LIBRARY_PATH",
    ];
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let kept = KEPT.iter().any(|prefix| name.starts_with(prefix));
        if LEAKS.contains(&name) || name == "CARGO" || (name.starts_with("CARGO_") && !kept) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command whose output goes to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a command whose output is shown only if it fails.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        bail!("`{}` failed ({}):\n{tail}", line(command), output.status);
    }
    Ok(())
}

/// A command's standard output, if it exists and succeeds.
pub fn read(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program.as_ref()).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first executable of this name on PATH, in cargo's own bin directory, or where Debian keeps
/// the daemons.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = env::split_paths(&path).collect();
    places.extend(cargo_home().map(|home| home.join("bin")));
    places.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    places.into_iter().map(|place| place.join(name)).find(|file| file.is_file())
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The command as typed in a shell.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
}
