//! A kernel that is too old for the XDP program: the agent reports that, and works without the
//! program.

use anyhow::{Result, ensure};
use vrrp_tests::names::{Node, Vip};

use crate::check::Checks;
use crate::failover::addresses;
use crate::site::{PATIENCE, Site, tail, wait_until};
use crate::story;

/// The oldest kernel, as named in the refusal.
const FLOOR: &str = "6.1";

pub fn run(checks: &mut Checks, site: &mut Site) {
    for node in Node::BOTH {
        checks.check(&format!("{node}: the refusal names the oldest kernel"), || {
            let log = site.log(node);
            let told = log.lines().find(|line| line.contains("kernel") && line.contains(FLOOR));
            ensure!(
                told.is_some(),
                "the log does not name {FLOOR}: {}",
                log.lines().take(6).collect::<Vec<_>>().join(" | ")
            );
            Ok(told.unwrap_or_default().to_owned())
        });
    }
    checks.check("election and addresses work", || {
        story::settle(site)?;
        holds(site, Node::Node1, Vip::Vip1)?;
        holds(site, Node::Node2, Vip::Vip2)?;
        Ok("each node leads and holds its address".to_owned())
    });
    checks.check("kill -9: the other node takes the address", || {
        site.kill(Node::Node1)?;
        site.wait_role(Node::Node2, "VI_1", "master")?;
        holds(site, Node::Node2, Vip::Vip1)?;
        Ok("node2 leads and holds both addresses".to_owned())
    });
    checks.check("the node comes back and leads again", || {
        site.start(Node::Node1)?;
        story::settle(site)?;
        holds(site, Node::Node1, Vip::Vip1)?;
        Ok(tail(&site.log(Node::Node1)).lines().last().unwrap_or_default().to_owned())
    });
}

fn holds(site: &Site, node: Node, vip: Vip) -> Result<()> {
    let address = format!(" {}/", vip.address());
    wait_until(&format!("{vip} on {node}"), PATIENCE, || {
        addresses(site, node).is_ok_and(|text| text.contains(&address))
    })
}
