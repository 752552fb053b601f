//! Hash tables with chained entries in plain arrays, as the kernel program walks them: what to
//! write, and in which order.
//!
//! Pure: [`Store`] writes. A concurrent walk finds every entry that stays: an entry is written
//! whole before it is linked, and unlinked before its index is used again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vrrp_common::maps::{
    AddressEntry, AddressKey, MAX_CHAIN, ReverseEntry, ReverseKey, ServiceEntry, ServiceKey,
};

/// An entry of such a table.
pub trait Entry: Copy + PartialEq + Default {
    type Key: Ord + Copy;

    fn key(&self) -> Self::Key;
    /// The bucket whose chain holds the entry.
    fn bucket(&self) -> u32;
    /// Index of the next entry + 1; 0: none.
    fn next(&self) -> u32;
    fn linked(self, next: u32) -> Self;
}

/// Where a table is written to.
pub trait Store<E> {
    type Error;

    fn put_head(&mut self, bucket: u32, index: u32) -> Result<(), Self::Error>;
    fn put_entry(&mut self, index: u32, entry: &E) -> Result<(), Self::Error>;
}

/// Why a table could not be written.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal<E> {
    /// More entries in one bucket than the kernel program looks at.
    Crowded,
    Store(E),
}

/// The contents of a table.
#[derive(Debug, Clone)]
pub struct BucketTable<E: Entry> {
    entries: BTreeMap<u32, E>,
    heads: HashMap<u32, u32>,
}

impl<E: Entry> Default for BucketTable<E> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), heads: HashMap::new() }
    }
}

impl<E: Entry> BucketTable<E> {
    /// Reads a table that another agent wrote: `heads` are its buckets that are not empty.
    pub fn found(
        heads: impl IntoIterator<Item = (u32, u32)>,
        entry: impl Fn(u32) -> Option<E>,
    ) -> Self {
        let mut table = Self::default();
        for (bucket, head) in heads {
            table.heads.insert(bucket, head);
            let mut next = head;
            for _ in 0..MAX_CHAIN {
                let Some(index) = next.checked_sub(1) else { break };
                let Some(entry) = entry(index) else { break };
                table.entries.insert(index, entry);
                next = entry.next();
            }
        }
        table
    }

    /// The index of an entry.
    pub fn index(&self, key: &E::Key) -> Option<u32> {
        self.entries.iter().find(|(_, entry)| entry.key() == *key).map(|(&index, _)| index)
    }

    /// The index of each entry, by key.
    pub fn indexes(&self) -> BTreeMap<E::Key, u32> {
        self.entries.iter().map(|(&index, entry)| (entry.key(), index)).collect()
    }

    /// An index for each wanted key: its present one, else a free one. The search for free ones
    /// begins at `next` and wraps around, so that an index is reused as late as possible. `None`:
    /// there are more keys than `capacity`.
    pub fn assign(
        &self,
        wanted: impl Iterator<Item = E::Key>,
        next: &mut u32,
        capacity: u32,
    ) -> Option<BTreeMap<E::Key, u32>> {
        let held = self.indexes();
        let mut indexes = BTreeMap::new();
        let mut missing = Vec::new();
        for key in wanted {
            match held.get(&key) {
                Some(&index) => drop(indexes.insert(key, index)),
                None => missing.push(key),
            }
        }
        let mut taken: BTreeSet<u32> = indexes.values().copied().collect();
        for key in missing {
            let index = (0..capacity)
                .map(|step| (*next + step) % capacity)
                .find(|index| !taken.contains(index))?;
            taken.insert(index);
            indexes.insert(key, index);
            *next = index + 1;
        }
        Some(indexes)
    }

    /// Makes the table hold exactly these entries, by index; their `next` is ignored.
    ///
    /// # Errors
    /// The first write that fails; earlier writes stay and are known.
    pub fn set<S: Store<E>>(
        &mut self,
        wanted: &BTreeMap<u32, E>,
        store: &mut S,
    ) -> Result<(), Refusal<S::Error>> {
        let fits = |index: &u32, held: &E| {
            wanted.get(index).is_some_and(|entry| entry.key() == held.key())
        };
        let gone: Vec<u32> = self
            .entries
            .iter()
            .filter(|(index, held)| !fits(index, held))
            .map(|(&index, _)| index)
            .collect();
        for index in gone {
            self.unlink(index, store).map_err(Refusal::Store)?;
        }
        for (&index, entry) in wanted {
            match self.entries.get(&index) {
                Some(held) if held.linked(0) == entry.linked(0) => {}
                Some(held) => {
                    self.write(index, entry.linked(held.next()), store).map_err(Refusal::Store)?
                }
                None => self.link(index, *entry, store)?,
            }
        }
        Ok(())
    }

    fn link<S: Store<E>>(
        &mut self,
        index: u32,
        entry: E,
        store: &mut S,
    ) -> Result<(), Refusal<S::Error>> {
        let bucket = entry.bucket();
        let crowd = self.entries.values().filter(|other| other.bucket() == bucket).count();
        if crowd >= MAX_CHAIN as usize {
            return Err(Refusal::Crowded);
        }
        let head = self.heads.get(&bucket).copied().unwrap_or(0);
        self.write(index, entry.linked(head), store).map_err(Refusal::Store)?;
        store.put_head(bucket, index + 1).map_err(Refusal::Store)?;
        self.heads.insert(bucket, index + 1);
        Ok(())
    }

    fn unlink<S: Store<E>>(&mut self, index: u32, store: &mut S) -> Result<(), S::Error> {
        let Some(gone) = self.entries.get(&index).copied() else { return Ok(()) };
        let before = self
            .entries
            .iter()
            .find(|(_, entry)| entry.next() == index + 1)
            .map(|(&before, &entry)| (before, entry));
        match before {
            Some((before, entry)) => self.write(before, entry.linked(gone.next()), store)?,
            None => {
                store.put_head(gone.bucket(), gone.next())?;
                self.heads.insert(gone.bucket(), gone.next());
            }
        }
        self.entries.remove(&index);
        // A walk that is at this entry continues from its `next`, and finds no key here.
        store.put_entry(index, &E::default().linked(gone.next()))
    }

    fn write<S: Store<E>>(&mut self, index: u32, entry: E, store: &mut S) -> Result<(), S::Error> {
        store.put_entry(index, &entry)?;
        self.entries.insert(index, entry);
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
