//! The host's side of desired state: addresses and local routes.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Problems;
use super::record::{Record, own};
use crate::net::addresses::{ADDRESS_PROTOCOL, OwnAddress};
use crate::net::sysctl::{Ensured, Setting, Sysctl};
use crate::net::{Netlink, NetlinkError};
use vrrp_model::Config;
use vrrp_model::host::{Address, HostView, Link};
use vrrp_steering::desired::{Desired, Installed};

/// Of rtnetlink: an address for destinations anywhere.
const GLOBAL_SCOPE: u8 = 0;
const OWNER: u8 = 255;

/// What decides whose an address is.
pub struct Owner<'a> {
    pub record: &'a mut Record,
    pub config: &'a Config,
}

impl Owner<'_> {
    /// Whether an agent, or a keepalived of this configuration, installed it. What is not ours is
    /// never changed and never removed.
    fn is_ours(&self, link: &Link, held: &Address) -> bool {
        self.record.is_ours(link, held, || self.is_configured(link, held))
    }

    /// Whether it is an address owner's.
    fn is_meant(&self, held: &Address) -> bool {
        let owners = self.config.routers.iter().filter(|router| router.priority == OWNER);
        owners.flat_map(|router| router.all_addresses()).any(|address| address == held.address)
    }

    /// Whether the configuration names this address, with this prefix on this interface. The
    /// address owner's are meant to be there by other means.
    fn is_configured(&self, link: &Link, held: &Address) -> bool {
        self.config.routers.iter().filter(|router| router.priority != OWNER).any(|router| {
            router.addresses.iter().chain(&router.excluded_addresses).any(|named| {
                let device = named.device.as_ref().unwrap_or(&router.interface);
                (named.address, named.prefix_len, device)
                    == (held.address, held.prefix_len, &link.name)
            })
        })
    }
}

/// Puts missing addresses on their interfaces, also those that others took away, and mends our own
/// where the host would open connections from them.
pub async fn install(
    netlink: &Netlink,
    owner: &mut Owner<'_>,
    desired: &Desired,
    host: &HostView,
    problems: &mut Problems,
) {
    let absent: Vec<&Installed> =
        desired.installed.iter().filter(|wanted| held(host, wanted).is_none()).collect();
    if !absent.is_empty() {
        let new = |wanted: &&Installed| {
            let Installed { ifindex: index, address, prefix_len, .. } = **wanted;
            OwnAddress { index, address, prefix_len }
        };
        owner.record.edit(|kept| kept.addresses.extend(absent.iter().map(new)));
    }
    let last = last_own(desired, host);
    for wanted in &desired.installed {
        let Some(link) = host.links.get(&wanted.ifindex) else { continue };
        let Installed { ifindex, address, prefix_len, label } = wanted;
        let outcome = match held(host, wanted) {
            None => add(netlink, link, wanted).await,
            Some(held) if !owner.is_ours(link, held) => {
                if !owner.is_meant(held) {
                    leave_alone(link, held, problems);
                }
                continue;
            }
            Some(held) if !held.usable => {
                // What duplicate address detection holds back or gave up stays so; only a new one
                // is free of it.
                match netlink.remove_address(*ifindex, held.address, held.prefix_len).await {
                    Ok(_) => add(netlink, link, wanted).await,
                    Err(error) => Err(error),
                }
            }
            Some(held) if address.is_ipv6() && !held.deprecated => {
                netlink.ensure_address(*ifindex, *address, held.prefix_len, label.as_deref()).await
            }
            Some(held) if is_first(link, held, last.get(&link.index)) => {
                put_last(netlink, link, wanted).await
            }
            Some(_) => Ok(()),
        };
        problems.note(&format!("install {address}/{prefix_len} on {}", link.name), outcome);
    }
}

/// What others have put there stays, and this node holds it in every state.
fn leave_alone(link: &Link, held: &Address, problems: &mut Problems) {
    let about = format!("{}/{} on {}", held.address, held.prefix_len, link.name);
    let text = format!(
        "was not put there by this agent: it is left alone, and this node holds it in every state; \
         `ip addr del {}/{} dev {}` removes it",
        held.address, held.prefix_len, link.name
    );
    problems.remark(&about, &text);
}

async fn add(netlink: &Netlink, link: &Link, wanted: &Installed) -> Result<(), NetlinkError> {
    let Installed { ifindex, address, prefix_len, label } = wanted;
    if netlink.add_address(*ifindex, *address, *prefix_len, label.as_deref()).await? {
        tracing::info!(%address, interface = link.name, "virtual address installed");
    }
    Ok(())
}

/// The address as it is where it belongs. An interface holds an IPv6 address once, whatever its
/// prefix, and an IPv4 one once for each prefix.
fn held<'a>(host: &'a HostView, wanted: &Installed) -> Option<&'a Address> {
    let fits = |held: &&Address| {
        held.address == wanted.address
            && (held.prefix_len == wanted.prefix_len || held.address.is_ipv6())
    };
    host.links.get(&wanted.ifindex)?.addresses.iter().find(fits)
}

/// Whether the host is known to hold the address where it belongs, ready for use.
#[cfg(test)]
pub fn is_installed(host: &HostView, wanted: &Installed) -> bool {
    held(host, wanted).is_some_and(|held| held.usable)
}

/// Whether the host would open connections from an IPv4 virtual address, since it comes before one
/// of the host's own.
///
/// For a destination that no route's source and no address's prefix decides (multicast, a route
/// without a gateway, a gateway outside all prefixes), the kernel takes the first address of the
/// interface that is not a secondary one. The host's own comes after a virtual one when it was
/// added later, as when DHCP gives a new one.
fn is_first(link: &Link, held: &Address, last_own: Option<&usize>) -> bool {
    let at = || link.addresses.iter().position(|other| other == held);
    held.address.is_ipv4()
        && !held.secondary
        && last_own.is_some_and(|own| at().is_some_and(|at| at < *own))
}

/// By interface index: the place of the last IPv4 address that is the host's own.
fn last_own(desired: &Desired, host: &HostView) -> HashMap<u32, usize> {
    let virtuals: HashSet<(u32, IpAddr)> =
        desired.installed.iter().map(|any| (any.ifindex, any.address)).collect();
    let own = |link: &Link| {
        link.addresses.iter().rposition(|held| {
            held.address.is_ipv4()
                && held.scope == GLOBAL_SCOPE
                && held.protocol != ADDRESS_PROTOCOL
                && !virtuals.contains(&(link.index, held.address))
        })
    };
    host.links.values().filter_map(|link| Some((link.index, own(link)?))).collect()
}

/// Takes an address away and puts it back behind all others of its interface.
async fn put_last(netlink: &Netlink, link: &Link, wanted: &Installed) -> Result<(), NetlinkError> {
    let Installed { ifindex, address, prefix_len, label } = wanted;
    remove(netlink, link, *address, *prefix_len).await?;
    netlink.ensure_address(*ifindex, *address, *prefix_len, label.as_deref()).await?;
    tracing::info!(%address, interface = link.name, "virtual address moved behind the host's own, which connections are opened from");
    Ok(())
}

/// Removes an address, and none with it: with the primary address of a prefix the kernel removes
/// the secondary ones, unless `promote_secondaries` is set. It is set for as long as this takes
/// where secondary ones depend on it.
pub async fn remove(
    netlink: &Netlink,
    link: &Link,
    address: IpAddr,
    prefix_len: u8,
) -> Result<bool, NetlinkError> {
    let primary = |held: &&Address| {
        held.address == address && held.prefix_len == prefix_len && !held.secondary
    };
    let depends =
        |held: &Address| held.secondary && held.address.is_ipv4() && held.prefix_len == prefix_len;
    let alone =
        link.addresses.iter().find(primary).is_none() || !link.addresses.iter().any(depends);
    let sysctl = Sysctl::default();
    let promoted = match alone {
        true => None,
        false => sysctl.ensure_min(&link.name, Setting::PromoteSecondaries, 1).ok(),
    };
    let outcome = netlink.remove_address(link.index, address, prefix_len).await;
    if let Some(Ensured::Changed { from, .. }) = promoted
        && let Err(error) = sysctl.write(&link.name, Setting::PromoteSecondaries, from)
    {
        tracing::error!(interface = link.name, %error, "promote_secondaries stays 1, and was {from}");
    }
    outcome
}

/// Takes our virtual addresses away that do not belong here now.
pub async fn uninstall(
    netlink: &Netlink,
    owner: &mut Owner<'_>,
    desired: &Desired,
    host: &HostView,
    problems: &mut Problems,
) {
    let wanted: HashSet<(u32, IpAddr, u8)> =
        desired.installed.iter().map(|w| (w.ifindex, w.address, w.prefix_len)).collect();
    for link in host.links.values() {
        let unwanted =
            |held: &&Address| !wanted.contains(&(link.index, held.address, held.prefix_len));
        let (ours, others): (Vec<&Address>, Vec<&Address>) =
            link.addresses.iter().filter(unwanted).partition(|held| owner.is_ours(link, held));
        for held in others.into_iter().filter(|held| owner.is_configured(link, held)) {
            leave_alone(link, held, problems);
        }
        for held in ours {
            let outcome = remove(netlink, link, held.address, held.prefix_len).await;
            if outcome.is_ok() {
                tracing::info!(address = %held.address, interface = link.name, "virtual address removed");
                owner.record.edit(|kept| {
                    kept.addresses.remove(&own(link.index, held));
                });
            }
            problems.note(&format!("remove {}", held.address), outcome.map(drop));
        }
    }
    // Gone without us, with their interface or by hand.
    let is_there = |index: u32, address: IpAddr, prefix_len: u8| {
        let same = |held: &Address| (held.address, held.prefix_len) == (address, prefix_len);
        host.links.get(&index).is_some_and(|link| link.addresses.iter().any(same))
    };
    let gone = |known: &OwnAddress| {
        let key = (known.index, known.address, known.prefix_len);
        !wanted.contains(&key) && !is_there(known.index, known.address, known.prefix_len)
    };
    if owner.record.kept().addresses.iter().any(gone) {
        owner.record.edit(|kept| kept.addresses.retain(|known| !gone(known)));
    }
}

/// Lets the stack accept packets for addresses whose direct-return backend this node is. ARP is
/// silenced before: a route alone would make the stack answer, and speak for the address in its own
/// requests.
pub async fn accept(netlink: &Netlink, desired: &Desired, problems: &mut Problems) {
    let held = match netlink.own_local_routes().await {
        Ok(held) => held,
        Err(error) => return problems.note("list local routes", Err(error)),
    };
    let missing: Vec<&IpAddr> =
        desired.local_routes.iter().filter(|&address| !held.contains(address)).collect();
    for &address in missing {
        let outcome = netlink.ensure_local_route(address).await;
        if let Ok(true) = outcome {
            tracing::info!(%address, "direct-return backend: the stack accepts packets for it");
        }
        problems.note(&format!("local route to {address}"), outcome.map(drop));
    }
    for address in held.into_iter().filter(|address| !desired.local_routes.contains(address)) {
        problems.note(
            &format!("local route to {address}"),
            netlink.remove_local_route(address).await.map(drop),
        );
    }
}

#[cfg(test)]
mod source_tests;
#[cfg(test)]
pub(super) mod tests;
