//! Authentication of adverts by HMAC.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, HmacDraft};
use super::values;
use vrrp_model::{Hmac, HmacKey};

/// Before a secret that is written in hexadecimal digits.
pub(in super::super) const HEX: &str = "hex:";

/// Checks the keys by the rules of the authenticator; `None` where they cannot be used.
pub(super) fn validate(written: &At<HmacDraft>, reporter: &mut Reporter) -> Option<Hmac> {
    let At { value: draft, span } = written;
    let mut keys = Vec::new();
    for key in &draft.keys {
        let id = values::number(&key.id, "a key's id", 1..=255_u8, reporter);
        keys.push(HmacKey { id, secret: secret(&key.secret, reporter)? });
    }
    let first = keys.first().map(|key| key.id);
    let send = match &draft.send {
        Some(send) => Some(values::number(send, "send", 1..=255_u8, reporter)),
        None => first,
    };
    let Some(send) = send else {
        let message = "authentication needs a key";
        reporter.error(
            Diagnostic::at(span, message)
                .help("a key has an id, 1 to 255, and a secret of 32 to 64 bytes"),
        );
        return None;
    };
    let hmac = Hmac { mode: draft.mode, send, keys };
    if let Err(error) = hmac.check() {
        reporter.error(Diagnostic::at(span, error.to_string()));
        return None;
    }
    Some(hmac)
}

fn secret(written: &At<String>, reporter: &mut Reporter) -> Option<Vec<u8>> {
    let Some(digits) = written.value.strip_prefix(HEX) else {
        return Some(written.value.as_bytes().to_vec());
    };
    let whole =
        digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |pair: &[u8]| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let bytes: Option<Vec<u8>> =
        digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>().filter(|_| whole);
    if bytes.is_none() {
        reporter.error(Diagnostic::at(
            &written.span,
            "a secret after `hex:` is two hexadecimal digits for each byte",
        ));
        return None;
    }
    bytes
}
