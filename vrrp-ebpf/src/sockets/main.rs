//! The socket programs: a connect to the address of an upstream becomes a connect to one of its
//! backends.
//!
//! The programs are attached to the cgroups of the processes that may use upstreams. They run when
//! such a process connects, closes a socket or asks for its peer, and cost nothing per packet. They
//! do not change an address that belongs to no upstream.
//!
//! `connect4` and `connect6` choose a backend, count the connection in the backend's load and store
//! the choice with the socket. `sock_ops` records that the connection was established; a reset
//! makes the backend suspect. `sock_release` removes the connection from the load; if it was never
//! established, the backend becomes suspect. `getpeername4` and `getpeername6` return the address
//! that the process connected to.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod address;
mod maps;
#[path = "../object.rs"]
mod object;
mod steer;

use aya_ebpf::bindings::{
    BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG,
    BPF_TCP_CLOSE, BPF_TCP_ESTABLISHED,
};
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::{cgroup_sock, cgroup_sock_addr, sock_ops};
use aya_ebpf::programs::{SockAddrContext, SockContext, SockOpsContext};

use crate::address::Family;

/// The connect proceeds. The other programs must return this.
const ALLOW: i32 = 1;
/// The connect fails with EPERM.
const REFUSE: i32 = 0;

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    steer::connect(&ctx, Family::V4)
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    steer::connect(&ctx, Family::V6)
}

#[cgroup_sock_addr(getpeername4)]
pub fn getpeername4(ctx: SockAddrContext) -> i32 {
    steer::peer(&ctx, Family::V4);
    ALLOW
}

#[cgroup_sock_addr(getpeername6)]
pub fn getpeername6(ctx: SockAddrContext) -> i32 {
    steer::peer(&ctx, Family::V6);
    ALLOW
}

#[cgroup_sock(sock_release)]
pub fn sock_release(ctx: SockContext) -> i32 {
    if let Some(steered) = maps::of_socket(&ctx) {
        steer::close(steered);
    }
    ALLOW
}

#[sock_ops]
pub fn sock_ops(ctx: SockOpsContext) -> u32 {
    match ctx.op() {
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => {
            if let Some(steered) = maps::of_operation(&ctx) {
                steer::established(steered);
                // From here on this program runs on each state change of the connection: two or
                // three.
                let _ = ctx.set_cb_flags(BPF_SOCK_OPS_STATE_CB_FLAG as i32);
            }
        }
        BPF_SOCK_OPS_STATE_CB
            if (ctx.arg(0), ctx.arg(1)) == (BPF_TCP_ESTABLISHED, BPF_TCP_CLOSE) =>
        {
            // An orderly close goes through other states: this connection was reset, or its peer
            // has been silent for too long.
            if let Some(steered) = maps::of_operation(&ctx) {
                steer::reset(steered);
            }
        }
        _ => {}
    }
    1
}

/// Nanoseconds since boot.
#[inline(always)]
fn boot_nanos() -> u64 {
    // SAFETY: a helper call without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}
