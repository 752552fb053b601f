//! Passwords out of what is shown.

use std::ops::Range;

use std::collections::HashSet;

use vrrp_model::suggest;

/// Blocks that hold secrets, with the words in them that are none.
const BLOCKS: [(&str, &[&str]); 2] = [
    ("authentication", &["auth_type", "auth_pass", "PASS", "AH"]),
    (
        "auth_hmac",
        &[
            "key",
            "active_key",
            "anti_replay",
            "time_window",
            "mode",
            "time",
            "monotonic",
            "enforce",
            "permissive",
            "receive-only",
        ],
    ),
];
/// Definitions that lead to definitions are followed this many times.
const MOST_STEPS: usize = 8;

/// Replaces passwords by asterisks, byte by byte, in either language and in broken text too: it
/// goes by the words alone.
pub(super) fn redact(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(word) = next_word(text, at) {
        at = word.end;
        let name = &text[word];
        if suggest::is_near(name, "auth_pass")
            || name == "password"
            || suggest::is_near(name, "secret")
        {
            at = mask_value(&mut bytes, at);
        } else if let Some((_, words)) =
            BLOCKS.iter().find(|(block, _)| suggest::is_near(name, block))
        {
            at = mask_block(text, &mut bytes, at, words);
        }
    }
    mask_definitions(text, &mut bytes);
    // Whole characters were overwritten by asterisks, so this replaces nothing.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Masks the values of variables that are used in masked places: `auth_pass $PASS` leads to
/// `$PASS=...`.
fn mask_definitions(text: &str, bytes: &mut [u8]) {
    if !text.contains('$') {
        return;
    }
    let mut secret: HashSet<&str> = HashSet::new();
    for _ in 0..MOST_STEPS {
        let known = secret.len();
        let hidden =
            variables(text).filter(|(at, _)| bytes[*at] == b'*' && text.as_bytes()[*at] != b'*');
        secret.extend(hidden.map(|(_, name)| name));
        if secret.len() == known {
            return;
        }
        let mut start = 0;
        let mut goes_on = false;
        for line in text.split('\n') {
            if goes_on || assigns(line, &secret) {
                let from = line.find(['=', '(']).filter(|_| !goes_on).map_or(0, |at| at + 1);
                mask_line(bytes, start + from);
                goes_on = line.trim_end().ends_with('\\');
            }
            start += line.len() + 1;
        }
    }
}

/// Whether a line gives one of these variables a value.
fn assigns(line: &str, names: &HashSet<&str>) -> bool {
    let Some(sign) = line.find(['$', '~']) else { return false };
    let (head, list) = match line[sign..].strip_prefix('$') {
        Some(rest) => (rest.split('=').next().unwrap_or_default(), false),
        None => (line[sign..].split(')').next().unwrap_or_default(), true),
    };
    let mut words = head.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    match list {
        true => words.any(|word| names.contains(word)),
        false => names.contains(head),
    }
}

/// The places of `$NAME` and `${NAME}` and their names.
fn variables(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
        (end > 0).then_some((at, &rest[..end]))
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = from + bytes.get(from..)?.iter().position(|byte| is_word(*byte))?;
    let len = bytes[start..].iter().position(|byte| !is_word(*byte)).unwrap_or(bytes.len() - start);
    Some(start..start + len)
}

/// Masks the value after a keyword that ends at `from`; returns where the value ends.
///
/// A quoted value ends at its quote when something follows that may follow a value; anything else
/// is masked to the end of the line.
fn mask_value(bytes: &mut [u8], from: usize) -> usize {
    let mut at = from;
    if matches!(bytes.get(at), Some(b'"' | b'\'')) {
        at += 1; // the closing quote of a quoted TOML key
    }
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'=')) {
        at += 1;
    }
    if let Some(&quote @ (b'"' | b'\'')) = bytes.get(at) {
        let fence = if bytes[at..].starts_with(&[quote; 3]) { 3 } else { 1 };
        let end = quoted_end(&bytes[at..], quote, fence).map(|(inner, end)| (at + inner, at + end));
        if let Some((inner, end)) = end {
            bytes[at + fence..inner].fill(b'*');
            let next = bytes[end..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
            if matches!(next, None | Some(b'\n' | b',' | b'}' | b'#')) {
                return end;
            }
            at = end;
        }
    }
    mask_line(bytes, at)
}

/// Where a quoted value ends, without and with its closing quotes; `None` when it is not closed (on
/// its line, except in triple quotes).
fn quoted_end(bytes: &[u8], quote: u8, fence: usize) -> Option<(usize, usize)> {
    let mut at = fence;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' if fence == 1 => return None,
            b'\\' if quote == b'"' => at += 1,
            _ if bytes[at..].len() >= fence
                && bytes[at..at + fence].iter().all(|byte| *byte == quote) =>
            {
                return Some((at, at + fence));
            }
            _ => {}
        }
        at += 1;
    }
    (fence == 3).then_some((bytes.len(), bytes.len()))
}

fn mask_line(bytes: &mut [u8], from: usize) -> usize {
    let end =
        bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |len| from + len);
    for byte in &mut bytes[from..end] {
        if !matches!(byte, b' ' | b'\t' | b'\r') {
            *byte = b'*';
        }
    }
    end
}

/// Masks every word of a block but those that are near its own: a password may stand where no
/// keyword leads to it. Returns where the block's inside begins.
fn mask_block(text: &str, bytes: &mut [u8], from: usize, words: &[&str]) -> usize {
    let rest = &text[from..];
    let open = rest.trim_start();
    if !open.starts_with('{') {
        return from;
    }
    let start = from + (rest.len() - open.len()) + 1;
    let end = text[start..].find('}').map_or(text.len(), |len| start + len);
    let mut at = start;
    for word in text[start..end].split(char::is_whitespace) {
        let known = words.iter().any(|keyword| suggest::is_near(word, keyword));
        if !known {
            bytes[at..at + word.len()].fill(b'*');
        }
        // What separates words may be longer than a byte.
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
    // Not past the block: a brace in a password would end it early, the keyword's own rule covers
    // the rest of that line.
    start
}
