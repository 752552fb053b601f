//! The programs that `cargo xtask bench xdp` and `bench live` compare the XDP program with, and
//! those that feed it. They are in an object of their own, which the agent does not load.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

#[path = "../context.rs"]
mod context;
mod frames;
mod live;
#[path = "../object.rs"]
mod object;
mod steer;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::ProgramArray;
use aya_ebpf::programs::XdpContext;
use vrrp_common::packet::Packet;
use vrrp_common::wire::{eth, ipv4};

use crate::context::{Frame, data, data_end};

/// The program that [`bench_reset`] tail-calls.
#[map]
static MEASURED: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// The minimal program: pass.
#[xdp(frags)]
pub fn bench_pass(_ctx: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// The minimal program that sends a frame back.
#[xdp(frags)]
pub fn bench_tx(_ctx: XdpContext) -> u32 {
    xdp_action::XDP_TX
}

/// The minimal program that sends a frame back with another length.
#[xdp(frags)]
pub fn bench_lengthen(ctx: XdpContext) -> u32 {
    match frames::lengthen(&ctx) {
        Some(()) => xdp_action::XDP_TX,
        None => xdp_action::XDP_ABORTED,
    }
}

/// Drops a frame that its Ethernet, IPv4 and VRRP headers make an advert. Reads nothing else: no
/// checksum, no map, no counter.
#[xdp(frags)]
pub fn bench_drop(ctx: XdpContext) -> u32 {
    match is_advert(&Frame(&ctx)) {
        Some(true) => xdp_action::XDP_DROP,
        _ => xdp_action::XDP_PASS,
    }
}

#[inline(always)]
fn is_advert(frame: &Frame) -> Option<bool> {
    let ethernet = eth::parse(frame)?;
    let ip = ipv4::parse(frame, ethernet.network)?;
    let message = frame.bytes::<8>(ethernet.network + ip.header_len)?;
    Some(
        ethernet.ethertype == eth::TYPE_IPV4
            && ip.is_sane()
            && ip.protocol == ipv4::PROTO_VRRP
            && message[0] & 0x0f == 1
            && message[1] != 0,
    )
}

/// Writes the next frame over the result of the last run, then tail-calls the measured program: a
/// test run does not restore the frame between repeats.
#[xdp(frags)]
pub fn bench_reset(ctx: XdpContext) -> u32 {
    if frames::restore(&ctx).is_some() && frames::next(&ctx).is_some() {
        // SAFETY: this function holds no value that must be dropped.
        unsafe { MEASURED.tail_call(&ctx, 0) };
    }
    xdp_action::XDP_ABORTED
}

/// Writes to the frame.
#[inline(always)]
fn write<const N: usize>(ctx: &XdpContext, offset: usize, bytes: [u8; N]) -> Option<()> {
    let start = data(ctx) + offset;
    if start + N > data_end(ctx) {
        return None;
    }
    // SAFETY: `N` bytes from `start` lie before `data_end`, as was just checked; a byte array has
    // no alignment.
    unsafe { *(start as *mut [u8; N]) = bytes };
    Some(())
}
