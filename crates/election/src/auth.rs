//! Authentication of adverts by HMAC-SHA256, on the wire as keepalived 2.4's `auth_hmac`
//! (draft-cassen-vrrp-auth-hmac).
//!
//! Reading order: [`Keyring`] (keys), `sequence` (serial numbers from the time of sending),
//! `replay` (replay protection). The MAC covers message and trailer, the virtual router and the
//! source address, but not the destination: sending an advert to another destination gains an
//! attacker nothing. Nothing is encrypted.
//!
//! A delayed advert is accepted within the time window if no later one of its sender has arrived.

mod keyring;
mod replay;
pub mod sequence;
#[cfg(test)]
mod tests;

use std::time::Duration;

use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::trailer::{self, MAC_LEN, TYPE_SHA256, Trailer};
use vrrp_common::wire::vrrp::{self, Advert, Carrier};

pub use keyring::Keyring;
use replay::ReplayWindow;
use sequence::{Sequence, Serial, UnixTime, Window};
use vrrp_model::{Hmac, HmacError, HmacMode};

/// The authentication of one virtual router: keys, sequence numbers sent and received.
#[derive(Debug)]
pub struct Authenticator {
    keyring: Keyring,
    window: Window,
    sequence: Sequence,
    marks: ReplayWindow,
}

impl Authenticator {
    /// Authentication of a virtual router with this advertisement interval.
    ///
    /// # Errors
    /// As [`Keyring::new`].
    pub fn new(hmac: &Hmac, interval: Duration) -> Result<Self, HmacError> {
        Ok(Self {
            keyring: Keyring::new(hmac)?,
            window: Window::of_interval(interval),
            sequence: Sequence::default(),
            marks: ReplayWindow::default(),
        })
    }

    /// Replaces keys, mode and interval. The sequence numbers stay, so a reload does not allow
    /// replays.
    ///
    /// # Errors
    /// As [`Keyring::new`]; the state is then unchanged.
    pub fn configure(&mut self, hmac: &Hmac, interval: Duration) -> Result<(), HmacError> {
        self.keyring = Keyring::new(hmac)?;
        self.window = Window::of_interval(interval);
        Ok(())
    }

    /// Appends a trailer to the message of `len` bytes at the start of `buffer`, unless the mode
    /// signs nothing, and returns the new length; `None` if `buffer` is too short or `len` is not
    /// the length of an advert.
    ///
    /// Each copy of an advert may be signed separately: every signature has a greater sequence
    /// number.
    pub fn sign(
        &mut self,
        now: UnixTime,
        carrier: &Carrier,
        buffer: &mut [u8],
        len: usize,
    ) -> Option<usize> {
        if self.keyring.mode() == HmacMode::ReceiveOnly {
            return Some(len);
        }
        let signed = len.checked_add(trailer::LEN)?;
        let packet = buffer.get_mut(..signed)?;
        let (message, behind) = packet.split_at_mut(len);
        let serial = self.sequence.next(now, self.window).number();
        let key = self.keyring.send();
        let mut trailer =
            Trailer { kind: TYPE_SHA256, key, reserved: 0, serial, mac: [0; MAC_LEN] };
        trailer.mac = self.keyring.mac(&trailer, &source(carrier), message)?;
        trailer.emit(behind)?;
        vrrp::cover_trailer(packet, carrier);
        Some(signed)
    }

    /// Verifies an otherwise acceptable advert from `source`; `message` includes the trailer.
    ///
    /// # Errors The first check that failed, in the order of [`Reason`]'s table. The advert then
    /// changes no state.
    pub fn verify(
        &mut self,
        now: UnixTime,
        source: &Address,
        advert: &Advert,
        message: &[u8],
    ) -> Result<(), Reason> {
        if !advert.trailer {
            let required = self.keyring.mode() == HmacMode::Enforce;
            return if required { Err(Reason::AuthMissing) } else { Ok(()) };
        }
        let len = message.len().checked_sub(trailer::LEN).ok_or(Reason::Length)?;
        let trailer = trailer::parse(message, len).ok_or(Reason::Length)?;
        let serial = Serial::new(trailer.serial);
        // Before the MAC, so that a flood of old adverts does not cost a digest each.
        if !serial.is_within(self.window, now) {
            return Err(Reason::AuthStale);
        }
        self.keyring.verify(&trailer, source, message.get(..len).unwrap_or_default())?;
        // After the MAC, so that a forged advert does not change the replay state.
        if !self.marks.advance(source, serial, now, self.window) {
            return Err(Reason::AuthReplay);
        }
        Ok(())
    }
}

fn source(carrier: &Carrier) -> Address {
    match *carrier {
        Carrier::V4 { source, .. } => Address::v4(source),
        Carrier::V6 { source, .. } => source,
    }
}
