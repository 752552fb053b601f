//! Checks: `check = { ... }` of a service, a backend or an upstream, `HTTP_GET` and its like.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{At, Command, Number, Text, Time};
use vrrp_model::{CheckType, DnsRecord, HttpVersion};

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct CheckDraft {
    #[serde(rename = "type")]
    pub kind: CheckType,
    /// The backend's when `None`.
    pub address: Text,
    pub port: Number,
    /// This and the following keys up to `regex_no_match` are a request, instead of `requests`.
    pub path: Text,
    pub host: Text,
    pub status: Option<Vec<At<StatusDraft>>>,
    pub digest: Text,
    pub regex: Text,
    pub regex_no_match: Option<At<bool>>,
    pub requests: Option<At<Vec<RequestDraft>>>,
    pub version: Option<At<HttpVersion>>,
    pub sni: Option<At<SniDraft>>,
    pub helo: Text,
    pub name: Text,
    pub record: Option<At<DnsRecord>>,
    pub payload: Text,
    pub reply: Text,
    pub min_reply: Number,
    pub max_reply: Number,
    pub command: Option<At<Command>>,
    pub user: Text,
    pub user_group: Text,
    pub dynamic: Option<At<bool>>,
    pub interval: Option<At<Time>>,
    pub timeout: Option<At<Time>>,
    pub retry_interval: Option<At<Time>>,
    pub rise: Number,
    pub fall: Number,
    pub real_path: Option<At<bool>>,
}

/// The checks of a backend, at least one: all of them must be good.
pub type ChecksDraft = Vec<At<CheckDraft>>;

/// Reads a check or a list of them.
pub fn checks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ChecksDraft>, D::Error> {
    let At { value, span } = At::<OneOrMore>::deserialize(deserializer)?;
    Ok(Some(match value {
        OneOrMore::One(one) => vec![At { value: *one, span }],
        OneOrMore::More(all) => all,
    }))
}

enum OneOrMore {
    One(Box<CheckDraft>),
    More(ChecksDraft),
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a check or a list of checks")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore, A::Error> {
                let one = CheckDraft::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMore::One(Box::new(one)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMore, A::Error> {
                let all = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
                if all.is_empty() {
                    let message = "an empty list of checks: write type = \"none\"";
                    return Err(A::Error::custom(message));
                }
                Ok(OneOrMore::More(all))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

/// A GET request, and the answers that are good.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct RequestDraft {
    /// `/` when `None`.
    pub path: Text,
    pub host: Text,
    pub status: Option<Vec<At<StatusDraft>>>,
    /// In hexadecimal digits.
    pub digest: Text,
    pub regex: Text,
    pub regex_no_match: Option<At<bool>>,
}

/// A status of HTTP, or a range of them: `301`, `"200-299"`.
#[derive(Clone)]
pub enum StatusDraft {
    One(i64),
    Range(String),
}

/// The name in the TLS handshake: the request's host or none, or this one.
#[derive(Clone)]
pub enum SniDraft {
    Switch(bool),
    Name(String),
}

impl CheckDraft {
    /// Nothing is written but the type.
    pub fn new(kind: CheckType) -> Self {
        Self {
            kind,
            address: None,
            port: None,
            path: None,
            host: None,
            status: None,
            digest: None,
            regex: None,
            regex_no_match: None,
            requests: None,
            version: None,
            sni: None,
            helo: None,
            name: None,
            record: None,
            payload: None,
            reply: None,
            min_reply: None,
            max_reply: None,
            command: None,
            user: None,
            user_group: None,
            dynamic: None,
            interval: None,
            timeout: None,
            retry_interval: None,
            rise: None,
            fall: None,
            real_path: None,
        }
    }

    /// The request that is written without `requests`.
    pub fn own_request(&self) -> RequestDraft {
        RequestDraft {
            path: self.path.clone(),
            host: self.host.clone(),
            status: self.status.clone(),
            digest: self.digest.clone(),
            regex: self.regex.clone(),
            regex_no_match: self.regex_no_match.clone(),
        }
    }
}

impl StatusDraft {
    /// The statuses that it means; `None` when it means none.
    pub fn range(&self) -> Option<RangeInclusive<u16>> {
        let (low, high) = match self {
            Self::One(status) => (*status, *status),
            Self::Range(text) => {
                let (low, high) = text.split_once('-').unwrap_or((text, text));
                (low.parse().ok()?, high.parse().ok()?)
            }
        };
        let range = u16::try_from(low).ok()?..=u16::try_from(high).ok()?;
        (100 <= low && low <= high && high <= 599).then_some(range)
    }
}

/// An MD5 digest from its 32 hexadecimal digits.
pub fn digest(text: &str) -> Option<[u8; 16]> {
    let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| hex).map(u128::to_be_bytes)
}

impl<'de> Deserialize<'de> for StatusDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl Visitor<'_> for Shape {
            type Value = StatusDraft;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status, or a range of them in quotes")
            }

            fn visit_i64<E>(self, status: i64) -> Result<StatusDraft, E> {
                Ok(StatusDraft::One(status))
            }

            fn visit_str<E>(self, text: &str) -> Result<StatusDraft, E> {
                Ok(StatusDraft::Range(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

impl<'de> Deserialize<'de> for SniDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl Visitor<'_> for Shape {
            type Value = SniDraft;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name in quotes, true or false")
            }

            fn visit_bool<E>(self, on: bool) -> Result<SniDraft, E> {
                Ok(SniDraft::Switch(on))
            }

            fn visit_str<E>(self, name: &str) -> Result<SniDraft, E> {
                Ok(SniDraft::Name(name.to_owned()))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}
