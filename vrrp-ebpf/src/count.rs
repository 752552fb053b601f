//! Per-CPU counters. No other CPU writes them, so an increment is a plain addition.

use aya_ebpf::maps::PerCpuArray;
use vrrp_common::counter::{self, INTERFACE_COUNTERS, RouterCounter, Verdict};
use vrrp_common::reason::Reason;

use crate::maps::{BACKEND_TRAFFIC, IF_COUNTERS, VR_COUNTERS};

#[inline(always)]
pub fn verdict(slot: u32, verdict: Verdict) {
    bump(&IF_COUNTERS, slot * INTERFACE_COUNTERS as u32 + counter::verdict(verdict));
}

#[inline(always)]
pub fn reason(slot: u32, reason: Reason) {
    bump(&IF_COUNTERS, slot * INTERFACE_COUNTERS as u32 + counter::reason(reason));
}

#[inline(always)]
pub fn router(router: u32, counter: RouterCounter) {
    bump(&VR_COUNTERS, router * RouterCounter::COUNT as u32 + counter as u32);
}

#[inline(always)]
pub fn backend(backend: u32, bytes: u64) {
    if let Some(traffic) = BACKEND_TRAFFIC.get_ptr_mut(backend) {
        // SAFETY: a live element of this CPU's array, which nothing else writes while this program
        // runs.
        unsafe {
            (*traffic).packets += 1;
            (*traffic).bytes += bytes;
        }
    }
}

#[inline(always)]
fn bump(map: &PerCpuArray<u64>, index: u32) {
    if let Some(value) = map.get_ptr_mut(index) {
        // SAFETY: as in `backend`.
        unsafe { *value += 1 };
    }
}
