//! Random notify commands and FIFOs.

use super::{Random, command, flag, name, some_duration};
use vrrp_model::{Action, Fifo, Mail, Notify, NotifyEvent, Run, Service, Subject};

/// `numbers`: of routers and groups.
pub fn notify(
    random: &mut Random,
    numbers: (usize, usize),
    services: &[Service],
    (secure, mails): (bool, bool),
) -> Notify {
    let (subject, events) = subject(random, numbers, services);
    let first = random.next(events.len());
    Notify {
        subject,
        on: events[first..].to_vec(),
        action: match mails && flag(random) {
            true => Action::Mail,
            false => Action::Run(Run {
                command: command(random, secure),
                arguments: flag(random),
                timeout: some_duration(random),
                wait: some_duration(random),
            }),
        },
    }
}

pub fn mail(random: &mut Random) -> Mail {
    let address = |random: &mut Random| format!("a{}@mail.example", random.next(9));
    Mail {
        server: name(random, 0),
        port: 1 + random.next(60_000) as u16,
        from: address(random),
        to: (0..1 + random.next(3)).map(|_| address(random)).collect(),
        helo: name(random, 0),
        timeout: some_duration(random),
    }
}

fn subject(
    random: &mut Random,
    (routers, groups): (usize, usize),
    services: &[Service],
) -> (Subject, &'static [NotifyEvent]) {
    match random.next(5) {
        0 if groups > 0 => (Subject::Group(random.next(groups)), &NotifyEvent::OF_GROUPS),
        1 if !services.is_empty() => {
            let service = random.next(services.len());
            (Subject::Service(service), &NotifyEvent::OF_SERVICES)
        }
        2 if !services.is_empty() => {
            let service = random.next(services.len());
            let backend = random.next(services[service].backends.len());
            (Subject::Backend { service, backend }, &NotifyEvent::OF_SERVICES)
        }
        3 => (Subject::Routers, &NotifyEvent::OF_ROUTERS),
        _ => (Subject::Router(random.next(routers)), &NotifyEvent::OF_ROUTERS),
    }
}

pub fn fifo(random: &mut Random, at: usize, secure: bool) -> Fifo {
    Fifo {
        path: format!("/run/fifo {at} \"é").into(),
        routers: flag(random),
        services: flag(random),
        user: flag(random).then(|| name(random, 0)),
        group: flag(random).then(|| name(random, 0)),
        reader: flag(random).then(|| command(random, secure)),
    }
}
