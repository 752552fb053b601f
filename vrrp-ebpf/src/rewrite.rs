//! The only packet writes.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::{bpf_redirect, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::Verdict;
use vrrp_common::ip::Address;
use vrrp_common::wire::arp::{self, Arp};
use vrrp_common::wire::eth::Ethernet;
use vrrp_common::wire::{ipv6, nd};

/// Offset of the source MAC in the Ethernet header.
const SOURCE_AT: usize = 6;

/// Turns the ARP request at `network` into its answer: `mac` has the requested address. Sent back where it came from.
#[inline(always)]
pub fn arp_answer(ctx: &XdpContext, network: usize, request: &Arp, mac: [u8; 6]) -> Verdict {
    let answer = arp::packet(arp::OP_REPLY, mac, request.target, request.sender_mac, request.sender);
    match write(ctx, network, answer).and_then(|()| addresses(ctx, request.sender_mac, mac)) {
        Some(()) => Verdict::Tx,
        None => Verdict::Drop,
    }
}

/// Turns the gratuitous ARP request at `network` into a reply: neighbours learn as much from it, and nobody answers it.
#[inline(always)]
pub fn arp_request_to_reply(ctx: &XdpContext, network: usize) -> Option<()> {
    write(ctx, network + arp::OP_LOW_BYTE, [arp::OP_REPLY as u8])
}

/// Turns a neighbour solicitation, sent from `asker`, into the advertisement that `mac` has `target`. Sent back where it came
/// from; whoever only asks whether the address is free is told by a frame to all.
///
/// A solicitation without options is eight bytes shorter than its answer.
#[inline(always)]
pub fn neighbour_answer(ctx: &XdpContext, ethernet: &Ethernet, asker: &Address, target: &Address, mac: [u8; 6]) -> Verdict {
    let len = ctx.data_end() - ctx.data();
    let wanted = ethernet.network + ipv6::HEADER_LEN + nd::MESSAGE_LEN;
    if len < wanted {
        // SAFETY: a helper call; it moves the end of the frame, and every access below checks the new one.
        let grown = unsafe { bpf_xdp_adjust_tail(ctx.ctx, (wanted - len) as i32) };
        if grown != 0 {
            return Verdict::Drop;
        }
    }
    let to = if asker.is_unspecified_v6() { nd::ALL_NODES_MAC } else { ethernet.source };
    let answer = nd::Advertisement::new(mac, target, asker);
    match advertisement(ctx, ethernet.network, &answer, target).and_then(|()| addresses(ctx, to, mac)) {
        Some(()) => Verdict::Tx,
        None => Verdict::Drop,
    }
}

#[inline(always)]
fn advertisement(ctx: &XdpContext, network: usize, pieces: &nd::Advertisement, target: &Address) -> Option<()> {
    write(ctx, network, pieces.head)?;
    write(ctx, network + nd::at::SOURCE, target.octets())?;
    write(ctx, network + nd::at::DESTINATION, pieces.destination.octets())?;
    write(ctx, network + nd::at::MESSAGE, pieces.message)?;
    write(ctx, network + nd::at::TARGET, target.octets())?;
    write(ctx, network + nd::at::OPTION, pieces.option)
}

/// Addresses a frame that came for a virtual router's MAC to the interface's own, so that the stack takes it.
#[inline(always)]
pub fn to_own_mac(ctx: &XdpContext, mac: [u8; 6]) -> Option<()> {
    write(ctx, 0, mac)
}

/// Addresses the frame to `destination` and sends it out of `ifindex`.
#[inline(always)]
pub fn direct_return(ctx: &XdpContext, ifindex: u32, destination: [u8; 6], source: [u8; 6]) -> Verdict {
    if addresses(ctx, destination, source).is_none() {
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
fn addresses(ctx: &XdpContext, destination: [u8; 6], source: [u8; 6]) -> Option<()> {
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
