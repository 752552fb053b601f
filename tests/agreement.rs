//! The status of both masters of a pair shows whether the other one has the same rings.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use vrrp_tests::process::{output, wait_until};
use vrrp_tests::{Lab, LabOptions, Node, Router};

/// Several query intervals, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn vrrp_agent(lab: &Lab, node: Node, words: &[&str]) -> Result<String> {
    output(&mut lab.vrrp_agent(node, words))
}

/// The other node's rings in a node's status: for each service, whether they agree.
fn said(lab: &Lab, node: Node) -> Result<Vec<bool>> {
    let status: Value = serde_json::from_str(&vrrp_agent(lab, node, &["status", "--json"])?)?;
    let services = status["services"].as_array().context("services")?;
    let agrees = |peer: &Value| {
        assert_eq!(peer["node"], node.other().front().to_string(), "{peer}");
        peer["agrees"].as_bool()
    };
    Ok(services
        .iter()
        .filter_map(|service| service["peers"].as_array())
        .flatten()
        .filter_map(agrees)
        .collect())
}

fn wait_for(lab: &Lab, what: &str, wanted: &[bool]) {
    for node in Node::BOTH {
        let there = wait_until(&format!("{node} to say: {what}"), PATIENCE, || {
            said(lab, node).is_ok_and(|said| said == wanted)
        });
        there.unwrap_or_else(|error| panic!("{error:#}; it says {:?}", said(lab, node)));
    }
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn masters_see_whether_the_other_has_the_same_rings() {
    let lab = Lab::up(LabOptions::new(Router::Agent, Router::Agent)).expect("the lab comes up");
    wait_for(&lab, "both rings agree", &[true, true]);
    let backend = Node::Node2.front().to_string();
    vrrp_agent(&lab, Node::Node1, &["drain", &backend, "--service", "web1"]).expect("drained");
    wait_for(&lab, "one ring differs", &[false, true]);
    let table = vrrp_agent(&lab, Node::Node1, &["status"]).expect("a table");
    assert!(table.contains(&format!("NOT as {backend}")), "{table}");
    let metric = lab.metrics(Node::Node2).expect("metrics");
    assert_eq!(metric.sum("vrrp_service_ring_agrees", &[("service", "web1")]), 0.0);
    assert_eq!(metric.sum("vrrp_service_ring_agrees", &[("service", "web2")]), 1.0);
    vrrp_agent(&lab, Node::Node1, &["drain", &backend, "--undo"]).expect("taken back");
    wait_for(&lab, "both rings agree again", &[true, true]);
}
