//! The first process of a guest: mounts the usual file systems, starts the parts in a child
//! process, and ends the machine.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::mount::{MsFlags, mount};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Mounts: type, path, options.
const MOUNTS: &[(&str, &str, &str)] = &[
    ("proc", "/proc", ""),
    ("sysfs", "/sys", ""),
    ("devtmpfs", "/dev", ""),
    ("tmpfs", "/tmp", "mode=1777"),
    ("tmpfs", "/run", "mode=0755"),
    ("bpf", "/sys/fs/bpf", "mode=0700"),
    ("cgroup2", "/sys/fs/cgroup", ""),
    ("tracefs", "/sys/kernel/tracing", ""),
];

/// Environment of everything that runs in a guest.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/bin"),
    ("HOME", "/root"),
    ("RUST_BACKTRACE", "0"),
    ("VRRP_AGENT_BIN", "/bin/vrrp-agent"),
    ("VRRP_EBPF_OBJ", "/lib/bpf/vrrp-ebpf"),
    ("VRRP_TEST_SKIPS", "/run/test-skips"),
];

/// Never returns.
pub fn run() -> ! {
    if let Err(error) = start() {
        println!("init: {error:#}");
    }
    // Powers the machine off, whatever happened before.
    let ended = fs::write("/proc/sysrq-trigger", "o");
    println!("init: {ended:?}");
    loop {
        sleep(Duration::from_secs(60));
    }
}

fn start() -> Result<()> {
    for (kind, place, options) in MOUNTS {
        fs::create_dir_all(place).with_context(|| format!("making {place}"))?;
        let mounted = mount(Some(*kind), *place, Some(*kind), MsFlags::empty(), Some(*options));
        mounted.with_context(|| format!("mounting {kind} on {place}"))?;
    }
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "fd/0"),
        ("/dev/stdout", "fd/1"),
        ("/dev/stderr", "fd/2"),
    ] {
        if !Path::new(link).exists() {
            std::os::unix::fs::symlink(target, link).with_context(|| format!("linking {link}"))?;
        }
    }
    run_ip(&["link", "set", "lo", "up"])?;
    let kernel =
        fs::read_to_string("/proc/sys/kernel/osrelease").context("the kernel's release")?;
    println!("vm: kernel {}", kernel.trim());
    let mut command = Command::new("/bin/vm");
    command.envs(ENVIRONMENT.iter().copied());
    let parts = command.spawn().context("starting the parts")?;
    let parts = Pid::from_raw(parts.id().cast_signed());
    // Orphaned processes become children of this one, which must reap them.
    loop {
        match waitpid(None, Some(WaitPidFlag::empty())) {
            Ok(WaitStatus::Exited(pid, code)) if pid == parts => {
                ensure!(code == 0, "the parts ended with {code}");
                return Ok(());
            }
            Ok(status) if status.pid() == Some(parts) => {
                anyhow::bail!("the parts ended: {status:?}")
            }
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).context("waiting"),
        }
    }
}

fn run_ip(words: &[&str]) -> Result<()> {
    let status = Command::new("/bin/ip").args(words).status().context("starting ip")?;
    ensure!(status.success(), "ip {} ended with {status}", words.join(" "));
    Ok(())
}
