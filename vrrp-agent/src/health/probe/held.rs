//! A connection that a probe keeps open.

use std::pin::Pin;

/// Ends when the server closes or resets the connection.
pub(super) type Held = Pin<Box<dyn Future<Output = ()> + Send>>;
