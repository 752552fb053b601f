//! Both ends of the cable of `cargo xtask bench live`: what makes the frames, and what counts them.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::bpf_redirect;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use vrrp_common::packet::Packet;

use crate::context::Frame;

/// Length of an IPv4 frame, and of the longest there is (IPv6), in bytes.
const V4_LEN: usize = 64;
const V6_LEN: usize = 80;
/// Where a frame has its client's address (the last four bytes of it), by the length of the frame.
const V4_SOURCE: usize = 26;
const V6_SOURCE: usize = 34;
const V4_CHECKSUM: usize = 24;

/// The frame that every flow's is made from: source address and port, and what is summed over them, are written into it.
#[map]
static TEMPLATE: Array<[u8; V6_LEN]> = Array::with_max_entries(1, 0);

/// How, in this order: interface to send by; flows less one (flows are a power of two); first address of the clients; where the
/// ports are; where the checksum over them is; sum of the IPv4 header and of the rest without address and port; 1 for IPv6.
#[map]
static SETTINGS: Array<[u32; 8]> = Array::with_max_entries(1, 0);

/// Frames made.
#[map]
static MADE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Frames that arrived.
#[map]
static ARRIVED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// The last frame that arrived at [`bench_capture`], as far as it was long.
#[map]
static CAPTURED: Array<[u8; V6_LEN]> = Array::with_max_entries(1, 0);

/// Interface that [`bench_redirect`] sends by.
#[map]
static TARGET: Array<u32> = Array::with_max_entries(1, 0);

/// Makes the next flow's frame and sends it out. The page that it is made in comes back as its last receiver left it, so it is
/// written whole.
#[xdp(frags)]
pub fn bench_flows(ctx: XdpContext) -> u32 {
    make(&ctx).unwrap_or(xdp_action::XDP_ABORTED)
}

#[inline(always)]
fn make(ctx: &XdpContext) -> Option<u32> {
    let [ifindex, mask, base, ports_at, sum_at, ip_sum, l4_sum, v6] = *SETTINGS.get(0)?;
    let made = MADE.get_ptr_mut(0)?;
    // SAFETY: a live element of this CPU's array; a test run is not interrupted by another one on its CPU.
    let number = unsafe { *made };
    // SAFETY: as above.
    unsafe { *made = number + 1 };
    // An odd multiplier makes neighbours far apart and no two flows alike: 17 bits of address, 15 of port.
    let scrambled = (number as u32 & mask).wrapping_mul(0x9e37_79b1);
    let (address, port) = (base + (scrambled >> 15), 0x8000 | scrambled & 0x7fff);
    let l4_sum = !fold(l4_sum + (address >> 16) + (address & 0xffff) + port);
    let template = TEMPLATE.get(0)?;
    if v6 != 0 {
        crate::write(ctx, 0, *template)?;
        crate::write(ctx, V6_SOURCE, address.to_be_bytes())?;
    } else {
        crate::write(ctx, 0, *template.first_chunk::<V4_LEN>()?)?;
        crate::write(ctx, V4_SOURCE, address.to_be_bytes())?;
        let ip_sum = !fold(ip_sum + (address >> 16) + (address & 0xffff));
        crate::write(ctx, V4_CHECKSUM, ip_sum.to_be_bytes())?;
    }
    crate::write(ctx, (ports_at & 0x3f) as usize, (port as u16).to_be_bytes())?;
    crate::write(ctx, (sum_at & 0x3f) as usize, l4_sum.to_be_bytes())?;
    redirect(ifindex)
}

/// Folds the carries of a one's complement sum of words in network order.
#[inline(always)]
fn fold(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xffff);
    (once + (once >> 16)) as u16
}

#[inline(always)]
fn redirect(ifindex: u32) -> Option<u32> {
    // SAFETY: a helper call with two integers; it notes the target for the redirect that this verdict asks for.
    let action = unsafe { bpf_redirect(ifindex, 0) };
    Some(action as u32)
}

/// The least a program can do to send a frame out of another interface.
#[xdp(frags)]
pub fn bench_redirect(_ctx: XdpContext) -> u32 {
    TARGET.get(0).and_then(|ifindex| redirect(*ifindex)).unwrap_or(xdp_action::XDP_ABORTED)
}

/// The end of the way: counts and drops.
#[xdp(frags)]
pub fn bench_sink(_ctx: XdpContext) -> u32 {
    count();
    xdp_action::XDP_DROP
}

/// [`bench_sink`] that keeps the frame for whoever wants to look at it.
#[xdp(frags)]
pub fn bench_capture(ctx: XdpContext) -> u32 {
    count();
    let frame = Frame(&ctx);
    if let Some(kept) = CAPTURED.get_ptr_mut(0) {
        // SAFETY: a live element; the frames of a check arrive one after the other.
        let kept = unsafe { &mut *kept };
        if let Some(bytes) = frame.bytes::<V6_LEN>(0) {
            *kept = bytes;
        } else if let Some(bytes) = frame.bytes::<V4_LEN>(0) {
            kept[..V4_LEN].copy_from_slice(&bytes);
        }
    }
    xdp_action::XDP_DROP
}

#[inline(always)]
fn count() {
    if let Some(arrived) = ARRIVED.get_ptr_mut(0) {
        // SAFETY: a live element of this CPU's array, which nothing else writes while this program runs.
        unsafe { *arrived += 1 };
    }
}
