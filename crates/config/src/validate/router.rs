//! Virtual routers.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{
    AddressDraft, AnnounceDraft, At, InterfaceTrackDraft, RouterDraft, ScriptDraft,
    ScriptTrackDraft, Time,
};
use super::{delivery, hmac, route, values};
use vrrp_model::suggest;

use vrrp_model::{
    Announce, Auth, Family, Router, TrackInterface, TrackScript, Version, VirtualAddress, Weight,
};

/// 12 bits of centiseconds (RFC 9568 section 5.2.7).
const LONGEST_V3_INTERVAL: Duration = Duration::from_millis(40_950);

const MOST_ANNOUNCEMENTS: u32 = 1000;

pub(super) fn validate_all(
    drafts: &[RouterDraft],
    scripts: &[ScriptDraft],
    reporter: &mut Reporter,
) -> Vec<Router> {
    let names = scripts.iter().map(|script| script.name.value.as_str());
    let by_name = names.enumerate().map(|(at, name)| (name, at)).collect();
    let routers: Vec<_> =
        drafts.iter().map(|draft| validate(draft, scripts, &by_name, reporter)).collect();
    check_together(drafts, &routers, reporter);
    routers
}

/// Makes one router. `by_name` gives the index of each script in `scripts`.
fn validate(
    draft: &RouterDraft,
    scripts: &[ScriptDraft],
    by_name: &HashMap<&str, usize>,
    reporter: &mut Reporter,
) -> Router {
    values::name(&draft.name, "a virtual router's name", reporter);
    values::interface(&draft.interface, "interface", reporter);
    let version = version(draft.version.as_ref(), reporter);
    let interval = interval(draft.interval.as_ref(), version, reporter);
    let mut addresses = addresses(&draft.addresses, reporter);
    if addresses.is_empty() && (draft.addresses.is_empty() || !reporter.has_errors()) {
        let message = format!("virtual router `{}` has no virtual address", draft.name.value);
        let help = "an advert holds at least one (RFC 9568 section 5.2.5): routers drop others";
        reporter.error(Diagnostic::at(&draft.name.span, message).help(help));
    }
    let family = addresses.first().map_or(Family::V4, |first| Family::of(first.address));
    let most = delivery::check_addresses(draft, family, version, reporter);
    // As keepalived does, with a line of its own.
    let mut excluded_addresses = addresses.split_off(most.min(addresses.len()));
    excluded_addresses.extend(self::addresses(&draft.excluded_addresses, reporter));
    let peers = delivery::peers(draft, family, reporter);
    Router {
        name: draft.name.value.clone(),
        interface: draft.interface.value.clone(),
        vrid: values::number(&draft.vrid, "a VRID", 1..=255_u8, reporter),
        version,
        priority: values::number_or(
            draft.priority.as_ref(),
            Router::PRIORITY,
            "priority",
            1..=255_u8,
            reporter,
        ),
        interval,
        preempt: draft.preempt.unwrap_or(true),
        preempt_delay: values::time(
            draft.preempt_delay.as_ref(),
            "preempt_delay",
            Duration::ZERO,
            reporter,
        ),
        auth: auth(draft.auth_pass.as_ref(), version, reporter),
        checksum: draft.checksum,
        hmac: draft.hmac.as_ref().and_then(|hmac| hmac::validate(hmac, reporter)),
        source: delivery::source(draft, family, reporter),
        delivery: delivery::delivery(draft, family, &peers, reporter),
        peers,
        virtual_mac: draft.virtual_mac,
        accept_always: draft.accept_always,
        addresses,
        excluded_addresses,
        announce: announce(&draft.announce, reporter),
        track_scripts: draft
            .track_scripts
            .iter()
            .filter_map(|track| track_script(track, scripts, by_name, reporter))
            .collect(),
        track_interfaces: draft
            .track_interfaces
            .iter()
            .filter_map(|track| {
                reporter.part("ignored", |reporter| track_interface(track, reporter))
            })
            .collect(),
        track_own_interface: draft.track_own_interface.unwrap_or(true),
        routing: route::validate(&draft.routes, &draft.rules, reporter),
    }
}

fn version(written: Option<&At<i64>>, reporter: &mut Reporter) -> Version {
    match written {
        None | Some(At { value: 3, .. }) => Version::V3,
        Some(At { value: 2, .. }) => Version::V2,
        Some(At { value, span }) => {
            reporter.error(Diagnostic::at(span, format!("version must be 2 or 3, not {value}")));
            Version::V3
        }
    }
}

/// Time between adverts: one second where none is written.
fn interval(written: Option<&At<Time>>, version: Version, reporter: &mut Reporter) -> Duration {
    let interval = values::time(written, "interval", Router::INTERVAL, reporter);
    let Some(written) = written else { return interval };
    let (fits, rule) = match version {
        Version::V2 => {
            let whole = interval.subsec_nanos() == 0 && (1..=255).contains(&interval.as_secs());
            (whole, "VRRPv2 adverts come in whole seconds, 1 to 255")
        }
        Version::V3 => {
            let centis = interval.subsec_nanos().is_multiple_of(10_000_000) && !interval.is_zero();
            (
                centis && interval <= LONGEST_V3_INTERVAL,
                "VRRPv3 adverts come in steps of 10 ms, 10 ms to 40.95 s",
            )
        }
    };
    if !fits {
        let diagnostic = Diagnostic::at(&written.span, format!("{rule}, not {interval:?}"));
        reporter.error(match version {
            Version::V2 => diagnostic.help(
                "version 3 allows shorter intervals; every router of the VRID must be changed",
            ),
            Version::V3 => diagnostic,
        });
    }
    interval
}

fn announce(draft: &AnnounceDraft, reporter: &mut Reporter) -> Announce {
    let AnnounceDraft { repeat, interval, delay, refresh, refresh_repeat } = draft;
    let default = Announce::default();
    let mut count = |written: &Option<At<i64>>, what: &str, default: u32| {
        values::number_or(written.as_ref(), default, what, 1..=MOST_ANNOUNCEMENTS, reporter)
    };
    let repeat = count(repeat, "repeat", default.repeat);
    let refresh_repeat = count(refresh_repeat, "refresh_repeat", default.refresh_repeat);
    let mut time = |written: &Option<At<Time>>, what: &str, default: Duration| {
        values::time(written.as_ref(), what, default, reporter)
    };
    Announce {
        repeat,
        interval: time(interval, "interval", default.interval),
        delay: time(delay, "delay", default.delay),
        refresh: time(refresh, "refresh", default.refresh),
        refresh_repeat,
    }
}

/// The password as it goes on the wire: eight bytes, cut or padded with zeros.
fn auth(pass: Option<&At<String>>, version: Version, reporter: &mut Reporter) -> Auth {
    let Some(pass) = pass else {
        return Auth::None;
    };
    if version == Version::V3 {
        let message = "VRRPv3 has no authentication: the password is not used";
        reporter.warning(
            Diagnostic::at(&pass.span, message)
                .help("RFC 9568 section 9 says why; limit the allowed sources instead"),
        );
        return Auth::None;
    }
    let bytes = pass.value.as_bytes();
    if bytes.is_empty() {
        reporter.error(Diagnostic::at(&pass.span, "the password is empty"));
    }
    if bytes.len() > 8 {
        let message = "the password is longer than 8 bytes: only the first 8 are sent and compared";
        reporter.warning(Diagnostic::at(&pass.span, message));
    }
    let mut wire = [0; 8];
    for (to, from) in wire.iter_mut().zip(bytes) {
        *to = *from;
    }
    Auth::Pass(wire)
}

fn addresses(drafts: &[AddressDraft], reporter: &mut Reporter) -> Vec<VirtualAddress> {
    let mut made = Vec::new();
    let mut seen = HashSet::new();
    for draft in drafts {
        let read = |reporter: &mut Reporter| {
            if let Some(device) = &draft.device {
                values::interface(device, "an address's device", reporter);
            }
            if let Some(label) = &draft.label {
                values::interface(label, "an address's label", reporter);
            }
            values::prefix(&draft.address, "virtual address", reporter)
        };
        let consequence = "this address is left out";
        let Some((address, prefix_len)) = reporter.part(consequence, read).flatten() else {
            continue;
        };
        let label = draft.label.as_ref().filter(|_| address.is_ipv4());
        if let (Some(written), None) = (&draft.label, label) {
            reporter
                .ignored(Diagnostic::at(&written.span, "IPv6 addresses have no labels: this one"));
        }
        if !seen.insert(address) {
            reporter.ignored(Diagnostic::at(
                &draft.address.span,
                format!("virtual address `{address}` is listed twice"),
            ));
            continue;
        }
        made.push(VirtualAddress {
            address,
            prefix_len,
            device: draft.device.as_ref().map(|device| device.value.clone()),
            label: label.map(|label| label.value.clone()),
        });
    }
    made
}

fn track_script(
    track: &ScriptTrackDraft,
    scripts: &[ScriptDraft],
    by_name: &HashMap<&str, usize>,
    reporter: &mut Reporter,
) -> Option<TrackScript> {
    let name = &track.name;
    let Some(&script) = by_name.get(name.value.as_str()) else {
        let diagnostic = match reporter.is_full() {
            true => Diagnostic::at(&name.span, "tracks a script that is not defined"),
            false => unknown_script(name, scripts),
        };
        reporter.ignored(diagnostic);
        return None;
    };
    let weight = match &track.weight {
        Some(weight) => Weight {
            value: values::number(weight, "weight", -253..=253_i16, reporter),
            reverse: track.reverse,
        },
        // Out of range has been reported at the script itself.
        None => {
            let own = scripts.get(script);
            let value = own.and_then(|script| i16::try_from(script.weight.as_ref()?.value).ok());
            let reverse = track.reverse || own.is_some_and(|script| script.reverse);
            Weight { value: value.unwrap_or(0), reverse }
        }
    };
    Some(TrackScript { script, weight })
}

/// keepalived skips such a reference without a word in many versions, and the node is never
/// tracked.
fn unknown_script(name: &At<String>, scripts: &[ScriptDraft]) -> Diagnostic {
    let diagnostic = Diagnostic::at(
        &name.span,
        format!("tracks the script `{}`, which is not defined", name.value),
    );
    let near =
        suggest::nearest(&name.value, scripts.iter().map(|script| script.name.value.as_str()));
    let meant = scripts.iter().find(|script| Some(script.name.value.as_str()) == near);
    match (meant, scripts) {
        (Some(script), _) => diagnostic
            .label("no script has this name")
            .related(&script.name.span, "a similar name is defined here")
            .suggest(Some(&script.name.value)),
        (None, [only]) => diagnostic
            .label("no script has this name")
            .related(&only.name.span, "the only script defined")
            .suggest(Some(&only.name.value)),
        (None, []) => diagnostic.label("this file defines no script"),
        (None, _) => diagnostic.label("no script has this name"),
    }
}

fn track_interface(track: &InterfaceTrackDraft, reporter: &mut Reporter) -> TrackInterface {
    values::interface(&track.name, "a tracked interface", reporter);
    let value = values::number_or(track.weight.as_ref(), 0, "weight", -253..=253_i16, reporter);
    let weight = Weight { value, reverse: track.reverse };
    TrackInterface { interface: track.name.value.clone(), weight }
}

/// What must differ between routers: the VRID on an interface, and every virtual address.
fn check_together(drafts: &[RouterDraft], routers: &[Router], reporter: &mut Reporter) {
    let mut ids: HashMap<(&str, i64, Family), &RouterDraft> = HashMap::new();
    for (draft, router) in drafts.iter().zip(routers) {
        let key = (draft.interface.value.as_str(), draft.vrid.value, router.family());
        if let Some(first) = ids.insert(key, draft) {
            let message =
                format!("VRID {} on {} is used by `{}` too", key.1, key.0, first.name.value);
            reporter.error(
                Diagnostic::at(&draft.vrid.span, message)
                    .related(&first.vrid.span, "used here first"),
            );
        }
    }
    // A link-local address means something on its link alone.
    let mut owners: HashMap<(IpAddr, Option<&str>), &At<String>> = HashMap::new();
    for (draft, router) in drafts.iter().zip(routers) {
        for written in draft.addresses.iter().chain(&draft.excluded_addresses) {
            let text = written.address.value.split('/').next().unwrap_or_default();
            let Ok(address) = text.parse::<IpAddr>() else { continue };
            let link = written.device.as_ref().unwrap_or(&draft.interface).value.as_str();
            let first = owners
                .entry((address, delivery::is_link_local(address).then_some(link)))
                .or_insert(&draft.name);
            if *first != &draft.name {
                let message = format!(
                    "virtual address `{address}` of `{}` belongs to `{}` too: a node has it while it is master of either",
                    router.name, first.value
                );
                let here = Diagnostic::at(&written.address.span, message);
                reporter.warning(here.related(&first.span, "the other router"));
            }
        }
    }
}
