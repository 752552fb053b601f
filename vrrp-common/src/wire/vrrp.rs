//! VRRP adverts: version 2 (RFC 3768 section 5.3, authentication RFC 2338) and version 3 (RFC 9568 section 5.1), over IPv4.
//!
//! ```text
//!  v2: |Vers|Type|   VRID   | Priority | Count | AuthType | AdverInt | Checksum | addresses 4n | authentication 8 |
//!  v3: |Vers|Type|   VRID   | Priority | Count | 0 | MaxAdverInt (12 bits) | Checksum | addresses 4n |
//! ```

use crate::packet::Packet;
use crate::reason::Reason;
use crate::wire::checksum;
use crate::wire::ipv4::PROTO_VRRP;

pub const GROUP: [u8; 4] = [224, 0, 0, 18];
pub const TTL: u8 = 255;
/// Priority that says "I stop being master".
pub const PRIORITY_RELEASE: u8 = 0;
/// Priority of the address owner.
pub const PRIORITY_OWNER: u8 = 255;
pub const AUTH_NONE: u8 = 0;
pub const AUTH_PASS: u8 = 1;
const AUTH_AH: u8 = 2;

const TYPE_ADVERTISEMENT: u8 = 1;
const HEADER_LEN: usize = 8;
const AUTH_LEN: usize = 8;
/// Offset of the checksum, which both versions share.
const CHECKSUM_AT: usize = 6;
/// 255 addresses and the authentication data.
pub const MAX_LEN: usize = HEADER_LEN + 255 * 4 + AUTH_LEN;

/// Hundredths of a second: the unit of version 3 on the wire. Nothing but this file and its callers' borders use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Centis(pub u16);

impl Centis {
    pub const fn as_micros(self) -> u64 {
        self.0 as u64 * 10_000
    }

    pub const fn as_nanos(self) -> u64 {
        self.as_micros() * 1_000
    }

    /// From microseconds, rounded down and capped at the field's 4095 (40.95 s); version 2 allows up to 255 s.
    pub const fn from_micros(micros: u64) -> Self {
        let centis = micros / 10_000;
        Self(if centis > u16::MAX as u64 { u16::MAX } else { centis as u16 })
    }
}

/// An advert whose form is right (RFC 9568 section 7.1 up to the checksum); not yet matched against a virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advert {
    pub version: u8,
    pub vrid: u8,
    pub priority: u8,
    /// Number of addresses that follow the header.
    pub count: u8,
    pub interval: Centis,
    /// Version 2: [`AUTH_NONE`], [`AUTH_PASS`] or what was sent; version 3: 0.
    pub auth_type: u8,
    /// Version 2: the authentication data; version 3: zeros.
    pub auth_data: [u8; 8],
    /// Version 3 whose checksum left the pseudo-header out (RFC 9568 section 5.2.8).
    pub message_only: bool,
}

/// Whether an authentication type is one that a standard ever defined.
#[inline(always)]
pub const fn is_known_auth(auth_type: u8) -> bool {
    auth_type <= AUTH_AH
}

/// Parses the message of `len` bytes at `offset`; `source` and `destination` are those of its IPv4 header.
///
/// # Errors
/// The first rule broken: length, version, type, exact length, checksum, in this order.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    len: usize,
    source: [u8; 4],
    destination: [u8; 4],
) -> Result<Advert, Reason> {
    if len < HEADER_LEN {
        return Err(Reason::Length);
    }
    let header = packet.bytes::<HEADER_LEN>(offset).ok_or(Reason::Length)?;
    let version = header[0] >> 4;
    if version != 2 && version != 3 {
        return Err(Reason::Version);
    }
    if header[0] & 0x0f != TYPE_ADVERTISEMENT {
        return Err(Reason::Type);
    }
    let count = header[3];
    let body = HEADER_LEN + usize::from(count) * 4;
    let expected = if version == 2 { body + AUTH_LEN } else { body };
    if len != expected {
        return Err(Reason::Length);
    }
    let sum = checksum::sum_words::<P, { MAX_LEN / 4 }>(packet, offset, expected).ok_or(Reason::Length)?;
    let message_only = checksum::is_valid(sum);
    if !message_only {
        let pseudo = checksum::pseudo_header(source, destination, PROTO_VRRP, expected as u16);
        if version == 2 || !checksum::is_valid(sum + pseudo) {
            return Err(Reason::Checksum);
        }
    }
    let (auth_type, interval, auth_data) = if version == 2 {
        let data = packet.bytes(offset + body).ok_or(Reason::Length)?;
        (header[4], Centis(u16::from(header[5]) * 100), data)
    } else {
        // The high nibble is reserved and ignored (RFC 9568 section 5.2.6).
        (AUTH_NONE, Centis(u16::from_be_bytes([header[4], header[5]]) & 0x0fff), [0; AUTH_LEN])
    };
    Ok(Advert {
        version,
        vrid: header[1],
        priority: header[2],
        count,
        interval,
        auth_type,
        auth_data,
        message_only: version == 3 && message_only,
    })
}

/// The `index`-th address of a message at `offset`.
pub fn address<P: Packet + ?Sized>(packet: &P, offset: usize, index: u8) -> Option<[u8; 4]> {
    packet.bytes(offset + HEADER_LEN + usize::from(index) * 4)
}

/// What the checksum of a version 3 message over IPv4 covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    MessageOnly,
    PseudoHeader { source: [u8; 4], destination: [u8; 4] },
}

/// Writes a version 2 message and returns its length; `None` where `buffer` is too short or there are over 255 addresses.
pub fn emit_v2(
    buffer: &mut [u8],
    vrid: u8,
    priority: u8,
    seconds: u8,
    auth: Option<[u8; 8]>,
    addresses: &[[u8; 4]],
) -> Option<usize> {
    let auth_type = if auth.is_some() { AUTH_PASS } else { AUTH_NONE };
    let body = emit_body(buffer, [0x21, vrid, priority, 0, auth_type, seconds, 0, 0], addresses)?;
    let message = buffer.get_mut(..body + AUTH_LEN)?;
    message[body..].copy_from_slice(&auth.unwrap_or_default());
    set_checksum(message, 0);
    Some(message.len())
}

/// Writes a version 3 message and returns its length; `None` as for [`emit_v2`]. The interval is capped at 4095.
pub fn emit_v3(
    buffer: &mut [u8],
    vrid: u8,
    priority: u8,
    interval: Centis,
    coverage: Coverage,
    addresses: &[[u8; 4]],
) -> Option<usize> {
    let [high, low] = interval.0.min(0x0fff).to_be_bytes();
    let body = emit_body(buffer, [0x31, vrid, priority, 0, high, low, 0, 0], addresses)?;
    let message = buffer.get_mut(..body)?;
    let initial = match coverage {
        Coverage::MessageOnly => 0,
        Coverage::PseudoHeader { source, destination } => checksum::pseudo_header(source, destination, PROTO_VRRP, body as u16),
    };
    set_checksum(message, initial);
    Some(body)
}

fn emit_body(buffer: &mut [u8], mut header: [u8; HEADER_LEN], addresses: &[[u8; 4]]) -> Option<usize> {
    header[3] = u8::try_from(addresses.len()).ok()?;
    let body = HEADER_LEN + addresses.len() * 4;
    let (head, list) = buffer.get_mut(..body)?.split_at_mut(HEADER_LEN);
    head.copy_from_slice(&header);
    for (slot, address) in list.chunks_exact_mut(4).zip(addresses) {
        slot.copy_from_slice(address);
    }
    Some(body)
}

fn set_checksum(message: &mut [u8], initial: u64) {
    let sum = checksum::compute(initial, message);
    message[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
}
