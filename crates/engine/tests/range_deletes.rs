//! Range deletes through the public calls, one behaviour a test, on a simulated disk without threads.

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with the other tests of the database")]
mod support;

use coppice_engine::batch::Batch;
use coppice_engine::disk::simulated::Loss;
use coppice_engine::{Db, Guard, Options, View, Written};
use std::ops::Bound;
use support::{World, keys, range, small};

fn fill(world: &World, db: &Db, count: usize) {
    for index in 0..count {
        world.put(db, &name(index), "value");
    }
}

fn name(index: usize) -> String {
    format!("key{index:04}")
}

fn all(db: &Db, reverse: bool) -> Vec<String> {
    let mut found = keys(db.range(range(Bound::Unbounded, Bound::Unbounded, reverse), View::LATEST).unwrap());
    if reverse {
        found.reverse();
    }
    found
}

/// What every way of reading says is there.
fn present(world: &World, db: &Db) -> Vec<String> {
    let forward = all(db, false);
    assert_eq!(forward, all(db, true));
    let got: Vec<String> = (0..600).map(name).filter(|key| world.get(db, key).is_some()).collect();
    assert_eq!(forward, got);
    forward
}

fn entries(db: &Db) -> u64 {
    db.stats().levels.iter().map(|level| level.entries + level.range_deletes).sum()
}

#[test]
fn a_deleted_range_stays_deleted_in_memory_in_tables_after_compaction_and_reopen() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 600);
    db.flush().unwrap();
    assert_eq!(world.delete_range(&db, "key0100", Some("key0500")), 602);
    world.put(&db, "key0200", "later");
    let wanted: Vec<String> = (0..600).filter(|n| !(100..500).contains(n) || *n == 200).map(name).collect();
    assert_eq!(present(&world, &db), wanted);
    db.flush().unwrap();
    assert_eq!(present(&world, &db), wanted);
    db.compact(None, None).unwrap();
    assert_eq!(present(&world, &db), wanted);
    assert_eq!(entries(&db), 201, "neither the range delete nor what it deleted is left");
    db.close().unwrap();
    assert_eq!(present(&world, &world.open(small())), wanted);
}

#[test]
fn a_range_delete_that_was_written_out_comes_back_from_the_log() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 10);
    world.delete_range(&db, "key0003", None);
    world.put(&db, "key0005", "later");
    db.request_sync();
    db.run_background();
    drop(db);
    world.disk.restart(Loss::Everything);
    let db = world.open(small());
    assert_eq!(present(&world, &db), [0, 1, 2, 5].map(name));
    assert!(db.verify(&mut |_| ()).unwrap().problems.is_empty());
}

#[test]
fn in_one_commit_operations_act_in_order() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "before");
    world.put(&db, "b", "before");
    let mut batch = Batch::new();
    batch.put(0, b"b", b"hidden", None).unwrap();
    batch.put(0, b"c", b"hidden", None).unwrap();
    batch.delete_range(0, b"a", Some(b"d")).unwrap();
    batch.put(0, b"c", b"again", None).unwrap();
    batch.put(0, b"d", b"outside", None).unwrap();
    let revision = world.commit_batch(&db, batch);
    let wanted = [("c".to_owned(), "again".to_owned()), ("d".to_owned(), "outside".to_owned())];
    for step in 0..3 {
        assert_eq!(world.rows(&db, false), wanted, "step {step}");
        assert_eq!(world.rows(&db, true), [wanted[1].clone(), wanted[0].clone()]);
        assert_eq!([world.get(&db, "a"), world.get(&db, "b")], [None, None]);
        assert_eq!(db.get(b"c", View::LATEST, |entry| entry.revision).unwrap(), Some(revision));
        if step == 0 { db.flush().unwrap() } else { db.compact(None, None).unwrap() }
    }
}

#[test]
fn a_snapshot_sees_what_a_later_range_delete_deleted() {
    let world = World::new();
    let mut options = small();
    options.tuning.garbage_bytes_min = 1 << 10;
    let db = world.open(options);
    fill(&world, &db, 300);
    let snapshot = db.snapshot().unwrap();
    world.delete_range(&db, "", None);
    for step in 0..3 {
        assert_eq!(world.rows_at(&db, snapshot.view(), false).len(), 300, "step {step}");
        assert_eq!(world.rows_at(&db, snapshot.view(), true).len(), 300);
        assert!(present(&world, &db).is_empty());
        if step == 0 { db.flush().unwrap() } else { db.compact(None, None).unwrap() }
    }
    drop(snapshot);
    db.run_background();
    assert_eq!(entries(&db), 0, "the end of the snapshot lets all of it go");
}

#[test]
fn a_guard_sees_a_key_as_absent_that_a_range_deleted() {
    let world = World::new();
    let db = world.open(small());
    let put = world.put(&db, "a", "1");
    for flush in [false, true] {
        if flush {
            db.flush().unwrap();
        } else {
            world.delete_range(&db, "a", Some("b"));
        }
        let stale = [Guard::Key { key: b"a", revision: Some(put) }];
        let answer = world.write(&db, &[("a", Some("2"))], &stale);
        assert!(matches!(answer, Written::Conflict { conflicts, .. } if conflicts[0].revision.is_none()));
    }
    let mut batch = Batch::new();
    batch.delete_range(0, b"a", None).unwrap();
    let absent = [Guard::Key { key: b"a", revision: None }];
    assert!(matches!(db.write(batch.body(), &absent).unwrap(), Written::Committed(_)));
}

#[test]
fn tables_inside_a_deleted_range_go_without_being_read_or_rewritten() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 600);
    db.compact(None, None).unwrap();
    let before = db.stats();
    assert!(before.levels[6].files >= 4, "{:?}", before.levels);
    world.delete_range(&db, "", None);
    db.flush().unwrap();
    db.run_background();
    let after = db.stats();
    assert_eq!(after.levels.iter().map(|level| level.files).sum::<u64>(), 0, "{:?}", after.levels);
    assert_eq!(after.compacted_bytes, before.compacted_bytes);
}

#[test]
fn a_range_delete_passes_where_a_put_is_refused_for_want_of_room() {
    let world = World::new();
    let options = Options { max_disk_bytes: Some(64 << 10), ..small() };
    let db = world.open(options);
    let mut refused = 0;
    for index in 0..4_000 {
        let mut batch = support::batch(&[(&format!("key{index:05}"), Some(&"x".repeat(100)))]);
        match db.write(batch.body(), &[]) {
            Ok(Written::Stalled) => db.run_background(),
            Ok(_) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
    world.delete_range(&db, "", None);
    db.flush().unwrap();
    db.run_background();
    world.put(&db, "a", "there is room again");
}

#[test]
fn many_range_deletes_and_puts_between_them_are_read_in_both_directions() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 600);
    let mut wanted = vec![true; 600];
    for round in 0..120 {
        let (from, until) = ((round * 37) % 590, (round * 37) % 590 + 10);
        world.delete_range(&db, &name(from), Some(&name(until)));
        wanted[from..until].fill(false);
        world.put(&db, &name(from + 3), "later");
        wanted[from + 3] = true;
        if round % 17 == 0 {
            db.flush().unwrap();
        }
        if round % 40 == 0 {
            let expected: Vec<String> = (0..600).filter(|n| wanted[*n]).map(name).collect();
            assert_eq!(present(&world, &db), expected);
        }
    }
    let expected: Vec<String> = (0..600).filter(|n| wanted[*n]).map(name).collect();
    assert_eq!(present(&world, &db), expected);
    db.compact(None, None).unwrap();
    assert_eq!(present(&world, &db), expected);
    assert_eq!(entries(&db), expected.len() as u64);
}
