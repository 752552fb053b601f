//! Keys for the authentication of adverts.

use std::fmt;

use super::choice::choice;

/// Shortest and longest secret, in bytes. A shorter one has less entropy than the hash; a longer
/// one than the hash's block is hashed first (RFC 2104 section 3).
pub const SECRET_LEN: std::ops::RangeInclusive<usize> = 32..=64;

/// Why keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HmacError {
    #[error("key {id} has {len} bytes: it needs 32 to 64")]
    Length { id: u8, len: usize },
    #[error("key {id} is given twice")]
    Twice { id: u8 },
    #[error("key {id} is to sign adverts, but is not among the keys")]
    NoSendKey { id: u8 },
}

/// Authentication of adverts by HMAC-SHA256, as keepalived 2.4's `auth_hmac`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    pub mode: HmacMode,
    /// Id of the key that adverts are signed with.
    pub send: u8,
    pub keys: Vec<HmacKey>,
}

choice! {
    /// The steps of a roll-out, in its order.
    #[derive(Default)]
    pub enum HmacMode {
        /// Sign nothing, accept both, verify what is signed.
        ReceiveOnly = "receive-only",
        /// Sign, accept both, verify what is signed.
        Permissive = "permissive",
        /// Sign, and accept nothing else.
        #[default]
        Enforce = "enforce",
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey {
    pub id: u8,
    /// 32..=64 bytes.
    pub secret: Vec<u8>,
}

impl fmt::Debug for HmacKey {
    /// Never prints the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({}, [REDACTED])", self.id)
    }
}

impl Hmac {
    /// # Errors
    /// A secret is too short or too long, an id is used twice, or the sending key is none of them.
    pub fn check(&self) -> Result<(), HmacError> {
        for (index, key) in self.keys.iter().enumerate() {
            let (id, len) = (key.id, key.secret.len());
            if !SECRET_LEN.contains(&len) {
                return Err(HmacError::Length { id, len });
            }
            if self.keys[..index].iter().any(|known| known.id == id) {
                return Err(HmacError::Twice { id });
            }
        }
        if self.keys.iter().any(|key| key.id == self.send) {
            Ok(())
        } else {
            Err(HmacError::NoSendKey { id: self.send })
        }
    }
}
