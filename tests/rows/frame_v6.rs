//! IPv6 frames of the rows: a whole golden one, changed in one place.

use vrrp_common::ip::Address;
use vrrp_common::wire::vrrp::{self, Carrier, Centis, Coverage, GROUP_V6};
use vrrp_common::wire::{checksum, eth, ipv4, ipv6};

use super::frame::ethernet;
use super::world::{
    CLIENT_MAC, CLIENT_V6, NODE1_MAC, NODE2_MAC, NODE2_V6, VIP_V6, VIP_V6_LOCAL, VRID1,
};

const GROUP_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 0x12];

/// A frame in parts; [`Frame6::build`] computes the payload length unless it was set explicitly.
#[derive(Clone)]
pub struct Frame6 {
    destination_mac: [u8; 6],
    source_mac: [u8; 6],
    tags: Vec<(u16, u16)>,
    source: Address,
    destination: Address,
    hop_limit: u8,
    /// Next header of the fixed header, and the extension headers as bytes.
    next: u8,
    extensions: Vec<u8>,
    payload_len: Option<u16>,
    body: Vec<u8>,
}

impl Frame6 {
    /// Node 2's advert for the IPv6 virtual router: VRID 51, version 3, priority 99, 100 cs.
    pub fn advert() -> Self {
        Self::advert_of(&[VIP_V6_LOCAL.octets(), VIP_V6.octets()])
    }

    pub fn advert_of(addresses: &[[u8; 16]]) -> Self {
        let mut buffer = [0xa5; vrrp::MAX_LEN];
        let coverage =
            Coverage::PseudoHeader(Carrier::V6 { source: NODE2_V6, destination: GROUP_V6 });
        let len =
            vrrp::emit_v3(&mut buffer, VRID1, 99, Centis(100), coverage, addresses).expect("fits");
        Frame6 {
            destination_mac: GROUP_MAC,
            source_mac: NODE2_MAC,
            tags: Vec::new(),
            source: NODE2_V6,
            destination: GROUP_V6,
            hop_limit: 255,
            next: ipv4::PROTO_VRRP,
            extensions: Vec::new(),
            payload_len: None,
            body: buffer[..len].to_vec(),
        }
    }

    /// A client's packet of protocol `next`: sixteen bytes from port 40000 to port 80.
    pub fn client(next: u8, destination: Address) -> Self {
        let mut body = vec![0x5a; 16];
        body[..4].copy_from_slice(&[0x9c, 0x40, 0, 80]);
        Frame6 {
            destination_mac: NODE1_MAC,
            source_mac: CLIENT_MAC,
            source: CLIENT_V6,
            destination,
            hop_limit: 64,
            next,
            body,
            ..Self::advert()
        }
    }

    /// A neighbour solicitation for `target`, with the sender's link-layer address unless the
    /// source is unspecified.
    pub fn solicitation(source: Address, target: Address) -> Self {
        let mut body = vec![135, 0, 0, 0, 0, 0, 0, 0];
        body.extend(target.octets());
        if !source.is_unspecified_v6() {
            body.extend([1, 1]);
            body.extend(CLIENT_MAC);
        }
        let [.., a, b, c] = target.octets();
        let mut group = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0];
        group[13..].copy_from_slice(&[a, b, c]);
        let frame = Frame6 {
            destination_mac: [0x33, 0x33, 0xff, a, b, c],
            source,
            destination: Address::v6(group),
            hop_limit: 255,
            body,
            ..Self::client(ipv6::NEXT_ICMPV6, target)
        };
        frame.seal(2)
    }

    pub fn destination_mac(self, destination_mac: [u8; 6]) -> Self {
        Self { destination_mac, ..self }
    }

    pub fn source_mac(self, source_mac: [u8; 6]) -> Self {
        Self { source_mac, ..self }
    }

    pub fn tagged(mut self, protocol: u16, tci: u16) -> Self {
        self.tags.push((protocol, tci));
        self
    }

    pub fn hop_limit(self, hop_limit: u8) -> Self {
        Self { hop_limit, ..self }
    }

    /// Sent from another address; the checksum is recomputed.
    pub fn source(self, source: Address) -> Self {
        Self { source, ..self }.seal(6)
    }

    pub fn destination(self, destination: Address) -> Self {
        Self { destination, ..self }.seal(6)
    }

    pub fn payload_len(self, bytes: u16) -> Self {
        Self { payload_len: Some(bytes), ..self }
    }

    /// Puts extension headers before the message; `next` is what the fixed header names.
    pub fn behind(self, next: u8, extensions: &[u8]) -> Self {
        Self { next, extensions: extensions.to_vec(), ..self }
    }

    /// Sets bytes of the message and keeps the old checksum.
    pub fn corrupt(mut self, at: usize, bytes: &[u8]) -> Self {
        self.body[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Sets bytes of the advert; the checksum is correct.
    pub fn set(self, at: usize, bytes: &[u8]) -> Self {
        self.corrupt(at, bytes).seal(6)
    }

    /// Cuts or lengthens the advert; the checksum is correct.
    pub fn resize(mut self, len: usize) -> Self {
        self.body.resize(len, 0);
        if len < 8 { self } else { self.seal(6) }
    }

    /// Lengthens the packet beyond the checksum's coverage.
    pub fn trailing(mut self, len: usize) -> Self {
        self.body.resize(self.body.len() + len, 0);
        self
    }

    /// The checksum of the message alone, which version 3 permits over IPv4.
    pub fn seal_without_pseudo_header(mut self) -> Self {
        self.body[6..8].fill(0);
        let sum = checksum::compute(0, &self.body);
        self.body[6..8].copy_from_slice(&sum.to_be_bytes());
        self
    }

    fn seal(mut self, at: usize) -> Self {
        let next = if at == 2 { ipv6::NEXT_ICMPV6 } else { ipv4::PROTO_VRRP };
        self.body[at..at + 2].fill(0);
        let pseudo = checksum::pseudo_header_v6(
            &self.source,
            &self.destination,
            next,
            self.body.len() as u32,
        );
        let sum = checksum::compute(pseudo, &self.body);
        self.body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut frame = ethernet(self.destination_mac, self.source_mac, &self.tags, eth::TYPE_IPV6);
        let len = self.payload_len.unwrap_or((self.extensions.len() + self.body.len()) as u16);
        frame.extend([0x60, 0, 0, 0]);
        frame.extend(len.to_be_bytes());
        frame.extend([self.next, self.hop_limit]);
        frame.extend(self.source.octets());
        frame.extend(self.destination.octets());
        frame.extend_from_slice(&self.extensions);
        frame.extend_from_slice(&self.body);
        frame
    }
}

/// The frame that answers `asker`'s solicitation: `target` is at `mac`.
pub fn neighbour_answer(
    mac: [u8; 6],
    target: Address,
    asker_mac: [u8; 6],
    asker: Address,
) -> Vec<u8> {
    let solicited = !asker.is_unspecified_v6();
    let mut body = vec![136, 0, 0, 0, if solicited { 0xe0 } else { 0xa0 }, 0, 0, 0];
    body.extend(target.octets());
    body.extend([2, 1]);
    body.extend(mac);
    let all_nodes = Address::v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let answer = Frame6 {
        destination_mac: if solicited { asker_mac } else { [0x33, 0x33, 0, 0, 0, 1] },
        source_mac: mac,
        source: target,
        destination: if solicited { asker } else { all_nodes },
        hop_limit: 255,
        body,
        ..Frame6::client(ipv6::NEXT_ICMPV6, target)
    };
    let mut frame = answer.seal(2).build();
    // Class 0xc0, as adverts.
    frame[14] = 0x6c;
    frame
}
