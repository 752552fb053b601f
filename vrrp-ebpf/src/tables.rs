//! The maps of the client path (addresses, services, rings, backends, flows), and safe reads of
//! them.

use core::arch::asm;

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap};
use aya_ebpf::programs::XdpContext;
use vrrp_common::flow::FlowKey;
use vrrp_common::ip::Address;
use vrrp_common::maps::{
    self as abi, AddressConf, AddressEntry, AddressKey, BackendConf, FORWARD_NONE, FlowRecord,
    MAX_ADDRESSES, MAX_BACKENDS, MAX_CHAIN, MAX_FLOWS, MAX_RINGS, MAX_SERVICES, RINGS_PER_SERVICE,
    ReverseConf, ReverseEntry, ReverseKey, Ring, RingsInUse, ServiceEntry, ServiceKey,
    reverse_hint,
};

use crate::maps::opaque;

#[map]
static ADDRESS_BUCKETS: Array<u32> = Array::with_max_entries(abi::ADDRESS_BUCKETS, 0);
#[map]
static ADDRESSES: Array<AddressEntry> = Array::with_max_entries(MAX_ADDRESSES, 0);
#[map]
static SERVICE_BUCKETS: Array<u32> = Array::with_max_entries(abi::SERVICE_BUCKETS, 0);
#[map]
static SERVICES: Array<ServiceEntry> = Array::with_max_entries(MAX_SERVICES, 0);
#[map]
static SERVICE_RINGS: Array<u32> = Array::with_max_entries(MAX_SERVICES, 0);
#[map]
static RINGS: Array<Ring> = Array::with_max_entries(MAX_RINGS, 0);
#[map]
static BACKENDS: Array<BackendConf> = Array::with_max_entries(MAX_BACKENDS, 0);
#[map]
static FLOWS: LruHashMap<FlowKey, FlowRecord> = LruHashMap::with_max_entries(MAX_FLOWS, 0);
#[map]
static REVERSE_HINTS: Array<u32> = Array::with_max_entries(abi::REVERSE_HINTS, 0);
#[map]
static REVERSE_BUCKETS: Array<u32> = Array::with_max_entries(abi::REVERSE_BUCKETS, 0);
#[map]
static REVERSE: Array<ReverseEntry> = Array::with_max_entries(MAX_BACKENDS, 0);

/// Index and configuration of the virtual address `address` on the ingress interface.
#[inline(always)]
pub fn address(
    ctx: &XdpContext,
    address: &Address,
    vlan: u32,
) -> Option<(u32, &'static AddressConf)> {
    let mut next = *ADDRESS_BUCKETS.get(abi::address_bucket(address))?;
    if next == 0 {
        return None;
    }
    let key = AddressKey { address: opaque(address), ifindex: ctx.ingress_ifindex() as u32, vlan };
    for _ in 0..MAX_CHAIN {
        let place = next.checked_sub(1)?;
        let entry = ADDRESSES.get(place)?;
        if entry.key.address.is(&key.address)
            && entry.key.ifindex == key.ifindex
            && entry.key.vlan == key.vlan
        {
            return Some((place, &entry.conf));
        }
        next = entry.next;
    }
    None
}

/// Number and flags of a service. Most addresses have one or two services: their hints replace the
/// bucket lookup.
#[inline(always)]
pub fn service(key: &ServiceKey, address: &AddressConf) -> Option<(u32, u32)> {
    for hint in address.service_hints {
        if let Some(number) = hint.checked_sub(1)
            && let Some(entry) = SERVICES.get(number)
            && entry.key.word() == key.word()
        {
            return Some((number, entry.flags));
        }
    }
    let mut next = *SERVICE_BUCKETS.get(key.bucket())?;
    for _ in 0..MAX_CHAIN {
        let number = next.checked_sub(1)?;
        let entry = SERVICES.get(number)?;
        if entry.key.word() == key.word() {
            return Some((number, entry.flags));
        }
        next = entry.next;
    }
    None
}

#[inline(always)]
pub fn service_flags(number: u32) -> Option<u32> {
    Some(SERVICES.get(number)?.flags)
}

/// Which of the service's rings are in use.
#[inline(always)]
pub fn rings(service: u32) -> Option<RingsInUse> {
    let word = SERVICE_RINGS.get_ptr(service)?;
    // SAFETY: the pointer is to a live, aligned array element. One volatile read takes the whole
    // word, which the agent may write concurrently.
    Some(RingsInUse::of(unsafe { word.read_volatile() }))
}

/// The entry of a slot in one of the service's rings.
///
/// The compiler can derive that a slot of [`flow::slot`] lies within a ring and would drop the
/// bounds check. A verifier before Linux 6.10 loses all bounds at an XOR of two unknown numbers and
/// needs the check, so the slot's origin is hidden from the compiler.
///
/// [`flow::slot`]: vrrp_common::flow::slot
#[inline(always)]
pub fn ring_slot(service: u32, ring: u32, mut slot: usize) -> Option<u16> {
    // An instruction, not an assembly comment: without an instruction one offset can get two source
    // lines, and the kernel rejects such line information.
    // SAFETY: the register is moved to itself.
    unsafe { asm!("{0} = {0}", inout(reg) slot, options(pure, nomem, nostack)) };
    RINGS.get(service * RINGS_PER_SERVICE + ring)?.0.get(slot).copied()
}

#[inline(always)]
pub fn backend(number: u32) -> Option<&'static BackendConf> {
    BACKENDS.get(number)
}

/// `number` if it is a backend of `service` that gets packets.
#[inline(always)]
pub fn alive(service: u32, number: u16) -> Option<u16> {
    let backend = backend(u32::from(number))?;
    (backend.forward != FORWARD_NONE && u32::from(backend.service) == service).then_some(number)
}

/// The record of a flow.
#[inline(always)]
pub fn flow(key: &FlowKey) -> Option<&'static mut FlowRecord> {
    let record = FLOWS.get_ptr_mut(key)?;
    // SAFETY: a live element of two words. A packet of the same flow on another CPU may see only
    // one word updated: it is then treated like a packet from before the update.
    Some(unsafe { &mut *record })
}

/// Records a flow; false if the insert failed.
#[inline(always)]
pub fn record_flow(key: &FlowKey, record: FlowRecord) -> bool {
    FLOWS.insert(key, record, 0).is_ok()
}

/// Whether packets from `address` may be responses of a NAT backend.
#[inline(always)]
pub fn may_be_reverse(address: &Address) -> bool {
    matches!(REVERSE_HINTS.get(reverse_hint(address)), Some(&hint) if hint != 0)
}

/// The new source of responses of the NAT backend `key`.
#[inline(always)]
pub fn reverse(key: &ReverseKey) -> Option<&'static ReverseConf> {
    let mut next = *REVERSE_BUCKETS.get(key.bucket())?;
    for _ in 0..MAX_CHAIN {
        let entry = REVERSE.get(next.checked_sub(1)?)?;
        if entry.key.address.is(&key.address)
            && entry.key.port == key.port
            && entry.key.protocol == key.protocol
        {
            return Some(&entry.conf);
        }
        next = entry.next;
    }
    None
}
