//! The XDP context as a `Packet`. Only this module reads packet memory through pointers.

use core::arch::asm;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use vrrp_common::packet::{OFFSET_LIMIT, Packet};

/// The linear part of a frame (without the fragments of a multi-buffer frame).
pub struct Frame<'a>(pub &'a XdpContext);

/// Address of the first byte of the frame (`xdp_md::data`).
///
/// The context's fields have 32 bits and represent 64-bit pointers. A compiler that knows the
/// 32-bit type copies them as such, which the verifier rejects.
#[inline(always)]
pub fn data(ctx: &XdpContext) -> usize {
    let address: u64;
    // SAFETY: a read of the context's first field.
    unsafe {
        asm!("{0} = *(u32 *)({1} + 0)", out(reg) address, in(reg) ctx.ctx, options(pure, readonly, nostack))
    };
    address as usize
}

/// Address after the last byte of the linear part (`xdp_md::data_end`).
#[inline(always)]
pub fn data_end(ctx: &XdpContext) -> usize {
    let address: u64;
    // SAFETY: a read of the context's second field.
    unsafe {
        asm!("{0} = *(u32 *)({1} + 4)", out(reg) address, in(reg) ctx.ctx, options(pure, readonly, nostack))
    };
    address as usize
}

/// Length of the linear part in bytes: the whole frame, unless it has fragments.
#[inline(always)]
pub fn linear_len(ctx: &XdpContext) -> usize {
    data_end(ctx) - data(ctx)
}

/// Marks the five argument registers as clobbered. Every function that is not inlined calls this.
///
/// The compiler sees which argument registers a function leaves unchanged and keeps values in them
/// across the call. The verifier marks all five as unreadable after a call. `cargo xtask tidy`
/// checks the calls.
#[inline(always)]
pub fn clobber_args() {
    // SAFETY: emits no instruction; five registers are marked as clobbered.
    unsafe {
        asm!("", out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _, options(nomem, nostack))
    };
}

/// Result for a range beyond the end of the frame; no sum is as large.
const CUT_OFF: u64 = u64::MAX;

/// A global function: the verifier checks its loops once instead of once for each caller, and
/// assumes nothing about the result.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn sum(ctx: *mut xdp_md, offset: u64, len: u64) -> u64 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let [offset, len] = [offset, len].map(|number| number as usize & (OFFSET_LIMIT - 1));
    vrrp_common::packet::sum_words(&Frame(ctx), offset, len).unwrap_or(CUT_OFF)
}

impl Packet for Frame<'_> {
    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let start = data(self.0) + offset;
        if start + N > data_end(self.0) {
            return None;
        }
        // SAFETY: `N` bytes from `start` lie before `data_end`, as was just checked (and the
        // verifier checks that it was); any bit pattern is a byte array, and a byte array has no
        // alignment.
        Some(unsafe { *(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn sum(&self, offset: usize, len: usize) -> Option<u64> {
        match sum(self.0.ctx, offset as u64, len as u64) {
            CUT_OFF => None,
            sum => Some(sum),
        }
    }

    #[inline(always)]
    fn bounded(&self, mut number: usize) -> usize {
        // SAFETY: bits are masked in a register.
        unsafe {
            asm!("{0} &= {1}", inout(reg) number, const OFFSET_LIMIT - 1, options(pure, nomem, nostack))
        };
        number
    }
}
