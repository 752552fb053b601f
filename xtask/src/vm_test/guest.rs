//! One run of one kernel in qemu, and its console output.
//!
//! The processor is emulated (TCG): a machine that is itself virtual may offer `/dev/kvm` and yet
//! fail to run a kernel with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::kernels::{Arch, Kernel};
use super::verdict::Verdict;
use crate::exec;

/// After one of these lines the kernel does nothing more.
const FATAL: &[&str] = &[
    "Kernel panic - not syncing",
    "soft lockup",
    "rcu_sched self-detected stall",
    "rcu_preempt self-detected",
];
/// How long output is read after the guest's end, or after a panic.
const LAST_WORDS: Duration = Duration::from_secs(2);
const MEMORY: &str = "1536";

/// The parameters of a run.
pub struct Plan<'a> {
    /// Distinguishes guests with the same kernel.
    pub name: &'a str,
    /// Names of parts, in order.
    pub parts: &'a [&'a str],
    pub patience: Duration,
    /// Print every line of the guest on standard output too.
    pub verbose: bool,
}

/// Boots the kernel with this base archive and returns the result; a hang is one of the results.
pub fn run(kernel: &Kernel, base: &[u8], plan: &Plan, directory: &Path) -> Result<Verdict> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let name = format!("{}-{}-{}", kernel.label.name(), kernel.arch.debian(), plan.name);
    let initrd = directory.join(format!("{name}.cpio"));
    let modules = fs::read(&kernel.modules)
        .with_context(|| format!("cannot read {}", kernel.modules.display()))?;
    fs::write(&initrd, [base, &modules].concat())
        .with_context(|| format!("cannot write {}", initrd.display()))?;
    let mut command = command(kernel, &initrd, plan);
    let line = exec::line(&command);
    let begin = Instant::now();
    let mut guest = Guest(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?,
    );
    let lines = lines(&mut guest.0);
    let mut verdict = Verdict::new(kernel, plan.parts);
    let mut log = String::new();
    listen(&lines, begin + plan.patience, &mut verdict, |line| {
        if plan.verbose {
            println!("{name}: {line}");
        }
        log.push_str(line);
        log.push('\n');
    });
    verdict.processor = processor_time(guest.0.id());
    drop(guest);
    verdict.took = begin.elapsed();
    let path = directory.join(format!("{name}.log"));
    fs::write(&path, log).with_context(|| format!("cannot write {}", path.display()))?;
    fs::remove_file(&initrd).with_context(|| format!("cannot remove {}", initrd.display()))?;
    verdict.logs.push(path);
    Ok(verdict)
}

/// A running qemu; dropping the value ends it.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        // If it has ended by itself, this fails and is ignored.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of a process so far, to a hundredth of a second (`/proc/PID/stat`, fields 14 and 15);
/// also of one that has ended.
fn processor_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The process name before may contain spaces.
    let fields = text
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>())
        .unwrap_or_default();
    let ticks: u64 =
        fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn command(kernel: &Kernel, initrd: &Path, plan: &Plan) -> Command {
    let (program, machine, console) = match kernel.arch {
        Arch::X86 => ("qemu-system-x86_64", "pc", "ttyS0"),
        Arch::Arm => ("qemu-system-aarch64", "virt", "ttyAMA0"),
    };
    let mut command = Command::new(program);
    command.args(["-M", machine, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", MEMORY]);
    command.args([
        "-nodefaults",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-no-reboot",
    ]);
    // The guest's clock counts instructions, one nanosecond each, and skips idle time: the load of
    // this machine does not change the guest's measurements, and waiting costs nothing.
    command.args(["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]);
    command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initrd);
    // Only fatal kernel messages go to the console, so that no line of the guest is broken; the
    // guest reads the rest itself.
    let words =
        format!("console={console} panic=-1 loglevel=1 VRRP_VM_PARTS={}", plan.parts.join(","));
    command.arg("-append").arg(words);
    command
}

fn lines(guest: &mut Child) -> Receiver<String> {
    let (send, lines) = channel();
    if let Some(output) = guest.stdout.take() {
        std::thread::spawn(move || {
            for bytes in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned();
                if send.send(line).is_err() {
                    break;
                }
            }
        });
    }
    lines
}

/// Reads until the guest has ended, or until the timeout.
fn listen(
    lines: &Receiver<String>,
    mut deadline: Instant,
    verdict: &mut Verdict,
    mut each: impl FnMut(&str),
) {
    let mut ending = false;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                each(&line);
                verdict.read(&line);
                let fatal = FATAL.iter().find(|words| line.contains(**words));
                if let Some(words) = fatal.filter(|_| !ending) {
                    verdict.broke(words);
                }
                if !ending && (fatal.is_some() || verdict.ended()) {
                    ending = true;
                    deadline = deadline.min(Instant::now() + LAST_WORDS);
                }
            }
            Err(RecvTimeoutError::Timeout) if ending => return,
            Err(RecvTimeoutError::Timeout) => return verdict.broke("no end in time"),
            Err(RecvTimeoutError::Disconnected) if ending => return,
            Err(RecvTimeoutError::Disconnected) => {
                return verdict.broke("qemu ended before the guest did");
            }
        }
    }
}
