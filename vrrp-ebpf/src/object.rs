//! What each of the objects needs besides its programs.

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    // Nothing here panics; were a panic path compiled in, the verifier would refuse this loop at
    // load time.
    loop {}
}

/// The helpers that the programs call are offered to GPL-compatible programs only; the sources are
/// MIT or Apache-2.0 as well.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
