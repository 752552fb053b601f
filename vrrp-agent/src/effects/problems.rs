//! Failures that repeat: told once when they begin, once when they change, once when they are over.

use std::collections::BTreeMap;
use std::fmt::Display;

#[derive(Debug, Default)]
pub struct Problems(BTreeMap<String, String>);

impl Problems {
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
