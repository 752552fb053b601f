use super::*;

#[test]
fn the_default_is_the_example() {
    assert_eq!(
        config(Node::Node1, &Settings::default()),
        include_str!("../../../examples/dual-master/node1.keepalived.conf")
    );
    assert_eq!(
        config(Node::Node2, &Settings::default()),
        include_str!("../../../examples/dual-master/node2.keepalived.conf")
    );
}

#[test]
fn version_3_has_no_authentication() {
    let text = config(Node::Node1, &Settings::fast());
    assert!(text.contains("    version 3\n") && text.contains("    advert_int 0.1\n"));
    assert!(!text.contains("auth"));
}

#[test]
fn a_backup_of_priority_99_waits_3613_ms() {
    assert_eq!(Settings::default().master_down_interval().as_millis(), 3613);
    assert_eq!(Settings::fast().master_down_interval().as_millis(), 361);
}
