//! Commands and FIFOs that are told of changes: `[[notify]]`, `[[notify_fifo]]`, `notify*`.

use serde::Deserialize;

use super::{At, Command, Number, Text, Time};
use vrrp_model::NotifyEvent;

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct NotifyDraft {
    /// This or `mail`.
    pub command: Option<At<Command>>,
    pub mail: Option<At<bool>>,
    /// Name of a virtual router; all of them where no subject is written.
    pub router: Text,
    /// Name of a sync group.
    pub sync_group: Text,
    /// Name of a service.
    pub service: Text,
    /// Address of one of the service's backends.
    pub backend: Text,
    /// All of the subject, but `lower-priority`, when `None`.
    pub on: Option<At<Vec<At<NotifyEvent>>>>,
    pub arguments: Option<bool>,
    pub timeout: Option<At<Time>>,
    pub wait: Option<At<Time>>,
    pub user: Text,
    pub user_group: Text,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct MailDraft {
    pub server: At<String>,
    pub port: Number,
    /// `vrrp-agent@` and the host's name when `None`.
    pub from: Text,
    pub to: Vec<At<String>>,
    /// The host's name when `None`.
    pub helo: Text,
    pub timeout: Option<At<Time>>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct FifoDraft {
    pub path: At<String>,
    pub routers: Option<bool>,
    pub services: Option<bool>,
    pub user: Text,
    pub user_group: Text,
    pub reader: Option<At<Command>>,
    pub reader_user: Text,
    pub reader_user_group: Text,
}
