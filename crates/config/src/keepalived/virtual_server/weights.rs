//! The weights of real servers, and the quorum that counts them.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::At;
use super::Server;

/// The greatest weight of a backend.
const GREATEST: i64 = 1000;

impl Server {
    /// As keepalived does: a quorum that no number of backends reaches would leave the sorry server
    /// alone for ever.
    pub(super) fn cap_quorum(&mut self, reporter: &mut Reporter) {
        let weights: i64 = self
            .backends
            .iter()
            .map(|server| server.backend.weight.as_ref().map_or(1, |weight| weight.value))
            .fold(0, i64::saturating_add);
        if weights > 0 && self.quorum.value > weights {
            let message = format!(
                "quorum {} is above the sum of all weights: it is {weights}",
                self.quorum.value
            );
            reporter.warning(Diagnostic::at(&self.quorum.span, message));
            self.quorum.value = weights;
        }
    }

    /// IPVS has greater weights than backends here. What counts are their proportions.
    pub(super) fn scale_weights(&mut self, reporter: &mut Reporter) {
        let weights = self.backends.iter().filter_map(|server| server.backend.weight.as_ref());
        let Some(greatest) = weights.max_by_key(|weight| weight.value).cloned() else { return };
        if greatest.value <= GREATEST {
            return;
        }
        let scaled = |value: i64| match value {
            0 => 0,
            value => ((value * GREATEST + greatest.value / 2) / greatest.value).max(1),
        };
        let message = format!(
            "a weight is at most {GREATEST}, not {}: all weights of this virtual_server and its quorum are scaled down",
            greatest.value
        );
        reporter.warning(Diagnostic::at(&greatest.span, message));
        for server in &mut self.backends {
            if let Some(weight) = &mut server.backend.weight {
                weight.value = scaled(weight.value);
            }
        }
        let sum = self.backends.iter().filter_map(|server| server.backend.weight.as_ref());
        let sum: i64 = sum.map(|weight| weight.value).sum();
        let quorum = scaled(self.quorum.value).clamp(1, sum.max(1));
        self.quorum = At::new(quorum, &self.quorum.span);
    }
}
