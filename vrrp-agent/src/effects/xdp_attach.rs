//! The program on the interfaces: attached where it is missing, checked where another process
//! may take it away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Problems;
use crate::net::Netlink;
use crate::plane::attach::{Attachment, Mode};
use crate::plane::loader::Plane;
use vrrp_model::XdpUse;
use vrrp_model::host::{HostView, XdpMode};
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;

/// How often interfaces are asked for their program: the kernel sends no notification when one is
/// detached or replaced. What was refused is tried again as often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What became of the attempt to attach to an interface.
pub enum Hook {
    Attached(Attachment),
    Refused(String),
}

impl Hook {
    /// The kernel's id of the attached program.
    pub fn program_id(&self) -> Option<u32> {
        match self {
            Hook::Attached(attachment) => attachment.program_id,
            Hook::Refused(_) => None,
        }
    }

    /// Mode by our own account; `None` where it is not attached, or was adopted.
    pub fn mode(&self) -> Option<Mode> {
        match self {
            Hook::Attached(attachment) => attachment.mode,
            Hook::Refused(_) => None,
        }
    }
}

/// By interface index: how the program hangs there, or why it does not.
#[derive(Default)]
pub struct Hooks {
    hooks: BTreeMap<u32, Hook>,
    look_at: Instant,
}

impl Hooks {
    /// How the program hangs on an interface; `None` before the first attempt.
    pub fn get(&self, ifindex: u32) -> Option<&Hook> {
        self.hooks.get(&ifindex)
    }

    /// The interfaces that the program is attached to.
    pub fn attached(&self) -> BTreeSet<u32> {
        let attached = self.hooks.iter().filter(|(_, hook)| matches!(hook, Hook::Attached(_)));
        attached.map(|(&ifindex, _)| ifindex).collect()
    }

    /// Forgets what is no longer so: refusals, and attachments that another process ended.
    pub async fn look(&mut self, now: Instant, netlink: &Netlink, host: &HostView) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        let mut lost = Vec::new();
        for (&ifindex, hook) in &self.hooks {
            let Some(own) = hook.program_id() else {
                lost.push(ifindex);
                continue;
            };
            // An interface that does not answer is gone, or will be asked again.
            let Ok(found) = netlink.xdp_program(ifindex).await else {
                continue;
            };
            let found = match found {
                Some(found) if found.prog_id == own || found.mode == XdpMode::Multiple => continue,
                Some(found) => format!("program {}", found.prog_id),
                None => "no program".to_owned(),
            };
            let interface = host.links.get(&ifindex).map_or("", |link| link.name.as_str());
            tracing::warn!(interface, found, "another process has detached the XDP program");
            lost.push(ifindex);
        }
        self.hooks.retain(|ifindex, _| !lost.contains(ifindex));
    }

    /// Puts the program on interfaces that carry virtual routers and do not have it.
    pub fn attach(
        &mut self,
        plane: &mut Plane,
        usage: XdpUse,
        desired: &Desired,
        host: &HostView,
        problems: &mut Problems,
    ) {
        self.hooks.retain(|ifindex, _| desired.interfaces.contains_key(ifindex));
        for &ifindex in desired.interfaces.keys() {
            let (None, Some(link)) = (self.hooks.get(&ifindex), host.links.get(&ifindex)) else {
                continue;
            };
            let outcome = plane.attach(&link.name, ifindex, usage);
            if let Ok(attachment) = &outcome {
                let mode = attachment.mode.map_or("as before", Mode::label);
                tracing::info!(
                    interface = link.name,
                    mode,
                    adopted = attachment.adopted,
                    "XDP program attached"
                );
            }
            let what = format!(
                "XDP on {} (without it the election works, the data plane does not)",
                link.name
            );
            problems.note(&what, outcome.as_ref().map(|_| ()));
            let hook =
                outcome.map_or_else(|error| Hook::Refused(error.to_string()), Hook::Attached);
            self.hooks.insert(ifindex, hook);
        }
    }
}
