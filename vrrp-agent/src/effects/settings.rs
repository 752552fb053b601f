//! Settings of interfaces, changed only as far as needed, and given back when they are needed no
//! more.

use std::collections::BTreeSet;

use super::Problems;
use super::record::{Changed, Record};
use crate::net::nat_sysctls::{lacking, settings_of};
use crate::net::sysctl::{Setting, Sysctl, SysctlError};
use vrrp_model::host::{HostView, Link};
use vrrp_steering::desired::Desired;

/// What direct return needs of each interface with virtual routers. `arp_ignore` 1: no answers for
/// addresses that are not on the interface; `arp_announce` 2: no requests in their name.
const DIRECT_RETURN: [(Setting, u32); 2] = [(Setting::ArpIgnore, 1), (Setting::ArpAnnounce, 2)];

/// Before the stack accepts packets for addresses that it does not have: it must not answer ARP for
/// them.
pub fn silence(record: &mut Record, desired: &Desired, host: &HostView, problems: &mut Problems) {
    if desired.local_routes.is_empty() {
        return;
    }
    for link in desired.interfaces.keys().filter_map(|index| host.links.get(index)) {
        for (setting, minimum) in DIRECT_RETURN {
            let outcome = match Sysctl::default().read(&link.name, setting) {
                Ok(found) if found >= minimum => Ok(()),
                Ok(found) => change(record, link, setting, found, minimum, "direct return"),
                Err(error) => Err(error),
            };
            problems.note(&format!("{setting:?} on {}", link.name), outcome);
        }
    }
}

/// On the interfaces that packets of NAT go through. What concerns the whole host is logged, and
/// left alone.
pub fn forward(record: &mut Record, desired: &Desired, host: &HostView, problems: &mut Problems) {
    for (index, &side) in &desired.nat_sides {
        let Some(link) = host.links.get(index) else { continue };
        let outcome = lacking(&Sysctl::default(), &link.name, side);
        let lacks = outcome.as_ref().map_or(&[][..], Vec::as_slice);
        problems.note(&format!("settings of {} for NAT", link.name), outcome.as_ref().map(|_| ()));
        let alone = lacks.iter().any(|lack| lack.is_for_all());
        let text = "it is 0: the stack forwards no IPv6 packet, and clients that are not resolved get no answer";
        problems
            .note("net.ipv6.conf.all.forwarding, for NAT", if alone { Err(text) } else { Ok(()) });
        for lack in lacks.iter().filter(|lack| !lack.is_for_all()) {
            let outcome = change(record, link, lack.setting, lack.found, lack.wanted, "NAT");
            problems.note(&format!("{} for NAT", lack.key()), outcome);
        }
    }
}

/// Gives back what `desired` does not need.
pub fn give_back_unneeded(
    record: &mut Record,
    desired: &Desired,
    host: &HostView,
    problems: &mut Problems,
) {
    let mut needed = BTreeSet::new();
    if !desired.local_routes.is_empty() {
        let of = |index: &u32| DIRECT_RETURN.map(|(setting, _)| (*index, setting));
        needed.extend(desired.interfaces.keys().flat_map(of));
    }
    needed.extend(
        desired
            .nat_sides
            .iter()
            .flat_map(|(&index, &side)| settings_of(side).map(move |setting| (index, setting))),
    );
    give_back(record, &needed, host, problems);
}

/// Gives back all but the `needed`, the latest change first.
pub fn give_back(
    record: &mut Record,
    needed: &BTreeSet<(u32, Setting)>,
    host: &HostView,
    problems: &mut Problems,
) {
    let stale: Vec<Changed> = record
        .kept()
        .settings
        .iter()
        .filter(|changed| !needed.contains(&(changed.index, changed.setting)))
        .cloned()
        .collect();
    for changed in stale.into_iter().rev() {
        let Some(link) = host.links.get(&changed.index) else {
            // Its settings have gone with the interface.
            record.edit(|kept| kept.settings.retain(|kept| *kept != changed));
            continue;
        };
        let outcome = restore(link, &changed);
        if outcome.is_ok() {
            record.edit(|kept| kept.settings.retain(|kept| *kept != changed));
        }
        problems.note(&format!("give {} back", changed.setting.key(&link.name)), outcome);
    }
}

fn restore(link: &Link, changed: &Changed) -> Result<(), SysctlError> {
    let sysctl = Sysctl::default();
    let Changed { setting, former, set, .. } = *changed;
    let (found, key) = (sysctl.read(&link.name, setting)?, setting.key(&link.name));
    if found != set {
        tracing::info!(
            setting = key,
            found,
            "kernel setting not restored: another program has changed it since"
        );
        return Ok(());
    }
    sysctl.write(&link.name, setting, former)?;
    tracing::info!(setting = key, from = set, to = former, "kernel setting restored");
    Ok(())
}

/// Sets it, and keeps what it was.
fn change(
    record: &mut Record,
    link: &Link,
    setting: Setting,
    found: u32,
    wanted: u32,
    why: &str,
) -> Result<(), SysctlError> {
    record.edit(|kept| {
        match kept
            .settings
            .iter_mut()
            .find(|known| (known.index, known.setting) == (link.index, setting))
        {
            // Set back by others meanwhile: what it was at first is what it was.
            Some(known) => known.set = wanted,
            None => kept.settings.push(Changed {
                index: link.index,
                setting,
                former: found,
                set: wanted,
            }),
        }
    });
    Sysctl::default().write(&link.name, setting, wanted)?;
    tracing::info!(
        setting = setting.key(&link.name),
        from = found,
        to = wanted,
        "kernel setting changed, as {why} needs it"
    );
    Ok(())
}
