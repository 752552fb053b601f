//! An event as a line of a FIFO, in keepalived's words.

use std::net::IpAddr;

use super::event::{Event, Key};
use super::job::reported;
use vrrp_model::{Config, Notify, Service, Subject};

/// The line without its end; `None` where the service or backend is not configured any more.
pub fn line(event: &Event, config: &Config) -> Option<String> {
    let of_routers: Vec<&Notify> =
        config.notify.iter().filter(|notify| is_of(notify, event, config)).collect();
    let word = reported(event.what, &of_routers).keepalived_word();
    let kind = event.key.kind();
    match &event.key {
        Key::Router(name) | Key::Group(name) => {
            Some(format!("{kind} \"{name}\" {word} {}", event.priority))
        }
        Key::Service(name) => {
            let service = find(name, config)?;
            Some(format!("{kind} {} {word}", target(service.address, service.port, service)))
        }
        Key::Backend(name, address) => {
            let service = find(name, config)?;
            let backend = service.backends.iter().find(|backend| backend.address == *address)?;
            let own = target(backend.address, backend.port, service);
            let of = target(service.address, service.port, service);
            Some(format!("{kind} {own} {of} {word}"))
        }
    }
}

/// Whether the command is about the router of the event: by `notify_deleted` of an instance its
/// FIFO lines say DELETED too.
fn is_of(notify: &Notify, event: &Event, config: &Config) -> bool {
    match (notify.subject, &event.key) {
        (Subject::Router(index), Key::Router(name)) => {
            config.routers.get(index).is_some_and(|router| router.name == *name)
        }
        _ => false,
    }
}

fn find<'a>(name: &str, config: &'a Config) -> Option<&'a Service> {
    config.services.iter().find(|service| service.name == name)
}

/// `[ADDRESS]:protocol:port`
pub(super) fn target(address: IpAddr, port: u16, service: &Service) -> String {
    format!("[{address}]:{}:{port}", service.protocol)
}
