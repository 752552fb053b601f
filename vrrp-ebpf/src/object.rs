//! The panic handler and the licence of each eBPF object.

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    // Nothing here panics. If a panic path were compiled in, the verifier would reject this loop at
    // load time.
    loop {}
}

/// The kernel offers the helpers that the programs call only to GPL-compatible programs. The
/// sources are also available under MIT or Apache-2.0.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
