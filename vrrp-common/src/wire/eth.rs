//! Ethernet II with up to two inline VLAN tags (IEEE 802.1Q, 802.1ad).

use crate::packet::Packet;

pub const HEADER_LEN: usize = 14;
/// Offset of the type in a frame without tags.
pub const TYPE_AT: usize = 12;
/// Offset of the source MAC address.
pub const SOURCE_AT: usize = 6;
pub const TYPE_IPV4: u16 = 0x0800;
pub const TYPE_ARP: u16 = 0x0806;
pub const TYPE_IPV6: u16 = 0x86dd;
const TYPE_VLAN: u16 = 0x8100;
const TYPE_QINQ: u16 = 0x88a8;
const TAG_LEN: usize = 4;
const VID_MASK: u16 = 0x0fff;

pub const BROADCAST: [u8; 6] = [0xff; 6];

/// The Ethernet header, up to the network header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ethernet {
    pub destination: [u8; 6],
    pub source: [u8; 6],
    /// Type after the tags.
    pub ethertype: u16,
    /// Inline tags: 0 for none, the VID of a single tag, `outer << 12 | inner` for two.
    /// Priority-tagged (VID 0) counts as none.
    pub vlan: u32,
    /// Offset of the network header: 14, 18 or 22.
    pub network: usize,
}

/// Reads the Ethernet header and at most two tags; `None` if the frame is too short.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(frame: &P) -> Option<Ethernet> {
    let mut ethernet = parse_tags(frame)?;
    ethernet.network = frame.bounded(ethernet.network);
    Some(ethernet)
}

#[inline(always)]
fn parse_tags<P: Packet + ?Sized>(frame: &P) -> Option<Ethernet> {
    let header = frame.bytes::<HEADER_LEN>(0)?;
    let (&destination, rest) = header.split_first_chunk::<6>()?;
    let (&source, rest) = rest.split_first_chunk::<6>()?;
    let ethertype = u16::from_be_bytes(*rest.first_chunk()?);
    let plain = Ethernet { destination, source, ethertype, vlan: 0, network: HEADER_LEN };
    if !is_tag(ethertype) {
        return Some(plain);
    }
    let outer = u32::from(frame.be16(HEADER_LEN)? & VID_MASK);
    let ethertype = frame.be16(HEADER_LEN + 2)?;
    if !is_tag(ethertype) {
        return Some(Ethernet { ethertype, vlan: outer, network: HEADER_LEN + TAG_LEN, ..plain });
    }
    let inner = u32::from(frame.be16(HEADER_LEN + TAG_LEN)? & VID_MASK);
    let ethertype = frame.be16(HEADER_LEN + TAG_LEN + 2)?;
    Some(Ethernet {
        ethertype,
        vlan: outer << 12 | inner,
        network: HEADER_LEN + 2 * TAG_LEN,
        ..plain
    })
}

#[inline(always)]
fn is_tag(ethertype: u16) -> bool {
    ethertype == TYPE_VLAN || ethertype == TYPE_QINQ
}
