//! Backends and sorry servers.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, BackendDraft, ServiceDraft, SorryDraft, TargetDraft};
use super::values;
use vrrp_model::{Backend, Family, Forward};

/// What the backends of a service go by.
pub(super) struct Front {
    /// That of its address, where that is one.
    pub family: Option<Family>,
    pub port: u16,
}

/// A backend, and its index in the draft.
pub(super) struct Made {
    pub index: usize,
    pub backend: Backend,
}

pub(super) fn backends(draft: &ServiceDraft, front: &Front, reporter: &mut Reporter) -> Vec<Made> {
    let mut seen: HashMap<(IpAddr, u16), &At<String>> = HashMap::new();
    let mut made = Vec::new();
    for (index, written) in draft.backends.iter().enumerate() {
        let read = |reporter: &mut Reporter| {
            let backend = backend(written, front, reporter)?;
            let place = (backend.address, backend.port);
            if let Some(first) = seen.get(&place) {
                let message = format!("backend `{}` is listed twice", backend.address);
                reporter.error(
                    Diagnostic::at(&written.address.span, message)
                        .related(&first.span, "listed here first"),
                );
            }
            seen.entry(place).or_insert(&written.address);
            Some(backend)
        };
        let backend = reporter.part("this backend is left out", read).flatten();
        made.extend(backend.map(|backend| Made { index, backend }));
    }
    if !made.is_empty() && made.iter().all(|made| made.backend.weight == 0) {
        let message = format!(
            "every backend of service `{}` has weight 0: none takes connections",
            draft.name.value
        );
        reporter.warning(Diagnostic::at(&draft.name.span, message));
    }
    made
}

fn backend(written: &BackendDraft, front: &Front, reporter: &mut Reporter) -> Option<Backend> {
    let weight =
        values::number_or(written.weight.as_ref(), 1, "a backend's weight", 0..=1000_u16, reporter);
    let address = values::unicast(&written.address, "backend", reporter)?;
    let port = port(written.target(), "backend", address, front, reporter);
    Some(Backend { address, port, weight, forward: written.forward })
}

/// The sorry server; one that is delivered locally may have an address of the loopback.
pub(super) fn sorry(
    written: &SorryDraft,
    backends: &[Backend],
    front: &Front,
    reporter: &mut Reporter,
) -> Option<Backend> {
    let address = match written.forward {
        Forward::Local => values::unicast_or_loopback(&written.address, "sorry server", reporter),
        _ => values::unicast(&written.address, "sorry server", reporter),
    }?;
    let port = port(written.target(), "sorry server", address, front, reporter);
    if backends.iter().any(|backend| (backend.address, backend.port) == (address, port)) {
        let message = format!(
            "the sorry server `{address}` is a backend of the service: it is not there when they are not"
        );
        reporter.error(Diagnostic::at(&written.address.span, message));
    }
    Some(Backend { address, port, weight: 1, forward: written.forward })
}

/// Its port, once port and family are such that packets can get there.
fn port(
    target: TargetDraft<'_>,
    what: &str,
    address: IpAddr,
    front: &Front,
    reporter: &mut Reporter,
) -> u16 {
    let own = Family::of(address);
    if let Some(family) =
        front.family.filter(|family| *family != own && target.forward != Forward::Ipip)
    {
        let message =
            format!("{what} `{address}` is {own}, and the address of the service {family}");
        let help = "only a tunnel reaches a backend of the other family: forward = \"ipip\" (lvs_method TUN)";
        reporter.error(Diagnostic::at(&target.address.span, message).help(help));
    }
    let Some(port) = target.port else {
        return front.port;
    };
    let number = values::number(port, "port", 1..=65_535_u16, reporter);
    if number != front.port && target.forward != Forward::Nat {
        let message = format!(
            "{what} `{address}` gets packets with the port of the service, {}, not {}",
            front.port, port.value
        );
        let help = "only forward = \"nat\" rewrites ports";
        reporter.error(Diagnostic::at(&port.span, message).help(help));
    }
    number
}
