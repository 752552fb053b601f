//! Outer addresses of tunnels.

use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, TunnelDraft};
use super::values;
use vrrp_model::{Family, Tunnel};

/// Prefix lengths that leave host bits enough to distinguish flows, and are no mistake for "all".
const LENGTHS_V4: RangeInclusive<u8> = 8..=28;
const LENGTHS_V6: RangeInclusive<u8> = 8..=124;

pub(super) fn validate(draft: &TunnelDraft, reporter: &mut Reporter) -> Tunnel {
    let TunnelDraft { source_v4, source_v6 } = draft;
    let mut source =
        |written: &Option<At<String>>, what: &str, family: Family, lengths: RangeInclusive<u8>| {
            written.as_ref().and_then(|written| prefix(written, what, family, &lengths, reporter))
        };
    Tunnel {
        source_v4: match source(source_v4, "source_v4", Family::V4, LENGTHS_V4) {
            Some(IpNet::V4(prefix)) => Some(prefix),
            _ => None,
        },
        source_v6: match source(source_v6, "source_v6", Family::V6, LENGTHS_V6) {
            Some(IpNet::V6(prefix)) => Some(prefix),
            _ => None,
        },
    }
}

fn prefix(
    written: &At<String>,
    what: &str,
    family: Family,
    lengths: &RangeInclusive<u8>,
    reporter: &mut Reporter,
) -> Option<IpNet> {
    let prefix = values::network(written, what, reporter)?;
    let address = prefix.addr();
    let problem = if Family::of(address) != family {
        format!("{what} must be an {family} prefix, not `{prefix}`")
    } else if address.is_multicast() || address.is_loopback() || address.is_unspecified() {
        format!("{what} `{prefix}` holds no address that packets can come from")
    } else if !lengths.contains(&prefix.prefix_len()) {
        let (low, high) = (lengths.start(), lengths.end());
        format!(
            "the prefix length of {what} must be {low} to {high}, not {}: its host bits tell flows apart",
            prefix.prefix_len()
        )
    } else {
        return Some(prefix);
    };
    reporter.error(Diagnostic::at(&written.span, problem));
    None
}
