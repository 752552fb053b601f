//! The XDP program: filters VRRP adverts, answers ARP and neighbour discovery for the virtual
//! addresses of which this node is the active router, and steers their traffic.
//!
//! The program looks up the interface, classifies the frame, gets the verdict of the module for
//! that class and counts it. A miss in any map is `XDP_PASS`. VRRP fails closed. For a
//! client packet only rate limits and flow records (guard.rs) read a clock.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod advert;
mod arp_nd;
mod capture;
mod context;
mod count;
mod fib;
mod guard;
mod maps;
mod nat;
mod object;
mod packet;
mod rewrite;
mod steer;
mod tables;
mod tunnel;

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use vrrp_common::classify::{self, Class};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::packet::Packet as _;
use vrrp_common::wire;
use vrrp_common::wire::eth::{self, Ethernet};
use vrrp_common::wire::ipv4::PROTO_VRRP;
use vrrp_common::wire::ipv6::NEXT_ICMPV6;

use crate::context::{Frame, clobber_args};
use crate::packet::Packet;

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
    if let Some(protocol) = untagged_ipv4(&Frame(ctx)) {
        let word =
            if protocol == PROTO_VRRP { control_v4(ctx.ctx, slot) } else { ipv4(ctx.ctx, slot) };
        return decided(word).unwrap_or(Verdict::Pass);
    }
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return Verdict::Pass;
    };
    // Adverts are recognised here, so that the client path is not called for them.
    let protocol = Frame(ctx).byte(ethernet.network + wire::ipv4::at::PROTOCOL);
    let ctx = ctx.ctx;
    match ethernet.ethertype {
        eth::TYPE_IPV4 if protocol != Some(PROTO_VRRP) => {
            decided(ipv4(ctx, slot)).unwrap_or(Verdict::Pass)
        }
        eth::TYPE_IPV6 => {
            match decided(ipv6(ctx, slot, 0)).or_else(|| decided(control_v6(ctx, slot))) {
                Some(verdict) => verdict,
                None => decided(ipv6(ctx, slot, 1)).unwrap_or(Verdict::Pass),
            }
        }
        eth::TYPE_IPV4 | eth::TYPE_ARP => decided(control_v4(ctx, slot)).unwrap_or(Verdict::Pass),
        _ => Verdict::Pass,
    }
}

/// The protocol of an untagged IPv4 packet: this one bounds check classifies most packets.
#[inline(always)]
fn untagged_ipv4(frame: &Frame) -> Option<u8> {
    const PROTOCOL_AT: usize = eth::HEADER_LEN + wire::ipv4::at::PROTOCOL;
    let headers = frame.bytes::<{ PROTOCOL_AT + 1 }>(0)?;
    let ethertype = u16::from_be_bytes([headers[eth::TYPE_AT], headers[eth::TYPE_AT + 1]]);
    (ethertype == eth::TYPE_IPV4).then_some(headers[PROTOCOL_AT])
}

/// Returned by a function below for a packet of another class.
const UNDECIDED: u32 = Verdict::COUNT as u32;

#[inline(always)]
fn decided(word: u32) -> Option<Verdict> {
    match word {
        0 => Some(Verdict::Pass),
        1 => Some(Verdict::Drop),
        2 => Some(Verdict::Tx),
        3 => Some(Verdict::Redirect),
        _ => None,
    }
}

/// IPv4 without VRRP. This and the next three are global functions (`pub`, unmangled, integer
/// arguments and result): the verifier checks each once, independent of its callers. Each shares
/// the 512 bytes of stack only with its callees.
///
/// They parse the Ethernet header again: passing it in memory would be slower, and the verifier
/// requires aligned accesses.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn ipv4(ctx: *mut xdp_md, slot: u32) -> u32 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return Verdict::Pass as u32;
    };
    let Some(ip) = wire::ipv4::parse(&Frame(ctx), ethernet.network) else {
        return Verdict::Pass as u32;
    };
    if !ip.is_sane() {
        return Verdict::Pass as u32;
    }
    pass_to_stack(ctx, slot, &ethernet, steer::client(ctx, slot, &Packet::v4(&ethernet, &ip)))
        as u32
}

/// ARP, and VRRP over IPv4.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn control_v4(ctx: *mut xdp_md, slot: u32) -> u32 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return Verdict::Pass as u32;
    };
    let verdict = match classify::over_ipv4(&Frame(ctx), ethernet) {
        Class::Vrrp(vrrp) => advert::receive(ctx, slot, &vrrp),
        Class::Arp { ethernet, arp } => arp_nd::arp(ctx, slot, &ethernet, &arp),
        Class::Ipv4 { .. } | Class::Neighbour { .. } | Class::Ipv6 { .. } | Class::Other => {
            Verdict::Pass
        }
    };
    verdict as u32
}

/// IPv6 without VRRP and neighbour discovery; `asked` is 1 for a packet that [`control_v6`] has
/// found to be neither.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn ipv6(ctx: *mut xdp_md, slot: u32, asked: u32) -> u32 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return Verdict::Pass as u32;
    };
    let Some(ip) = wire::ipv6::parse(&Frame(ctx), ethernet.network) else {
        return Verdict::Pass as u32;
    };
    if asked == 0 && (ip.protocol == PROTO_VRRP || ip.protocol == NEXT_ICMPV6 || ip.unwalked) {
        return UNDECIDED;
    }
    if ip.is_mapped() {
        return Verdict::Pass as u32;
    }
    pass_to_stack(ctx, slot, &ethernet, steer::client(ctx, slot, &Packet::v6(&ethernet, &ip)))
        as u32
}

/// VRRP over IPv6 and neighbour discovery.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn control_v6(ctx: *mut xdp_md, slot: u32) -> u32 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(ethernet) = eth::parse(&Frame(ctx)) else {
        return UNDECIDED;
    };
    let verdict = match classify::over_ipv6(&Frame(ctx), ethernet) {
        Class::Vrrp(vrrp) => advert::receive(ctx, slot, &vrrp),
        Class::Neighbour { ethernet, ip, nd } => arp_nd::neighbour(ctx, slot, &ethernet, &ip, &nd),
        Class::Ipv6 { .. } | Class::Ipv4 { .. } | Class::Arp { .. } | Class::Other => {
            return UNDECIDED;
        }
    };
    verdict as u32
}

/// Passes a packet to the stack. A frame to a virtual router's MAC address is readdressed to the
/// interface's MAC while this node is active for that router, and dropped otherwise (RFC 9568
/// sections 6.4.2 and 6.4.3).
#[inline(always)]
fn pass_to_stack(ctx: &XdpContext, slot: u32, ethernet: &Ethernet, verdict: Verdict) -> Verdict {
    if !matches!(verdict, Verdict::Pass) {
        return verdict;
    }
    let Some(index) = maps::virtual_router(slot, ethernet.destination, ethernet.vlan) else {
        return verdict;
    };
    if maps::active(index).is_none() {
        return capture::drop_counted(ctx, index, RouterCounter::NotActive);
    }
    match maps::interface(slot) {
        Some(interface) => rewrite::set_destination_mac(ctx, interface.mac)
            .map_or(Verdict::Drop, |()| Verdict::Pass),
        None => verdict,
    }
}

/// Nanoseconds since boot, including suspended time: the clock of leases and liveness. A read costs
/// as much as a hash lookup.
#[inline(always)]
fn boot_nanos() -> u64 {
    // SAFETY: a helper call without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}
