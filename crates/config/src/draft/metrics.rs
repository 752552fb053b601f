//! The `metrics` key: an address, or a switch.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// The listening address, or `false` for none.
#[derive(Clone)]
pub enum Metrics {
    Off,
    On,
    At(String),
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl Visitor<'_> for Shape {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address and port in quotes, or false")
            }

            fn visit_bool<E>(self, on: bool) -> Result<Metrics, E> {
                Ok(if on { Metrics::On } else { Metrics::Off })
            }

            fn visit_str<E>(self, text: &str) -> Result<Metrics, E> {
                Ok(Metrics::At(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}
