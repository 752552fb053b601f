use std::convert::Infallible;

use super::*;

/// An entry of one of four buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Toy {
    key: u32,
    value: u32,
    next: u32,
}

impl Entry for Toy {
    type Key = u32;

    fn key(&self) -> u32 {
        self.key
    }

    fn bucket(&self) -> u32 {
        self.key % 4
    }

    fn next(&self) -> u32 {
        self.next
    }

    fn linked(self, next: u32) -> Self {
        Self { next, ..self }
    }
}

/// Arrays like the kernel's; after each write every entry that stays must be found.
#[derive(Default)]
struct Arrays {
    heads: [u32; 4],
    entries: Vec<Option<Toy>>,
    stay: Vec<u32>,
}

impl Arrays {
    fn find(&self, key: u32) -> Option<u32> {
        let mut next = self.heads[key as usize % 4];
        for _ in 0..MAX_CHAIN {
            let entry =
                self.entries[next.checked_sub(1)? as usize].expect("written before it is linked");
            if entry.key == key {
                return Some(entry.value);
            }
            next = entry.next;
        }
        None
    }

    fn check(&self) {
        for &key in &self.stay {
            assert!(self.find(key).is_some(), "{key} is lost in between");
        }
    }
}

impl Store<Toy> for Arrays {
    type Error = Infallible;

    fn put_head(&mut self, bucket: u32, index: u32) -> Result<(), Infallible> {
        self.heads[bucket as usize] = index;
        self.check();
        Ok(())
    }

    fn put_entry(&mut self, index: u32, entry: &Toy) -> Result<(), Infallible> {
        self.entries.resize((index as usize + 1).max(self.entries.len()), None);
        self.entries[index as usize] = Some(*entry);
        self.check();
        Ok(())
    }
}

fn wanted(entries: &[(u32, u32, u32)]) -> BTreeMap<u32, Toy> {
    entries.iter().map(|&(index, key, value)| (index, Toy { key, value, next: 0 })).collect()
}

#[test]
fn any_change_ends_in_the_wanted_entries_and_loses_none_in_between() {
    let (mut table, mut arrays) = (BucketTable::default(), Arrays::default());
    let mut before: BTreeMap<u32, Toy> = BTreeMap::new();
    let mut random = 1_u64;
    for round in 0..2_000_u32 {
        let mut next = BTreeMap::new();
        for index in 0..12 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let roll = (random >> 33) as u32;
            match (before.get(&index), roll % 4) {
                (_, 0) => {}
                (Some(held), 1) => _ = next.insert(index, Toy { value: round, ..*held }),
                (Some(held), _) => _ = next.insert(index, *held),
                // A new key at a free index, in a bucket that is not full.
                (None, _) => {
                    _ = next.insert(
                        index,
                        Toy { key: (round * 12 + index) * 4 + roll / 4 % 4, value: round, next: 0 },
                    )
                }
            }
        }
        arrays.stay = before
            .values()
            .filter(|held| next.values().any(|entry| entry.key == held.key))
            .map(Toy::key)
            .collect();
        if table.set(&next, &mut arrays) == Err(Refusal::Crowded) {
            // Start again from what was written.
            next = table.entries.clone();
        }
        for entry in next.values() {
            assert_eq!(arrays.find(entry.key), Some(entry.value), "round {round}");
        }
        for gone in before.values().filter(|held| !next.values().any(|entry| entry.key == held.key))
        {
            assert_eq!(arrays.find(gone.key), None, "round {round}");
        }
        before = next;
    }
}

#[test]
fn a_table_that_another_agent_wrote_is_read_back() {
    let (mut table, mut arrays) = (BucketTable::default(), Arrays::default());
    table
        .set(&wanted(&[(0, 1, 10), (1, 5, 50), (4, 9, 90), (7, 2, 20)]), &mut arrays)
        .expect("room");
    let heads = arrays
        .heads
        .iter()
        .enumerate()
        .filter(|(_, head)| **head != 0)
        .map(|(bucket, &head)| (bucket as u32, head));
    let found = BucketTable::found(heads, |index| arrays.entries[index as usize]);
    assert_eq!(found.entries, table.entries);
    assert_eq!(found.index(&9), Some(4));
}

#[test]
fn a_crowded_bucket_is_refused() {
    let (mut table, mut arrays) = (BucketTable::default(), Arrays::default());
    let many: Vec<(u32, u32, u32)> = (0..9).map(|index| (index, index * 4, 0)).collect();
    assert_eq!(table.set(&wanted(&many), &mut arrays), Err(Refusal::Crowded));
}
