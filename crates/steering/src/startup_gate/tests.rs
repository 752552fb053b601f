use super::*;

fn check(kind: CheckKind, millis: u64, fall: u32) -> Check {
    let timeout = Duration::from_millis(millis);
    Check { interval: timeout, timeout, fall, ..Check::new(kind) }
}

#[test]
fn the_slowest_check_is_waited_for_until_it_must_have_failed() {
    let tcp = || CheckKind::Tcp { port: None };
    let patience = |checks: &[Check]| patience(checks.iter());
    assert_eq!(patience(&[]), Duration::ZERO);
    assert_eq!(patience(&[check(CheckKind::None, 60_000, 9)]), Duration::ZERO);
    assert_eq!(
        patience(&[check(tcp(), 200, 3), check(tcp(), 500, 1)]),
        Duration::from_millis(600) + SLACK
    );
    assert_eq!(patience(&[check(tcp(), 200, 0)]), Duration::from_millis(200) + SLACK);
}

#[test]
fn a_bad_result_is_a_result() {
    assert_eq!(unchecked(&[]), 0);
    assert_eq!(unchecked(&[vec![Some(true), Some(false)], vec![]]), 0);
    assert_eq!(unchecked(&[vec![Some(true), None], vec![None]]), 2);
}
