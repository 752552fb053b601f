//! Neighbour discovery for virtual addresses (RFC 4861 sections 4.3, 4.4 and 7.2): parses
//! solicitations, writes advertisements.

use crate::ip::Address;
use crate::packet::Packet;
use crate::wire::{checksum, eth, ipv6};

/// Required hop limit of received neighbour discovery packets (RFC 4861 section 7.1).
pub const HOP_LIMIT: u8 = 255;
/// An advertisement with its link-layer address option, from the ICMPv6 header on.
pub const MESSAGE_LEN: usize = 32;
/// An untagged Ethernet frame with such an advertisement.
pub const FRAME_LEN: usize = eth::HEADER_LEN + ipv6::HEADER_LEN + MESSAGE_LEN;
/// ff02::1.
pub const ALL_NODES: Address = Address::v6([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// Destination MAC address of [`ALL_NODES`].
pub const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

const TYPE_SOLICITATION: u8 = 135;
const TYPE_ADVERTISEMENT: u8 = 136;
/// Type, code, checksum, flags, target.
const FIXED_LEN: usize = 24;
/// Longer messages have options that no host sends.
const MAX_LEN: usize = 128;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const OPTION_TARGET_ADDRESS: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Solicitation,
    Advertisement,
}

/// A neighbour solicitation or advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nd {
    pub kind: Kind,
    pub target: Address,
}

/// Reads the ICMPv6 message of `len` bytes at `offset`; `None` if it is neither, or violates RFC
/// 4861 section 7.1.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    len: usize,
    source: &Address,
    destination: &Address,
) -> Option<Nd> {
    let [kind, code] = packet.bytes::<2>(offset)?;
    let kind = match kind {
        TYPE_SOLICITATION => Kind::Solicitation,
        TYPE_ADVERTISEMENT => Kind::Advertisement,
        _ => return None,
    };
    // The length of an option is a multiple of eight bytes.
    if code != 0 || !(FIXED_LEN..=MAX_LEN).contains(&len) || !len.is_multiple_of(8) {
        return None;
    }
    let target = packet.address(offset + 8)?;
    let pseudo = checksum::pseudo_header_v6(source, destination, ipv6::NEXT_ICMPV6, len as u32);
    let sum = packet.sum(offset, len)?;
    (target.first() != 0xff && !target.is_v4() && checksum::is_valid(pseudo + sum))
        .then_some(Nd { kind, target })
}

/// An advertisement that a target has a MAC address (RFC 9568 section 8.2.2: router flag, override
/// flag), in the pieces of its IPv6 packet; the target is between them, as source and in the
/// message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement {
    /// The IPv6 header up to its addresses.
    pub head: [u8; 8],
    pub destination: Address,
    /// The ICMPv6 message up to its target.
    pub message: [u8; 8],
    /// The target's link-layer address.
    pub option: [u8; 8],
}

/// Offsets of the pieces of an [`Advertisement`] in its packet.
pub mod at {
    pub const SOURCE: usize = 8;
    pub const DESTINATION: usize = 24;
    pub const MESSAGE: usize = 40;
    pub const TARGET: usize = 48;
    pub const OPTION: usize = 64;
}

impl Advertisement {
    /// `asker` sent the solicitation. If it is the unspecified address (no solicitation, or
    /// duplicate address detection), the advertisement goes to all nodes.
    #[inline(always)]
    pub fn new(mac: [u8; 6], target: &Address, asker: &Address) -> Self {
        let (destination, flags) = match asker.is_unspecified_v6() {
            true => (ALL_NODES, ROUTER | OVERRIDE),
            false => (*asker, ROUTER | SOLICITED | OVERRIDE),
        };
        let option = [OPTION_TARGET_ADDRESS, 1, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]];
        // The target counts twice: as the source and in the message.
        let addresses =
            checksum::pseudo_header_v6(target, &destination, ipv6::NEXT_ICMPV6, MESSAGE_LEN as u32);
        let mut sum = checksum::add_address(addresses, target);
        sum = checksum::add4(sum, [TYPE_ADVERTISEMENT, 0, 0, 0]);
        sum = checksum::add4(sum, [flags, 0, 0, 0]);
        sum = checksum::add4(sum, [option[0], option[1], option[2], option[3]]);
        sum = checksum::add4(sum, [option[4], option[5], option[6], option[7]]);
        let [high, low] = (!checksum::fold(sum)).to_be_bytes();
        Self {
            // Traffic class 0xc0, like adverts.
            head: [0x6c, 0, 0, 0, 0, MESSAGE_LEN as u8, ipv6::NEXT_ICMPV6, HOP_LIMIT],
            destination,
            message: [TYPE_ADVERTISEMENT, 0, high, low, flags, 0, 0, 0],
            option,
        }
    }
}

/// An unsolicited advertisement as a frame (RFC 4861 section 7.2.6).
pub fn announcement(mac: [u8; 6], address: &Address) -> [u8; FRAME_LEN] {
    let pieces = Advertisement::new(mac, address, &Address::UNSPECIFIED);
    let mut frame = [0; FRAME_LEN];
    frame[..6].copy_from_slice(&ALL_NODES_MAC);
    frame[6..12].copy_from_slice(&mac);
    frame[12..14].copy_from_slice(&eth::TYPE_IPV6.to_be_bytes());
    let packet = &mut frame[eth::HEADER_LEN..];
    packet[..at::SOURCE].copy_from_slice(&pieces.head);
    packet[at::SOURCE..at::DESTINATION].copy_from_slice(&address.octets());
    packet[at::DESTINATION..at::MESSAGE].copy_from_slice(&pieces.destination.octets());
    packet[at::MESSAGE..at::TARGET].copy_from_slice(&pieces.message);
    packet[at::TARGET..at::OPTION].copy_from_slice(&address.octets());
    packet[at::OPTION..].copy_from_slice(&pieces.option);
    frame
}
