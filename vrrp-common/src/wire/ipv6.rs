//! IPv6 header and its extension headers (RFC 8200 sections 3 and 4), walked up to a bound.

use crate::ip::Address;
use crate::packet::Packet;

pub const HEADER_LEN: usize = 40;
pub const NEXT_ICMPV6: u8 = 58;
/// Hop limit of generated packets.
pub const HOP_LIMIT: u8 = 64;
/// Greatest number of extension headers that are walked; legitimate packets have at most two.
pub const MAX_EXTENSIONS: usize = 4;

const NEXT_HOP_BY_HOP: u8 = 0;
const NEXT_ROUTING: u8 = 43;
const NEXT_FRAGMENT: u8 = 44;
const NEXT_DESTINATION: u8 = 60;
const FRAGMENT_LEN: usize = 8;
/// The fragment offset in the third and fourth byte of a fragment header.
const OFFSET_MASK: u16 = 0xfff8;
/// The longest extension header: its length field counts eight bytes after the first eight.
const MAX_EXTENSION_LEN: usize = 256 * 8;

/// Upper bound of the walk; no frame of an MTU of 1500 bytes has longer headers.
const MAX_WALK: usize = 4_095;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6 {
    /// Length after the fixed header, extension headers included.
    pub payload_len: u16,
    pub hop_limit: u8,
    /// Protocol after the extension headers; of a walk that ended early, that of the next header.
    pub protocol: u8,
    /// Length of the fixed header and all extension headers in bytes.
    pub header_len: usize,
    pub traffic_class: u8,
    /// One of the headers is a fragment header.
    pub fragment: bool,
    /// A fragment header marks it as a later fragment, which has no transport header.
    pub later_fragment: bool,
    /// More extension headers than are walked, or a truncated one.
    pub unwalked: bool,
    pub source: Address,
    pub destination: Address,
}

impl Ipv6 {
    /// Length of the whole packet in bytes, from its header.
    #[inline(always)]
    pub const fn total_len(&self) -> u32 {
        self.payload_len as u32 + HEADER_LEN as u32
    }

    /// Whether source or destination is an IPv4-mapped address (::ffff:0:0/96), which no host sends
    /// or accepts on the wire.
    #[inline(always)]
    pub const fn is_mapped(&self) -> bool {
        self.source.is_v4() || self.destination.is_v4()
    }

    /// Length after all headers; `None` if the headers alone exceed the packet's length.
    #[inline(always)]
    pub fn message_len(&self) -> Option<usize> {
        (usize::from(self.payload_len) + HEADER_LEN).checked_sub(self.header_len)
    }
}

/// Reads the headers at `offset`; `None` if the fixed header is truncated or the version is not 6.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Ipv6> {
    let first = packet.bytes::<8>(offset)?;
    if first[0] >> 4 != 6 {
        return None;
    }
    let mut ip = Ipv6 {
        payload_len: u16::from_be_bytes([first[4], first[5]]),
        hop_limit: first[7],
        protocol: first[6],
        header_len: HEADER_LEN,
        traffic_class: first[0] << 4 | first[1] >> 4,
        fragment: false,
        later_fragment: false,
        unwalked: false,
        source: packet.address(offset + 8)?,
        destination: packet.address(offset + 24)?,
    };
    if is_extension(ip.protocol) {
        walk(packet, offset, &mut ip);
    }
    ip.header_len = packet.bounded(ip.header_len.min(MAX_WALK));
    Some(ip)
}

#[inline(always)]
fn walk<P: Packet + ?Sized>(packet: &P, offset: usize, ip: &mut Ipv6) {
    for _ in 0..MAX_EXTENSIONS {
        let Some([next, len, high, low]) = packet.bytes::<4>(offset + ip.header_len) else {
            break;
        };
        if ip.protocol == NEXT_FRAGMENT {
            ip.fragment = true;
            ip.later_fragment |= u16::from_be_bytes([high, low]) & OFFSET_MASK != 0;
            ip.header_len += FRAGMENT_LEN;
        } else {
            ip.header_len +=
                ((usize::from(len) + 1) * 8) & (MAX_EXTENSION_LEN | (MAX_EXTENSION_LEN - 1));
        }
        ip.protocol = next;
        if !is_extension(next) {
            return;
        }
    }
    ip.unwalked = true;
}

/// Offsets of fields.
pub mod at {
    pub const HOP_LIMIT: usize = 7;
    pub const SOURCE: usize = 8;
    pub const DESTINATION: usize = 24;
}

/// The eight bytes before the addresses. Only the last 20 bits of `flow_label` are used.
#[inline(always)]
pub const fn head(
    traffic_class: u8,
    flow_label: u32,
    payload_len: u16,
    next_header: u8,
) -> [u8; 8] {
    let first = 6 << 28 | (traffic_class as u32) << 20 | (flow_label & 0xf_ffff);
    let ([a, b, c, d], [l0, l1]) = (first.to_be_bytes(), payload_len.to_be_bytes());
    [a, b, c, d, l0, l1, next_header, HOP_LIMIT]
}

#[inline(always)]
fn is_extension(next: u8) -> bool {
    matches!(next, NEXT_HOP_BY_HOP | NEXT_ROUTING | NEXT_FRAGMENT | NEXT_DESTINATION)
}
