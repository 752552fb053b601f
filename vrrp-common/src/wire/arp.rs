//! ARP for IPv4 over Ethernet (RFC 826), and the announcement form of RFC 5227 section 3.

use crate::packet::Packet;
use crate::wire::eth;

pub const PACKET_LEN: usize = 28;
/// An untagged ARP frame without padding.
pub const FRAME_LEN: usize = eth::HEADER_LEN + PACKET_LEN;
pub const OP_REQUEST: u16 = 1;
pub const OP_REPLY: u16 = 2;
/// Offset of the operation's low byte in the packet.
pub const OP_LOW_BYTE: usize = 7;

/// Hardware type Ethernet, protocol type IPv4, lengths 6 and 4.
const PREAMBLE: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    pub operation: u16,
    pub sender_mac: [u8; 6],
    pub sender: [u8; 4],
    pub target: [u8; 4],
}

impl Arp {
    /// An announcement: the sender claims its own address (RFC 5227 section 3).
    #[inline(always)]
    pub fn is_gratuitous(&self) -> bool {
        u32::from_ne_bytes(self.sender) == u32::from_ne_bytes(self.target)
    }
}

/// Reads an ARP packet at `offset`; `None` if it is too short or not IPv4 over Ethernet.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Arp> {
    let bytes = packet.bytes::<PACKET_LEN>(offset)?;
    if bytes[..6] != PREAMBLE {
        return None;
    }
    Some(Arp {
        operation: u16::from_be_bytes([bytes[6], bytes[7]]),
        sender_mac: [bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13]],
        sender: [bytes[14], bytes[15], bytes[16], bytes[17]],
        target: [bytes[24], bytes[25], bytes[26], bytes[27]],
    })
}

/// An ARP packet (without Ethernet header) with the given fields.
#[inline(always)]
pub fn packet(
    operation: u16,
    sender_mac: [u8; 6],
    sender: [u8; 4],
    target_mac: [u8; 6],
    target: [u8; 4],
) -> [u8; PACKET_LEN] {
    let [op_high, op_low] = operation.to_be_bytes();
    let [s0, s1, s2, s3, s4, s5] = sender_mac;
    let [t0, t1, t2, t3, t4, t5] = target_mac;
    [
        PREAMBLE[0],
        PREAMBLE[1],
        PREAMBLE[2],
        PREAMBLE[3],
        PREAMBLE[4],
        PREAMBLE[5],
        op_high,
        op_low, //
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        sender[0],
        sender[1],
        sender[2],
        sender[3], //
        t0,
        t1,
        t2,
        t3,
        t4,
        t5,
        target[0],
        target[1],
        target[2],
        target[3],
    ]
}

/// A gratuitous ARP frame: broadcast request whose sender and target are `address` (RFC 5227
/// section 3).
///
/// The target MAC is all ones, as keepalived and FRR send it; receivers ignore the field.
pub fn announcement(mac: [u8; 6], address: [u8; 4]) -> [u8; FRAME_LEN] {
    let mut frame = [0; FRAME_LEN];
    frame[..6].copy_from_slice(&eth::BROADCAST);
    frame[6..12].copy_from_slice(&mac);
    frame[12..14].copy_from_slice(&eth::TYPE_ARP.to_be_bytes());
    frame[14..].copy_from_slice(&packet(OP_REQUEST, mac, address, eth::BROADCAST, address));
    frame
}
