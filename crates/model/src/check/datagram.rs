//! Checks by datagrams: UDP, and DNS over it.

use std::fmt;
use std::ops::RangeInclusive;

use crate::choice::choice;

/// A datagram is sent. Without `reply` its port must not be reported as closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpCheck {
    pub port: Option<u16>,
    /// What is sent, without variable digits; not empty.
    pub payload: HexBytes,
    pub reply: Option<UdpReply>,
}

/// The datagram that must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpReply {
    /// How it begins, as far as it is long.
    pub begins: HexBytes,
    pub length: RangeInclusive<u16>,
}

/// Bytes in hexadecimal digits, some of which may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HexBytes {
    /// A byte and the mask of the bits that count; the byte's other bits are 0.
    bytes: Vec<(u8, u8)>,
}

/// A question of DNS, which is answered without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsCheck {
    pub port: Option<u16>,
    /// Labels of 1 to 63 bytes, with or without a dot at the end; `.` is the root.
    pub name: String,
    pub record: DnsRecord,
}

choice! {
    /// The type of record that is asked for.
    #[derive(Default)]
    pub enum DnsRecord {
        A = "A",
        Ns = "NS",
        Cname = "CNAME",
        #[default]
        Soa = "SOA",
        Mx = "MX",
        Txt = "TXT",
        Aaaa = "AAAA",
        Rrsig = "RRSIG",
        Dnskey = "DNSKEY",
    }
}

impl UdpCheck {
    /// What is sent where nothing is written.
    pub const PAYLOAD: &'static [u8] = b"vrrp-agent";
}

impl UdpReply {
    /// keepalived's.
    pub const LENGTH: RangeInclusive<u16> = 0..=255;

    pub fn is(&self, datagram: &[u8]) -> bool {
        let long = usize::from(*self.length.start())..=usize::from(*self.length.end());
        let begins = datagram.iter().zip(&self.begins.bytes);
        long.contains(&datagram.len())
            && begins.into_iter().all(|(byte, (wanted, mask))| byte & mask == *wanted)
    }
}

impl HexBytes {
    /// As keepalived reads them: pairs of digits, a single one at the end of a group being a byte
    /// of its own; `x` is a digit that may be anything. `None` for other characters.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Vec::new();
        for group in text.split_whitespace() {
            for pair in group.as_bytes().chunks(2) {
                let mut byte = (0, 0);
                for digit in pair {
                    let (value, mask) = match digit {
                        b'x' | b'X' => (0, 0),
                        digit => (char::from(*digit).to_digit(16)? as u8, 0x0f),
                    };
                    byte = (byte.0 << 4 | value, byte.1 << 4 | mask);
                }
                // A digit that is not written is 0.
                if pair.len() == 1 {
                    byte.1 |= 0xf0;
                }
                bytes.push(byte);
            }
        }
        Some(Self { bytes })
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether no digit may be anything.
    pub fn is_exact(&self) -> bool {
        self.bytes.iter().all(|(_, mask)| *mask == 0xff)
    }

    /// Digits that may be anything as 0.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.iter().map(|(byte, _)| *byte).collect()
    }
}

impl From<&[u8]> for HexBytes {
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.iter().map(|byte| (*byte, 0xff)).collect() }
    }
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (byte, mask) in &self.bytes {
            for shift in [4, 0] {
                match mask >> shift & 0x0f {
                    0 => f.write_str("x")?,
                    _ => write!(f, "{:x}", byte >> shift & 0x0f)?,
                }
            }
        }
        Ok(())
    }
}

impl DnsRecord {
    /// Its number in the question (RFC 1035 section 3.2.2).
    pub const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Rrsig => 46,
            Self::Dnskey => 48,
        }
    }
}
