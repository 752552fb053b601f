//! Starting a script: its program, its user, and the reasons why it cannot start.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use nix::unistd::{Gid, Uid, User, geteuid};
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::security::{self, Insecure};
use super::{ANY_EXECUTE, Group, PATH};
use crate::shortage;
use vrrp_model::{Config, Script};

/// Why a script was not started, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// The script, its file or its user is not valid: that counts as a failure.
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
/// it cannot start one.
pub(super) fn start_on_thread(
    script: Script,
) -> Result<oneshot::Receiver<Result<Group, NotStarted>>, NotStarted> {
    let (answer, started) = oneshot::channel();
    let runtime = Handle::current();
    let work = move || {
        let _context = runtime.enter();
        // If no caller waits any more, the run ends with its group.
        let _ = answer.send(start(&script));
    };
    let thread = std::thread::Builder::new().name("script".to_owned()).spawn(work);
    thread.map(|_| started).map_err(|error| NotStarted::of("a thread to start it", &error))
}

/// Removes scripts that cannot run from the configuration, as keepalived does: they are not
/// tracked, instead of being tracked as failed. Returns a message about each. A script for which
/// this host lacks resources stays.
pub fn remove_unusable(config: &mut Config) -> Vec<String> {
    let mut messages = Vec::new();
    let mut gone = Vec::new();
    let is_tracked = |index| {
        config
            .routers
            .iter()
            .flat_map(|router| &router.track_scripts)
            .any(|tracked| tracked.script == index)
    };
    for (index, script) in config.scripts.iter().enumerate().filter(|(index, _)| is_tracked(*index))
    {
        if let Err(NotStarted::Broken(why)) = inspect(script) {
            messages.push(format!(
                "script {} is not tracked, because it cannot run: {why}",
                script.name
            ));
            gone.push(index);
        }
    }
    config.remove_scripts(&gone);
    messages
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
        Ok(_) => {
            Err(NotStarted::Broken(format!("{} is not an executable file", program.display())))
        }
        Err(error) => Err(NotStarted::of(program.display(), &error)),
    }
}

/// The program and the user to run it as. As root, only a program that no other user can replace is
/// accepted.
fn prepare(script: &Script) -> Result<(PathBuf, Option<Account>), NotStarted> {
    let program =
        script.command.first().ok_or_else(|| NotStarted::Broken("no command".to_owned()))?;
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

/// The standard library drops the supplementary groups together with the user id, but only for
/// root; without that the script would keep the agent's groups.
fn check_switch(user: &Account) -> Result<(), NotStarted> {
    let own = geteuid();
    if own == user.uid || own.is_root() {
        return Ok(());
    }
    Err(NotStarted::Broken(format!("only root can run a script as another user ({})", user.name)))
}
