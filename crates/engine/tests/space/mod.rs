//! A database gives its room back by itself: nobody calls or writes, only time passes.

use super::support::{World, small};
use coppice_engine::{Compaction, Db, Options, Policy, Stats, Tuning, Written};

const KEYS: usize = 3_000;
/// What stays whatever is deleted: the smallest segment, the manifest, the lock, a table that is not worth rewriting.
const REST_BYTES: u64 = 16 << 10;

fn options() -> Options {
    let tuning = Tuning { garbage_bytes_min: 1 << 10, ..small().tuning };
    Options { tuning, ..small() }
}

fn key(number: usize) -> String {
    format!("{:04}", number * 1_777 % KEYS)
}

/// Every key with a value, some in tables and some in memory, and the bytes that it takes.
fn filled(world: &World, db: &Db, deadline_ms: Option<i64>) -> u64 {
    for number in 0..KEYS {
        let value = format!("{number}").repeat(40);
        match deadline_ms {
            Some(deadline_ms) => world.put_until(db, &key(number), &value, deadline_ms + number as i64),
            None => assert!(world.put(db, &key(number), &value) > 1),
        }
        if number % 50 == 0 {
            db.run_background();
        }
    }
    db.run_background();
    world.disk.bytes_used()
}

fn delete_all(world: &World, db: &Db) {
    for number in 0..KEYS {
        world.delete(db, &key(number));
    }
}

/// Time passes, second by second.
fn rest(world: &World, db: &Db, seconds: usize) {
    for _ in 0..seconds {
        world.clock.advance(1_000);
        db.run_background();
    }
}

fn entries(stats: &Stats) -> u64 {
    stats.levels.iter().map(|level| level.entries).sum()
}

#[test]
fn sixty_seconds_after_everything_was_deleted_hardly_a_byte_is_left() {
    let world = World::new();
    let db = world.open(options());
    let before = filled(&world, &db, None);
    delete_all(&world, &db);
    rest(&world, &db, 60);
    let after = world.disk.bytes_used();
    assert!(after <= before / 20 + REST_BYTES, "{before} bytes became {after}: {:?}", db.stats());
    assert!(db.stats().log_bytes <= 4 << 10);
    world.put(&db, "more", "1");
    drop(db);
    let db = world.open(options());
    assert_eq!(world.rows(&db, false).len(), 0, "nothing comes back, and what was not written out is lost");
}

#[test]
fn what_was_deleted_before_the_process_was_killed_goes_after_the_next_open() {
    let world = World::new();
    let db = world.open(options());
    let before = filled(&world, &db, None);
    delete_all(&world, &db);
    db.write_out().unwrap();
    drop(db);
    let db = world.open(options());
    rest(&world, &db, 60);
    let after = world.disk.bytes_used();
    assert!(after <= before / 20 + REST_BYTES, "{before} bytes became {after}: {:?}", db.stats());
}

#[test]
fn entries_whose_deadlines_have_passed_leave_the_disk_as_deleted_ones_do() {
    let world = World::new();
    let db = world.open(options());
    let before = filled(&world, &db, Some(world.now() + 100_000));
    rest(&world, &db, 90);
    assert!(world.disk.bytes_used() > before / 2, "before their time they stay");
    rest(&world, &db, 70);
    let after = world.disk.bytes_used();
    assert!(after <= before / 20 + REST_BYTES, "{before} bytes became {after}: {:?}", db.stats());
    assert!(db.stats().tables_dropped > 0, "a table of which nothing is alive is not read");
}

#[test]
fn a_snapshot_delays_it_and_its_release_resumes_it() {
    let world = World::new();
    let db = world.open(options());
    let before = filled(&world, &db, None);
    let snapshot = db.snapshot().unwrap();
    delete_all(&world, &db);
    rest(&world, &db, 120);
    assert_eq!(world.rows_at(&db, snapshot.view(), false).len(), KEYS);
    assert!(world.disk.bytes_used() > before / 2, "all of it is still read");
    drop(snapshot);
    rest(&world, &db, 60);
    let after = world.disk.bytes_used();
    assert!(after <= before / 20 + REST_BYTES, "{before} bytes became {after}: {:?}", db.stats());
}

#[test]
fn a_tenth_that_is_deleted_is_no_reason_to_rewrite_the_rest() {
    let world = World::new();
    let db = world.open(options());
    filled(&world, &db, None);
    db.compact(None, None).unwrap();
    let compactions = db.stats().compactions;
    for number in 0..KEYS / 10 {
        world.delete(&db, &key(number));
    }
    db.flush().unwrap();
    rest(&world, &db, 60);
    assert_eq!(db.stats().compactions, compactions, "{:?}", db.stats());
    assert!(entries(&db.stats()) > KEYS as u64);
}

#[test]
fn writes_take_their_time_while_compaction_is_behind_and_none_once_it_is_not() {
    let world = World::new();
    let tuning = Tuning { level0_stop: 8, ..options().tuning };
    let db = world.open(Options { tuning, ..options() });
    for _ in 0..6 {
        world.put(&db, "a", "1");
        world.clock.advance(2_000);
        db.flush().unwrap();
    }
    assert!((0.5..=0.75).contains(&db.stats().pressure), "{:?}", db.stats());
    // One commit of any size, and then nothing until it has been paid for.
    let large = "x".repeat(8_000);
    let write = |key: &str| world.write(&db, &[(key, Some(&large))], &[]);
    assert!(matches!(write("b"), Written::Committed(_)));
    assert_eq!(write("c"), Written::Stalled);
    assert!(matches!(world.write(&db, &[("a", None)], &[]), Written::Committed(_)), "deletes make it less");
    world.clock.advance(1_000);
    assert!(matches!(write("c"), Written::Committed(_)));
    assert_eq!(write("d"), Written::Stalled);
    db.run_background();
    let stats = db.stats();
    assert_eq!((stats.delays, stats.stalls, stats.levels[0].files), (1, 0, 0));
    for key in ["d", "e"] {
        assert!(matches!(write(key), Written::Committed(_)));
    }
}

#[test]
fn an_interval_merges_everything_down_as_often_as_it_was_asked_to_and_only_if_something_was_flushed() {
    let world = World::new();
    let interval_ms = Some(30_000);
    let db =
        world.open(Options { compaction: Compaction { interval_ms, ..options().compaction }, ..options() });
    for round in ["1", "2", "3"] {
        world.put(&db, "a", round);
        world.put(&db, round, round);
        db.flush().unwrap();
    }
    assert_eq!(db.stats().levels[0].files, 3);
    rest(&world, &db, 29);
    assert_eq!(db.stats().levels[0].files, 3);
    rest(&world, &db, 2);
    assert_eq!((db.stats().levels[0].files, entries(&db.stats())), (0, 4));
    let compactions = db.stats().compactions;
    rest(&world, &db, 100);
    assert_eq!(db.stats().compactions, compactions);
}

#[test]
fn many_compactions_and_parts_of_them_at_once_leave_what_one_after_the_other_leaves() {
    let mut left = Vec::new();
    for (threads, policy) in
        [(1, Policy::Levelled), (4, Policy::Levelled), (1, Policy::Paired), (4, Policy::Paired)]
    {
        let world = World::new();
        let compaction = Compaction { threads: Some(threads), policy, ..options().compaction };
        let tuning = Tuning { table_bytes: 2 << 10, level_base_bytes: 16 << 10, ..options().tuning };
        let db = world.open(Options { compaction, tuning, ..options() });
        filled(&world, &db, None);
        for number in (0..KEYS).step_by(3) {
            world.delete(&db, &key(number));
        }
        db.flush().unwrap();
        rest(&world, &db, 60);
        let stats = db.stats();
        assert_eq!(stats.subcompactions > 0, threads > 1, "{policy:?} with {threads}: {stats:?}");
        left.push(world.rows(&db, false));
    }
    assert!(left[0].len() == KEYS - KEYS / 3 && left.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A range delete that is still needed stands in one table, whose keys and range no other of its level crosses.
#[test]
fn a_merge_that_carries_a_range_delete_is_not_cut_into_parts() {
    let world = World::new();
    let compaction = Compaction { threads: Some(4), ..options().compaction };
    let tuning = Tuning { table_bytes: 2 << 10, level_base_bytes: 16 << 10, ..options().tuning };
    let options = Options { compaction, tuning, ..options() };
    let db = world.open(options.clone());
    filled(&world, &db, None);
    // It holds what the range deletes hide, so that they stay.
    let _snapshot = db.snapshot().unwrap();
    for (lower, upper) in [("0500", "1500"), ("1000", "2500"), ("2400", "2900")] {
        world.delete_range(&db, lower, Some(upper));
        for number in 0..KEYS / 10 {
            world.put(&db, &key(number), "again");
        }
        db.flush().unwrap();
        rest(&world, &db, 2);
    }
    db.compact(None, None).unwrap();
    let levels = db.stats().levels;
    assert!(levels[1..].iter().any(|level| level.range_deletes > 0), "none was carried down: {levels:?}");
    let rows = world.rows(&db, false);
    let verified = db.verify(&mut |_| ()).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    db.close().unwrap();
    assert_eq!(world.rows(&world.open(options), false), rows);
}
