//! Tracked scripts: `[[script]]`, `vrrp_script`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::{At, Number, Text, Time};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptDraft {
    pub name: At<String>,
    pub command: At<Command>,
    pub interval: Option<At<Time>>,
    /// The interval when `None`.
    pub timeout: Option<At<Time>>,
    pub rise: Number,
    pub fall: Number,
    pub user: Text,
    pub user_group: Text,
    #[serde(default)]
    pub init_fail: bool,
    pub recover: Option<RecoverDraft>,
    /// Weight where a router tracks it without one; keepalived.conf alone has it.
    #[serde(skip)]
    pub weight: Number,
    /// Likewise: whether that weight is reversed.
    #[serde(skip)]
    pub reverse: bool,
}

impl ScriptDraft {
    /// What a mistake in a script does when lenient, as in keepalived.
    pub const NOT_TRACKED: &str = "this script is not tracked";
}

/// What is tried before a failure counts. It runs as the script's user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverDraft {
    pub command: At<Command>,
    pub attempts: Number,
    pub timeout: Option<At<Time>>,
}

/// A command line, split as a shell would, or its words.
#[derive(Clone)]
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
