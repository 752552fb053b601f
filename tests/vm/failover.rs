//! Mastership moves when an agent is killed, by a command, and by a stop; a quick restart keeps it.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use vrrp_tests::names::{Host, Node, Vip};
use vrrp_tests::probe::HttpProbe;

use crate::check::Checks;
use crate::modes;
use crate::site::{Site, succeeded, tail};
use crate::story;

const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
/// Interval of a client's requests, for the whole time.
const INTERVAL: Duration = Duration::from_millis(50);
/// Traffic before and after a move.
const CALM: Duration = Duration::from_secs(1);
/// Less than the rest of a lease.
const AT_ONCE: Duration = Duration::from_millis(50);

pub fn run(checks: &mut Checks, site: &mut Site) {
    checks.check("kill -9: the other node takes over, no request is lost", || {
        let probe = probe(site)?;
        site.kill(VICTIM)?;
        heir_leads(site)?;
        unnoticed(probe)
    });
    modes::run(checks, site, SUCCESSOR);
    checks.check("the node comes back and leads again", || {
        let probe = probe(site)?;
        site.start(VICTIM)?;
        story::settle(site)?;
        unnoticed(probe)
    });
    checks.check(
        "kill -9 and start at once: the node stays master and adopts what is pinned",
        || {
            let probe = probe(site)?;
            let (before, log) = (masterships(site)?, site.log(VICTIM).len());
            site.kill(VICTIM)?;
            sleep(AT_ONCE);
            site.start(VICTIM)?;
            story::settle(site)?;
            let text = site.log(VICTIM)[log..].to_owned();
            ensure!(text.contains("adopted=true"), "nothing was adopted: {}", tail(&text));
            let taken = masterships(site)? - before;
            Ok(format!("{}; {SUCCESSOR} took over {taken} times", unnoticed(probe)?))
        },
    );
    checks.check("failover by order", || {
        let probe = probe(site)?;
        let said = site.ask(VICTIM, &["failover", "VI_1"])?;
        ensure!(said.contains("handed over"), "{said}");
        heir_leads(site)?;
        Ok(format!("{}; {}", said.trim(), unnoticed(probe)?))
    });
    checks.check("failback by order", || {
        let probe = probe(site)?;
        site.ask(VICTIM, &["failback", "VI_1"])?;
        story::settle(site)?;
        unnoticed(probe)
    });
    checks.check("a stop in good order hands over", || {
        let probe = probe(site)?;
        site.stop(VICTIM)?;
        heir_leads(site)?;
        let seen = unnoticed(probe)?;
        ensure!(
            !addresses(site, VICTIM)?.contains(&Vip::Vip1.address().to_string()),
            "the address is still there"
        );
        site.start(VICTIM)?;
        story::settle(site)?;
        Ok(seen)
    });
    checks.check("reload", || {
        succeeded(&{
            let socket = site.paths(VICTIM).api_socket;
            site.agent(VICTIM, &["reload", "--socket", &socket.to_string_lossy()])?
        })
    });
}

fn heir_leads(site: &Site) -> Result<()> {
    site.wait_role(SUCCESSOR, "VI_1", "master")
}

fn probe(site: &Site) -> Result<HttpProbe> {
    let probe = HttpProbe::start(&site.netns(Host::Client), Vip::Vip1.address(), INTERVAL)?;
    sleep(CALM);
    Ok(probe)
}

/// Fails unless every request of the probe was answered.
fn unnoticed(probe: HttpProbe) -> Result<String> {
    sleep(CALM);
    let summary = probe.stop()?.summary();
    ensure!(summary.failed == 0, "{} {:?}", summary.sentence(), summary.failures);
    Ok(summary.sentence())
}

/// How often the other node became master of the first router.
fn masterships(site: &Site) -> Result<u64> {
    Ok(site.router(SUCCESSOR, "VI_1")?["transitions"]["master"].as_u64().unwrap_or(0))
}

/// Addresses and links of a node, as `ip` prints them.
pub fn addresses(site: &Site, node: Node) -> Result<String> {
    let netns = site.netns(node.host());
    vrrp_tests::process::output(std::process::Command::new("ip").args([
        "-n",
        netns.name(),
        "-o",
        "addr",
        "show",
    ]))
}
