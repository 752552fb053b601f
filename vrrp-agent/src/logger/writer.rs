//! A bounded queue of lines and the thread that writes them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the writer: some hundred virtual routers change state at once; below 1
/// MB.
const QUEUE: usize = 4_096;

/// On drop writes the queued lines and ends the thread.
#[derive(Debug)]
pub struct Guard {
    queue: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Line(Vec<u8>),
    End,
}

/// Queues lines for the thread; never blocks.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// Starts the thread that writes to `sink`.
pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<(Lines, Guard)> {
    let (queue, messages) = sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let lines = Lines { queue: queue.clone(), dropped: Arc::clone(&dropped) };
    let thread =
        Builder::new().name("log".to_owned()).spawn(move || write(sink, &messages, &dropped))?;
    Ok((lines, Guard { queue, thread: Some(thread) }))
}

/// An error of the sink cannot be logged anywhere else: the lines are lost.
fn write(mut sink: impl Write, messages: &Receiver<Message>, dropped: &AtomicU64) {
    while let Ok(Message::Line(line)) = messages.recv() {
        let _ = sink.write_all(&line);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(sink, "{lost} log lines dropped: standard error is too slow");
        }
    }
    let _ = sink.flush();
}

impl Write for Lines {
    /// Takes all of `line`; the formatter passes whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Line(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.queue.send(Message::End).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}
