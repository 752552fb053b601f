//! Commands that are run, and FIFOs that are written, when something changes.

use std::path::PathBuf;
use std::time::Duration;

use crate::choice::choice;

/// A program, its arguments, and the account it runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program first. Never passed through a shell.
    pub words: Vec<String>,
    /// Name of the user; `None`: the agent's own.
    pub user: Option<String>,
    /// Name of the group; `None`: the user's own groups.
    pub group: Option<String>,
    /// Whether root refuses a program that other users could replace.
    pub secure: bool,
}

impl Command {
    /// As the agent's own user, and only if no other user can replace the program.
    pub fn new<Word: Into<String>>(words: impl IntoIterator<Item = Word>) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        Self { words, user: None, group: None, secure: true }
    }
}

/// What is done when a subject changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    pub subject: Subject,
    /// The events that it is done for, each once; never empty.
    pub on: Vec<NotifyEvent>,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A command is run.
    Run(Run),
    /// A mail is sent, by [`crate::Config::mail`].
    Mail,
}

/// How a command is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub command: Command,
    /// Whether keepalived's four arguments follow: type, name, state and priority.
    pub arguments: bool,
    /// After this the command is killed, and the next one begins.
    pub timeout: Duration,
    /// Longest time that the end of the agent waits for this command.
    pub wait: Duration,
}

/// The server that takes mails, and their head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Name or address.
    pub server: String,
    pub port: u16,
    /// Addresses: `ops@example.com`.
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
    /// The name that this host gives the server.
    pub helo: String,
    /// For each step of the dialogue with the server.
    pub timeout: Duration,
}

/// Where nothing else is configured.
impl Mail {
    pub const PORT: u16 = 25;
    /// As keepalived has it.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
}

/// Where nothing else is configured.
impl Run {
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// As keepalived waits for the commands of a stop.
    pub const WAIT: Duration = Duration::from_secs(1);
}

/// What a command or a FIFO is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Every virtual router.
    Routers,
    /// Index into [`crate::Config::routers`].
    Router(usize),
    /// Index into [`crate::Config::groups`].
    Group(usize),
    /// Index into [`crate::Config::services`].
    Service(usize),
    /// One backend of a service, by their indices.
    Backend { service: usize, backend: usize },
}

choice! {
    /// A change that commands are run for.
    pub enum NotifyEvent {
        /// The router is master; the group is.
        Master = "master",
        Backup = "backup",
        Fault = "fault",
        /// The agent stops.
        Stop = "stop",
        /// A reload has removed the router.
        Deleted = "deleted",
        /// An advert of lower priority reached the master.
        LowerPriority = "lower-priority",
        /// A backend passed its check; a service has its quorum.
        Up = "up",
        Down = "down",
    }
}

impl NotifyEvent {
    /// Those of virtual routers.
    pub const OF_ROUTERS: [Self; 6] =
        [Self::Master, Self::Backup, Self::Fault, Self::Stop, Self::Deleted, Self::LowerPriority];
    /// Those of sync groups.
    pub const OF_GROUPS: [Self; 4] = [Self::Master, Self::Backup, Self::Fault, Self::Stop];
    /// Those of services and backends.
    pub const OF_SERVICES: [Self; 2] = [Self::Up, Self::Down];

    /// The word in keepalived's arguments and FIFO lines.
    pub const fn keepalived_word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::LowerPriority => "MASTER_RX_LOWER_PRI",
            Self::Up => "UP",
            Self::Down => "DOWN",
        }
    }
}

impl Notify {
    /// Its command, where it runs one.
    pub fn command(&self) -> Option<&Command> {
        match &self.action {
            Action::Run(run) => Some(&run.command),
            Action::Mail => None,
        }
    }
}

/// A FIFO that gets a line for each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fifo {
    pub path: PathBuf,
    /// Whether it has the lines of virtual routers and sync groups.
    pub routers: bool,
    /// Whether it has the lines of services and backends.
    pub services: bool,
    /// Owner of the FIFO; `None`: the agent's own user.
    pub user: Option<String>,
    pub group: Option<String>,
    /// Is started once, with the path as its last argument.
    pub reader: Option<Command>,
}
