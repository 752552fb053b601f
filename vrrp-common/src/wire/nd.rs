//! Neighbour discovery for IPv6 (RFC 4861): what is announced, what is asked, and the answer.
//!
//! ```text
//!  solicitation:  |Type 135|Code 0|Checksum|   reserved 4   | target 16 | options 8n |
//!  advertisement: |Type 136|Code 0|Checksum|R|S|O| reserved | target 16 | options 8n |
//! ```

use crate::packet::Packet;
use crate::wire::checksum::{add4, add16, fold, is_valid, pseudo_header_v6, sum_words};
use crate::wire::eth;

/// ICMPv6's next header number.
pub const NEXT_HEADER: u8 = 58;
/// Whoever receives a message with another hop limit must drop it (RFC 4861 section 7.1): it came through a router.
pub const HOP_LIMIT: u8 = 255;
pub const FLAG_ROUTER: u8 = 0x80;
pub const FLAG_SOLICITED: u8 = 0x40;
pub const FLAG_OVERRIDE: u8 = 0x20;
/// ff02::1.
pub const ALL_NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// What Ethernet makes of [`ALL_NODES`] (RFC 2464 section 7).
pub const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// An advertisement with the target's link-layer address.
pub const ADVERTISEMENT_LEN: usize = 32;
/// An untagged frame with such an advertisement.
pub const FRAME_LEN: usize = eth::HEADER_LEN + IPV6_HEADER_LEN + ADVERTISEMENT_LEN;

const TYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const IPV6_HEADER_LEN: usize = 40;
const TYPE_SOLICITATION: u8 = 135;
const TYPE_ADVERTISEMENT: u8 = 136;
const OPTION_TARGET: u8 = 2;
/// Type, code, checksum, flags and target.
const MIN_LEN: usize = 24;
/// Every option is a multiple of this (RFC 4861 section 4.6).
const OPTION_UNIT: usize = 8;
/// Longer messages are left to the stack.
const MAX_LEN: usize = 128;
const UNSPECIFIED: [u8; 16] = [0; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Solicitation,
    Advertisement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nd {
    pub kind: Kind,
    /// [`FLAG_ROUTER`], [`FLAG_SOLICITED`] and [`FLAG_OVERRIDE`] of an advertisement; 0 of a solicitation.
    pub flags: u8,
    pub target: [u8; 16],
}

/// An answer to a solicitation: where it goes, from the target, and the ICMPv6 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The asker, or [`ALL_NODES`] where it has no address yet.
    pub destination: [u8; 16],
    /// The answer is for [`ALL_NODES_MAC`]; else for the MAC that asked.
    pub to_all: bool,
    pub message: [u8; ADVERTISEMENT_LEN],
}

/// Reads the ICMPv6 message of `len` bytes at `offset`; `source` and `destination` are those of its IPv6 header.
///
/// `None` where it is no solicitation or advertisement, or one that must be dropped (RFC 4861 sections 7.1.1 and 7.1.2): its
/// code, length, target or checksum is wrong. Also where it has over 128 bytes. The hop limit is the caller's to check.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, offset: usize, len: usize, source: [u8; 16], destination: [u8; 16]) -> Option<Nd> {
    if !(MIN_LEN..=MAX_LEN).contains(&len) || !len.is_multiple_of(OPTION_UNIT) {
        return None;
    }
    let [message_type, code, _, _, flags, _, _, _] = packet.bytes::<8>(offset)?;
    let kind = match message_type {
        TYPE_SOLICITATION => Kind::Solicitation,
        TYPE_ADVERTISEMENT => Kind::Advertisement,
        _ => return None,
    };
    let target = packet.bytes::<16>(offset + 8)?;
    if code != 0 || target[0] == 0xff {
        return None;
    }
    let pseudo = pseudo_header_v6(source, destination, NEXT_HEADER, len as u32);
    let sum = sum_words::<P, { MAX_LEN / 4 }>(packet, offset, len)?;
    if !is_valid(pseudo + sum) {
        return None;
    }
    let flags = match kind {
        Kind::Solicitation => 0,
        Kind::Advertisement => flags & (FLAG_ROUTER | FLAG_SOLICITED | FLAG_OVERRIDE),
    };
    Some(Nd { kind, flags, target })
}

/// What a router says at `mac` to the `asker` of `target` (RFC 4861 section 7.2.4); `asker` is the source of the solicitation.
///
/// An asker without an address is testing whether `target` is free (RFC 4862 section 5.4.3): everybody hears that it is not.
#[inline(always)]
pub fn answer(mac: [u8; 6], target: [u8; 16], asker: [u8; 16]) -> Answer {
    let to_all = u128::from_ne_bytes(asker) == u128::from_ne_bytes(UNSPECIFIED);
    let (destination, solicited) = if to_all { (ALL_NODES, 0) } else { (asker, FLAG_SOLICITED) };
    let message = advertisement(FLAG_ROUTER | solicited | FLAG_OVERRIDE, mac, target, destination);
    Answer { destination, to_all, message }
}

/// An unsolicited neighbour advertisement (RFC 4861 section 7.2.6, RFC 9568 section 6.4.1): an untagged frame to all nodes
/// that says `address`, a router's, is at `mac`.
pub fn announcement(mac: [u8; 6], address: [u8; 16]) -> [u8; FRAME_LEN] {
    let mut frame = [0; FRAME_LEN];
    frame[..6].copy_from_slice(&ALL_NODES_MAC);
    frame[6..12].copy_from_slice(&mac);
    frame[12..14].copy_from_slice(&TYPE_IPV6);
    frame[14] = 6 << 4;
    frame[19] = ADVERTISEMENT_LEN as u8;
    frame[20] = NEXT_HEADER;
    frame[21] = HOP_LIMIT;
    frame[22..38].copy_from_slice(&address);
    frame[38..54].copy_from_slice(&ALL_NODES);
    frame[54..].copy_from_slice(&advertisement(FLAG_ROUTER | FLAG_OVERRIDE, mac, address, ALL_NODES));
    frame
}

/// The ICMPv6 message that `target` itself sends to `destination`, with its checksum.
#[inline(always)]
fn advertisement(flags: u8, mac: [u8; 6], target: [u8; 16], destination: [u8; 16]) -> [u8; ADVERTISEMENT_LEN] {
    let [m0, m1, m2, m3, m4, m5] = mac;
    let pseudo = pseudo_header_v6(target, destination, NEXT_HEADER, ADVERTISEMENT_LEN as u32);
    let head = add4(add4(pseudo, [TYPE_ADVERTISEMENT, 0, 0, 0]), [flags, 0, 0, 0]);
    let sum = add4(add4(add16(head, target), [OPTION_TARGET, 1, m0, m1]), [m2, m3, m4, m5]);
    let [sum_high, sum_low] = (!fold(sum)).to_be_bytes();
    let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15] = target;
    #[rustfmt::skip]
    let message = [
        TYPE_ADVERTISEMENT, 0, sum_high, sum_low,
        flags, 0, 0, 0,
        t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15,
        OPTION_TARGET, 1, m0, m1, m2, m3, m4, m5,
    ];
    message
}
