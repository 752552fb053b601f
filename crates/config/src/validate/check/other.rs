//! What checks by SMTP, DNS and UDP have of their own.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::{At, CheckDraft};
use super::super::values;
use vrrp_model::{DnsCheck, HexBytes, UdpCheck, UdpReply};

/// The name that the agent has in HELO where none is written: keepalived's.
const HELO: &str = "smtpchecker.keepalived.org";

/// It goes on the wire as it is.
pub(super) fn helo(draft: &CheckDraft, reporter: &mut Reporter) -> String {
    let Some(At { value, span }) = &draft.helo else { return HELO.to_owned() };
    if value.is_empty() || value.len() > 255 || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "helo must be a name without spaces and control characters";
        reporter.error(Diagnostic::at(span, message));
    }
    value.clone()
}

pub(super) fn dns(draft: &CheckDraft, port: Option<u16>, reporter: &mut Reporter) -> DnsCheck {
    let name = draft.name.as_ref().map_or(".", |name| &name.value);
    let labels = name.strip_suffix('.').unwrap_or(name).split('.');
    let good = name.len() <= 254 && labels.into_iter().all(|label| (1..64).contains(&label.len()));
    if let Some(At { span, .. }) = draft.name.as_ref().filter(|_| !good && name != ".") {
        let message = "name must be labels of 1 to 63 bytes with dots between them";
        reporter.error(Diagnostic::at(span, message));
    }
    let record = draft.record.as_ref().map_or_else(Default::default, |record| record.value);
    DnsCheck { port, name: name.to_owned(), record }
}

pub(super) fn udp(draft: &CheckDraft, port: Option<u16>, reporter: &mut Reporter) -> UdpCheck {
    let payload = draft.payload.as_ref().and_then(|written| hex(written, reporter));
    if let (Some(payload), Some(At { span, .. })) = (&payload, &draft.payload)
        && (payload.is_empty() || !payload.is_exact())
    {
        let message = "payload must be hexadecimal digits, and none of them an `x`";
        reporter.error(Diagnostic::at(span, message));
    }
    let mut length = |written: &Option<At<i64>>, key, default| {
        values::number_or(written.as_ref(), default, key, 0..=u16::MAX, reporter)
    };
    let least = length(&draft.min_reply, "min_reply", *UdpReply::LENGTH.start());
    let most = length(&draft.max_reply, "max_reply", (*UdpReply::LENGTH.end()).max(least));
    let lengths = draft.min_reply.as_ref().or(draft.max_reply.as_ref());
    if let Some(At { span, .. }) = lengths {
        if draft.reply.is_none() {
            let message = "a length of replies needs a `reply`, which may be \"\"";
            reporter.error(Diagnostic::at(span, message));
        }
        if least > most {
            reporter.error(Diagnostic::at(span, "min_reply is above max_reply: no reply is good"));
        }
    }
    let begins = draft.reply.as_ref().and_then(|written| hex(written, reporter));
    UdpCheck {
        port,
        payload: payload.unwrap_or_else(|| UdpCheck::PAYLOAD.into()),
        reply: begins.map(|begins| UdpReply { begins, length: least..=most }),
    }
}

fn hex(written: &At<String>, reporter: &mut Reporter) -> Option<HexBytes> {
    let parsed = HexBytes::parse(&written.value);
    if parsed.is_none() {
        let message = "bytes are written in hexadecimal digits";
        reporter.error(Diagnostic::at(&written.span, message));
    }
    parsed
}
