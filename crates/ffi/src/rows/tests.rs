//! Rows, and what a transaction has read of them, against a map that knows all keys there can be.

use super::*;
use crate::call::Failure;
use crate::code::Code;
use crate::database::Database;
use crate::range::Span;
use crate::write::{Durability, Pack};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Keys are numbers below this, as one byte each.
const KEYS: u64 = 40;

struct Folder(PathBuf);

impl Folder {
    fn open() -> (Folder, Database) {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("coppice-ffi-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        let path = folder.0.to_str().expect("a path of text");
        let db = Database::open(path, &["durability", "process"]).expect("the database opens");
        (folder, db)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn key(&mut self) -> u8 {
        self.below(KEYS) as u8
    }
}

fn put(shared: &Shared, key: u8, value: &[u8]) {
    let mut pack = Pack::default();
    pack.put(&[key], Cow::Borrowed(value), None).expect("room");
    commit(shared, pack);
}

fn commit(shared: &Shared, mut pack: Pack<'_>) {
    shared.commit(&mut pack, &[], Durability::Process, &mut Default::default()).expect("nothing is guarded");
}

/// Where the rows stand, between all keys: 2k + 1 is on key k, 2k before it.
#[derive(Clone, Copy)]
enum At {
    Anywhere,
    Gap(u64),
}

struct Model {
    rows: BTreeMap<u8, Vec<u8>>,
    /// Of keys: from one up to, without, another.
    range: (u8, u8),
    at: At,
    read: BTreeSet<u8>,
}

impl Model {
    fn step(&mut self, reverse: bool) -> Option<(u8, Vec<u8>)> {
        let (from, to) = (2 * u64::from(self.range.0), 2 * u64::from(self.range.1));
        let ahead = match (self.at, reverse) {
            (At::Anywhere, _) => from..to,
            (At::Gap(at), false) => (at + at % 2).max(from)..to,
            (At::Gap(at), true) => from..at.min(to),
        };
        let keys = || self.rows.iter().filter(|(key, _)| ahead.contains(&(2 * u64::from(**key) + 1)));
        // A key that it stands on is not ahead of it.
        let found = if reverse { keys().next_back() } else { keys().next() };
        let found = found.map(|(key, value)| (*key, value.clone()));
        let passed = match (&found, reverse) {
            (None, _) => ahead.clone(),
            (Some((key, _)), false) => ahead.start..2 * u64::from(*key) + 2,
            (Some((key, _)), true) => 2 * u64::from(*key)..ahead.end,
        };
        self.read.extend((0..KEYS as u8).filter(|key| passed.contains(&(2 * u64::from(*key) + 1))));
        self.at = At::Gap(match (&found, reverse) {
            (Some((key, _)), _) => 2 * u64::from(*key) + 1,
            (None, true) => from,
            (None, false) => to,
        });
        found
    }
}

fn row(rows: &mut Rows, reverse: bool) -> Option<(u8, Vec<u8>)> {
    rows.step(reverse).expect("open").then(|| {
        let (key, entry, length) = rows.row(true).expect("sound");
        assert_eq!((key.len(), entry.value.len()), (1, length));
        (key[0], entry.value.to_vec())
    })
}

/// A transaction walks, and writes as it walks; then somebody else writes one key, and it commits.
fn walk(shared: &Arc<Shared>, seed: u64) -> bool {
    let mut random = Random(seed);
    let mut committed = BTreeMap::new();
    let mut pack = Pack::default();
    pack.delete_range(&Span { lower: vec![], upper: None }).expect("room");
    commit(shared, pack);
    for _ in 0..KEYS {
        let key = random.key();
        put(shared, key, b"committed");
        committed.insert(key, b"committed".to_vec());
        if random.below(400) == 0 {
            shared.db.flush().expect("room on the disk");
        }
    }
    let state = State::new(shared.clone(), false).expect("open");
    let snapshot = state.snapshot().expect("open").clone();
    let transaction = Arc::new(Mutex::new(state));
    let lower = random.below(KEYS / 2) as u8;
    let range = (lower, lower + random.below(KEYS / 2) as u8);
    let bounds = Bounds { lower: Bound::Included(vec![range.0]), upper: Bound::Excluded(vec![range.1]) };
    let mut rows = Rows::new(shared.clone(), snapshot, bounds).within(transaction.clone());
    let mut model = Model { rows: committed, range, at: At::Anywhere, read: BTreeSet::new() };

    let mut reverse = false;
    for step in 0..random.below(60) {
        match random.below(20) {
            0 => {
                rows.reset();
                model.at = At::Anywhere;
            }
            1 | 2 => {
                let key = random.key();
                rows.seek(&[key]);
                model.at = At::Gap(2 * u64::from(key));
            }
            3..6 => {
                let (key, value) = (random.key(), step.to_be_bytes());
                let own = Own { value: Some(value[..].into()), deadline_ms: None };
                transaction.lock().writes.set(&[key], own).expect("room");
                model.rows.insert(key, value.to_vec());
            }
            6 | 7 => {
                let key = random.key();
                transaction.lock().writes.set(&[key], Own::default()).expect("room");
                model.rows.remove(&key);
            }
            8 => {
                let (from, to) = (random.key(), random.key());
                if from < to {
                    let span = Span { lower: vec![from], upper: Some(vec![to]) };
                    transaction.lock().writes.delete_range(span).expect("room");
                    model.rows.retain(|key, _| !(from..to).contains(key));
                }
            }
            9 => reverse = !reverse,
            _ => assert_eq!(row(&mut rows, reverse), model.step(reverse), "seed {seed}, step {step}"),
        }
    }

    let mut state = transaction.lock();
    state.writes.set(b"own", Own { value: Some(b"1"[..].into()), deadline_ms: None }).expect("room");
    let changed = random.key();
    put(shared, changed, b"changed");
    let lost = match state.commit(crate::write::COPPICE_USUAL) {
        Ok(_) => false,
        Err(Failure { code, .. }) => {
            assert_eq!(code, Code::Conflict);
            true
        }
    };
    assert_eq!(lost, model.read.contains(&changed), "seed {seed}: key {changed} of {:?}", model.read);
    lost
}

#[test]
fn rows_are_those_of_a_map_and_a_commit_is_lost_exactly_to_who_changes_what_was_passed_over() {
    let (_folder, db) = Folder::open();
    let lost = (1..=400).filter(|seed| walk(db.shared(), *seed)).count();
    assert!((40..360).contains(&lost), "both ends were met: {lost} were lost");
    db.shared().db.close().expect("it closes");
}
