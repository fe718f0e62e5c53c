//! Guards of ranges: a commit that is made only if nothing between two keys was written since a snapshot.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by several tests")]
mod support;

mod model;

use coppice_engine::error::Code;
use coppice_engine::{Conflict, Db, Guard, Options, Snapshot, View, Written};
use std::ops::Bound;
use support::{World, keys, range, small};

fn guard<'a>(snapshot: &Snapshot, lower: &'a str, upper: &'a str) -> Guard<'a> {
    Guard::Range { lower: lower.as_bytes(), upper: upper.as_bytes(), since: snapshot.view().revision }
}

/// The keys that were named, and their revisions; nothing: it was committed.
fn refused(world: &World, db: &Db, guards: &[Guard<'_>]) -> Option<Vec<(usize, String, Option<u64>)>> {
    match world.write(db, &[("unrelated", Some("1"))], guards) {
        Written::Committed(_) => None,
        Written::Conflict { conflicts, .. } => Some(
            conflicts
                .into_iter()
                .map(|Conflict { guard, key, revision }| {
                    (guard, String::from_utf8(key.unwrap()).unwrap(), revision)
                })
                .collect(),
        ),
        other => panic!("{other:?}"),
    }
}

fn named(key: &str, revision: Option<u64>) -> Option<Vec<(usize, String, Option<u64>)>> {
    Some(vec![(0, key.to_owned(), revision)])
}

#[test]
fn a_put_a_change_and_a_delete_in_the_range_are_conflicts_that_name_the_key() {
    for history in [false, true] {
        let world = World::new();
        let db = world.open(Options { history: Some(history), ..small() });
        for key in ["a", "b", "c", "d"] {
            world.put(&db, key, "1");
        }
        let snapshot = db.snapshot().unwrap();
        assert_eq!(refused(&world, &db, &[guard(&snapshot, "", "u")]), None);
        let changed = world.put(&db, "b", "2");
        world.delete(&db, "c");
        let new = world.put(&db, "e", "1");
        // In memory, in level 0, and where nothing is below.
        for step in 0..3 {
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "a", "u")]), named("b", Some(changed)));
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "b", "c")]), named("b", Some(changed)));
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "c", "d")]), named("c", None), "step {step}");
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "d", "")]), named("e", Some(new)));
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "a", "b"), guard(&snapshot, "d", "e")]), None);
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "b\0", "c")]), None);
            if step == 0 { db.flush().unwrap() } else { db.compact(None, None).unwrap() }
        }
    }
}

#[test]
fn a_range_delete_is_a_conflict_where_it_took_a_key() {
    for history in [false, true] {
        let world = World::new();
        let db = world.open(Options { history: Some(history), ..small() });
        world.put(&db, "b", "1");
        world.put(&db, "m", "1");
        db.flush().unwrap();
        let snapshot = db.snapshot().unwrap();
        world.delete_range(&db, "a", Some("p"));
        for step in 0..3 {
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "a", "f")]), named("b", None), "step {step}");
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "c", "u")]), named("m", None));
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "c", "m")]), None);
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "n", "u")]), None);
            if step == 0 { db.flush().unwrap() } else { db.compact(None, None).unwrap() }
        }
    }
}

#[test]
fn guards_of_keys_and_ranges_are_answered_together_in_their_order() {
    let world = World::new();
    let db = world.open(small());
    let first = world.put(&db, "a", "1");
    let snapshot = db.snapshot().unwrap();
    let second = world.put(&db, "a", "2");
    let guards = [
        guard(&snapshot, "a", "b"),
        Guard::Key { key: b"b", revision: None },
        Guard::Key { key: b"a", revision: Some(first) },
    ];
    let conflicts = vec![
        Conflict { guard: 0, key: Some(b"a".to_vec()), revision: Some(second) },
        Conflict { guard: 2, key: None, revision: Some(second) },
    ];
    let written = world.write(&db, &[("c", Some("1"))], &guards);
    assert_eq!(written, Written::Conflict { revision: second, conflicts });
}

#[test]
fn an_entry_that_expires_is_no_write_whether_compaction_has_met_it_or_not() {
    for history in [false, true] {
        let world = World::new();
        let db = world.open(Options { history: Some(history), ..small() });
        world.put_until(&db, "a", "1", world.now() + 10);
        let snapshot = db.snapshot().unwrap();
        world.clock.advance(20);
        for _ in 0..3 {
            assert_eq!(refused(&world, &db, &[guard(&snapshot, "", "u")]), None);
            db.flush().unwrap();
            db.compact(None, None).unwrap();
        }
    }
}

#[test]
fn trimming_a_history_takes_nothing_from_what_proves_a_delete() {
    let world = World::new();
    let db = world.open(Options { history: Some(true), ..small() });
    world.put(&db, "a", "1");
    let snapshot = db.snapshot().unwrap();
    world.delete(&db, "a");
    let newest = world.put(&db, "z", "1");
    db.trim(newest).unwrap();
    db.flush().unwrap();
    db.compact(None, None).unwrap();
    assert_eq!(refused(&world, &db, &[guard(&snapshot, "", "m")]), named("a", None));
}

#[test]
fn a_range_is_guarded_since_a_live_snapshot_alone() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    let snapshot = db.snapshot().unwrap();
    let since = snapshot.view().revision;
    drop(snapshot);
    let guard = Guard::Range { lower: b"", upper: b"", since };
    let error = db.write(support::batch(&[("b", Some("1"))]).body(), &[guard]).unwrap_err();
    assert_eq!(error.code(), Code::Invalid);
    assert_eq!(world.get(&db, "b"), None);
}

#[test]
fn threads_that_number_rows_by_counting_them_leave_no_gap_and_number_none_twice() {
    const THREADS: usize = 4;
    const ROWS: usize = 100;
    let world = World::new();
    let db = world.open(Options::default());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (world, db) = (&world, &db);
            scope.spawn(move || {
                let mut written = 0;
                while written < ROWS {
                    let snapshot = db.snapshot().unwrap();
                    let all = range(Bound::Unbounded, Bound::Unbounded, false);
                    let count = keys(db.range(all, snapshot.view()).unwrap()).len();
                    let key = format!("row{count:05}");
                    match world.write(db, &[(&key, Some(&thread.to_string()))], &[guard(&snapshot, "", "")]) {
                        Written::Committed(_) => written += 1,
                        Written::Conflict { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    let all = keys(db.range(range(Bound::Unbounded, Bound::Unbounded, false), View::LATEST).unwrap());
    let wanted: Vec<String> = (0..THREADS * ROWS).map(|index| format!("row{index:05}")).collect();
    assert_eq!(all, wanted);
}
