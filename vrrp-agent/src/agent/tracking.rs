//! The parts of a router's priority, for its status.

use super::observed::Observed;
use vrrp_model::{Config, Router, Weight};
use vrrp_status::{TrackedKind, TrackedStatus};
use vrrp_steering::tracking::{Health, adjustment};

/// Everything that `router` tracks, with what it adds now.
pub fn tracking(config: &Config, observed: &Observed, router: &Router) -> Vec<TrackedStatus> {
    let of = |kind, name: &str, weight: Weight, health: Health| TrackedStatus {
        kind,
        name: name.to_owned(),
        weight: weight.value,
        reverse: weight.reverse,
        state: health.into(),
        contributes: adjustment(weight, health),
    };
    let scripts = router.track_scripts.iter().map(|tracked| {
        let name = config.scripts.get(tracked.script).map_or("?", |script| script.name.as_str());
        let health = observed.track.script_health(tracked.script);
        of(TrackedKind::Script, name, tracked.weight, health)
    });
    let interfaces = router.track_interfaces.iter().map(|tracked| {
        let up = observed.host.link_by_name(&tracked.interface).is_some_and(|link| link.up);
        let health = if up { Health::Good } else { Health::Bad };
        of(TrackedKind::Interface, &tracked.interface, tracked.weight, health)
    });
    scripts.chain(interfaces).collect()
}
