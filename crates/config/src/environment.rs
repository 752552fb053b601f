//! What a keepalived.conf may ask about the host it is read on.

use std::collections::HashMap;

/// The host, as far as a file's meaning may depend on it.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The kernel's host name: names the node when the file does not.
    pub host_name: String,
    /// What `@id` lines are compared with; the host name up to its first dot when `None`.
    pub config_id: Option<String>,
    /// Where relative names of files begin.
    pub directory: String,
    /// The environment, for `${_ENV NAME}`.
    pub environment: HashMap<String, String>,
    /// Where `${_RANDOM}` begins.
    pub seed: u64,
}

impl Surroundings {
    /// A host of which nothing but the name is known.
    pub fn named(host_name: &str) -> Self {
        Self { host_name: host_name.to_owned(), ..Self::default() }
    }

    pub(super) fn config_id(&self) -> &str {
        match &self.config_id {
            Some(id) => id,
            None => self.host_name.split('.').next().unwrap_or_default(),
        }
    }
}
