//! Notify scripts: `notify_master` and its like, and the mail of `smtp_alert`.

use super::super::diag::Reporter;
use super::super::draft::{At, NotifyDraft, ServiceDraft};
use super::command::{self, Account};
use super::global::Globals;
use super::tree::Node;
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
    let (command, Account { user, group }) =
        command::with_account(node, &globals.script_account, reporter)?;
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
        user_group: group,
    })
}
