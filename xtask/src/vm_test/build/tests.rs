use super::*;

#[test]
fn a_test_program_is_known_by_its_target() {
    let line = |kind: &str, name: &str, test: bool| {
        format!(
            "{{\"reason\":\"compiler-artifact\",\"target\":{{\"kind\":[\"{kind}\"],\"name\":\"{name}\"}},\
                 \"profile\":{{\"test\":{test}}},\"executable\":\"/t/{name}-1\"}}"
        )
    };
    assert_eq!(program(&line("test", "vm", true)), Some(("vm".to_owned(), "/t/vm-1".into())));
    assert_eq!(
        program(&line("lib", "vrrp_agent", true)),
        Some((UNIT_TESTS.to_owned(), "/t/vrrp_agent-1".into()))
    );
    assert_eq!(program(&line("lib", "vrrp_agent", false)), None);
    assert_eq!(program(&line("test", "failover", true)), None);
    assert_eq!(program("{\"reason\":\"build-finished\",\"success\":true}"), None);
}
