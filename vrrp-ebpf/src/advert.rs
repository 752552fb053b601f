//! The advert path: validation, rate limit, fence and liveness, then the agent's socket.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::info;
use vrrp_common::classify::Vrrp;
use vrrp_common::counter::{DropReason, RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::lease::{self, Claim};
use vrrp_common::maps::{
    Liveness, ROUTER_HMAC, ROUTER_HMAC_REQUIRED, RateKey, RateWindow, RouterConf, foreign_bucket,
};
use vrrp_common::packet::Packet as _;
use vrrp_common::policy::{self, Foreign};
use vrrp_common::reason::Reason;
use vrrp_common::wire::eth;
use vrrp_common::wire::vrrp::{Advert, Centis, PRIORITY_RELEASE};

use crate::context::{Frame, clobber_args};
use crate::{boot_nanos, capture, count, maps};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The verdict for a VRRP packet. An invalid one changes only the counter of its drop reason.
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
    let (advert, broken) = advert_or_zeros(&vrrp.advert);
    let advert = &advert;
    let Some(interface) = maps::interface(slot) else {
        return Ok(());
    };
    let vlan = vrrp.ethernet.vlan;
    let [high, low] = vrrp.destination.words();
    let ours = policy::is_vrrp_group(&vrrp.destination) || listens_to(slot, high, low) != 0;
    if !ours || maps::addressee(slot, vrrp.ethernet.destination, vlan) == maps::TO_OTHER {
        return Ok(());
    }
    let found = maps::router(slot, vrrp.v6, vrrp.vrid).filter(|(_, router)| router.vlan == vlan);
    if found.is_none() {
        match policy::foreign(interface, vlan, vrrp.vrid, &vrrp.destination) {
            Foreign::Untouched => return Ok(()),
            Foreign::Limited => {
                let passes =
                    maps::advert_token(foreign_bucket(slot), boot_nanos(), interface.foreign_limit);
                return if passes { Ok(()) } else { Err(Reason::Rate) };
            }
            Foreign::Refused => {}
        }
    }
    // A peer's TTL range applies only to a valid message that names the peer's router.
    let named = if broken.is_none() { found.map(|(_, router)| router) } else { None };
    policy::judge_ttl(vrrp.ttl, &vrrp.source, named)?;
    if let Some(reason) = broken {
        return Err(reason);
    }
    let Some((index, router)) = found else {
        return Err(Reason::Vrid);
    };
    if router.used == 0 {
        // The agent is starting and has not written the router's configuration yet. Its socket
        // applies the same rules.
        return Ok(());
    }
    policy::judge(advert, &vrrp.source, &vrrp.destination, router)?;
    if shares_address(ctx.ctx, vrrp.message as u64, u64::from(advert.count), u64::from(index)) == 0
    {
        return Err(Reason::AddressList);
    }
    let now = boot_nanos();
    let [high, low] = vrrp.source.words();
    let claim = u32::from(advert.priority) << 16 | u32::from(advert.interval.0);
    if record_advert(ctx.ctx, index, claim, high, low) == 0 {
        return Err(Reason::Rate);
    }
    fence(ctx, now, index, advert, vrrp.source, router);
    count::router(index, RouterCounter::AdvertReceived);
    if advert.priority == PRIORITY_RELEASE {
        count::router(index, RouterCounter::PriorityZeroReceived);
    }
    Ok(())
}

/// 0 if the advert lists none of the addresses of the router at `index`. A global function: the
/// verifier checks its loops once.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn shares_address(ctx: *mut xdp_md, offset: u64, count: u64, index: u64) -> u64 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let offset = Frame(ctx).bounded(offset as usize);
    let Some(router) = maps::router_at(index as u32) else {
        return 1;
    };
    u64::from(policy::judge_addresses(&Frame(ctx), offset, count as u8, router).is_ok())
}

/// The advert, or an advert of zeros and the check that failed.
///
/// For the error case the compiler would store an undefined register, and after a call the verifier
/// rejects reads of the first five. The compiler does not know that [`maps::opaque`] leaves the
/// words unchanged, so each word has a value on every path.
#[inline(always)]
fn advert_or_zeros(advert: &Result<Advert, Reason>) -> (Advert, Option<Reason>) {
    let (advert, broken) = match advert {
        Ok(advert) => (*advert, None),
        Err(reason) => (Advert::default(), Some(*reason)),
    };
    let [low, high] = advert.interval.0.to_ne_bytes();
    let [flags, auth_type] =
        [u8::from(advert.message_only) | u8::from(advert.trailer) << 1, advert.auth_type];
    let words = [
        u64::from_ne_bytes([
            advert.version,
            advert.vrid,
            advert.priority,
            advert.count,
            low,
            high,
            auth_type,
            flags,
        ]),
        u64::from_ne_bytes(advert.auth_data),
    ];
    let words = maps::opaque(&Address::from_words(words)).words();
    let [version, vrid, priority, count, low, high, auth_type, flags] = words[0].to_ne_bytes();
    let advert = Advert {
        version,
        vrid,
        priority,
        count,
        interval: Centis(u16::from_ne_bytes([low, high])),
        auth_type,
        auth_data: words[1].to_ne_bytes(),
        message_only: flags & 1 != 0,
        trailer: flags & 2 != 0,
    };
    (advert, broken)
}

/// Ends this node's mastership on an advert of a master that it must yield to.
#[inline(always)]
fn fence(
    ctx: &XdpContext,
    now: u64,
    index: u32,
    advert: &Advert,
    source: Address,
    router: &RouterConf,
) {
    let Some(epoch) = maps::active(index) else {
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
        // The whole IPv4 address, or the last four bytes of an IPv6 address. All are copies: the
        // macro takes references, and a reference to a field would put the whole struct on the
        // stack.
        let (vrid, master, priority) =
            (router.vrid, u32::from_be_bytes(source.low()), advert.priority);
        info!(ctx, "VRID {}: fenced by the advert of ..{:i}, priority {}", vrid, master, priority);
    } else if advert.priority != PRIORITY_RELEASE && !heard.beats(&own) {
        count::router(index, RouterCounter::LowerPriorityReceived);
    }
}

/// Records a valid advert of the virtual router `index` in the liveness map, and as the followed
/// master's if its sender is the master to follow. `claim` is the priority in the upper 16 bits and
/// the interval in the lower 16. Returns 0 above the rate limit: the advert is dropped and not
/// recorded.
///
/// A global function, like `listens_to`: the verifier checks it once for all callers.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn record_advert(
    ctx: *mut xdp_md,
    index: u32,
    claim: u32,
    high: u64,
    low: u64,
) -> u32 {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let (Some(router), Some(mac)) = (maps::router_at(index), Frame(ctx).bytes::<6>(eth::SOURCE_AT))
    else {
        return 1;
    };
    let now = boot_nanos();
    let source = Address::from_words([high, low]);
    let heard = Liveness {
        seen: now,
        source,
        interval_centis: claim as u16,
        priority: (claim >> 16) as u8,
        pad: 0,
        mac,
        pad2: 0,
        pad3: 0,
    };
    // This program cannot verify authenticated adverts, so it follows no master because of them.
    let claim = Claim { priority: heard.priority, source };
    let follows = router.flags & ROUTER_HMAC_REQUIRED == 0
        && maps::followed(index)
            .is_some_and(|followed| lease::follows(now, followed, &claim, router.interval_centis));
    if !rate_limit(now, index, source, router, follows || router.trusted.is(&source)) {
        return 0;
    }
    maps::record_liveness(index, heard);
    if follows {
        maps::follow(index, heard);
    }
    1
}

/// Limits the adverts per second of each source of each virtual router, and of all sources
/// together. `known`: the source is the followed master, or becomes it with this advert; the limit
/// of all sources does not apply to it, so a flood from other sources cannot suppress its adverts.
#[inline(always)]
fn rate_limit(now: u64, index: u32, source: Address, router: &RouterConf, known: bool) -> bool {
    let key = RateKey { router: index, pad: 0, source };
    let window = maps::rate(&key);
    let is_new = window.is_none();
    if let Some(window) = window {
        // Another CPU may have started the window after this CPU read the clock.
        if now.saturating_sub(window.since) >= NANOS_PER_SECOND {
            *window = RateWindow { since: now, count: 0 };
        }
        window.count += 1;
        if window.count > u64::from(router.rate_limit) {
            return false;
        }
    }
    if !known && router.peer_count == 0 && !maps::advert_token(index, now, router.total_limit) {
        return false;
    }
    if is_new {
        // A full map evicts the least recently used source. After a failed insert this source is
        // not limited.
        let _ = maps::RATES.insert(&key, &RateWindow { since: now, count: 1 }, 0);
    }
    true
}

/// Not 0 if this node judges VRRP packets to this destination: see [`policy::listens_to`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn listens_to(slot: u32, high: u64, low: u64) -> u32 {
    clobber_args();
    let destination = Address::from_words([high, low]);
    u32::from(
        maps::interface(slot).is_some_and(|interface| policy::listens_to(interface, &destination)),
    )
}
