//! The steps with a failure and a recovery.

use std::time::{Duration, Instant};

use anyhow::Result;
use vrrp_tests::capture::UNDERWAY;
use vrrp_tests::names::{Node, Vip};
use vrrp_tests::summary::NOTICEABLE_GAP_MS;

use super::report::Step;
use super::service::Session;
use super::story::{Seen, Story, Watch};

/// The node that fails, and the address it is master of.
const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
const MOVING: Vip = Vip::Vip1;
const STAYING: Vip = Vip::Vip2;

/// The longest gap when a node or service recovers.
const RETURN_GAP_MS: f64 = 500.0;
/// How long a health check may send new connections to an nginx that has just died.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Three failed runs of the check, one each second, with a little room.
const TRACKING_DELAY: Duration = Duration::from_millis(3300);

pub fn link_cut(story: &mut Story, step: &mut Step) -> Result<()> {
    let mut session = Session::default();
    session.visit(story, MOVING)?;
    let watch = story.watch()?;
    let cut = Instant::now();
    story.lab.cut(VICTIM)?;
    step.event(format!("{VICTIM}'s front cable is pulled"));
    let limit = outage_limit(story);
    story.wait_for_master(MOVING, SUCCESSOR, cut, limit + Duration::from_secs(2))?;
    let seen = story.finish(watch, step)?;
    let outage = seen.report(MOVING).summary().outage_ms;
    let limit_ms = limit.as_millis();
    step.check(
        format!("{MOVING} is away for at most {limit_ms} ms"),
        outage <= limit_ms as f64,
        format!("{outage:.1} ms"),
    );
    check_small_gap(step, &seen, STAYING);
    story.check_master(step, MOVING, SUCCESSOR);
    session.visit(story, MOVING)?;
    step.check(
        "the PHP session survives the move",
        session.visits == 2,
        format!("{} visits counted", session.visits),
    );
    Ok(())
}

/// The limit: the master down interval with a margin for the machine.
fn outage_limit(story: &Story) -> Duration {
    if story.settings.interval < Duration::from_secs(1) {
        story.settings.interval * 39 / 10
    } else {
        story.settings.interval * 37 / 10
    }
}

pub fn healed(story: &mut Story, step: &mut Step) -> Result<()> {
    let watch = story.watch()?;
    let since = Instant::now();
    story.lab.heal(VICTIM)?;
    step.event(format!("{VICTIM}'s front cable is plugged in again"));
    check_return(story, step, watch, since)
}

pub fn killed(story: &mut Story, step: &mut Step) -> Result<()> {
    let watch = story.watch()?;
    let since = Instant::now();
    story.lab.kill_router(VICTIM)?;
    step.event(format!("{} on {VICTIM} is killed (SIGKILL)", story.lab.router(VICTIM).describe()));
    succeed(story, since)?;
    let seen = story.finish(watch, step)?;
    check_no_gap(story, step, &seen);
    check_silence(story, step, &seen, since);
    story.check_master(step, MOVING, SUCCESSOR);
    Ok(())
}

pub fn started_again(story: &mut Story, step: &mut Step) -> Result<()> {
    let watch = story.watch()?;
    let since = Instant::now();
    story.lab.start_router(VICTIM)?;
    step.event(format!("{} on {VICTIM} is started again", story.lab.router(VICTIM).describe()));
    check_return(story, step, watch, since)
}

pub fn stopped(story: &mut Story, step: &mut Step) -> Result<()> {
    let watch = story.watch()?;
    let since = Instant::now();
    step.event(format!(
        "{} on {VICTIM} is asked to stop (SIGTERM)",
        story.lab.router(VICTIM).describe()
    ));
    let status = story.lab.stop_router(VICTIM)?;
    step.event(format!("it has ended: {status}"));
    succeed(story, since)?;
    let seen = story.finish(watch, step)?;
    let resigned =
        seen.recording.adverts(since, VICTIM, MOVING.vrid()).any(|(_, priority)| priority == 0);
    step.check("it resigns with priority 0", resigned, if resigned { "seen" } else { "not seen" });
    step.check("it ends in good order", status.success(), status.to_string());
    check_no_gap(story, step, &seen);
    check_silence(story, step, &seen, since);
    story.check_master(step, MOVING, SUCCESSOR);
    Ok(())
}

pub fn nginx_killed(story: &mut Story, step: &mut Step) -> Result<()> {
    let watch = story.watch()?;
    let since = Instant::now();
    story.lab.kill_nginx(VICTIM)?;
    step.event(format!("nginx on {VICTIM} is killed"));
    // The other node ignores a master of lower priority, so it waits out the master down interval.
    let limit = TRACKING_DELAY + outage_limit(story);
    let moved = story.wait_for_master(MOVING, SUCCESSOR, since, limit + Duration::from_secs(2))?;
    let seen = story.finish(watch, step)?;
    step.check(
        format!("tracking moves {MOVING} within {:.1} s", limit.as_secs_f64()),
        moved - since <= limit,
        format!("after {:.2} s", (moved - since).as_secs_f64()),
    );
    let excuse =
        (!story.spreads()).then_some("without services the master's own nginx is the only one");
    let later = seen.report(MOVING).summary_since(since + CHECK_PERIOD);
    step.check_unless(
        excuse,
        &format!(
            "no new connection goes to the dead nginx once it is found dead ({} s)",
            CHECK_PERIOD.as_secs()
        ),
        later.failed == 0,
        format!("{} lost", later.failed),
    );
    story.check_master(step, MOVING, SUCCESSOR);
    Ok(())
}

pub fn nginx_back(story: &mut Story, step: &mut Step) -> Result<()> {
    let watch = story.watch()?;
    let since = Instant::now();
    story.lab.start_nginx(VICTIM)?;
    step.event(format!("nginx on {VICTIM} is started again"));
    come_back(story, since)?;
    let seen = story.finish(watch, step)?;
    check_small_gap(step, &seen, MOVING);
    story.check_master(step, MOVING, VICTIM);
    Ok(())
}

/// Waits until the other node has taken over.
fn succeed(story: &Story, since: Instant) -> Result<()> {
    story
        .wait_for_master(MOVING, SUCCESSOR, since, outage_limit(story) + Duration::from_secs(2))
        .map(drop)
}

/// Waits until the failed node is master again and the other node has stopped advertising.
fn come_back(story: &mut Story, since: Instant) -> Result<()> {
    let patience = outage_limit(story) * 2 + Duration::from_secs(5);
    story.wait_for_master(MOVING, VICTIM, since, patience)?;
    story.lab.wait_for_service(patience)
}

/// The failed node is master again, and neither address has a long gap.
fn check_return(story: &mut Story, step: &mut Step, watch: Watch, since: Instant) -> Result<()> {
    come_back(story, since)?;
    let seen = story.finish(watch, step)?;
    check_small_gap(step, &seen, MOVING);
    check_small_gap(step, &seen, STAYING);
    story.check_master(step, MOVING, VICTIM);
    Ok(())
}

fn check_small_gap(step: &mut Step, seen: &Seen, vip: Vip) {
    let gap = seen.report(vip).summary().outage_ms;
    step.check(
        format!("{vip} has no gap of {RETURN_GAP_MS} ms"),
        gap < RETURN_GAP_MS,
        format!("{gap:.1} ms"),
    );
}

fn check_no_gap(story: &Story, step: &mut Step, seen: &Seen) {
    let gap = seen.report(MOVING).summary().outage_ms;
    step.check_unless(
        story.not_ours(VICTIM),
        &format!("{MOVING} has no gap of {NOTICEABLE_GAP_MS} ms"),
        gap < NOTICEABLE_GAP_MS,
        format!("{gap:.1} ms"),
    );
}

/// From the successor's first advert on, the old master neither claims the address nor answers for
/// it.
fn check_silence(story: &Story, step: &mut Step, seen: &Seen, since: Instant) {
    let Some(handover) = seen.recording.first_advert(since, SUCCESSOR, MOVING.vrid()) else {
        step.check("the successor advertises", false, "not seen");
        return;
    };
    let claims = seen.recording.arp_claims(handover, VICTIM, MOVING.address()).len();
    let times = seen.recording.direct_reply_times(handover, VICTIM, MOVING.address());
    let replies = times.iter().filter(|&&at| at - handover >= UNDERWAY).count();
    let underway = times.len() - replies;
    step.check_unless(
        story.not_ours(VICTIM),
        &format!("from {SUCCESSOR}'s first advert on, {VICTIM} neither claims {MOVING} nor answers for it"),
        claims == 0 && replies == 0 && seen.recording.lost == 0,
        format!(
            "{claims} ARP claims, {replies} replies (and {underway} to frames that were under way), {} frames not captured",
            seen.recording.lost
        ),
    );
}
