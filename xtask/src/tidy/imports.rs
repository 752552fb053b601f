//! Import rules: pure crates name no clock, socket, file, thread or runtime.

use super::Finding;
use super::source::{Source, is_word};

/// The pure crates are below these directories.
const PURE: &[&str] = &["vrrp-common/src/", "crates/"];

/// Exceptions in pure crates: these files read files.
const NOT_PURE: &[&str] = &["crates/config/src/load.rs"];

/// What a pure crate must not name. A crate's name bans all of it.
const BANNED: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "std::fs",
    "std::process",
    "std::thread",
    "aya",
    "libc",
    "netlink_packet_route",
    "nix",
    "rtnetlink",
    "socket2",
    "tokio",
];

/// (path, exempt name)
const ALLOWED: &[(&str, &str)] =
    &[("vrrp-common/src/maps", "aya"), ("vrrp-common/src/socket_maps", "aya")];

pub fn check(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    let pure = PURE.iter().any(|room| path.starts_with(room));
    if !pure || NOT_PURE.contains(&path) || super::is_test_file(path) {
        return;
    }
    for (line, name) in names(source.production()) {
        let banned = BANNED.iter().find(|ban| {
            name == **ban || name.strip_prefix(**ban).is_some_and(|rest| rest.starts_with("::"))
        });
        if let Some(ban) = banned
            && !ALLOWED.iter().any(|(room, allowed)| path.starts_with(room) && allowed == ban)
        {
            findings.push(Finding::new(
                path,
                line,
                format!(
                    "a pure crate names `{name}`: pass the value in, or move the code to vrrp-agent"
                ),
            ));
        }
    }
}

/// Every path that the code names, with its line. `use` trees are expanded; single words outside of
/// `use` do not count.
fn names(code: &[String]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut tree = Tree::default();
    for (index, line) in code.iter().enumerate() {
        let mut rest = line.as_str();
        while let Some(c) = rest.chars().next() {
            let length = if is_word(c) { path_length(rest) } else { c.len_utf8() };
            let (token, after) = rest.split_at(length);
            rest = after;
            if tree.open || token == "use" {
                tree.take(token).into_iter().for_each(|name| found.push((index + 1, name)));
            } else if token.contains("::") {
                found.push((index + 1, token.to_owned()));
            }
        }
    }
    found
}

/// The length of `a::b::c` at the start of `text`.
fn path_length(text: &str) -> usize {
    let mut end = 0;
    loop {
        end += text[end..].find(|c| !is_word(c)).unwrap_or(text.len() - end);
        match text[end..].strip_prefix("::") {
            Some(after) if after.starts_with(is_word) => end += 2,
            _ => return end,
        }
    }
}

/// A `use` declaration while it is read.
#[derive(Default)]
struct Tree {
    open: bool,
    renaming: bool,
    /// The prefix of each open brace.
    prefixes: Vec<String>,
    last: String,
}

impl Tree {
    /// Reads the next token; returns the path that it completes.
    fn take(&mut self, token: &str) -> Option<String> {
        match token {
            "use" if !self.open => *self = Self { open: true, ..Self::default() },
            "{" => self.prefixes.push(std::mem::take(&mut self.last)),
            "}" => drop(self.prefixes.pop()),
            "," => self.renaming = false,
            ";" => self.open = false,
            "as" => self.renaming = true,
            word if word.starts_with(is_word) && !self.renaming => {
                self.last = word.to_owned();
                let parts = self.prefixes.iter().chain([&self.last]);
                return Some(parts.map(String::as_str).collect::<Vec<_>>().join("::"));
            }
            _ => {}
        }
        None
    }
}
