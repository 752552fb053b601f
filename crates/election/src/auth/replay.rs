//! High-water marks: the latest serial number of each source.

use vrrp_common::ip::Address;

use super::sequence::{Serial, UnixTime, Window};

/// Sources remembered. More masters than one are heard only while an election is under way.
const SOURCES: usize = 8;

/// Fixed in size: the source heard least recently makes room.
#[derive(Debug)]
pub struct ReplayWindow {
    /// Latest last.
    marks: Vec<(Address, Serial)>,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { marks: Vec::with_capacity(SOURCES) }
    }
}

impl ReplayWindow {
    /// Moves the mark of `source` up to `serial`; false, and nothing moved, where that is no later
    /// than its mark.
    ///
    /// Call it for verified adverts only. A mark that is itself outside of the window is no bar:
    /// the window already keeps out what it would, unless a clock was wrong when it was set.
    pub fn advance(
        &mut self,
        source: &Address,
        serial: Serial,
        now: UnixTime,
        window: Window,
    ) -> bool {
        let found = self.marks.iter().position(|(known, _)| known == source);
        if let Some(&(_, mark)) = found.and_then(|index| self.marks.get(index))
            && mark.is_within(window, now)
            && !serial.follows(mark)
        {
            return false;
        }
        match found {
            Some(index) => drop(self.marks.remove(index)),
            None if self.marks.len() == SOURCES => drop(self.marks.remove(0)),
            None => {}
        }
        self.marks.push((*source, serial));
        true
    }
}
