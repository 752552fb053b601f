//! An event to the commands that are run for it.

use std::time::Duration;

use super::event::{Event, Key};
use vrrp_model::{Action, Command, Config, Notify, NotifyEvent, Run, Subject};

/// One run of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub command: Command,
    /// Variables besides the agent's own environment.
    pub environment: Vec<(&'static str, String)>,
    pub timeout: Duration,
    /// Longest time that the end of the agent waits for it.
    pub wait: Duration,
}

/// The commands of an event, in the order of the configuration.
pub fn jobs(event: &Event, config: &Config) -> Vec<Job> {
    let of_it: Vec<&Notify> = about(event, config).collect();
    let what = reported(event.what, &of_it);
    of_it
        .into_iter()
        .filter(|notify| notify.on.contains(&what))
        // Of a removed instance keepalived runs the general command alone, not that of faults.
        .filter(|notify| what == event.what || notify.on.len() > 1)
        .filter_map(|notify| match &notify.action {
            Action::Run(run) => Some(job(run, event, what, config)),
            Action::Mail => None,
        })
        .collect()
}

/// What is configured of the subject of an event, in the order of the configuration.
pub(super) fn about<'a>(event: &Event, config: &'a Config) -> impl Iterator<Item = &'a Notify> {
    config.notify.iter().filter(|notify| is_about(notify.subject, &event.key, config))
}

/// keepalived reports a removed instance as a fault, unless `notify_deleted` is configured.
pub(super) fn reported(what: NotifyEvent, of_it: &[&Notify]) -> NotifyEvent {
    let wanted = of_it.iter().any(|notify| notify.on.contains(&NotifyEvent::Deleted));
    if what == NotifyEvent::Deleted && !wanted { NotifyEvent::Fault } else { what }
}

fn is_about(subject: Subject, key: &Key, config: &Config) -> bool {
    match (subject, key) {
        (Subject::Routers, Key::Router(_)) => true,
        (Subject::Router(index), Key::Router(name)) => {
            config.routers.get(index).is_some_and(|router| router.name == *name)
        }
        (Subject::Group(index), Key::Group(name)) => {
            config.groups.get(index).is_some_and(|group| group.name == *name)
        }
        (Subject::Service(index), Key::Service(name)) => {
            config.services.get(index).is_some_and(|service| service.name == *name)
        }
        (Subject::Backend { service, backend }, Key::Backend(name, address)) => {
            config.services.get(service).is_some_and(|service| {
                service.name == *name
                    && service.backends.get(backend).is_some_and(|found| found.address == *address)
            })
        }
        _ => false,
    }
}

fn job(run: &Run, event: &Event, what: NotifyEvent, config: &Config) -> Job {
    let Run { command, arguments, timeout, wait } = run;
    let mut command = command.clone();
    let Event { key, before, priority, reason, router, peer, .. } = event;
    let word = what.keepalived_word();
    if *arguments {
        let four = [key.kind().to_owned(), key.name(), word.to_owned(), priority.to_string()];
        command.words.extend(four);
    }
    let mut environment = vec![
        ("VRRP_NODE", config.node.clone()),
        ("VRRP_TYPE", key.kind().to_owned()),
        ("VRRP_NAME", key.name()),
        ("VRRP_STATE", word.to_owned()),
        ("VRRP_OLD_STATE", before.map_or("", NotifyEvent::keepalived_word).to_owned()),
        ("VRRP_REASON", (*reason).to_owned()),
    ];
    if let Key::Backend(service, _) = key {
        environment.push(("VRRP_SERVICE", service.clone()));
    }
    if let Some((vrid, interface)) = router {
        environment.push(("VRRP_PRIORITY", priority.to_string()));
        environment.push(("VRRP_VRID", vrid.to_string()));
        environment.push(("VRRP_INTERFACE", interface.clone()));
    }
    if let Some((source, priority)) = peer {
        environment.push(("VRRP_PEER", source.to_string()));
        environment.push(("VRRP_PEER_PRIORITY", priority.to_string()));
    }
    Job { command, environment, timeout: *timeout, wait: *wait }
}
