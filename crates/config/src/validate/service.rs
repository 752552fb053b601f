//! Services: their addresses, and what they must not have in common.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, ServiceDraft};
use super::super::source::Span;
use super::backend::{self, Front};
use super::{check, guard, values};
use vrrp_model::{
    Backend, Check, Family, Forward, Fragments, Persistence, Protocol, Router, Service,
};

pub(super) fn validate(
    draft: &ServiceDraft,
    routers: &[Router],
    reporter: &mut Reporter,
) -> Service {
    values::name(&draft.name, "a service's name", reporter);
    let address = values::unicast(&draft.address, "address", reporter);
    if let Some(address) = address {
        check_is_virtual(&draft.address, address, routers, reporter);
    }
    let front = Front {
        family: address.map(Family::of),
        port: values::number(&draft.port, "port", 1..=65_535_u16, reporter),
    };
    if draft.backends.is_empty() {
        let message = format!("service `{}` has no backend", draft.name.value);
        reporter.error(Diagnostic::at(&draft.name.span, message));
    }
    let backends = backend::backends(draft, &front, reporter);
    let sorry = draft
        .sorry
        .as_ref()
        .and_then(|written| backend::sorry(written, &backends, &front, reporter));
    check_fragments(draft, reporter);
    let check = check::validate(draft.check.as_ref(), draft.protocol, reporter);
    Service {
        name: draft.name.value.clone(),
        // The file has an error where there is none.
        address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: front.port,
        protocol: draft.protocol,
        persistence: draft.persistence,
        fragments: draft.fragments.as_ref().map_or(Fragments::default(), |written| written.value),
        drain: values::duration_or_zero(draft.drain.as_ref(), "drain", Service::DRAIN, reporter),
        quorum: quorum(draft, &backends, reporter),
        sorry,
        guard: guard::validate(draft, front.family, reporter),
        backends,
        own_checks: own_checks(draft, &check, reporter),
        check,
        real_path: check::real_path(draft.check.as_ref(), draft.protocol, reporter),
    }
}

/// Checks of backends that differ from the service's. A backend that is left out is an error,
/// so indices are those of the draft.
fn own_checks(
    draft: &ServiceDraft,
    common: &Check,
    reporter: &mut Reporter,
) -> BTreeMap<usize, Check> {
    let mut own = BTreeMap::new();
    for (index, written) in draft.backends.iter().enumerate() {
        if let Some(written) = &written.check {
            check::of_one_backend(&written.value, reporter);
            own.insert(index, check::validate(Some(written), draft.protocol, reporter));
        }
    }
    own.retain(|_, check| check != common);
    own
}

fn check_is_virtual(
    written: &At<String>,
    address: IpAddr,
    routers: &[Router],
    reporter: &mut Reporter,
) {
    let all = || routers.iter().flat_map(Router::all_addresses);
    if all().any(|known| known == address) {
        return;
    }
    let known: Vec<String> = all().map(|known| known.to_string()).take(8).collect();
    let diagnostic = Diagnostic::at(
        &written.span,
        format!("`{address}` is not a virtual address of any router in this file"),
    );
    reporter.error(match known.as_slice() {
        [] => diagnostic,
        known => diagnostic.help(format!("virtual addresses here: {}", known.join(", "))),
    });
}

fn quorum(draft: &ServiceDraft, backends: &[Backend], reporter: &mut Reporter) -> u32 {
    let Some(written) = &draft.quorum else { return 1 };
    let quorum = values::number(written, "quorum", 1..=u32::MAX, reporter);
    let weights: u32 = backends.iter().map(|backend| u32::from(backend.weight)).sum();
    if quorum > 1 && draft.sorry.is_none() {
        let message = "without a sorry server a quorum changes nothing: the backends that are up go on serving";
        reporter.warning(Diagnostic::at(&written.span, message));
    } else if quorum > weights && weights > 0 {
        let message = format!(
            "quorum {quorum} is above the sum of all weights, {weights}: the sorry server always serves"
        );
        reporter.warning(Diagnostic::at(&written.span, message));
    }
    quorum
}

/// Fragments can be steered where nothing depends on the ports, which the first of them alone has.
fn check_fragments(draft: &ServiceDraft, reporter: &mut Reporter) {
    let Some(At { value: Fragments::Steer, span }) = &draft.fragments else { return };
    if draft.persistence != Persistence::Source {
        let message = "steering fragments needs persistence = \"source\": only the first fragment has the ports of its flow";
        reporter.error(Diagnostic::at(span, message));
    }
    if let Some(nat) = draft.targets().find(|target| target.forward == Forward::Nat) {
        let message = "fragments cannot be steered to a backend reached by nat: fragments of its answers could not be mapped back";
        reporter.error(Diagnostic::at(span, message).related(&nat.address.span, "reached by nat"));
    }
}

/// What one service alone does not show; `services` are what became of `drafts`, in order.
pub(super) fn check_together(
    drafts: &[ServiceDraft],
    services: &[Service],
    reporter: &mut Reporter,
) {
    let mut taken: HashMap<(IpAddr, u16, Protocol), &ServiceDraft> = HashMap::new();
    let mut steered: HashMap<(IpAddr, Protocol), (&ServiceDraft, &Span)> = HashMap::new();
    let known =
        drafts.iter().zip(services).filter(|(_, service)| !service.address.is_unspecified());
    for (draft, service) in known {
        let (address, protocol) = (service.address, service.protocol);
        if let Some(first) = taken.insert((address, service.port, protocol), draft) {
            let message = format!(
                "service `{}` has the address and port of `{}`",
                draft.name.value, first.name.value
            );
            reporter.error(
                Diagnostic::at(&draft.name.span, message)
                    .related(&first.name.span, "the other service"),
            );
        }
        let Some(At { value: Fragments::Steer, span }) = &draft.fragments else { continue };
        if let Some((first, before)) = steered.insert((address, protocol), (draft, span)) {
            let message = format!(
                "service `{}` already steers the fragments for {address} of this protocol: only the first fragment says for which port",
                first.name.value
            );
            let here = Diagnostic::at(span, message);
            reporter.error(here.related(before, "the other service"));
        }
    }
    check_nat(drafts, reporter);
}

/// Answers are mapped back by the backend's address and port alone: no flow is remembered.
fn check_nat(drafts: &[ServiceDraft], reporter: &mut Reporter) {
    let mut seen: HashMap<(IpAddr, i64, Protocol), (usize, &At<String>)> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        for target in draft.targets().filter(|target| target.forward == Forward::Nat) {
            let Ok(address) = target.address.value.parse() else { continue };
            let port = target.port.unwrap_or(&draft.port).value;
            let (first, place) =
                *seen.entry((address, port, draft.protocol)).or_insert((index, target.address));
            if first == index {
                continue;
            }
            let message = format!(
                "port {port} of `{address}` is reached by nat from the services `{}` and `{}`: its answers could be for either",
                drafts[first].name.value, draft.name.value
            );
            let here = Diagnostic::at(&target.address.span, message)
                .related(&place.span, "reached here first");
            reporter.error(here.help("give each service a port of its own on the backends"));
        }
    }
}
