//! Services: their addresses, and what they must not have in common.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, ServiceDraft};
use super::super::source::Span;
use super::backend::{self, Front};
use super::check::Context;
use super::{check, guard, values};
use vrrp_model::{
    Backend, Check, CheckKind, Family, Forward, Fragments, Persistence, Protocol, Router, Service,
};

/// What a mistake in a service does when lenient.
const NOT_SERVED: &str = "this service is not served";

/// What became of a service's draft.
struct Made<'a> {
    draft: &'a ServiceDraft,
    service: Service,
    /// By backend: its index in the draft.
    places: Vec<usize>,
}

/// All that can be served.
pub(super) fn validate_all(
    drafts: &[ServiceDraft],
    routers: &[Router],
    secure: bool,
    reporter: &mut Reporter,
) -> Vec<Service> {
    let mut services = Vec::new();
    for draft in drafts {
        let read = |reporter: &mut Reporter| validate(draft, routers, secure, reporter);
        services.extend(reporter.part(NOT_SERVED, read));
    }
    check_together(&mut services, reporter);
    services.into_iter().map(|made| made.service).collect()
}

fn validate<'a>(
    draft: &'a ServiceDraft,
    routers: &[Router],
    secure: bool,
    reporter: &mut Reporter,
) -> Made<'a> {
    values::name(&draft.name, "a service's name", reporter);
    let address = values::unicast(&draft.address, "address", reporter);
    if let Some(address) = address {
        check_is_virtual(&draft.address, address, routers, reporter);
    }
    let front = Front {
        family: address.map(Family::of),
        port: values::number(&draft.port, "port", 1..=65_535_u16, reporter),
    };
    let (places, backends): (Vec<usize>, Vec<Backend>) = backend::backends(draft, &front, reporter)
        .into_iter()
        .map(|made| (made.index, made.backend))
        .unzip();
    if backends.is_empty() && (draft.backends.is_empty() || !reporter.has_errors()) {
        let message = format!("service `{}` has no backend", draft.name.value);
        reporter.error(Diagnostic::at(&draft.name.span, message));
    }
    let sorry = draft.sorry.as_ref().and_then(|written| {
        let read = |reporter: &mut Reporter| backend::sorry(written, &backends, &front, reporter);
        reporter.part("this sorry server is left out", read).flatten()
    });
    check_fragments(draft, reporter);
    let context = Context { protocol: draft.protocol, secure };
    let check = check::validate(draft.check.as_ref(), context, reporter);
    let real_path = check::real_path(draft.check.as_ref(), draft.protocol, reporter);
    let service = Service {
        name: draft.name.value.clone(),
        // The service has an error where there is none.
        address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: front.port,
        protocol: draft.protocol,
        persistence: draft.persistence,
        fragments: draft.fragments.as_ref().map_or(Fragments::default(), |written| written.value),
        drain: values::duration_or_zero(draft.drain.as_ref(), "drain", Service::DRAIN, reporter),
        quorum: quorum(draft, &backends, reporter),
        sorry,
        guard: guard::validate(draft, front.family, reporter),
        own_checks: own_checks(draft, &places, (&check, context), reporter),
        backends,
        real_path: real_path && check.kind != CheckKind::None,
        check,
    };
    Made { draft, service, places }
}

/// Checks of backends that differ from the service's. `places`: by backend, its index in the draft.
fn own_checks(
    draft: &ServiceDraft,
    places: &[usize],
    (common, context): (&Check, Context),
    reporter: &mut Reporter,
) -> BTreeMap<usize, Check> {
    let mut own = BTreeMap::new();
    for (index, place) in places.iter().enumerate() {
        let written = draft.backends.get(*place).and_then(|backend| backend.check.as_ref());
        if let Some(written) = written {
            check::of_one_backend(written, reporter);
            own.insert(index, check::validate(Some(written), context, reporter));
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

/// What one service alone does not show. Of those that exclude one another the first is left.
fn check_together(services: &mut Vec<Made<'_>>, reporter: &mut Reporter) {
    let mut taken: HashMap<(IpAddr, u16, Protocol), &ServiceDraft> = HashMap::new();
    let mut steered: HashMap<(IpAddr, Protocol), (&ServiceDraft, &Span)> = HashMap::new();
    services.retain(|Made { draft, service, .. }| {
        let draft = *draft;
        let (address, protocol) = (service.address, service.protocol);
        if address.is_unspecified() {
            return true;
        }
        if let Some(first) = taken.get(&(address, service.port, protocol)) {
            let message = format!(
                "service `{}` has the address and port of `{}`",
                draft.name.value, first.name.value
            );
            let here = Diagnostic::at(&draft.name.span, message);
            reporter.ignored(here.related(&first.name.span, "the other service"));
            return false;
        }
        taken.insert((address, service.port, protocol), draft);
        let Some(At { value: Fragments::Steer, span }) = &draft.fragments else { return true };
        if let Some((first, before)) = steered.insert((address, protocol), (draft, span)) {
            let message = format!(
                "service `{}` already steers the fragments for {address} of this protocol: only the first fragment says for which port",
                first.name.value
            );
            let here = Diagnostic::at(span, message);
            reporter.error(here.related(before, "the other service"));
        }
        true
    });
    check_nat(services, reporter);
}

/// Answers are mapped back by the backend's address and port alone: no flow is remembered. A
/// backend that has a service already is left out of the others.
fn check_nat<'a>(services: &mut Vec<Made<'a>>, reporter: &mut Reporter) {
    // The first service that reaches a port, and where.
    let mut seen: HashMap<_, (&'a At<String>, &'a At<String>)> = HashMap::new();
    services.retain_mut(|made| {
        let draft = made.draft;
        let mut clashes = |target: &Backend, written: &'a At<String>, reporter: &mut Reporter| {
            let (address, port) = (target.address, target.port);
            let (first, place) =
                *seen.entry((address, port, draft.protocol)).or_insert((&draft.name, written));
            if std::ptr::eq(first, &draft.name) {
                return false;
            }
            let message = format!(
                "port {port} of `{address}` is reached by nat from the services `{}` and `{}`: its answers could be for either",
                first.value, draft.name.value
            );
            let here = Diagnostic::at(&written.span, message)
                .related(&place.span, "reached here first")
                .help("give each service a port of its own on the backends");
            reporter.eased(here, "it is left out of the second");
            true
        };
        let mut gone = Vec::new();
        for (at, (target, place)) in made.service.backends.iter().zip(&made.places).enumerate() {
            let written = draft.backends.get(*place).filter(|_| target.forward == Forward::Nat);
            if written.is_some_and(|written| clashes(target, &written.address, reporter)) {
                gone.push(at);
            }
        }
        let sorry = made.service.sorry.as_ref().filter(|target| target.forward == Forward::Nat);
        if let (Some(target), Some(written)) = (sorry, &draft.sorry)
            && clashes(target, &written.address, reporter)
        {
            made.service.sorry = None;
        }
        gone.into_iter().rev().for_each(|at| made.remove(at));
        let served = !made.service.backends.is_empty() || reporter.has_errors();
        if !served {
            let message = format!("service `{}` has no other backend", draft.name.value);
            reporter.eased(Diagnostic::at(&draft.name.span, message), NOT_SERVED);
        }
        served
    });
}

impl Made<'_> {
    /// Takes a backend out.
    fn remove(&mut self, gone: usize) {
        self.places.remove(gone);
        self.service.backends.remove(gone);
        let own = std::mem::take(&mut self.service.own_checks);
        let kept = own.into_iter().filter(|(at, _)| *at != gone);
        self.service.own_checks =
            kept.map(|(at, check)| (if at > gone { at - 1 } else { at }, check)).collect();
    }
}
