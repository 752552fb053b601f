//! `doctor`: what this machine has and lacks, and the commands that install it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::packages::{self, Group};
use crate::{build_ebpf, exec, fuzz, setup, toolchain};

const SETUP: &str = "cargo xtask setup (as root)";

/// One line of the table.
struct Row {
    what: String,
    state: State,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Something works less well without it.
    Absent,
    Missing,
}

fn row(what: impl Into<String>, state: State, detail: impl Into<String>) -> Row {
    Row { what: what.into(), state, detail: detail.into() }
}

/// `found`, or `mend` if nothing was found.
fn either(what: &str, found: Option<String>, otherwise: State, mend: &str) -> Row {
    match found {
        Some(detail) => row(what, State::Ok, detail),
        None => row(what, otherwise, mend),
    }
}

pub fn run() -> Result<()> {
    let sections = [
        ("Rust", rust()),
        ("BPF toolchain", bpf()),
        ("Lab", group(Group::Lab)),
        ("Virtual machines", group(Group::Vm)),
        ("Kernel", kernel()),
    ];
    let width =
        sections.iter().flat_map(|(_, rows)| rows).map(|row| row.what.len()).max().unwrap_or(0);
    let mut missing = 0;
    for (title, rows) in sections {
        println!("{title}");
        for Row { what, state, detail } in rows {
            let word = match state {
                State::Ok => "ok",
                State::Absent => "absent",
                State::Missing => "MISSING",
            };
            missing += usize::from(state == State::Missing);
            println!("  {what:width$}  {word:7}  {detail}");
        }
    }
    if missing > 0 {
        bail!("{missing} needed thing(s) missing");
    }
    Ok(())
}

fn rust() -> Vec<Row> {
    let component = |tool: &str, name: &str| {
        let version =
            exec::find_program(tool).and_then(|program| exec::read(program, &["--version"]));
        let mend = format!("rustup component add {name}");
        either(name, version.map(|text| text.trim().to_owned()), State::Missing, &mend)
    };
    let linker = exec::find_program("cc").map(|path| path.display().to_string());
    vec![
        component("rustc", "rustc"),
        component("cargo-fmt", "rustfmt"),
        component("cargo-clippy", "clippy"),
        either("cargo-fuzz", fuzz::installed(), State::Absent, "cargo xtask fuzz installs it"),
        either("cc", linker, State::Missing, "apt-get install gcc libc6-dev"),
    ]
}

fn bpf() -> Vec<Row> {
    let compiler = toolchain::compiler().map(|compiler| compiler.to_string());
    let linker = match toolchain::linker() {
        Some((program, version, true)) => {
            row("bpf-linker", State::Ok, format!("{version}, {}", program.display()))
        }
        Some((_, version, false)) => {
            row("bpf-linker", State::Missing, format!("{version} is too old: {SETUP}"))
        }
        None => row(
            "bpf-linker",
            State::Missing,
            format!("{SETUP}, or {}", toolchain::install_linker_line()),
        ),
    };
    let object =
        fs::metadata(build_ebpf::object()).ok().map(|file| format!("{} bytes", file.len()));
    let mend = format!("{SETUP}, or {}", toolchain::RUSTUP_NIGHTLY);
    let bpftool = exec::find_program("bpftool").map(|path| path.display().to_string());
    vec![
        either("compiler for BPF", compiler, State::Missing, &mend),
        linker,
        either("XDP object", object, State::Absent, "cargo xtask build-ebpf"),
        either("bpftool", bpftool, State::Absent, "nothing here needs it; apt-get install bpftool"),
    ]
}

fn group(group: Group) -> Vec<Row> {
    let missing = setup::missing(group);
    let found = packages::needed(group).map(|package| {
        let absent = missing.iter().any(|other| other.name == package.name);
        let detail = if absent {
            format!("{}; {SETUP}", package.purpose)
        } else {
            package.purpose.to_owned()
        };
        row(package.name, if absent { State::Missing } else { State::Ok }, detail)
    });
    found.collect()
}

fn kernel() -> Vec<Row> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let release = read("/proc/sys/kernel/osrelease");
    let btf =
        fs::metadata("/sys/kernel/btf/vmlinux").ok().map(|file| format!("{} bytes", file.len()));
    let jit = read("/proc/sys/net/core/bpf_jit_enable")
        .filter(|value| value != "0")
        .map(|value| format!("bpf_jit_enable = {value}"));
    let knows = |filesystem: &str| {
        read("/proc/filesystems")
            .is_some_and(|text| text.split_whitespace().any(|word| word == filesystem))
    };
    let bpffs =
        knows("bpf").then(|| mounted("bpf").unwrap_or_else(|| "known, not mounted".to_owned()));
    let xdp = read("/proc/kallsyms")
        .filter(|symbols| symbols.contains(" bpf_xdp_link_attach"))
        .map(|_| "programs attach as links".to_owned());
    let netns = Path::new("/proc/self/ns/net").exists().then(|| "/proc/self/ns/net".to_owned());
    let root = exec::is_root().then(|| "yes".to_owned());
    vec![
        either(
            "release",
            release,
            State::Missing,
            "no /proc/sys/kernel/osrelease: is /proc mounted?",
        ),
        either(
            "XDP",
            xdp,
            State::Missing,
            "needs Linux 5.9 or newer with CONFIG_BPF_SYSCALL and /proc/kallsyms",
        ),
        either("network namespaces", netns, State::Missing, "needs CONFIG_NET_NS"),
        either("bpffs", bpffs, State::Missing, "needs CONFIG_BPF_SYSCALL"),
        either(
            "BTF",
            btf,
            State::Absent,
            "built without CONFIG_DEBUG_INFO_BTF: maps carry no type names",
        ),
        either(
            "BPF JIT",
            jit,
            State::Absent,
            "the program is interpreted, and slow: sysctl net.core.bpf_jit_enable=1",
        ),
        either(
            "cgroup v2",
            mounted("cgroup2"),
            State::Absent,
            "mount -t cgroup2 none /sys/fs/cgroup/unified",
        ),
        either("root", root, State::Absent, "the lab and the tests that need root are skipped"),
    ]
}

/// Where a filesystem of this type is mounted.
fn mounted(kind: &str) -> Option<String> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let place = fields.next()?;
        (fields.next()? == kind).then(|| place.to_owned())
    })
}
