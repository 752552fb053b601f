//! VRRP adverts: version 2 (RFC 3768 section 5.3, authentication RFC 2338) and version 3 (RFC 9568
//! section 5.1), over IPv4 and IPv6.
//!
//! ```text
//!  v2: |Vers|Type| VRID | Priority | Count | AuthType | AdverInt | Checksum |
//!      addresses 4n | authentication 8 |
//!  v3: |Vers|Type| VRID | Priority | Count | 0 | MaxAdverInt (12 bits) | Checksum |
//!      addresses 4n or 16n |
//! ```
//!
//! Either version may be followed by an authentication trailer ([`trailer`]), which is not part of
//! the length that the address count gives. Over IPv4 the checksum omits it too. Over IPv6 the
//! checksum covers it: senders and receivers leave that checksum to the kernel (RFC 3542 section
//! 3.1), which does not know the trailer.

use crate::ip::Address;
use crate::packet::Packet;
use crate::reason::Reason;
use crate::wire::checksum;
use crate::wire::ipv4::PROTO_VRRP;
use crate::wire::trailer;

pub const GROUP: [u8; 4] = [224, 0, 0, 18];
/// ff02::12.
pub const GROUP_V6: Address =
    Address::v6([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12]);
pub const TTL: u8 = 255;
/// Priority of a release: the master stops (RFC 9568 section 5.2.4).
pub const PRIORITY_RELEASE: u8 = 0;
/// Priority of the address owner.
pub const PRIORITY_OWNER: u8 = 255;
pub const AUTH_NONE: u8 = 0;
pub const AUTH_PASS: u8 = 1;
const AUTH_AH: u8 = 2;

const TYPE_ADVERTISEMENT: u8 = 1;
const HEADER_LEN: usize = 8;
const AUTH_LEN: usize = 8;
/// Offsets of the VRID and of the checksum, the same in both versions.
pub const VRID_AT: usize = 1;
pub const CHECKSUM_AT: usize = 6;
/// Addresses of an IPv6 advert that fit an MTU of 1500 bytes. Messages with more are refused.
pub const MAX_COUNT_V6: u8 = 90;
/// The longest message without a trailer: over IPv6, with 90 addresses. Over IPv4, 255 addresses
/// and the authentication data are shorter.
pub const MAX_LEN: usize = HEADER_LEN + MAX_COUNT_V6 as usize * 16;
const _: () = assert!(MAX_LEN + trailer::LEN <= crate::packet::MAX_SUMMED);

/// Hundredths of a second: the unit of version 3 on the wire. Only this file and its callers'
/// boundaries use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Centis(pub u16);

impl Centis {
    pub const fn as_micros(self) -> u64 {
        self.0 as u64 * 10_000
    }

    pub const fn as_nanos(self) -> u64 {
        self.as_micros() * 1_000
    }

    /// From microseconds, rounded down and capped at the field's 4095 (40.95 s); version 2 allows
    /// up to 255 s.
    pub const fn from_micros(micros: u64) -> Self {
        let centis = micros / 10_000;
        Self(if centis > u16::MAX as u64 { u16::MAX } else { centis as u16 })
    }
}

/// The IP header of a message, as far as the message's length and checksum depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    V4 { source: [u8; 4], destination: [u8; 4] },
    V6 { source: Address, destination: Address },
}

impl Carrier {
    /// Bytes of one address in the message.
    #[inline(always)]
    const fn address_len(&self) -> usize {
        match self {
            Carrier::V4 { .. } => 4,
            Carrier::V6 { .. } => 16,
        }
    }

    #[inline(always)]
    fn pseudo_header(&self, len: usize) -> u64 {
        match self {
            &Carrier::V4 { source, destination } => {
                checksum::pseudo_header(source, destination, PROTO_VRRP, len as u16)
            }
            Carrier::V6 { source, destination } => {
                checksum::pseudo_header_v6(source, destination, PROTO_VRRP, len as u32)
            }
        }
    }
}

/// A well-formed advert (RFC 9568 section 7.1 up to the checksum), not yet matched with a virtual
/// router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advert {
    pub version: u8,
    pub vrid: u8,
    pub priority: u8,
    /// Number of addresses that follow the header.
    pub count: u8,
    pub interval: Centis,
    /// Version 2: [`AUTH_NONE`], [`AUTH_PASS`] or the received value; version 3: 0.
    pub auth_type: u8,
    /// Version 2: the authentication data; version 3: zeros.
    pub auth_data: [u8; 8],
    /// Version 3 with a checksum that omits the pseudo-header (RFC 9568 section 5.2.8).
    pub message_only: bool,
    /// An authentication trailer follows the message.
    pub trailer: bool,
}

/// Whether a standard has ever defined this authentication type.
#[inline(always)]
pub const fn is_known_auth(auth_type: u8) -> bool {
    auth_type <= AUTH_AH
}

/// Parses the message of `len` bytes at `offset`.
///
/// # Errors
/// The first violated rule: length, version, type, exact length, checksum, in this order.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    len: usize,
    carrier: &Carrier,
) -> Result<Advert, Reason> {
    if len < HEADER_LEN {
        return Err(Reason::Length);
    }
    let header = packet.bytes::<HEADER_LEN>(offset).ok_or(Reason::Length)?;
    let version = header[0] >> 4;
    let over_v6 = matches!(carrier, Carrier::V6 { .. });
    if version != 3 && (version != 2 || over_v6) {
        return Err(Reason::Version);
    }
    if header[0] & 0x0f != TYPE_ADVERTISEMENT {
        return Err(Reason::Type);
    }
    let count = header[3];
    if over_v6 && count > MAX_COUNT_V6 {
        return Err(Reason::Length);
    }
    let body = HEADER_LEN + usize::from(count) * carrier.address_len();
    let expected = if version == 2 { body + AUTH_LEN } else { body };
    // A length below the minimum wraps to a very large number.
    let extra = len.wrapping_sub(expected);
    if extra > trailer::LEN {
        return Err(Reason::Length);
    }
    let extra = packet.bounded(extra);
    if extra != 0 && extra != trailer::LEN {
        return Err(Reason::Length);
    }
    let covered = packet.bounded(if over_v6 { len } else { expected });
    let sum = packet.sum(offset, covered).ok_or(Reason::Length)?;
    // Over IPv6 the checksum always covers the pseudo-header (RFC 9568 section 5.2.8).
    let message_only = !over_v6 && checksum::is_valid(sum);
    if !message_only && (version == 2 || !checksum::is_valid(sum + carrier.pseudo_header(covered)))
    {
        return Err(Reason::Checksum);
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
        trailer: packet.bounded(extra) != 0,
    })
}

/// The `index`-th address, of `N` bytes, of a message at `offset`.
#[inline(always)]
pub fn address<P: Packet + ?Sized, const N: usize>(
    packet: &P,
    offset: usize,
    index: u8,
) -> Option<[u8; N]> {
    packet.bytes(offset + HEADER_LEN + usize::from(index) * N)
}

/// The coverage of a version 3 checksum. Over IPv6 it always includes the pseudo-header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    MessageOnly,
    PseudoHeader(Carrier),
}

/// Writes a version 2 message and returns its length; `None` if `buffer` is too short or there are
/// more than 255 addresses.
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

/// Writes a version 3 message with addresses of `N` bytes and returns its length; `None` as for
/// [`emit_v2`]. The interval is capped at 4095.
pub fn emit_v3<const N: usize>(
    buffer: &mut [u8],
    vrid: u8,
    priority: u8,
    interval: Centis,
    coverage: Coverage,
    addresses: &[[u8; N]],
) -> Option<usize> {
    let [high, low] = interval.0.min(0x0fff).to_be_bytes();
    let body = emit_body(buffer, [0x31, vrid, priority, 0, high, low, 0, 0], addresses)?;
    let message = buffer.get_mut(..body)?;
    let initial = match coverage {
        Coverage::MessageOnly => 0,
        Coverage::PseudoHeader(carrier) => carrier.pseudo_header(body),
    };
    set_checksum(message, initial);
    Some(body)
}

/// Corrects the checksum of a message for the trailer that was written after it.
pub fn cover_trailer(message: &mut [u8], carrier: &Carrier) {
    let over_v6 = matches!(carrier, Carrier::V6 { .. });
    if over_v6 && let Some(field) = message.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) {
        field.fill(0);
        set_checksum(message, carrier.pseudo_header(message.len()));
    }
}

fn emit_body<const N: usize>(
    buffer: &mut [u8],
    mut header: [u8; HEADER_LEN],
    addresses: &[[u8; N]],
) -> Option<usize> {
    header[3] = u8::try_from(addresses.len()).ok()?;
    let body = HEADER_LEN + addresses.len() * N;
    let (head, list) = buffer.get_mut(..body)?.split_at_mut(HEADER_LEN);
    head.copy_from_slice(&header);
    for (slot, address) in list.chunks_exact_mut(N).zip(addresses) {
        slot.copy_from_slice(address);
    }
    Some(body)
}

fn set_checksum(message: &mut [u8], initial: u64) {
    let sum = checksum::compute(initial, message);
    message[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The MAC address of a virtual router (RFC 9568 section 7.3): 00:00:5e:00:01 for IPv4,
/// 00:00:5e:00:02 for IPv6, then the VRID.
#[inline(always)]
pub const fn virtual_mac(over_v6: bool, vrid: u8) -> [u8; 6] {
    [0x00, 0x00, 0x5e, 0x00, if over_v6 { 2 } else { 1 }, vrid]
}

/// Family (true for IPv6) and VRID of a virtual router's MAC address; `None` for any other.
#[inline(always)]
pub fn of_virtual_mac(mac: [u8; 6]) -> Option<(bool, u8)> {
    let prefix = u32::from_ne_bytes([mac[0], mac[1], mac[2], mac[3]]);
    if prefix != u32::from_ne_bytes([0x00, 0x00, 0x5e, 0x00]) {
        return None;
    }
    match mac[4] {
        1 => Some((false, mac[5])),
        2 => Some((true, mac[5])),
        _ => None,
    }
}
