//! Frames of the rows: a whole golden one, changed in one place.

use vrrp_common::wire::vrrp::{self, Carrier, Centis, Coverage};
use vrrp_common::wire::{arp, checksum, eth, ipv4};

use super::world::{CLIENT, CLIENT_MAC, NODE2, NODE2_MAC, PASSWORD, VIP1, VIP2, VRID1, VRID2};

const GROUP_MAC: [u8; 6] = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x12];
const DF: u16 = 0x4000;

/// A frame in parts; [`Frame::build`] computes the IP header's length and checksum unless they were
/// set explicitly.
#[derive(Clone)]
pub struct Frame {
    destination: [u8; 6],
    source: [u8; 6],
    /// Tag protocol and VID of each inline tag, outermost first.
    tags: Vec<(u16, u16)>,
    ip: [u8; 20],
    options: Vec<u8>,
    /// Set explicitly: IHL and total length.
    ihl: Option<u8>,
    total_len: Option<u16>,
    body: Vec<u8>,
    padding: usize,
}

impl Frame {
    fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, ttl: u8, body: Vec<u8>) -> Self {
        let mut ip = [0; 20];
        ip[6..8].copy_from_slice(&DF.to_be_bytes());
        ip[8] = ttl;
        ip[9] = protocol;
        ip[12..16].copy_from_slice(&source);
        ip[16..20].copy_from_slice(&destination);
        Frame {
            destination: GROUP_MAC,
            source: NODE2_MAC,
            tags: Vec::new(),
            ip,
            options: Vec::new(),
            ihl: None,
            total_len: None,
            body,
            padding: 0,
        }
    }

    /// Node 2's advert for the first virtual router: VRID 51, version 2, PASS, priority 99, one
    /// second.
    pub fn v2() -> Self {
        Self::v2_of(VRID1, 99, Some(PASSWORD), &[VIP1])
    }

    pub fn v2_of(vrid: u8, priority: u8, auth: Option<[u8; 8]>, addresses: &[[u8; 4]]) -> Self {
        let mut buffer = [0xa5; vrrp::MAX_LEN];
        let len = vrrp::emit_v2(&mut buffer, vrid, priority, 1, auth, addresses).expect("fits");
        Self::ipv4(NODE2, vrrp::GROUP, ipv4::PROTO_VRRP, vrrp::TTL, buffer[..len].to_vec())
    }

    /// Node 2's advert for the second virtual router: VRID 52, version 3, priority 100, 100 cs,
    /// checksum with pseudo-header.
    pub fn v3() -> Self {
        Self::v3_of(&[VIP2], true)
    }

    pub fn v3_of(addresses: &[[u8; 4]], pseudo: bool) -> Self {
        let mut buffer = [0xa5; vrrp::MAX_LEN];
        let coverage = match pseudo {
            true => Coverage::PseudoHeader(Carrier::V4 { source: NODE2, destination: vrrp::GROUP }),
            false => Coverage::MessageOnly,
        };
        let len =
            vrrp::emit_v3(&mut buffer, VRID2, 100, Centis(100), coverage, addresses).expect("fits");
        Self::ipv4(NODE2, vrrp::GROUP, ipv4::PROTO_VRRP, vrrp::TTL, buffer[..len].to_vec())
    }

    /// A client's packet to `destination`: ports 40000 and `port`, twelve bytes of payload.
    pub fn client(protocol: u8, destination: [u8; 4], port: u16) -> Self {
        Self::flow(protocol, CLIENT, 40_000, destination, port)
    }

    pub fn flow(
        protocol: u8,
        source: [u8; 4],
        source_port: u16,
        destination: [u8; 4],
        port: u16,
    ) -> Self {
        let mut body = vec![0x5a; 16];
        body[..2].copy_from_slice(&source_port.to_be_bytes());
        body[2..4].copy_from_slice(&port.to_be_bytes());
        let frame = Self::ipv4(source, destination, protocol, 64, body);
        Frame { destination: super::world::NODE1_MAC, source: CLIENT_MAC, ..frame }
    }

    pub fn source_mac(self, source: [u8; 6]) -> Self {
        Frame { source, ..self }
    }

    pub fn destination_mac(self, destination: [u8; 6]) -> Self {
        Frame { destination, ..self }
    }

    pub fn tagged(mut self, protocol: u16, tci: u16) -> Self {
        self.tags.push((protocol, tci));
        self
    }

    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ip[8] = ttl;
        self
    }

    /// The word of flags and fragment offset.
    pub fn fragment(mut self, word: u16) -> Self {
        self.ip[6..8].copy_from_slice(&word.to_be_bytes());
        self
    }

    /// Changes the source; [`Frame::seal_pseudo`] recomputes a version 3 checksum with
    /// pseudo-header.
    pub fn source(mut self, address: [u8; 4]) -> Self {
        self.ip[12..16].copy_from_slice(&address);
        self
    }

    pub fn destination(mut self, address: [u8; 4]) -> Self {
        self.ip[16..20].copy_from_slice(&address);
        self
    }

    pub fn options(self, options: &[u8]) -> Self {
        Frame { options: options.to_vec(), ..self }
    }

    pub fn ihl(self, words: u8) -> Self {
        Frame { ihl: Some(words), ..self }
    }

    pub fn total_len(self, bytes: u16) -> Self {
        Frame { total_len: Some(bytes), ..self }
    }

    pub fn padded_to(mut self, len: usize) -> Self {
        self.padding = len;
        self
    }

    /// Sets bytes of the message and keeps the old checksum.
    pub fn corrupt(mut self, at: usize, bytes: &[u8]) -> Self {
        self.body[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Sets bytes of the message, and a correct checksum over the message alone.
    pub fn set(self, at: usize, bytes: &[u8]) -> Self {
        self.corrupt(at, bytes).seal(0)
    }

    /// Cuts or lengthens (with zeros) the message; the checksum is correct.
    pub fn resize(mut self, len: usize) -> Self {
        self.body.resize(len, 0);
        if len < 8 { self } else { self.seal(0) }
    }

    /// Lengthens the message beyond the checksum's coverage.
    pub fn trailing(mut self, len: usize) -> Self {
        self.body.resize(self.body.len() + len, 0);
        self
    }

    /// A checksum that covers the IPv4 pseudo-header too.
    pub fn seal_pseudo(self) -> Self {
        let source = self.ip[12..16].first_chunk().copied().expect("four bytes");
        let destination = self.ip[16..20].first_chunk().copied().expect("four bytes");
        self.seal_pseudo_to(source, destination)
    }

    pub fn seal_pseudo_to(self, source: [u8; 4], destination: [u8; 4]) -> Self {
        let len = self.body.len() as u16;
        self.seal(checksum::pseudo_header(source, destination, ipv4::PROTO_VRRP, len))
    }

    fn seal(mut self, initial: u64) -> Self {
        self.body[6..8].fill(0);
        let sum = checksum::compute(initial, &self.body);
        self.body[6..8].copy_from_slice(&sum.to_be_bytes());
        self
    }

    pub fn message(&self) -> &[u8] {
        &self.body
    }

    pub fn build(&self) -> Vec<u8> {
        let mut frame = ethernet(self.destination, self.source, &self.tags, eth::TYPE_IPV4);
        let header_len = self.ip.len() + self.options.len();
        let mut header = self.ip.to_vec();
        header.extend_from_slice(&self.options);
        header[0] = 0x40 | self.ihl.unwrap_or((header_len / 4) as u8);
        let total = self.total_len.unwrap_or((header_len + self.body.len()) as u16);
        header[2..4].copy_from_slice(&total.to_be_bytes());
        let sum = checksum::compute(0, &header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend_from_slice(&header);
        frame.extend_from_slice(&self.body);
        if frame.len() < self.padding {
            frame.resize(self.padding, 0);
        }
        frame
    }
}

/// A broadcast ARP frame.
pub fn arp(operation: u16, sender_mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    tagged_arp(&[], operation, sender_mac, sender, target)
}

pub fn tagged_arp(
    tags: &[(u16, u16)],
    operation: u16,
    sender_mac: [u8; 6],
    sender: [u8; 4],
    target: [u8; 4],
) -> Vec<u8> {
    let mut frame = ethernet(eth::BROADCAST, sender_mac, tags, eth::TYPE_ARP);
    frame.extend_from_slice(&arp::packet(operation, sender_mac, sender, [0; 6], target));
    frame
}

/// The ARP answer from `mac`, which has `sender`, to `target`.
pub fn arp_answer(
    tags: &[(u16, u16)],
    mac: [u8; 6],
    sender: [u8; 4],
    target_mac: [u8; 6],
    target: [u8; 4],
) -> Vec<u8> {
    let mut frame = ethernet(target_mac, mac, tags, eth::TYPE_ARP);
    frame.extend_from_slice(&arp::packet(arp::OP_REPLY, mac, sender, target_mac, target));
    frame
}

/// An Ethernet header with tags.
pub fn ethernet(
    destination: [u8; 6],
    source: [u8; 6],
    tags: &[(u16, u16)],
    ethertype: u16,
) -> Vec<u8> {
    let mut frame = [destination, source].concat();
    for (protocol, tci) in tags {
        frame.extend_from_slice(&protocol.to_be_bytes());
        frame.extend_from_slice(&tci.to_be_bytes());
    }
    frame.extend_from_slice(&ethertype.to_be_bytes());
    frame
}
