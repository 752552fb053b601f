//! Mail: the server and the addresses of `global_defs`, and `smtp_alert`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, MailDraft, NotifyDraft};
use super::super::source::Span;
use super::lists::names;
use super::tree::Node;
use super::values;
use vrrp_model::NotifyEvent;

/// Of `smtp_connect_timeout`.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// What `global_defs` says of mail.
#[derive(Default)]
pub(super) struct Mail {
    to: Vec<At<String>>,
    from: Option<At<String>>,
    server: Option<At<String>>,
    port: Option<At<i64>>,
    helo: Option<At<String>>,
    timeout: Option<At<Duration>>,
    /// `smtp_alert`.
    all: Option<bool>,
    /// `smtp_alert_vrrp`.
    routers: Option<bool>,
    /// `smtp_alert_checker`.
    checks: Option<bool>,
    no_faults: bool,
    no_checks: bool,
}

impl Mail {
    /// Reads the mail keywords of `global_defs`, and no other keyword.
    pub(super) fn read(&mut self, node: &Node, reporter: &mut Reporter) {
        let mut switch = || Some(values::switch(node, reporter));
        match node.keyword() {
            "smtp_alert" => self.all = switch(),
            "smtp_alert_vrrp" => self.routers = switch(),
            "smtp_alert_checker" => self.checks = switch(),
            "no_email_faults" => self.no_faults = values::switch(node, reporter),
            "no_checker_emails" => self.no_checks = values::switch(node, reporter),
            "notification_email" => {
                self.to = names(node, reporter).into_iter().map(complete).collect();
            }
            "notification_email_from" => self.from = values::text(node, reporter).map(complete),
            "smtp_server" => self.server(node, reporter),
            "smtp_helo_name" => self.helo = values::text(node, reporter),
            "smtp_connect_timeout" => self.timeout = values::seconds(node, TIMEOUTS, reporter),
            _ => {}
        }
    }

    /// `smtp_server HOST [PORT]`
    fn server(&mut self, node: &Node, reporter: &mut Reporter) {
        let Some((host, port)) = node.values().split_first() else {
            values::word(node, reporter);
            return;
        };
        self.server = Some(At::new(host.text.clone(), &host.span));
        self.port = port.first().and_then(|port| values::parse_number(port, reporter));
    }

    /// `None` where no mail can be sent.
    pub(super) fn draft(&self) -> Option<MailDraft> {
        let server = self.server.clone().filter(|_| !self.to.is_empty())?;
        Some(MailDraft {
            server,
            port: self.port.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            helo: self.helo.clone(),
            timeout: self.timeout.clone().map(At::from),
        })
    }

    /// The mail of an instance or a group, by the `smtp_alert` in it.
    pub(super) fn of_routers(
        &self,
        own: Option<&Node>,
        here: &Span,
        reporter: &mut Reporter,
    ) -> Option<NotifyDraft> {
        let default = self.routers.or(self.all).unwrap_or(false);
        let on = [NotifyEvent::Master, NotifyEvent::Backup, NotifyEvent::Fault];
        let faults = !self.no_faults;
        let on = on.into_iter().filter(|event| faults || *event != NotifyEvent::Fault);
        self.alert(own, default, here, on.collect(), reporter)
    }

    /// The mail of a service's quorum, by the `smtp_alert` in it.
    pub(super) fn of_service(
        &self,
        own: Option<&Node>,
        here: &Span,
        reporter: &mut Reporter,
    ) -> Option<NotifyDraft> {
        let default = self.checks.or(self.all).unwrap_or(false) && !self.no_checks;
        self.alert(own, default, here, NotifyEvent::OF_SERVICES.to_vec(), reporter)
    }

    /// Likewise of a real server: alerts are on unless they are turned off.
    pub(super) fn of_backend(
        &self,
        own: Option<&Node>,
        here: &Span,
        reporter: &mut Reporter,
    ) -> Option<NotifyDraft> {
        let default = self.checks.or(self.all).unwrap_or(true) && !self.no_checks;
        self.alert(own, default, here, NotifyEvent::OF_SERVICES.to_vec(), reporter)
    }

    fn alert(
        &self,
        own: Option<&Node>,
        default: bool,
        here: &Span,
        on: Vec<NotifyEvent>,
        reporter: &mut Reporter,
    ) -> Option<NotifyDraft> {
        let wanted = own.map_or(default, |own| values::switch(own, reporter));
        if wanted && self.draft().is_none() {
            // Not where it is on by default alone.
            if let Some(own) = own {
                let message =
                    "no mail is sent without `smtp_server` and `notification_email`: this";
                reporter.ignored(Diagnostic::at(own.span(), message));
            }
            return None;
        }
        wanted.then(|| NotifyDraft {
            command: None,
            mail: Some(At::new(true, here)),
            router: None,
            sync_group: None,
            service: None,
            backend: None,
            on: Some(At::new(on.into_iter().map(|event| At::new(event, here)).collect(), here)),
            arguments: None,
            timeout: None,
            wait: None,
            user: None,
            user_group: None,
        })
    }
}

/// A name without a host is a user of the server.
fn complete(address: At<String>) -> At<String> {
    match address.value.contains('@') {
        true => address,
        false => At { value: format!("{}@localhost", address.value), span: address.span },
    }
}
