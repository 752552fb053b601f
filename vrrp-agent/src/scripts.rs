//! Runs the tracked scripts and reports every result.
//!
//! Tasks: one per script, owned by [`Scripts`]. A task runs its script, waits for it, and waits for the next interval: runs never
//! overlap. Cancelling a task kills the process group of the run in flight.
//!
//! A script gets no shell, no input, no output, a small environment, `/` as its directory and a process group of its own. Rise and fall
//! are not counted here: every run is one [`Event`].

pub mod security;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Gid, Pid, Uid, User, geteuid};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::model::Script;
use crate::shortage::{self, Undone};
use security::Insecure;

/// A run that timed out gets SIGTERM, and SIGKILL this much later.
const TERMINATION: Duration = Duration::from_secs(2);

/// What scripts find programs by, and how a command without a slash is found.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Mode bits, of which an executable has one.
const ANY_EXECUTE: u32 = 0o111;

/// Shortest interval; a zero one would panic, and the model's smallest is above.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// One run of a script has ended, or was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Index into [`crate::model::Config::scripts`].
    pub script: usize,
    /// It exited with status 0 in time.
    pub ok: bool,
    pub outcome: Outcome,
    pub duration: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its exit status.
    Exit(i32),
    /// The signal that ended it.
    Signal(i32),
    /// Sent at the timeout, while the script may still be dying.
    TimedOut,
    /// Why.
    CannotStart(String),
}

/// The running scripts; dropping it ends them.
#[derive(Debug)]
pub struct Scripts {
    _tasks: JoinSet<()>,
}

/// Starts running all scripts, each at once and then at its interval.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(scripts: &[Script], events: &mpsc::Sender<Event>) -> Scripts {
    let mut tasks = JoinSet::new();
    for (index, script) in scripts.iter().enumerate() {
        let runner = Runner { index, script: script.clone(), events: events.clone(), broken: None };
        tasks.spawn(runner.run());
    }
    Scripts { _tasks: tasks }
}

struct Runner {
    index: usize,
    script: Script,
    events: mpsc::Sender<Event>,
    /// Why it could not be started last time, so that the log says it once.
    broken: Option<String>,
}

impl Runner {
    /// Runs until nobody listens to the events any more.
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.script.interval.max(SHORTEST_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if self.run_once().await.is_err() {
                return;
            }
        }
    }

    async fn run_once(&mut self) -> Result<(), mpsc::error::SendError<Event>> {
        let started = Instant::now();
        let deadline = tokio::time::Instant::now() + self.script.timeout;
        let script = self.script.clone();
        let mut starting = match start_aside(script) {
            Ok(starting) => starting,
            Err(lack) => return self.excuse(&lack),
        };
        let Ok(start) = tokio::time::timeout_at(deadline, &mut starting).await else {
            self.tell(Outcome::TimedOut, started).await?;
            // Runs never overlap: this one must begin before it can be ended, which dropping it does.
            drop(starting.await);
            return Ok(());
        };
        let mut group = match start.unwrap_or_else(|_| Err(NotStarted::Broken("its thread ended early".to_owned()))) {
            Ok(group) => group,
            Err(NotStarted::Broken(why)) => {
                self.note_broken(Some(&why));
                return self.tell(Outcome::CannotStart(why), started).await;
            }
            Err(lack @ NotStarted::Lack(_)) => return self.excuse(&lack),
        };
        self.note_broken(None);
        match tokio::time::timeout_at(deadline, group.wait()).await {
            Ok(outcome) => self.tell(outcome, started).await,
            Err(_) => {
                // Asked to end before the report: a slow receiver does not lengthen its life.
                group.signal(Signal::SIGTERM);
                self.tell(Outcome::TimedOut, started).await?;
                group.end().await;
                Ok(())
            }
        }
    }

    async fn tell(&self, outcome: Outcome, started: Instant) -> Result<(), mpsc::error::SendError<Event>> {
        let ok = outcome == Outcome::Exit(0);
        let event = Event { script: self.index, ok, outcome, duration: started.elapsed() };
        self.events.send(event).await
    }

    /// The script was not run for lack of resources: what was known of it stays so.
    fn excuse(&self, lack: &NotStarted) -> Result<(), mpsc::error::SendError<Event>> {
        shortage::note(Undone::Script, &self.script.name, lack);
        Ok(())
    }

    fn note_broken(&mut self, why: Option<&str>) {
        if self.broken.as_deref() == why {
            return;
        }
        self.broken = why.map(str::to_owned);
        let script = &self.script.name;
        match why {
            Some(reason) => tracing::warn!(script, reason, "script cannot be started"),
            None => tracing::info!(script, "script can be started again"),
        }
    }
}

/// Why a script was not started, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// It, its file or its user is not as it must be: that counts as a failure.
    #[error("{0}")]
    Broken(String),
    /// This host lacks what it takes to start it.
    #[error("{0}")]
    Lack(String),
}

impl NotStarted {
    /// By what the operating system said; `subject` is the file or the user.
    fn of(subject: impl std::fmt::Display, error: &io::Error) -> Self {
        let text = format!("{subject}: {error}");
        if shortage::is_shortage(error) { NotStarted::Lack(text) } else { NotStarted::Broken(text) }
    }
}

impl From<Insecure> for NotStarted {
    fn from(why: Insecure) -> Self {
        match &why {
            Insecure::Unreadable { path, source } => NotStarted::of(path.display(), source),
            _ => NotStarted::Broken(why.to_string()),
        }
    }
}

/// Starts one run on a thread of its own: to find its user and to open its file may take as long as a network or a disk likes. Not on
/// the runtime's threads for such work, because the runtime panics where it cannot have one.
fn start_aside(script: Script) -> Result<oneshot::Receiver<Result<Group, NotStarted>>, NotStarted> {
    let (answer, started) = oneshot::channel();
    let runtime = Handle::current();
    let work = move || {
        let _context = runtime.enter();
        // A run that is awaited no more ends with its group.
        let _ = answer.send(start(&script));
    };
    let thread = std::thread::Builder::new().name("script".to_owned()).spawn(work);
    thread.map(|_| started).map_err(|error| NotStarted::of("a thread to start it", &error))
}

/// Whether a run of `script` could be started now, without starting it.
///
/// # Errors
/// Why not, for people.
pub fn inspect(script: &Script) -> Result<(), NotStarted> {
    let (program, user) = prepare(script)?;
    if let Some(user) = user {
        check_switch(&user)?;
    }
    match std::fs::metadata(&program) {
        Ok(found) if found.is_file() && found.permissions().mode() & ANY_EXECUTE != 0 => Ok(()),
        Ok(_) => Err(NotStarted::Broken(format!("{} is not an executable file", program.display()))),
        Err(error) => Err(NotStarted::of(program.display(), &error)),
    }
}

/// The program and the user to run it as. As root only a program is accepted that nobody else can replace.
fn prepare(script: &Script) -> Result<(PathBuf, Option<Account>), NotStarted> {
    let program = script.command.first().ok_or_else(|| NotStarted::Broken("no command".to_owned()))?;
    let program = find(program)?;
    let user = script.user.as_deref().map(look_up).transpose()?;
    let as_root = user.as_ref().map_or_else(geteuid, |user| user.uid).is_root();
    if as_root {
        security::check_root_script(&program)?;
    }
    Ok((program, user))
}

/// Starts one run.
fn start(script: &Script) -> Result<Group, NotStarted> {
    let (program, user) = prepare(script)?;
    let arguments = script.command.iter().skip(1);
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(user) = user {
        switch_user(&mut command, &user)?;
    }
    let child = command.spawn().map_err(|error| NotStarted::of(program.display(), &error))?;
    Group::new(child)
}

/// The program's absolute path.
fn find(program: &str) -> Result<PathBuf, NotStarted> {
    if program.starts_with('/') {
        return Ok(PathBuf::from(program));
    }
    if program.contains('/') {
        return Err(NotStarted::Broken(format!("{program}: not an absolute path")));
    }
    PATH.split(':')
        .map(|dir| PathBuf::from(dir).join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| NotStarted::Broken(format!("{program}: not found in {PATH}")))
}

struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
}

fn look_up(name: &str) -> Result<Account, NotStarted> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(Account { name: name.to_owned(), uid: user.uid, gid: user.gid }),
        Ok(None) => Err(NotStarted::Broken(format!("no user {name}"))),
        Err(errno) => Err(NotStarted::of(format_args!("user {name}"), &errno.into())),
    }
}

/// Makes the child run as `user`, in that user's primary group only.
fn switch_user(command: &mut Command, user: &Account) -> Result<(), NotStarted> {
    check_switch(user)?;
    if geteuid() != user.uid {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(())
}

/// The standard library drops the supplementary groups together with the user id, but only for root; without that the script would
/// keep the agent's groups.
fn check_switch(user: &Account) -> Result<(), NotStarted> {
    let own = geteuid();
    if own == user.uid || own.is_root() {
        return Ok(());
    }
    Err(NotStarted::Broken(format!("only root can run a script as another user ({})", user.name)))
}

/// A running script: the process and its group.
struct Group {
    child: Child,
    id: Pid,
    /// Whether dropping this kills the group: not after an orderly end, because a script may leave a daemon behind on purpose.
    armed: bool,
}

impl Group {
    fn new(child: Child) -> Result<Self, NotStarted> {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let id = id.ok_or_else(|| NotStarted::Broken("the process ended before it was known".to_owned()))?;
        Ok(Self { child, id, armed: true })
    }

    async fn wait(&mut self) -> Outcome {
        match self.child.wait().await {
            Ok(status) => {
                self.armed = false;
                outcome(status)
            }
            Err(error) => Outcome::CannotStart(format!("cannot wait for it: {error}")),
        }
    }

    /// Waits for a run that got SIGTERM; what is left of it after [`TERMINATION`], or after the script itself ended, is killed.
    async fn end(mut self) {
        let _ = tokio::time::timeout(TERMINATION, self.child.wait()).await;
        self.signal(Signal::SIGKILL);
        self.armed = false;
        if let Err(error) = self.child.wait().await {
            tracing::warn!(pid = self.id.as_raw(), %error, "cannot wait for a killed script");
        }
    }

    fn signal(&self, signal: Signal) {
        match killpg(self.id, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(pid = self.id.as_raw(), %signal, %error, "cannot signal a script");
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.armed {
            self.signal(Signal::SIGKILL);
        }
    }
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => Outcome::Exit(code),
        (None, Some(signal)) => Outcome::Signal(signal),
        // Only a stopped process has neither, and `wait` does not return for those.
        (None, None) => Outcome::Exit(-1),
    }
}
