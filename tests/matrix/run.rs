//! Runs the cases, several duels at a time, and records the observations of each.

use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vrrp_tests::Node;
use vrrp_tests::capture::Recording;
use vrrp_tests::duel::{Duel, Setup, Speaker, VRID};
use vrrp_tests::frames::{Advert, Checksum, Frame};

use super::{Act, Case, See, Side};

/// Duels at a time. They mostly wait.
const LANES: usize = 3;
/// Delay that a busy machine may add to a timer, besides the start of a program.
const ROOM: Duration = Duration::from_secs(4);
/// How long a state must last to count.
const CALM: Duration = Duration::from_millis(500);

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub case: &'static str,
    pub us: &'static str,
    pub peer: &'static str,
    /// Our roles, in order.
    pub role: String,
    pub expected: String,
    pub observed: String,
    pub pass: bool,
    pub remark: &'static str,
}

impl Row {
    fn markdown(&self) -> String {
        let failed = if self.pass { "" } else { "**not as expected** " };
        format!("| {} | {} | {failed}{} | {} |", self.case, self.role, self.observed, self.remark)
    }

    pub fn line(&self) -> String {
        let pass = if self.pass { "pass" } else { "FAIL" };
        let remark =
            if self.remark.is_empty() { String::new() } else { format!(" | {}", self.remark) };
        let peer = if self.us == Speaker::Agent.name() {
            self.peer.to_owned()
        } else {
            format!("{} against {}", self.peer, self.us)
        };
        format!(
            "{} | {peer} | {} | {} | {} | {pass}{remark}",
            self.case, self.role, self.expected, self.observed
        )
    }
}

/// Names a file to which the rows are appended as a Markdown table.
const TABLE: &str = "VRRP_MATRIX_TABLE";

/// Runs `cases` and prints their rows; fails with the names of those with unexpected results.
pub fn play(cases: &[Case]) -> Result<()> {
    let begin = Instant::now();
    let queue = Mutex::new(cases.iter().enumerate());
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, case)) = next else { break };
                    let row = Player::row(case);
                    rows.lock().unwrap_or_else(PoisonError::into_inner).push((index, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(index, _)| *index);
    println!("case | peer | our role | expected | observed | pass");
    for (_, row) in &rows {
        println!("{}", row.line());
    }
    println!("{} cases in {:.1} s", rows.len(), begin.elapsed().as_secs_f64());
    if let Some(path) = std::env::var_os(TABLE) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        writeln!(file, "| case | our role | observed | remark |\n|---|---|---|---|")
            .context("writing the table")?;
        for (_, row) in &rows {
            writeln!(file, "{}", row.markdown()).context("writing the table")?;
        }
        writeln!(file).context("writing the table")?;
    }
    let failed: Vec<&str> =
        rows.iter().filter(|(_, row)| !row.pass).map(|(_, row)| row.case).collect();
    ensure!(rows.len() == cases.len(), "{} cases gave {} rows", cases.len(), rows.len());
    ensure!(failed.is_empty(), "not as expected: {failed:?}");
    Ok(())
}

struct Player<'a> {
    case: &'a Case,
    duel: Duel,
    /// Start of the step's action.
    since: Instant,
    roles: Vec<String>,
    epoch: Option<u64>,
}

impl<'a> Player<'a> {
    fn row(case: &'a Case) -> Row {
        let expected: Vec<String> = case
            .steps
            .iter()
            .map(|step| phrase(step.act, step.sees.iter().map(expectation)))
            .collect();
        let mut row = Row {
            case: case.name,
            peer: case.peer.name(),
            us: case.us.name(),
            role: String::new(),
            expected: expected.join("; "),
            observed: String::new(),
            pass: false,
            remark: case.remark,
        };
        let mut player = match Self::new(case) {
            Ok(player) => player,
            Err(error) => {
                row.observed = format!("the duel cannot begin: {error:#}");
                return row;
            }
        };
        let mut observed = Vec::new();
        row.pass = true;
        for step in &case.steps {
            let (seen, well) = player.step(step.act, &step.sees);
            observed.push(phrase(step.act, seen.into_iter()));
            row.pass &= well;
            if !well {
                break;
            }
        }
        row.role = player.roles.join(", ");
        row.observed = observed.join("; ");
        if !row.pass {
            for node in Node::BOTH {
                eprintln!(
                    "--- {}: log of {} on {node}\n{}",
                    case.name,
                    player.duel.speaker(node).name(),
                    tail(&player.duel.log(node))
                );
            }
        }
        if let Err(error) = player.duel.down() {
            row.pass = false;
            row.observed.push_str(&format!("; the duel does not go: {error:#}"));
        }
        row
    }

    fn new(case: &'a Case) -> Result<Self> {
        let mut speakers = [case.us, case.peer];
        let mut setups = [case.ours.clone(), case.theirs.clone()];
        if case.our_node == Node::Node2 {
            speakers.reverse();
            setups.reverse();
        }
        let duel = Duel::new(speakers, setups)?;
        Ok(Self { case, duel, since: Instant::now(), roles: Vec::new(), epoch: None })
    }

    /// The observations, and whether all were as expected.
    fn step(&mut self, act: Act, sees: &[See]) -> (Vec<String>, bool) {
        self.since = Instant::now();
        if let Err(error) = self.act(act) {
            return (vec![format!("failed: {error:#}")], false);
        }
        let started = act == Act::StartBoth || act == Act::Start(Side::Ours);
        if started
            && self.case.us == Speaker::Agent
            && let Err(error) = self.check_xdp()
        {
            return (vec![format!("not as it should run: {error:#}")], false);
        }
        let mut seen = Vec::new();
        let mut well = true;
        for see in sees {
            match self.see(see) {
                Ok(text) => seen.push(text),
                Err(error) => {
                    seen.push(format!("NOT {}: {error:#}", expectation(see)));
                    well = false;
                    break;
                }
            }
        }
        self.note_role();
        (seen, well)
    }

    fn node(&self, side: Side) -> Node {
        self.case.node(side)
    }

    fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Start(side) => self.duel.start(self.node(side)),
            Act::StartBoth => {
                Side::BOTH.into_iter().try_for_each(|side| self.duel.start(self.node(side)))
            }
            Act::Stop(side) => {
                let status = self.duel.stop(self.node(side))?;
                ensure!(side == Side::Theirs || status.success(), "our agent ends with {status}");
                Ok(())
            }
            Act::Kill(side) => self.duel.kill(self.node(side)),
            Act::Part => self.duel.part(self.node(Side::Theirs), true),
            Act::HealAfter(side) => {
                self.await_advert(side)?;
                self.since = Instant::now();
                self.duel.part(self.node(Side::Theirs), false)
            }
            Act::Forge(side, ttl) => {
                // Well after an advert: a deposed side then waits longer than the other one.
                self.await_advert(side)?;
                sleep(Duration::from_millis(30));
                self.duel.forge(self.node(side), ttl)
            }
            Act::RemoveAddress(side) => {
                self.epoch = self.duel.agent(self.case.our_node)?["epoch"].as_u64();
                self.duel.remove_address(self.node(side))
            }
        }
    }

    /// Without the kernel program most rows would look the same, but would not test what is
    /// shipped.
    fn check_xdp(&mut self) -> Result<()> {
        let our_node = self.case.our_node;
        let mut last = Value::Null;
        let attached = self.wait(|this| {
            last = this.duel.agent_status(our_node).ok()?["interfaces"].get(0)?["xdp"].clone();
            (last["mode"] == "driver").then_some(())
        });
        attached.with_context(|| format!("XDP: {last}"))
    }

    /// Waits for the next advert of `side`.
    fn await_advert(&mut self, side: Side) -> Result<()> {
        let (node, from) = (self.node(side), Instant::now());
        self.wait(|this| this.duel.recording().first_advert(from, node, VRID)).map(drop)
    }

    fn note_role(&mut self) {
        let node = self.case.our_node;
        let role = match self.case.us {
            Speaker::Agent => self
                .duel
                .agent(node)
                .ok()
                .and_then(|router| router["role"].as_str().map(str::to_owned)),
            _ if self.duel.is_master(node) => Some("master".to_owned()),
            _ => self.duel.runs(node).then(|| "backup".to_owned()),
        };
        let role = role.unwrap_or_else(|| "gone".to_owned());
        if self.roles.last() != Some(&role) {
            self.roles.push(role);
        }
    }

    /// The longest that a change may take with the settings of the case.
    fn patience(&self) -> Duration {
        Side::BOTH
            .map(|side| self.case.setup(side).master_down_interval())
            .into_iter()
            .max()
            .unwrap_or_default()
            * 2
            + ROOM
    }

    /// Calls `ready` until it has a result.
    fn wait<T>(&mut self, mut ready: impl FnMut(&mut Self) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + self.patience();
        loop {
            if let Some(found) = ready(self) {
                return Ok(found);
            }
            ensure!(Instant::now() < deadline, "not within {:.1} s", self.patience().as_secs_f64());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until exactly the sides in `wanted` are masters, and checks again after a while.
    fn masters(&mut self, wanted: &[Side]) -> Result<()> {
        let as_wanted = |this: &mut Self| {
            Side::BOTH
                .into_iter()
                .all(|side| this.duel.is_master(this.case.node(side)) == wanted.contains(&side))
        };
        self.wait(|this| as_wanted(this).then_some(()))?;
        let longest = Side::BOTH
            .map(|side| self.case.setup(side).interval)
            .into_iter()
            .max()
            .unwrap_or_default();
        sleep(CALM.max(longest * 3 / 2));
        ensure!(as_wanted(self), "it does not last");
        Ok(())
    }

    fn see(&mut self, see: &See) -> Result<String> {
        match see {
            See::Master(side) => self.masters(&[*side])?,
            See::BothMasters => self.masters(&Side::BOTH)?,
            See::Takes(side, within) => {
                let (node, since) = (self.node(*side), self.since);
                let at = self.wait(|this| this.duel.recording().first_advert(since, node, VRID))?;
                let after = at.duration_since(since).as_millis() as u64;
                ensure!(within.contains(&after), "after {after} ms");
                return Ok(format!("{} first advertises after {after} ms", side.word()));
            }
            See::Resigns(side) => {
                let (node, since) = (self.node(*side), self.since);
                let resigned = |recording: &Recording| {
                    recording.adverts(since, node, VRID).any(|(_, priority)| priority == 0)
                };
                self.wait(|this| resigned(&this.duel.recording()).then_some(()))?;
            }
            See::Silent(side) => {
                let count =
                    self.duel.recording().adverts(self.since, self.node(*side), VRID).count();
                ensure!(count == 0, "{count} adverts");
            }
            See::Claims(side) => {
                let after = self.claim(*side)?;
                return Ok(format!("{} announces the address after {after} ms", side.word()));
            }
            See::ClaimsWithin(side, limit) => {
                let after = self.claim(*side)?;
                ensure!(after <= u128::from(*limit), "after {after} ms");
                return Ok(format!("{} announces the address after {after} ms", side.word()));
            }
            See::NoClaims(side) => {
                let (node, vip) = (self.node(*side), self.duel.vip()?);
                let count = self.duel.recording().claims(self.since, node, vip).count();
                ensure!(count == 0, "{count} times");
            }
            See::Answers(sides) => {
                let seen = self.duel.answering_nodes()?;
                let wanted: Vec<Node> = Node::BOTH
                    .into_iter()
                    .filter(|node| sides.iter().any(|side| self.node(*side) == *node))
                    .collect();
                ensure!(seen == wanted, "{seen:?} answer, with ours on {}", self.case.our_node);
            }
            See::Holds(side) => ensure!(self.duel.holds(self.node(*side))?, "the address is gone"),
            See::Wire(side, wanted) => {
                let seen = self.last_advert(*side)?;
                ensure!(seen.contains(wanted), "{} sends {seen}", side.word());
                return Ok(format!("{} sends {seen}", side.word()));
            }
            See::Logs(side, wanted) => {
                let (node, wanted) = (self.node(*side), wanted.to_lowercase());
                self.wait(|this| {
                    this.duel.log(node).to_lowercase().contains(&wanted).then_some(())
                })?;
            }
            See::Drops(reason) => {
                let drops =
                    self.wait(|this| this.drops().filter(|drops| drops.contains(reason)))?;
                ensure!(drops == *reason, "dropped for {drops}");
            }
            See::NoDrops => {
                let drops = self.drops().context("no status")?;
                ensure!(drops.is_empty(), "dropped for {drops}");
            }
            See::Learned(within) => {
                let interval = self.duel.agent(self.case.our_node)?["master_down_ms"]
                    .as_u64()
                    .context("no master down interval")?;
                ensure!(within.contains(&interval), "{interval} ms");
                return Ok(format!("our master down interval is {interval} ms"));
            }
            See::SameEpoch => {
                let now = self.duel.agent(self.case.our_node)?["epoch"].as_u64();
                ensure!(now == self.epoch, "{now:?} after {:?}", self.epoch);
            }
        }
        Ok(expectation(see))
    }

    /// When `side` first announced the address after the action, milliseconds.
    fn claim(&mut self, side: Side) -> Result<u128> {
        let (node, since, vip) = (self.node(side), self.since, self.duel.vip()?);
        let at = self.wait(|this| this.duel.recording().claims(since, node, vip).next())?;
        Ok(at.duration_since(since).as_millis())
    }

    /// The reasons of adverts that our agent dropped, separated by commas.
    fn drops(&self) -> Option<String> {
        let status = self.duel.agent_status(self.case.our_node).ok()?;
        let reasons = status["interfaces"][0]["dropped_adverts"].as_object()?;
        let seen = reasons
            .iter()
            .filter(|(_, count)| count.as_u64() != Some(0))
            .map(|(reason, _)| reason.as_str());
        Some(seen.collect::<Vec<_>>().join(","))
    }

    /// A description of the last advert of `side` that was no resignation.
    fn last_advert(&self, side: Side) -> Result<String> {
        let recording = self.duel.recording();
        let node = self.node(side);
        let frames = recording.frames.iter().rev().filter(|captured| captured.from == node.host());
        let found = frames
            .filter_map(|captured| Some((&captured.frame, captured.frame.advert()?)))
            .find(|(_, advert)| advert.priority > 0);
        let (frame, advert) = found.context("no advert")?;
        Ok(in_words(frame, advert, node))
    }
}

fn in_words(frame: &Frame, advert: &Advert, node: Node) -> String {
    let interval = if advert.version == 2 {
        format!("{} s", advert.interval)
    } else {
        format!("{} cs", advert.interval)
    };
    let sum = match advert.checksum {
        Checksum::Message => "message-only",
        Checksum::Pseudo => "pseudo-header",
        Checksum::Wrong => "wrong checksum",
    };
    let mac = if frame.src == node.front_mac() { "own MAC" } else { "virtual MAC" };
    let list: Vec<String> = advert.addresses.iter().map(IpAddr::to_string).collect();
    let ttl = frame.ttl().unwrap_or_default();
    let auth = if advert.auth == 0 { String::new() } else { format!(", auth {}", advert.auth) };
    let to = if frame.dst.is_group() { "" } else { ", to the node" };
    format!(
        "v{} priority {} {interval} [{}] {sum}{auth}{to}, ttl {ttl}, {mac}",
        advert.version,
        advert.priority,
        list.join(" ")
    )
}

fn phrase(act: Act, sees: impl Iterator<Item = String>) -> String {
    let done = match act {
        Act::Start(side) => format!("start {}", side.word()),
        Act::StartBoth => "start".to_owned(),
        Act::Stop(side) => format!("stop {}", side.word()),
        Act::Kill(side) => format!("kill {}", side.word()),
        Act::Part => "part".to_owned(),
        Act::HealAfter(side) => format!("heal after an advert of {}", side.word()),
        Act::Forge(side, ttl) => format!("a stranger to {}, ttl {ttl}", side.word()),
        Act::RemoveAddress(side) => format!("address of {} deleted", side.word()),
    };
    format!("{done}: {}", sees.collect::<Vec<_>>().join(", "))
}

fn expectation(see: &See) -> String {
    match see {
        See::Master(side) => format!("{} master", side.word()),
        See::BothMasters => "both masters".to_owned(),
        See::Takes(side, within) => format!(
            "{} first advertises after {} to {} ms",
            side.word(),
            within.start(),
            within.end()
        ),
        See::Resigns(side) => format!("{} sends priority 0", side.word()),
        See::Silent(side) => format!("{} sends nothing", side.word()),
        See::Claims(side) => format!("{} announces the address", side.word()),
        See::ClaimsWithin(side, limit) => {
            format!("{} announces the address within {limit} ms", side.word())
        }
        See::NoClaims(side) => format!("{} announces nothing", side.word()),
        See::Answers([]) => "no node answers".to_owned(),
        See::Answers([side]) => format!("{} answers", side.word()),
        See::Answers(_) => "both answer".to_owned(),
        See::Holds(side) => format!("{} still holds the address", side.word()),
        See::Wire(side, wanted) => format!("{} sends {wanted}", side.word()),
        See::Logs(side, wanted) => format!("{} logs \"{wanted}\"", side.word()),
        See::Drops(reason) => format!("we drop for {reason}"),
        See::NoDrops => "we drop nothing".to_owned(),
        See::Learned(within) => {
            format!("our master down interval is {} to {} ms", within.start(), within.end())
        }
        See::SameEpoch => "the same mastership".to_owned(),
    }
}

/// The settings of a pair with two different priorities.
pub fn pair(setup: &Setup, ours: u8, theirs: u8) -> (Setup, Setup) {
    (setup.clone().priority(ours), setup.clone().priority(theirs))
}

/// Both at one second, version 2, with these priorities.
pub fn v2(ours: u8, theirs: u8) -> (Setup, Setup) {
    pair(&Setup::version_2(), ours, theirs)
}

/// Both as [`Setup::default`], version 3.
pub fn v3(ours: u8, theirs: u8) -> (Setup, Setup) {
    pair(&Setup::default(), ours, theirs)
}

/// The same except for `change`.
pub fn with(pair: (Setup, Setup), change: impl FnOnce(&mut Setup, &mut Setup)) -> (Setup, Setup) {
    let (mut ours, mut theirs) = pair;
    change(&mut ours, &mut theirs);
    (ours, theirs)
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("Q79JG")).collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
