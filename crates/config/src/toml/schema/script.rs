//! `[[script]]`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::{Number, Text};

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
