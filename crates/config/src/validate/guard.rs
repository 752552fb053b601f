//! Whose packets a service takes.

use std::collections::HashMap;

use ipnet::IpNet;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, RateDraft, ServiceDraft};
use super::values;
use vrrp_model::{Family, Guard, Protocol, Rate};

/// `family` is that of the service's address, where that is one.
pub(super) fn validate(
    draft: &ServiceDraft,
    family: Option<Family>,
    reporter: &mut Reporter,
) -> Guard {
    let protocol = draft.protocol;
    let guard = &draft.guard;
    let mut seen = HashMap::new();
    Guard {
        new_per_source: rate(guard.new_per_source.as_ref(), "new_per_source", protocol, reporter),
        new_total: rate(guard.new_total.as_ref(), "new_total", protocol, reporter),
        allow: prefixes(&guard.allow, family, &mut seen, reporter),
        deny: prefixes(&guard.deny, family, &mut seen, reporter),
    }
}

fn rate(
    written: Option<&At<RateDraft>>,
    what: &str,
    protocol: Protocol,
    reporter: &mut Reporter,
) -> Option<Rate> {
    let At { value: written, span } = written?;
    if protocol == Protocol::Udp {
        let message = format!("{what} counts new TCP connections, and this service is for UDP");
        reporter.error(Diagnostic::at(span, message));
    }
    let per_second = values::number(&written.per_second, "per_second", 1..=u32::MAX, reporter);
    let burst = written
        .burst
        .as_ref()
        .map_or(per_second, |burst| values::number(burst, "burst", 1..=u32::MAX, reporter));
    Some(Rate { per_second, burst })
}

/// No prefix twice, in one list or in both: it would not be clear which of them counts.
fn prefixes<'a>(
    written: &'a [At<String>],
    family: Option<Family>,
    seen: &mut HashMap<IpNet, &'a At<String>>,
    reporter: &mut Reporter,
) -> Vec<IpNet> {
    let mut all = Vec::new();
    for written in written {
        let Some(prefix) = values::network(written, "the prefix", reporter) else { continue };
        let own = Family::of(prefix.addr());
        if let Some(family) = family.filter(|family| *family != own) {
            let message = format!("`{prefix}` is {own}, and the address of the service {family}");
            reporter.error(Diagnostic::at(&written.span, message));
        }
        if let Some(first) = seen.insert(prefix, written) {
            let message = format!("the prefix `{prefix}` is listed twice");
            reporter.error(
                Diagnostic::at(&written.span, message).related(&first.span, "listed here first"),
            );
        }
        all.push(prefix);
    }
    all
}
