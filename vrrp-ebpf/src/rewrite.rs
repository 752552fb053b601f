//! The only packet writes.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::bpf_redirect;
use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::Verdict;
use vrrp_common::wire::arp::{self, Arp};

/// Offset of the source MAC in the Ethernet header.
const SOURCE_AT: usize = 6;

/// Turns the ARP request at `network` into its answer: `mac` has the requested address. Sent back where it came from.
#[inline(always)]
pub fn arp_answer(ctx: &XdpContext, network: usize, request: &Arp, mac: [u8; 6]) -> Verdict {
    let answer = arp::packet(arp::OP_REPLY, mac, request.target, request.sender_mac, request.sender);
    match write(ctx, network, answer).and_then(|()| ethernet(ctx, request.sender_mac, mac)) {
        Some(()) => Verdict::Tx,
        None => Verdict::Drop,
    }
}

/// Turns the gratuitous ARP request at `network` into a reply: neighbours learn as much from it, and nobody answers it.
#[inline(always)]
pub fn arp_request_to_reply(ctx: &XdpContext, network: usize) -> Option<()> {
    write(ctx, network + arp::OP_LOW_BYTE, [arp::OP_REPLY as u8])
}

/// Addresses the frame to `destination` and sends it out of `ifindex`.
#[inline(always)]
pub fn direct_return(ctx: &XdpContext, ifindex: u32, destination: [u8; 6], source: [u8; 6]) -> Verdict {
    if ethernet(ctx, destination, source).is_none() {
        return Verdict::Drop;
    }
    if ifindex as usize == ctx.ingress_ifindex() {
        return Verdict::Tx;
    }
    // SAFETY: a helper call with two integers; it notes the target for the redirect that this verdict asks for.
    let action = unsafe { bpf_redirect(ifindex, 0) };
    if action == i64::from(xdp_action::XDP_REDIRECT) { Verdict::Redirect } else { Verdict::Drop }
}

#[inline(always)]
fn ethernet(ctx: &XdpContext, destination: [u8; 6], source: [u8; 6]) -> Option<()> {
    write(ctx, 0, destination)?;
    write(ctx, SOURCE_AT, source)
}

#[inline(always)]
fn write<const N: usize>(ctx: &XdpContext, offset: usize, bytes: [u8; N]) -> Option<()> {
    let start = ctx.data() + offset;
    if start + N > ctx.data_end() {
        return None;
    }
    // SAFETY: `N` bytes from `start` lie before `data_end`, as was just checked; the frame is this program's alone while it
    // runs, and a byte array has no alignment.
    unsafe { *(start as *mut [u8; N]) = bytes };
    Some(())
}
