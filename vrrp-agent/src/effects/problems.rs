//! Failures that repeat: logged once when they begin, when they change, and when they are over.

use std::collections::BTreeMap;
use std::fmt::Display;

#[derive(Debug, Default)]
pub struct Problems(BTreeMap<String, String>);

impl Problems {
    /// Says what is not as it should be and is left so: once, and again when it changes.
    pub fn remark(&mut self, about: &str, text: &str) {
        if self.0.get(about).map(String::as_str) != Some(text) {
            tracing::warn!("{about} {text}");
            self.0.insert(about.to_owned(), text.to_owned());
        }
    }

    /// Takes note of how an attempt at `what` went.
    pub fn note<E: Display>(&mut self, what: &str, result: Result<(), E>) {
        match result {
            Ok(()) => {
                if self.0.remove(what).is_some() {
                    tracing::info!("{what}: works again");
                }
            }
            Err(error) => {
                let text = error.to_string();
                if self.0.get(what) != Some(&text) {
                    tracing::error!(error = text, "{what}: failed, will be tried again");
                    self.0.insert(what.to_owned(), text);
                }
            }
        }
    }
}
