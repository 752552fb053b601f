//! Any bytes as either configuration language: `convert` writes a file without errors as TOML that
//! parses without one, and has the same meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_config::{Language, Loaded, Mode, Outcome, Severity, Source};

fuzz_target!(|bytes: &[u8]| {
    for language in [Language::Keepalived, Language::Toml] {
        let source = Source::new("fuzz", bytes);
        let Outcome { config, diagnostics } =
            vrrp_config::parse(&source, language, Mode::Lenient, "node");
        let loaded = Loaded { config, diagnostics, source, language };
        loaded.report();
        let written = vrrp_config::convert(&loaded);
        assert_eq!(written.is_some(), loaded.config.is_some());
        let Some(text) = written else { continue };
        // TOML without a router is refused: it would make the agent do nothing.
        if loaded.config.as_ref().is_some_and(|config| config.routers.is_empty()) {
            continue;
        }
        let source = Source::new("written", text.as_bytes());
        // The file names the node, so the host name has no effect.
        let again = vrrp_config::parse(&source, Language::Toml, Mode::Strict, "other");
        let errors =
            again.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        assert!(!errors, "{text}\n{}", vrrp_config::render_all(&source, &again.diagnostics));
        assert_eq!(again.config, loaded.config, "{text}");
    }
});
