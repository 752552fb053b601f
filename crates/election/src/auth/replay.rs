//! High-water marks: the latest serial number of each source.

use vrrp_common::ip::Address;

use super::sequence::{Serial, UnixTime, Window};

/// Sources with a mark. More than one master sends only during an election.
const SOURCES: usize = 8;

/// Fixed in size: a new source replaces the one whose last advert is oldest.
#[derive(Debug)]
pub struct ReplayWindow {
    /// Most recent last.
    marks: Vec<(Address, Serial)>,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { marks: Vec::with_capacity(SOURCES) }
    }
}

impl ReplayWindow {
    /// Raises the mark of `source` to `serial`. Returns false, and changes nothing, if `serial` is
    /// not later than the mark.
    ///
    /// Only for verified adverts. A mark outside of the window rejects nothing: the window already
    /// rejects what it would, unless a clock was wrong when the mark was set.
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
