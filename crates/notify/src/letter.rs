//! An event as a mail, in keepalived's words.

use super::event::{Event, Key};
use super::job::{about, reported};
use super::line::target;
use vrrp_model::{Action, Config, NotifyEvent, Service};

/// A mail without its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub body: String,
}

/// The mail of an event; `None` where none is configured.
pub fn letter(event: &Event, config: &Config) -> Option<Letter> {
    let of_it: Vec<_> = about(event, config).collect();
    let reported = reported(event.what, &of_it);
    if !of_it.iter().any(|notify| notify.action == Action::Mail && notify.on.contains(&reported)) {
        return None;
    }
    let word = reported.keepalived_word();
    let entering = match reported {
        NotifyEvent::Deleted => "Deleted".to_owned(),
        _ => format!("Entering {word} state"),
    };
    let service = |name: &str| config.services.iter().find(|service| service.name == name);
    let (about, what, mut body) = match &event.key {
        Key::Router(name) => {
            let owns = if event.what == NotifyEvent::Master { "now" } else { "no longer" };
            let body = format!("=> VRRP Instance is {owns} owning VRRP VIPs <=\n");
            (format!("VRRP Instance {name}"), entering, body)
        }
        Key::Group(name) => {
            let body = format!("=> All VRRP group instances are now in {word} state <=\n");
            (format!("VRRP Group {name}"), entering, body)
        }
        Key::Service(name) => {
            let about = format!("Virtualserver {}", of(service(name)?));
            let has = if event.what == NotifyEvent::Up { "gained" } else { "lost" };
            (about, word.to_owned(), format!("=> Quorum {has} <=\n"))
        }
        Key::Backend(name, address) => {
            let service = service(name)?;
            let backend = service.backends.iter().find(|backend| backend.address == *address)?;
            let own = target(backend.address, backend.port, service);
            let about = format!("Realserver {own} of virtual server {}", of(service));
            let ended = if event.what == NotifyEvent::Up { "succeeded" } else { "failed" };
            (about, word.to_owned(), format!("=> CHECK {ended} on service <=\n"))
        }
    };
    for (what, text) in reasons(event) {
        body.push_str(&format!("{what}: {text}\n"));
    }
    Some(Letter { subject: format!("[{}] {about} - {what}", config.node), body })
}

fn of(service: &Service) -> String {
    target(service.address, service.port, service)
}

/// What keepalived does not tell.
fn reasons(event: &Event) -> impl Iterator<Item = (&'static str, String)> {
    let reason = (!event.reason.is_empty()).then(|| ("reason", event.reason.to_owned()));
    let before = event.before.map(|before| ("before", before.keepalived_word().to_owned()));
    let priority = event.router.as_ref().map(|_| ("priority", event.priority.to_string()));
    let peer = event
        .peer
        .map(|(source, priority)| ("last advert", format!("{source}, priority {priority}")));
    [reason, before, priority, peer].into_iter().flatten()
}
