//! The events of a connection: connect, established, reset, close, getpeername.

use aya_ebpf::helpers::generated::bpf_get_prandom_u32;
use aya_ebpf::programs::SockAddrContext;
use vrrp_common::balance::{Candidate, Choice, suspect};
use vrrp_common::socket_maps::{MAX_MEMBERS, SUSPECT_NANOS, Steered, Upstream, UpstreamKey};

use crate::address::{self, Family};
use crate::maps::LoadWords;
use crate::{ALLOW, REFUSE, boot_nanos, maps};

#[inline(always)]
pub fn connect(ctx: &SockAddrContext, family: Family) -> i32 {
    if !address::is_tcp(ctx) {
        return ALLOW;
    }
    let key = address::read(ctx, family);
    let Some(upstream) = maps::upstream(&key) else {
        if let Some(steered) = maps::of_address(ctx)
            && !connects_to(steered, &key)
        {
            close(steered);
        }
        return ALLOW;
    };
    // The socket connects again: its previous attempt has ended.
    if let Some(steered) = maps::of_address(ctx) {
        close(steered);
    }
    let backend = choose(upstream).and_then(|index| Some((index, maps::backend(index)?)));
    let Some((index, backend)) = backend else {
        maps::count(upstream.index, |outcomes| outcomes.refused += 1);
        return REFUSE;
    };
    if !address::write(ctx, family, &backend.address, backend.port) {
        maps::count(upstream.index, |outcomes| outcomes.refused += 1);
        return REFUSE;
    }
    maps::count(upstream.index, |outcomes| outcomes.steered += 1);
    let load = maps::load(index);
    if let Some(load) = &load {
        load.connects.add(1);
    }
    match (maps::of_address_or_new(ctx), load) {
        (Some(steered), Some(load)) => {
            load.in_flight.add(1);
            let (address, port) = (key.address, key.port);
            *steered = Steered {
                address,
                epoch: load.epoch.get(),
                backend: index,
                port,
                counted: 1,
                established: 0,
            };
        }
        _ => maps::count(upstream.index, |outcomes| outcomes.uncounted += 1),
    }
    ALLOW
}

/// Whether the socket was already steered to this address: by another agent's program, which runs
/// first during an upgrade, or by a program on a descendant cgroup.
#[inline(always)]
fn connects_to(steered: &Steered, key: &UpstreamKey) -> bool {
    maps::backend(steered.backend)
        .is_some_and(|backend| backend.address.is(&key.address) && backend.port == key.port)
}

#[inline(always)]
fn choose(upstream: &Upstream) -> Option<u32> {
    let now = boot_nanos();
    let start = random();
    let mut choice = Choice::NONE;
    for step in 0..MAX_MEMBERS as u32 {
        if step >= upstream.count {
            break;
        }
        // One pass from a random member. A division instead of a branch, because the verifier
        // follows both sides of a branch in each iteration.
        let place = (u64::from(start) + u64::from(step)) % u64::from(upstream.count);
        let Some(&member) = upstream.members.get(place as usize & (MAX_MEMBERS - 1)) else {
            break;
        };
        let Some(load) = maps::load(member.backend) else {
            break;
        };
        let candidate = Candidate {
            backend: member.backend,
            weight: member.weight,
            in_flight: (load.in_flight.get() as i64).max(0) as u64,
            suspect: suspect(load.suspect_until.get(), now),
            random: random(),
        };
        choice.offer(upstream.balance, candidate);
    }
    choice.backend()
}

/// Removes a connection from its backend's load. A connection that was never established makes the
/// backend suspect: under least-connections a server that has just died has the fewest connections
/// and would attract all others until a health check fails.
#[inline(always)]
pub fn close(steered: &mut Steered) {
    if steered.counted == 0 {
        return;
    }
    steered.counted = 0;
    let Some(load) = maps::load(steered.backend) else {
        return;
    };
    if steered.epoch == load.epoch.get() {
        load.in_flight.add(-1);
    }
    if steered.established == 0 {
        mark_suspect(&load);
    }
}

/// Marks the backend suspect.
#[inline(always)]
fn mark_suspect(load: &LoadWords) {
    load.failures.add(1);
    load.suspect_until.set(boot_nanos() + SUSPECT_NANOS);
}

#[inline(always)]
pub fn established(steered: &mut Steered) {
    if steered.counted == 0 {
        return;
    }
    steered.established = 1;
}

/// Value of `established` after a reset.
const RESET: u8 = 2;

/// A server that dies resets the connections in its accept queue. They were established, but are
/// lost.
#[inline(always)]
pub fn reset(steered: &mut Steered) {
    // During an upgrade the programs of two agents run: the first one counts the reset.
    let first = steered.established == 1;
    steered.established = RESET;
    if first
        && steered.counted != 0
        && let Some(load) = maps::load(steered.backend)
    {
        mark_suspect(&load);
    }
}

/// getpeername returns the upstream's address that the process connected to.
#[inline(always)]
pub fn peer(ctx: &SockAddrContext, family: Family) {
    if let Some(steered) = maps::of_address(ctx)
        && steered.counted != 0
    {
        address::write(ctx, family, &steered.address, steered.port);
    }
}

#[inline(always)]
fn random() -> u32 {
    // SAFETY: a helper call without arguments.
    unsafe { bpf_get_prandom_u32() }
}
