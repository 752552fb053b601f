//! What happens to a connection: begun, established, closed, asked about.

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
    // A socket that tries again: its last attempt has ended.
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

/// Whether the socket was sent to this address: by a program of another agent that runs before this
/// one during an upgrade, or on a cgroup further down.
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
        // Once round, from a random member on; with a division, since a branch here would be one
        // more in `balance`'s sense.
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

/// Takes a connection off its backend's load. One that never was established makes the backend
/// suspect: with the fewest connections in flight a server that has just died would attract all
/// others until a check has found out.
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

/// The backend is suspect from here on.
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

/// Value of `established` of a connection that was reset since.
const RESET: u8 = 2;

/// A server that dies while connections wait to be accepted resets them: they have been
/// established, and are lost all the same.
#[inline(always)]
pub fn reset(steered: &mut Steered) {
    // The programs of two agents in turn hear of it: the first one counts.
    let first = steered.established == 1;
    steered.established = RESET;
    if first
        && steered.counted != 0
        && let Some(load) = maps::load(steered.backend)
    {
        mark_suspect(&load);
    }
}

/// The process is told what it has connected to.
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
