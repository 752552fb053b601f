//! Virtual routers: `[[virtual_router]]`, `vrrp_instance`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{At, Number, RouteDraft, RuleDraft, Text, Time};
use vrrp_model::{ChecksumForm, HmacMode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterDraft {
    pub name: At<String>,
    pub interface: At<String>,
    pub vrid: At<i64>,
    pub version: Number,
    pub priority: Number,
    pub interval: Option<At<Time>>,
    pub preempt: Option<bool>,
    pub preempt_delay: Option<At<Time>>,
    pub auth_pass: Text,
    #[serde(default)]
    pub checksum: ChecksumForm,
    pub source: Text,
    pub group: Text,
    /// Whether adverts go to each peer instead of to a group.
    pub unicast: Option<At<bool>>,
    #[serde(default)]
    pub peers: Vec<PeerDraft>,
    #[serde(default)]
    pub virtual_mac: bool,
    #[serde(default)]
    pub accept_always: bool,
    pub hmac: Option<At<HmacDraft>>,
    pub addresses: Vec<AddressDraft>,
    #[serde(default)]
    pub excluded_addresses: Vec<AddressDraft>,
    #[serde(default, rename = "garp")]
    pub announce: AnnounceDraft,
    #[serde(default)]
    pub track_scripts: Vec<ScriptTrackDraft>,
    #[serde(default)]
    pub track_interfaces: Vec<InterfaceTrackDraft>,
    pub track_own_interface: Option<bool>,
    #[serde(default)]
    pub routes: Vec<RouteDraft>,
    #[serde(default)]
    pub rules: Vec<RuleDraft>,
}

/// Gratuitous ARP and unsolicited neighbour advertisements.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct AnnounceDraft {
    pub repeat: Number,
    pub interval: Option<At<Time>>,
    pub delay: Option<At<Time>>,
    pub refresh: Option<At<Time>>,
    pub refresh_repeat: Number,
}

/// A tracked script.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct ScriptTrackDraft {
    #[serde(rename = "script")]
    pub name: At<String>,
    /// The script's own weight when `None`.
    pub weight: Number,
    #[serde(default)]
    pub reverse: bool,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct InterfaceTrackDraft {
    #[serde(rename = "interface")]
    pub name: At<String>,
    pub weight: Number,
    #[serde(default)]
    pub reverse: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HmacDraft {
    #[serde(default)]
    pub mode: HmacMode,
    /// The first key when `None`.
    pub send: Number,
    pub keys: Vec<KeyDraft>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyDraft {
    pub id: At<i64>,
    /// The bytes themselves, or `hex:` and two digits a byte.
    pub secret: At<String>,
}

/// In TOML `"192.168.1.206"`, or a table with more keys.
pub struct PeerDraft {
    pub address: At<String>,
    pub min_ttl: Number,
    pub max_ttl: Number,
}

/// In TOML `"192.168.1.249/24"`, or a table with more keys.
pub struct AddressDraft {
    /// `ADDRESS` or `ADDRESS/LENGTH`.
    pub address: At<String>,
    pub device: Text,
    pub label: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerTable {
    address: At<String>,
    min_ttl: Number,
    max_ttl: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressTable {
    address: At<String>,
    device: Text,
    label: Text,
}

impl<'de> Deserialize<'de> for PeerDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = At::<TextOrTable<PeerTable>>::deserialize(deserializer)?;
        Ok(match written.value {
            TextOrTable::Text(text) => {
                Self { address: At::new(text, &written.span), min_ttl: None, max_ttl: None }
            }
            TextOrTable::Table(PeerTable { address, min_ttl, max_ttl }) => {
                Self { address, min_ttl, max_ttl }
            }
        })
    }
}

impl<'de> Deserialize<'de> for AddressDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = At::<TextOrTable<AddressTable>>::deserialize(deserializer)?;
        Ok(match written.value {
            TextOrTable::Text(text) => {
                Self { address: At::new(text, &written.span), device: None, label: None }
            }
            TextOrTable::Table(AddressTable { address, device, label }) => {
                Self { address, device, label }
            }
        })
    }
}

/// An address in quotes, or a table of it and more.
enum TextOrTable<T> {
    Text(String),
    Table(T),
}

/// What an error about the value names as expected.
trait Expected {
    const EXPECTED: &'static str;
}

impl Expected for PeerTable {
    const EXPECTED: &'static str = "an address in quotes or a table { address, min_ttl, max_ttl }";
}

impl Expected for AddressTable {
    const EXPECTED: &'static str = "an address in quotes or a table { address, device, label }";
}

impl<'de, T: Deserialize<'de> + Expected> Deserialize<'de> for TextOrTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Expected> Visitor<'de> for Shape<T> {
            type Value = TextOrTable<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOrTable::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOrTable::Table)
            }
        }
        deserializer.deserialize_any(Shape(std::marker::PhantomData))
    }
}
