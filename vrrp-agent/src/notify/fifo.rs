//! FIFOs: made when the agent starts, written without waiting, removed when it ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, chown};
use std::path::Path;

use nix::errno::Errno;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::sync::watch;

use super::{Counted, Counts};
use crate::process::{self, NotStarted};
use vrrp_model::{Command, Fifo};
use vrrp_notify::{Event, Key};

/// As keepalived makes them.
const MODE: Mode = Mode::from_bits_truncate(0o644);

/// All FIFOs of a configuration.
pub struct Fifos(Vec<Open>);

struct Open {
    fifo: Fifo,
    /// `None` where it cannot be opened, which was logged.
    file: Option<File>,
    /// Whether this agent made it.
    made: bool,
    /// Ends the reader when it is dropped.
    _reader: Option<watch::Sender<()>>,
    /// A line did not fit, which was logged.
    full: bool,
}

impl Fifos {
    pub fn open(fifos: &[Fifo]) -> Self {
        Self(fifos.iter().cloned().map(Open::new).collect())
    }

    /// Writes the line to each FIFO that has such events.
    pub fn write(&mut self, event: &Event, line: &str, counts: &Counts) {
        let of_router = matches!(event.key, Key::Router(_) | Key::Group(_));
        for open in &mut self.0 {
            if if of_router { open.fifo.routers } else { open.fifo.services } {
                open.write(line, counts);
            }
        }
    }

    /// Removes the FIFOs that this agent made, and ends their readers.
    pub fn close(&mut self) {
        for open in self.0.drain(..).filter(|open| open.made) {
            if let Err(error) = fs::remove_file(&open.fifo.path) {
                tracing::warn!(path = %open.fifo.path.display(), %error, "a notify FIFO is not removed");
            }
        }
    }
}

impl Open {
    fn new(fifo: Fifo) -> Self {
        let path = &fifo.path;
        let (file, made) = match open(&fifo) {
            Ok((file, made)) => (Some(file), made),
            Err(why) => {
                tracing::error!(path = %path.display(), %why, "a notify FIFO cannot be used");
                (None, false)
            }
        };
        let reader = fifo.reader.clone().filter(|_| file.is_some());
        let reader = reader.map(|command| start_reader(command, path));
        Self { fifo, file, made, _reader: reader, full: false }
    }

    fn write(&mut self, line: &str, counts: &Counts) {
        // One write: a FIFO takes lines shorter than PIPE_BUF whole or not at all (pipe(7)).
        let written = self.file.as_mut().map(|file| file.write_all(format!("{line}\n").as_bytes()));
        let path = self.fifo.path.display();
        match written {
            Some(Ok(())) => {
                counts.add(Counted::Line, 1);
                self.full = false;
                return;
            }
            Some(Err(error)) if !self.full => {
                self.full = true;
                tracing::warn!(%path, %error, line, "a line does not fit into the notify FIFO: does its reader hang?");
            }
            Some(Err(_)) | None => {}
        }
        counts.add(Counted::LineDropped, 1);
    }
}

/// Opens the FIFO for reading too: a writer alone would wait for a reader. Returns whether it was
/// made here.
fn open(fifo: &Fifo) -> Result<(File, bool), String> {
    let path = &fifo.path;
    let made = match mkfifo(path, MODE) {
        Ok(()) => true,
        Err(Errno::EEXIST) => false,
        Err(error) => return Err(error.to_string()),
    };
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK | O_NOFOLLOW)
        .open(path)
        .and_then(|file| match file.metadata()?.file_type().is_fifo() {
            true => Ok(file),
            false => Err(io::Error::other("it exists and is no FIFO")),
        })
        .map_err(|error| error.to_string())?;
    if made && (fifo.user.is_some() || fifo.group.is_some()) {
        give_away(fifo).map_err(|why| why.to_string())?;
    }
    Ok((opened, made))
}

fn give_away(fifo: &Fifo) -> Result<(), NotStarted> {
    let (user, group) = process::account(fifo.user.as_deref(), fifo.group.as_deref())?;
    chown(&fifo.path, user, group)
        .map_err(|error| NotStarted::Broken(format!("cannot give it to its user: {error}")))
}

/// Starts the reader with the path as its last argument. It gets SIGTERM when the sender is
/// dropped. keepalived does not start a reader again that has ended, and neither does this.
fn start_reader(mut command: Command, path: &Path) -> watch::Sender<()> {
    command.words.push(path.to_string_lossy().into_owned());
    let (keep, mut dropped) = watch::channel(());
    let program = command.words.first().cloned().unwrap_or_default();
    tokio::spawn(async move {
        let started = match process::start_on_thread(command, Vec::new()) {
            Ok(starting) => starting.await,
            Err(why) => Ok(Err(why)),
        };
        let mut group = match started {
            Ok(Ok(group)) => group,
            Ok(Err(why)) => {
                tracing::error!(program, %why, "the reader of a notify FIFO cannot be started");
                return;
            }
            Err(_) => return,
        };
        tokio::select! {
            outcome = group.wait() => {
                tracing::warn!(program, ?outcome, "the reader of a notify FIFO has ended");
                return;
            }
            _ = dropped.changed() => {}
        }
        group.signal(Signal::SIGTERM);
        group.end().await;
    });
    keep
}
