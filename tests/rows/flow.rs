//! Clients' packets of either IP version, whole and with correct checksums, and the results of
//! forwarding. They are built again instead of changed, so that the kernel program's incremental
//! checksums are compared with full ones.

use vrrp_common::flow::FlowKey;
use vrrp_common::ip::Address;
use vrrp_common::wire::ipv4::{PROTO_ICMP, PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::ipv6::NEXT_ICMPV6;
use vrrp_common::wire::{checksum, eth};

use super::frame::ethernet;
use super::world::{CLIENT, CLIENT_MAC, CLIENT_V6, NODE1_MAC};

pub const SYN: u8 = 0x02;
pub const ACK: u8 = 0x10;
pub const RST: u8 = 0x04;
pub const CLIENT_PORT: u16 = 40_000;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;

/// The position of a fragment in its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// In units of eight bytes.
    pub offset: u16,
    pub more: bool,
}

#[derive(Debug, Clone)]
pub struct Packet {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    /// Tag protocol and VID of each inline tag, outermost first.
    pub tags: Vec<(u16, u16)>,
    pub source: Address,
    pub destination: Address,
    pub protocol: u8,
    pub source_port: u16,
    pub destination_port: u16,
    /// TCP flags.
    pub flags: u8,
    pub payload: Vec<u8>,
    pub ttl: u8,
    pub class: u8,
    /// IPv4 options.
    pub options: Vec<u8>,
    pub piece: Option<Piece>,
    /// Without a checksum, which UDP over IPv4 permits.
    pub unsummed: bool,
    /// IPv4 identification.
    pub identification: [u8; 2],
    /// The last two bytes of IPv6's flow label.
    pub label: [u8; 2],
    /// Bytes in place of the transport header and payload.
    pub body: Option<Vec<u8>>,
}

impl Packet {
    /// From the client to `destination`, 32 bytes of payload.
    pub fn client(protocol: u8, destination: impl Into<Place>) -> Self {
        let Place { address, port } = destination.into();
        Self {
            destination_mac: NODE1_MAC,
            source_mac: CLIENT_MAC,
            tags: Vec::new(),
            source: if address.is_v4() { Address::v4(CLIENT) } else { CLIENT_V6 },
            destination: address,
            protocol,
            source_port: CLIENT_PORT,
            destination_port: port,
            flags: ACK,
            payload: (0..32).collect(),
            ttl: 64,
            class: 0,
            options: Vec::new(),
            piece: None,
            unsummed: false,
            identification: [0x12, 0x34],
            label: [0x12, 0x34],
            body: None,
        }
    }

    pub fn tcp(destination: impl Into<Place>) -> Self {
        Self::client(PROTO_TCP, destination)
    }

    pub fn udp(destination: impl Into<Place>) -> Self {
        Self::client(PROTO_UDP, destination)
    }

    pub fn macs(self, destination_mac: [u8; 6], source_mac: [u8; 6]) -> Self {
        Self { destination_mac, source_mac, ..self }
    }

    pub fn from(self, source: impl Into<Place>) -> Self {
        let Place { address, port } = source.into();
        Self { source: address, source_port: port, ..self }
    }

    pub fn to(self, destination: impl Into<Place>) -> Self {
        let Place { address, port } = destination.into();
        Self { destination: address, destination_port: port, ..self }
    }

    /// After one more hop.
    pub fn hop(self) -> Self {
        Self { ttl: self.ttl - 1, ..self }
    }

    pub fn flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    pub fn class(self, class: u8) -> Self {
        Self { class, ..self }
    }

    pub fn payload(self, payload: Vec<u8>) -> Self {
        Self { payload, ..self }
    }

    pub fn options(self, options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    pub fn tagged(mut self, protocol: u16, vid: u16) -> Self {
        self.tags.push((protocol, vid));
        self
    }

    /// A fragment; one that is not the first has no transport header.
    pub fn piece(self, offset: u16, more: bool) -> Self {
        let body = (offset != 0).then(|| vec![0x33; 32]);
        Self { piece: Some(Piece { offset, more }), body, ..self }
    }

    pub fn unsummed(self) -> Self {
        Self { unsummed: true, ..self }
    }

    /// The key under which the program records the flow.
    pub fn key(&self) -> FlowKey {
        FlowKey {
            source: self.source,
            destination: self.destination,
            source_port: self.source_port,
            destination_port: self.destination_port,
            protocol: u32::from(self.protocol),
        }
    }

    /// The whole frame.
    pub fn build(&self) -> Vec<u8> {
        self.frame(&self.ip())
    }

    /// A frame with these MAC addresses and tags around another packet.
    pub fn frame(&self, packet: &[u8]) -> Vec<u8> {
        let kind = if packet[0] >> 4 == 4 { eth::TYPE_IPV4 } else { eth::TYPE_IPV6 };
        let mut frame = ethernet(self.destination_mac, self.source_mac, &self.tags, kind);
        frame.extend_from_slice(packet);
        frame
    }

    /// The IP packet.
    pub fn ip(&self) -> Vec<u8> {
        let body = self.body.clone().unwrap_or_else(|| self.transport());
        if self.source.is_v4() { self.ip_v4(&body) } else { self.ip_v6(&body) }
    }

    fn ip_v4(&self, body: &[u8]) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let fragment = self.piece.map_or(DONT_FRAGMENT, |piece| {
            piece.offset | if piece.more { MORE_FRAGMENTS } else { 0 }
        });
        let mut header = vec![0x40 | (header_len / 4) as u8, self.class];
        header.extend(((header_len + body.len()) as u16).to_be_bytes());
        header.extend(self.identification);
        header.extend(fragment.to_be_bytes());
        header.extend([self.ttl, self.protocol, 0, 0]);
        header.extend(self.source.low());
        header.extend(self.destination.low());
        header.extend(&self.options);
        let sum = checksum::compute(0, &header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header.extend(body);
        header
    }

    fn ip_v6(&self, body: &[u8]) -> Vec<u8> {
        let mut extension = Vec::new();
        if let Some(piece) = self.piece {
            extension.extend([self.protocol, 0]);
            extension.extend((piece.offset << 3 | u16::from(piece.more)).to_be_bytes());
            extension.extend([0xaa, 0xbb, 0xcc, 0xdd]);
        }
        let next = if extension.is_empty() { self.protocol } else { 44 };
        let mut packet =
            vec![0x60 | self.class >> 4, self.class << 4, self.label[0], self.label[1]];
        packet.extend(((extension.len() + body.len()) as u16).to_be_bytes());
        packet.extend([next, self.ttl]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(extension);
        packet.extend(body);
        packet
    }

    fn transport(&self) -> Vec<u8> {
        let mut body = self.source_port.to_be_bytes().to_vec();
        body.extend(self.destination_port.to_be_bytes());
        let at = if self.protocol == PROTO_UDP {
            body.extend(((8 + self.payload.len()) as u16).to_be_bytes());
            body.extend([0, 0]);
            6
        } else {
            body.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
            16
        };
        body.extend(&self.payload);
        if !self.unsummed {
            let mut sum = checksum::compute(self.pseudo_header(body.len()), &body);
            if self.protocol == PROTO_UDP && sum == 0 {
                sum = 0xffff;
            }
            body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        body
    }

    fn pseudo_header(&self, len: usize) -> u64 {
        if self.source.is_v4() {
            checksum::pseudo_header(
                self.source.low(),
                self.destination.low(),
                self.protocol,
                len as u16,
            )
        } else {
            checksum::pseudo_header_v6(&self.source, &self.destination, self.protocol, len as u32)
        }
    }

    /// An ICMP error about this packet, from `router` to its sender, quoting its first `len` bytes.
    pub fn error(&self, router: Address, kind: u8, code: u8, rest: [u8; 4], len: usize) -> Self {
        let mut quoted = self.ip();
        quoted.truncate(len);
        let protocol = if router.is_v4() { PROTO_ICMP } else { NEXT_ICMPV6 };
        let mut error = Self::client(protocol, Place { address: self.source, port: 0 });
        error.source = router;
        let mut body = vec![kind, code, 0, 0];
        body.extend(rest);
        body.extend(quoted);
        let initial = if router.is_v4() { 0 } else { error.pseudo_header(body.len()) };
        let sum = checksum::compute(initial, &body);
        body[2..4].copy_from_slice(&sum.to_be_bytes());
        Self { body: Some(body), ..error }
    }
}

/// An address and a port.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub address: Address,
    pub port: u16,
}

impl From<([u8; 4], u16)> for Place {
    fn from((address, port): ([u8; 4], u16)) -> Self {
        Self { address: Address::v4(address), port }
    }
}

impl From<(Address, u16)> for Place {
    fn from((address, port): (Address, u16)) -> Self {
        Self { address, port }
    }
}

/// An outer header around `inner`, as RFC 2003 and 2473 have it.
pub fn outer(
    source: Address,
    destination: Address,
    class: u8,
    flow_label: u32,
    inner: &[u8],
) -> Vec<u8> {
    let protocol = if inner[0] >> 4 == 4 { 4 } else { 41 };
    let mut packet = Vec::new();
    if destination.is_v4() {
        packet.extend([0x45, class]);
        packet.extend(((20 + inner.len()) as u16).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(source.low());
        packet.extend(destination.low());
        let sum = checksum::compute(0, &packet);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        let first = 6 << 28 | u32::from(class) << 20 | (flow_label & 0xf_ffff);
        packet.extend(first.to_be_bytes());
        packet.extend((inner.len() as u16).to_be_bytes());
        packet.extend([protocol, 64]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
    }
    packet.extend(inner);
    packet
}
