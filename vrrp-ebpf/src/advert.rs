//! The advert path: judge, pace, fence, stamp, hand on to the agent's socket.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::info;
use vrrp_common::classify::Vrrp;
use vrrp_common::counter::{DropReason, RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::lease::{self, Claim};
use vrrp_common::maps::{Liveness, ROUTER_HMAC, ROUTER_HMAC_REQUIRED, RateKey, RateWindow, RouterConf};
use vrrp_common::packet::Packet as _;
use vrrp_common::policy;
use vrrp_common::reason::Reason;
use vrrp_common::wire::vrrp::{Advert, PRIORITY_RELEASE};

use crate::context::{Frame, spoil};
use crate::{boot_nanos, capture, count, maps};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Decides about a VRRP packet. An invalid one touches nothing but its reason's counter.
#[inline(always)]
pub fn receive(ctx: &XdpContext, slot: u32, vrrp: &Vrrp) -> Verdict {
    match judge(ctx, slot, vrrp) {
        Ok(()) => Verdict::Pass,
        Err(reason) => {
            count::reason(slot, reason);
            capture::sample(ctx, DropReason::Advert(reason));
            Verdict::Drop
        }
    }
}

#[inline(always)]
fn judge(ctx: &XdpContext, slot: u32, vrrp: &Vrrp) -> Result<(), Reason> {
    let found = match &vrrp.advert {
        Ok(advert) => maps::router(slot, !vrrp.source.is_v4(), advert.vrid),
        Err(_) => None,
    };
    let found = found.filter(|(_, router)| router.vlan == vrrp.ethernet.vlan);
    policy::judge_ttl(vrrp.ttl, &vrrp.source, found.map(|(_, router)| router))?;
    let advert = vrrp.advert.as_ref().map_err(|&reason| reason)?;
    let Some((index, router)) = found else {
        return foreign(slot, vrrp.ethernet.vlan);
    };
    if router.used == 0 {
        // It has its place, and is not described yet: the agent is starting. Its socket judges by the same rules.
        return Ok(());
    }
    policy::judge(advert, &vrrp.source, &vrrp.destination, router)?;
    if shares_address(ctx.ctx, vrrp.message as u64, u64::from(advert.count), u64::from(index)) == 0 {
        return Err(Reason::AddressList);
    }
    let now = boot_nanos();
    pace(now, index, vrrp.source, router.rate_limit)?;
    fence(ctx, now, index, advert, vrrp.source, router);
    let heard = Liveness {
        seen: now,
        source: maps::whole(&vrrp.source),
        interval_centis: advert.interval.0,
        priority: advert.priority,
        pad: 0,
        mac: vrrp.ethernet.source,
        pad2: [0; 6],
    };
    maps::stamp(index, heard);
    // This program cannot verify authenticated adverts, and so follows no master by them.
    let claim = Claim { priority: heard.priority, source: heard.source };
    if router.flags & ROUTER_HMAC_REQUIRED == 0
        && maps::followed(index).is_some_and(|followed| lease::follows(now, followed, &claim, router.interval_centis))
    {
        maps::follow(index, heard);
    }
    count::router(index, RouterCounter::AdvertReceived);
    if advert.priority == PRIORITY_RELEASE {
        count::router(index, RouterCounter::PriorityZeroReceived);
    }
    Ok(())
}

/// Not 0 where an advert, by what it names, may be of a peer of the router at `index`. A global function: the verifier checks its loops once.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn shares_address(ctx: *mut xdp_md, offset: u64, count: u64, index: u64) -> u64 {
    spoil();
    let ctx = &XdpContext::new(ctx);
    let offset = Frame(ctx).forget(offset as usize);
    let Some(router) = maps::router_at(index as u32) else {
        return 1;
    };
    u64::from(policy::judge_addresses(&Frame(ctx), offset, count as u8, router).is_ok())
}

/// An advert for a virtual router that is not ours: another interface's where it carries a tag, another daemon's where the
/// configuration says there is one.
#[inline(always)]
fn foreign(slot: u32, vlan: u32) -> Result<(), Reason> {
    if vlan != 0 {
        return Ok(());
    }
    match maps::interface(slot) {
        Some(interface) if interface.pass_foreign == 1 => Ok(()),
        _ => Err(Reason::Vrid),
    }
}

/// Ends this node's mastership in the same instant in which another master is heard that it must yield to.
#[inline(always)]
fn fence(ctx: &XdpContext, now: u64, index: u32, advert: &Advert, source: Address, router: &RouterConf) {
    let Some(epoch) = maps::acting(index) else {
        return;
    };
    let heard = Claim { priority: advert.priority, source };
    let own = Claim { priority: router.priority, source: router.source };
    let lease = maps::lease_until(index);
    let fences = if router.flags & ROUTER_HMAC != 0 {
        lease::fences_unverified(now, lease, &heard)
    } else {
        lease::fences(now, lease, &heard, &own)
    };
    if fences {
        maps::fence(index, epoch);
        count::router(index, RouterCounter::Fenced);
        // The whole of an IPv4 address, the end of an IPv6 one. All are copies: the macro takes references, and a reference to
        // a part would put the whole on the stack.
        let (vrid, master, priority) = (router.vrid, u32::from_be_bytes(source.low()), advert.priority);
        info!(ctx, "VRID {}: fenced by the advert of ..{:i}, priority {}", vrid, master, priority);
    } else if advert.priority != PRIORITY_RELEASE && !heard.beats(&own) {
        count::router(index, RouterCounter::LowerPriorityReceived);
    }
}

/// Lets at most `limit` adverts a second pass for each source of each virtual router.
#[inline(always)]
fn pace(now: u64, router: u32, source: Address, limit: u32) -> Result<(), Reason> {
    let key = RateKey { router, pad: 0, source: maps::whole(&source) };
    let fresh = RateWindow { since: now, count: 1 };
    let Some(window) = maps::rate(&key) else {
        // A full map forgets the source heard least recently; a failed insert only means that this one is not paced.
        let _ = maps::RATES.insert(&key, &fresh, 0);
        return Ok(());
    };
    // Another CPU may have begun the window after this one read the clock.
    if now.saturating_sub(window.since) >= NANOS_PER_SECOND {
        *window = fresh;
        return Ok(());
    }
    window.count += 1;
    if window.count > u64::from(limit) { Err(Reason::Rate) } else { Ok(()) }
}
