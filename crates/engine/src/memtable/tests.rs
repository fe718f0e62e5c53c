//! The memtable against a `BTreeMap`, at its limits, and with readers while it is written.
//!
//! A failed random test prints its seed; `COPPICE_SEED=n` runs it again.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::room::REBUILD_AT;
use super::*;
use crate::cursor::Cursor;
use crate::entry::Kind;
use crate::limits;
use crate::testing::Seeded;

/// Miri, which checks every access, takes some hundred times longer.
const fn fewer(times: usize) -> usize {
    if cfg!(miri) { times.div_ceil(100) } else { times }
}

fn memtable(bytes: usize) -> Arc<Memtable> {
    Memtable::new(MemtableOptions { bytes, ..MemtableOptions::default() })
}

fn stored(user_key: &[u8]) -> Vec<u8> {
    [&[0], user_key].concat()
}

fn value_at(memtable: &Memtable, user_key: &[u8], at: Revision) -> Option<Vec<u8>> {
    memtable.get(&stored(user_key), at, |entry| entry.value.to_vec())
}

type Model = BTreeMap<(Vec<u8>, Reverse<Revision>), (u8, Vec<u8>)>;

fn check_scans(memtable: &Arc<Memtable>, model: &Model) {
    let mut cursor = memtable.cursor();
    cursor.seek_to_first().unwrap();
    for ((key, revision), (kind, value)) in model {
        assert_eq!((cursor.key(), cursor.entry().revision), (&key[..], revision.0));
        assert_eq!((cursor.entry().kind as u8, cursor.entry().value), (*kind, &value[..]));
        cursor.next().unwrap();
    }
    assert!(!cursor.valid());
    cursor.seek_to_last().unwrap();
    for (key, revision) in model.keys().rev() {
        assert_eq!((cursor.key(), cursor.entry().revision), (&key[..], revision.0));
        cursor.prev().unwrap();
    }
    assert!(!cursor.valid());
}

fn check_seeks(memtable: &Arc<Memtable>, model: &Model, key: &[u8], at: Revision) {
    let place = (key.to_vec(), Reverse(at));
    let after = model.range(place.clone()..).next();
    let before = model.range(..place).next_back();
    let mut cursor = memtable.cursor();

    let found = memtable.get(key, at, |entry| (entry.revision, entry.value.to_vec()));
    assert_eq!(found, after.filter(|(k, _)| k.0 == key).map(|(k, v)| (k.1.0, v.1.clone())));
    for (expected, is_after) in [(after, true), (before, false)] {
        if is_after {
            cursor.seek(key, at).unwrap()
        } else {
            cursor.seek_before(key, at).unwrap()
        }
        assert_eq!(cursor.valid(), expected.is_some());
        if let Some(((key, revision), (_, value))) = expected {
            assert_eq!((cursor.key(), cursor.entry().revision), (&key[..], revision.0));
            assert_eq!(cursor.entry().value, &value[..]);
        }
    }
    // Turning round across the place comes back to where it was.
    if let (Some(after), Some(before)) = (after, before) {
        cursor.next().unwrap();
        assert_eq!((cursor.key(), cursor.entry().revision), (&after.0.0[..], after.0.1.0));
        cursor.prev().unwrap();
        assert_eq!((cursor.key(), cursor.entry().revision), (&before.0.0[..], before.0.1.0));
    }
}

#[test]
fn it_answers_as_a_sorted_map_would_whatever_the_keys_and_options() {
    let mut random = Seeded::new();
    for round in 0..fewer(24) {
        let memtable = Memtable::new(MemtableOptions {
            bytes: 8 << 20,
            max_level: random.below(13) as u8,
            probability: [0.0, 1.0 / 16.0, 0.25, 0.5][random.below(4)],
            seed: random.next(),
        });
        let mut model = Model::new();
        let spread = [4, 300, 100_000][round % 3];
        for revision in 2..fewer(6000).max(700) as u64 {
            let n = random.below(spread) as u64;
            let user_key = match random.below(8) {
                0 => n.to_be_bytes()[6..].to_vec(),
                1 => format!("tenant/000000000000{revision:08}").into_bytes(),
                2 => vec![0xff; n as usize % 40],
                3..5 => format!("session/0000000000{n:08}").into_bytes(),
                _ => format!("tenant/000000000000{n:08}").into_bytes(),
            };
            let keyspace = random.below(16).saturating_sub(13) as u8;
            let revision = if random.below(8) == 0 { revision - 1 } else { revision };
            let value = vec![revision as u8; random.below(50)];
            let entry = match random.below(5) {
                0 => Entry::delete(revision),
                _ => Entry::put(revision, &value),
            };
            assert!(memtable.has_room(1, user_key.len() + entry.value.len()));
            memtable.insert(keyspace, &user_key, &entry);
            let key = [&[keyspace], &user_key[..]].concat();
            model.insert((key, Reverse(revision)), (entry.kind as u8, entry.value.to_vec()));
            if revision % 997 == 0 {
                check_scans(&memtable, &model);
            }
            if revision % 7 == 0 {
                let at = random.below(revision as usize + 2) as u64;
                check_seeks(&memtable, &model, &stored(&user_key), at);
            }
        }
        assert_eq!(memtable.entries(), model.len());
        check_scans(&memtable, &model);
        for (key, revision) in model.keys() {
            check_seeks(&memtable, &model, key, revision.0);
        }
    }
}

#[test]
fn an_empty_memtable_has_nothing_in_any_direction() {
    let memtable = memtable(1 << 16);
    let mut cursor = memtable.cursor();

    assert!(memtable.is_empty());
    assert_eq!(value_at(&memtable, b"", u64::MAX), None);
    cursor.seek_to_first().unwrap();
    assert!(!cursor.valid());
    cursor.seek_to_last().unwrap();
    assert!(!cursor.valid());
    cursor.seek(b"", 1).unwrap();
    assert!(!cursor.valid());
    cursor.seek_before(b"\xff", 1).unwrap();
    assert!(!cursor.valid());
}

#[test]
fn the_same_key_and_revision_again_replaces_the_value() {
    let memtable = memtable(1 << 20);
    for round in 0..3u8 {
        for n in 0..500u32 {
            memtable.insert(0, &n.to_be_bytes(), &Entry::put(9, &[round]));
        }
    }

    assert_eq!(memtable.entries(), 500);
    for n in 0..500u32 {
        assert_eq!(value_at(&memtable, &n.to_be_bytes(), 9), Some(vec![2]));
        assert_eq!(value_at(&memtable, &n.to_be_bytes(), 8), None);
    }
}

#[test]
fn the_longest_key_and_the_largest_value_of_a_record_fit() {
    let key = vec![0xab; limits::KEY_BYTES_MAX];
    let value = vec![0xcd; limits::RECORD_BYTES_MAX];
    let memtable = memtable(Memtable::bytes_needed(3, key.len() + value.len()));
    assert!(memtable.has_room(3, key.len() + value.len()));

    memtable.insert(0, &key, &Entry::put(2, b"short"));
    memtable.insert(255, b"large", &Entry::put(2, &value));
    memtable.insert(0, b"", &Entry::put(2, b"empty key"));

    assert_eq!(value_at(&memtable, &key, 2), Some(b"short".to_vec()));
    assert_eq!(memtable.get(b"\xfflarge", 2, |entry| entry.value == value), Some(true));
    assert_eq!(value_at(&memtable, b"", 2), Some(b"empty key".to_vec()));
}

#[test]
fn the_smallest_deadline_is_known() {
    let memtable = memtable(1 << 16);
    assert_eq!(memtable.deadline_ms_min(), NO_DEADLINE);

    for deadline_ms in [70, 50, 60] {
        memtable.insert(0, b"key", &Entry { deadline_ms, ..Entry::put(2, b"") });
    }
    memtable.insert(0, b"other", &Entry::put(2, b""));

    assert_eq!(memtable.deadline_ms_min(), 50);
    assert_eq!(memtable.get(b"\0key", 2, |entry| entry.deadline_ms), Some(60));
}

/// Keys in the orders that make the most nodes, as far as we know.
fn awkward_key(shape: u64, n: u64, random: &mut Seeded) -> Vec<u8> {
    match shape {
        0 => n.to_be_bytes().to_vec(),
        1 => (u64::MAX - n).to_be_bytes().to_vec(),
        // Runs that end just below the one before.
        2 => ((n % 33).wrapping_sub(n / 33 * 100)).to_be_bytes().to_vec(),
        3 => [&(n % 40).to_be_bytes()[..], &n.to_be_bytes()].concat(),
        _ => random.next().to_be_bytes().to_vec(),
    }
}

#[test]
fn inserts_after_a_true_has_room_never_fail_and_fill_the_arena() {
    let mut random = Seeded::new();
    for round in 0..fewer(40) {
        let bytes = [40 << 10, 300 << 10, 5 << 20][round % 3];
        let memtable = Memtable::new(MemtableOptions {
            bytes,
            max_level: 1 + random.below(12) as u8,
            probability: [0.0, 1.0 / 16.0, 0.5][random.below(3)],
            seed: random.next(),
        });
        let shape = round as u64 % 5;
        let batch = 1 + random.below(200);
        let value = vec![7; random.below(120)];
        let mut n = 0;
        loop {
            let keys: Vec<Vec<u8>> =
                (n..n + batch as u64).map(|n| awkward_key(shape, n, &mut random)).collect();
            n += batch as u64;
            let key_bytes: usize = keys.iter().map(Vec::len).sum();
            if !memtable.has_room(batch, key_bytes + batch * value.len()) {
                break;
            }
            for key in &keys {
                memtable.insert(
                    0,
                    key,
                    &Entry { deadline_ms: 5, lease: 6, version: 7, ..Entry::put(n, &value) },
                );
            }
        }
        // What stays free is what the last batch might have taken at worst: under 8 KiB an entry.
        assert!(memtable.entries() < REBUILD_AT[1] || bytes - memtable.bytes() < batch * (8 << 10));
    }
}

#[test]
fn what_bytes_needed_says_is_enough_and_has_room_agrees() {
    let mut random = Seeded::new();
    for entries in [0, 1, 31, 32, 33, fewer(1000), fewer(5000), fewer(40_000)] {
        for shape in 0..5 {
            let memtable = memtable(Memtable::bytes_needed(entries, entries * 16));
            assert!(memtable.has_room(entries, entries * 16));
            for n in 0..entries as u64 {
                let entry = Entry { deadline_ms: 5, lease: 6, version: 7, ..Entry::put(2, &[]) };
                memtable.insert(0, &awkward_key(shape, n, &mut random), &entry);
            }
            assert!(memtable.entries() <= entries);
        }
    }
}

#[test]
#[should_panic(expected = "has_room")]
fn an_insert_without_room_is_a_bug_of_the_caller() {
    memtable(32 << 10).insert(0, b"key", &Entry::put(2, &[0; 40 << 10]));
}

/// The writer inserts numbers in a scattered order and tells how far it is; whoever starts to read then must find all
/// of them, in order, once, in both directions.
#[test]
fn readers_and_cursors_on_other_threads_see_everything_written_before_they_began() {
    const NUMBERS: u64 = fewer(60_000) as u64;
    let mut random = Seeded::new();
    // Odd, so multiplying permutes the numbers; a prefix long enough that the list is rebuilt under the readers.
    let scatter = random.next() | 1;
    let key_of = |n: u64| format!("tenant/0000/{:016x}", n.wrapping_mul(scatter)).into_bytes();
    let memtable = memtable(Memtable::bytes_needed(NUMBERS as usize, NUMBERS as usize * 40));
    let written = AtomicU64::new(0);
    let random = parking_lot::Mutex::new(random);
    let any_below = |end: u64| random.lock().below(end as usize) as u64;

    let scan = |forward: bool, start: &[u8]| {
        let before = written.load(Ordering::Acquire);
        let mut cursor = memtable.cursor();
        match (forward, start.is_empty()) {
            (true, true) => cursor.seek_to_first().unwrap(),
            (false, true) => cursor.seek_to_last().unwrap(),
            (true, false) => cursor.seek(start, u64::MAX).unwrap(),
            (false, false) => cursor.seek_before(start, 0).unwrap(),
        }
        let mut last: Option<Vec<u8>> = None;
        let mut old = 0;
        while cursor.valid() {
            let n = u64::from_be_bytes(cursor.entry().value.try_into().unwrap());
            assert_eq!(cursor.key(), stored(&key_of(n)), "key and value belong together");
            if let Some(last) = &last {
                assert_eq!(last.as_slice() < cursor.key(), forward, "in order and once");
            }
            old += u64::from(n < before);
            last = Some(cursor.key().to_vec());
            if forward { cursor.next().unwrap() } else { cursor.prev().unwrap() }
        }
        let expected = (0..before).filter(|&n| {
            let key = stored(&key_of(n));
            start.is_empty() || if forward { key.as_slice() >= start } else { key.as_slice() <= start }
        });
        assert_eq!(old, expected.count() as u64, "complete");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..NUMBERS {
                memtable.insert(0, &key_of(n), &Entry::put(n + 2, &n.to_be_bytes()));
                written.store(n + 1, Ordering::Release);
            }
        });
        for reader in 0..3 {
            let (written, memtable, scan, any_below) = (&written, &memtable, &scan, &any_below);
            scope.spawn(move || {
                while written.load(Ordering::Acquire) < NUMBERS {
                    let before = written.load(Ordering::Acquire);
                    if reader < 2 {
                        scan(reader == 0, &[]);
                        scan(reader == 1, &stored(&key_of(any_below(NUMBERS))));
                    } else if before > 0 {
                        let n = any_below(before);
                        let key = stored(&key_of(n));
                        assert_eq!(memtable.get(&key, n + 2, |entry| entry.revision), Some(n + 2));
                        assert_eq!(memtable.get(&key, n + 1, |entry| entry.revision), None);
                    }
                }
                scan(true, &[]);
                scan(false, &[]);
            });
        }
    });
    assert_eq!(memtable.entries() as u64, NUMBERS);
}

#[test]
fn a_reader_sees_the_old_or_the_new_value_while_one_is_replaced() {
    let memtable = memtable(8 << 20);
    for n in 0..100u64 {
        memtable.insert(0, &n.to_be_bytes(), &Entry::put(2, &[0; 24]));
    }
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..fewer(40_000) as u64 {
                let value = [(round % 251) as u8; 24];
                memtable.insert(0, &(round % 100).to_be_bytes(), &Entry::put(2, &value));
            }
        });
        while !writer.is_finished() {
            for n in 0..100u64 {
                let whole = memtable.get(&stored(&n.to_be_bytes()), 2, |entry| {
                    entry.kind == Kind::Put && entry.value.iter().all(|&byte| byte == entry.value[0])
                });
                assert_eq!(whole, Some(true));
            }
        }
    });
    assert_eq!(memtable.entries(), 100);
}
