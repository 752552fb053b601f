//! `[[virtual_router]]`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::{Number, Text};
use vrrp_model::{ChecksumForm, HmacMode};

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
    #[serde(default)]
    pub checksum: ChecksumForm,
    pub source: Text,
    pub group: Text,
    pub unicast: Option<Spanned<bool>>,
    #[serde(default)]
    pub peers: Vec<Spanned<Peer>>,
    #[serde(default)]
    pub virtual_mac: bool,
    #[serde(default)]
    pub accept_always: bool,
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
pub struct Hmac {
    #[serde(default)]
    pub mode: HmacMode,
    pub send: Number,
    pub keys: Vec<HmacKey>,
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
