//! Configuration texts in, models and messages out.

mod bad_keepalived;
mod bad_toml;
mod balance;
mod bounds;
mod carriers;
mod checks;
mod conf_d;
mod conformance;
mod convert;
mod election_thread;
mod expand;
mod fit;
mod garbage;
mod good;
mod includes;
mod keywords_reference;
mod language;
mod lenient;
mod models;
mod reference;
mod secrets;
mod services;
mod upstreams;

use super::{Language, Mode, Outcome, Source, headline, parse, render};

const NODE1: &str = include_str!("../testdata/node1.conf");
const NODE2: &str = include_str!("../testdata/node2.conf");
const NODE1_TRACK: &str = include_str!("../testdata/node1.track.conf");
const NODE2_TRACK: &str = include_str!("../testdata/node2.track.conf");
const NODE1_TOML: &str = include_str!("../testdata/node1.toml");

fn read(text: &str, language: Language, mode: Mode) -> (Outcome, Source) {
    let source = Source::new("F", text.as_bytes());
    let outcome = parse(&source, language, mode, "host");
    (outcome, source)
}

/// The first line of each diagnostic.
fn lines(text: &str, language: Language, mode: Mode) -> Vec<String> {
    let (outcome, source) = read(text, language, mode);
    outcome.diagnostics.iter().map(|diagnostic| headline(&source, diagnostic)).collect()
}

/// The hints of all diagnostics.
fn helps(text: &str, language: Language, mode: Mode) -> Vec<String> {
    let (outcome, _) = read(text, language, mode);
    outcome.diagnostics.into_iter().filter_map(|diagnostic| diagnostic.help).collect()
}
