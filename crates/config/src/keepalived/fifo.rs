//! FIFOs that are told of changes: `notify_fifo` and its like.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, FifoDraft};
use super::command::{self, Account};
use super::tree::Node;
use super::values;

/// The FIFO of one family of keywords, and the script that reads it.
#[derive(Default, Clone)]
pub(super) struct Fifo {
    path: Option<At<String>>,
    owner: Account,
    reader: Option<(At<Command>, Account)>,
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
    pub(super) fn read(&mut self, node: &Node, account: &Account, reporter: &mut Reporter) {
        let (family, rest) = match node.keyword() {
            word if word.starts_with("vrrp_notify_fifo") => (&mut self.routers, &word[5..]),
            word if word.starts_with("lvs_notify_fifo") => (&mut self.services, &word[4..]),
            word => (&mut self.all, word),
        };
        match rest {
            "notify_fifo" => family.path(node, reporter),
            "notify_fifo_script" => family.reader = command::with_account(node, account, reporter),
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
        let Some((path, owner)) = node.values().split_first() else {
            // Reports the missing value.
            values::word(node, reporter);
            return;
        };
        self.path = Some(At::new(path.text.clone(), &path.span));
        self.owner = Account::of(owner, reporter);
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
        let (reader, runs_as) = reader.unzip();
        let runs_as = runs_as.unwrap_or_default();
        Some(FifoDraft {
            path,
            routers: Some(routers),
            services: Some(services),
            user: self.owner.user.clone(),
            user_group: self.owner.group.clone(),
            reader,
            reader_user: runs_as.user,
            reader_user_group: runs_as.group,
        })
    }
}
