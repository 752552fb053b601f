use super::*;
use vrrp_model::{TrackInterface, TrackScript};

/// One router and one script, with the defaults of a file.
fn base() -> Config {
    let text = "[[virtual_router]]\nname = \"VI_1\"\ninterface = \"eth1\"\nvrid = 51\n\
                addresses = [\"192.0.2.100\"]\n\
                [[script]]\nname = \"chk\"\ncommand = \"/bin/true\"\n";
    let source = vrrp_config::Source::new("F", text.as_bytes());
    let (language, mode) = (vrrp_config::Language::Toml, vrrp_config::Mode::Strict);
    vrrp_config::parse(&source, language, mode, "node1").config.expect("a good file")
}

fn script(name: &str, rise: u32, fall: u32, init_fail: bool) -> Script {
    Script { name: name.into(), rise, fall, init_fail, ..base().scripts.remove(0) }
}

fn router(priority: u8, scripts: &[(usize, i16)], interfaces: &[(&str, i16)]) -> Router {
    Router {
        priority,
        track_scripts: scripts
            .iter()
            .map(|&(script, weight)| TrackScript { script, weight: Weight::new(weight) })
            .collect(),
        track_interfaces: interfaces
            .iter()
            .map(|&(interface, weight)| TrackInterface {
                interface: interface.into(),
                weight: Weight::new(weight),
            })
            .collect(),
        ..base().routers.remove(0)
    }
}

fn config(routers: Vec<Router>, scripts: Vec<Script>) -> Config {
    Config { routers, scripts, ..base() }
}

/// A track of one router with these scripts and interfaces.
fn track(router: &Router, scripts: Vec<Script>) -> Track {
    Track::new(&config(vec![router.clone()], scripts))
}

#[test]
fn the_first_result_decides() {
    for (ok, health) in [(true, Health::Good), (false, Health::Bad)] {
        let router = router(100, &[(0, 10)], &[]);
        let mut track = track(&router, vec![script("chk", 3, 3, false)]);
        assert_eq!(track.script_health(0), Health::Unknown);
        assert!(track.result(0, ok));
        assert_eq!(track.script_health(0), health);
    }
}

#[test]
fn init_fail_is_bad_until_rise_successes() {
    let router = router(100, &[(0, 0)], &[]);
    let mut track = track(&router, vec![script("chk", 2, 2, true)]);
    assert_eq!(track.effective(&router).fault, Some(Fault::Script(0)));
    assert!(!track.result(0, true));
    assert!(track.result(0, true));
    assert_eq!(track.effective(&router).fault, None);
}

#[test]
fn rise_and_fall_count_consecutive_results() {
    let router = router(100, &[(0, 10)], &[]);
    let mut track = track(&router, vec![script("chk", 2, 3, false)]);
    track.result(0, true);
    let changed: Vec<bool> = [false, false, true, false, false, false, true, false, true, true]
        .map(|ok| track.result(0, ok))
        .into();
    assert_eq!(changed, [false, false, false, false, false, true, false, false, false, true]);
    assert_eq!(track.script_health(0), Health::Good);
}

#[test]
fn a_result_of_an_unknown_script_changes_nothing() {
    let router = router(100, &[], &[]);
    assert!(!track(&router, vec![]).result(3, true));
}

#[test]
fn weights_add_when_good_and_subtract_when_bad() {
    let router = router(100, &[(0, 20), (1, -30)], &[("eth1", 5), ("eth2", -7)]);
    let mut track = track(&router, vec![script("a", 1, 1, false), script("b", 1, 1, false)]);
    let priority = |track: &Track| track.effective(&router).priority;
    assert_eq!(priority(&track), 100, "unknown: neither reward nor punishment");
    track.result(0, true);
    assert_eq!(priority(&track), 120);
    track.result(1, true);
    assert_eq!(priority(&track), 120);
    track.result(1, false);
    assert_eq!(priority(&track), 90);
    assert!(track.interface("eth1", true));
    assert!(!track.interface("eth1", true));
    assert!(!track.interface("eth9", false));
    assert_eq!(priority(&track), 95);
    track.interface("eth2", false);
    assert_eq!(priority(&track), 88);
    track.result(0, false);
    assert_eq!(priority(&track), 68);
    assert_eq!(track.effective(&router).fault, None);
}

#[test]
fn vc108_the_sum_is_clamped_to_1_and_254() {
    for (base, weight, ok, expected) in
        [(100, -253, false, 1), (100, 253, true, 254), (255, -253, false, 255)]
    {
        let router = router(base, &[(0, weight)], &[]);
        let mut track = track(&router, vec![script("chk", 1, 1, false)]);
        track.result(0, ok);
        assert_eq!(track.effective(&router).priority, expected, "base {base}, weight {weight}");
    }
}

#[test]
fn weight_zero_holds_in_fault_until_good() {
    let router = router(100, &[(0, 0)], &[]);
    let mut track = track(&router, vec![script("chk", 1, 1, false)]);
    assert_eq!(
        track.effective(&router),
        Effective { priority: 100, fault: Some(Fault::ScriptPending(0)) }
    );
    track.result(0, true);
    assert_eq!(track.effective(&router).fault, None);
    track.result(0, false);
    assert_eq!(track.effective(&router).fault, Some(Fault::Script(0)));
}

#[test]
fn an_interface_of_weight_zero_must_be_up() {
    let router = router(255, &[], &[("eth2", 0)]);
    let mut track = track(&router, vec![]);
    assert_eq!(track.interfaces().collect::<Vec<_>>(), ["eth2"]);
    assert_eq!(track.effective(&router).fault, Some(Fault::Interface("eth2".into())));
    track.interface("eth2", true);
    assert_eq!(track.effective(&router), Effective { priority: 255, fault: None });
    assert_eq!(track.interface_health("eth2"), Health::Good);
}

#[test]
fn a_reversed_weight_exchanges_success_and_failure() {
    let reversed = |value| {
        let mut router = router(100, &[(0, value)], &[]);
        router.track_scripts[0].weight.reverse = true;
        router
    };
    for (value, while_well, while_failing) in [
        (10, (100, false), (110, false)),
        (-10, (90, false), (100, false)),
        (0, (100, true), (100, false)),
    ] {
        let router = reversed(value);
        let mut track = track(&router, vec![script("chk", 1, 1, false)]);
        for (ok, (priority, fault)) in [(true, while_well), (false, while_failing)] {
            track.result(0, ok);
            let effective = track.effective(&router);
            assert_eq!(
                (effective.priority, effective.fault.is_some()),
                (priority, fault),
                "{value} {ok}"
            );
        }
    }
}
