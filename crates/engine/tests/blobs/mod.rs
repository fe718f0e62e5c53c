//! Values in blob files.

mod backups;
mod garbage;
mod parts;
mod salvaged;

use crate::support::{World, batch, keys, range, small};
use coppice_engine::disk::simulated::Fault;
use coppice_engine::error::Code;
use coppice_engine::{Db, Options, View, Wait};
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// A flush makes one file unless it has more than a hundred values.
fn options() -> Options {
    let mut options = Options { blob_bytes: 100, ..small() };
    options.tuning.memtable_bytes = 256 << 10;
    options
}

/// Incompressible enough to fill files.
fn large(seed: u32) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b' ' + (state % 94) as u8)
    };
    (0..400).map(|_| letter()).collect()
}

fn blob_files(world: &World) -> Vec<PathBuf> {
    let mut names = world.environment().disk.list(&world.folder).unwrap();
    names.retain(|name| name.ends_with(".blob"));
    names.sort();
    names.iter().map(|name| world.folder.join(name)).collect()
}

fn fill(world: &World, db: &Db, numbers: impl Iterator<Item = u32>, round: u32) {
    for number in numbers {
        world.put(db, &format!("key{number:03}"), &large(1000 * round + number));
    }
}

#[test]
fn values_move_out_at_flush_and_are_read_in_every_way() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    world.put(&db, "small", &"s".repeat(99));
    assert!(blob_files(&world).is_empty(), "nothing moves before a flush");
    let before = world.rows(&db, false);
    db.flush().unwrap();
    assert_eq!(blob_files(&world).len(), 1);
    for db in [db.clone(), {
        db.close().unwrap();
        world.open(options())
    }] {
        if db.snapshot().is_err() {
            continue; // The one that was closed for the other.
        }
        assert_eq!(world.rows(&db, false), before);
        let mut backward = world.rows(&db, true);
        backward.reverse();
        assert_eq!(backward, before);
        assert_eq!(world.get(&db, "key007"), Some(large(1007)));
        db.compact(None, None).unwrap();
        assert_eq!(world.rows(&db, false), before);
        let stats = db.stats();
        assert_eq!((stats.blobs.files, stats.blobs.garbage_bytes), (1, 0));
        assert!(stats.blobs.bytes >= 20 * 330 && stats.disk_bytes > stats.blobs.bytes);
        assert!(db.verify(&mut |_| ()).unwrap().problems.is_empty());
    }
}

#[test]
fn a_file_ends_within_a_value_of_many_pieces() {
    let world = World::new();
    let mut options = Options { blob_bytes: 100, compression: false, ..Options::default() };
    options.tuning.memtable_bytes = 32 << 20;
    let longest = || {
        let bytes = |file: &PathBuf| world.disk.contents(file).unwrap().len();
        blob_files(&world).iter().map(bytes).max().unwrap() >> 20
    };
    let values = ["1", "2", "3"].map(|letter| letter.repeat(8 << 20));
    let db = world.open(options.clone());
    for (key, value) in ["a", "b", "c"].iter().zip(&values) {
        world.put(&db, key, value);
    }
    db.flush().unwrap();
    assert_eq!(longest(), 24, "there is room for all in one");
    db.close().unwrap();
    options.tuning.blob_file_bytes = 1 << 20;
    let db = world.open(options);
    world.put(&db, "b", &values[0]);
    db.flush().unwrap();
    db.compact(None, None).unwrap();
    db.run_background();
    assert_eq!((longest(), db.stats().blobs.garbage_bytes), (4, 0));
    assert_eq!(
        ["a", "b", "c"].map(|key| world.get(&db, key).unwrap()),
        [0, 0, 2].map(|at| values[at].clone())
    );
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
}

#[test]
fn keys_counts_and_has_read_no_value() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    db.flush().unwrap();
    let [blob] = &blob_files(&world)[..] else { panic!("one file") };
    world.disk.delete(blob).unwrap();
    assert!(db.has(b"key003", View::LATEST).unwrap() && !db.has(b"key", View::LATEST).unwrap());
    for reverse in [false, true] {
        let cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, reverse), View::LATEST).unwrap();
        assert_eq!(keys(cursor).len(), 20);
        let mut cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, reverse), View::LATEST).unwrap();
        assert!(cursor.next().unwrap());
        assert_eq!(cursor.value_bytes().unwrap(), 400);
        let error = cursor.entry().unwrap_err();
        assert_eq!((error.code(), error.file()), (Code::NotFound, Some(&**blob)));
    }
}

#[test]
fn zero_keeps_values_where_they_are_and_what_moved_before_stays_readable() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..10, 1);
    db.close().unwrap();
    let db = world.open(Options { blob_bytes: 0, ..options() });
    fill(&world, &db, 10..20, 1);
    db.compact(None, None).unwrap();
    assert_eq!(blob_files(&world).len(), 1);
    assert_eq!(world.get(&db, "key003"), Some(large(1003)));
    assert_eq!(world.get(&db, "key013"), Some(large(1013)));
}

#[test]
fn a_file_goes_with_its_last_value_but_not_before_the_last_reader() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    db.flush().unwrap();
    let [first] = &blob_files(&world)[..] else { panic!("one file") };
    let mut cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, false), View::LATEST).unwrap();
    assert!(cursor.next().unwrap());
    fill(&world, &db, 0..20, 2);
    db.compact(None, None).unwrap();
    assert!(blob_files(&world).contains(first), "the range still reads it");
    assert_eq!(cursor.entry().unwrap().value, large(1000).as_bytes());
    assert!(cursor.next().unwrap() && cursor.entry().unwrap().value == large(1001).as_bytes());
    drop(cursor);
    assert!(!blob_files(&world).contains(first));
    assert_eq!(world.get(&db, "key019"), Some(large(2019)));
}

#[test]
fn a_snapshot_keeps_the_values_it_sees() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    let snapshot = db.snapshot().unwrap();
    let before = world.rows_at(&db, snapshot.view(), false);
    db.flush().unwrap();
    for number in 0..20 {
        world.delete(&db, &format!("key{number:03}"));
    }
    db.compact(None, None).unwrap();
    assert!(world.rows(&db, false).is_empty());
    assert_eq!(world.rows_at(&db, snapshot.view(), false), before);
    assert_eq!(world.rows_at(&db, snapshot.view(), true).len(), 20);
    drop(snapshot);
    db.compact(None, None).unwrap();
    assert!(blob_files(&world).is_empty());
}

#[test]
fn a_checkpoint_has_the_values_too() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    db.compact(None, None).unwrap();
    fill(&world, &db, 20..40, 1);
    let folder = Path::new("/copy");
    let info = db.checkpoint(folder).unwrap();
    assert!(info.bytes > 40 * 330);
    let before = world.rows(&db, false);
    fill(&world, &db, 0..40, 2);
    db.compact(None, None).unwrap();
    db.close().unwrap();
    let copy = world.open_at(folder, options());
    assert_eq!(world.rows(&copy, false), before);
    assert!(copy.verify(&mut |_| ()).unwrap().problems.is_empty());
}

#[test]
fn a_backup_has_the_values_and_the_next_one_copies_only_what_is_new() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..40, 1);
    db.compact(None, None).unwrap();
    let folder = Path::new("/backup");
    let first = db.backup(folder, &mut |_| ()).unwrap();
    fill(&world, &db, 40..50, 1);
    let next = db.backup(folder, &mut |_| ()).unwrap();
    assert!(next.copied_bytes < first.bytes / 2 && next.bytes == first.bytes + next.copied_bytes, "{next:?}");
    let before = world.rows(&db, false);
    fill(&world, &db, 0..50, 2);
    db.compact(None, None).unwrap();
    let copy = world.open_at(folder, options());
    assert_eq!(world.rows(&copy, false), before);
    assert!(copy.verify(&mut |_| ()).unwrap().problems.is_empty());
    copy.close().unwrap();
    db.backup(folder, &mut |_| ()).unwrap();
    let names = world.environment().disk.list(folder).unwrap();
    let live = blob_files(&world).len();
    assert_eq!(names.iter().filter(|name| name.ends_with(".blob")).count(), live, "{names:?}");
    assert_eq!(world.rows(&world.open_at(folder, options()), false), world.rows(&db, false));
}

#[test]
fn verify_names_the_damaged_value_and_a_file_taken_away_is_named_at_open() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    db.flush().unwrap();
    let [blob] = &blob_files(&world)[..] else { panic!("one file") };
    world.disk.flip(blob, 160, 1).unwrap();
    let error = db.get(b"key000", View::LATEST, |_| ()).unwrap_err();
    assert_eq!((error.code(), error.file(), error.offset()), (Code::Corrupt, Some(&**blob), Some(128)));
    assert_eq!(world.get(&db, "key001"), Some(large(1001)));
    let problems = db.verify(&mut |_| ()).unwrap().problems;
    assert!(
        problems.iter().all(|problem| problem.file == *blob) && problems[0].offset == 128,
        "{problems:?}"
    );
    db.close().unwrap();
    world.disk.delete(blob).unwrap();
    let error = world.try_open(options()).map(|_| ()).unwrap_err();
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&**blob)));
}

#[test]
fn a_value_that_is_not_in_memory_is_left_to_a_read_that_may_wait() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    db.flush().unwrap();
    let rows = world.rows(&db, false);
    for reverse in [false, true] {
        let mut cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, reverse), View::LATEST).unwrap();
        let mut waits = 0;
        for index in 0..20 {
            let (key, value) = &rows[if reverse { 19 - index } else { index }];
            cursor.set_wait(Wait::ForDisk);
            assert!(cursor.next().unwrap());
            world.disk.set_cold(true);
            cursor.set_wait(Wait::Never);
            match cursor.load() {
                Err(error) if error.code() == Code::WouldBlock => waits += 1,
                loaded => panic!("{loaded:?} of a value that nobody has read"),
            }
            cursor.set_wait(Wait::ForDisk);
            cursor.load().unwrap();
            cursor.set_wait(Wait::Never);
            assert_eq!(cursor.row().unwrap().1.value, value.as_bytes(), "it was read, and stays");
            assert_eq!(cursor.key(), key.as_bytes());
            world.disk.set_cold(false);
        }
        assert_eq!(waits, 20);
    }
}

#[test]
fn a_reader_beside_a_writer_keeps_the_values_that_the_writer_throws_away() {
    let world = World::new();
    let writer = world.open(options());
    fill(&world, &writer, 0..20, 1);
    writer.flush().unwrap();
    let before = world.rows(&writer, false);
    let reader = world.open(Options { read_only: true, create_if_missing: false, ..options() });
    fill(&world, &writer, 0..20, 2);
    writer.compact(None, None).unwrap();
    assert_eq!(blob_files(&world).len(), 1);
    assert_eq!(world.rows(&reader, false), before);
    assert_eq!(reader.verify(&mut |_| ()).unwrap().problems, []);
}

#[test]
fn a_flush_that_finds_no_room_gives_back_what_it_took() {
    let mut failed = 0;
    for call in 1.. {
        let world = World::new();
        let db = world.open(options());
        fill(&world, &db, 0..20, 1);
        let call = world.disk.calls() + call;
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::DiskFull }));
        let flushed = db.flush();
        if world.disk.calls() < call {
            break;
        }
        let Err(error) = flushed else { continue };
        failed += 1;
        // A manifest that could not be written may name the files all the same.
        if db.write(batch(&[("another", Some("value"))]).body(), &[]).is_ok() {
            assert_eq!(error.code(), Code::DiskFull);
            assert!(blob_files(&world).is_empty(), "call {call} left {:?}", blob_files(&world));
            db.flush().unwrap();
            assert_eq!(world.rows(&db, false).len(), 21);
        }
    }
    assert!(failed > 5, "{failed} calls of a flush failed");
}
