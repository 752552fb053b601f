//! The XDP program: filters VRRP adverts, answers ARP and neighbour discovery for the virtual addresses this node acts for,
//! steers their traffic.
//!
//! One function, read downwards: which interface is it, what is the frame, whose business is that, count the verdict.
//! Unknown is not ours: a miss in any map is `XDP_PASS`. VRRP fails closed. Nothing here reads a clock for a client packet.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod advert;
mod announce;
mod context;
mod count;
mod maps;
mod rewrite;
mod steer;

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use vrrp_common::classify::{self, Class};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::maps::ROUTER_VIRTUAL_MAC;
use vrrp_common::wire::eth::{self, Ethernet};
use vrrp_common::wire::vrrp::of_virtual_mac;

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
    match eth::parse(&Frame(ctx)) {
        Some(ethernet) if ethernet.ethertype == eth::TYPE_IPV6 => ipv6(ctx.ctx, slot),
        Some(_) => ipv4(ctx.ctx, slot),
        None => Verdict::Pass,
    }
}

/// IPv4 and ARP. Each family has a function of its own: in one they would need more than the 512 bytes of stack there are, and
/// states of the one would make the verifier's work on the other larger.
///
/// It reads the Ethernet header again: handed over in memory that would be slower, and the verifier wants it aligned.
#[inline(never)]
fn ipv4(ctx: *mut xdp_md, slot: u32) -> Verdict {
    let ctx = &XdpContext::new(ctx);
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return Verdict::Pass;
    };
    match classify::over_ipv4(&Frame(ctx), ethernet) {
        Class::Ipv4 { ethernet, ip } => through(ctx, slot, &ethernet, steer::client(ctx, &ethernet, &ip)),
        Class::Vrrp(vrrp) => advert::receive(ctx, slot, &vrrp),
        Class::Arp { ethernet, arp } => announce::arp(ctx, slot, &ethernet, &arp),
        Class::Neighbour { .. } | Class::Ipv6 { .. } | Class::Other => Verdict::Pass,
    }
}

#[inline(never)]
fn ipv6(ctx: *mut xdp_md, slot: u32) -> Verdict {
    let ctx = &XdpContext::new(ctx);
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return Verdict::Pass;
    };
    match classify::over_ipv6(&Frame(ctx), ethernet) {
        Class::Ipv6 { ethernet, ip } => through(ctx, slot, &ethernet, steer::client_v6(ctx, &ethernet, &ip)),
        Class::Vrrp(vrrp) => advert::receive(ctx, slot, &vrrp),
        Class::Neighbour { ethernet, ip, nd } => announce::neighbour(ctx, slot, &ethernet, &ip, &nd),
        Class::Ipv4 { .. } | Class::Arp { .. } | Class::Other => Verdict::Pass,
    }
}

/// A packet that goes on to the stack: one for a virtual router's MAC address is addressed to the interface's own while this
/// node acts for that router, and dropped otherwise (RFC 9568 sections 6.4.2 and 6.4.3).
#[inline(always)]
fn through(ctx: &XdpContext, slot: u32, ethernet: &Ethernet, verdict: Verdict) -> Verdict {
    if !matches!(verdict, Verdict::Pass) {
        return verdict;
    }
    let Some((v6, vrid)) = of_virtual_mac(ethernet.destination) else {
        return verdict;
    };
    let Some((index, router)) = maps::router(slot, v6, vrid) else {
        return verdict;
    };
    if router.flags & ROUTER_VIRTUAL_MAC == 0 || router.vlan != ethernet.vlan {
        return verdict;
    }
    if maps::acting(index).is_none() {
        count::router(index, RouterCounter::NotActing);
        return Verdict::Drop;
    }
    match maps::interface(slot) {
        Some(interface) => rewrite::to_own_mac(ctx, interface.mac).map_or(Verdict::Drop, |()| Verdict::Pass),
        None => verdict,
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
