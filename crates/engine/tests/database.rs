//! The database through its public calls, one behaviour a test, on a simulated disk without threads.

mod blobs;
mod encryption;
mod history;
mod meanwhile;
mod pages;
mod space;
mod support;

use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::{Fault, Loss};
use coppice_engine::error::Code;
use coppice_engine::{Conflict, Guard, Options, View, Written};
use std::ops::Bound;
use std::path::Path;
use support::{World, small};

#[test]
fn what_was_put_is_read_back_before_and_after_flush_compaction_and_reopen() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..500u32 {
        world.put(&db, &format!("key{index:04}"), &format!("value{index}"));
    }
    let check = |db: &coppice_engine::Db| {
        for index in 0..500u32 {
            assert_eq!(world.get(db, &format!("key{index:04}")), Some(format!("value{index}")));
        }
        assert_eq!(world.get(db, "key"), None);
        assert_eq!(world.get(db, "key0500"), None);
    };
    check(&db);
    db.flush().unwrap();
    check(&db);
    db.compact(None, None).unwrap();
    check(&db);
    db.close().unwrap();
    check(&world.open(small()));
}

#[test]
fn the_first_commit_is_revision_two_and_an_empty_one_takes_none() {
    let world = World::new();
    let db = world.open(small());
    assert_eq!(db.visible(), 1);
    assert_eq!(world.put(&db, "a", "1"), 2);
    assert_eq!(world.delete(&db, "absent"), 3);
    let mut empty = vec![0; 32];
    assert_eq!(db.write(&mut empty, &[]).unwrap(), Written::Committed(3));
    assert_eq!(world.put(&db, "b", "1"), 4);
}

#[test]
fn a_deleted_key_stays_deleted_when_its_tombstone_is_compacted_away() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "old");
    db.flush().unwrap();
    world.delete(&db, "a");
    db.flush().unwrap();
    assert_eq!(world.get(&db, "a"), None);
    db.compact(None, None).unwrap();
    assert_eq!(world.get(&db, "a"), None);
    assert_eq!(db.stats().levels.iter().map(|level| level.entries).sum::<u64>(), 0);
}

#[test]
fn a_snapshot_sees_what_was_there_whatever_is_written_flushed_and_merged_since() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    world.put(&db, "b", "1");
    let snapshot = db.snapshot().unwrap();
    world.put(&db, "a", "2");
    world.delete(&db, "b");
    world.put(&db, "c", "2");
    for _ in 0..2 {
        let rows = world.rows_at(&db, snapshot.view(), false);
        assert_eq!(rows, [("a".into(), "1".into()), ("b".into(), "1".into())]);
        let found = db.get(b"b", snapshot.view(), |entry| entry.value.to_vec()).unwrap();
        assert_eq!(found.as_deref(), Some(&b"1"[..]));
        assert_eq!(world.rows(&db, false), [("a".into(), "2".into()), ("c".into(), "2".into())]);
        db.compact(None, None).unwrap();
    }
    drop(snapshot);
    db.compact(None, None).unwrap();
    assert_eq!(world.rows(&db, true), [("c".into(), "2".into()), ("a".into(), "2".into())]);
}

#[test]
fn a_cursor_keeps_its_rows_while_the_database_moves_on() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..300 {
        world.put(&db, &format!("{index:03}"), "old");
    }
    db.flush().unwrap();
    let range = support::range(Bound::Unbounded, Bound::Unbounded, false);
    let mut cursor = db.range(range, View::LATEST).unwrap();
    assert!(cursor.next().unwrap());
    for index in 0..300 {
        world.put(&db, &format!("{index:03}"), "new");
    }
    db.compact(None, None).unwrap();
    let mut count = 1;
    while cursor.next().unwrap() {
        assert_eq!(cursor.entry().unwrap().value, b"old");
        count += 1;
    }
    assert_eq!(count, 300);
}

#[test]
fn a_range_keeps_its_bounds_in_both_directions() {
    let world = World::new();
    let db = world.open(small());
    for key in ["a", "b", "ba", "c", "d"] {
        world.put(&db, key, key);
    }
    let key = |text: &str| text.as_bytes().to_vec();
    let cases = [
        (Bound::Included(key("b")), Bound::Excluded(key("c")), vec!["b", "ba"]),
        (Bound::Excluded(key("b")), Bound::Included(key("c")), vec!["ba", "c"]),
        (Bound::Unbounded, Bound::Excluded(key("b")), vec!["a"]),
        (Bound::Included(key("bb")), Bound::Unbounded, vec!["c", "d"]),
        (Bound::Included(key("c")), Bound::Included(key("b")), vec![]),
        (Bound::Excluded(key("b")), Bound::Excluded(key("b")), vec![]),
    ];
    for flushed in [false, true] {
        for (lower, upper, expected) in &cases {
            for reverse in [false, true] {
                let range = support::range(lower.clone(), upper.clone(), reverse);
                let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
                if reverse {
                    expected.reverse();
                }
                let found = support::keys(db.range(range, View::LATEST).unwrap());
                assert_eq!(found, expected, "{lower:?} {upper:?} reverse {reverse} flushed {flushed}");
            }
        }
        db.flush().unwrap();
    }
}

#[test]
fn seeking_a_cursor_stays_inside_its_range() {
    let world = World::new();
    let db = world.open(small());
    for key in ["a", "b", "c", "d", "e"] {
        world.put(&db, key, key);
    }
    let bounds = || (Bound::Included(b"b".to_vec()), Bound::Included(b"d".to_vec()));
    let first_after = |seek: &[u8], reverse: bool| {
        let (lower, upper) = bounds();
        let mut cursor = db.range(support::range(lower, upper, reverse), View::LATEST).unwrap();
        cursor.seek(seek);
        cursor.next().unwrap().then(|| String::from_utf8(cursor.key().to_vec()).unwrap())
    };
    assert_eq!(first_after(b"c", false).as_deref(), Some("c"));
    assert_eq!(first_after(b"cc", false).as_deref(), Some("d"));
    assert_eq!(first_after(b"a", false).as_deref(), Some("b"));
    assert_eq!(first_after(b"x", false), None);
    assert_eq!(first_after(b"c", true).as_deref(), Some("c"));
    assert_eq!(first_after(b"cc", true).as_deref(), Some("c"));
    assert_eq!(first_after(b"x", true).as_deref(), Some("d"));
    assert_eq!(first_after(b"a", true), None);
}

#[test]
fn an_entry_is_gone_at_its_deadline_and_hides_what_it_replaced() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "old");
    world.put_until(&db, "a", "new", world.now() + 100);
    let snapshot = db.snapshot().unwrap();
    assert_eq!(world.get(&db, "a").as_deref(), Some("new"));
    world.clock.advance(100);
    assert_eq!(world.get(&db, "a"), None);
    assert_eq!(world.rows(&db, false), []);
    db.compact(None, None).unwrap();
    assert_eq!(world.get(&db, "a"), None);
    let found = db.get(b"a", snapshot.view(), |entry| entry.value.to_vec()).unwrap();
    assert_eq!(found.as_deref(), Some(&b"new"[..]), "a snapshot keeps its time");
}

#[test]
fn a_clock_that_steps_back_brings_nothing_back() {
    let world = World::new();
    let db = world.open(small());
    world.put_until(&db, "a", "1", world.now() + 50);
    world.clock.advance(60);
    assert_eq!(world.get(&db, "a"), None);
    world.clock.advance(-60);
    assert_eq!(world.get(&db, "a"), None);
    world.put(&db, "b", "1");
    db.close().unwrap();
    assert_eq!(world.get(&world.open(small()), "a"), None, "also after a restart");
}

#[test]
fn a_guard_that_fails_writes_nothing_and_names_what_it_found() {
    let world = World::new();
    let db = world.open(small());
    let revision = world.put(&db, "a", "1");
    for flushed in [false, true] {
        if flushed {
            db.flush().unwrap();
        }
        let guards = [
            Guard::Key { key: b"a", revision: Some(revision + 7) },
            Guard::Key { key: b"b", revision: None },
            Guard::Key { key: b"a", revision: None },
        ];
        let conflict = |guard| Conflict { guard, key: None, revision: Some(revision) };
        let conflicts = vec![conflict(0), conflict(2)];
        let written = world.write(&db, &[("a", Some("2"))], &guards);
        assert_eq!(written, Written::Conflict { revision: db.visible(), conflicts });
        assert_eq!(world.get(&db, "a").as_deref(), Some("1"));
    }
    let held = [Guard::Key { key: b"a", revision: Some(revision) }, Guard::Key { key: b"b", revision: None }];
    assert!(matches!(world.write(&db, &[("a", Some("2"))], &held), Written::Committed(_)));
    assert!(matches!(world.write(&db, &[("a", Some("3"))], &held), Written::Conflict { .. }));
}

#[test]
fn a_deleted_or_expired_key_counts_as_absent_to_a_guard() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    world.delete(&db, "a");
    world.put_until(&db, "b", "1", world.now() + 10);
    world.clock.advance(10);
    let guards = [Guard::Key { key: b"a", revision: None }, Guard::Key { key: b"b", revision: None }];
    assert!(matches!(world.write(&db, &[("c", Some("1"))], &guards), Written::Committed(_)));
}

#[test]
fn writes_stall_when_memory_is_full_and_go_on_after_a_flush() {
    let world = World::new();
    let db = world.open(small());
    let value = "x".repeat(1000);
    let mut stalled = false;
    for index in 0..1000 {
        let key = format!("{index:04}");
        if world.write(&db, &[(&key, Some(&value))], &[]) == Written::Stalled {
            stalled = true;
            assert_eq!(world.get(&db, &key), None);
            db.run_background();
            assert!(matches!(world.write(&db, &[(&key, Some(&value))], &[]), Written::Committed(_)));
        }
    }
    assert!(stalled);
    assert_eq!(world.rows(&db, false).len(), 1000);
    assert!(db.stats().stalls > 0);
}

#[test]
fn a_batch_larger_than_a_memtable_is_one_commit() {
    let world = World::new();
    let db = world.open(small());
    let value = "y".repeat(500);
    let keys: Vec<String> = (0..400).map(|index| format!("{index:04}")).collect();
    let ops: Vec<(&str, Option<&str>)> =
        keys.iter().map(|key| (key.as_str(), Some(value.as_str()))).collect();
    assert_eq!(world.write(&db, &ops, &[]), Written::Committed(2));
    db.write_out().unwrap();
    drop(db);
    assert_eq!(world.rows(&world.open(small()), false).len(), 400);
}

#[test]
fn the_last_operation_of_a_commit_on_a_key_wins() {
    let world = World::new();
    let db = world.open(small());
    world.write(&db, &[("a", Some("1")), ("a", None), ("a", Some("2")), ("b", Some("1")), ("b", None)], &[]);
    assert_eq!(world.rows(&db, false), [("a".into(), "2".into())]);
    db.write_out().unwrap();
    drop(db);
    assert_eq!(world.rows(&world.open(small()), false), [("a".into(), "2".into())]);
}

#[test]
fn what_was_written_out_survives_the_process() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    assert_eq!(db.write_out().unwrap(), 2);
    world.put(&db, "b", "only in memory");
    drop(db);
    let db = world.open(small());
    assert_eq!(world.get(&db, "a").as_deref(), Some("1"));
}

#[test]
fn closing_twice_is_fine_and_a_closed_database_says_so() {
    let world = World::new();
    let db = world.open(small());
    db.close().unwrap();
    db.close().unwrap();
    assert_eq!(db.get(b"a", View::LATEST, |_| ()).unwrap_err().code(), Code::Closed);
    assert_eq!(db.flush().unwrap_err().code(), Code::Closed);
    assert_eq!(db.snapshot().err().unwrap().code(), Code::Closed);
    let mut body = vec![0; 32];
    assert_eq!(db.write(&mut body, &[]).unwrap_err().code(), Code::Closed);
}

#[test]
fn a_second_open_is_refused_while_the_first_holds_the_lock() {
    let world = World::new();
    let db = world.open(Options { holder: "the first one".into(), ..small() });
    let error = world.try_open(small()).err().unwrap();
    assert_eq!(error.code(), Code::Locked);
    assert!(error.to_string().contains("the first one"), "{error}");
    db.close().unwrap();
    world.open(small());
}

#[test]
fn a_read_only_database_reads_its_log_and_changes_nothing() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    db.write_out().unwrap();
    drop(db);
    let before = world.disk.bytes_used();
    let db = world.open(Options { read_only: true, ..small() });
    assert_eq!(world.get(&db, "a").as_deref(), Some("1"));
    let mut body = vec![0; 32];
    assert_eq!(db.write(&mut body, &[]).unwrap_err().code(), Code::ReadOnly);
    assert_eq!(db.flush().unwrap_err().code(), Code::ReadOnly);
    db.close().unwrap();
    assert_eq!(world.disk.bytes_used(), before);
}

#[test]
fn opening_says_whether_a_database_should_be_there() {
    let world = World::new();
    let absent = world.try_open(Options { create_if_missing: false, ..small() }).err().unwrap();
    assert_eq!(absent.code(), Code::NotFound);
    world.disk.create_folder(&world.folder).unwrap();
    let without = world.try_open(Options { create_if_missing: false, ..small() }).err().unwrap();
    assert_eq!(without.code(), Code::NotFound);
    assert!(
        world.disk.list(&world.folder).unwrap().is_empty(),
        "a lock file is left where there is no database"
    );
    world.open(small()).close().unwrap();
    let present = world.try_open(Options { error_if_exists: true, ..small() }).err().unwrap();
    assert_eq!(present.code(), Code::Exists);
    world.open(Options { create_if_missing: false, ..small() });
}

#[test]
fn a_checkpoint_is_a_database_of_its_own() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..200 {
        world.put(&db, &format!("{index:03}"), "1");
    }
    let folder = world.folder.with_file_name("copy");
    let info = db.checkpoint(&folder).unwrap();
    assert_eq!(info.revision, 201);
    world.put(&db, "000", "2");
    db.compact(None, None).unwrap();
    db.close().unwrap();
    assert_eq!(db.checkpoint(&folder).unwrap_err().code(), Code::Closed);

    let copy = world.open_at(&folder, small());
    assert_eq!(copy.visible(), 201);
    assert_eq!(world.rows(&copy, false).len(), 200);
    assert_eq!(world.get(&copy, "000").as_deref(), Some("1"));
    let taken = copy.checkpoint(&folder).unwrap_err();
    assert_eq!(taken.code(), Code::Exists);
}

#[test]
fn verify_names_the_damaged_page_and_nothing_else() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..200 {
        world.put(&db, &format!("{index:03}"), "value");
    }
    db.flush().unwrap();
    assert_eq!(db.verify(&mut |_| {}).unwrap().problems, []);
    let table = world.file_with_extension("table");
    world.disk.flip(&table, 40, 1).unwrap();
    let report = db.verify(&mut |_| {}).unwrap();
    assert!(!report.problems.is_empty());
    assert!(report.problems.iter().all(|problem| problem.file == table), "{report:?}");
}

#[test]
fn a_table_taken_away_is_named_at_open() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    db.close().unwrap();
    let table = world.file_with_extension("table");
    world.disk.delete(&table).unwrap();
    let error = world.try_open(small()).err().unwrap();
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(table.as_path())));
}

#[test]
fn a_database_over_its_disk_limit_refuses_writes_and_keeps_what_it_has() {
    let world = World::new();
    let db = world.open(Options { max_disk_bytes: Some(64 << 10), ..small() });
    let value = "z".repeat(1000);
    let mut refused = None;
    let mut kept = 0;
    for index in 0..10_000u64 {
        let value = format!("{:x}{value}", index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut batch = support::batch(&[(&format!("{index:05}"), Some(&value))]);
        match db.write(batch.body(), &[]) {
            Ok(Written::Stalled) => db.run_background(),
            Ok(_) => kept += 1,
            Err(error) => {
                refused = Some(error.code());
                break;
            }
        }
    }
    assert_eq!(refused, Some(Code::DiskFull));
    assert!(world.rows(&db, false).len() >= kept);

    // Deletes are what the refusal asks for: they are let in, and then there is room again.
    for (key, _) in world.rows(&db, false) {
        world.delete(&db, &key);
    }
    db.compact(None, None).unwrap();
    assert!(world.rows(&db, false).is_empty());
    for index in 0..20 {
        world.put(&db, &format!("{index:05}"), &value);
    }
}

#[test]
fn a_failed_sync_poisons_and_every_later_write_is_told_why() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "1");
    db.request_sync();
    db.run_background();
    world.put(&db, "b", "1");
    world.fail_all_calls();
    db.request_sync();
    db.run_background();
    world.fail_nothing();
    let mut batch = support::batch(&[("c", Some("1"))]);
    let error = db.write(batch.body(), &[]).unwrap_err();
    assert_eq!(error.code(), Code::Poisoned);
    assert_eq!(world.get(&db, "a").as_deref(), Some("1"), "reads go on");
    assert_eq!(db.close().unwrap_err().code(), Code::Poisoned);
    assert_eq!(world.get(&world.open(small()), "a").as_deref(), Some("1"));
}

#[test]
fn the_folders_above_a_database_survive_a_power_cut_although_the_first_attempt_to_make_it_failed() {
    // Whichever call fails, what the second attempt finds was made by the first, and may not be durable.
    for call in 1..12 {
        let mut world = World::new();
        world.folder = "/a/b/database".into();
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::Io }));
        let _ = world.try_open(small());
        world.fail_nothing();
        let db = world.open(small());
        world.put(&db, "a", "1");
        db.request_sync();
        db.run_background();
        db.checkpoint(Path::new("/c/d/checkpoint")).unwrap();
        drop(db);
        world.disk.restart(Loss::Everything);
        assert_eq!(world.get(&world.open(small()), "a").as_deref(), Some("1"));
        let copy = world.open_at(Path::new("/c/d/checkpoint"), small());
        assert_eq!(world.get(&copy, "a").as_deref(), Some("1"));
    }
}
