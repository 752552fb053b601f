//! The maps of interfaces, virtual routers and counters, as `vrrp_common::maps` describes them, and
//! safe accesses to their words.

use core::arch::asm;

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use vrrp_common::bucket;
use vrrp_common::ip::Address;
use vrrp_common::lease;
use vrrp_common::maps::{
    AddressClaim, Bucket, InterfaceConf, KeptTags, Liveness, MAX_BACKENDS, MAX_IFINDEX,
    MAX_INTERFACE_COUNTERS, MAX_INTERFACES, MAX_RATE_SOURCES, MAX_ROUTER_COUNTERS, MAX_ROUTERS,
    ROUTER_VIRTUAL_MAC, RateKey, RateWindow, RouterConf, Traffic, VRID_SLOTS, vrid_slot,
};
use vrrp_common::wire::vrrp::of_virtual_mac;

use crate::context::clobber_args;

#[map]
static INTERFACES: Array<u32> = Array::with_max_entries(MAX_IFINDEX, 0);
#[map]
static INTERFACE_CONF: Array<InterfaceConf> = Array::with_max_entries(MAX_INTERFACES, 0);
#[map]
static VRIDS: Array<u32> = Array::with_max_entries(VRID_SLOTS, 0);
#[map]
static ROUTERS: Array<RouterConf> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
static MASTERSHIP: Array<u64> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
static LEASE: Array<u64> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
static FENCE: Array<u64> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
static LIVENESS: Array<Liveness> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
static FOLLOWED: Array<Liveness> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
pub static RATES: LruHashMap<RateKey, RateWindow> =
    LruHashMap::with_max_entries(MAX_RATE_SOURCES, 0);
#[map]
static ADVERT_BUCKETS: Array<Bucket> =
    Array::with_max_entries(vrrp_common::maps::ADVERT_BUCKETS, 0);
#[map]
static CLAIMS: Array<AddressClaim> = Array::with_max_entries(MAX_ROUTERS, 0);
#[map]
static KEPT_TAGS: Array<KeptTags> = Array::with_max_entries(MAX_INTERFACES, 0);
#[map]
pub static IF_COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(MAX_INTERFACE_COUNTERS, 0);
#[map]
pub static VR_COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(MAX_ROUTER_COUNTERS, 0);
#[map]
pub static BACKEND_TRAFFIC: PerCpuArray<Traffic> = PerCpuArray::with_max_entries(MAX_BACKENDS, 0);

/// Slot of the ingress interface; `None` if the agent does not manage it.
#[inline(always)]
pub fn interface_slot(ctx: &XdpContext) -> Option<u32> {
    match INTERFACES.get(ctx.ingress_ifindex() as u32) {
        Some(&slot) if slot != 0 => Some(slot - 1),
        _ => None,
    }
}

#[inline(always)]
pub fn interface(slot: u32) -> Option<&'static InterfaceConf> {
    INTERFACE_CONF.get(slot)
}

/// Index and configuration of the virtual router of this family and VRID on the interface in
/// `slot`.
#[inline(always)]
pub fn router(slot: u32, v6: bool, vrid: u8) -> Option<(u32, &'static RouterConf)> {
    let index = (*VRIDS.get(vrid_slot(slot, v6, vrid))?).checked_sub(1)?;
    Some((index, router_at(index)?))
}

#[inline(always)]
pub fn router_at(index: u32) -> Option<&'static RouterConf> {
    ROUTERS.get(index)
}

/// The same address, hidden from the compiler's analysis of single bytes. After a comparison of
/// some bytes the compiler would spill the others to the stack in misaligned pieces, which the
/// verifier rejects.
#[inline(always)]
pub fn opaque(address: &Address) -> Address {
    let [mut high, mut low] = address.words();
    // SAFETY: each register is moved to itself.
    unsafe {
        asm!("{0} = {0}", inout(reg) high, options(pure, nomem, nostack));
        asm!("{0} = {0}", inout(reg) low, options(pure, nomem, nostack));
    }
    Address::from_words([high, low])
}

/// The current one-second window of one source.
#[inline(always)]
pub fn rate(key: &RateKey) -> Option<&'static mut RateWindow> {
    let window = RATES.get_ptr_mut(key)?;
    // SAFETY: a live element that only this program writes. Two CPUs may overwrite each other's
    // increment: then a few adverts above the limit pass.
    Some(unsafe { &mut *window })
}

/// The last advert of the followed master.
#[inline(always)]
pub fn followed(router: u32) -> Option<&'static Liveness> {
    FOLLOWED.get(router)
}

/// Records the last valid advert of the router.
#[inline(always)]
pub fn record_liveness(router: u32, heard: Liveness) {
    write(&LIVENESS, router, heard);
}

/// Records the last advert of the followed master.
#[inline(always)]
pub fn follow(router: u32, heard: Liveness) {
    write(&FOLLOWED, router, heard);
}

#[inline(always)]
fn write(map: &Array<Liveness>, router: u32, heard: Liveness) {
    if let Some(entry) = map.get_ptr_mut(router) {
        // SAFETY: the pointer is to a live array element of this type; only this program writes it.
        unsafe { *entry = heard };
    }
}

/// Takes a token from the bucket `index` of `limit` adverts per second; false without a token.
#[inline(always)]
pub fn advert_token(index: u32, now: u64, limit: u32) -> bool {
    let Some(known) = ADVERT_BUCKETS.get_ptr_mut(index) else {
        return true;
    };
    // SAFETY: a live element of one word that only this program writes, read and written whole. Two
    // CPUs may both take the last token.
    let (taken, after) = bucket::take(unsafe { known.read_volatile() }, now, limit, limit);
    // SAFETY: as above.
    unsafe { known.write_volatile(after) };
    taken
}

/// Records another host's claim of an address of a virtual router that this node is active for.
#[inline(always)]
pub fn record_claim(router: u32, claim: AddressClaim) {
    if let Some(entry) = CLAIMS.get_ptr_mut(router) {
        // SAFETY: the pointer is to a live array element of this type; only this program writes it.
        unsafe { *entry = claim };
    }
}

/// Results of [`addressee`], from another host to this interface.
pub const TO_OTHER: u32 = 0;
pub const TO_GROUP: u32 = 1;
pub const TO_BACKUP: u32 = 2;
pub const TO_ACTIVE: u32 = 3;
pub const TO_INTERFACE: u32 = 4;

/// The addressee of a frame with this destination MAC: the interface in `slot`, the virtual MAC of
/// a router on it (active or backup), a multicast group, or another host. Frames for other hosts
/// arrive when a switch floods an unknown destination or the interface is in promiscuous mode.
#[inline(always)]
pub fn addressee(slot: u32, destination: [u8; 6], vlan: u32) -> u32 {
    // Almost all frames end here, without the cost of a call.
    if interface(slot).is_some_and(|interface| interface.mac == destination) {
        return TO_INTERFACE;
    }
    if destination[0] & 1 != 0 {
        return TO_GROUP;
    }
    let [a, b, c, d, e, f] = destination;
    addressee_of(slot, u64::from_ne_bytes([a, b, c, d, e, f, 0, 0]), vlan)
}

/// The same for a destination that is neither the interface nor a group. A global function, like
/// `virtual_mac_of`: the verifier checks the code after the call once.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn addressee_of(slot: u32, destination: u64, vlan: u32) -> u32 {
    clobber_args();
    let [a, b, c, d, e, f, _, _] = destination.to_ne_bytes();
    match virtual_router(slot, [a, b, c, d, e, f], vlan) {
        Some(index) if active(index).is_some() => TO_ACTIVE,
        Some(_) => TO_BACKUP,
        None => TO_OTHER,
    }
}

/// Index of the virtual router that uses this MAC address.
#[inline(always)]
pub fn virtual_router(slot: u32, mac: [u8; 6], vlan: u32) -> Option<u32> {
    let (v6, vrid) = of_virtual_mac(mac)?;
    match virtual_mac_of(slot, u32::from(v6) << 8 | u32::from(vrid), vlan) {
        NO_ROUTER => None,
        index => Some(index),
    }
}

const NO_ROUTER: u32 = u32::MAX;

/// Index of the virtual router that uses its virtual MAC; `name` is its VRID, plus 256 for IPv6.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn virtual_mac_of(slot: u32, name: u32, vlan: u32) -> u32 {
    clobber_args();
    match router(slot, name & 256 != 0, name as u8) {
        Some((index, router)) if router.flags & ROUTER_VIRTUAL_MAC != 0 && router.vlan == vlan => {
            index
        }
        _ => NO_ROUTER,
    }
}

/// The epoch in which this node is active for the router; `None` while it is not.
#[inline(always)]
pub fn active(router: u32) -> Option<u64> {
    let mastership = word(&MASTERSHIP, router);
    lease::active(mastership, word(&FENCE, router)).then_some(mastership)
}

#[inline(always)]
pub fn lease_until(router: u32) -> u64 {
    word(&LEASE, router)
}

/// Ends the mastership of `epoch`: from here on this node is not active, independent of the agent's
/// last write.
#[inline(always)]
pub fn fence(router: u32, epoch: u64) {
    if let Some(entry) = FENCE.get_ptr_mut(router) {
        // SAFETY: the pointer is to a live, aligned array element; this program alone writes it,
        // one word at a time.
        unsafe { entry.write_volatile(epoch) };
    }
}

/// Reads a word that the agent or another CPU may write concurrently.
#[inline(always)]
fn word(map: &Array<u64>, index: u32) -> u64 {
    match map.get_ptr(index) {
        // SAFETY: the pointer is to a live, aligned array element; a volatile read takes the word
        // whole, once.
        Some(entry) => unsafe { entry.read_volatile() },
        None => 0,
    }
}
