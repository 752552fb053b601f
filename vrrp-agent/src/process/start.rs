//! Starting a program: its file, its user, and the reasons why it cannot start.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use nix::errno::Errno;
use nix::unistd::{self, Gid, Uid, User, geteuid};
use tokio::process::{Child, Command as Process};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::security::{self, Insecure};
use super::{ANY_EXECUTE, Group, PATH};
use crate::shortage;
use vrrp_model::Command;

/// What keepalived takes out of the environment of its scripts, and what belongs to the agent's
/// own unit alone.
const NOT_INHERITED: [&str; 8] = [
    "IFS",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
];

/// Why a program was not started, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// The command, its file or its user is not valid: that counts as a failure.
    #[error("{0}")]
    Broken(String),
    /// This host lacks resources for the start.
    #[error("{0}")]
    Lack(String),
}

impl NotStarted {
    /// From an error of the operating system; `subject` is the file or the user.
    pub(super) fn of(subject: impl std::fmt::Display, error: &io::Error) -> Self {
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

/// Starts one run on a thread of its own: finding its user and opening its file may block on a
/// network or a disk. It does not use the runtime's blocking threads, because the runtime panics if
/// it cannot start one. `environment` is added to the agent's own.
pub fn start_on_thread(
    command: Command,
    environment: Vec<(&'static str, String)>,
) -> Result<oneshot::Receiver<Result<Group, NotStarted>>, NotStarted> {
    let (answer, started) = oneshot::channel();
    let runtime = Handle::current();
    let work = move || {
        let _context = runtime.enter();
        // If no caller waits any more, the run ends with its group.
        let _ = answer.send(start(&command, &environment));
    };
    let thread = std::thread::Builder::new().name("script".to_owned()).spawn(work);
    thread.map(|_| started).map_err(|error| NotStarted::of("a thread to start it", &error))
}

/// Whether a run of `command` could be started now, without starting it. Returns what other users
/// could replace, where root runs it all the same.
///
/// # Errors
/// Why not, for people.
pub fn inspect(command: &Command) -> Result<Option<String>, NotStarted> {
    let Prepared { program, account, insecure } = prepare(command)?;
    check_switch(&account)?;
    match std::fs::metadata(&program) {
        Ok(found) if found.is_file() && found.permissions().mode() & ANY_EXECUTE != 0 => {
            Ok(insecure)
        }
        Ok(_) => {
            Err(NotStarted::Broken(format!("{} is not an executable file", program.display())))
        }
        Err(error) => Err(NotStarted::of(program.display(), &error)),
    }
}

struct Prepared {
    program: PathBuf,
    account: Account,
    /// What other users could replace, where root runs it all the same.
    insecure: Option<String>,
}

/// The program and the account to run it as. As root, a program that another user can replace is
/// refused where the command asks for that.
fn prepare(command: &Command) -> Result<Prepared, NotStarted> {
    let program =
        command.words.first().ok_or_else(|| NotStarted::Broken("no command".to_owned()))?;
    let program = find(program)?;
    let account = Account::of(command)?;
    let as_root = account.uid.unwrap_or_else(geteuid).is_root();
    let insecure = match as_root.then(|| security::check_root_script(&program)) {
        Some(Err(why)) if command.secure || matches!(why, Insecure::Unreadable { .. }) => {
            return Err(why.into());
        }
        Some(Err(Insecure::NotExecutable { path })) => {
            return Err(Insecure::NotExecutable { path }.into());
        }
        Some(Err(why)) => Some(why.to_string()),
        Some(Ok(())) | None => None,
    };
    Ok(Prepared { program, account, insecure })
}

/// Starts one run.
fn start(command: &Command, environment: &[(&'static str, String)]) -> Result<Group, NotStarted> {
    let Prepared { program, account, .. } = prepare(command)?;
    check_switch(&account)?;
    let arguments = &command.words[1..];
    let mut process = Process::new(&program);
    process.args(arguments);
    let child = match spawn(&mut process, &account, environment) {
        // A script without a first line that names its interpreter, as for a shell.
        Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
            let mut shell = Process::new("/bin/sh");
            shell.arg(&program).args(arguments);
            spawn(&mut shell, &account, environment)
        }
        spawned => spawned,
    };
    Group::new(child.map_err(|error| NotStarted::of(program.display(), &error))?)
}

fn spawn(
    process: &mut Process,
    account: &Account,
    environment: &[(&'static str, String)],
) -> io::Result<Child> {
    for name in NOT_INHERITED {
        process.env_remove(name);
    }
    process
        .env("PATH", search_path())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(uid) = account.uid.filter(|uid| *uid != geteuid()) {
        process.uid(uid.as_raw());
    }
    if let Some(gid) = account.gid.filter(|_| account.switches()) {
        process.gid(gid.as_raw());
    }
    process.spawn()
}

/// The agent's own, as keepalived's.
fn search_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned())
}

/// The program's absolute path.
fn find(program: &str) -> Result<PathBuf, NotStarted> {
    if program.starts_with('/') {
        return Ok(PathBuf::from(program));
    }
    if program.contains('/') {
        return Err(NotStarted::Broken(format!("{program}: not an absolute path")));
    }
    let path = search_path();
    path.split(':')
        .map(|dir| PathBuf::from(dir).join(program))
        .find(|path| path.is_absolute() && path.is_file())
        .ok_or_else(|| NotStarted::Broken(format!("{program}: not found in {path}")))
}

/// Whom a program runs as.
#[derive(Default)]
struct Account {
    /// Name of the user or group that is asked for.
    name: String,
    /// `None`: the agent's own.
    uid: Option<Uid>,
    gid: Option<Gid>,
}

impl Account {
    fn of(command: &Command) -> Result<Self, NotStarted> {
        let mut account = match &command.user {
            Some(name) => look_up(name)?,
            None => Self::default(),
        };
        if let Some(name) = &command.group {
            account.gid = Some(group(name)?);
            if account.name.is_empty() {
                account.name.clone_from(name);
            }
        }
        Ok(account)
    }

    /// Whether it is another account than the agent's own.
    fn switches(&self) -> bool {
        self.uid.is_some_and(|uid| uid != geteuid())
            || self.gid.is_some_and(|gid| gid != unistd::getegid())
    }
}

/// The numbers of a user and a group.
///
/// # Errors
/// There is no such user or group.
pub fn account(
    user: Option<&str>,
    group: Option<&str>,
) -> Result<(Option<u32>, Option<u32>), NotStarted> {
    let user = user.map(look_up).transpose()?.unwrap_or_default();
    let gid = group.map(self::group).transpose()?.or(user.gid);
    Ok((user.uid.map(Uid::as_raw), gid.map(Gid::as_raw)))
}

fn look_up(name: &str) -> Result<Account, NotStarted> {
    match User::from_name(name) {
        Ok(Some(user)) => {
            Ok(Account { name: name.to_owned(), uid: Some(user.uid), gid: Some(user.gid) })
        }
        Ok(None) => Err(NotStarted::Broken(format!("no user {name}"))),
        Err(errno) => Err(NotStarted::of(format_args!("user {name}"), &errno.into())),
    }
}

fn group(name: &str) -> Result<Gid, NotStarted> {
    match unistd::Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(NotStarted::Broken(format!("no group {name}"))),
        Err(errno) => Err(NotStarted::of(format_args!("group {name}"), &errno.into())),
    }
}

/// The standard library drops the supplementary groups together with the user id, but only for
/// root; without that the program would keep the agent's groups.
fn check_switch(account: &Account) -> Result<(), NotStarted> {
    if !account.switches() || geteuid().is_root() {
        return Ok(());
    }
    let message = format!("only root can run a program as another user ({})", account.name);
    Err(NotStarted::Broken(message))
}
