//! The XDP context as a `Packet`: the only pointer reads of packet memory.

use core::arch::asm;

use aya_ebpf::programs::XdpContext;
use vrrp_common::packet::{FORGETTABLE, Packet};

/// The linear part of a frame.
pub struct Frame<'a>(pub &'a XdpContext);

impl Packet for Frame<'_> {
    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let start = self.0.data() + offset;
        if start + N > self.0.data_end() {
            return None;
        }
        // SAFETY: `N` bytes from `start` lie before `data_end`, as was just checked (and the verifier checks that it was);
        // any bit pattern is a byte array, and a byte array has no alignment.
        Some(unsafe { *(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn forget(&self, mut number: usize) -> usize {
        // SAFETY: bits are masked in a register.
        unsafe { asm!("{0} &= {1}", inout(reg) number, const FORGETTABLE - 1, options(pure, nomem, nostack)) };
        number
    }
}
