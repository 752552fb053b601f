//! Commands, mails and FIFOs that are told of changes.

use std::fmt::Write;

use super::list;
use vrrp_model::{Action, Config, Mail, Subject};

pub(super) fn describe(text: &mut String, config: &Config) {
    for notify in &config.notify {
        let on = list(notify.on.iter().map(ToString::to_string));
        let what = match &notify.action {
            Action::Run(run) => format!("runs {:?}", run.command.words),
            Action::Mail => "sends a mail".to_owned(),
        };
        let _ = writeln!(text, "  {} on {on}: {what}", subject(notify.subject, config));
    }
    if let Some(Mail { server, port, to, .. }) = &config.mail {
        let _ = writeln!(text, "  mails go by {server} port {port} to {}", to.join(", "));
    }
    for fifo in &config.fifos {
        let _ = writeln!(text, "  changes are written to the FIFO {}", fifo.path.display());
    }
}

fn subject(subject: Subject, config: &Config) -> String {
    let service = |index: usize| config.services.get(index);
    match subject {
        Subject::Routers => "every router".to_owned(),
        Subject::Router(index) => {
            format!("router {}", config.routers.get(index).map_or("?", |found| &found.name))
        }
        Subject::Group(index) => {
            format!("sync group {}", config.groups.get(index).map_or("?", |found| &found.name))
        }
        Subject::Service(index) => {
            format!("service {}", service(index).map_or("?", |found| &found.name))
        }
        Subject::Backend { service: index, backend } => {
            let service = service(index);
            let found = service.and_then(|service| service.backends.get(backend));
            let address = found.map_or_else(|| "?".to_owned(), |found| found.address.to_string());
            format!("backend {address} of {}", service.map_or("?", |found| &found.name))
        }
    }
}
