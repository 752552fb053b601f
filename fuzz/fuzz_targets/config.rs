//! Any bytes as either configuration language, in both modes: no panic, and a configuration exactly when there is no error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_agent::config::{self, Language, Mode, Severity, Source};

fuzz_target!(|bytes: &[u8]| {
    let source = Source::new("fuzz", bytes);
    for language in [Language::Keepalived, Language::Toml] {
        for mode in [Mode::Strict, Mode::Lenient] {
            let outcome = config::parse(&source, language, mode, "node");
            let errors = outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            assert_eq!(outcome.config.is_none(), errors);
        }
    }
});
