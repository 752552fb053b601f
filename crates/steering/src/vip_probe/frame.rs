//! The frames of a VIP probe, and the meaning of their answers. Pure.

use vrrp_common::ip::Address;
use vrrp_common::maps::STEERED_TTL;
use vrrp_common::packet::Packet;
use vrrp_common::wire::ipv4::{self, PROTO_IPIP, PROTO_IPV6, PROTO_TCP};
use vrrp_common::wire::{checksum, eth, ipv6, l4};

/// The forwarding path of a service's packets from this node to one backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Egress interface, and its MAC address.
    pub ifindex: u32,
    pub source_mac: [u8; 6],
    /// MAC address of the backend, or of the gateway to it.
    pub mac: [u8; 6],
    /// The outer header, if the backend is behind a tunnel.
    pub outer: Option<Outer>,
    /// Virtual address and port of the service.
    pub service: Address,
    pub port: u16,
    /// An own address of this node, of the service's family, for outgoing connections.
    pub own: Address,
}

/// The outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outer {
    pub source: Address,
    /// Bits of the source that differ from flow to flow.
    pub entropy: u32,
    pub destination: Address,
}

/// One connection attempt: only a SYN, and the reset after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub path: Path,
    /// Port of this node.
    pub own_port: u16,
    /// Initial sequence number: a host that acknowledges it has received the SYN.
    pub sequence: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// SYN and ACK: a server listens there.
    Accepted,
    /// RST: no server listens there.
    Refused,
}

/// Maximum segment size of 536 (RFC 9293 section 3.7.1), the default without the option.
const MSS: [u8; 4] = [2, 4, 2, 24];
const TCP_LEN: usize = 20;
/// Offset of the checksum.
const CHECKSUM: usize = 16;
/// In bytes: not zero, and never filled.
const WINDOW: u16 = 1_024;

impl Attempt {
    /// The frame of the SYN.
    pub fn syn(&self) -> Vec<u8> {
        self.frame(l4::SYN, self.sequence, &MSS)
    }

    /// The frame of the reset, with or without an answer: this host's stack has no such connection.
    pub fn reset(&self) -> Vec<u8> {
        self.frame(l4::RST, self.sequence.wrapping_add(1), &[])
    }

    /// The answer in a packet, from its IP header on; `None` if it is no answer to this attempt.
    /// Checksums are not verified: those of packets from a neighbour on the same machine are
    /// incomplete.
    pub fn answered(&self, packet: &[u8]) -> Option<Answer> {
        let Path { service, port, own, .. } = self.path;
        let (source, destination, protocol, transport) = addresses(packet)?;
        let ports = l4::ports(packet, transport)?;
        let expected = l4::Ports { source: port, destination: self.own_port };
        if protocol != PROTO_TCP || (source, destination) != (service, own) || ports != expected {
            return None;
        }
        let acknowledged = u32::from_be_bytes(packet.bytes(transport + l4::TCP_ACKNOWLEDGED)?);
        let flags = packet.byte(transport + l4::TCP_FLAGS)?;
        if flags & l4::ACK == 0 || acknowledged != self.sequence.wrapping_add(1) {
            return None;
        }
        match (flags & l4::RST != 0, flags & l4::SYN != 0) {
            (true, _) => Some(Answer::Refused),
            (false, true) => Some(Answer::Accepted),
            (false, false) => None,
        }
    }

    fn frame(&self, flags: u8, sequence: u32, options: &[u8]) -> Vec<u8> {
        let Path { service, own, source_mac, mac, outer, .. } = &self.path;
        let inner = packet(own, service, PROTO_TCP, &self.segment(flags, sequence, options));
        let packet = match outer {
            None => steered(inner),
            Some(outer) => {
                let protocol = if service.is_v4() { PROTO_IPIP } else { PROTO_IPV6 };
                packet(&outer.source_of(self.sequence), &outer.destination, protocol, &inner)
            }
        };
        let is_v4 = outer.as_ref().map_or(service, |outer| &outer.destination).is_v4();
        let ethertype = if is_v4 { eth::TYPE_IPV4 } else { eth::TYPE_IPV6 };
        [mac, source_mac, ethertype.to_be_bytes().as_slice(), &packet].concat()
    }

    fn segment(&self, flags: u8, sequence: u32, options: &[u8]) -> Vec<u8> {
        let Path { service, port, own, .. } = &self.path;
        let len = TCP_LEN + options.len();
        let mut segment = Vec::with_capacity(len);
        segment.extend(self.own_port.to_be_bytes());
        segment.extend(port.to_be_bytes());
        segment.extend(sequence.to_be_bytes());
        // No acknowledgement number; the header's length in words of four bytes.
        segment.extend([0, 0, 0, 0, (len as u8 / 4) << 4, flags]);
        segment.extend(WINDOW.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(options);
        let pseudo = if service.is_v4() {
            checksum::pseudo_header(own.low(), service.low(), PROTO_TCP, len as u16)
        } else {
            checksum::pseudo_header_v6(own, service, PROTO_TCP, len as u32)
        };
        let sum = checksum::compute(pseudo, &segment);
        segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
        segment
    }
}

impl Outer {
    /// The source for one flow, as the kernel program chooses it, except the hash.
    fn source_of(&self, hash: u32) -> Address {
        let [high, low] = self.source.words();
        Address::from_words([high, low | u64::from(hash & self.entropy).to_be()])
    }
}

/// An IP packet of the family of its addresses.
fn packet(source: &Address, destination: &Address, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u16;
    if destination.is_v4() {
        let total = len + ipv4::MIN_HEADER_LEN as u16;
        return [&ipv4::header(0, total, protocol, source.low(), destination.low()), payload]
            .concat();
    }
    [&ipv6::head(0, 0, len, protocol), source.octets().as_slice(), &destination.octets(), payload]
        .concat()
}

/// The packet with the mark of packets that the kernel program steers by direct return; without it
/// the backend's own program would not accept it.
fn steered(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.first().is_some_and(|first| first >> 4 == 6) {
        packet[ipv6::at::HOP_LIMIT] = STEERED_TTL;
        return packet;
    }
    packet[ipv4::at::TTL] = STEERED_TTL;
    let sum = ipv4::at::CHECKSUM..ipv4::at::CHECKSUM + 2;
    packet[sum.clone()].fill(0);
    let made = checksum::compute(0, &packet[..ipv4::MIN_HEADER_LEN]);
    packet[sum].copy_from_slice(&made.to_be_bytes());
    packet
}

/// Source, destination, protocol, and the offset of its header.
fn addresses(packet: &[u8]) -> Option<(Address, Address, u8, usize)> {
    if let Some(ip) = ipv4::parse(packet, 0) {
        let whole = ip.is_sane() && !ip.fragment;
        return whole.then_some((
            Address::v4(ip.source),
            Address::v4(ip.destination),
            ip.protocol,
            ip.header_len,
        ));
    }
    let ip = ipv6::parse(packet, 0)?;
    (!ip.fragment && !ip.unwalked).then_some((
        ip.source,
        ip.destination,
        ip.protocol,
        ip.header_len,
    ))
}

#[cfg(test)]
mod tests;
