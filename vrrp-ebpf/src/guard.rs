//! Access lists and rate limits of a service: allowed and denied sources, token buckets. Off unless
//! configured.

use aya_ebpf::helpers::generated::bpf_ktime_get_coarse_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray};
use vrrp_common::bucket;
use vrrp_common::counter::RouterCounter;
use vrrp_common::ip::Address;
use vrrp_common::maps::{
    Bucket, BucketKey, GUARD_SERVICE_BITS, GuardConf, GuardedSource, MAX_BUCKETS,
    MAX_GUARD_SOURCES, MAX_SERVICES, SOURCE_ALLOWED, SOURCE_DENIED,
};

use crate::context::clobber_args;
use crate::maps::opaque;

/// Rate per second and burst of connections that one CPU records while rings change. The limit
/// keeps a flood from evicting the other records.
const REMEMBERED_RATE: u32 = 20_000;
const REMEMBERED_BURST: u32 = 2_000;
/// All bits of a source.
const SOURCE_BITS: u32 = 128;

#[map]
static GUARDS: Array<GuardConf> = Array::with_max_entries(MAX_SERVICES, 0);
#[map]
static GUARD_SOURCES: LpmTrie<GuardedSource, u32> = LpmTrie::with_max_entries(MAX_GUARD_SOURCES, 0);
#[map]
static TOTAL_BUCKETS: Array<Bucket> = Array::with_max_entries(MAX_SERVICES, 0);
#[map]
static SOURCE_BUCKETS: LruHashMap<BucketKey, Bucket> = LruHashMap::with_max_entries(MAX_BUCKETS, 0);
#[map]
static REMEMBERED: PerCpuArray<Bucket> = PerCpuArray::with_max_entries(1, 0);

/// Why the service drops a packet from `source`; `None` admits it. `begins`: it opens a connection.
#[inline(always)]
pub fn drop_reason(service: u32, source: &Address, begins: bool) -> Option<RouterCounter> {
    match judge(service, source, u32::from(begins)) {
        Judgement::Admitted => None,
        Judgement::Denied => Some(RouterCounter::SourceDenied),
        Judgement::SourceLimited => Some(RouterCounter::SourceLimited),
        Judgement::ServiceLimited => Some(RouterCounter::ServiceLimited),
    }
}

#[repr(u32)]
enum Judgement {
    Admitted,
    Denied,
    SourceLimited,
    ServiceLimited,
}

#[inline(never)]
fn judge(service: u32, source: &Address, begins: u32) -> Judgement {
    clobber_args();
    let Some(conf) = GUARDS.get(service) else {
        return Judgement::Admitted;
    };
    if conf.closed | conf.listed != 0 && !is_allowed(service, source, conf.closed != 0) {
        return Judgement::Denied;
    }
    if begins == 0 {
        return Judgement::Admitted;
    }
    if conf.source_rate != 0 && !source_has_token(service, source, conf) {
        return Judgement::SourceLimited;
    }
    if conf.total_rate != 0
        && let Some(total) = TOTAL_BUCKETS.get_ptr_mut(service)
    {
        // SAFETY: a live element of one word, read and written whole. Two CPUs may both take the
        // last token: then one connection above the limit passes.
        let (taken, after) = bucket::take(
            unsafe { total.read_volatile() },
            coarse_nanos(),
            conf.total_rate,
            conf.total_burst,
        );
        // SAFETY: as above.
        unsafe { total.write_volatile(after) };
        if !taken {
            return Judgement::ServiceLimited;
        }
    }
    Judgement::Admitted
}

#[inline(always)]
fn is_allowed(service: u32, source: &Address, closed: bool) -> bool {
    let source = GuardedSource { service: service.to_be_bytes(), source: source.octets() };
    match GUARD_SOURCES.get(Key::new(GUARD_SERVICE_BITS + SOURCE_BITS, source)) {
        Some(&SOURCE_ALLOWED) => true,
        Some(&SOURCE_DENIED) => false,
        _ => !closed,
    }
}

#[inline(always)]
fn source_has_token(service: u32, source: &Address, conf: &GuardConf) -> bool {
    let key = BucketKey { source: opaque(source), service, pad: 0 };
    let now = coarse_nanos();
    let Some(known) = SOURCE_BUCKETS.get_ptr_mut(key) else {
        let (taken, after) =
            bucket::take(Bucket::default(), now, conf.source_rate, conf.source_burst);
        // A full map evicts the least recently used source. After a failed insert this source is
        // not limited.
        let _ = SOURCE_BUCKETS.insert(key, after, 0);
        return taken;
    };
    // SAFETY: as for the total.
    let (taken, after) =
        bucket::take(unsafe { known.read_volatile() }, now, conf.source_rate, conf.source_burst);
    // SAFETY: likewise.
    unsafe { known.write_volatile(after) };
    taken
}

/// Takes a token for recording one more connection; false without a token.
#[inline(always)]
pub fn take_flow_token() -> bool {
    let Some(budget) = REMEMBERED.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: an element of this CPU's array.
    let (taken, after) =
        bucket::take(unsafe { *budget }, coarse_nanos(), REMEMBERED_RATE, REMEMBERED_BURST);
    // SAFETY: as above.
    unsafe { *budget = after };
    taken
}

/// Nanoseconds since boot with a resolution of a few milliseconds, at half the cost of the fine
/// clock.
#[inline(always)]
fn coarse_nanos() -> u64 {
    // SAFETY: a helper call without arguments.
    unsafe { bpf_ktime_get_coarse_ns() }
}
