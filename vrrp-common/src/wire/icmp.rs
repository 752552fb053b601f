//! ICMP and ICMPv6 errors (RFC 792, RFC 1191, RFC 4443): the flow that a received error quotes, and
//! the errors that this node sends.

use crate::ip::Address;
use crate::packet::Packet;
use crate::wire::ipv4::{self, PROTO_TCP, PROTO_UDP};
use crate::wire::{checksum, ipv6, l4};

/// Header of an error message: type, code, checksum and four bytes that depend on the type.
pub const HEADER_LEN: usize = 8;

/// Bytes that a sent error quotes: the longest IPv4 header and the eight bytes that RFC 792
/// requires.
pub const QUOTED_V4: usize = 68;
/// Enough for any host to identify its packet, extension headers included.
pub const QUOTED_V6: usize = 128;

const V4_UNREACHABLE: u8 = 3;
const V4_FRAGMENTATION_NEEDED: u8 = 4;
const V4_TIME_EXCEEDED: u8 = 11;
const V4_PARAMETER_PROBLEM: u8 = 12;
const V6_TOO_BIG: u8 = 2;
const V6_PARAMETER_PROBLEM: u8 = 4;

/// The flow of a quoted packet, as its sender receives it: source and destination reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Destination address of the quoted packet.
    pub peer: Address,
    pub peer_port: u16,
    /// Source port of the quoted packet.
    pub own_port: u16,
    pub protocol: u8,
    /// Offsets of the quoted IP and transport headers in the frame.
    pub network: usize,
    pub transport: usize,
}

/// Reads the ICMP message at `offset`: an error about a TCP or UDP packet that `own` sent. Eight
/// quoted bytes of the transport header are enough; a quoted later fragment has none.
#[inline(always)]
pub fn error_v4<P: Packet + ?Sized>(packet: &P, offset: usize, own: [u8; 4]) -> Option<Quoted> {
    let kind = packet.byte(offset)?;
    if !matches!(kind, V4_UNREACHABLE | V4_TIME_EXCEEDED | V4_PARAMETER_PROBLEM) {
        return None;
    }
    let network = offset + HEADER_LEN;
    let ip = ipv4::parse(packet, network)?;
    if ip.header_len < ipv4::MIN_HEADER_LEN
        || ip.later_fragment
        || ip.source != own
        || !has_ports(ip.protocol)
    {
        return None;
    }
    let transport = network + ip.header_len;
    let ports = l4::ports(packet, transport)?;
    Some(Quoted {
        peer: Address::v4(ip.destination),
        peer_port: ports.destination,
        own_port: ports.source,
        protocol: ip.protocol,
        network,
        transport,
    })
}

/// Likewise for ICMPv6; `None` for a quoted packet with extension headers.
#[inline(always)]
pub fn error_v6<P: Packet + ?Sized>(packet: &P, offset: usize, own: &Address) -> Option<Quoted> {
    let kind = packet.byte(offset)?;
    if kind == 0 || kind > V6_PARAMETER_PROBLEM {
        return None;
    }
    let network = offset + HEADER_LEN;
    let first = packet.bytes::<8>(network)?;
    let (source, peer) = (packet.address(network + 8)?, packet.address(network + 24)?);
    let protocol = first[6];
    if first[0] >> 4 != 6 || !source.is(own) || !has_ports(protocol) {
        return None;
    }
    let transport = network + ipv6::HEADER_LEN;
    let ports = l4::ports(packet, transport)?;
    Some(Quoted {
        peer,
        peer_port: ports.destination,
        own_port: ports.source,
        protocol,
        network,
        transport,
    })
}

#[inline(always)]
const fn has_ports(protocol: u8) -> bool {
    protocol == PROTO_TCP || protocol == PROTO_UDP
}

/// IPv4 and ICMP header of "fragmentation needed" (RFC 1191 section 4) from `source` to
/// `destination` about a packet that exceeds `mtu` bytes; `quoted` is the sum of its first
/// [`QUOTED_V4`] bytes.
#[inline(always)]
pub fn too_big_v4(source: [u8; 4], destination: [u8; 4], mtu: u16, quoted: u64) -> [u8; 28] {
    let len = (ipv4::MIN_HEADER_LEN + HEADER_LEN + QUOTED_V4) as u16;
    let ip = ipv4::header(0, len, ipv4::PROTO_ICMP, source, destination);
    let [high, low] = mtu.to_be_bytes();
    let first = [V4_UNREACHABLE, V4_FRAGMENTATION_NEEDED, 0, 0];
    let sum = checksum::add4(checksum::add4(quoted, first), [0, 0, high, low]);
    let [c0, c1] = (!checksum::fold(sum)).to_be_bytes();
    let mut out = [0; 28];
    let (front, back) = out.split_at_mut(ipv4::MIN_HEADER_LEN);
    front.copy_from_slice(&ip);
    back.copy_from_slice(&[first[0], first[1], c0, c1, 0, 0, high, low]);
    out
}

/// IPv6 and ICMPv6 header of "packet too big" (RFC 4443 section 3.2), in two pieces around the
/// addresses: the first eight bytes, and the eight after them. `quoted` is the sum of the packet's
/// first [`QUOTED_V6`] bytes.
#[inline(always)]
pub fn too_big_v6(
    source: &Address,
    destination: &Address,
    mtu: u32,
    quoted: u64,
) -> ([u8; 8], [u8; 8]) {
    let len = (HEADER_LEN + QUOTED_V6) as u16;
    let head = ipv6::head(0, 0, len, ipv6::NEXT_ICMPV6);
    let pseudo = checksum::pseudo_header_v6(source, destination, ipv6::NEXT_ICMPV6, u32::from(len));
    let sum =
        checksum::add4(checksum::add4(pseudo + quoted, [V6_TOO_BIG, 0, 0, 0]), mtu.to_be_bytes());
    let [c0, c1] = (!checksum::fold(sum)).to_be_bytes();
    let [m0, m1, m2, m3] = mtu.to_be_bytes();
    (head, [V6_TOO_BIG, 0, c0, c1, m0, m1, m2, m3])
}
