//! The maps, as `vrrp_common::socket_maps` describes them, and safe accesses to them.

use core::arch::asm;
use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, BPF_SK_STORAGE_GET_F_CREATE};
use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray};
use aya_ebpf::programs::{SockAddrContext, SockContext, SockOpsContext};
use vrrp_common::socket_maps::{
    Backend, Load, MAX_BACKENDS, MAX_UPSTREAMS, Outcomes, Steered, Upstream, UpstreamKey,
};

/// Not preallocated, so that the kernel does not reuse a replaced entry while a program still reads
/// it.
#[map]
static UPSTREAMS: HashMap<UpstreamKey, Upstream> =
    HashMap::with_max_entries(MAX_UPSTREAMS, BPF_F_NO_PREALLOC);
#[map]
static SOCK_BACKENDS: Array<Backend> = Array::with_max_entries(MAX_BACKENDS, 0);
#[map]
static SOCK_LOADS: Array<Load> = Array::with_max_entries(MAX_BACKENDS, 0);
#[map]
static SOCK_OUTCOMES: PerCpuArray<Outcomes> = PerCpuArray::with_max_entries(MAX_UPSTREAMS, 0);
#[btf_map]
static STEERED: SkStorage<Steered> = SkStorage::new();

#[inline(always)]
pub fn upstream(key: &UpstreamKey) -> Option<&'static Upstream> {
    // SAFETY: the agent writes entries whole and these programs only read them; a replaced entry
    // stays readable until the program ends (RCU).
    unsafe { UPSTREAMS.get(key) }
}

#[inline(always)]
pub fn backend(index: u32) -> Option<&'static Backend> {
    SOCK_BACKENDS.get(index)
}

/// A word in a map that all CPUs use. It comes from a lookup, so it is live and aligned.
#[derive(Clone, Copy)]
pub struct Word(*mut u64);

impl Word {
    #[inline(always)]
    pub fn get(self) -> u64 {
        // SAFETY: a live, aligned word; one volatile read takes it whole.
        unsafe { self.0.read_volatile() }
    }

    #[inline(always)]
    pub fn set(self, value: u64) {
        // SAFETY: as in `get`.
        unsafe { self.0.write_volatile(value) };
    }

    /// Adds, atomically. The standard library has no such operation for this target.
    #[inline(always)]
    pub fn add(self, amount: i64) {
        // SAFETY: one atomic addition to a live, aligned word.
        unsafe {
            asm!("lock *(u64 *)({} + 0) += {}", in(reg) self.0, in(reg) amount, options(nostack))
        };
    }
}

/// The words of a backend's load.
pub struct LoadWords {
    pub epoch: Word,
    pub in_flight: Word,
    pub suspect_until: Word,
    pub connects: Word,
    pub failures: Word,
}

#[inline(always)]
pub fn load(index: u32) -> Option<LoadWords> {
    let load = SOCK_LOADS.get_ptr_mut(index)?;
    // SAFETY: addresses of the fields of a live array element.
    unsafe {
        Some(LoadWords {
            epoch: Word(&raw mut (*load).epoch),
            in_flight: Word((&raw mut (*load).in_flight).cast()),
            suspect_until: Word(&raw mut (*load).suspect_until),
            connects: Word(&raw mut (*load).connects),
            failures: Word(&raw mut (*load).failures),
        })
    }
}

#[inline(always)]
pub fn count(upstream: u32, bump: impl FnOnce(&mut Outcomes)) {
    if let Some(outcomes) = SOCK_OUTCOMES.get_ptr_mut(upstream) {
        // SAFETY: a live element of this CPU's array. These programs can preempt one another: a
        // count may then be one too low.
        bump(unsafe { &mut *outcomes });
    }
}

/// The storage of the socket that connects or whose peer is requested.
#[inline(always)]
pub fn of_address(ctx: &SockAddrContext) -> Option<&'static mut Steered> {
    // SAFETY: a pointer of the context to the kernel's socket.
    let socket = unsafe { (*ctx.sock_addr).__bindgen_anon_1.sk };
    storage(socket.cast(), 0)
}

/// The same storage, created if it does not exist; `None` if memory is short.
#[inline(always)]
pub fn of_address_or_new(ctx: &SockAddrContext) -> Option<&'static mut Steered> {
    // SAFETY: as in `of_address`.
    let socket = unsafe { (*ctx.sock_addr).__bindgen_anon_1.sk };
    storage(socket.cast(), u64::from(BPF_SK_STORAGE_GET_F_CREATE))
}

/// The storage of the socket that is closed: the context of such a program represents its socket.
#[inline(always)]
pub fn of_socket(ctx: &SockContext) -> Option<&'static mut Steered> {
    storage(ctx.sock.cast(), 0)
}

/// The storage of the socket of a sock_ops event.
#[inline(always)]
pub fn of_operation(ctx: &SockOpsContext) -> Option<&'static mut Steered> {
    // SAFETY: a pointer of the context, which is checked before it is used.
    let socket = unsafe { (*ctx.ops).__bindgen_anon_2.sk };
    if socket.is_null() {
        return None;
    }
    storage(socket.cast(), 0)
}

#[inline(always)]
fn storage(socket: *mut c_void, flags: u64) -> Option<&'static mut Steered> {
    // SAFETY: the loader resolves the map's address, and `socket` came from the kernel.
    let found = unsafe {
        bpf_sk_storage_get((&raw const STEERED).cast_mut().cast(), socket, ptr::null_mut(), flags)
    };
    // SAFETY: null or a live, aligned value that lives as long as its socket. The kernel holds the
    // socket while it connects or is closed.
    unsafe { found.cast::<Steered>().as_mut() }
}
