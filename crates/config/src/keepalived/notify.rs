//! Notify scripts and FIFOs: `notify_master` and its like, `notify_fifo` and its like.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, FifoDraft, NotifyDraft, ServiceDraft};
use super::command;
use super::global::Globals;
use super::tree::{Node, Word};
use super::values;
use vrrp_model::NotifyEvent;
use vrrp_model::NotifyEvent::{Backup, Deleted, Down, Fault, LowerPriority, Master, Stop, Up};

/// What one keyword asks for.
struct Keyword {
    word: &'static str,
    on: &'static [NotifyEvent],
    /// Whether keepalived appends type, name, state and priority.
    arguments: bool,
}

/// In the order in which keepalived runs them for one event: the general one last.
const OF_ROUTERS: [Keyword; 7] = [
    Keyword { word: "notify_master", on: &[Master], arguments: false },
    Keyword { word: "notify_backup", on: &[Backup], arguments: false },
    Keyword { word: "notify_fault", on: &[Fault], arguments: false },
    Keyword { word: "notify_stop", on: &[Stop], arguments: false },
    Keyword { word: "notify_deleted", on: &[Deleted], arguments: false },
    Keyword { word: "notify_master_rx_lower_pri", on: &[LowerPriority], arguments: false },
    Keyword { word: "notify", on: &[Master, Backup, Fault, Stop], arguments: true },
];

/// The commands of an instance or a sync group, by their keywords in `statements`.
///
/// `notify_deleted` makes keepalived report a removed instance as DELETED instead of FAULT, to the
/// general script too.
pub(super) fn of_routers(
    name: &At<String>,
    statements: &[&Node],
    is_group: bool,
    globals: &Globals,
    reporter: &mut Reporter,
) -> Vec<NotifyDraft> {
    let named =
        |word: &str| statements.iter().find(|statement| statement.keyword() == word).copied();
    let deleted = named("notify_deleted").is_some();
    let mut drafts = Vec::new();
    for keyword in &OF_ROUTERS {
        let Some(statement) = named(keyword.word) else { continue };
        // Without a script it is a switch.
        if keyword.word == "notify_deleted" && statement.values().is_empty() {
            continue;
        }
        let Some(mut draft) = draft(statement, keyword, globals, reporter) else { continue };
        if keyword.arguments
            && deleted
            && let Some(on) = &mut draft.on
        {
            on.value.push(At::new(Deleted, statement.span()));
        }
        match is_group {
            true => draft.sync_group = Some(name.clone()),
            false => draft.router = Some(name.clone()),
        }
        drafts.push(draft);
    }
    let alert = named("smtp_alert");
    let here = alert.map_or(&name.span, |alert| alert.span());
    if let Some(mut draft) = globals.mail.of_routers(alert, here, reporter) {
        if deleted && let Some(on) = &mut draft.on {
            on.value.push(At::new(Deleted, here));
        }
        match is_group {
            true => draft.sync_group = Some(name.clone()),
            false => draft.router = Some(name.clone()),
        }
        drafts.push(draft);
    }
    drafts
}

/// The commands of a virtual_server and its real servers, for each service that it became.
pub(super) fn of_services(
    node: &Node,
    services: &[ServiceDraft],
    globals: &Globals,
    reporter: &mut Reporter,
) -> Vec<NotifyDraft> {
    const QUORUM: [Keyword; 2] = [
        Keyword { word: "quorum_up", on: &[Up], arguments: false },
        Keyword { word: "quorum_down", on: &[Down], arguments: false },
    ];
    const SERVER: [Keyword; 2] = [
        Keyword { word: "notify_up", on: &[Up], arguments: false },
        Keyword { word: "notify_down", on: &[Down], arguments: false },
    ];
    let mut drafts = Vec::new();
    let body = node.body.as_deref().unwrap_or_default();
    let alert = body.iter().rfind(|line| line.keyword() == "smtp_alert");
    let here = alert.unwrap_or(node).span();
    let mail = globals.mail.of_service(alert, here, reporter);
    for draft in of_block(body, &QUORUM, globals, reporter).into_iter().chain(mail) {
        drafts.extend(
            services.iter().map(|service| NotifyDraft {
                service: Some(service.name.clone()),
                ..draft.clone()
            }),
        );
    }
    for server in body.iter().filter(|statement| statement.keyword() == "real_server") {
        let Some(address) = server.values().first() else { continue };
        let lines = server.body.as_deref().unwrap_or_default();
        let alert = lines.iter().rfind(|line| line.keyword() == "smtp_alert");
        let here = alert.unwrap_or(server).span();
        let mail = globals.mail.of_backend(alert, here, reporter);
        for draft in of_block(lines, &SERVER, globals, reporter).into_iter().chain(mail) {
            let of_it = |service: &&ServiceDraft| {
                service.backends.iter().any(|backend| backend.address.value == address.text)
            };
            drafts.extend(services.iter().filter(of_it).map(|service| NotifyDraft {
                service: Some(service.name.clone()),
                backend: Some(At::new(address.text.clone(), &address.span)),
                ..draft.clone()
            }));
        }
    }
    drafts
}

fn of_block(
    lines: &[Node],
    keywords: &[Keyword],
    globals: &Globals,
    reporter: &mut Reporter,
) -> Vec<NotifyDraft> {
    let mut drafts = Vec::new();
    for keyword in keywords {
        let last = lines.iter().rfind(|line| line.keyword() == keyword.word);
        drafts.extend(last.and_then(|line| draft(line, keyword, globals, reporter)));
    }
    drafts
}

/// `KEYWORD COMMAND [USER [GROUP]]`, its subject to be filled in.
fn draft(
    node: &Node,
    keyword: &Keyword,
    globals: &Globals,
    reporter: &mut Reporter,
) -> Option<NotifyDraft> {
    let (command, user, user_group) = command_and_account(node, globals, reporter)?;
    let on = keyword.on.iter().map(|event| At::new(*event, node.span())).collect();
    Some(NotifyDraft {
        command: Some(command),
        mail: None,
        router: None,
        sync_group: None,
        service: None,
        backend: None,
        on: Some(At::new(on, node.span())),
        arguments: Some(keyword.arguments),
        timeout: None,
        wait: None,
        user,
        user_group,
    })
}

type Account = Option<At<String>>;

/// `COMMAND [USER [GROUP]]` behind a keyword. Without a user `script_user` counts.
fn command_and_account(
    node: &Node,
    globals: &Globals,
    reporter: &mut Reporter,
) -> Option<(At<Command>, Account, Account)> {
    let Some((first, account)) = node.values().split_first() else {
        // Reports the missing value.
        values::word(node, reporter);
        return None;
    };
    let command = command::line(first, reporter);
    let text = |word: &Word| At::new(word.text.clone(), &word.span);
    Some(match account {
        [] => (command, globals.script_user.clone(), globals.script_group.clone()),
        [user] => (command, Some(text(user)), None),
        [user, group] => (command, Some(text(user)), Some(text(group))),
        [user, group, rest @ ..] => {
            let span = rest.first().map_or(&user.span, |word| &word.span);
            let help = "quote a command that has arguments";
            let message = "a user and a group follow the command, nothing more: this";
            reporter.ignored(Diagnostic::at(span, message).help(help));
            (command, Some(text(user)), Some(text(group)))
        }
    })
}

/// The FIFO of one family of keywords, and the script that reads it.
#[derive(Default, Clone)]
pub(super) struct Fifo {
    path: Option<At<String>>,
    user: Account,
    group: Account,
    reader: Option<(At<Command>, Account, Account)>,
}

/// By what they carry: all lines, those of routers, those of services.
#[derive(Default)]
pub(super) struct Fifos {
    all: Fifo,
    routers: Fifo,
    services: Fifo,
}

impl Fifos {
    /// Reads `notify_fifo` and the five keywords like it, and no other keyword.
    pub(super) fn read(&mut self, node: &Node, globals: &Globals, reporter: &mut Reporter) {
        let (family, rest) = match node.keyword() {
            word if word.starts_with("vrrp_notify_fifo") => (&mut self.routers, &word[5..]),
            word if word.starts_with("lvs_notify_fifo") => (&mut self.services, &word[4..]),
            word => (&mut self.all, word),
        };
        match rest {
            "notify_fifo" => family.path(node, reporter),
            "notify_fifo_script" => family.reader = command_and_account(node, globals, reporter),
            _ => {}
        }
    }

    pub(super) fn drafts(&self, reporter: &mut Reporter) -> Vec<FifoDraft> {
        let families =
            [(&self.all, true, true), (&self.routers, true, false), (&self.services, false, true)];
        families
            .into_iter()
            .filter_map(|(family, routers, services)| family.draft(routers, services, reporter))
            .collect()
    }
}

impl Fifo {
    fn path(&mut self, node: &Node, reporter: &mut Reporter) {
        let Some((path, account)) = node.values().split_first() else {
            values::word(node, reporter);
            return;
        };
        let text = |word: &Word| At::new(word.text.clone(), &word.span);
        self.path = Some(text(path));
        self.user = account.first().map(text);
        self.group = account.get(1).map(text);
    }

    fn draft(&self, routers: bool, services: bool, reporter: &mut Reporter) -> Option<FifoDraft> {
        let reader = self.reader.clone();
        let Some(path) = self.path.clone() else {
            if let Some((command, ..)) = reader {
                let message = "a script for a FIFO without the FIFO itself: this script";
                reporter.ignored(Diagnostic::at(&command.span, message));
            }
            return None;
        };
        let (reader, reader_user, reader_user_group) = match reader {
            Some((command, user, group)) => (Some(command), user, group),
            None => (None, None, None),
        };
        Some(FifoDraft {
            path,
            routers: Some(routers),
            services: Some(services),
            user: self.user.clone(),
            user_group: self.group.clone(),
            reader,
            reader_user,
            reader_user_group,
        })
    }
}
