//! ARP and neighbour discovery for virtual addresses: answered while this node is active, dropped
//! otherwise. The addresses that the kernel holds do not matter.

use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::maps::AddressClaim;
use vrrp_common::wire::arp::{self, Arp};
use vrrp_common::wire::eth::Ethernet;
use vrrp_common::wire::ipv6::Ipv6;
use vrrp_common::wire::nd::{Kind, Nd};

use crate::capture::drop_counted;
use crate::{boot_nanos, count, maps, rewrite, tables};

/// The verdict for an ARP packet.
#[inline(always)]
pub fn arp(ctx: &XdpContext, slot: u32, ethernet: &Ethernet, arp: &Arp) -> Verdict {
    // Requests and replies alike claim that the sender's address is at the sender's MAC address.
    let sender = Address::v4(arp.sender);
    if let Some((_, address)) = tables::address(ctx, &sender, ethernet.vlan) {
        record_claim_on(slot, address.router, &sender, arp.sender_mac);
    }
    if arp.operation != arp::OP_REQUEST {
        return Verdict::Pass;
    }
    let Some((_, address)) = tables::address(ctx, &Address::v4(arp.target), ethernet.vlan) else {
        return Verdict::Pass;
    };
    if maps::active(address.router).is_none() {
        if arp.is_gratuitous() {
            // Another master announces itself. The stack may learn the announcement, but a stack
            // that still holds the address would answer a request: it gets a reply instead.
            return rewrite::arp_request_to_reply(ctx, ethernet.network)
                .map_or(Verdict::Drop, |()| Verdict::Pass);
        }
        return drop_counted(ctx, address.router, RouterCounter::ArpSuppressed);
    }
    if arp.is_gratuitous() {
        // Another host claims an address that this node is active for: neither believed nor
        // answered, the election decides.
        return Verdict::Drop;
    }
    let Some(mac) = mac(slot, address.router) else {
        return Verdict::Pass;
    };
    count::router(address.router, RouterCounter::ArpAnswered);
    rewrite::arp_answer(ctx, ethernet.network, arp, mac)
}

/// The verdict for a neighbour solicitation or advertisement.
#[inline(always)]
pub fn neighbour(ctx: &XdpContext, slot: u32, ethernet: &Ethernet, ip: &Ipv6, nd: &Nd) -> Verdict {
    let Some((_, address)) = tables::address(ctx, &nd.target, ethernet.vlan) else {
        return Verdict::Pass;
    };
    let active = maps::active(address.router).is_some();
    match (nd.kind, active) {
        // From another master: the stack learns it and sends no answer.
        (Kind::Advertisement, false) => Verdict::Pass,
        // Another host claims an address, as above.
        (Kind::Advertisement, true) => {
            record_claim_on(slot, address.router, &nd.target, ethernet.source);
            Verdict::Drop
        }
        (Kind::Solicitation, false) => {
            drop_counted(ctx, address.router, RouterCounter::ArpSuppressed)
        }
        (Kind::Solicitation, true) => {
            let Some(mac) = mac(slot, address.router) else {
                return Verdict::Pass;
            };
            count::router(address.router, RouterCounter::ArpAnswered);
            rewrite::neighbour_answer(ctx, ethernet, &ip.source, &nd.target, mac)
        }
    }
}

/// Counts and records that `claimant` claims an address for which this node is active. A looped
/// frame of this node is no claim.
#[inline(always)]
fn record_claim_on(slot: u32, router: u32, address: &Address, claimant: [u8; 6]) {
    if maps::active(router).is_none() || mac(slot, router) == Some(claimant) {
        return;
    }
    count::router(router, RouterCounter::AddressClaimed);
    maps::record_claim(
        router,
        AddressClaim { seen: boot_nanos(), address: maps::opaque(address), mac: claimant, pad: 0 },
    );
}

/// The MAC address of a router's virtual addresses.
#[inline(always)]
fn mac(slot: u32, router: u32) -> Option<[u8; 6]> {
    Some(maps::router_at(router)?.mac(maps::interface(slot)?.mac))
}
