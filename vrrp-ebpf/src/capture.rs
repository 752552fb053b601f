//! Samples of dropped packets for `vrrp-agent capture`. Without a capture it is off; during one
//! each drop reads one more word.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::generated::{bpf_get_prandom_u32, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, PerfEventArray};
use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::{DropReason, RouterCounter, Verdict};
use vrrp_common::maps::{CaptureConf, Captured};

use crate::context::{clobber_args, linear_len};
use crate::count;

#[map]
static CAPTURE: Array<CaptureConf> = Array::with_max_entries(1, 0);
#[map]
static CAPTURED: PerfEventArray<Captured> = PerfEventArray::new(0);

/// Drops a packet of a virtual router, counts it in `counter` and samples it.
#[inline(always)]
pub fn drop_counted(ctx: &XdpContext, router: u32, counter: RouterCounter) -> Verdict {
    count::router(router, counter);
    sample(ctx, DropReason::Router(counter));
    Verdict::Drop
}

/// Copies the frame, which is being dropped, to the process that captures drops of this reason.
#[inline(always)]
pub fn sample(ctx: &XdpContext, reason: DropReason) {
    let code = reason.code();
    let wanted = CAPTURE
        .get(0)
        .is_some_and(|conf| conf.reasons[(code >> 6 & 1) as usize] >> (code & 63) & 1 != 0);
    if wanted {
        capture(ctx.ctx, code);
    }
}

/// A global function: the verifier checks it once for all callers.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn capture(ctx: *mut xdp_md, reason: u32) -> u32 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(conf) = CAPTURE.get(0) else {
        return 0;
    };
    // SAFETY: helper calls without arguments.
    let (at, random) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_prandom_u32()) };
    // The capture request has expired: the client exited without clearing it.
    if at > conf.until || (u64::from(random) * u64::from(conf.every)) >> 32 != 0 {
        return 0;
    }
    let len = linear_len(ctx) as u32;
    let captured = Captured { at, ifindex: ctx.ingress_ifindex() as u32, reason, len, pad: 0 };
    CAPTURED.output(ctx, captured, len.min(conf.snap));
    1
}
