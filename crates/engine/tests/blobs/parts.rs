//! Values that are written to blob parts before the commit that names them.

use super::{blob_files, large, options};
use crate::support::{World, batch, range};
use coppice_engine::batch::Batch;
use coppice_engine::disk::simulated::{Fault, Loss};
use coppice_engine::error::{Code, Result};
use coppice_engine::{Db, LargeValue, Options, View, Wait, Written, salvage};
use std::ops::Bound;
use std::path::Path;

/// Parts of at most three records of 250 bytes.
fn parts() -> Options {
    let mut options = options();
    options.tuning.blob_part_bytes = 1000;
    options
}

/// Two parts, of three records and of one and a half.
fn value(seed: u32) -> String {
    [large(seed), large(seed + 1), large(seed + 2)].concat()[..1125].to_owned()
}

fn stage(db: &Db, value: &str) -> Result<LargeValue> {
    let mut writer = db.large()?;
    value.as_bytes().chunks(77).try_for_each(|piece| writer.write(piece))?;
    writer.finish()
}

fn commit(db: &Db, key: &str, value: &LargeValue) -> Result<Written> {
    let mut batch = Batch::new();
    batch.put(0, key.as_bytes(), b"", None).unwrap();
    db.write_large(batch.body(), &[], &[(0, value)])
}

fn put(db: &Db, key: &str, value: &str) {
    let staged = stage(db, value).unwrap();
    assert!(matches!(commit(db, key, &staged).unwrap(), Written::Committed(_)));
}

#[test]
fn a_large_value_is_read_before_and_after_its_flush_and_when_opened_again() {
    let world = World::new();
    let db = world.open(parts());
    world.put(&db, "a", "small");
    put(&db, "b", &value(1));
    put(&db, "c", &value(2));
    assert_eq!(blob_files(&world).len(), 4, "two parts each");
    let log_bytes = db.stats().log_bytes;
    assert!(log_bytes < 5 << 10, "the log only names them: {log_bytes}");
    let wanted = vec![("a".into(), "small".into()), ("b".into(), value(1)), ("c".into(), value(2))];
    let check = |db: &Db, at: &str| {
        assert_eq!(world.rows(db, false), wanted, "{at}");
        assert!(world.rows(db, true).iter().rev().eq(&wanted), "{at}");
        assert_eq!(world.get(db, "c"), Some(value(2)), "{at}");
        assert!(db.has(b"b", View::LATEST).unwrap());
        assert_eq!((db.stats().blobs.files, db.stats().blobs.garbage_bytes), (4, 0), "{at}");
        assert!(db.stats().disk_bytes > 2000, "{at}");
        assert_eq!(db.verify(&mut |_| ()).unwrap().problems, [], "{at}");
        assert_eq!(blob_files(&world).len(), 4, "{at}");
    };
    check(&db, "in a memtable");
    db.write_out().unwrap();
    drop(db);
    let db = world.open(parts());
    check(&db, "from the log");
    db.flush().unwrap();
    check(&db, "in a table");
    db.compact(None, None).unwrap();
    check(&db, "merged");
    db.close().unwrap();
    check(&world.open(parts()), "from the manifest");
}

#[test]
fn what_no_commit_takes_leaves_nothing() {
    let world = World::new();
    let db = world.open(parts());
    let staged = stage(&db, &value(1)).unwrap();
    let mut writer = db.large().unwrap();
    writer.write(value(2).as_bytes()).unwrap();
    assert_eq!(blob_files(&world).len(), 4);
    drop(writer);
    assert_eq!(blob_files(&world).len(), 2);
    drop(staged);
    assert!(blob_files(&world).is_empty());

    let _staged = stage(&db, &value(3)).unwrap();
    put(&db, "kept", &value(4));
    db.write_out().unwrap();
    // What a process leaves that ends here.
    let world = World { disk: world.disk.clone_image(), ..World::new() };
    assert_eq!(blob_files(&world).len(), 4);
    let db = world.open(parts());
    assert_eq!(blob_files(&world).len(), 2);
    assert_eq!(world.get(&db, "kept"), Some(value(4)));
}

#[test]
fn a_refused_commit_leaves_the_value_to_be_tried_again() {
    let world = World::new();
    let db = world.open(parts());
    let staged = stage(&db, &value(1)).unwrap();
    let mut batch = Batch::new();
    batch.put(0, b"key", b"", None).unwrap();
    let guards = [coppice_engine::Guard::Key { key: b"key", revision: Some(5) }];
    let answer = db.write_large(batch.body(), &guards, &[(0, &staged)]).unwrap();
    assert!(matches!(answer, Written::Conflict { .. }), "{answer:?}");
    for wrong in [1, 7] {
        let error = db.write_large(batch.body(), &[], &[(wrong, &staged)]).unwrap_err();
        assert_eq!(error.code(), Code::Invalid);
    }
    assert_eq!(world.get(&db, "key"), None);
    commit(&db, "key", &staged).unwrap();
    assert_eq!(commit(&db, "again", &staged).unwrap_err().code(), Code::Invalid);
    drop(staged);
    assert_eq!(world.get(&db, "key"), Some(value(1)));
}

#[test]
fn a_value_is_for_one_put_of_its_own_database() {
    let world = World::new();
    let (db, other) = (world.open(parts()), world.open_at(Path::new("/other"), parts()));
    let staged = stage(&db, &value(1)).unwrap();
    assert_eq!(commit(&other, "key", &staged).unwrap_err().code(), Code::Invalid);
    let mut batch = Batch::new();
    batch.put(0, b"a", b"", None).unwrap();
    batch.put(0, b"b", b"", None).unwrap();
    let twice = db.write_large(batch.body(), &[], &[(0, &staged), (1, &staged)]);
    assert_eq!(twice.unwrap_err().code(), Code::Invalid);
    let mut writer = db.large().unwrap();
    db.close().unwrap();
    assert_eq!(writer.write(b"value").unwrap_err().code(), Code::Closed);
    assert_eq!(db.large().map(|_| ()).unwrap_err().code(), Code::Closed);
}

#[test]
fn a_value_of_no_bytes_is_no_large_one() {
    let world = World::new();
    let db = world.open(parts());
    assert_eq!(stage(&db, "").err().map(|error| error.code()), Some(Code::Invalid));
    assert!(blob_files(&world).is_empty());
    put(&db, "key", "1");
    db.write_out().unwrap();
    drop(db);
    assert_eq!(world.get(&world.open(parts()), "key").as_deref(), Some("1"));
}

#[test]
fn nobody_else_may_make_references() {
    let world = World::new();
    let db = world.open(parts());
    let mut batch = Batch::new();
    batch.put(0, b"key", &[1, 0, 0, 1, 1, 0, 0, 0, 0, 0], None).unwrap();
    batch.body()[32] = 5;
    assert_eq!(db.write(batch.body(), &[]).unwrap_err().code(), Code::Invalid);
}

#[test]
fn values_that_were_replaced_or_deleted_go_with_the_flush() {
    let world = World::new();
    let db = world.open(parts());
    for round in 0..5 {
        put(&db, "key", &value(round));
        put(&db, "gone", &value(10 + round));
    }
    world.delete(&db, "gone");
    assert_eq!(blob_files(&world).len(), 20, "the log names them");
    let mut cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, false), View::LATEST).unwrap();
    assert!(cursor.next().unwrap());
    put(&db, "key", &value(5));
    db.flush().unwrap();
    assert!(blob_files(&world).len() > 2, "a range reads them");
    assert_eq!(cursor.entry().unwrap().value, value(4).as_bytes());
    drop(cursor);
    assert_eq!(blob_files(&world).len(), 2);
    assert_eq!(world.get(&db, "key"), Some(value(5)));
    db.write_out().unwrap();
    drop(db);
    let db = world.open(parts());
    assert_eq!(world.rows(&db, false), [("key".into(), value(5))]);
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
}

#[test]
fn a_database_left_alone_lets_go_of_replaced_values() {
    let world = World::new();
    let mut options = parts();
    options.tuning.garbage_bytes_min = 500;
    let db = world.open(options);
    put(&db, "key", &value(1));
    put(&db, "key", &value(2));
    assert_eq!(blob_files(&world).len(), 4);
    world.clock.advance(60_000);
    db.run_background();
    world.clock.advance(60_000);
    db.run_background();
    assert_eq!(blob_files(&world).len(), 2);
}

#[test]
fn a_table_ends_when_it_refers_to_many_parts() {
    let world = World::new();
    let mut options = parts();
    options.tuning.table_blobs = 10;
    let db = world.open(options);
    for round in 0..2 {
        for number in 0..30 {
            put(&db, &format!("key{number:02}"), &value(100 * round + number));
        }
        db.flush().unwrap();
    }
    db.compact(None, None).unwrap();
    let tables: Vec<_> =
        db.stats().levels.iter().map(|level| level.files).filter(|files| *files > 0).collect();
    assert_eq!((tables, db.stats().blobs.files), (vec![6], 60), "five values of two parts each in a table");
    let rows: Vec<_> = (0..30).map(|number| (format!("key{number:02}"), value(100 + number))).collect();
    assert_eq!(world.rows(&db, false), rows);
}

#[test]
fn many_or_large_parts_fill_a_memtable() {
    let world = World::new();
    let db = world.open(parts());
    for round in 0..600 {
        put(&db, &format!("key{}", round % 3), &value(round));
        db.run_background();
    }
    let stats = db.stats();
    assert!(stats.flushes > 0 && stats.blobs.files < 1100, "{stats:?}");
}

#[test]
fn a_batch_of_many_is_whole_or_not_there_whenever_it_crashes() {
    for call in 1.. {
        let world = World::new();
        let db = world.open(parts());
        put(&db, "key0", &value(100));
        world.put(&db, "other", "before");
        db.request_sync();
        db.run_background();
        world.disk.crash_at(world.disk.calls() + call);
        let work = || -> Result<()> {
            let staged: Vec<_> = (0..4).map(|number| stage(&db, &value(number))).collect::<Result<_>>()?;
            let mut batch = Batch::new();
            for number in 0..4 {
                batch.put(0, format!("key{number}").as_bytes(), b"", None)?;
            }
            batch.put(0, b"other", b"after", None)?;
            let large: Vec<_> = staged.iter().enumerate().collect();
            db.write_large(batch.body(), &[], &large)?;
            db.request_sync();
            db.run_background();
            db.flush()
        };
        let done = work().is_ok();
        drop(db);
        for loss in [Loss::Everything, Loss::Random(call)] {
            let world = World { disk: world.disk.after_crash(loss), ..World::new() };
            let db = world.open(parts());
            let rows = world.rows(&db, false);
            match rows.len() {
                2 => assert_eq!(rows, [("key0".into(), value(100)), ("other".into(), "before".into())]),
                _ => assert!((0..4).all(|at| rows[at as usize].1 == value(at)) && rows[4].1 == "after"),
            }
            assert!(rows.len() == 5 || !done, "call {call}: a durable commit is gone");
            assert_eq!(blob_files(&world).len() as u64, db.stats().blobs.files, "call {call}");
            assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
        }
        if done {
            break;
        }
    }
}

#[test]
fn a_full_disk_refuses_the_value_and_takes_nothing() {
    let world = World::new();
    let db = world.open(parts());
    put(&db, "key", &value(1));
    for call in 1.. {
        let call = world.disk.calls() + call;
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::DiskFull }));
        match stage(&db, &value(2)) {
            Ok(_) if world.disk.calls() < call => break,
            Ok(_) => {}
            Err(error) => assert!(matches!(error.code(), Code::DiskFull | Code::Poisoned), "{error}"),
        }
        if db.write(batch(&[("another", Some("value"))]).body(), &[]).is_err() {
            break; // What was to make the names durable failed: nobody knows which are.
        }
        assert_eq!(blob_files(&world).len(), 2, "call {call}");
    }
    world.disk.fail(None);
    assert_eq!(world.get(&db, "key"), Some(value(1)));
}

#[test]
fn a_flush_that_finds_no_room_leaves_the_parts_to_the_next() {
    let mut failed = 0;
    for call in 1.. {
        let world = World::new();
        let db = world.open(parts());
        put(&db, "key", &value(1));
        db.request_sync();
        db.run_background();
        let call = world.disk.calls() + call;
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::DiskFull }));
        let flushed = db.flush();
        if world.disk.calls() < call {
            break;
        }
        failed += u32::from(flushed.is_err());
        assert_eq!(world.get(&db, "key"), Some(value(1)), "call {call}");
        if db.write(batch(&[("another", Some("value"))]).body(), &[]).is_ok() {
            db.flush().unwrap();
            assert_eq!((db.stats().blobs.files, blob_files(&world).len()), (2, 2), "call {call}");
        }
        drop(db);
        assert_eq!(world.get(&world.open(parts()), "key"), Some(value(1)), "call {call}");
    }
    assert!(failed > 5, "{failed} calls of a flush failed");
}

#[test]
fn a_limit_of_disk_space_counts_large_values() {
    let world = World::new();
    let db = world.open(Options { max_disk_bytes: Some(12 << 10), ..parts() });
    let mut taken = 0;
    let error = loop {
        match stage(&db, &value(taken)) {
            Ok(staged) => commit(&db, &format!("key{taken}"), &staged).map(|_| taken += 1).unwrap(),
            Err(error) => break error,
        }
        assert!(taken < 20, "more than fits");
    };
    assert_eq!(error.code(), Code::DiskFull);
    assert!(taken > 2, "{taken} values");
}

#[test]
fn a_limit_of_disk_space_counts_large_values_that_no_commit_has_yet() {
    let world = World::new();
    let db = world.open(Options { max_disk_bytes: Some(12 << 10), ..parts() });
    world.put(&db, "a", "1");
    let mut staged = Vec::new();
    let error = loop {
        match stage(&db, &value(staged.len() as u32)) {
            Ok(value) => staged.push(value),
            Err(error) => break error,
        }
        assert!(staged.len() < 20, "more than fits");
    };
    assert_eq!(error.code(), Code::DiskFull);
    let before = staged.len();
    assert!(before > 2, "{before} values");
    // One that is given up makes room for another, one that is committed does not.
    commit(&db, "key", &staged.pop().unwrap()).unwrap();
    assert_eq!(stage(&db, &value(0)).map(|_| ()).unwrap_err().code(), Code::DiskFull);
    staged.pop();
    staged.push(stage(&db, &value(0)).unwrap());
    staged.clear();
    let mut again = 0;
    while stage(&db, &value(again)).map(|value| staged.push(value)).is_ok() {
        again += 1;
    }
    assert_eq!(again as usize + 1, before, "nothing is counted twice, or for ever");
}

#[test]
fn a_part_that_is_gone_is_damage_of_the_log_that_names_it() {
    let world = World::new();
    let db = world.open(parts());
    put(&db, "key", &value(1));
    db.request_sync();
    db.run_background();
    drop(db);
    let [part, _] = &blob_files(&world)[..] else { panic!("two parts") };
    let whole = world.disk.contents(part).unwrap();
    world.disk.truncate(part, whole.len() as u64 - 1).unwrap();
    let error = world.try_open(parts()).err().expect("it is too short");
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&**part)));
    world.disk.delete(part).unwrap();
    let error = world.try_open(parts()).err().expect("it is not there");
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&**part)));
}

#[test]
fn copies_and_readers_beside_have_what_only_the_log_names() {
    let world = World::new();
    let db = world.open(parts());
    put(&db, "a", &value(1));
    db.flush().unwrap();
    put(&db, "b", &value(2));
    put(&db, "b", &value(3));
    db.write_out().unwrap();
    let wanted = [("a".to_owned(), value(1)), ("b".to_owned(), value(3))];
    let reader = world.open(Options { read_only: true, create_if_missing: false, ..parts() });
    let backup = Path::new("/backup");
    for _ in 0..2 {
        reader.backup(backup, &mut |_| ()).unwrap();
    }
    let saved = Path::new("/saved");
    drop(db);
    salvage(&world.folder, saved, &parts(), &world.environment(), &mut |_| ()).unwrap();
    let db = world.open(parts());
    let checkpoint = Path::new("/checkpoint");
    db.checkpoint(checkpoint).unwrap();
    put(&db, "b", &value(4));
    world.delete(&db, "a");
    db.compact(None, None).unwrap();
    assert_eq!(world.rows(&reader, false), wanted);
    for folder in [backup, saved, checkpoint] {
        let copy = world.open_at(folder, parts());
        assert_eq!(world.rows(&copy, false), wanted, "{}", folder.display());
        assert_eq!(copy.verify(&mut |_| ()).unwrap().problems, []);
        let names = world.environment().disk.list(folder).unwrap();
        let files = names.iter().filter(|name| name.ends_with(".blob")).count() as u64;
        assert_eq!(files, copy.stats().blobs.files, "{names:?}");
    }
}

#[test]
fn a_large_value_that_is_not_in_memory_is_left_to_who_may_wait() {
    let world = World::new();
    let db = world.open(parts());
    put(&db, "key", &value(1));
    world.disk.set_cold(true);
    let now = db.get_now(b"key", View::LATEST, |entry| entry.value.to_vec());
    assert_eq!(now.unwrap_err().code(), Code::WouldBlock);
    assert_eq!(db.get_value(b"key", View::LATEST).unwrap().unwrap().1, value(1).as_bytes());
    let mut cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, false), View::LATEST).unwrap();
    cursor.set_wait(Wait::Never);
    assert!(cursor.next().unwrap() && cursor.value_bytes().unwrap() == 1125);
    assert_eq!(cursor.load().unwrap_err().code(), Code::WouldBlock);
}
