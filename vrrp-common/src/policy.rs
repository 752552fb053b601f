//! Whether a well-formed advert is acceptable to the virtual router it names.

use crate::maps::RouterConf;
use crate::reason::Reason;
use crate::wire::vrrp::{self, Advert};

/// Matches `advert`, sent from `source` to `destination`, against the virtual router `router`.
///
/// # Errors
/// The first rule broken, in the order of [`Reason`]'s table. The rate is the caller's to judge: it needs a clock.
#[inline(always)]
pub fn judge(advert: &Advert, source: [u8; 4], destination: [u8; 4], router: &RouterConf) -> Result<(), Reason> {
    if destination != router.group {
        return Err(Reason::Destination);
    }
    if advert.version != router.version {
        return Err(Reason::VersionMismatch);
    }
    if advert.version == 2 {
        authenticate(advert, router)?;
    }
    if advert.count == 0 {
        return Err(Reason::CountZero);
    }
    if advert.interval.0 == 0 {
        return Err(Reason::IntervalZero);
    }
    if advert.version == 2 && advert.interval.0 != router.interval_centis {
        return Err(Reason::IntervalMismatch);
    }
    if source == router.source {
        return Err(Reason::OwnSource);
    }
    if !is_peer(source, router) {
        return Err(Reason::Peer);
    }
    Ok(())
}

#[inline(always)]
fn authenticate(advert: &Advert, router: &RouterConf) -> Result<(), Reason> {
    if advert.auth_type != router.auth_type {
        return Err(if vrrp::is_known_auth(advert.auth_type) { Reason::AuthMismatch } else { Reason::AuthType });
    }
    // One comparison of the whole word: its time does not tell how much of a guess was right.
    let same = u64::from_ne_bytes(advert.auth_data) == u64::from_ne_bytes(router.auth_data);
    if router.auth_type == vrrp::AUTH_PASS && !same {
        return Err(Reason::AuthPassword);
    }
    Ok(())
}

/// Whether `source` may speak: any address where no peers are configured.
#[inline(always)]
fn is_peer(source: [u8; 4], router: &RouterConf) -> bool {
    let mut known = router.peer_count == 0;
    for (index, peer) in router.peers.iter().enumerate() {
        known |= index < usize::from(router.peer_count) && *peer == source;
    }
    known
}
