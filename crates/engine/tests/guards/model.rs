//! Random commits, flushes, merges and times between a snapshot and a guarded commit: what is refused is what a list of all
//! commits says.

use crate::support::{World, small};
use coppice_engine::batch::{Batch, Reason};
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Conflict, Db, Guard, Options, Snapshot, Written};
use std::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 120;
const OPERATIONS: usize = 600;
const SNAPSHOTS_MAX: usize = 4;
const KEYS: usize = 90;

/// What one commit made of one key: put until a deadline, or deleted.
struct Change {
    revision: u64,
    key: String,
    until_ms: Option<i64>,
}

struct Model {
    world: World,
    db: Db,
    random: SeededRandom,
    changes: Vec<Change>,
    snapshots: Vec<Snapshot>,
    refused: usize,
    committed: usize,
}

impl Model {
    fn new(seed: u64, history: bool) -> Model {
        let world = World::new();
        let db = world.open(Options { history: Some(history), ..small() });
        let random = SeededRandom::new(seed);
        let (changes, snapshots) = (Vec::new(), Vec::new());
        Model { world, db, random, changes, snapshots, refused: 0, committed: 0 }
    }

    fn key(&self) -> String {
        format!("key{:02}", self.random.below(KEYS))
    }

    fn bounds(&self) -> (String, String) {
        let lower = self.random.below(KEYS);
        let upper = lower + 1 + self.random.below(5);
        (format!("key{lower:02}"), format!("key{upper:02}"))
    }

    /// The newest put of each key at a revision, that nothing has deleted and whose deadline is after a time.
    fn at(&self, revision: u64, now_ms: i64) -> BTreeMap<&str, (u64, i64)> {
        let mut live = BTreeMap::new();
        for change in self.changes.iter().filter(|change| change.revision <= revision) {
            match change.until_ms {
                Some(until_ms) => live.insert(&change.key[..], (change.revision, until_ms)),
                None => live.remove(&change.key[..]),
            };
        }
        live.retain(|_, (_, until_ms)| *until_ms > now_ms);
        live
    }

    fn step(&mut self) {
        match self.random.below(24) {
            0..10 => self.write(),
            10 => self.delete_range(),
            11 => self.db.flush().unwrap(),
            12 => self.db.run_background(),
            13 => self.db.compact(None, None).unwrap(),
            14 => self.world.clock.advance(self.random.below(40) as i64),
            15..18 if self.snapshots.len() < SNAPSHOTS_MAX => {
                self.snapshots.push(self.db.snapshot().unwrap())
            }
            18 if !self.snapshots.is_empty() => {
                drop(self.snapshots.remove(self.random.below(self.snapshots.len())))
            }
            19.. if !self.snapshots.is_empty() => self.check(),
            _ => {}
        }
    }

    /// Long enough that memtables fill up.
    fn value(&self) -> Vec<u8> {
        vec![b'v'; self.random.below(300)]
    }

    fn write(&mut self) {
        let keys: BTreeSet<String> = (0..1 + self.random.below(3)).map(|_| self.key()).collect();
        let mut batch = Batch::new();
        let mut made = Vec::new();
        for key in keys {
            let until_ms = match self.random.below(10) {
                0..4 => None,
                4 => Some(self.world.now() + 1 + self.random.below(60) as i64),
                _ => Some(i64::MAX),
            };
            match until_ms {
                None => batch.delete(0, key.as_bytes(), Reason::User),
                Some(until_ms) => {
                    let deadline = (until_ms < i64::MAX).then_some(until_ms);
                    batch.put(0, key.as_bytes(), &self.value(), deadline)
                }
            }
            .unwrap();
            made.push((key, until_ms));
        }
        let revision = self.world.commit_batch(&self.db, batch);
        self.changes.extend(made.into_iter().map(|(key, until_ms)| Change { revision, key, until_ms }));
    }

    fn delete_range(&mut self) {
        let (lower, upper) = self.bounds();
        let was: Vec<String> = self
            .at(u64::MAX, i64::MIN)
            .range(&lower[..]..&upper[..])
            .map(|(key, _)| (*key).to_owned())
            .collect();
        let revision = self.world.delete_range(&self.db, &lower, Some(&upper));
        self.changes.extend(was.into_iter().map(|key| Change { revision, key, until_ms: None }));
    }

    fn check(&mut self) {
        let snapshot = &self.snapshots[self.random.below(self.snapshots.len())];
        let since = snapshot.view().revision;
        // What had expired by then may be gone without anybody having written.
        let began_ms = snapshot.view().now_ms.unwrap();
        let ranges: Vec<(String, String)> = (0..1 + self.random.below(3)).map(|_| self.bounds()).collect();
        let guards: Vec<Guard<'_>> = ranges
            .iter()
            .map(|(lower, upper)| Guard::Range { lower: lower.as_bytes(), upper: upper.as_bytes(), since })
            .collect();
        let (was, is) = (self.at(since, began_ms), self.at(u64::MAX, began_ms));
        let written = loop {
            match self.world.write(&self.db, &[("other", Some("1"))], &guards) {
                Written::Stalled => self.db.run_background(),
                written => break written,
            }
        };
        let conflicts = match written {
            Written::Conflict { conflicts, .. } => conflicts,
            _ => Vec::new(),
        };
        for (index, (lower, upper)) in ranges.iter().enumerate() {
            let inside = |key: &str| &lower[..] <= key && key < &upper[..];
            let here = || lower.as_str()..upper.as_str();
            let differs = !was.range(here()).eq(is.range(here()));
            let touched: BTreeSet<&str> = self
                .changes
                .iter()
                .filter(|change| change.revision > since && inside(&change.key))
                .map(|change| &change.key[..])
                .collect();
            let found: Option<&Conflict> = conflicts.iter().find(|conflict| conflict.guard == index);
            match found {
                // What was made and deleted again since may have left nothing.
                None => assert!(!differs, "{lower:?} to {upper:?} since {since}: {touched:?} went unnoticed"),
                Some(Conflict { key, revision, .. }) => {
                    let key = std::str::from_utf8(key.as_deref().unwrap()).unwrap();
                    assert!(
                        touched.contains(key),
                        "{key} was not written in {lower:?} to {upper:?} since {since}"
                    );
                    let now_ms = self.world.now();
                    let live =
                        is.get(key).filter(|(_, until_ms)| *until_ms > now_ms).map(|(revision, _)| *revision);
                    assert_eq!(*revision, live, "{key}");
                }
            }
        }
        if conflicts.is_empty() {
            self.committed += 1;
        } else {
            self.refused += 1;
        }
    }
}

#[test]
fn a_guarded_range_is_refused_if_and_only_if_something_in_it_was_written() {
    let (mut refused, mut committed) = (0, 0);
    for seed in 1..=SEEDS {
        let mut model = Model::new(seed, seed % 3 == 0);
        (0..OPERATIONS).for_each(|_| model.step());
        refused += model.refused;
        committed += model.committed;
    }
    assert!(refused > 2000 && committed > 2000, "{refused} refused, {committed} committed");
}
