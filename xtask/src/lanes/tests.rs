use super::*;

#[test]
fn test_binaries_are_found_in_what_cargo_prints() {
    let line = |profile: &str, executable: &str| {
        format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml","target":{{"kind":["test"],"name":"hmac"}},
                "profile":{{"test":{profile}}},"executable":{executable}}}"#
        )
    };
    let found =
        Binary { name: "hmac".to_owned(), path: "/w/hmac-1".into(), directory: "/w/tests".into() };
    assert_eq!(Binary::read(&line("true", "\"/w/hmac-1\"")), Some(found));
    assert_eq!(Binary::read(&line("false", "\"/w/vrrp-agent\"")), None, "a program without tests");
    assert_eq!(Binary::read(&line("true", "null")), None, "a library");
    assert_eq!(Binary::read("not a message"), None);
}

#[test]
fn everything_is_done_once_and_a_failure_is_returned() {
    let mut doubled =
        side_by_side((1..=10).collect(), 3, |number| Ok(2 * number)).expect("all is well");
    doubled.sort_unstable();
    assert_eq!(doubled, (1..=10).map(|number| 2 * number).collect::<Vec<_>>());
    assert!(side_by_side(vec![1, 2], 1, |_| Err::<(), _>(anyhow!("it does not start"))).is_err());
}
