//! Both ends of the cable of `cargo xtask bench live`: the generator of the frames, and their
//! counter.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::bpf_redirect;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use vrrp_common::packet::Packet;

use crate::context::Frame;
use crate::frames::{self, TUNNEL_LEN, V4_LEN, V6_LEN};

/// Frames that arrived.
#[map]
static ARRIVED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// The last frame that arrived at [`bench_capture`], up to the buffer's length.
#[map]
static CAPTURED: Array<[u8; TUNNEL_LEN]> = Array::with_max_entries(1, 0);

/// Interface that [`bench_redirect`] sends by.
#[map]
static TARGET: Array<u32> = Array::with_max_entries(1, 0);

/// Makes the next flow's frame and sends it out.
#[xdp(frags)]
pub fn bench_flows(ctx: XdpContext) -> u32 {
    frames::next(&ctx).and_then(redirect).unwrap_or(xdp_action::XDP_ABORTED)
}

#[inline(always)]
fn redirect(ifindex: u32) -> Option<u32> {
    // SAFETY: a helper call with two integers; it stores the target of the redirect that this
    // verdict requests.
    let action = unsafe { bpf_redirect(ifindex, 0) };
    Some(action as u32)
}

/// The minimal program that sends a frame out of another interface.
#[xdp(frags)]
pub fn bench_redirect(_ctx: XdpContext) -> u32 {
    TARGET.get(0).and_then(|ifindex| redirect(*ifindex)).unwrap_or(xdp_action::XDP_ABORTED)
}

/// The end of the path: counts and drops.
#[xdp(frags)]
pub fn bench_sink(_ctx: XdpContext) -> u32 {
    count();
    xdp_action::XDP_DROP
}

/// [`bench_sink`], which also keeps the frame for inspection.
#[xdp(frags)]
pub fn bench_capture(ctx: XdpContext) -> u32 {
    count();
    let frame = Frame(&ctx);
    if let Some(kept) = CAPTURED.get_ptr_mut(0) {
        // SAFETY: a live element; the frames of a check arrive one after the other.
        let kept = unsafe { &mut *kept };
        if let Some(bytes) = frame.bytes::<TUNNEL_LEN>(0) {
            *kept = bytes;
        } else if let Some(bytes) = frame.bytes::<V6_LEN>(0) {
            kept[..V6_LEN].copy_from_slice(&bytes);
        } else if let Some(bytes) = frame.bytes::<V4_LEN>(0) {
            kept[..V4_LEN].copy_from_slice(&bytes);
        }
    }
    xdp_action::XDP_DROP
}

#[inline(always)]
fn count() {
    if let Some(arrived) = ARRIVED.get_ptr_mut(0) {
        // SAFETY: a live element of this CPU's array, which nothing else writes while this program
        // runs.
        unsafe { *arrived += 1 };
    }
}
