//! What the stack must be set to where NAT is used. Reads, changes nothing.
//!
//! The kernel program sends on most packets by itself, but asks the host's routes, which answer
//! only where the host forwards. An answer whose next hop is not resolved yet it hands to the
//! stack, which then forwards a packet whose source is an address of its own.

use vrrp_common::maps::{NAT_ONLY_V4, NAT_ONLY_V6};

use crate::net::sysctl::{Setting, Sysctl, SysctlError};
use vrrp_steering::desired::NatSide;

/// A setting that is not as NAT needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub interface: String,
    pub setting: Setting,
    pub found: u32,
    pub wanted: u32,
}

/// What to change on an interface, in this order.
///
/// # Errors
/// A setting cannot be read: the interface is gone, or /proc/sys is not there.
pub fn lacking(sysctl: &Sysctl, interface: &str, side: NatSide) -> Result<Vec<Lack>, SysctlError> {
    let mut lacking = Vec::new();
    let mut want = |setting: Setting, found: u32, wanted: u32| {
        lacking.push(Lack { interface: interface.to_owned(), setting, found, wanted });
    };
    // Clients' packets are sent on by the kernel program alone: with forwarding off where they come
    // in, the stack sends on nothing else from there.
    if !side.back {
        return Ok(lacking);
    }
    if side.v4 {
        if sysctl.read(interface, Setting::AcceptLocal)? == 0 {
            want(Setting::AcceptLocal, 0, 1);
        }
        // Strict, the check refuses an answer of a flow that came in by the other node. What counts
        // is the larger value.
        let own = sysctl.read(interface, Setting::RpFilter)?;
        if own.max(sysctl.read(ALL, Setting::RpFilter)?) == STRICT {
            want(Setting::RpFilter, own, LOOSE);
        }
        if sysctl.read(interface, Setting::Forwarding)? == 0 {
            want(Setting::Forwarding, 0, 1);
        }
    }
    if side.v6 && sysctl.read(interface, Setting::Forwarding6)? == 0 {
        if sysctl.read(interface, Setting::AcceptRouterAdvertisements)? == 1 {
            want(Setting::AcceptRouterAdvertisements, 1, 2);
        }
        want(Setting::Forwarding6, 0, 1);
    }
    if side.v6 && sysctl.read(ALL, Setting::Forwarding6)? == 0 {
        match sysctl.read(interface, Setting::ForceForwarding6) {
            Ok(0) => want(Setting::ForceForwarding6, 0, 1),
            Ok(_) => {}
            // Before Linux 6.17 only `all` turns the stack's forwarding on; that is the
            // administrator's to say.
            Err(_) => lacking.push(Lack {
                interface: ALL.to_owned(),
                setting: Setting::Forwarding6,
                found: 0,
                wanted: 1,
            }),
        }
    }
    Ok(lacking)
}

/// The settings that [`lacking`] may name for an interface on this side.
pub fn settings_of(side: NatSide) -> impl Iterator<Item = Setting> {
    let v4 = side.v4.then_some(Setting::Forwarding);
    let back = (side.v4 && side.back).then_some([Setting::AcceptLocal, Setting::RpFilter]);
    let v6 = side.v6.then_some([
        Setting::AcceptRouterAdvertisements,
        Setting::Forwarding6,
        Setting::ForceForwarding6,
    ]);
    v4.into_iter().chain(back.into_iter().flatten()).chain(v6.into_iter().flatten())
}

/// NAT_ bits of the families that the host as a whole does not forward: whatever it forwards then,
/// it forwards for NAT's sake.
///
/// # Errors
/// A setting cannot be read.
pub fn answers_only(sysctl: &Sysctl) -> Result<u8, SysctlError> {
    let v4 = sysctl.read(ALL, Setting::Forwarding)? == 0;
    // Without IPv6 nothing is forwarded.
    let v6 = sysctl.read(ALL, Setting::Forwarding6).unwrap_or(0) == 0;
    Ok(if v4 { NAT_ONLY_V4 } else { 0 } | if v6 { NAT_ONLY_V6 } else { 0 })
}

impl Lack {
    /// Whether the agent leaves it to the administrator, since it concerns every interface.
    pub fn is_for_all(&self) -> bool {
        self.interface == ALL
    }

    /// As sysctl(8) has it.
    pub fn key(&self) -> String {
        self.setting.key(&self.interface)
    }
}

const ALL: &str = "all";
/// Values of `rp_filter`.
const STRICT: u32 = 1;
const LOOSE: u32 = 2;

#[cfg(test)]
mod tests;
