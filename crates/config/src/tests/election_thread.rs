//! The scheduling of the election thread, in both languages.

use super::*;
use vrrp_model::ElectionThread;

/// A good file of either language with these lines about the thread.
fn with(lines: &str, language: Language) -> String {
    match language {
        Language::Toml => format!("{NODE1_TOML}\n{lines}\n"),
        Language::Keepalived => format!("global_defs {{\n{lines}\n}}\n{NODE1}"),
    }
}

fn thread(lines: &str, language: Language) -> Option<ElectionThread> {
    let (outcome, _) = read(&with(lines, language), language, Mode::Strict);
    outcome.config.map(|config| config.election)
}

#[test]
fn what_is_not_written_is_as_it_is_best() {
    let best = ElectionThread { realtime_priority: 50, cpus: vec![], lock_memory: true };
    assert_eq!(thread("", Language::Toml), Some(best.clone()));
    assert_eq!(thread("[election]", Language::Toml), Some(best.clone()));
    assert_eq!(thread("", Language::Keepalived), Some(best));
}

#[test]
fn both_languages_say_the_same_of_it() {
    let wanted = ElectionThread { realtime_priority: 20, cpus: vec![0, 1, 3], lock_memory: true };
    let toml = "[election]\nrealtime_priority = 20\ncpus = [3, 0, 1, 0]\nlock_memory = true";
    assert_eq!(thread(toml, Language::Toml), Some(wanted.clone()));
    let keepalived = "vrrp_rt_priority 20\nvrrp_cpu_affinity 3 0 1 0\nvrrp_no_swap";
    assert_eq!(thread(keepalived, Language::Keepalived), Some(wanted));
    let off = ElectionThread { realtime_priority: 0, cpus: vec![], lock_memory: false };
    assert_eq!(
        thread("[election]\nrealtime_priority = 0\nlock_memory = false", Language::Toml),
        Some(off)
    );
}

#[test]
fn numbers_out_of_range_are_errors() {
    for (toml, keepalived, message) in [
        ("realtime_priority = 100", "vrrp_rt_priority 100", " must be 0 to 99, not 100"),
        ("cpus = [0, 1024]", "vrrp_cpu_affinity 0 1024", " must be 0 to 1023, not 1024"),
    ] {
        for (text, language) in [
            (format!("[election]\n{toml}"), Language::Toml),
            (keepalived.to_owned(), Language::Keepalived),
        ] {
            let said = lines(&with(&text, language), language, Mode::Strict);
            assert!(
                said.iter().any(|line| line.contains("error: ") && line.ends_with(message)),
                "{text}: {said:?}"
            );
        }
    }
    let said =
        lines(&with("vrrp_cpu_affinity", Language::Keepalived), Language::Keepalived, Mode::Strict);
    assert!(said.iter().any(|line| line.contains("`vrrp_cpu_affinity` needs a value")), "{said:?}");
}

#[test]
fn keepalived_s_other_knobs_have_no_effect_and_are_named() {
    for keyword in ["vrrp_priority -10", "max_auto_priority 50", "min_auto_priority_delay 1000"] {
        let said = lines(&with(keyword, Language::Keepalived), Language::Keepalived, Mode::Strict);
        let expected = "has no effect: the election thread has real-time priority from its start";
        assert!(said.iter().any(|line| line.contains(expected)), "{keyword}: {said:?}");
    }
}
