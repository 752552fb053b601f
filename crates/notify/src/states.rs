//! Reports to events: each change of a state is one event, in order, and no event repeats a state.

use std::collections::BTreeMap;

use super::event::{Event, Key, LowerPriority, Report, Transition};
use vrrp_election::Role;
use vrrp_model::{Config, NotifyEvent};

/// What is known of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Whether the service has its quorum; `None` while that is not known.
    pub quorum: Option<bool>,
    /// Whether the check of each backend is good; `None` before its first result.
    pub backends: Vec<Option<bool>>,
}

/// What was reported last of each router, group, service and backend.
#[derive(Debug, Default)]
pub struct States(BTreeMap<Key, NotifyEvent>);

impl States {
    /// The events of a report, those of the router before those of its group. `config` is the one
    /// in force.
    pub fn follow(&mut self, report: &Report, config: &Config) -> Vec<Event> {
        match report {
            Report::Transition(transition) => self.transition(transition, config),
            Report::LowerPriority(report) => vec![self.lower_priority(report)],
        }
    }

    fn lower_priority(&self, report: &LowerPriority) -> Event {
        let key = Key::Router(report.instance.clone());
        Event {
            before: self.0.get(&key).copied(),
            key,
            what: NotifyEvent::LowerPriority,
            priority: report.priority,
            reason: "",
            router: Some((report.vrid, report.interface.clone())),
            peer: report.peer,
        }
    }

    fn transition(&mut self, transition: &Transition, config: &Config) -> Vec<Event> {
        let Transition { instance, vrid, interface, to, reason, priority, peer, .. } = transition;
        let index = config.routers.iter().position(|router| router.name == *instance);
        let what = match to {
            Role::Master => NotifyEvent::Master,
            Role::Backup => NotifyEvent::Backup,
            Role::Fault => NotifyEvent::Fault,
            Role::Init if index.is_some() => NotifyEvent::Stop,
            Role::Init => NotifyEvent::Deleted,
            // Still active; the role that follows is reported.
            Role::Releasing => return Vec::new(),
        };
        let key = Key::Router(instance.clone());
        let before = self.0.insert(key.clone(), what);
        if before == Some(what) {
            return Vec::new();
        }
        if what == NotifyEvent::Deleted {
            self.0.remove(&key);
        }
        let own = Event {
            key,
            what,
            before,
            priority: *priority,
            reason: reason.name(),
            router: Some((*vrid, interface.clone())),
            peer: *peer,
        };
        let of_group = index.and_then(|index| self.group(index, reason.name(), config));
        std::iter::once(own).chain(of_group).collect()
    }

    /// The events of services and backends, those of a service after those of its backends. The
    /// first known state is none if it is good, as for keepalived.
    pub fn services(&mut self, facts: &[ServiceFacts], config: &Config) -> Vec<Event> {
        let mut events = Vec::new();
        for (service, facts) in config.services.iter().zip(facts) {
            for (backend, up) in service.backends.iter().zip(&facts.backends) {
                let key = Key::Backend(service.name.clone(), backend.address);
                events.extend(up.and_then(|up| self.up_or_down(key, up)));
            }
            let key = Key::Service(service.name.clone());
            events.extend(facts.quorum.and_then(|quorum| self.up_or_down(key, quorum)));
        }
        events
    }

    fn up_or_down(&mut self, key: Key, up: bool) -> Option<Event> {
        let what = if up { NotifyEvent::Up } else { NotifyEvent::Down };
        let before = self.0.insert(key.clone(), what);
        let news = before.map_or(!up, |before| before != what);
        news.then_some(Event {
            key,
            what,
            before,
            priority: 0,
            reason: "",
            router: None,
            peer: None,
        })
    }

    /// The event of the group that a router belongs to, once its members agree.
    fn group(&mut self, router: usize, reason: &'static str, config: &Config) -> Option<Event> {
        let group = config.groups.iter().find(|group| group.members.contains(&router))?;
        let members = group.members.iter().filter_map(|member| config.routers.get(*member));
        let state = |name: &String| self.0.get(&Key::Router(name.clone())).copied();
        let states: Vec<_> = members.map(|member| state(&member.name)).collect();
        let what = agreement(&states)?;
        let key = Key::Group(group.name.clone());
        let before = self.0.insert(key.clone(), what);
        (before != Some(what)).then_some(Event {
            key,
            what,
            before,
            priority: 0,
            reason,
            router: None,
            peer: None,
        })
    }
}

/// The state that all members have. A fault does not wait for members that never had a state: they
/// may be at fault from the start.
fn agreement(states: &[Option<NotifyEvent>]) -> Option<NotifyEvent> {
    let all = |what: NotifyEvent| states.iter().all(|state| *state == Some(what));
    let agreed = [NotifyEvent::Master, NotifyEvent::Backup, NotifyEvent::Stop];
    if let Some(what) = agreed.into_iter().find(|what| all(*what)) {
        return Some(what);
    }
    let faulty = states.iter().all(|state| matches!(state, None | Some(NotifyEvent::Fault)));
    faulty.then_some(NotifyEvent::Fault)
}
