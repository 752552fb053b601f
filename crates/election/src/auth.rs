//! Authentication of adverts by HMAC-SHA256, on the wire as keepalived 2.4's `auth_hmac`
//! (draft-cassen-vrrp-auth-hmac).
//!
//! Reading order: [`Keyring`] (who may speak), [`serial`] (when it was said), `marks` (whether it
//! was said before). The MAC covers message and trailer, the virtual router and the source, but not
//! the destination: nothing is gained by sending an advert elsewhere. It hides nothing.
//!
//! What it does not stop: an advert held back and delivered late, within the window, if none came
//! from its sender since.

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

/// The authentication of one virtual router: its keys, what it has signed and what it has heard.
#[derive(Debug)]
pub struct Authenticator {
    keyring: Keyring,
    window: Window,
    sequence: Sequence,
    marks: ReplayWindow,
}

impl Authenticator {
    /// For a virtual router that advertises every `interval`.
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

    /// Takes other keys, another mode, another interval. What was sent and heard stays known: a
    /// reload opens no door to replays.
    ///
    /// # Errors
    /// As [`Keyring::new`]; then nothing has changed.
    pub fn configure(&mut self, hmac: &Hmac, interval: Duration) -> Result<(), HmacError> {
        self.keyring = Keyring::new(hmac)?;
        self.window = Window::of_interval(interval);
        Ok(())
    }

    /// Appends a trailer to the message of `len` bytes at the start of `buffer`, unless the mode is
    /// to sign nothing, and returns the new length; `None` where `buffer` is too short or `len` is
    /// no advert's.
    ///
    /// Each copy may be signed by itself: the serial numbers grow all the same.
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

    /// Verifies an advert from `source` that is otherwise acceptable; `message` is all of it, its
    /// trailer included.
    ///
    /// # Errors
    /// The first rule broken, in the order of [`Reason`]'s table. Then nothing is remembered of the
    /// advert.
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
        // Before the MAC: a flood of old adverts shall not cost a digest each.
        if !serial.is_within(self.window, now) {
            return Err(Reason::AuthStale);
        }
        self.keyring.verify(&trailer, source, message.get(..len).unwrap_or_default())?;
        // Only now: what is forged moves no mark.
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
