//! `TCP_CHECK`, `SMTP_CHECK`, `DNS_CHECK`, `UDP_CHECK`, `PING_CHECK`.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::{At, CheckDraft};
use super::super::keywords::{CHECK, DNS_CHECK, SMTP_CHECK, UDP_CHECK};
use super::super::tree::Node;
use super::super::values;
use super::Inherited;
use vrrp_model::{CheckType, DnsRecord, HexBytes};

pub(super) fn read(
    node: &Node,
    mut inherited: Inherited,
    reporter: &mut Reporter,
) -> At<CheckDraft> {
    let (kind, table) = match node.keyword() {
        "SMTP_CHECK" => (CheckType::Smtp, &SMTP_CHECK),
        "DNS_CHECK" => (CheckType::Dns, &DNS_CHECK),
        "UDP_CHECK" => (CheckType::Udp, &UDP_CHECK),
        "PING_CHECK" => (CheckType::Ping, &CHECK),
        _ => (CheckType::Tcp, &CHECK),
    };
    let mut own = CheckDraft::new(kind);
    let lengths = 0..=i64::from(u16::MAX);
    for statement in values::statements(node, table, &[], reporter) {
        match statement.keyword() {
            "connect_port" if kind == CheckType::Ping => {
                let message = "`connect_port` has no effect: a ping has no port";
                reporter.warning(Diagnostic::at(statement.span(), message));
            }
            "connect_port" => own.port = values::number(statement, 1..=65_535, reporter),
            "connect_ip" => own.address = values::text(statement, reporter),
            "helo_name" => own.helo = values::text(statement, reporter),
            "name" => own.name = values::text(statement, reporter),
            "type" => own.record = record(statement, reporter),
            "payload" => own.payload = hex(statement, reporter),
            "require_reply" if statement.values().is_empty() => {
                own.reply = Some(At::new(String::new(), statement.span()));
            }
            "require_reply" => own.reply = hex(statement, reporter),
            "min_reply_length" => {
                own.min_reply = values::number(statement, lengths.clone(), reporter);
            }
            "max_reply_length" => {
                own.max_reply = values::number(statement, lengths.clone(), reporter);
            }
            _ => inherited.read(statement, values::ANY, reporter),
        }
    }
    if own.reply.is_none() {
        // They are about nothing, for keepalived too.
        (own.min_reply, own.max_reply) = (None, None);
    }
    let CheckDraft { interval, timeout, retry_interval, fall, .. } =
        inherited.draft(kind, node.span());
    At::new(CheckDraft { interval, timeout, retry_interval, fall, ..own }, node.span())
}

fn record(node: &Node, reporter: &mut Reporter) -> Option<At<DnsRecord>> {
    let word = values::word(node, reporter)?;
    let record = DnsRecord::ALL.iter().find(|record| record.label() == word.text);
    if record.is_none() {
        let quoted = reporter.quote(&word.span);
        let message = format!("`{quoted}` is no type of record that can be asked for");
        reporter.replaced(Diagnostic::at(&word.span, message), DnsRecord::default());
    }
    record.map(|record| At::new(*record, &word.span))
}

/// All values together: blanks between the digits are allowed.
fn hex(node: &Node, reporter: &mut Reporter) -> Option<At<String>> {
    let (Some(first), Some(last)) = (node.values().first(), node.values().last()) else {
        // Reports the missing value.
        values::word(node, reporter);
        return None;
    };
    let span = values::join(&first.span, &last.span);
    let words: Vec<&str> = node.values().iter().map(|word| word.text.as_str()).collect();
    let text = words.join(" ");
    if HexBytes::parse(&text).is_some_and(|bytes| !bytes.is_empty()) {
        return Some(At::new(text, &span));
    }
    let message = "bytes are written in hexadecimal digits: these";
    reporter.ignored(Diagnostic::at(&span, message));
    None
}
