//! The lab's daemons: started in a process group of their own, ended by process id only.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process in the manifest. The start time distinguishes it from a later process with the same
/// id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub name: String,
    pub pid: i32,
    /// Clock ticks after boot (field 22 of /proc/PID/stat).
    pub start_ticks: u64,
}

impl ProcessId {
    fn of(name: &str, pid: i32) -> Result<Self> {
        let start_ticks =
            start_ticks(pid).with_context(|| format!("{name} (pid {pid}) is gone already"))?;
        Ok(Self { name: name.to_owned(), pid, start_ticks })
    }

    /// Whether exactly this process still exists (a zombie counts as gone).
    pub fn is_alive(&self) -> bool {
        start_ticks(self.pid) == Some(self.start_ticks)
    }

    /// Sends a signal to the process; a missing process is fine.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(e) => Err(e).with_context(|| format!("sending {signal} to {}", self.name)),
        }
    }

    /// Kills the whole process group that this process leads.
    pub fn kill_group(&self) {
        if self.is_alive() {
            // The group may be empty by now.
            let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

/// Start time of a living process; `None` for one that is gone or a zombie.
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may contain spaces and brackets: the fields begin after the last bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    id: ProcessId,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command` in a process group of its own with its output in `log` (appended).
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening the log {}", log.display()))?;
        let errors = out.try_clone().context("sharing the log file")?;
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.get_program().display()))?;
        match ProcessId::of(name, child.id().cast_signed()) {
            Ok(id) => Ok(Self { id, child, log: log.to_owned() }),
            Err(_) => {
                let status = child.wait().context("waiting")?;
                bail!("{name} ended at once ({status}): {}", last_lines(log))
            }
        }
    }

    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends the signal to the daemon and waits for its end.
    pub fn stop(&mut self, signal: Signal, patience: Duration) -> Result<ExitStatus> {
        self.id.signal(signal)?;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().context("waiting")? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} is still there {patience:?} after {signal}; its log ends: {}",
                    self.id.name,
                    self.tail()
                );
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether the daemon still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the daemon with everything in its process group, and waits for it.
    pub fn kill_group(&mut self) {
        self.id.kill_group();
        // It was killed or had ended before: only the status is left to read.
        let _ = self.child.wait();
    }

    /// The last lines of its log, for an error message.
    pub fn tail(&self) -> String {
        last_lines(&self.log)
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    match lines.len() {
        0 => "(it wrote nothing)".to_owned(),
        n => lines[n.saturating_sub(8)..].join("\n"),
    }
}

/// Runs a command to its end; if it fails, its output becomes the error.
pub fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs a command to its end and returns what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let line = || {
        let mut words = vec![command.get_program().to_string_lossy().into_owned()];
        words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
        words.join(" ")
    };
    let what = line();
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("running `{what}`"))?;
    if !status.success() {
        bail!("`{what}` failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Calls `ready` every few milliseconds until it returns true.
pub fn wait_until(what: &str, patience: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !ready() {
        if Instant::now() >= deadline {
            bail!("{what}: not within {patience:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
