//! The frames of a bench: one for each flow, from a template.

use aya_ebpf::helpers::generated::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, PerCpuArray};
use aya_ebpf::programs::XdpContext;

use crate::context::linear_len;

/// Length of an IPv4 frame, and of the longest frame (IPv6), in bytes.
pub const V4_LEN: usize = 64;
pub const V6_LEN: usize = 80;
/// Greatest length of a short frame after encapsulation.
pub const TUNNEL_LEN: usize = V4_LEN + 20;
/// Offset of the client's address in a frame (its last four bytes).
const V4_SOURCE: usize = 26;
const V6_SOURCE: usize = 34;
const V4_CHECKSUM: usize = 24;

/// Bits of the last setting: the template is as long as an IPv6 frame; it is one frame and not one
/// per flow. The bits above hold the bytes that the measured program puts before a frame, the bytes
/// that it takes from its end, and the length before it ran.
const LONG: u32 = 1;
const PLAIN: u32 = 2;
const HEAD_SHIFT: u32 = 8;
const CUT_SHIFT: u32 = 16;
const LEN_SHIFT: u32 = 24;

/// The template of all frames. Source address, source port and the checksum over them are written
/// into each copy.
#[map]
static TEMPLATE: Array<[u8; V6_LEN]> = Array::with_max_entries(1, 0);

/// The settings, in this order: egress interface; number of flows less one (a power of two of
/// flows); first address of the clients; offset of the ports; offset of the checksum over them; sum
/// of the IPv4 header, and of the rest without address and port; bits.
#[map]
static SETTINGS: Array<[u32; 8]> = Array::with_max_entries(1, 0);

/// Number of frames made.
#[map]
static MADE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Undoes the change of the frame's length by the measured program, if that has run.
#[inline(always)]
pub fn restore(ctx: &XdpContext) -> Option<()> {
    let (head, cut) = reshaping()?;
    let fresh = SETTINGS.get(0)?[7] >> LEN_SHIFT;
    if head == 0 || linear_len(ctx) == fresh as usize {
        return Some(());
    }
    reshape(ctx, head, cut)
}

/// Makes the same change of length as the measured program.
#[inline(always)]
pub fn lengthen(ctx: &XdpContext) -> Option<()> {
    let (head, cut) = reshaping()?;
    reshape(ctx, -head, -cut)
}

/// Bytes before the frame, and at its end.
#[inline(always)]
fn reshaping() -> Option<(i32, i32)> {
    let bits = SETTINGS.get(0)?[7];
    Some(((bits >> HEAD_SHIFT & 0xff) as i32, (bits >> CUT_SHIFT & 0xff) as i32))
}

#[inline(always)]
fn reshape(ctx: &XdpContext, begin: i32, end: i32) -> Option<()> {
    // SAFETY: helper calls that move begin and end of the frame; every access checks the new
    // bounds.
    let moved = unsafe {
        bpf_xdp_adjust_head(ctx.ctx, begin) == 0
            && (end == 0 || bpf_xdp_adjust_tail(ctx.ctx, end) == 0)
    };
    moved.then_some(())
}

/// Writes the next frame whole, over whatever the last receiver left. Returns the interface to send
/// it by.
#[inline(always)]
pub fn next(ctx: &XdpContext) -> Option<u32> {
    let [ifindex, mask, base, ports_at, sum_at, ip_sum, l4_sum, bits] = *SETTINGS.get(0)?;
    let template = TEMPLATE.get(0)?;
    if bits & LONG != 0 {
        crate::write(ctx, 0, *template)?;
    } else {
        crate::write(ctx, 0, *template.first_chunk::<V4_LEN>()?)?;
    }
    if bits & PLAIN != 0 {
        return Some(ifindex);
    }
    // An odd multiplier spreads consecutive numbers, and gives each flow its own number: the first
    // 21 bits are the client's, the last 15 its port's.
    let scrambled = (number()? & mask).wrapping_mul(0x9e37_79b1);
    let (address, port) = (base + (scrambled >> 11), 0x8000 | scrambled & 0x7fff);
    let words = (address >> 16) + (address & 0xffff);
    if bits & LONG != 0 {
        crate::write(ctx, V6_SOURCE, address.to_be_bytes())?;
    } else {
        crate::write(ctx, V4_SOURCE, address.to_be_bytes())?;
        crate::write(ctx, V4_CHECKSUM, (!fold(ip_sum + words)).to_be_bytes())?;
    }
    crate::write(ctx, (ports_at & 0x3f) as usize, (port as u16).to_be_bytes())?;
    crate::write(ctx, (sum_at & 0x7f) as usize, (!fold(l4_sum + words + port)).to_be_bytes())?;
    Some(ifindex)
}

/// The number of frames made before, as far as it fits.
#[inline(always)]
fn number() -> Option<u32> {
    let made = MADE.get_ptr_mut(0)?;
    // SAFETY: a live element of this CPU's array; a test run is not interrupted by another one on
    // its CPU.
    let number = unsafe { *made };
    // SAFETY: as above.
    unsafe { *made = number + 1 };
    Some(number as u32)
}

/// Folds the carries of a one's complement sum of words in network order.
#[inline(always)]
fn fold(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xffff);
    (once + (once >> 16)) as u16
}
