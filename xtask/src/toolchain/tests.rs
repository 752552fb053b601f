use super::*;

#[test]
fn versions_are_compared_by_their_first_two_numbers() {
    assert_eq!(minor_version("1.96.0+dfsg1-1~deb12u2"), Some((1, 96)));
    assert_eq!(minor_version("1:22.1.8-1~deb12u1"), Some((22, 1)));
    assert_eq!(minor_version("0.13.0"), Some((0, 13)));
    assert_eq!(minor_version("1.97.0-nightly"), Some((1, 97)));
    assert_eq!(minor_version("(none)"), None);
    assert_eq!(rustc_version("rustc 1.96.0 (abc 2026-05-01)").as_deref(), Some("1.96.0"));
}
