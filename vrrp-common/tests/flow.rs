//! The rule by which a flow keeps its backend: each case, then every short sequence of changes and
//! packets.

use vrrp_common::flow::{Changed, Choice};

const LIVE: u16 = 1;
const BASE: u16 = 2;
const RECORDED: u16 = 3;

#[test]
fn a_connection_that_begins_takes_the_live_backend_and_is_remembered() {
    for live in [LIVE, BASE, RECORDED] {
        for base in [None, Some(BASE), Some(LIVE)] {
            for recorded in [None, Some(RECORDED), Some(LIVE), Some(BASE)] {
                let changed = Changed { live, base, recorded, begins: true };
                assert_eq!(changed.choose(), Choice { backend: live, record: true }, "{changed:?}");
            }
        }
    }
}

#[test]
fn anything_else_keeps_what_is_remembered_then_the_base_then_takes_what_is_live() {
    for live in [LIVE, BASE, RECORDED] {
        for base in [None, Some(BASE), Some(LIVE)] {
            for recorded in [None, Some(RECORDED), Some(LIVE), Some(BASE)] {
                let changed = Changed { live, base, recorded, begins: false };
                let backend = match (recorded, base) {
                    (Some(recorded), _) => recorded,
                    (None, Some(base)) => base,
                    (None, None) => live,
                };
                assert_eq!(changed.choose(), Choice { backend, record: false }, "{changed:?}");
            }
        }
    }
}

#[test]
fn a_connection_that_cannot_be_remembered_begins_where_its_next_packets_go() {
    for live in [LIVE, BASE] {
        for base in [None, Some(BASE), Some(LIVE)] {
            let begins = Changed { live, base, recorded: None, begins: true };
            let next = Changed { begins: false, ..begins };
            assert_eq!(begins.unrecorded(), next.choose().backend, "{begins:?}");
        }
    }
}

/// Backends of the sequences, in the slot's order of preference.
const BACKENDS: usize = 3;
/// Greatest number of changes in one drain.
const CHANGES: usize = 3;

/// A slot during one drain: its backend in the base, and the backends that are alive. It belongs to
/// the first living one by preference.
#[derive(Debug, Clone, Copy)]
struct Slot {
    base: usize,
    live: usize,
    touched: bool,
    alive: [bool; BACKENDS],
}

impl Slot {
    fn of(alive: [bool; BACKENDS]) -> Self {
        let owner = owner(alive);
        Self { base: owner, live: owner, touched: false, alive }
    }

    /// As the agent publishes it: the mark stays until the drain ends.
    fn change(&mut self, alive: [bool; BACKENDS]) {
        self.alive = alive;
        self.live = owner(alive);
        self.touched |= self.live != self.base;
    }

    fn seen(&self, record: Option<usize>, begins: bool) -> Changed {
        let alive = |backend: usize| self.alive[backend].then_some(backend as u16);
        Changed {
            live: self.live as u16,
            base: alive(self.base),
            recorded: record.and_then(alive),
            begins,
        }
    }

    /// The start of a connection, and its record.
    fn begin(&self, room: bool) -> (usize, Option<usize>) {
        let changed = self.seen(None, true);
        match (self.touched, room) {
            (false, _) => (self.live, None),
            (true, true) => {
                (changed.choose().backend.into(), Some(changed.choose().backend.into()))
            }
            (true, false) => (changed.unrecorded().into(), None),
        }
    }

    fn packet(&self, record: Option<usize>) -> usize {
        if self.touched { self.seen(record, false).choose().backend.into() } else { self.live }
    }
}

/// The first that is alive; without one the last, and packets are dropped.
fn owner(alive: [bool; BACKENDS]) -> usize {
    alive.iter().position(|&up| up).unwrap_or(BACKENDS - 1)
}

fn all_states() -> impl Iterator<Item = [bool; BACKENDS]> + Clone {
    (0..1 << BACKENDS).map(|bits: u32| std::array::from_fn(|backend| bits >> backend & 1 == 1))
}

/// Runs every sequence of up to [`CHANGES`] changes, with a connection that begins before any of
/// them or after the last. Calls `check` for each packet after a change with the history, whether
/// the base was alive when the connection began, the connection's first backend, the packet's
/// backend, whether the first backend has been alive since, and whether the base's state is the
/// same since.
fn every_sequence(room: bool, mut check: impl FnMut(&str, bool, usize, usize, bool, bool)) {
    for first in all_states() {
        let mut sequences = vec![vec![]];
        for _ in 0..CHANGES {
            let longer = sequences.iter().flat_map(|sequence: &Vec<_>| {
                let with = |state| sequence.iter().copied().chain([state]).collect::<Vec<_>>();
                all_states().map(with).collect::<Vec<_>>()
            });
            sequences = longer.collect();
        }
        for sequence in &sequences {
            for begins_after in 0..=CHANGES {
                let mut slot = Slot::of(first);
                sequence[..begins_after].iter().for_each(|state| slot.change(*state));
                if !slot.alive[slot.live] {
                    continue;
                }
                let (backend, record) = slot.begin(room);
                let base_served = slot.alive[slot.base];
                let (mut lives, mut base_as_before) = (true, true);
                for state in &sequence[begins_after..] {
                    slot.change(*state);
                    lives &= slot.alive[backend];
                    base_as_before &= slot.alive[slot.base] == base_served;
                    let history = format!("{first:?} {sequence:?}, begun after {begins_after}");
                    check(
                        &history,
                        base_served,
                        backend,
                        slot.packet(record),
                        lives,
                        base_as_before,
                    );
                }
            }
        }
    }
}

#[test]
fn a_remembered_connection_stays_while_its_backend_lives_whatever_changes() {
    let mut packets = 0;
    every_sequence(true, |history, _, began, goes, lives, _| {
        packets += 1;
        assert!(!lives || goes == began, "{history}: from {began} to {goes}");
    });
    assert!(packets > 10_000, "{packets}");
}

/// Without room for a record, a connection goes by the base: it stays where the base served it. One
/// that began while the base was dead goes by the live ring until the base lives.
#[test]
fn a_connection_that_cannot_be_remembered_stays_with_a_base_that_lives() {
    let (mut kept, mut moved) = (0, 0);
    every_sequence(false, |history, base_served, began, goes, lives, base_as_before| {
        if !lives {
            return;
        }
        if base_served && base_as_before {
            kept += 1;
            assert_eq!(goes, began, "{history}");
        } else if goes != began {
            moved += 1;
        }
    });
    assert!(kept > 1_000 && moved > 0, "{kept} kept, {moved} moved: what remembering is for");
}
