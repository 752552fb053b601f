//! Commands and FIFOs that are told of changes.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, Draft, FifoDraft, MailDraft, NotifyDraft};
use super::{command, values};
use vrrp_model::suggest;
use vrrp_model::{Action, Backend, Fifo, Mail, Notify, NotifyEvent, Run, Service, Subject};

/// A wrong one is left out where that is allowed.
pub(super) fn validate_all(
    file: &Draft,
    services: &[Service],
    secure: bool,
    reporter: &mut Reporter,
) -> Vec<Notify> {
    let mut all = Vec::new();
    for draft in &file.notify {
        let read = |reporter: &mut Reporter| validate(draft, file, services, secure, reporter);
        all.extend(reporter.part("this notification is left out", read).flatten());
    }
    all
}

/// `None` where the subject is not in the file, which is reported.
fn validate(
    draft: &NotifyDraft,
    file: &Draft,
    services: &[Service],
    secure: bool,
    reporter: &mut Reporter,
) -> Option<Notify> {
    let subject = subject(draft, file, services, reporter)?;
    let on = events(draft, subject, reporter);
    let mails = draft.mail.as_ref().filter(|mail| mail.value);
    let action = match (&draft.command, mails) {
        (Some(command), None) => Action::Run(run(command, draft, secure, reporter)),
        (None, Some(_)) if file.mail.is_some() => Action::Mail,
        (None, Some(mail)) => {
            let message = "a mail needs the server and the addresses of `[mail]`";
            reporter.error(Diagnostic::at(&mail.span, message));
            return None;
        }
        (Some(command), Some(_)) => {
            let message = "a `notify` runs a command or sends a mail: write two of them";
            reporter.error(Diagnostic::at(&command.span, message));
            return None;
        }
        (None, None) => {
            let message = "a `notify` without `command` does nothing";
            let help = "write `command`, or `mail = true`";
            let here = draft.on.as_ref().map(|on| on.span.clone()).unwrap_or_default();
            reporter.error(Diagnostic::at(&here, message).help(help));
            return None;
        }
    };
    Some(Notify { subject, on, action })
}

fn run(written: &At<Command>, draft: &NotifyDraft, secure: bool, reporter: &mut Reporter) -> Run {
    let command = command::Draft {
        what: "this `notify`".to_owned(),
        words: written,
        user: draft.user.as_ref(),
        group: draft.user_group.as_ref(),
        secure,
    };
    Run {
        command: command::validate(&command, reporter),
        arguments: draft.arguments.unwrap_or(true),
        timeout: values::duration(draft.timeout.as_ref(), "timeout", Run::TIMEOUT, reporter),
        wait: values::time(draft.wait.as_ref(), "wait", Run::WAIT, reporter),
    }
}

/// Where no sender and no name for the server are written, they are made of `host_name`.
pub(super) fn mail(draft: &MailDraft, host_name: &str, reporter: &mut Reporter) -> Mail {
    let MailDraft { server, port, from, to, helo, timeout } = draft;
    values::name(server, "server", reporter);
    if to.is_empty() {
        let message = "mails need an address in `to`";
        reporter.error(Diagnostic::at(&server.span, message));
    }
    for address in to.iter().chain(from) {
        values::mail_address(address, reporter);
    }
    if let Some(helo) = helo {
        values::name(helo, "helo", reporter);
    }
    let text = |written: &Option<At<String>>, default: String| {
        written.as_ref().map_or(default, |written| written.value.clone())
    };
    Mail {
        server: server.value.clone(),
        port: values::number_or(port.as_ref(), Mail::PORT, "port", 1..=u16::MAX, reporter),
        from: text(from, format!("vrrp-agent@{host_name}")),
        to: to.iter().map(|address| address.value.clone()).collect(),
        helo: text(helo, host_name.to_owned()),
        timeout: values::duration(timeout.as_ref(), "timeout", Mail::TIMEOUT, reporter),
    }
}

fn subject(
    draft: &NotifyDraft,
    file: &Draft,
    services: &[Service],
    reporter: &mut Reporter,
) -> Option<Subject> {
    let NotifyDraft { router, sync_group, service, backend, .. } = draft;
    let written: Vec<&At<String>> =
        [router, sync_group, service].into_iter().filter_map(Option::as_ref).collect();
    if let [first, second, ..] = written.as_slice() {
        let message = "a `notify` is about one of `router`, `sync_group` and `service`";
        let here = Diagnostic::at(&second.span, message);
        reporter.error(here.related(&first.span, "the first one"));
        return None;
    }
    if let (Some(backend), None) = (backend, service) {
        let message = "`backend` needs `service`: the name of the service that it belongs to";
        reporter.error(Diagnostic::at(&backend.span, message));
        return None;
    }
    if let Some(name) = router {
        let names = file.routers.iter().map(|router| router.name.value.as_str());
        return find(name, names, "virtual router", reporter).map(Subject::Router);
    }
    if let Some(name) = sync_group {
        let names = file.groups.iter().map(|group| group.name.value.as_str());
        return find(name, names, "sync group", reporter).map(Subject::Group);
    }
    let Some(name) = service else { return Some(Subject::Routers) };
    let names = file.services.iter().map(|service| service.name.value.as_str());
    let written = file.services.get(find(name, names, "service", reporter)?)?;
    if let Some(address) = backend {
        let addresses = written.backends.iter().map(|backend| backend.address.value.as_str());
        find(address, addresses, &format!("backend of service `{}`", name.value), reporter)?;
    }
    // What was left out of the configuration has been reported where that was done.
    let service = services.iter().position(|service| service.name == name.value)?;
    let Some(address) = backend else { return Some(Subject::Service(service)) };
    let same = |backend: &Backend| address.value.parse() == Ok(backend.address);
    let backend = services.get(service)?.backends.iter().position(same)?;
    Some(Subject::Backend { service, backend })
}

fn find<'a>(
    written: &At<String>,
    names: impl Iterator<Item = &'a str> + Clone,
    what: &str,
    reporter: &mut Reporter,
) -> Option<usize> {
    let found = names.clone().position(|name| name == written.value);
    if found.is_none() {
        let message = format!("there is no {what} `{}`", written.value);
        let near = suggest::nearest(&written.value, names);
        reporter.error(Diagnostic::at(&written.span, message).suggest(near));
    }
    found
}

fn events(draft: &NotifyDraft, subject: Subject, reporter: &mut Reporter) -> Vec<NotifyEvent> {
    let allowed: &[NotifyEvent] = match subject {
        Subject::Routers | Subject::Router(_) => &NotifyEvent::OF_ROUTERS,
        Subject::Group(_) => &NotifyEvent::OF_GROUPS,
        Subject::Service(_) | Subject::Backend { .. } => &NotifyEvent::OF_SERVICES,
    };
    let Some(on) = &draft.on else {
        let all = allowed.iter().copied();
        return all.filter(|event| *event != NotifyEvent::LowerPriority).collect();
    };
    if on.value.is_empty() {
        reporter.error(Diagnostic::at(&on.span, "`on` is empty: the command would never run"));
    }
    let mut events = Vec::new();
    for written in &on.value {
        if !allowed.contains(&written.value) {
            let words: Vec<&str> = allowed.iter().map(|event| event.label()).collect();
            let message = format!("`{}` is no event of this subject", written.value);
            let help = format!("its events are {}", words.join(", "));
            reporter.error(Diagnostic::at(&written.span, message).help(help));
        } else if !events.contains(&written.value) {
            events.push(written.value);
        }
    }
    events
}

pub(super) fn fifos(drafts: &[FifoDraft], secure: bool, reporter: &mut Reporter) -> Vec<Fifo> {
    let fifos = drafts.iter().map(|draft| fifo(draft, secure, reporter)).collect();
    super::unique(drafts.iter().map(|draft| &draft.path), "FIFO", reporter);
    fifos
}

fn fifo(draft: &FifoDraft, secure: bool, reporter: &mut Reporter) -> Fifo {
    let FifoDraft { path, routers, services, user, user_group, reader, .. } = draft;
    let path = values::absolute(Some(path), "path", "/", reporter);
    let account = |name: &Option<At<String>>| name.as_ref().map(|name| name.value.clone());
    let reader = reader.as_ref().map(|words| {
        let reader = command::Draft {
            what: "this `reader`".to_owned(),
            words,
            user: draft.reader_user.as_ref(),
            group: draft.reader_user_group.as_ref(),
            secure,
        };
        command::validate(&reader, reporter)
    });
    Fifo {
        path,
        routers: routers.unwrap_or(true),
        services: services.unwrap_or(true),
        user: account(user),
        group: account(user_group),
        reader,
    }
}
