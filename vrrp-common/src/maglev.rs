//! Weighted Maglev rings (Eisenbud et al., NSDI 2016, section 3.4): a pure function of addresses,
//! weights and seed.
//!
//! The order of the backends in a file has no effect: both nodes of a pair compute the same ring,
//! so a flow keeps its backend when the address moves.

use crate::flow::{RING_SLOTS, mix};
use crate::ip::Address;
use crate::maps::NO_BACKEND;

/// Greatest number of backends in one ring.
pub const MAX_MEMBERS: usize = 256;

/// Seed of all rings, the same on every node.
const SEED: u64 = 0x7672_7270_7269_6e67;

/// A backend of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    pub address: Address,
    pub port: u16,
    /// Share of the slots, relative to the other members; 0: none.
    pub weight: u16,
    /// Content of its slots: the backend's index in the node's own table, which may differ between
    /// nodes.
    pub index: u16,
}

/// There are more members than [`MAX_MEMBERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyMembers;

/// A member while the ring is filled.
#[derive(Clone, Copy, Default)]
struct Turn {
    member: Member,
    /// Next position in its permutation.
    position: u32,
    skip: u32,
    /// Accumulated weight; a slot costs the largest weight.
    credit: u32,
}

/// Fills `ring` with the indexes of `members`; with [`NO_BACKEND`] if none has a weight.
///
/// # Errors
/// [`TooManyMembers`]; the ring is then unchanged.
pub fn fill(ring: &mut [u16; RING_SLOTS], members: &[Member]) -> Result<(), TooManyMembers> {
    let mut storage = [Turn::default(); MAX_MEMBERS];
    let turns = storage.get_mut(..members.len()).ok_or(TooManyMembers)?;
    for (turn, member) in turns.iter_mut().zip(members) {
        *turn = first_turn(*member);
    }
    turns.sort_unstable_by_key(|turn| (turn.member.address, turn.member.port));
    ring.fill(NO_BACKEND);
    let Some(cost) =
        turns.iter().map(|turn| u32::from(turn.member.weight)).max().filter(|&most| most > 0)
    else {
        return Ok(());
    };
    let mut free = RING_SLOTS;
    while free > 0 {
        for turn in turns.iter_mut() {
            turn.credit += u32::from(turn.member.weight);
            if turn.credit < cost || free == 0 {
                continue;
            }
            turn.credit -= cost;
            take_slot(ring, turn);
            free -= 1;
        }
    }
    Ok(())
}

fn first_turn(member: Member) -> Turn {
    let [high, low] = member.address.halves();
    let seed = mix(mix(high ^ SEED) ^ low) ^ u64::from(member.port);
    let offset = mix(seed) % RING_SLOTS as u64;
    let skip = mix(mix(seed)) % (RING_SLOTS as u64 - 1) + 1;
    Turn { member, position: offset as u32, skip: skip as u32, credit: 0 }
}

/// Gives the member the next free slot of its permutation. At least one slot is free.
fn take_slot(ring: &mut [u16; RING_SLOTS], turn: &mut Turn) {
    loop {
        let position = turn.position as usize;
        turn.position = (turn.position + turn.skip) % RING_SLOTS as u32;
        if ring[position] == NO_BACKEND {
            ring[position] = turn.member.index;
            return;
        }
    }
}

/// Digest of a ring: FNV-1a over the address and port in each slot, so that nodes with different
/// backend numbers can compare.
pub fn digest(ring: &[u16; RING_SLOTS], backend: impl Fn(u16) -> (Address, u16)) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for &index in ring {
        let (address, port) =
            if index == NO_BACKEND { (Address::UNSPECIFIED, 0) } else { backend(index) };
        for byte in address.octets().into_iter().chain(port.to_be_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}
