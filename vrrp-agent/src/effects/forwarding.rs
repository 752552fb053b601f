//! The settings that NAT needs, on the interfaces that its packets go through.

use std::collections::BTreeMap;

use vrrp_common::maps::InterfaceConf;

use super::Problems;
use crate::desired::Desired;
use crate::forwarding::{answers_only, lacking};
use crate::model::Config;
use crate::net::sysctl::Sysctl;
use crate::net::view::HostView;

/// Changes what is not as it must be. What concerns the whole host is told, and left alone.
pub fn prepare(desired: &Desired, host: &HostView, problems: &mut Problems) {
    let sysctl = Sysctl::default();
    for (ifindex, &side) in &desired.nat_sides {
        let Some(link) = host.links.get(ifindex) else { continue };
        let interface = link.name.as_str();
        let outcome = lacking(&sysctl, interface, side);
        let lacks = outcome.as_ref().map_or(&[][..], Vec::as_slice);
        problems.note(&format!("settings of {interface} for NAT"), outcome.as_ref().map(|_| ()));
        let alone = lacks.iter().any(|lack| lack.is_for_all());
        let text = "it is 0: the stack forwards no IPv6 packet, and clients that are not resolved get no answer";
        problems.note("net.ipv6.conf.all.forwarding, for NAT", if alone { Err(text) } else { Ok(()) });
        for lack in lacks.iter().filter(|lack| !lack.is_for_all()) {
            let outcome = sysctl.write(interface, lack.setting, lack.wanted);
            if outcome.is_ok() {
                tracing::info!(
                    setting = lack.key(),
                    from = lack.found,
                    to = lack.wanted,
                    "kernel setting changed, as NAT needs it"
                );
            }
            problems.note(&format!("{} for NAT", lack.key()), outcome);
        }
    }
}

/// The interfaces as the kernel program must know them: where the host forwards for NAT's sake alone, nothing but answers is forwarded, unless the
/// configuration asks for more.
pub fn restrict(config: &Config, desired: &Desired, problems: &mut Problems) -> BTreeMap<u32, InterfaceConf> {
    let mut interfaces = desired.interfaces.clone();
    if config.nat_forward_other || interfaces.values().all(|interface| interface.nat == 0) {
        return interfaces;
    }
    let only = answers_only(&Sysctl::default());
    problems.note("settings of the host for NAT", only.as_ref().map(|_| ()));
    let only = only.unwrap_or_default();
    for interface in interfaces.values_mut().filter(|interface| interface.nat != 0) {
        interface.nat |= only;
    }
    interfaces
}
