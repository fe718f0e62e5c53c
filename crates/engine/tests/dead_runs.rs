//! What range cursors read of keys that are dead: pages counted, on a simulated disk without threads.

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with the other tests of the database")]
mod support;

use coppice_engine::batch::{Batch, Reason};
use coppice_engine::{Db, View, Written};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use support::{World, keys, range, small};

const KEYS: usize = 4_000;

fn name(index: usize) -> String {
    format!("key{index:05}")
}

/// Some in each commit, as much as a small memtable takes.
fn commit_all(db: &Db, add: impl Fn(&mut Batch, &str)) {
    for first in (0..KEYS).step_by(50) {
        let mut batch = Batch::new();
        (first..first + 50).for_each(|index| add(&mut batch, &name(index)));
        while db.write(batch.body(), &[]).unwrap() == Written::Stalled {
            db.run_background();
        }
    }
}

/// Pages looked at, and the rows found, by a scan of everything.
fn scan(db: &Db, view: View, reverse: bool) -> (u64, Vec<String>) {
    let before = db.stats();
    let rows = keys(db.range(range(Bound::Unbounded, Bound::Unbounded, reverse), view).unwrap());
    let after = db.stats();
    (after.cache_hits + after.cache_misses - before.cache_hits - before.cache_misses, rows)
}

fn assert_second_scan_jumps(db: &Db, live: &[String]) {
    let (walked, rows) = scan(db, View::LATEST, false);
    assert_eq!(rows, live);
    assert!(walked > 200, "{walked} pages hold the dead keys");
    for reverse in [false, true] {
        let (opened, mut rows) = scan(db, View::LATEST, reverse);
        if reverse {
            rows.reverse();
        }
        assert_eq!(rows, live);
        assert!(opened * 100 <= walked + 600, "{opened} of {walked} pages (reverse: {reverse})");
    }
}

#[test]
fn a_second_scan_over_deleted_keys_opens_next_to_no_pages() {
    let world = World::new();
    let db = world.open(small());
    commit_all(&db, |batch, key| {
        batch.put(0, key.as_bytes(), &[b'x'; 60], None).unwrap();
    });
    db.compact(None, None).unwrap();
    // Without background turns nothing compacts the deletes away.
    let _held = db.snapshot().unwrap();
    commit_all(&db, |batch, key| {
        batch.delete(0, key.as_bytes(), Reason::User).unwrap();
    });
    world.put(&db, "key02000", "alive");
    world.put(&db, "z", "alive");
    assert_second_scan_jumps(&db, &["key02000".into(), "z".into()]);
}

#[test]
fn a_second_scan_over_expired_keys_opens_next_to_no_pages() {
    let world = World::new();
    let db = world.open(small());
    let deadline_ms = world.now() + 1_000;
    commit_all(&db, |batch, key| {
        batch.put(0, key.as_bytes(), &[b'x'; 60], Some(deadline_ms)).unwrap();
    });
    world.put(&db, "a", "alive");
    db.compact(None, None).unwrap();
    let before = db.snapshot().unwrap();
    world.clock.advance(1_000);
    assert_second_scan_jumps(&db, &["a".into()]);
    assert_eq!(scan(&db, before.view(), false).1.len(), KEYS + 1, "an earlier reader sees them as they were");
}

#[test]
fn what_is_put_among_dead_keys_is_seen_by_whoever_comes_later_and_by_nobody_else() {
    let world = World::new();
    let db = world.open(small());
    commit_all(&db, |batch, key| {
        batch.put(0, key.as_bytes(), b"", None).unwrap();
    });
    let full = db.snapshot().unwrap();
    commit_all(&db, |batch, key| {
        batch.delete(0, key.as_bytes(), Reason::User).unwrap();
    });
    let empty = db.snapshot().unwrap();
    assert!(scan(&db, View::LATEST, false).1.is_empty());
    for (count, index) in [0, 1_999, 2_000, KEYS - 1].into_iter().enumerate() {
        world.put(&db, &name(index), "again");
        for reverse in [false, true] {
            assert_eq!(scan(&db, View::LATEST, reverse).1.len(), count + 1);
            assert!(scan(&db, empty.view(), reverse).1.is_empty());
            assert_eq!(scan(&db, full.view(), reverse).1.len(), KEYS);
        }
    }
}

#[test]
fn taking_the_first_of_a_queue_reads_no_more_however_many_were_taken() {
    let world = World::new();
    let db = world.open(small());
    commit_all(&db, |batch, key| {
        batch.put(0, key.as_bytes(), &[b'x'; 60], None).unwrap();
    });
    let take = |expected: usize| {
        let all = range(Bound::Unbounded, Bound::Unbounded, false);
        let mut cursor = db.range(all, View::LATEST).unwrap();
        assert!(cursor.next().unwrap());
        assert_eq!(cursor.key(), name(expected).as_bytes());
        drop(cursor);
        world.delete(&db, &name(expected));
    };
    let pages = |from: usize, until: usize| {
        let before = db.stats();
        (from..until).for_each(take);
        let after = db.stats();
        after.cache_hits + after.cache_misses - before.cache_hits - before.cache_misses
    };
    // Nothing is flushed in between but what fills up, and nothing is compacted.
    let first = pages(0, 500);
    (500..KEYS - 500).for_each(take);
    let last = pages(KEYS - 500, KEYS);
    assert!(last <= 2 * first, "{last} pages for the last 500, {first} for the first");
}

#[test]
fn a_put_among_dead_keys_is_seen_at_once_while_others_scan_them() {
    let world = World::new();
    let db = world.open(small());
    commit_all(&db, |batch, key| {
        batch.delete(0, key.as_bytes(), Reason::User).unwrap();
    });
    let stop = AtomicBool::new(false);
    let scanned = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for reverse in [false, true] {
            let (db, stop, scanned) = (db.clone(), &stop, &scanned);
            threads.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let all = range(Bound::Unbounded, Bound::Unbounded, reverse);
                    assert!(keys(db.range(all, View::LATEST).unwrap()).len() <= 1);
                    scanned.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..3_000 {
            let key = name(round * 7_919 % KEYS);
            world.put(&db, &key, "alive");
            let all = range(Bound::Unbounded, Bound::Unbounded, round % 2 == 0);
            let found = keys(db.range(all, View::LATEST).unwrap());
            assert_eq!(found, std::slice::from_ref(&key), "round {round}");
            world.delete(&db, &key);
        }
        while scanned.load(Ordering::Relaxed) < 100 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(db.stats().runs_noted > 10 && db.stats().runs_passed > 1_000, "{:?}", db.stats());
}
