//! Planned hand-over: the routers that `failover` and `failback` apply to, and the outcome. Pure.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::view::{RouterView, View};
use crate::{Role, timing};
use vrrp_model::Config;
use vrrp_model::RouterIdx;
use vrrp_model::suggest;
use vrrp_model::time::Instant;

/// The agent's reply to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub outcome: Outcome,
    /// Text for people: one line per statement.
    pub message: String,
    /// The virtual routers that the order applied to.
    pub routers: Vec<RouterReply>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouterReply {
    pub name: String,
    pub outcome: Outcome,
    /// The present master, if it is another node.
    pub master: Option<IpAddr>,
    /// Duration of the hand-over.
    pub seconds: Option<f64>,
}

/// Ordered: the outcome of several routers is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Failback: the router was not on standby.
    NotStandby,
    /// Failback: the router is no longer on standby.
    StandbyEnded,
    /// Failover: another node is master.
    HandedOver,
    /// Failover: this node is not master. Nothing was changed.
    NotMaster,
    /// Failover: no other node took over; this node is master again.
    NoSuccessor,
    /// Failover: a fault or a reload intervened.
    Interrupted,
    /// There is no such virtual router or sync group.
    Unknown,
}

impl Outcome {
    /// Exit code of the command.
    pub const fn exit_code(self) -> u8 {
        match self {
            Outcome::HandedOver | Outcome::StandbyEnded | Outcome::NotStandby => 0,
            Outcome::NotMaster => 5,
            Outcome::NoSuccessor | Outcome::Interrupted | Outcome::Unknown => 1,
        }
    }
}

impl Reply {
    fn new(note: Option<&str>, routers: Vec<(RouterReply, String)>) -> Self {
        let mut message = note.map_or_else(String::new, |note| format!("{note}\n"));
        for (router, sentence) in &routers {
            let _ = writeln!(message, "{}: {sentence}", router.name);
        }
        let outcome =
            routers.iter().map(|(router, _)| router.outcome).max().unwrap_or(Outcome::Unknown);
        Self { outcome, message, routers: routers.into_iter().map(|(router, _)| router).collect() }
    }
}

/// The routers that a name refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Indices into [`Config::routers`].
    members: Vec<usize>,
    /// Note that the order applies to more than the named router.
    note: Option<String>,
}

impl Target {
    /// The virtual router or sync group `name`; a member of a group means the whole group.
    ///
    /// There is no such name: the reply lists the names that exist.
    pub fn find(config: &Config, name: &str) -> Result<Self, Reply> {
        if let Some(index) = config.routers.iter().position(|router| router.name == name) {
            let alone = Self { members: vec![index], note: None };
            return Ok(config.group_of(index).map_or(alone, |(group, _)| Self {
                members: group.members.clone(),
                note: Some(format!(
                    "{name} is a member of the sync group {}: the whole group moves",
                    group.name
                )),
            }));
        }
        if let Some(group) = config.groups.iter().find(|group| group.name == name) {
            return Ok(Self { members: group.members.clone(), note: None });
        }
        let routers = config.routers.iter().map(|router| router.name.as_str());
        let groups = config.groups.iter().map(|group| group.name.as_str());
        let known: Vec<&str> = routers.chain(groups).collect();
        let message = suggest::unknown("virtual router or sync group", name, &known) + "\n";
        Err(Reply { outcome: Outcome::Unknown, message, routers: vec![] })
    }

    /// The indices of its routers in the maps.
    pub fn indices(&self, indices: &[RouterIdx]) -> Vec<RouterIdx> {
        self.members.iter().filter_map(|&member| indices.get(member).copied()).collect()
    }

    /// The known state of each of its routers: name, index, view.
    fn routers<'a>(
        &'a self,
        config: &'a Config,
        indices: &'a [RouterIdx],
        view: &'a View,
    ) -> impl Iterator<Item = (&'a str, RouterIdx, Option<&'a RouterView>)> {
        self.members.iter().filter_map(|&member| {
            let (router, &idx) = (config.routers.get(member)?, indices.get(member)?);
            Some((router.name.as_str(), idx, view.routers.get(&idx)))
        })
    }

    /// The reply to `failback`, from the state of the routers at the order.
    pub fn failback(&self, config: &Config, indices: &[RouterIdx], view: &View) -> Reply {
        let answer = |(name, _, router): (&str, RouterIdx, Option<&RouterView>)| {
            let standby = router.is_some_and(|router| router.standby_since.is_some());
            let (outcome, sentence) = match standby {
                true => (
                    Outcome::StandbyEnded,
                    "is no longer on standby: it preempts again, as far as it is configured to",
                ),
                false => (Outcome::NotStandby, "was not on standby: nothing changes"),
            };
            (
                RouterReply { name: name.to_owned(), outcome, master: None, seconds: None },
                sentence.to_owned(),
            )
        };
        Reply::new(self.note.as_deref(), self.routers(config, indices, view).map(answer).collect())
    }
}

/// A hand-over under way.
#[derive(Debug)]
pub struct Move {
    begun: Instant,
    note: Option<String>,
    routers: Vec<Moving>,
}

#[derive(Debug)]
struct Moving {
    name: String,
    idx: RouterIdx,
    /// The mastership that must end.
    epoch: u64,
    interval: Duration,
    end: Option<(RouterReply, String)>,
}

impl Move {
    /// Starts the hand-over of all its routers.
    ///
    /// This node is not master of all of them: the reply names the master.
    pub fn begin(
        begun: Instant,
        target: &Target,
        config: &Config,
        indices: &[RouterIdx],
        view: &View,
    ) -> Result<Self, Reply> {
        let mut routers = Vec::new();
        let mut elsewhere = Vec::new();
        for (name, idx, router) in target.routers(config, indices, view) {
            match router.and_then(|router| Some((router, router.epoch?))) {
                Some((router, epoch)) if router.role == Role::Master => {
                    routers.push(Moving {
                        name: name.to_owned(),
                        idx,
                        epoch,
                        interval: router.interval,
                        end: None,
                    });
                }
                _ => elsewhere.push(not_master(name, router)),
            }
        }
        let note = target.note.clone();
        if elsewhere.is_empty() {
            Ok(Self { begun, note, routers })
        } else {
            Err(Reply::new(note.as_deref(), elsewhere))
        }
    }

    /// Evaluates the routers' views. Returns the reply when all routers are done.
    pub fn observe(&mut self, view: &View) -> Option<Reply> {
        for moving in self.routers.iter_mut().filter(|moving| moving.end.is_none()) {
            moving.end = moving.observe(self.begun, view.routers.get(&moving.idx));
        }
        let ends: Vec<_> = self.routers.iter().filter_map(|moving| moving.end.clone()).collect();
        (ends.len() == self.routers.len()).then(|| Reply::new(self.note.as_deref(), ends))
    }
}

impl Moving {
    fn observe(
        &self,
        begun: Instant,
        router: Option<&RouterView>,
    ) -> Option<(RouterReply, String)> {
        let after = router.map(|router| router.since.saturating_since(begun).as_secs_f64());
        let seconds = after.unwrap_or_default();
        let (outcome, master, sentence) = match router {
            Some(RouterView { role: Role::Releasing, .. }) => return None,
            Some(RouterView { role: Role::Master, epoch, .. }) if *epoch == Some(self.epoch) => {
                return None;
            }
            Some(RouterView { role: Role::Master, .. }) => {
                let bound = timing::release_bound(self.interval).as_secs_f64();
                let sentence =
                    format!("no node took over within {bound:.3} s; this node is master again");
                (Outcome::NoSuccessor, None, sentence)
            }
            Some(RouterView { role: Role::Backup, heard: Some(heard), .. }) => {
                let sentence = format!("handed over to {} after {seconds:.3} s", heard.source);
                (Outcome::HandedOver, Some(heard.source), sentence)
            }
            Some(router) => {
                let reason = router.reason.map_or("", |reason| reason.name());
                (
                    Outcome::Interrupted,
                    None,
                    format!("is {} after {seconds:.3} s: {reason}", router.role),
                )
            }
            None => (Outcome::Interrupted, None, "was removed by a reload".to_owned()),
        };
        Some((RouterReply { name: self.name.clone(), outcome, master, seconds: after }, sentence))
    }
}

fn not_master(name: &str, router: Option<&RouterView>) -> (RouterReply, String) {
    let other = router.filter(|router| router.role == Role::Backup).and_then(|router| router.heard);
    let master = other.filter(|heard| heard.priority != 0);
    let sentence = match (router.map_or(Role::Init, |router| router.role), master) {
        (Role::Releasing, _) => "is handing over already".to_owned(),
        (Role::Backup, Some(heard)) => {
            format!("is not master here: {} (priority {}) is", heard.source, heard.priority)
        }
        (role, _) => {
            format!("is not master here but in state {role}, and no other master is known")
        }
    };
    let reply = RouterReply {
        name: name.to_owned(),
        outcome: Outcome::NotMaster,
        master: master.map(|heard| heard.source),
        seconds: None,
    };
    (reply, sentence)
}

#[cfg(test)]
mod tests;
