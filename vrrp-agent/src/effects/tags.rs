//! VLAN tags of received frames. An interface that takes them off hides from the XDP program that a
//! frame is another VLAN's: its adverts would be taken for untagged ones, and could end a
//! mastership. So the feature is off while the program is attached, and is given back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use aya::maps::{Array, MapData};
use vrrp_common::maps::{KeptTags, name};

use super::Problems;
use crate::net::ethtool::{Ethtool, Stripping};
use crate::plane::PlaneError;
use crate::plane::maps::MapSet;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;

/// How often the features are looked at: another program may change them.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether the XDP program sees the tags of an interface's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seen {
    /// The interface takes none off.
    #[default]
    Always,
    /// The agent has turned that off.
    TurnedOff,
    /// The driver does not let it be turned off.
    Stripped,
}

/// What was turned off is noted in a map, which is pinned with the program: an agent that is killed
/// leaves it to the next one, or to `vrrp-agent detach`.
pub struct Tags {
    ethtool: io::Result<Ethtool>,
    map: Array<MapData, KeptTags>,
    kept: Vec<KeptTags>,
    seen: BTreeMap<u32, Seen>,
    look_at: Instant,
}

impl Tags {
    /// # Errors
    /// The map is missing, or cannot be opened or read.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let map: Array<MapData, KeptTags> = maps.array(name::KEPT_TAGS)?;
        let read = |source| PlaneError::Map { name: name::KEPT_TAGS, source };
        let kept = map.iter().collect::<Result<_, _>>().map_err(read)?;
        Ok(Self {
            ethtool: Ethtool::open(),
            map,
            kept,
            seen: BTreeMap::new(),
            look_at: Instant::default(),
        })
    }

    pub fn seen(&self, ifindex: u32) -> Seen {
        self.seen.get(&ifindex).copied().unwrap_or_default()
    }

    /// Lets the program see the tags on these interfaces, which it is attached to, and gives back
    /// what was changed on others.
    pub fn keep(
        &mut self,
        now: Instant,
        attached: &BTreeSet<u32>,
        host: &HostView,
        problems: &mut Problems,
    ) {
        let same = self.seen.keys().eq(attached.iter());
        if now < self.look_at && same {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        self.seen.retain(|ifindex, _| attached.contains(ifindex));
        let others: Vec<KeptTags> = self
            .kept
            .iter()
            .filter(|kept| kept.ifindex != 0 && !attached.contains(&kept.ifindex))
            .copied()
            .collect();
        for kept in others {
            self.give_back(kept, host);
        }
        for &ifindex in attached {
            let Some(link) = host.links.get(&ifindex) else { continue };
            let outcome = self.keep_on(ifindex, &link.name);
            let seen = outcome.as_ref().copied().unwrap_or_default();
            self.seen.insert(ifindex, seen);
            let outcome = match (&outcome, seen) {
                (Err(error), _) => Err(error.to_string()),
                (Ok(_), Seen::Stripped) => {
                    Err("the driver does not let it be turned off: VRRP adverts of VLANs above are taken for untagged ones"
                        .to_owned())
                }
                (Ok(_), Seen::Always | Seen::TurnedOff) => Ok(()),
            };
            problems.note(&format!("rx-vlan-offload of {}", link.name), outcome);
        }
    }

    fn keep_on(&mut self, ifindex: u32, interface: &str) -> io::Result<Seen> {
        let ethtool = self.ethtool.as_ref().map_err(|error| io::Error::from(error.kind()))?;
        let tags = ethtool.tags(interface)?;
        let own = self.kept.iter().any(|kept| kept.ifindex == ifindex);
        if tags.on.is_empty() {
            return Ok(if own { Seen::TurnedOff } else { Seen::Always });
        }
        if tags.changeable.is_empty() {
            return Ok(Seen::Stripped);
        }
        // Noted before: an agent that is killed in between leaves a note that does no harm.
        let before =
            self.kept.iter().find(|kept| kept.ifindex == ifindex).map_or(0, |kept| kept.features);
        if !note(
            &mut self.map,
            &mut self.kept,
            KeptTags { ifindex, features: before | tags.changeable.0 },
        ) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        ethtool.set(interface, tags.changeable, false)?;
        let left = ethtool.tags(interface)?;
        tracing::info!(
            interface,
            "rx-vlan-offload turned off while the XDP program is attached: it must see VLAN tags; it is turned on again afterwards"
        );
        Ok(if left.on.is_empty() { Seen::TurnedOff } else { Seen::Stripped })
    }

    /// Turns on again all that was turned off.
    pub fn give_all_back(&mut self, host: &HostView) {
        for kept in self.kept.clone().into_iter().filter(|kept| kept.ifindex != 0) {
            self.give_back(kept, host);
        }
        self.seen.clear();
    }

    fn give_back(&mut self, kept: KeptTags, host: &HostView) {
        if let (Some(link), Ok(ethtool)) = (host.links.get(&kept.ifindex), &self.ethtool) {
            match ethtool.set(&link.name, Stripping(kept.features), true) {
                Ok(()) => tracing::info!(interface = link.name, "rx-vlan-offload turned on again"),
                Err(error) => {
                    tracing::warn!(interface = link.name, %error, "rx-vlan-offload stays off")
                }
            }
        }
        forget(&mut self.map, &mut self.kept, kept.ifindex);
    }
}

/// Notes what was turned off; whether there was room.
fn note(map: &mut Array<MapData, KeptTags>, kept: &mut [KeptTags], new: KeptTags) -> bool {
    let known = kept.iter().position(|kept| kept.ifindex == new.ifindex);
    let Some(place) = known.or_else(|| kept.iter().position(|kept| kept.ifindex == 0)) else {
        return false;
    };
    kept[place] = new;
    map.set(place as u32, new, 0).is_ok()
}

fn forget(map: &mut Array<MapData, KeptTags>, kept: &mut [KeptTags], ifindex: u32) {
    for (place, held) in (0..).zip(kept) {
        if held.ifindex == ifindex {
            *held = KeptTags::default();
            // What stays noted is turned on once more by the next agent.
            let _ = map.set(place, *held, 0);
        }
    }
}
