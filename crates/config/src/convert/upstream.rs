//! An upstream as TOML.

use super::text::{Text, inline_table, string};
use vrrp_model::{Cgroup, Upstream, UpstreamBackend};

pub(super) fn write(text: &mut Text, upstream: &Upstream) {
    text.table("upstream", &[]);
    let Upstream { name, address, cgroup, balance, backends, check } = upstream;
    text.key("name", &string(name));
    text.key("address", &string(&address.ip().to_string()));
    text.key("port", &address.port().to_string());
    match cgroup {
        Cgroup::Path(path) => text.key("cgroup", &string(&path.to_string_lossy())),
        Cgroup::Unit(unit) => text.key("unit", &string(unit)),
    }
    text.key("balance", &string(balance.label()));
    text.list("backends", backends.iter().map(|backend| self::backend(backend, address.port())));
    text.key("check", &super::check::check(check, true));
}

fn backend(backend: &UpstreamBackend, port: u16) -> String {
    let own = backend.address.port();
    inline_table([
        ("address", Some(string(&backend.address.ip().to_string()))),
        ("port", (own != port).then(|| own.to_string())),
        ("weight", Some(backend.weight.to_string())),
    ])
}
