use super::*;

#[test]
fn a_unit_is_known_with_and_without_a_version() {
    assert!(is_unit("php8.2-fpm.service", ("php", "-fpm.service")));
    assert!(is_unit("nginx.service", ("nginx", ".service")));
    assert!(!is_unit("nginx-debug.service", ("nginx", ".service")));
}
