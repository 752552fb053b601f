use super::*;
use vrrp_config::{Language, Mode, Source};

fn config(routers: &[(&str, u8, u8)]) -> Config {
    let text: String = routers
            .iter()
            .map(|(name, vrid, priority)| {
                format!(
                    "[[virtual_router]]\nname = \"{name}\"\ninterface = \"eth1\"\nvrid = {vrid}\npriority = {priority}\n\
                     addresses = [\"192.0.2.{vrid}\"]\n"
                )
            })
            .collect();
    vrrp_config::parse(
        &Source::new("test.toml", text.as_bytes()),
        Language::Toml,
        Mode::Strict,
        "node",
    )
    .config
    .unwrap()
}

#[test]
fn a_router_is_the_same_by_interface_and_vrid_and_keeps_its_place() {
    let mut force = RunningConfig::new(
        config(&[("a", 1, 100), ("b", 2, 100)]),
        [4, 7].map(RouterIdx::new).to_vec(),
        MapIds::default(),
    );
    let changes = force.replace(config(&[("renamed", 2, 90), ("a", 1, 100), ("c", 3, 100)]));
    assert_eq!(force.indices, [7, 4, 0].map(RouterIdx::new));
    assert_eq!(
        (changes.changed, changes.added),
        (vec!["renamed".to_owned()], vec!["c".to_owned()])
    );
    assert!(changes.removed.is_empty() && changes.released.is_empty());
}

#[test]
fn vc131_the_same_file_again_changes_nothing() {
    let mut force = RunningConfig::new(
        config(&[("a", 1, 100)]),
        [0].map(RouterIdx::new).to_vec(),
        MapIds::default(),
    );
    assert_eq!(force.replace(config(&[("a", 1, 100)])).describe(), "nothing changed");
}

#[test]
fn groups_are_places_and_one_member_makes_none() {
    let mut force = RunningConfig::new(
        config(&[("a", 1, 100), ("b", 2, 100)]),
        [4, 7].map(RouterIdx::new).to_vec(),
        MapIds::default(),
    );
    let mut grouped = config(&[("c", 3, 100), ("b", 2, 100), ("a", 1, 100)]);
    grouped.groups = vec![
        SyncGroup { name: "pair".to_owned(), members: vec![1, 2] },
        SyncGroup { name: "alone".to_owned(), members: vec![0] },
    ];
    assert!(force.groups().is_empty());
    force.replace(grouped);
    assert_eq!(force.groups(), [[7, 4].map(RouterIdx::new)]);
}

#[test]
fn a_removed_router_stays_until_it_has_handed_over_and_its_place_is_not_given_away() {
    let mut force = RunningConfig::new(
        config(&[("a", 1, 100), ("b", 2, 100)]),
        [0, 1].map(RouterIdx::new).to_vec(),
        MapIds::default(),
    );
    let changes = force.replace(config(&[("b", 2, 100)]));
    assert_eq!(
        (changes.removed, changes.released),
        (vec!["a".to_owned()], vec![RouterIdx::new(0)])
    );
    assert_eq!(force.indices, [1, 0].map(RouterIdx::new));
    force.replace(config(&[("b", 2, 100), ("c", 3, 100)]));
    assert_eq!(force.indices, [1, 2, 0].map(RouterIdx::new));
    force.forget(RouterIdx::new(0));
    assert_eq!(force.indices, [1, 2].map(RouterIdx::new));
    assert_eq!(force.config.routers.len(), 2);
    assert!(force.leaving.is_empty());
}

#[test]
fn a_router_that_returns_while_leaving_is_reported() {
    let mut force = RunningConfig::new(
        config(&[("a", 1, 100), ("b", 2, 100)]),
        [0, 1].map(RouterIdx::new).to_vec(),
        MapIds::default(),
    );
    force.replace(config(&[("b", 2, 100)]));
    let changes = force.replace(config(&[("a", 1, 100), ("b", 2, 100)]));
    assert_eq!(changes.changed, ["a"]);
    assert!(force.leaving.is_empty());
}
