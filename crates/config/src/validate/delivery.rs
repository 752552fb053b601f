//! How the adverts of a virtual router travel: family, group or unicast, peers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_common::maps::MAX_PEERS;
use vrrp_common::wire::vrrp::MAX_COUNT_V6;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, PeerDraft, RouterDraft};
use super::values;
use vrrp_model::{Delivery, Family, Peer, Version};

/// The groups of RFC 9568 sections 5.1.1.2 and 5.1.2.2.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// An advert counts its addresses in one byte (RFC 9568 section 5.2.5).
const MOST_ADDRESSES: usize = 255;
/// IPv6 addresses whose room in a packet of 1500 bytes an authentication trailer takes: 12 of its
/// 28 bytes are free as it is.
const SIGNATURE: usize = 1;

/// The group that adverts of a family go to unless another is configured.
pub(in super::super) fn default_group(family: Family) -> IpAddr {
    match family {
        Family::V4 => GROUP.into(),
        Family::V6 => GROUP_V6.into(),
    }
}

/// What the advertised addresses must be together: of one family, and for IPv6 of version 3.
/// Returns how many an advert holds.
pub(super) fn check_addresses(
    draft: &RouterDraft,
    family: Family,
    version: Version,
    reporter: &mut Reporter,
) -> usize {
    let most = match family {
        Family::V4 => MOST_ADDRESSES,
        Family::V6 => usize::from(MAX_COUNT_V6) - if draft.hmac.is_some() { SIGNATURE } else { 0 },
    };
    if draft.addresses.len() > most {
        let message = format!(
            "{} virtual addresses, but an advert holds {most}: the others are excluded ones",
            draft.addresses.len()
        );
        reporter.warning(
            Diagnostic::at(&draft.name.span, message)
                .help("list them as such, so that the file says so"),
        );
    }
    let written =
        |at: &At<String>| at.value.split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
    for address in &draft.addresses {
        if let Some(other) =
            written(&address.address).map(Family::of).filter(|other| *other != family)
        {
            let message = format!(
                "an {other} address in a virtual router of {family}: an advert carries one family only"
            );
            let help = "list it under the excluded addresses, or give it a virtual router of its own; the VRID may be the same";
            reporter.error(Diagnostic::at(&address.address.span, message).help(help));
        }
    }
    if family == Family::V4 {
        return most;
    }
    let first = draft.addresses.first();
    if let Some(first) = first.filter(|_| version == Version::V2) {
        reporter.error(
            Diagnostic::at(&first.address.span, "IPv6 needs version 3 of VRRP").help("version = 3"),
        );
    }
    if let Some((first, address)) = first.and_then(|first| Some((first, written(&first.address)?)))
        && !is_link_local(address)
    {
        let message = "the first IPv6 address should be link-local (fe80::/10), the virtual router's own (RFC 9568 section 5.2.9)";
        reporter.warning(Diagnostic::at(&first.address.span, message));
    }
    most
}

/// Whether it is of IPv6 and in fe80::/10.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Where adverts come from, if that is written.
pub(super) fn source(
    draft: &RouterDraft,
    family: Family,
    reporter: &mut Reporter,
) -> Option<IpAddr> {
    let written = draft.source.as_ref()?;
    let source =
        reporter.part("ignored", |reporter| of_family(written, "source", family, reporter))??;
    if family == Family::V6 && unicast(draft).is_none() && !is_link_local(source) {
        let message = "multicast adverts of IPv6 come from a link-local address (RFC 9568 section 5.1.2.1): others may refuse these";
        reporter.warning(
            Diagnostic::at(&written.span, message)
                .help("leave `source` out to send from the interface's own"),
        );
    }
    Some(source)
}

/// An address of the router's family.
fn of_family(
    value: &At<String>,
    what: &str,
    family: Family,
    reporter: &mut Reporter,
) -> Option<IpAddr> {
    let address = values::unicast(value, what, reporter)?;
    check_family(address, value, what, family, reporter)
}

fn check_family(
    address: IpAddr,
    value: &At<String>,
    what: &str,
    family: Family,
    reporter: &mut Reporter,
) -> Option<IpAddr> {
    if Family::of(address) == family {
        return Some(address);
    }
    let message =
        format!("{what} `{address}` is not of the family of the virtual addresses, {family}");
    reporter.error(Diagnostic::at(&value.span, message));
    None
}

/// Where unicast is turned on.
fn unicast(draft: &RouterDraft) -> Option<&At<bool>> {
    draft.unicast.as_ref().filter(|written| written.value)
}

/// To the group, or to each peer.
pub(super) fn delivery(
    draft: &RouterDraft,
    family: Family,
    peers: &[Peer],
    reporter: &mut Reporter,
) -> Delivery {
    let group = draft.group.as_ref().and_then(|group| {
        let read = |reporter: &mut Reporter| {
            let address = values::multicast(group, "group", reporter)?;
            check_family(address, group, "group", family, reporter)
        };
        reporter.part("ignored", read).flatten()
    });
    let multicast = Delivery::Multicast(group.unwrap_or(default_group(family)));
    let Some(unicast) = unicast(draft) else { return multicast };
    if peers.is_empty() && (draft.peers.is_empty() || !reporter.has_errors()) {
        let message = "unicast needs peers: adverts have no destination";
        let help = "peers = [\"192.0.2.2\"]";
        reporter.replaced(Diagnostic::at(&unicast.span, message).help(help), "multicast");
        return multicast;
    }
    if let Some(group) = &draft.group {
        reporter.ignored(Diagnostic::at(
            &group.span,
            "adverts go to the peers: the multicast group has no effect",
        ));
    }
    Delivery::Unicast
}

pub(super) fn peers(draft: &RouterDraft, family: Family, reporter: &mut Reporter) -> Vec<Peer> {
    if let Some(ninth) = draft.peers.get(MAX_PEERS) {
        let message = format!("at most {MAX_PEERS} peers of a virtual router can be told apart");
        let diagnostic = Diagnostic::at(&ninth.address.span, message);
        reporter.error(match unicast(draft) {
            Some(_) => diagnostic,
            None => diagnostic.help("leave `peers` out to accept adverts from anyone"),
        });
    }
    let own: Option<IpAddr> = draft.source.as_ref().and_then(|source| source.value.parse().ok());
    let mut seen: HashMap<IpAddr, &At<String>> = HashMap::new();
    let mut made = Vec::new();
    for written in &draft.peers {
        let consequence = "this peer is left out";
        let read =
            |reporter: &mut Reporter| peer(written, unicast(draft).is_some(), family, reporter);
        let Some(peer) = reporter.part(consequence, read).flatten() else { continue };
        let place = &written.address;
        if own == Some(peer.address) {
            let message = format!(
                "peer `{}` is this router itself: it is the source of its adverts",
                peer.address
            );
            reporter.error(Diagnostic::at(&place.span, message).help("list the other nodes only"));
        } else if let Some(first) = seen.insert(peer.address, place) {
            let message = format!("peer `{}` is listed twice", peer.address);
            reporter.ignored(
                Diagnostic::at(&place.span, message).related(&first.span, "listed here first"),
            );
            continue;
        }
        made.push(peer);
    }
    made
}

fn peer(
    written: &PeerDraft,
    unicast: bool,
    family: Family,
    reporter: &mut Reporter,
) -> Option<Peer> {
    let address = of_family(&written.address, "peer", family, reporter)?;
    if !unicast && let Some(ttl) = written.min_ttl.as_ref().or(written.max_ttl.as_ref()) {
        let message = "multicast adverts never pass a router: their TTL must be 255";
        reporter.error(Diagnostic::at(&ttl.span, message).help("a range of TTLs is for unicast"));
    }
    let bound =
        |value: &Option<At<i64>>, what: &str, default: u8, reporter: &mut Reporter| match value {
            Some(value) => values::number(value, what, 1..=255_u8, reporter),
            None => default,
        };
    let max_ttl = bound(&written.max_ttl, "max_ttl", u8::MAX, reporter);
    let min_ttl = bound(&written.min_ttl, "min_ttl", max_ttl, reporter);
    if min_ttl > max_ttl {
        let message = format!("no TTL is at least {min_ttl} and at most {max_ttl}");
        reporter.error(Diagnostic::at(&written.address.span, message));
    }
    Some(Peer { address, min_ttl, max_ttl })
}
