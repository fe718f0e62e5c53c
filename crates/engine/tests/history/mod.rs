//! A database with history through its public calls: what is kept, what can be read, and what trimming takes away.

mod commits;
mod model;
mod retain;
mod trimming;

use crate::support::{World, small};
use coppice_engine::batch::Batch;
use coppice_engine::error::Code;
use coppice_engine::key::Revision;
use coppice_engine::{Db, Options, View, Written};

/// Small files, with history.
pub fn kept() -> Options {
    Options { history: Some(true), ..small() }
}

/// A version as text: `5 v1 of 5 = value`, `6 gone`.
fn versions(db: &Db, key: &str, revisions: (Option<Revision>, Option<Revision>)) -> Vec<String> {
    let mut cursor = db.versions(key.as_bytes(), revisions, View::LATEST).unwrap();
    let mut found = Vec::new();
    while cursor.next().unwrap() {
        let (_, entry) = cursor.row().unwrap();
        let value = String::from_utf8_lossy(entry.value);
        let (revision, version, create_revision) = (entry.revision, entry.version, entry.create_revision);
        found.push(match entry.kind.is_put() {
            true => format!("{revision} v{version} of {create_revision} = {value}"),
            false => format!("{revision} gone"),
        });
    }
    found
}

fn get_at(db: &Db, key: &str, revision: Revision) -> Result<Option<String>, Code> {
    let snapshot = db.snapshot_at(revision).map_err(|error| error.code())?;
    let text = |entry: &coppice_engine::entry::Entry<'_>| String::from_utf8(entry.value.to_vec()).unwrap();
    Ok(db.get(key.as_bytes(), snapshot.view(), text).unwrap())
}

#[test]
fn whether_history_is_kept_is_fixed_when_the_database_is_made() {
    let world = World::new();
    drop(world.open(kept()));
    let error = world.try_open(Options { history: Some(false), ..small() }).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::Invalid);
    assert!(error.message().starts_with("history is true"), "{error}");
    assert!(world.open(small()).keeps_history());
    assert!(world.open(kept()).keeps_history());

    let without = World::new();
    let db = without.open(small());
    assert!(!db.keeps_history());
    without.put(&db, "a", "1");
    assert_eq!(get_at(&db, "a", 2), Err(Code::Unsupported));
    assert_eq!(db.trim(2).unwrap_err().code(), Code::Unsupported);
    assert_eq!(
        db.versions(b"a", (None, None), View::LATEST).map(drop).unwrap_err().code(),
        Code::Unsupported
    );
    drop(db);
    assert_eq!(without.try_open(kept()).map(drop).unwrap_err().code(), Code::Invalid);
    let retain = coppice_engine::Retain { revisions: Some(5), ms: None };
    let error = without.try_open(Options { retain, ..small() }).map(drop).unwrap_err();
    assert!(error.code() == Code::Invalid && error.message().starts_with("retain"), "{error}");
}

#[test]
fn every_revision_can_be_read_wherever_its_versions_are() {
    let world = World::new();
    let db = world.open(kept());
    // Revision r + 2 writes r to one of three keys and deletes another.
    let write = |number: u64| {
        let (put, delete) = (format!("key{}", number % 3), format!("key{}", (number + 1) % 3));
        let ops = [(put.as_str(), Some(number.to_string())), (delete.as_str(), None)];
        let ops: Vec<_> = ops.iter().map(|(key, value)| (*key, value.as_deref())).collect();
        world.write(&db, &ops, &[])
    };
    for number in 0..60 {
        write(number);
        match number {
            20 => db.flush().unwrap(),
            40 => db.compact(None, None).unwrap(),
            _ => {}
        }
    }
    let check = |db: &Db| {
        assert_eq!(get_at(db, "key0", 1), Ok(None));
        for number in 0..60u64 {
            let at = number + 2;
            let live = format!("key{}", number % 3);
            assert_eq!(get_at(db, &live, at), Ok(Some(number.to_string())));
            assert_eq!(get_at(db, &format!("key{}", (number + 1) % 3), at), Ok(None));
            let snapshot = db.snapshot_at(at).unwrap();
            let mut rows = world.rows_at(db, snapshot.view(), false);
            rows.reverse();
            assert_eq!(rows, world.rows_at(db, snapshot.view(), true));
            assert!(rows.iter().any(|(key, value)| *key == live && *value == number.to_string()));
            assert_eq!(rows.len(), if number == 0 { 1 } else { 2 }, "at {at}: {rows:?}");
        }
        assert_eq!(get_at(db, "key0", 62), Err(Code::FutureRevision));
        assert_eq!(get_at(db, "key0", 0), Err(Code::Compacted));
    };
    check(&db);
    db.close().unwrap();
    let db = world.open(small());
    check(&db);
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
}

#[test]
fn deadlines_hide_nothing_of_the_past() {
    let world = World::new();
    let db = world.open(kept());
    world.put_until(&db, "a", "short", world.now() + 10);
    world.clock.advance(20);
    assert_eq!(world.get(&db, "a"), None);
    assert_eq!(get_at(&db, "a", 2), Ok(Some("short".into())));
    db.compact(None, None).unwrap();
    world.put(&db, "b", "x");
    assert_eq!(get_at(&db, "a", 3), Ok(Some("short".into())), "nothing but a commit takes it away");
    assert_eq!(world.get(&db, "a"), None);
    // For who writes it the key had no value any more.
    world.put(&db, "a", "again");
    assert_eq!(versions(&db, "a", (None, None)), ["4 v1 of 4 = again", "2 v1 of 2 = short"]);
}

#[test]
fn the_versions_of_a_key_come_newest_first_with_its_deletes() {
    let world = World::new();
    let db = world.open(kept());
    world.put(&db, "a", "1");
    world.put(&db, "aa", "other");
    world.put(&db, "a", "2");
    db.flush().unwrap();
    world.delete(&db, "a");
    world.put(&db, "a", "3");
    let all = ["6 v1 of 6 = 3", "5 gone", "4 v2 of 2 = 2", "2 v1 of 2 = 1"];
    assert_eq!(versions(&db, "a", (None, None)), all);
    assert_eq!(versions(&db, "a", (Some(3), Some(5))), all[1..3]);
    assert_eq!(versions(&db, "a", (Some(6), Some(2))), [""; 0]);
    assert_eq!(versions(&db, "absent", (None, None)), [""; 0]);
    let code = |revisions| db.versions(b"a", revisions, View::LATEST).map(drop).map_err(|error| error.code());
    assert_eq!(code((None, Some(7))), Err(Code::FutureRevision));
    db.trim(5).unwrap();
    assert_eq!(code((Some(4), None)), Err(Code::Compacted));
    assert_eq!(code((None, Some(4))), Err(Code::Compacted));
    // The delete may be gone already, and what was before it can be read no more.
    assert_eq!(versions(&db, "a", (None, None)), all[..1]);
    let snapshot = db.snapshot_at(5).unwrap();
    let mut cursor = db.versions(b"a", (None, None), snapshot.view()).unwrap();
    assert!(!cursor.next().unwrap());
    assert_eq!(
        versions(&db, "aa", (None, None)),
        ["3 v1 of 3 = other"],
        "what it is at the revision trimmed to"
    );
}

#[test]
fn ranges_pass_the_many_versions_of_a_key_in_both_directions() {
    let world = World::new();
    let db = world.open(kept());
    for number in 0..400u64 {
        for key in ["a", "b", "c"] {
            world.put(&db, key, &number.to_string());
        }
        if number == 200 {
            world.delete(&db, "b");
            db.flush().unwrap();
        }
    }
    for (number, gone) in [(0u64, false), (7, false), (199, false), (200, true), (201, false), (399, false)] {
        let commits = 3 * (number + 1) + u64::from(number >= 200);
        let snapshot = db.snapshot_at(1 + commits).unwrap();
        let mut wanted: Vec<_> = ["a", "b", "c"].map(|key| (key.to_owned(), number.to_string())).into();
        if gone {
            wanted.remove(1);
        }
        assert_eq!(world.rows_at(&db, snapshot.view(), false), wanted);
        wanted.reverse();
        assert_eq!(world.rows_at(&db, snapshot.view(), true), wanted);
    }
}

#[test]
fn a_large_value_has_versions_like_any_other() {
    let world = World::new();
    let db = world.open(Options { blob_bytes: 100, ..kept() });
    for letter in ["a", "b", "c"] {
        world.put(&db, "key", &letter.repeat(300));
    }
    db.compact(None, None).unwrap();
    assert_eq!(get_at(&db, "key", 3), Ok(Some("b".repeat(300))));
    assert_eq!(versions(&db, "key", (None, Some(2))), [format!("2 v1 of 2 = {}", "a".repeat(300))]);
    let blobs = db.stats().blobs;
    assert!(blobs.files > 0 && blobs.garbage_bytes == 0, "{blobs:?}");
    db.trim(4).unwrap();
    db.compact(None, None).unwrap();
    assert_eq!(get_at(&db, "key", 4), Ok(Some("c".repeat(300))));
    let history = db.stats().history.unwrap();
    assert_eq!((history.versions, history.trim_revision), (1, 4));
}

fn committed(written: Written) -> Revision {
    match written {
        Written::Committed(revision) | Written::Deleted { revision, .. } => revision,
        other => panic!("not committed: {other:?}"),
    }
}

fn write(db: &Db, fill: impl FnOnce(&mut Batch)) -> Written {
    let mut batch = Batch::new();
    fill(&mut batch);
    db.write(batch.body(), &[]).unwrap()
}
