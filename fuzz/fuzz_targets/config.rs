//! Any bytes as either configuration language, in both modes: no panic, a configuration exactly if
//! there is no error, and a report with a text for each diagnostic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_config::{Language, Mode, Severity, Source};

fuzz_target!(|bytes: &[u8]| {
    let source = Source::new("fuzz", bytes);
    for (language, mode) in [
        (Language::Keepalived, Mode::Strict),
        (Language::Keepalived, Mode::Lenient),
        (Language::Toml, Mode::Strict),
    ] {
        let outcome = vrrp_config::parse(&source, language, mode, "node");
        let errors =
            outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        assert_eq!(outcome.config.is_none(), errors);
        let report = vrrp_config::render_all(&source, &outcome.diagnostics);
        assert!(report.lines().count() >= outcome.diagnostics.len(), "{report}");
    }
});
