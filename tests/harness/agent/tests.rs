use super::*;

#[test]
fn the_default_is_the_example() {
    assert_eq!(config(Node::Node1, &Settings::default()), NODE1);
    assert_eq!(config(Node::Node2, &Settings::default()), NODE2);
}

#[test]
fn fast_settings_change_the_routers_and_nothing_else() {
    let text = config(Node::Node1, &Settings::fast());
    assert_eq!(text.matches("version = 3").count(), 2);
    assert_eq!(text.matches("interval = \"100ms\"").count(), 2);
    assert!(text.contains("interval = \"1s\"\ntimeout"), "the script keeps its interval");
    assert!(!text.contains("auth_pass"));
}

#[test]
fn metrics_are_summed_by_label() {
    let text = "# HELP x y\nx_total{interface=\"eth1\",reason=\"ttl\"} 3\nx_total{interface=\"eth1\",reason=\"vrid\"} 4\nup 1\n";
    let metrics = Metrics::parse(text);
    assert_eq!(metrics.sum("x_total", &[]), 7.0);
    assert_eq!(metrics.sum("x_total", &[("reason", "ttl")]), 3.0);
    assert_eq!(metrics.sum("up", &[]), 1.0);
    assert_eq!(metrics.by_label("x_total", "reason")["vrid"], 4.0);
}
