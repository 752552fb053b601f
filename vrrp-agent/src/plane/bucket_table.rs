//! Chained tables in plain arrays, as the kernel program walks them: what to write, in which order.
//!
//! Pure: [`Store`] writes. A walk that is under way meanwhile finds every entry that stays: an
//! entry is written whole before something leads to it, and unlinked before its place is written
//! again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vrrp_common::maps::{
    AddressEntry, AddressKey, MAX_CHAIN, ReverseEntry, ReverseKey, ServiceEntry, ServiceKey,
};

/// An entry of such a table.
pub trait Entry: Copy + PartialEq + Default {
    type Key: Ord + Copy;

    fn key(&self) -> Self::Key;
    /// The bucket that leads to it.
    fn bucket(&self) -> u32;
    /// Place of the next entry + 1; 0: none.
    fn next(&self) -> u32;
    fn linked(self, next: u32) -> Self;
}

/// Where a table's words go.
pub trait Store<E> {
    type Error;

    fn put_head(&mut self, bucket: u32, place: u32) -> Result<(), Self::Error>;
    fn put_entry(&mut self, place: u32, entry: &E) -> Result<(), Self::Error>;
}

/// Why a table is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal<E> {
    /// More entries of one bucket than the kernel program looks at.
    Crowded,
    Store(E),
}

/// What a table holds.
#[derive(Debug, Clone)]
pub struct Chained<E: Entry> {
    entries: BTreeMap<u32, E>,
    heads: HashMap<u32, u32>,
}

impl<E: Entry> Default for Chained<E> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), heads: HashMap::new() }
    }
}

impl<E: Entry> Chained<E> {
    /// What is found in a table that another agent wrote: `heads` are its buckets that lead
    /// somewhere.
    pub fn found(
        heads: impl IntoIterator<Item = (u32, u32)>,
        entry: impl Fn(u32) -> Option<E>,
    ) -> Self {
        let mut table = Self::default();
        for (bucket, head) in heads {
            table.heads.insert(bucket, head);
            let mut next = head;
            for _ in 0..MAX_CHAIN {
                let Some(place) = next.checked_sub(1) else { break };
                let Some(entry) = entry(place) else { break };
                table.entries.insert(place, entry);
                next = entry.next();
            }
        }
        table
    }

    /// Where an entry stands.
    pub fn place(&self, key: &E::Key) -> Option<u32> {
        self.entries.iter().find(|(_, entry)| entry.key() == *key).map(|(&place, _)| place)
    }

    /// By key: where each entry stands.
    pub fn places(&self) -> BTreeMap<E::Key, u32> {
        self.entries.iter().map(|(&place, entry)| (entry.key(), place)).collect()
    }

    /// A place for each wanted key: the one it has, else a free one. The search for free places
    /// begins at `next` and goes round, so that a place is used again as late as possible. `None`:
    /// there are more keys than `capacity` places.
    pub fn assign(
        &self,
        wanted: impl Iterator<Item = E::Key>,
        next: &mut u32,
        capacity: u32,
    ) -> Option<BTreeMap<E::Key, u32>> {
        let held = self.places();
        let mut places = BTreeMap::new();
        let mut missing = Vec::new();
        for key in wanted {
            match held.get(&key) {
                Some(&place) => drop(places.insert(key, place)),
                None => missing.push(key),
            }
        }
        let mut taken: BTreeSet<u32> = places.values().copied().collect();
        for key in missing {
            let place = (0..capacity)
                .map(|step| (*next + step) % capacity)
                .find(|place| !taken.contains(place))?;
            taken.insert(place);
            places.insert(key, place);
            *next = place + 1;
        }
        Some(places)
    }

    /// Makes the table hold just these entries, by place; their `next` is of no meaning.
    ///
    /// # Errors
    /// The first thing that cannot be done; what was done before stays and is known.
    pub fn set<S: Store<E>>(
        &mut self,
        wanted: &BTreeMap<u32, E>,
        store: &mut S,
    ) -> Result<(), Refusal<S::Error>> {
        let fits = |place: &u32, held: &E| {
            wanted.get(place).is_some_and(|entry| entry.key() == held.key())
        };
        let gone: Vec<u32> = self
            .entries
            .iter()
            .filter(|(place, held)| !fits(place, held))
            .map(|(&place, _)| place)
            .collect();
        for place in gone {
            self.unlink(place, store).map_err(Refusal::Store)?;
        }
        for (&place, entry) in wanted {
            match self.entries.get(&place) {
                Some(held) if held.linked(0) == entry.linked(0) => {}
                Some(held) => {
                    self.write(place, entry.linked(held.next()), store).map_err(Refusal::Store)?
                }
                None => self.link(place, *entry, store)?,
            }
        }
        Ok(())
    }

    fn link<S: Store<E>>(
        &mut self,
        place: u32,
        entry: E,
        store: &mut S,
    ) -> Result<(), Refusal<S::Error>> {
        let bucket = entry.bucket();
        let crowd = self.entries.values().filter(|other| other.bucket() == bucket).count();
        if crowd >= MAX_CHAIN as usize {
            return Err(Refusal::Crowded);
        }
        let head = self.heads.get(&bucket).copied().unwrap_or(0);
        self.write(place, entry.linked(head), store).map_err(Refusal::Store)?;
        store.put_head(bucket, place + 1).map_err(Refusal::Store)?;
        self.heads.insert(bucket, place + 1);
        Ok(())
    }

    fn unlink<S: Store<E>>(&mut self, place: u32, store: &mut S) -> Result<(), S::Error> {
        let Some(gone) = self.entries.get(&place).copied() else { return Ok(()) };
        let before = self
            .entries
            .iter()
            .find(|(_, entry)| entry.next() == place + 1)
            .map(|(&before, &entry)| (before, entry));
        match before {
            Some((before, entry)) => self.write(before, entry.linked(gone.next()), store)?,
            None => {
                store.put_head(gone.bucket(), gone.next())?;
                self.heads.insert(gone.bucket(), gone.next());
            }
        }
        self.entries.remove(&place);
        // A walk that stands on it goes on from there, and finds nothing there.
        store.put_entry(place, &E::default().linked(gone.next()))
    }

    fn write<S: Store<E>>(&mut self, place: u32, entry: E, store: &mut S) -> Result<(), S::Error> {
        store.put_entry(place, &entry)?;
        self.entries.insert(place, entry);
        Ok(())
    }
}

macro_rules! entries {
    ($($entry:ident: $key:ident;)*) => {
        $(impl Entry for $entry {
            type Key = $key;

            fn key(&self) -> $key {
                self.key
            }

            fn bucket(&self) -> u32 {
                self.key.bucket()
            }

            fn next(&self) -> u32 {
                self.next
            }

            fn linked(self, next: u32) -> Self {
                Self { next, ..self }
            }
        })*
    };
}

entries! {
    AddressEntry: AddressKey;
    ServiceEntry: ServiceKey;
    ReverseEntry: ReverseKey;
}

#[cfg(test)]
mod tests;
