//! What must come of the first frame of a row.

use anyhow::{Result, ensure};

use crate::common::traffic::{IP, L4, LEN, Traffic, seal};

/// What becomes of a frame on its way.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    Nothing,
    /// These MAC addresses, destination first.
    Link([u8; 6], [u8; 6]),
    /// These, and a hop less.
    Hop([u8; 6], [u8; 6]),
    /// A hop, and one of these destinations instead of the virtual address.
    Translated([u8; 6], [u8; 6], &'static [[u8; 4]]),
}

impl Change {
    /// Fails unless `arrived` is what has to come of the first frame of `traffic`.
    pub fn check(self, traffic: &Traffic, arrived: &[u8]) -> Result<()> {
        let mut expected = traffic.first();
        let mut link = |destination: [u8; 6], source: [u8; 6]| {
            expected[..6].copy_from_slice(&destination);
            expected[6..12].copy_from_slice(&source);
        };
        match self {
            Change::Nothing => {}
            Change::Link(destination, source) => link(destination, source),
            Change::Hop(destination, source) | Change::Translated(destination, source, _) => {
                link(destination, source);
                expected[IP + 8] -= 1;
            }
        }
        if let Change::Translated(_, _, backends) = self {
            let chosen = *arrived[IP + 16..].first_chunk::<4>().expect("a header");
            ensure!(backends.contains(&chosen), "it went to {chosen:?}");
            expected[IP + 16..L4].copy_from_slice(&chosen);
        }
        seal(&mut expected, traffic.sum_at());
        ensure!(arrived[..LEN] == expected, "it should be {expected:02x?} and is {:02x?}", &arrived[..LEN]);
        Ok(())
    }
}
