//! The keys of a virtual router, and the MAC computed with them.

use std::fmt;

use hmac::{Hmac as HmacOf, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::trailer::{MAC_LEN, TYPE_SHA256, Trailer};
use vrrp_common::wire::vrrp::CHECKSUM_AT;

use vrrp_model::{Hmac, HmacError, HmacKey, HmacMode};

/// Pseudo-header: family, version, VRID, zero, source.
const PSEUDO_HEADER_LEN: usize = 20;

/// Keys by id. Adverts signed with any of them are accepted, one signs. A new key can be
/// distributed to every node before any node signs with it.
pub struct Keyring {
    mode: HmacMode,
    send: u8,
    /// The secrets as HMAC states; they cannot be printed.
    keys: Vec<(u8, HmacOf<Sha256>)>,
}

impl fmt::Debug for Keyring {
    /// Never prints a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u8> = self.keys.iter().map(|&(id, _)| id).collect();
        f.debug_struct("Keyring")
            .field("mode", &self.mode)
            .field("send", &self.send)
            .field("keys", &ids)
            .finish()
    }
}

impl Keyring {
    /// # Errors
    /// As [`Hmac::check`].
    pub fn new(hmac: &Hmac) -> Result<Self, HmacError> {
        hmac.check()?;
        let mut keys = Vec::with_capacity(hmac.keys.len());
        for HmacKey { id, secret } in &hmac.keys {
            let ready = HmacOf::<Sha256>::new_from_slice(secret)
                .map_err(|_| HmacError::Length { id: *id, len: secret.len() })?;
            keys.push((*id, ready));
        }
        Ok(Self { mode: hmac.mode, send: hmac.send, keys })
    }

    pub fn mode(&self) -> HmacMode {
        self.mode
    }

    /// Id of the signing key.
    pub fn send(&self) -> u8 {
        self.send
    }

    fn key(&self, id: u8) -> Option<&HmacOf<Sha256>> {
        self.keys.iter().find(|&&(known, _)| known == id).map(|(_, key)| key)
    }

    /// The MAC for `trailer` behind `message`; `None` for an unknown key or an empty message.
    ///
    /// It covers a pseudo-header (family, version, VRID, 0, source: an IPv4 address in the first
    /// four of sixteen bytes), the message with its checksum read as zero, the trailer, and zeros
    /// in place of the MAC.
    pub fn mac(
        &self,
        trailer: &Trailer,
        source: &Address,
        message: &[u8],
    ) -> Option<[u8; MAC_LEN]> {
        let &[first, vrid, ..] = message else {
            return None;
        };
        let (head, rest) = message.split_at_checked(CHECKSUM_AT)?;
        let behind = rest.get(2..)?;
        let mut pseudo = [0; PSEUDO_HEADER_LEN];
        pseudo[1] = first >> 4;
        pseudo[2] = vrid;
        if source.is_v4() {
            pseudo[0] = 4;
            pseudo[4..8].copy_from_slice(&source.low());
        } else {
            pseudo[0] = 6;
            pseudo[4..].copy_from_slice(&source.octets());
        }
        let mut mac = self.key(trailer.key)?.clone();
        for part in [&pseudo[..], head, &[0; 2], behind, &trailer.prefix(), &[0; MAC_LEN]] {
            mac.update(part);
        }
        mac.finalize().into_bytes().first_chunk().copied()
    }

    /// Checks that `trailer` was made with one of the keys, for `message` from `source`.
    ///
    /// # Errors
    /// [`Reason::AuthKey`], [`Reason::AuthReserved`] or [`Reason::AuthMac`], in this order.
    pub fn verify(
        &self,
        trailer: &Trailer,
        source: &Address,
        message: &[u8],
    ) -> Result<(), Reason> {
        if self.key(trailer.key).is_none() {
            return Err(Reason::AuthKey);
        }
        if trailer.kind != TYPE_SHA256 || trailer.reserved != 0 {
            return Err(Reason::AuthReserved);
        }
        let expected = self.mac(trailer, source, message).ok_or(Reason::AuthMac)?;
        // Constant time: the duration does not reveal how many bytes of a guess match.
        if bool::from(expected.ct_eq(&trailer.mac)) { Ok(()) } else { Err(Reason::AuthMac) }
    }
}
