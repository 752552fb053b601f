use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

#[test]
fn journal_stream_must_name_our_standard_error() {
    assert!(names_stream(Some(OsStr::new("8:1234")), 8, 1234));
    assert!(!names_stream(Some(OsStr::new("8:1235")), 8, 1234));
    assert!(!names_stream(Some(OsStr::new("nonsense")), 8, 1234));
    assert!(!names_stream(None, 8, 1234));
}

#[test]
fn timestamps_are_utc_with_milliseconds() {
    let mut text = String::new();
    UtcMillis.format_time(&mut Writer::new(&mut text)).unwrap();
    assert_eq!(text.len(), "2026-01-31T23:59:59.123Z".len(), "{text}");
    assert!(text.ends_with('Z'), "{text}");
}

/// Writes lines only after a message on `go`.
struct Slow {
    written: Sender<Vec<u8>>,
    go: Receiver<()>,
}

impl Write for Slow {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Fails at once when the test has dropped the other end.
        let _ = self.go.recv();
        self.written.send(line.to_vec()).map_err(io::Error::other)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_sink_drops_lines_instead_of_blocking_and_reports_them() {
    let (written, read) = channel();
    let (go, wait) = channel();
    let (mut lines, guard) = writer::start(Slow { written, go: wait }).unwrap();
    for line in 0..10_000 {
        assert!(lines.write(format!("{line}\n").as_bytes()).unwrap() > 1);
    }
    drop(go);
    drop(guard);
    let text = String::from_utf8(read.iter().flatten().collect()).unwrap();
    assert!(text.starts_with("0\n"), "{text:.40}");
    assert!(text.contains("log lines dropped"));
    assert!(text.lines().count() < 6_000);
}

#[test]
fn dropping_the_guard_writes_what_is_queued() {
    let (written, read) = channel();
    let (go, wait) = channel();
    drop(go);
    let (mut lines, guard) = writer::start(Slow { written, go: wait }).unwrap();
    for line in ["one\n", "two\n"] {
        assert_eq!(lines.write(line.as_bytes()).unwrap(), 4);
    }
    drop(guard);
    assert_eq!(read.iter().flatten().collect::<Vec<_>>(), b"one\ntwo\n");
}
