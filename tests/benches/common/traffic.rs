//! The frames of a bench, as `vrrp-ebpf/src/bench/frames.rs` makes them.

use vrrp_common::wire::checksum;
use vrrp_common::wire::ipv4::PROTO_UDP;

use super::Object;
use crate::rows::world::{CLIENT_MAC, NODE1_MAC};

/// Length of an IPv4 frame.
pub const LEN: usize = 64;
/// Length of a template: of an IPv6 frame.
const TEMPLATE_LEN: usize = 80;
pub const IP: usize = 14;
pub const L4: usize = 34;
/// Clients are this address and the 131,071 after it.
pub const CLIENTS: [u8; 4] = [172, 16, 0, 0];
/// The lowest source port.
pub const PORTS: u16 = 0x8000;
pub const PORT: u16 = 80;

/// What is sent: packets of established flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    pub protocol: u8,
    /// A power of two.
    pub flows: u32,
    pub destination: [u8; 4],
}

impl Traffic {
    /// Where the checksum over the ports is.
    pub fn sum_at(&self) -> usize {
        L4 + if self.protocol == PROTO_UDP { 6 } else { 16 }
    }

    /// The frame of the first flow: a TCP acknowledgement with ten bytes, or a UDP datagram with 22.
    pub fn first(&self) -> Vec<u8> {
        let mut frame = vec![0; LEN];
        frame[..6].copy_from_slice(&NODE1_MAC);
        frame[6..12].copy_from_slice(&CLIENT_MAC);
        frame[12..14].copy_from_slice(&[8, 0]);
        let mut put = |at: usize, bytes: &[u8]| frame[at..at + bytes.len()].copy_from_slice(bytes);
        put(IP, &[0x45, 0, 0, (LEN - IP) as u8, 0, 1, 0x40, 0, 64, self.protocol]);
        put(IP + 12, &CLIENTS);
        put(IP + 16, &self.destination);
        put(L4, &PORTS.to_be_bytes());
        put(L4 + 2, &PORT.to_be_bytes());
        if self.protocol == PROTO_UDP {
            put(L4 + 4, &((LEN - L4) as u16).to_be_bytes());
        } else {
            // Sequence 1, acknowledges 1, no options, ACK, window.
            put(L4 + 4, &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff]);
        }
        seal(&mut frame, self.sum_at());
        frame
    }

    /// Tells the generator to make these, and to send them by `ifindex`.
    pub fn load(&self, object: &mut Object, ifindex: u32) {
        let mut frame = self.first();
        for variable in [IP + 10..IP + 16, L4..L4 + 2, self.sum_at()..self.sum_at() + 2] {
            frame[variable].fill(0);
        }
        // The one's complement sum of what stays the same: not of the complement, which goes into the frame.
        let same = |initial, bytes: &[u8]| u32::from(!checksum::compute(initial, bytes));
        let pseudo = checksum::pseudo_header([0; 4], self.destination, self.protocol, (LEN - L4) as u16);
        let settings: [u32; 8] = [
            ifindex,
            self.flows - 1,
            u32::from_be_bytes(CLIENTS),
            L4 as u32,
            self.sum_at() as u32,
            same(0, &frame[IP..L4]),
            same(pseudo, &frame[L4..]),
            0,
        ];
        load(object, &frame, settings);
    }
}

/// Tells what makes frames what to make them from, and how.
pub fn load(object: &mut Object, frame: &[u8], settings: [u32; 8]) {
    let mut template = [0; TEMPLATE_LEN];
    template[..LEN].copy_from_slice(frame);
    object.array::<[u8; TEMPLATE_LEN]>("TEMPLATE").set(0, template, 0).expect("in range");
    object.array::<[u32; 8]>("SETTINGS").set(0, settings, 0).expect("in range");
}

/// Writes the checksums; the one over the ports stands at `sum_at`.
pub fn seal(frame: &mut [u8], sum_at: usize) {
    let protocol = frame[IP + 9];
    let [source, destination] = [12, 16].map(|at| *frame[IP + at..].first_chunk::<4>().expect("a header"));
    frame[IP + 10..IP + 12].fill(0);
    let sum = checksum::compute(0, &frame[IP..L4]);
    frame[IP + 10..IP + 12].copy_from_slice(&sum.to_be_bytes());
    frame[sum_at..sum_at + 2].fill(0);
    let pseudo = checksum::pseudo_header(source, destination, protocol, (frame.len() - L4) as u16);
    let sum = checksum::compute(pseudo, &frame[L4..]);
    frame[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
}
