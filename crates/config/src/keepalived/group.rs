//! The addresses of a virtual_server, and `virtual_server_group`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::tree::{Node, Word};
use super::values;
use vrrp_model::suggest;

/// The most addresses in a range.
const MOST: u32 = 256;

/// A named list of addresses and ports.
pub(super) struct Group {
    name: At<String>,
    addresses: Vec<(At<String>, At<i64>)>,
}

pub(super) fn read(node: &Node, reporter: &mut Reporter) -> Option<Group> {
    let name = values::block_name(node, reporter)?;
    let mut addresses = Vec::new();
    for line in values::body(node, reporter) {
        let first = line.first();
        if first.text == "fwmark" {
            reporter.ignored(Diagnostic::at(
                &first.span,
                "firewall marks are not supported: XDP comes before them",
            ));
            continue;
        }
        let Some(port) = port(first, line.values().first(), reporter) else { continue };
        match range(&first.text) {
            Some((start, more)) if more < MOST => addresses.extend((0..=more).map(|distance| {
                let address = following(start, distance).to_string();
                (At::new(address, &first.span), port.clone())
            })),
            Some(_) => {
                let message =
                    format!("`{}` is more than {MOST} addresses", reporter.quote(&first.span));
                reporter.ignored(Diagnostic::at(&first.span, message));
            }
            // Not a range: whether it is an address is checked with all others.
            None => addresses.push((At::new(first.text.clone(), &first.span), port)),
        }
    }
    Some(Group { name, addresses })
}

/// A range: its first address, and how many follow it. `A.B.C.D-E`, `A.B.C.D-E.F.G.H`,
/// `A.B.C.D/LENGTH`, and for IPv6 `A::B-C`: C takes the place of the last 16 bits.
fn range(text: &str) -> Option<(IpAddr, u32)> {
    if let Some((first, length)) = text.split_once('/') {
        let first: Ipv4Addr = first.parse().ok()?;
        let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        return Some((Ipv4Addr::from_bits(first.to_bits() & mask).into(), !mask));
    }
    let (first, last) = text.split_once('-')?;
    match first.parse().ok()? {
        IpAddr::V4(address) => {
            let last = match last.parse::<Ipv4Addr>() {
                Ok(last) => last.to_bits(),
                Err(_) => (address.to_bits() & !0xff) | u32::from(last.parse::<u8>().ok()?),
            };
            Some((address.into(), last.checked_sub(address.to_bits())?))
        }
        IpAddr::V6(address) => {
            let last = u16::from_str_radix(last, 16).ok()?;
            Some((address.into(), u32::from(last.checked_sub(address.segments()[7])?)))
        }
    }
}

/// The address that many behind `first`.
fn following(first: IpAddr, distance: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().saturating_add(distance)).into(),
        IpAddr::V6(first) => {
            Ipv6Addr::from_bits(first.to_bits().saturating_add(u128::from(distance))).into()
        }
    }
}

/// The words behind `virtual_server`.
pub(super) fn addresses(
    node: &Node,
    groups: &[Group],
    reporter: &mut Reporter,
) -> Vec<(At<String>, At<i64>)> {
    match node.values() {
        [kind, ..] if kind.text == "fwmark" => {
            let help = "write the address and the port";
            let message =
                "firewall marks are not supported, XDP comes before them: this virtual_server";
            reporter.ignored(Diagnostic::at(&kind.span, message).help(help));
            Vec::new()
        }
        [kind, name, ..] if kind.text == "group" => match groups
            .iter()
            .find(|group| group.name.value == name.text)
        {
            Some(group) => group.addresses.clone(),
            None => {
                let near = suggest::nearest(
                    &name.text,
                    groups.iter().map(|group| group.name.value.as_str()),
                );
                let message =
                    format!("there is no virtual_server_group `{}`", reporter.quote(&name.span));
                let consequence = "this virtual_server is left out";
                reporter.eased(Diagnostic::at(&name.span, message).suggest(near), consequence);
                Vec::new()
            }
        },
        _ => address_and_port(node, reporter).into_iter().collect(),
    }
}

/// `ADDRESS PORT`
pub(super) fn address_and_port(
    node: &Node,
    reporter: &mut Reporter,
) -> Option<(At<String>, At<i64>)> {
    let Some(address) = node.values().first() else {
        values::word(node, reporter);
        return None;
    };
    let port = port(address, node.values().get(1), reporter)?;
    Some((At::new(address.text.clone(), &address.span), port))
}

fn port(address: &Word, port: Option<&Word>, reporter: &mut Reporter) -> Option<At<i64>> {
    match port {
        Some(port) if port.text != "0" => {
            let consequence = "this address is left out";
            values::number_or_leave("port", port, 1..=65_535, consequence, reporter)
        }
        _ => {
            let message = "a service for all ports is not supported yet: this address";
            reporter.ignored(
                Diagnostic::at(&address.span, message).help("write the port behind the address"),
            );
            None
        }
    }
}
