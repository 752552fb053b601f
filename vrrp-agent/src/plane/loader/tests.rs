use nix::errno::Errno;

use super::*;
use crate::plane::refusal::Cause;

/// `r0 = r9`, where nothing was written to r9: every verifier rejects that.
const UNREADABLE: [u8; 8] = [0xbf, 0x90, 0, 0, 0, 0, 0, 0];

/// The object with the first instruction of the program replaced.
fn spoilt() -> Vec<u8> {
    let mut object = OBJECT.to_vec();
    let at = section(&object, "xdp").expect("a section that holds the program");
    object[at..at + UNREADABLE.len()].copy_from_slice(&UNREADABLE);
    object
}

/// Offset of the first section whose name has this prefix (ELF-64, little endian).
fn section(elf: &[u8], begin: &str) -> Option<usize> {
    let number = |at: usize, bytes: usize| {
        let mut whole = [0; 8];
        whole[..bytes].copy_from_slice(&elf[at..at + bytes]);
        u64::from_le_bytes(whole) as usize
    };
    let (headers, size, count, names) =
        (number(0x28, 8), number(0x3a, 2), number(0x3c, 2), number(0x3e, 2));
    let header = |index: usize| headers + index * size;
    let names = number(header(names) + 0x18, 8);
    let found = (0..count)
        .find(|&index| elf[names + number(header(index), 4)..].starts_with(begin.as_bytes()))?;
    Some(number(header(found) + 0x18, 8))
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn a_verifier_refusal_shows_its_last_lines_and_is_no_missing_permission() {
    let Err(PlaneError::Refused(refusal)) = load(&spoilt(), None, false) else {
        panic!("the verifier accepts a read of an unwritten register");
    };
    assert_eq!((Errno::from_raw(refusal.errno), refusal.cause()), (Errno::EACCES, Cause::Rejected));
    assert!(refusal.log.iter().any(|line| line.contains("R9 !read_ok")), "{:?}", refusal.log);
    let text = refusal.to_string();
    assert!(text.contains(PROGRAM) && text.contains(&crate::kernel_release::release()), "{text}");
    assert!(!text.contains("CAP_") && !text.contains("permitted"), "{text}");
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn a_pending_signal_does_not_end_the_loading() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use tokio::signal::unix::{SignalKind, signal};

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    // Without a handler the signal would not become pending in any thread.
    let _handler = signal(SignalKind::user_defined1()).expect("a handler");
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                kill(Pid::this(), Signal::SIGUSR1).expect("a signal to this process");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let outcome = try_out();
        done.store(true, Ordering::Relaxed);
        outcome.expect("it loads");
    });
}
