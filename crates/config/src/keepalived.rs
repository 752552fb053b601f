//! keepalived.conf, read as keepalived reads it.
//!
//! Line oriented: the first word of a line is a keyword, a block's `{` stands on that line or alone
//! on the next, `#` and `!` begin comments, quotes and backslashes work as in a shell. Includes,
//! conditions, variables and sequences are worked out before that, by [`expand`]. What keepalived
//! knows and the agent does not is reported as such, never as an unknown word.

mod address_lists;
mod checker;
mod command;
mod expand;
mod family;
mod fifo;
mod global;
mod group;
mod hmac;
mod instance;
mod keywords;
mod lexer;
mod lists;
mod lookalikes;
mod lvs;
mod mail;
mod notify;
mod routes;
mod script;
mod sync;
mod tree;
mod values;
mod virtual_server;

use super::Surroundings;
use super::diag::{Diagnostic, Reporter};
use super::draft::{Draft, ScriptDraft};
use super::source::Source;
use expand::Lines;
use global::Globals;
use keywords::{ROOT, Support};
use tree::Node;

pub use keywords::Keyword;
pub use keywords::all as keywords;
pub(super) use lexer::split_command;

/// A file larger than this is no configuration.
const LARGEST: usize = 16 * 1024 * 1024;

/// Reads the text; `None` when its braces or words are broken.
pub(super) fn read(
    source: &Source,
    surroundings: &Surroundings,
    reporter: &mut Reporter,
) -> Option<Draft> {
    if source.text().len() > LARGEST {
        reporter.error(Diagnostic::whole_file("larger than 16 MiB"));
        return None;
    }
    let tokens = lexer::lex(Lines::new(source, surroundings), reporter);
    // What is left of a broken text has braces missing that are there.
    if reporter.has_errors() {
        return None;
    }
    let nodes = tree::build(tokens, reporter);
    if reporter.has_errors() {
        return None;
    }
    Some(draft(&nodes, reporter))
}

/// Global settings first, wherever they are written: instances take their defaults from them.
fn draft(nodes: &[Node], reporter: &mut Reporter) -> Draft {
    let mut draft = Draft::default();
    let mut globals = Globals::default();
    let mut synced = Vec::new();
    for node in nodes.iter().filter(|node| node.keyword() == "global_defs") {
        global::read(node, &mut globals, reporter);
    }
    let groups: Vec<_> = nodes
        .iter()
        .filter(|node| node.keyword() == "virtual_server_group")
        .filter_map(|node| group::read(node, reporter))
        .collect();
    for node in nodes {
        if values::recognise(node, &ROOT, reporter) != Some(Support::Read) {
            continue;
        }
        match node.keyword() {
            "vrrp_instance" => {
                if let Some((router, notify)) = instance::read(node, &globals, reporter) {
                    draft.routers.push(router);
                    draft.notify.extend(notify);
                }
            }
            "vrrp_sync_group" => {
                synced.extend(sync::read(node, &globals, reporter));
            }
            "static_routes" => draft.static_routes.extend(routes::routes(node, reporter)),
            "static_rules" => draft.static_rules.extend(routes::rules(node, reporter)),
            "vrrp_script" => {
                let read = |reporter: &mut Reporter| script::read(node, &globals, reporter);
                draft.scripts.extend(reporter.part(ScriptDraft::NOT_TRACKED, read).flatten());
            }
            "virtual_server" => {
                let services = virtual_server::read(node, &groups, &globals, reporter);
                draft.notify.extend(notify::of_services(node, &services, &globals, reporter));
                draft.services.extend(services);
            }
            _ => {}
        }
    }
    script::drop_late(&mut draft, nodes, reporter);
    values::keep_first(&mut draft.scripts, |script| &script.name, "script", reporter);
    values::keep_first(&mut synced, |read| &read.group.name, "sync group", reporter);
    sync::complete(&mut draft, synced, reporter);
    values::keep_first(&mut draft.services, |service| &service.name, "virtual_server", reporter);
    draft.fifos = globals.fifos.drafts(reporter);
    draft.mail = globals.mail.draft();
    draft.script_security = Some(globals.script_security);
    draft.node = globals.router_id;
    draft.startup_delay = globals.startup_delay;
    draft.election = globals.election;
    draft
}
