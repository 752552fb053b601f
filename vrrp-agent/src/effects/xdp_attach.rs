//! The program on the interfaces: attached where it is missing, checked where another process
//! may take it away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Problems;
use crate::plane::attach::{Attachment, Mode};
use crate::plane::loader::Plane;
use vrrp_model::XdpUse;
use vrrp_model::host::{HostView, XdpAttached, XdpMode};
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;

/// After this time an interface that refused the program is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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

/// What the kernel reports as attached to interfaces.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// Before the first interface was asked for.
    pub asked: Instant,
    /// By interface index. An interface that did not answer is not in it: it is gone, or will be
    /// asked again.
    pub found: BTreeMap<u32, Option<XdpAttached>>,
}

/// An interface's hook, and since when it is known.
struct Known {
    since: Instant,
    hook: Hook,
}

/// By interface index: how the program hangs there, or why it does not.
#[derive(Default)]
pub struct Hooks {
    hooks: BTreeMap<u32, Known>,
}

impl Hooks {
    /// How the program hangs on an interface; `None` before the first attempt.
    pub fn get(&self, ifindex: u32) -> Option<&Hook> {
        self.hooks.get(&ifindex).map(|known| &known.hook)
    }

    /// The interfaces that the program is attached to.
    pub fn attached(&self) -> BTreeSet<u32> {
        let attached =
            self.hooks.iter().filter(|(_, known)| matches!(known.hook, Hook::Attached(_)));
        attached.map(|(&ifindex, _)| ifindex).collect()
    }

    /// Forgets attachments that another process ended, by the kernel's answer; an answer to a
    /// question from before an attachment says nothing of it. Refusals are forgotten after a
    /// while, so that the next round tries again.
    pub fn compare(&mut self, now: Instant, programs: &Programs, host: &HostView) {
        let is_lost = |ifindex: &u32, known: &Known| {
            let Some(own) = known.hook.program_id() else {
                return now >= known.since + RETRY_AFTER;
            };
            let Some(found) = programs.found.get(ifindex) else { return false };
            if programs.asked < known.since {
                return false;
            }
            let found = match found {
                Some(found) if found.prog_id == own || found.mode == XdpMode::Multiple => {
                    return false;
                }
                Some(found) => format!("program {}", found.prog_id),
                None => "no program".to_owned(),
            };
            let interface = host.links.get(ifindex).map_or("", |link| link.name.as_str());
            tracing::warn!(interface, found, "another process has detached the XDP program");
            true
        };
        self.hooks.retain(|ifindex, known| !is_lost(ifindex, known));
    }

    /// Puts the program on interfaces that carry virtual routers and do not have it.
    pub fn attach(
        &mut self,
        now: Instant,
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
            self.hooks.insert(ifindex, Known { since: now, hook });
        }
    }
}
