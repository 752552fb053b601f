//! The datagram by which nodes compare their rings. Pure.
//!
//! Bytes 0..8 say what it is and in which version, byte 8 whether an answer is wanted, byte 9 how
//! many rings follow, bytes 10..16 are zero. A ring takes 28 bytes: address (IPv4 mapped), port,
//! protocol, a zero, digest; all numbers in network order.

use std::net::IpAddr;

use vrrp_common::ip::Address;

const MAGIC: [u8; 8] = *b"vrrpring";
const HEADER: usize = 16;
const ENTRY: usize = 28;
/// As many as fit a packet on any link.
pub const MOST: usize = 40;
/// Of the longest datagram, in bytes.
pub const MAX_LEN: usize = HEADER + MOST * ENTRY;
/// Version of the way a ring is computed and digested: nodes of different versions have nothing to
/// compare.
const VERSION: u8 = 1;
const WANTS_ANSWER: u8 = 1;

/// A service's ring, by what both nodes call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ring {
    pub address: IpAddr,
    pub port: u16,
    /// Of the IP header.
    pub protocol: u8,
    /// See [`vrrp_common::maglev::digest`].
    pub digest: u64,
}

/// Address, port and protocol of a service.
pub type Named = (IpAddr, u16, u8);

impl Ring {
    pub fn named(&self) -> Named {
        (self.address, self.port, self.protocol)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub wants_answer: bool,
    /// At most [`MOST`].
    pub rings: Vec<Ring>,
}

impl Message {
    /// All of `rings`, in as many messages as it takes; one if there are none.
    pub fn of(rings: &[Ring], wants_answer: bool) -> Vec<Self> {
        if rings.is_empty() {
            return vec![Self { wants_answer, rings: Vec::new() }];
        }
        rings.chunks(MOST).map(|rings| Self { wants_answer, rings: rings.to_vec() }).collect()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([
            u8::from(self.wants_answer) * WANTS_ANSWER,
            self.rings.len() as u8,
            VERSION,
            0,
            0,
            0,
            0,
            0,
        ]);
        for ring in &self.rings {
            bytes.extend(Address::from(ring.address).octets());
            bytes.extend(ring.port.to_be_bytes());
            bytes.extend([ring.protocol, 0]);
            bytes.extend(ring.digest.to_be_bytes());
        }
        bytes
    }

    /// `None` for anything that is not just such a message of this version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, entries) = bytes.split_first_chunk::<HEADER>()?;
        let [.., flags, count, version, a, b, c, d, e] = *head;
        let counted = usize::from(count);
        let sound = head.starts_with(&MAGIC)
            && version == VERSION
            && [a, b, c, d, e] == [0; 5]
            && flags <= WANTS_ANSWER;
        if !sound || counted > MOST || entries.len() != counted * ENTRY {
            return None;
        }
        let rings = entries.as_chunks::<ENTRY>().0.iter().map(ring).collect::<Option<_>>()?;
        Some(Self { wants_answer: flags == WANTS_ANSWER, rings })
    }
}

fn ring(bytes: &[u8; ENTRY]) -> Option<Ring> {
    let (address, rest) = bytes.split_first_chunk::<16>()?;
    let ([high, low, protocol, zero], digest) = rest.split_first_chunk::<4>()?;
    let address = Address::v6(*address).ip();
    let digest = u64::from_be_bytes(*digest.first_chunk()?);
    (*zero == 0).then_some(Ring {
        address,
        port: u16::from_be_bytes([*high, *low]),
        protocol: *protocol,
        digest,
    })
}

#[cfg(test)]
mod tests;
