//! A flow, its hash and its ring slot, equal on both nodes and in kernel and user space; and the
//! rule by which a flow keeps its backend while the ring changes.

use crate::ip::Address;

/// Slots of a ring: a prime, as Maglev requires (NSDI 2016 section 3.4). With 32 backends the
/// shares differ by at most 1 %.
pub const RING_SLOTS: usize = 16_381;

/// Odd constants, one for each hashed word.
const FACTORS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x27d4_eb2f_1656_67c5];

/// The 5-tuple of a flow; also the key of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(C)]
pub struct FlowKey {
    pub source: Address,
    pub destination: Address,
    /// Ports in host order; 0 if the service spreads by address.
    pub source_port: u16,
    pub destination_port: u16,
    /// Protocol of the IP header; its width saves the kernel program single bytes on the stack.
    pub protocol: u32,
}

impl FlowKey {
    /// 32-bit hash of the flow: a multilinear sum of the addresses, then two multiply-xorshift
    /// rounds with the ports.
    #[inline(always)]
    pub fn hash(&self) -> u32 {
        let ([s0, s1], [d0, d1]) = (self.source.halves(), self.destination.halves());
        let addresses = s0
            .wrapping_mul(FACTORS[0])
            .wrapping_add(s1.wrapping_mul(FACTORS[1]))
            .wrapping_add(d0.wrapping_mul(FACTORS[2]))
            .wrapping_add(d1.wrapping_mul(FACTORS[3]));
        let ports = u64::from(self.source_port) << 32
            | u64::from(self.destination_port) << 8
            | u64::from(self.protocol);
        (mix(mix(addresses) ^ ports) >> 32) as u32
    }
}

/// The slot of a flow hash: a multiplication instead of a division.
#[inline(always)]
pub const fn slot(hash: u32) -> usize {
    ((hash as u64 * RING_SLOTS as u64) >> 32) as usize
}

/// The finaliser of SplitMix64 (Stafford's variant 13).
#[inline(always)]
pub const fn mix(value: u64) -> u64 {
    let a = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

/// The candidates for a flow whose slot has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The slot's present backend.
    pub live: u16,
    /// Its backend in the base ring; `None` if that one is gone.
    pub base: Option<u16>,
    /// The backend in the flow's record; `None` without a record, or if that backend is gone.
    pub recorded: Option<u16>,
    /// Whether this packet opens a connection.
    pub begins: bool,
}

/// The choice for a packet of a changed slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub backend: u16,
    /// Whether the flow must be recorded for that. If the insert fails, [`Changed::unrecorded`]
    /// applies instead.
    pub record: bool,
}

impl Changed {
    /// A new connection takes the new backend and is recorded. Every other packet keeps its
    /// backend: the recorded one, else the base ring's while that is alive.
    #[inline(always)]
    pub fn choose(&self) -> Choice {
        if self.begins {
            return Choice { backend: self.live, record: true };
        }
        let kept = self.recorded.or(self.base);
        Choice { backend: kept.unwrap_or(self.live), record: false }
    }

    /// The backend of a new connection that cannot be recorded: the one that is chosen for its
    /// later packets.
    #[inline(always)]
    pub fn unrecorded(&self) -> u16 {
        self.base.unwrap_or(self.live)
    }
}
