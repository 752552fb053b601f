//! The family of an instance: that of the first line that has one.

use std::net::IpAddr;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{AddressDraft, At, PeerDraft};
use super::super::source::Span;
use vrrp_model::Family;

/// What the lines read so far have decided.
#[derive(Default)]
pub(super) struct Decision {
    family: Option<Family>,
}

impl Decision {
    pub(super) fn is_v6(&self) -> bool {
        self.family == Some(Family::V6)
    }

    /// Whether a line of `family` counts: the first one decides.
    fn admits(&mut self, family: Family) -> bool {
        *self.family.get_or_insert(family) == family
    }

    /// `native_ipv6`
    pub(super) fn native(&mut self, span: &Span, reporter: &mut Reporter) {
        if !self.admits(Family::V6) {
            let message = "`native_ipv6` in an instance of IPv4";
            reporter.ignored(Diagnostic::at(span, message));
        }
    }

    /// The source of adverts, where it can be one.
    pub(super) fn source(
        &mut self,
        written: At<String>,
        reporter: &mut Reporter,
    ) -> Option<At<String>> {
        let Ok(address) = written.value.parse::<IpAddr>() else {
            let quoted = reporter.quote(&written.span);
            let message = format!("source `{quoted}` is not an IP address");
            reporter.ignored(Diagnostic::at(&written.span, message));
            return None;
        };
        let family = Family::of(address);
        if self.admits(family) {
            return Some(written);
        }
        reporter.ignored(self.other(family, &written.span, "this source"));
        None
    }

    /// The peers of its family. Whether the others are addresses is checked with all addresses.
    pub(super) fn peers(&mut self, peers: &mut Vec<PeerDraft>, reporter: &mut Reporter) {
        peers.retain(|peer| {
            let Some(family) = family_of(&peer.address.value) else { return true };
            if self.admits(family) {
                return true;
            }
            reporter.ignored(self.other(family, &peer.address.span, "this peer"));
            false
        });
    }

    /// The advertised addresses of its family. keepalived ignores the others with a log line, and
    /// so does the agent.
    pub(super) fn addresses(&mut self, addresses: &mut Vec<AddressDraft>, reporter: &mut Reporter) {
        addresses.retain(|address| {
            let text = address.address.value.split('/').next().unwrap_or_default();
            let Some(family) = family_of(text) else { return true };
            if self.admits(family) {
                return true;
            }
            let message = "it is not installed, as in keepalived";
            reporter.warning(
                self.other(family, &address.address.span, message)
                    .help("list it in virtual_ipaddress_excluded"),
            );
            false
        });
    }

    fn other(&self, family: Family, span: &Span, rest: &str) -> Diagnostic {
        let own = if self.is_v6() { Family::V6 } else { Family::V4 };
        let message = format!("an {family} address in an instance of {own}: {rest}");
        let help = "the first of `native_ipv6`, a source, a peer and an address decides the family";
        Diagnostic::at(span, message).help(help)
    }
}

fn family_of(text: &str) -> Option<Family> {
    text.parse().ok().map(Family::of)
}
