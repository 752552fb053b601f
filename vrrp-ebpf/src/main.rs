//! The XDP program: filters VRRP adverts, answers ARP for the virtual addresses this node acts for, steers their traffic.
//!
//! One function, read downwards: which interface is it, what is the frame, whose business is that, count the verdict.
//! Unknown is not ours: a miss in any map is `XDP_PASS`. VRRP fails closed. Nothing here reads a clock for a client packet.
#![no_std]
#![no_main]

mod advert;
mod announce;
mod context;
mod count;
mod maps;
mod rewrite;
mod steer;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use vrrp_common::classify::{Class, classify};
use vrrp_common::counter::Verdict;

use crate::context::Frame;

#[xdp(frags)]
pub fn vrrp_xdp(ctx: XdpContext) -> u32 {
    let Some(slot) = maps::interface_slot(&ctx) else {
        return xdp_action::XDP_PASS;
    };
    let verdict = process(&ctx, slot);
    count::verdict(slot, verdict);
    match verdict {
        Verdict::Pass => xdp_action::XDP_PASS,
        Verdict::Drop => xdp_action::XDP_DROP,
        Verdict::Tx => xdp_action::XDP_TX,
        Verdict::Redirect => xdp_action::XDP_REDIRECT,
    }
}

#[inline(always)]
fn process(ctx: &XdpContext, slot: u32) -> Verdict {
    match classify(&Frame(ctx)) {
        Class::Ipv4 { ethernet, ip } => steer::client(ctx, &ethernet, &ip),
        Class::Vrrp(vrrp) => advert::receive(ctx, slot, &vrrp),
        Class::Arp { ethernet, arp } => announce::arp(ctx, slot, &ethernet, &arp),
        Class::Other => Verdict::Pass,
    }
}

/// Nanoseconds since boot, suspended time included: the clock of leases and liveness. As dear as a hash lookup.
#[inline(always)]
fn boot_nanos() -> u64 {
    // SAFETY: a helper call without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    // Nothing here panics; were a panic path compiled in, the verifier would refuse this loop at load time.
    loop {}
}

/// The helpers this program calls are offered to GPL-compatible programs only; the sources are MIT or Apache-2.0 as well.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
