//! The steps without a failure: pages, sessions, names, and bad adverts that must have no effect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use vrrp_tests::agent::Metrics;
use vrrp_tests::inject::{BadAdvert, inject};
use vrrp_tests::names::{Host, Node, SITE_NAME, Vip};

use super::report::Step;
use super::story::Story;

/// Bad adverts of each kind, and the total rate per second.
const BAD_ADVERTS: u32 = 2_000;
const BAD_ADVERTS_PER_SECOND: u32 = 8_000;
const DROPPED: &str = "vrrp_advertisements_dropped_total";

pub fn both_served(story: &mut Story, step: &mut Step) -> Result<()> {
    // The wire shows the master only after an advert of each.
    std::thread::sleep(story.settings.interval + Duration::from_millis(100));
    let watch = story.watch()?;
    let seen = story.finish(watch, step)?;
    for vip in Vip::BOTH {
        story.check_master(step, vip, vip.home());
        let summary = seen.report(vip).summary();
        step.check(
            format!("{vip} answers every request"),
            summary.failed == 0,
            format!("{} lost", summary.failed),
        );
        let expected: BTreeSet<&str> = if story.spreads() {
            Node::BOTH.into_iter().map(|node| node.host().name()).collect()
        } else {
            [vip.home().host().name()].into()
        };
        let answered: BTreeSet<&str> = summary.by_node.keys().map(String::as_str).collect();
        let demand = if story.spreads() {
            "is spread over both nodes"
        } else {
            "is answered by its master alone"
        };
        step.check(
            format!("{vip} {demand}"),
            answered == expected,
            format!("{:?}", summary.by_node),
        );
    }
    Ok(())
}

pub fn php_session(story: &mut Story, step: &mut Step) -> Result<()> {
    let mut session = Session::default();
    for vip in Vip::BOTH.into_iter().cycle().take(6) {
        session.visit(story, vip)?;
    }
    step.event(format!("six visits by way of {}", join(&session.ways)));
    step.check(
        "one session counts all visits",
        session.visits == 6,
        format!("{} counted", session.visits),
    );
    step.check("several php hosts answered", session.php.len() > 1, join(&session.php));
    Ok(())
}

/// A browser with one session.
#[derive(Debug, Default)]
pub struct Session {
    cookie: Option<String>,
    /// As counted by the page.
    pub visits: u64,
    pub php: BTreeSet<String>,
    pub ways: BTreeSet<String>,
}

impl Session {
    pub fn visit(&mut self, story: &Story, vip: Vip) -> Result<()> {
        let answer = story.lab.get(vip.address(), "/index.php", self.cookie.as_deref())?;
        let page: Value = serde_json::from_str(&answer.body).with_context(|| {
            format!("the PHP page (status {}) returned: {}", answer.status, answer.body)
        })?;
        let word = |key: &str| page[key].as_str().unwrap_or("?").to_owned();
        self.visits = page["visits"].as_u64().context("the PHP page counts no visits")?;
        self.php.insert(word("php"));
        self.ways.insert(format!("{vip}-{}-{}", word("node"), word("php")));
        if let Some(cookie) = answer.cookie() {
            self.cookie = Some(cookie.to_owned());
        }
        Ok(())
    }
}

fn join(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub fn dns_name(story: &mut Story, step: &mut Step) -> Result<()> {
    let mut addresses = story.lab.resolve(SITE_NAME)?;
    step.event(format!("{} resolves {SITE_NAME} to {addresses:?}", Host::Dns));
    addresses.sort();
    step.check(
        "the name has both virtual addresses",
        addresses == Vip::BOTH.map(Vip::address),
        format!("{addresses:?}"),
    );
    for address in addresses {
        let answer = story.lab.get(address, "/", None)?;
        let node = answer.header("x-node").unwrap_or("no node");
        step.check(
            format!("{address} answers"),
            answer.status == 200,
            format!("{node}, status {}", answer.status),
        );
    }
    Ok(())
}

pub fn bad_adverts(story: &mut Story, step: &mut Step) -> Result<()> {
    let agents: Vec<Node> =
        Node::BOTH.into_iter().filter(|node| story.lab.router(*node).is_agent()).collect();
    let before = read_metrics(story, &agents)?;
    let lost_before = lost_on_the_way(story)?;
    let watch = story.watch()?;
    let kinds = BadAdvert::all(&story.settings);
    step.event(format!(
        "the client sends {BAD_ADVERTS} bad adverts of each of {} kinds",
        kinds.len()
    ));
    let client = story.lab.topology().host(Host::Client);
    let sent = inject(&client, &story.settings, &kinds, BAD_ADVERTS, BAD_ADVERTS_PER_SECOND)?;
    let total: u32 = sent.iter().map(|(_, count)| count).sum();
    step.event(format!("{total} bad adverts were sent"));
    let began = watch.began;
    let seen = story.finish(watch, step)?;
    // keepalived reads all of them, and loses good adverts among so many bad ones.
    let unfiltered = Node::BOTH.into_iter().find_map(|node| story.not_ours(node));
    for vip in Vip::BOTH {
        let usurper = vip.home().other();
        let usurped = seen.recording.adverts(began, usurper, vip.vrid()).count();
        let resigned = seen
            .recording
            .adverts(began, vip.home(), vip.vrid())
            .filter(|(_, priority)| *priority == 0)
            .count();
        step.check_unless(
            unfiltered,
            &format!("{} stays master of {vip} throughout", vip.home()),
            usurped == 0 && resigned == 0,
            format!("{usurped} adverts of {usurper}, {resigned} resignations"),
        );
        let failed = seen.report(vip).summary().failed;
        step.check_unless(
            unfiltered,
            &format!("{vip} loses no request"),
            failed == 0,
            format!("{failed} lost"),
        );
    }
    let lost = lost_on_the_way(story)? - lost_before;
    step.check("the lab's own cables lose none of them", lost == 0, format!("{lost} lost"));
    let after = read_metrics(story, &agents)?;
    for node in Node::BOTH {
        match (before.get(&node), after.get(&node)) {
            (Some(before), Some(after)) => check_counts(step, node, &sent, before, after),
            _ => step.check_unless(
                story.not_ours(node),
                &format!("{node} counts each of them"),
                true,
                "no counters",
            ),
        }
    }
    Ok(())
}

fn lost_on_the_way(story: &Story) -> Result<u64> {
    Node::BOTH.into_iter().map(|node| story.lab.topology().front_drops(node.host())).sum()
}

fn read_metrics(story: &Story, nodes: &[Node]) -> Result<BTreeMap<Node, Metrics>> {
    nodes.iter().map(|node| Ok((*node, story.lab.metrics(*node)?))).collect()
}

/// Compares what was sent with what `node` counted: each reason by itself, garbage by the
/// remainder.
fn check_counts(
    step: &mut Step,
    node: Node,
    sent: &[(BadAdvert, u32)],
    before: &Metrics,
    after: &Metrics,
) {
    let grown = |labels: &[(&str, &str)]| {
        (after.sum(DROPPED, labels) - before.sum(DROPPED, labels)).round() as i64
    };
    let reaching = || sent.iter().filter(|(kind, _)| kind.reaches(node));
    let mut wrong = Vec::new();
    // Garbage may fail any check first, so a reason may count more than its own kind.
    for (kind, count) in reaching() {
        if let Some(reason) = kind.reason()
            && grown(&[("reason", reason)]) < i64::from(*count)
        {
            wrong.push(format!("{reason}: {} of {count}", grown(&[("reason", reason)])));
        }
    }
    let expected: i64 = reaching().map(|(_, count)| i64::from(*count)).sum();
    let counted = grown(&[]);
    step.check(
        format!("{node} counts each bad advert under its reason"),
        wrong.is_empty(),
        if wrong.is_empty() { reasons(before, after) } else { wrong.join(", ") },
    );
    step.check(
        format!("{node} counts exactly what was sent to it"),
        counted == expected,
        format!("{counted} of {expected}"),
    );
}

/// The increase of each reason's counter.
fn reasons(before: &Metrics, after: &Metrics) -> String {
    let earlier = before.by_label(DROPPED, "reason");
    let grown = after.by_label(DROPPED, "reason").into_iter().map(|(reason, count)| {
        let earlier = earlier.get(&reason).copied().unwrap_or_default();
        (reason, count - earlier)
    });
    grown
        .filter(|(_, count)| *count > 0.0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}
