//! A flow, its hash and its ring slot, equal on both nodes and in kernel and user space; and the
//! rule by which a flow keeps its backend while the ring changes.

use crate::ip::Address;

/// Slots of a ring: a prime, as Maglev wants (NSDI 2016 section 3.4). Enough for 32 backends within
/// 1 % of even.
pub const RING_SLOTS: usize = 16_381;

/// Odd constants, one for each word that is hashed.
const FACTORS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x27d4_eb2f_1656_67c5];

/// The 5-tuple of a flow; also the key of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(C)]
pub struct FlowKey {
    pub source: Address,
    pub destination: Address,
    /// Ports in host order; 0 where the service spreads by address.
    pub source_port: u16,
    pub destination_port: u16,
    /// Of the IP header; as wide as it is so that the kernel program's stack needs no single bytes.
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
    /// The slot's backend now.
    pub live: u16,
    /// Its backend before the changes under way; `None` where that one is gone.
    pub base: Option<u16>,
    /// The backend remembered for this flow; `None` also where that one is gone.
    pub recorded: Option<u16>,
    /// Whether this packet begins a connection.
    pub begins: bool,
}

/// Which backend gets a packet of a changed slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub backend: u16,
    /// Whether the flow must be remembered for that; if it cannot be, [`Changed::unrecorded`] is
    /// taken instead.
    pub record: bool,
}

impl Changed {
    /// A connection that begins takes the new backend and is remembered. Everything else keeps what
    /// it had: the backend that is remembered, else the old one while there is one.
    #[inline(always)]
    pub fn choose(&self) -> Choice {
        if self.begins {
            return Choice { backend: self.live, record: true };
        }
        let kept = self.recorded.or(self.base);
        Choice { backend: kept.unwrap_or(self.live), record: false }
    }

    /// The backend of a connection that begins and cannot be remembered: the one its next packets
    /// will be taken for.
    #[inline(always)]
    pub fn unrecorded(&self) -> u16 {
        self.base.unwrap_or(self.live)
    }
}
