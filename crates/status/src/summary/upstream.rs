//! The meaning of an upstream, for people.

use std::fmt::Write as _;

use vrrp_model::{Cgroup, Upstream};

pub(super) fn describe(text: &mut String, upstream: &Upstream) {
    let Upstream { name, address, cgroup, balance, backends, check } = upstream;
    let backends = super::list(
        backends.iter().map(|backend| format!("{} (weight {})", backend.address, backend.weight)),
    );
    let _ = writeln!(text, "  upstream {name}: {address} to {backends}, by {}", balance.label());
    let whose = match cgroup {
        Cgroup::Path(path) => format!("cgroup {}", path.display()),
        Cgroup::Unit(unit) => format!("unit {unit}"),
    };
    let _ = writeln!(text, "    for connections of {whose}");
    super::service::describe_check(text, check);
}
