//! Commands and FIFOs that are told of changes.

use super::text::{Text, duration, string};
use vrrp_model::{Action, Command, Config, Fifo, Mail, Notify, Run, Subject};

/// The keys of a command: its words under `key`, and its account under `prefix`.
pub(super) fn command(text: &mut Text, key: &str, prefix: &str, command: &Command) {
    // `secure` is the file's `script_security`.
    let Command { words, user, group, secure: _ } = command;
    text.list(key, words.iter().map(|word| string(word)));
    account(text, prefix, user.as_deref(), group.as_deref());
}

fn account(text: &mut Text, prefix: &str, user: Option<&str>, group: Option<&str>) {
    for (key, name) in [("user", user), ("user_group", group)] {
        if let Some(name) = name {
            text.key(&format!("{prefix}{key}"), &string(name));
        }
    }
}

pub(super) fn write(text: &mut Text, notify: &Notify, config: &Config) {
    let Notify { subject, on, action } = notify;
    text.table("notify", &[]);
    write_subject(text, *subject, config);
    text.list("on", on.iter().map(|event| string(event.label())));
    match action {
        Action::Run(run) => write_run(text, run),
        Action::Mail => text.key("mail", "true"),
    }
}

fn write_run(text: &mut Text, run: &Run) {
    let Run { command: program, arguments, timeout, wait } = run;
    command(text, "command", "", program);
    if !arguments {
        text.key("arguments", "false");
    }
    if *timeout != Run::TIMEOUT {
        text.key("timeout", &duration(*timeout));
    }
    if *wait != Run::WAIT {
        text.key("wait", &duration(*wait));
    }
}

fn write_subject(text: &mut Text, subject: Subject, config: &Config) {
    let service = |index: usize| config.services.get(index);
    let (key, name) = match subject {
        Subject::Routers => return,
        Subject::Router(index) => ("router", config.routers.get(index).map(|found| &found.name)),
        Subject::Group(index) => ("sync_group", config.groups.get(index).map(|found| &found.name)),
        Subject::Service(index) => ("service", service(index).map(|found| &found.name)),
        Subject::Backend { service: index, .. } => {
            ("service", service(index).map(|found| &found.name))
        }
    };
    if let Some(name) = name {
        text.key(key, &string(name));
    }
    if let Subject::Backend { service: index, backend } = subject
        && let Some(backend) = service(index).and_then(|found| found.backends.get(backend))
    {
        text.key("backend", &string(&backend.address.to_string()));
    }
}

pub(super) fn write_mail(text: &mut Text, mail: &Mail) {
    let Mail { server, port, from, to, helo, timeout } = mail;
    text.single_table("mail");
    text.key("server", &string(server));
    if *port != Mail::PORT {
        text.key("port", &port.to_string());
    }
    text.key("from", &string(from));
    text.list("to", to.iter().map(|address| string(address)));
    text.key("helo", &string(helo));
    if *timeout != Mail::TIMEOUT {
        text.key("timeout", &duration(*timeout));
    }
}

pub(super) fn write_fifo(text: &mut Text, fifo: &Fifo) {
    let Fifo { path, routers, services, user, group, reader } = fifo;
    text.table("notify_fifo", &[]);
    text.key("path", &string(&path.to_string_lossy()));
    for (key, on) in [("routers", routers), ("services", services)] {
        if !on {
            text.key(key, "false");
        }
    }
    account(text, "", user.as_deref(), group.as_deref());
    if let Some(reader) = reader {
        command(text, "reader", "reader_", reader);
    }
}
