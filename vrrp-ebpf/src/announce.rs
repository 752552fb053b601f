//! ARP for virtual addresses: answered while this node acts, silent otherwise, whatever addresses the kernel holds.

use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::maps::AddressKey;
use vrrp_common::wire::arp::{self, Arp};
use vrrp_common::wire::eth::Ethernet;

use crate::{count, maps, rewrite};

/// Decides about an ARP packet.
#[inline(always)]
pub fn arp(ctx: &XdpContext, slot: u32, ethernet: &Ethernet, arp: &Arp) -> Verdict {
    let key = AddressKey { address: arp.target, ifindex: ctx.ingress_ifindex() as u32, vlan: ethernet.vlan };
    if arp.operation != arp::OP_REQUEST {
        return Verdict::Pass;
    }
    let Some(address) = maps::address(&key) else {
        return Verdict::Pass;
    };
    if maps::acting(address.router).is_none() {
        if arp.is_gratuitous() {
            // Another master announces itself: the stack may learn that, but a stack that still holds the address would answer.
            return rewrite::arp_request_to_reply(ctx, ethernet.network).map_or(Verdict::Drop, |()| Verdict::Pass);
        }
        count::router(address.router, RouterCounter::ArpSuppressed);
        return Verdict::Drop;
    }
    if arp.is_gratuitous() {
        // Somebody else claims an address this node acts for: neither believed nor answered, the election decides.
        return Verdict::Drop;
    }
    let Some(interface) = maps::interface(slot) else {
        return Verdict::Pass;
    };
    count::router(address.router, RouterCounter::ArpAnswered);
    rewrite::arp_answer(ctx, ethernet.network, arp, interface.mac)
}
