//! The frames of a bench, as written by `vrrp-ebpf/src/bench/frames.rs`.

use vrrp_common::ip::Address;
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

use super::Object;
use crate::rows::flow::{ACK, Packet};
use crate::rows::world::{DNS_PORT, VIP_V6, VIP1, WEB_PORT, WEB_V6_PORT};

/// Length of an IPv4 frame, and of an IPv6 frame and a template.
pub const LEN: usize = 64;
const LEN_V6: usize = 80;
/// Offsets before the payload: Ethernet and IP, then TCP or UDP.
const NETWORK: usize = 14;
const HEADER: usize = 20;
const HEADER_V6: usize = 40;
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
/// Clients are this address and the 2,097,151 after it, over IPv6 behind a prefix.
const CLIENTS: [u8; 4] = [10, 128, 0, 0];
const PREFIX: [u8; 12] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 1];
/// The lowest source port.
const PORTS: u16 = 0x8000;

/// Bits of the generator's last setting, as in `frames.rs`.
const LONG: u32 = 1;
const PLAIN: u32 = 2;
const HEAD_SHIFT: u32 = 8;
const CUT_SHIFT: u32 = 16;
const LEN_SHIFT: u32 = 24;

/// A change of a frame's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reshaped {
    /// Bytes put before it.
    pub head: u8,
    /// Bytes taken from its end.
    pub cut: u8,
}

impl Reshaped {
    /// No change.
    pub const NOT: Self = Self { head: 0, cut: 0 };

    fn bits(self) -> u32 {
        u32::from(self.head) << HEAD_SHIFT | u32::from(self.cut) << CUT_SHIFT
    }
}

/// The generated packets: one of each flow in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    pub protocol: u8,
    /// A power of two.
    pub flows: u32,
    pub destination: Address,
    pub port: u16,
    /// TCP flags.
    pub flags: u8,
    /// The measured program reshapes the packet so, and the reset undoes it.
    pub reshaped: Reshaped,
}

impl Traffic {
    /// Packets of established flows to the first virtual address's service.
    pub fn v4(protocol: u8, flows: u32) -> Self {
        let port = if protocol == PROTO_TCP { WEB_PORT } else { DNS_PORT };
        Self {
            protocol,
            flows,
            destination: Address::v4(VIP1),
            port,
            flags: ACK,
            reshaped: Reshaped::NOT,
        }
    }

    /// Likewise over IPv6.
    pub fn v6(protocol: u8, flows: u32) -> Self {
        let port = if protocol == PROTO_TCP { WEB_V6_PORT } else { DNS_PORT };
        Self { destination: VIP_V6, port, ..Self::v4(protocol, flows) }
    }

    pub fn flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// The measured program puts this many bytes before a frame.
    pub fn behind(self, head: u8) -> Self {
        Self { reshaped: Reshaped { head, cut: 0 }, ..self }
    }

    /// The packet of the first flow.
    pub fn packet(&self) -> Packet {
        let header = if self.protocol == PROTO_UDP { UDP_HEADER } else { TCP_HEADER };
        let payload = self.len() - self.transport() - header;
        Packet::client(self.protocol, (self.destination, self.port))
            .from((self.client(CLIENTS), PORTS))
            .flags(self.flags)
            .payload((0..payload as u8).collect())
    }

    /// The packet of the flow with this number.
    pub fn nth(&self, number: u32) -> Packet {
        let scrambled = (number & (self.flows - 1)).wrapping_mul(0x9e37_79b1);
        let client = u32::from_be_bytes(CLIENTS) + (scrambled >> 11);
        self.packet().from((self.client(client.to_be_bytes()), PORTS | scrambled as u16))
    }

    pub fn first(&self) -> Vec<u8> {
        self.packet().build()
    }

    fn client(&self, [a, b, c, d]: [u8; 4]) -> Address {
        if self.destination.is_v4() {
            return Address::v4([a, b, c, d]);
        }
        let mut octets = [a; 16];
        octets[..12].copy_from_slice(&PREFIX);
        octets[12..].copy_from_slice(&[a, b, c, d]);
        Address::v6(octets)
    }

    fn len(&self) -> usize {
        if self.destination.is_v4() { LEN } else { LEN_V6 }
    }

    fn transport(&self) -> usize {
        NETWORK + if self.destination.is_v4() { HEADER } else { HEADER_V6 }
    }

    /// Configures the generator to make these and to send them out of `ifindex`.
    pub fn load(&self, object: &mut Object, ifindex: u32) {
        // The checksum over everything except the client: the complement of the checksum that a
        // packet without client address and port would have.
        let without_client = self.packet().from((self.client([0; 4]), 0)).build();
        let sum_at = self.transport() + if self.protocol == PROTO_UDP { 6 } else { 16 };
        let summed = |at: usize| {
            u32::from(!u16::from_be_bytes([without_client[at], without_client[at + 1]]))
        };
        let settings = [
            ifindex,
            self.flows - 1,
            u32::from_be_bytes(CLIENTS),
            self.transport() as u32,
            sum_at as u32,
            summed(NETWORK + 10),
            summed(sum_at),
            self.reshaped.bits(),
        ];
        load(object, &without_client, settings);
    }
}

/// Makes the generator write this frame, and send it out of `ifindex` if frames are sent.
pub fn load_one(object: &mut Object, ifindex: u32, frame: &[u8], reshaped: Reshaped) {
    load(object, frame, [ifindex, 0, 0, 0, 0, 0, 0, PLAIN | reshaped.bits()]);
}

/// For a frame of another length, only the bytes that an IPv4 frame has are written.
fn load(object: &mut Object, frame: &[u8], mut settings: [u32; 8]) {
    let mut template = [0; LEN_V6];
    let len = frame.len().min(LEN_V6);
    template[..len].copy_from_slice(&frame[..len]);
    settings[7] |= (frame.len() as u32) << LEN_SHIFT;
    if len == LEN_V6 {
        settings[7] |= LONG;
    }
    object.array::<[u8; LEN_V6]>("TEMPLATE").set(0, template, 0).expect("in range");
    object.array::<[u32; 8]>("SETTINGS").set(0, settings, 0).expect("in range");
}
