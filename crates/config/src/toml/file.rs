//! The schema to a draft: defaults, durations, addresses.

use std::time::Duration;

use toml::Spanned;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{
    AddressDraft, At, Draft, ElectionDraft, GroupDraft, HmacDraft, KeyDraft, PeerDraft,
    RouterDraft, ScriptDraft, TrackDraft, TunnelDraft,
};
use super::super::keepalived::split_command;
use super::schema::{self, Address, Command, File, Hmac, Metrics, Peer, SyncGroup};
use super::service::service;
use super::upstream::upstream;
use super::values::{absolute, at, duration, number, timed};
use vrrp_model::{Announce, Version};

const SECOND: Duration = Duration::from_secs(1);
const MOST_ANNOUNCEMENTS: i64 = 1000;

pub(super) fn draft(file: File, reporter: &mut Reporter) -> Draft {
    let mut draft = Draft { node: file.node.map(at), ..Draft::default() };
    if let Some(path) = file.api_socket {
        draft.api_socket = absolute(&path, "api_socket", reporter);
    }
    if let Some(path) = file.bpf_dir {
        draft.bpf_dir = absolute(&path, "bpf_dir", reporter);
    }
    draft.compare_rings = file.compare_rings.unwrap_or(draft.compare_rings);
    if let Some(written) = file.metrics {
        let span = written.span();
        match written.into_inner() {
            Metrics::Off => draft.metrics = None,
            Metrics::On => {}
            Metrics::At(text) => match text.parse() {
                Ok(address) => draft.metrics = Some(address),
                Err(_) => reporter.error(
                    Diagnostic::at(&span, format!("metrics `{text}` is not an address and port"))
                        .help("write for example \"127.0.0.1:9165\", or false to turn it off"),
                ),
            },
        }
    }
    draft.xdp = file.xdp;
    draft.pass_foreign_vrids = file.pass_foreign_vrids.unwrap_or(false);
    draft.nat_forward_other = file.nat_forward_other.unwrap_or(false);
    draft.startup_delay =
        duration(file.startup_delay.as_ref(), "startup_delay", Duration::ZERO, reporter);
    draft.release_on_exit = file.release_on_exit.unwrap_or(true);
    draft.election = ElectionDraft {
        realtime_priority: file.election.realtime_priority.map(at),
        cpus: file.election.cpus.into_iter().map(at).collect(),
        lock_memory: file.election.lock_memory,
    };
    draft.tunnel = TunnelDraft {
        source_v4: file.tunnel.source_v4.map(at),
        source_v6: file.tunnel.source_v6.map(at),
    };
    draft.routers =
        file.virtual_router.into_iter().map(|written| router(written, reporter)).collect();
    draft.groups = file.sync_group.into_iter().map(group).collect();
    draft.scripts = file.script.into_iter().map(|written| script(written, reporter)).collect();
    draft.services = file.service.into_iter().map(|written| service(written, reporter)).collect();
    draft.upstreams =
        file.upstream.into_iter().map(|written| upstream(written, reporter)).collect();
    draft
}

fn router(written: schema::VirtualRouter, reporter: &mut Reporter) -> RouterDraft {
    let here = written.name.span();
    let version = match written.version.map(at) {
        None => Version::V3,
        Some(At { value: 3, .. }) => Version::V3,
        Some(At { value: 2, .. }) => Version::V2,
        Some(At { value, span }) => {
            reporter.error(Diagnostic::at(&span, format!("version must be 2 or 3, not {value}")));
            Version::V3
        }
    };
    RouterDraft {
        interface: at(written.interface),
        vrid: at(written.vrid),
        version,
        priority: number(written.priority, 100, &here),
        interval: timed(written.interval.as_ref(), "interval", SECOND, &here, reporter),
        preempt: written.preempt.unwrap_or(true),
        preempt_delay: duration(
            written.preempt_delay.as_ref(),
            "preempt_delay",
            Duration::ZERO,
            reporter,
        ),
        auth_pass: written.auth_pass.map(at),
        checksum: written.checksum,
        source: written.source.map(at),
        group: written.group.map(at),
        unicast: asked_for(written.unicast),
        peers: written.peers.into_iter().map(peer).collect(),
        virtual_mac: written.virtual_mac,
        accept_always: written.accept_always,
        hmac: written.hmac.map(hmac),
        addresses: written.addresses.into_iter().map(address).collect(),
        excluded_addresses: written.excluded_addresses.into_iter().map(address).collect(),
        announce: announce(&written.garp, reporter),
        track_scripts: written
            .track_scripts
            .into_iter()
            .map(|track| TrackDraft {
                weight: Some(number(track.weight, 0, &track.script.span())),
                name: at(track.script),
            })
            .collect(),
        track_interfaces: written
            .track_interfaces
            .into_iter()
            .map(|track| TrackDraft { weight: track.weight.map(at), name: at(track.interface) })
            .collect(),
        name: at(written.name),
    }
}

fn peer(written: Spanned<Peer>) -> PeerDraft {
    let span = written.span();
    match written.into_inner() {
        Peer::Short(text) => {
            PeerDraft { address: At::new(text, &span), min_ttl: None, max_ttl: None }
        }
        Peer::Full(full) => PeerDraft {
            address: at(full.address),
            min_ttl: full.min_ttl.map(at),
            max_ttl: full.max_ttl.map(at),
        },
    }
}

fn hmac(written: Spanned<Hmac>) -> HmacDraft {
    let span = written.span();
    let Hmac { mode, send, keys } = written.into_inner();
    HmacDraft {
        mode,
        send: send.map(at),
        keys: keys
            .into_iter()
            .map(|key| KeyDraft { id: at(key.id), secret: at(key.secret) })
            .collect(),
        span,
    }
}

fn group(written: SyncGroup) -> GroupDraft {
    GroupDraft {
        name: at(written.name),
        members: written.members.into_inner().into_iter().map(at).collect(),
    }
}

fn address(written: Spanned<Address>) -> AddressDraft {
    let span = written.span();
    match written.into_inner() {
        Address::Short(text) => {
            AddressDraft { address: At::new(text, &span), device: None, label: None }
        }
        Address::Full(full) => AddressDraft {
            address: at(full.address),
            device: full.device.map(at),
            label: full.label.map(at),
        },
    }
}

/// Where a switch was turned on.
fn asked_for(switch: Option<Spanned<bool>>) -> Option<At<()>> {
    switch.filter(|switch| *switch.get_ref()).map(|switch| At::new((), &switch.span()))
}

fn announce(written: &schema::Garp, reporter: &mut Reporter) -> Announce {
    let mut count = |field: &Option<Spanned<i64>>, what: &str, default: u32| {
        let Some(field) = field else { return default };
        match u32::try_from(*field.get_ref()) {
            Ok(value) if i64::from(value) <= MOST_ANNOUNCEMENTS && value > 0 => value,
            _ => {
                let message =
                    format!("{what} must be 1 to {MOST_ANNOUNCEMENTS}, not {}", field.get_ref());
                reporter.error(Diagnostic::at(&field.span(), message));
                default
            }
        }
    };
    let default = Announce::default();
    let repeat = count(&written.repeat, "repeat", default.repeat);
    let refresh_repeat = count(&written.refresh_repeat, "refresh_repeat", default.refresh_repeat);
    Announce {
        repeat,
        interval: duration(written.interval.as_ref(), "interval", default.interval, reporter),
        delay: duration(written.delay.as_ref(), "delay", default.delay, reporter),
        refresh: duration(written.refresh.as_ref(), "refresh", default.refresh, reporter),
        refresh_repeat,
    }
}

fn script(written: schema::Script, reporter: &mut Reporter) -> ScriptDraft {
    let here = written.name.span();
    let span = written.command.span();
    let command = match written.command.into_inner() {
        Command::Words(words) => words,
        Command::Line(line) => split_command(&line).unwrap_or_else(|problem| {
            reporter.error(Diagnostic::at(&span, format!("command: {problem}")));
            Vec::new()
        }),
    };
    ScriptDraft {
        command: At::new(command, &span),
        interval: timed(written.interval.as_ref(), "interval", SECOND, &here, reporter),
        timeout: written
            .timeout
            .as_ref()
            .map(|timeout| timed(Some(timeout), "timeout", SECOND, &here, reporter)),
        weight: At::new(0, &here),
        rise: number(written.rise, 1, &here),
        fall: number(written.fall, 1, &here),
        user: written.user.map(at),
        init_fail: written.init_fail,
        name: at(written.name),
    }
}
