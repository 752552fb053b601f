use super::*;

fn plan(routers: u16, segments: u8) -> Plan {
    Plan {
        routers,
        segments,
        ..Plan::single(Program::Agent, Duration::from_millis(10), PathBuf::new())
    }
}

#[test]
fn virtual_routers_are_spread_over_the_segments() {
    let all: Vec<Router> = plan(1000, 4).all().collect();
    assert_eq!(all.iter().map(|router| router.vrid).max(), Some(250));
    assert_eq!(all.iter().filter(|router| router.segment == 3).count(), 250);
    assert_eq!(plan(255, 1).all().last(), Some(Router { segment: 0, vrid: 255 }));
}

#[test]
fn both_programs_get_the_same_settings() {
    let plan = plan(2, 2);
    for text in [plan.agent_toml(Node::Node2), plan.keepalived_conf(Node::Node2)] {
        assert!(text.contains("10.100.1.1") && text.contains("10.101.1.1"), "{text}");
        assert!(text.contains("priority 99") || text.contains("priority = 99"), "{text}");
    }
    assert!(plan.keepalived_conf(Node::Node1).contains("advert_int 0.01\n"));
    assert_eq!(plan.master_down_interval().as_micros(), 36_132);
}
