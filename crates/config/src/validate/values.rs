//! Checks of single values.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::SignedDuration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Time};

/// The kernel's limit for interface names and labels (IFNAMSIZ less the closing zero).
const LONGEST_INTERFACE: usize = 15;
const LONGEST_NAME: usize = 64;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A whole number in a range; the range's lower end in place of one outside.
pub(super) fn number<T>(
    value: &At<i64>,
    what: &str,
    range: RangeInclusive<T>,
    reporter: &mut Reporter,
) -> T
where
    T: Copy + TryFrom<i64> + Into<i64>,
{
    let (low, high): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
    match T::try_from(value.value) {
        Ok(number) if (low..=high).contains(&value.value) => number,
        _ => {
            reporter.error(Diagnostic::at(
                &value.span,
                format!("{what} must be {low} to {high}, not {}", value.value),
            ));
            *range.start()
        }
    }
}

/// Likewise, or the default where nothing is written.
pub(super) fn number_or<T>(
    written: Option<&At<i64>>,
    default: T,
    what: &str,
    range: RangeInclusive<T>,
    reporter: &mut Reporter,
) -> T
where
    T: Copy + TryFrom<i64> + Into<i64>,
{
    written.map_or(default, |written| number(written, what, range, reporter))
}

/// A name: not empty, not long, printable.
pub(super) fn name(name: &At<String>, what: &str, reporter: &mut Reporter) {
    let text = &name.value;
    if text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        reporter.error(Diagnostic::at(
            &name.span,
            format!("{what} must be 1 to {LONGEST_NAME} printable characters"),
        ));
    }
}

/// `NAME@HOST`, without spaces and controls: it becomes part of the dialogue with a mail server.
pub(super) fn mail_address(address: &At<String>, reporter: &mut Reporter) {
    let text = &address.value;
    let good = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>,;".contains(c))
    };
    let parts = text.rsplit_once('@');
    if text.len() > 254 || !parts.is_some_and(|(name, host)| good(name) && good(host)) {
        let message = format!("`{text}` is no mail address");
        reporter.error(Diagnostic::at(&address.span, message).help("write NAME@HOST"));
    }
}

/// An interface name or label as the kernel allows it.
pub(super) fn interface(name: &At<String>, what: &str, reporter: &mut Reporter) {
    let text = &name.value;
    let allowed = !text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
        && text != "."
        && text != "..";
    if text.is_empty() || text.len() > LONGEST_INTERFACE || !allowed {
        let message =
            format!("{what} must be 1 to {LONGEST_INTERFACE} bytes, without spaces and slashes");
        reporter.error(Diagnostic::at(&name.span, message));
    }
}

/// A duration; the default where nothing is written, or what is written is none.
///
/// In TOML "1s", "250ms", "1m 30s": what jiff calls the friendly format.
pub(super) fn time(
    written: Option<&At<Time>>,
    what: &str,
    default: Duration,
    reporter: &mut Reporter,
) -> Duration {
    let Some(At { value, span }) = written else { return default };
    let text = match value {
        Time::Exact(exact) => return *exact,
        Time::Text(text) => text,
    };
    let problem = match text.parse::<SignedDuration>().map(Duration::try_from) {
        Ok(Ok(value)) => return value,
        Ok(Err(_)) => "it is negative".to_owned(),
        Err(error) => error.to_string(),
    };
    let message = format!("{what} `{text}` is not a duration: {problem}");
    reporter
        .error(Diagnostic::at(span, message).help("write a number and a unit: \"1s\", \"250ms\""));
    default
}

/// A duration that is more than nothing and at most a day.
pub(super) fn duration(
    written: Option<&At<Time>>,
    what: &str,
    default: Duration,
    reporter: &mut Reporter,
) -> Duration {
    let value = time(written, what, default, reporter);
    if let Some(written) = written.filter(|_| value.is_zero() || value > DAY) {
        let message = format!("{what} must be more than 0 and at most a day");
        reporter.error(Diagnostic::at(&written.span, message));
    }
    value
}

/// A duration of at most a day.
pub(super) fn duration_or_zero(
    written: Option<&At<Time>>,
    what: &str,
    default: Duration,
    reporter: &mut Reporter,
) -> Duration {
    let value = time(written, what, default, reporter);
    if let Some(written) = written.filter(|_| value > DAY) {
        reporter.error(Diagnostic::at(&written.span, format!("{what} must be at most a day")));
    }
    value
}

/// A path from the root.
pub(super) fn absolute(
    written: Option<&At<String>>,
    what: &str,
    default: &str,
    reporter: &mut Reporter,
) -> PathBuf {
    let Some(written) = written else { return default.into() };
    let path = PathBuf::from(&written.value);
    if !path.is_absolute() {
        reporter.error(Diagnostic::at(&written.span, format!("{what} must be an absolute path")));
    }
    path
}

/// An address that a host can have on a network.
pub(super) fn unicast(value: &At<String>, what: &str, reporter: &mut Reporter) -> Option<IpAddr> {
    let address = address(&value.value, value, what, reporter)?;
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        let message = format!("{what} `{address}` is an IPv4 address in the clothes of IPv6");
        reporter.error(Diagnostic::at(&value.span, message).help(format!("write {v4}")));
        return None;
    }
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast || address.is_loopback() {
        reporter.error(Diagnostic::at(
            &value.span,
            format!("{what} `{address}` is not an address a host can have on a network"),
        ));
        return None;
    }
    Some(address)
}

/// Likewise, or an address of the loopback: this host itself.
pub(super) fn unicast_or_loopback(
    value: &At<String>,
    what: &str,
    reporter: &mut Reporter,
) -> Option<IpAddr> {
    match value.value.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => Some(address),
        _ => unicast(value, what, reporter),
    }
}

/// `PREFIX/LENGTH` without host bits, or an address for itself alone.
pub(super) fn network(value: &At<String>, what: &str, reporter: &mut Reporter) -> Option<IpNet> {
    let text = &value.value;
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match network {
        Ok(network) if network == network.trunc() => Some(network),
        Ok(network) => {
            let message = format!("{what} `{text}` has bits behind its prefix");
            reporter.error(
                Diagnostic::at(&value.span, message).help(format!("write {}", network.trunc())),
            );
            None
        }
        Err(_) => {
            let message = format!("{what} `{text}` is not a prefix");
            reporter.error(
                Diagnostic::at(&value.span, message)
                    .help("write ADDRESS/LENGTH, or an address for itself alone"),
            );
            None
        }
    }
}

/// A multicast address.
pub(super) fn multicast(value: &At<String>, what: &str, reporter: &mut Reporter) -> Option<IpAddr> {
    let address = address(&value.value, value, what, reporter)?;
    if !address.is_multicast() {
        let message =
            format!("{what} `{address}` is not a multicast address (224.0.0.0/4, ff00::/8)");
        reporter.error(Diagnostic::at(&value.span, message));
        return None;
    }
    Some(address)
}

/// `ADDRESS` or `ADDRESS/LENGTH`; the length is the address's own, 32 or 128, when not written.
pub(super) fn prefix(
    value: &At<String>,
    what: &str,
    reporter: &mut Reporter,
) -> Option<(IpAddr, u8)> {
    let (text, length) = match value.value.split_once('/') {
        Some((text, length)) => (text, Some(length)),
        None => (value.value.as_str(), None),
    };
    let plain = At::new(text.to_owned(), &value.span);
    let address = unicast(&plain, what, reporter)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = match length.map(str::parse) {
        None => longest,
        Some(Ok(length)) if length <= longest => length,
        Some(_) => {
            let message =
                format!("the prefix length of {what} `{}` must be 0 to {longest}", value.value);
            reporter.replaced(Diagnostic::at(&value.span, message), longest);
            longest
        }
    };
    Some((address, length))
}

fn address(text: &str, value: &At<String>, what: &str, reporter: &mut Reporter) -> Option<IpAddr> {
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            reporter.error(Diagnostic::at(
                &value.span,
                format!("{what} `{text}` is not an IP address"),
            ));
            None
        }
    }
}
