//! Signatures between nodes that share keys. Pure.
//!
//! A signed datagram is a message with bit 1 of byte 8 set, followed by a random number of the
//! sender's process and the trailer that signed adverts have. Its MAC covers the same fields as
//! that of an advert. Its first byte is no VRRP version, so neither can be replayed as the other.
//! Agents before this version ignore signed datagrams.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_common::ip::Address;
use vrrp_common::wire::trailer::{self, MAC_LEN, TYPE_SHA256, Trailer};

use vrrp_election::auth::Keyring;
use vrrp_election::auth::sequence::{Sequence, Serial, UnixTime, Window};
use vrrp_model::{Hmac, HmacMode};

/// Offset of the byte with the flag for signatures.
const FLAGS_AT: usize = 8;
const SIGNED: u8 = 2;
/// Length of the sender's number in bytes.
const NUMBER_LEN: usize = 8;
/// Bytes that a signature adds to a message.
pub const LEN: usize = NUMBER_LEN + trailer::LEN;
/// The largest accepted difference between the clocks of two nodes.
const INTERVAL: Duration = Duration::from_secs(2);

/// The keys of this node's virtual routers, each set once.
pub struct Seal {
    hmacs: Vec<Hmac>,
    keyrings: Vec<Keyring>,
    /// This process's number: a datagram that returns to its sender is dropped.
    number: [u8; NUMBER_LEN],
    sequence: Sequence,
    window: Window,
}

impl Seal {
    /// `number`: different from that of every other agent.
    pub fn new(number: u64) -> Self {
        let window = Window::of_interval(INTERVAL);
        let number = number.to_be_bytes();
        Self {
            hmacs: Vec::new(),
            keyrings: Vec::new(),
            number,
            sequence: Sequence::default(),
            window,
        }
    }

    /// Replaces the keys.
    pub fn configure(&mut self, hmacs: &[Hmac]) {
        if self.hmacs != hmacs {
            self.hmacs = hmacs.to_vec();
            // The configuration was validated by the same rules.
            self.keyrings = hmacs.iter().filter_map(|hmac| Keyring::new(hmac).ok()).collect();
        }
    }

    /// Whether unsigned datagrams are refused.
    pub fn is_required(&self) -> bool {
        self.keyrings.iter().any(|keyring| keyring.mode() == HmacMode::Enforce)
    }

    /// The message, signed with the first key that signs; unchanged if no key does.
    pub fn sign(&mut self, now: UnixTime, message: Vec<u8>) -> Vec<u8> {
        let Some(keyring) =
            self.keyrings.iter().find(|keyring| keyring.mode() != HmacMode::ReceiveOnly)
        else {
            return message;
        };
        let mut signed = message.clone();
        if let Some(flags) = signed.get_mut(FLAGS_AT) {
            *flags |= SIGNED;
        }
        signed.extend(self.number);
        let serial = self.sequence.next(now, self.window).number();
        let mut trailer = Trailer {
            kind: TYPE_SHA256,
            key: keyring.send(),
            reserved: 0,
            serial,
            mac: [0; MAC_LEN],
        };
        let Some(mac) = keyring.mac(&trailer, &unspecified(), &signed) else {
            return message;
        };
        trailer.mac = mac;
        signed.extend(trailer.prefix());
        signed.extend(trailer.mac);
        signed
    }

    /// The message without its signature, and whether it had one; `None` if the signature is not
    /// valid.
    pub fn open(&self, now: UnixTime, datagram: &[u8]) -> Option<(Vec<u8>, bool)> {
        if datagram.get(FLAGS_AT)? & SIGNED == 0 {
            return Some((datagram.to_vec(), false));
        }
        let (signed, behind) =
            datagram.split_at_checked(datagram.len().checked_sub(trailer::LEN)?)?;
        let trailer = trailer::parse(behind, 0)?;
        if !Serial::new(trailer.serial).is_within(self.window, now) {
            return None;
        }
        self.keyrings
            .iter()
            .find(|keyring| keyring.verify(&trailer, &unspecified(), signed).is_ok())?;
        let (message, number) = signed.split_at_checked(signed.len().checked_sub(NUMBER_LEN)?)?;
        if number == self.number {
            return None;
        }
        let mut message = message.to_vec();
        *message.get_mut(FLAGS_AT)? &= !SIGNED;
        Some((message, true))
    }
}

/// The source address of the pseudo-header. The kernel chooses it, so it is not signed; the
/// sender's number is signed instead.
fn unspecified() -> Address {
    Address::from(IpAddr::from([0, 0, 0, 0]))
}
