//! The frames of a bench: one for each flow, from a template.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, PerCpuArray};
use aya_ebpf::programs::XdpContext;

/// Length of an IPv4 frame, and of the longest there is (IPv6), in bytes.
pub const V4_LEN: usize = 64;
pub const V6_LEN: usize = 80;
/// Where a frame has its client's address (the last four bytes of it).
const V4_SOURCE: usize = 26;
const V6_SOURCE: usize = 34;
const V4_CHECKSUM: usize = 24;

/// Bits of the last setting: the template is as long as an IPv6 frame; it is one frame, not a flow's.
const LONG: u32 = 1;
const PLAIN: u32 = 2;

/// What every frame is made from: source address and port, and what is summed over them, are written into it.
#[map]
static TEMPLATE: Array<[u8; V6_LEN]> = Array::with_max_entries(1, 0);

/// How, in this order: interface to send by; flows less one (flows are a power of two); first address of the clients; where the
/// ports are; where the checksum over them is; sum of the IPv4 header and of the rest without address and port; bits.
#[map]
static SETTINGS: Array<[u32; 8]> = Array::with_max_entries(1, 0);

/// Frames made.
#[map]
static MADE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Writes the next frame, whole: what it is written over is as its last receiver left it. Returns the interface to send it by.
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
    // An odd multiplier makes neighbours far apart and no two flows alike: 17 bits of address, 15 of port.
    let scrambled = (number()? & mask).wrapping_mul(0x9e37_79b1);
    let (address, port) = (base + (scrambled >> 15), 0x8000 | scrambled & 0x7fff);
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

/// How many frames were made before, as far as that fits.
#[inline(always)]
fn number() -> Option<u32> {
    let made = MADE.get_ptr_mut(0)?;
    // SAFETY: a live element of this CPU's array; a test run is not interrupted by another one on its CPU.
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
