//! The shape of our TOML: names and types of every key. Meanings and defaults are in `lower`.
//!
//! No `Debug` here: it would print the password.

mod metrics;
mod upstream;

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

pub use metrics::Metrics;
pub use upstream::{Balance, Upstream, UpstreamBackend};

type Text = Option<Spanned<String>>;
type Number = Option<Spanned<i64>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub node: Text,
    pub api_socket: Text,
    pub bpf_dir: Text,
    pub metrics: Option<Spanned<Metrics>>,
    pub xdp: Option<Xdp>,
    pub pass_foreign_vrids: Option<bool>,
    pub startup_delay: Text,
    pub release_on_exit: Option<bool>,
    #[serde(default)]
    pub election: Election,
    #[serde(default)]
    pub virtual_router: Vec<VirtualRouter>,
    #[serde(default)]
    pub script: Vec<Script>,
    #[serde(default)]
    pub service: Vec<Service>,
    #[serde(default)]
    pub upstream: Vec<Upstream>,
    #[serde(default)]
    pub sync_group: Vec<SyncGroup>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Xdp {
    Auto,
    Generic,
    Off,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Election {
    pub realtime_priority: Number,
    #[serde(default)]
    pub cpus: Vec<Spanned<i64>>,
    pub lock_memory: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualRouter {
    pub name: Spanned<String>,
    pub interface: Spanned<String>,
    pub vrid: Spanned<i64>,
    pub version: Number,
    pub priority: Number,
    pub interval: Text,
    pub preempt: Option<bool>,
    pub preempt_delay: Text,
    pub auth_pass: Text,
    pub checksum: Option<Checksum>,
    pub source: Text,
    pub group: Text,
    pub unicast: Option<Spanned<bool>>,
    #[serde(default)]
    pub peers: Vec<Spanned<Peer>>,
    #[serde(default)]
    pub virtual_mac: bool,
    pub accept_always: Option<Spanned<bool>>,
    pub hmac: Option<Spanned<Hmac>>,
    pub addresses: Vec<Spanned<Address>>,
    #[serde(default)]
    pub excluded_addresses: Vec<Spanned<Address>>,
    #[serde(default)]
    pub garp: Garp,
    #[serde(default)]
    pub track_scripts: Vec<TrackScript>,
    #[serde(default)]
    pub track_interfaces: Vec<TrackInterface>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub enum Checksum {
    PseudoHeader,
    MessageOnly,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Garp {
    pub repeat: Number,
    pub interval: Text,
    pub delay: Text,
    pub refresh: Text,
    pub refresh_repeat: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackScript {
    pub script: Spanned<String>,
    pub weight: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackInterface {
    pub interface: Spanned<String>,
    pub weight: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub name: Spanned<String>,
    pub command: Spanned<Command>,
    pub interval: Text,
    pub timeout: Text,
    pub rise: Number,
    pub fall: Number,
    pub user: Text,
    #[serde(default)]
    pub init_fail: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: Spanned<String>,
    pub address: Spanned<String>,
    pub port: Spanned<i64>,
    #[serde(default)]
    pub protocol: Protocol,
    pub backends: Vec<Backend>,
    pub check: Option<Spanned<Check>>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    pub address: Spanned<String>,
    pub weight: Number,
    #[serde(default)]
    pub forward: Forward,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    #[default]
    Auto,
    Local,
    Dr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    #[serde(rename = "type")]
    pub kind: CheckKind,
    pub port: Number,
    pub path: Text,
    pub interval: Text,
    pub timeout: Text,
    pub rise: Number,
    pub fall: Number,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    None,
    Tcp,
    Http,
    Fastcgi,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    pub mode: Option<HmacMode>,
    pub send: Number,
    pub keys: Vec<HmacKey>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub enum HmacMode {
    Enforce,
    Permissive,
    ReceiveOnly,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HmacKey {
    pub id: Spanned<i64>,
    pub secret: Spanned<String>,
}

/// `"192.168.1.206"`, or a table when there is more to say.
pub enum Peer {
    Short(String),
    Full(FullPeer),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullPeer {
    pub address: Spanned<String>,
    pub min_ttl: Number,
    pub max_ttl: Number,
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Peer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address in quotes or a table { address, min_ttl, max_ttl }")
            }

            fn visit_str<E>(self, text: &str) -> Result<Peer, E> {
                Ok(Peer::Short(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Peer, A::Error> {
                FullPeer::deserialize(MapAccessDeserializer::new(map)).map(Peer::Full)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncGroup {
    pub name: Spanned<String>,
    pub members: Spanned<Vec<Spanned<String>>>,
}

/// `"192.168.1.249/24"`, or a table when there is more to say.
pub enum Address {
    Short(String),
    Full(FullAddress),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullAddress {
    pub address: Spanned<String>,
    pub device: Text,
    pub label: Text,
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address in quotes or a table { address, device, label }")
            }

            fn visit_str<E>(self, text: &str) -> Result<Address, E> {
                Ok(Address::Short(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Address, A::Error> {
                FullAddress::deserialize(MapAccessDeserializer::new(map)).map(Address::Full)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

/// A command line, split as a shell would, or its words.
pub enum Command {
    Line(String),
    Words(Vec<String>),
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command line in quotes or a list of words")
            }

            fn visit_str<E>(self, text: &str) -> Result<Command, E> {
                Ok(Command::Line(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Command, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Command::Words)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}
