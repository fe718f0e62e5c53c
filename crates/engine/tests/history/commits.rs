//! What a commit computes of what there was.

use super::{committed, get_at, kept, versions, write};
use crate::support::{World, batch, small};
use coppice_engine::batch::{Batch, Reason};
use coppice_engine::error::Code;
use coppice_engine::{Db, Guard, Options, View, Written};
use std::sync::Arc;

#[test]
fn operations_of_one_commit_act_in_order_and_count_once() {
    let world = World::new();
    let db = world.open(kept());
    world.write(&db, &[("a", Some("1")), ("a", Some("2")), ("b", Some("1"))], &[]);
    world.write(&db, &[("a", Some("3")), ("a", Some("4")), ("b", None), ("b", Some("2"))], &[]);
    world.write(&db, &[("a", None), ("c", Some("1")), ("c", None)], &[]);
    assert_eq!(versions(&db, "a", (None, None)), ["4 gone", "3 v2 of 2 = 4", "2 v1 of 2 = 2"]);
    assert_eq!(versions(&db, "b", (None, None)), ["3 v1 of 3 = 2", "2 v1 of 2 = 1"]);
    assert_eq!(versions(&db, "c", (None, None)), ["4 gone"]);
}

#[test]
fn versions_go_on_over_flushes_compactions_and_opens() {
    let world = World::new();
    let mut db = world.open(kept());
    for round in 0..30u64 {
        assert_eq!(world.put(&db, "key", "value"), round + 2);
        match round % 5 {
            0 => db.flush().unwrap(),
            1 => db.compact(None, None).unwrap(),
            2 => {
                db.write_out().unwrap();
                drop(db);
                db = world.open(kept());
            }
            3 => {
                db.close().unwrap();
                db = world.open(small());
            }
            _ => {}
        }
        let found = db.get(b"key", View::LATEST, |entry| (entry.create_revision, entry.version)).unwrap();
        assert_eq!(found, Some((2, round + 1)));
    }
}

#[test]
fn a_range_delete_becomes_a_delete_of_each_key_that_lives() {
    let world = World::new();
    let db = world.open(kept());
    for key in ["a", "b", "c", "d"] {
        world.put(&db, key, "old");
    }
    db.flush().unwrap();
    world.delete(&db, "b");
    world.put_until(&db, "bb", "short", world.now() + 5);
    world.clock.advance(10);
    let written = write(&db, |batch| {
        batch.put(0, b"c", b"new", None).unwrap();
        batch.put(0, b"cc", b"new", None).unwrap();
        batch.delete_range(0, b"b", Some(b"d")).unwrap();
        batch.put(0, b"cc", b"newer", None).unwrap();
    });
    assert_eq!(written, Written::Deleted { revision: 8, keys: 1 }, "c alone had a value");
    assert_eq!(world.rows(&db, false).len(), 3);
    assert_eq!(versions(&db, "c", (None, None)), ["8 gone", "4 v1 of 4 = old"]);
    assert_eq!(versions(&db, "cc", (None, None)), ["8 v1 of 8 = newer"]);
    assert_eq!(versions(&db, "b", (None, None)), ["6 gone", "3 v1 of 3 = old"], "it was gone already");
    assert_eq!(get_at(&db, "bb", 7), Ok(Some("short".into())));
    assert_eq!(get_at(&db, "bb", 8), Ok(None), "what has expired is deleted too");
    db.flush().unwrap();
    assert_eq!(db.stats().levels.iter().map(|level| level.range_deletes).sum::<u64>(), 0);

    let nothing = write(&db, |batch| {
        batch.delete_range(0, b"x", Some(b"y")).unwrap();
    });
    assert_eq!(nothing, Written::Deleted { revision: 8, keys: 0 }, "nothing has changed");
    db.write_out().unwrap();
    drop(db);
    let db = world.open(kept());
    assert_eq!((db.visible(), world.rows(&db, false).len()), (8, 3));
}

#[test]
fn a_delete_of_what_is_not_there_changes_nothing() {
    let world = World::new();
    let db = world.open(kept());
    world.put(&db, "gone", "1");
    world.put_until(&db, "expired", "2", world.now() + 5);
    world.delete(&db, "gone");
    world.clock.advance(10);
    let commits = db.stats().commits;
    for key in ["absent", "gone"] {
        assert_eq!(world.delete(&db, key), 4);
    }
    assert_eq!(db.stats().commits, commits);
    assert_eq!(versions(&db, "absent", (None, None)), [""; 0]);
    assert_eq!(versions(&db, "gone", (None, None)), ["4 gone", "2 v1 of 2 = 1"]);
    assert_eq!(world.delete(&db, "expired"), 5, "it is there for whoever reads at a revision");
    assert_eq!(world.delete(&db, "expired"), 5);

    let written = write(&db, |batch| {
        batch.delete(0, b"absent", Reason::User).unwrap();
        batch.put(0, b"absent", b"new", None).unwrap();
        batch.put(0, b"short", b"", None).unwrap();
        batch.delete(0, b"short", Reason::User).unwrap();
        batch.delete(0, b"short", Reason::User).unwrap();
    });
    assert_eq!(written, Written::Committed(6));
    assert_eq!(versions(&db, "absent", (None, None)), ["6 v1 of 6 = new"]);
    assert_eq!(versions(&db, "short", (None, None)), ["6 gone"]);
    db.flush().unwrap();
    assert_eq!(world.delete(&db, "short"), 6, "tables say it too");
}

#[test]
fn a_key_that_comes_or_goes_while_its_delete_is_made_is_seen() {
    let world = World::new();
    let db = std::sync::Arc::new(world.open(kept()));
    let (mut puts, mut deletes) = (0, 0);
    std::thread::scope(|threads| {
        let others = threads.spawn(|| {
            for _ in 0..2_000 {
                world.put(&db, "key", "");
                world.delete(&db, "key");
            }
        });
        while !others.is_finished() {
            world.delete(&db, "key");
        }
    });
    for version in versions(&db, "key", (None, None)) {
        match version.contains("gone") {
            true => deletes += 1,
            false => puts += 1,
        }
    }
    assert_eq!((puts, deletes), (2_000, 2_000), "each delete has taken one put away");
}

#[test]
fn a_range_of_too_many_keys_is_refused_whole() {
    let world = World::new();
    let db = world.open(Options { history: Some(true), ..Options::default() });
    let key = |number: u32| format!("{number:06}{}", "x".repeat(2_000));
    for number in 0..17_000 {
        world.put(&db, &key(number), "");
    }
    let newest = db.visible();
    let mut all = Batch::new();
    all.put(0, b"also", b"", None).unwrap();
    all.delete_range(0, b"", None).unwrap();
    let error = db.write(all.body(), &[]).unwrap_err();
    assert_eq!(error.code(), Code::TooLarge);
    assert!(error.message().contains("in parts"), "{error}");
    assert_eq!((db.visible(), world.get(&db, "also")), (newest, None));
    let half = write(&db, |batch| {
        batch.delete_range(0, b"", Some(b"008")).unwrap();
    });
    assert_eq!(half, Written::Deleted { revision: newest + 1, keys: 8_000 });
}

#[test]
fn a_commit_that_may_not_wait_says_so_and_does_nothing() {
    let world = World::new();
    let db = world.open(kept());
    let put = |db: &Db| db.write_now(batch(&[("a", Some("1"))]).body(), &[]);
    committed(put(&db).unwrap());
    let mut range = Batch::new();
    range.delete_range(0, b"", None).unwrap();
    assert_eq!(db.write_now(range.body(), &[]).unwrap_err().code(), Code::WouldBlock);
    db.flush().unwrap();
    drop(db);
    let db = world.open(Options { cache_bytes: Some(0), ..kept() });
    // The table was not read yet.
    let guard = Guard::Key { key: b"a", revision: Some(2) };
    let other = || batch(&[("other", None)]);
    assert_eq!(db.write_now(other().body(), &[guard]).unwrap_err().code(), Code::WouldBlock);
    assert_eq!(put(&db).unwrap_err().code(), Code::WouldBlock);
    assert_eq!(db.visible(), 2);
    assert_eq!(committed(db.write(batch(&[("a", Some("1"))]).body(), &[]).unwrap()), 3);
    assert_eq!(committed(put(&db).unwrap()), 4, "now a memtable knows");
    let without = World::new();
    let db = without.open(small());
    assert_eq!(db.write_now(range.body(), &[]).unwrap(), Written::Committed(2));
}

#[test]
fn guards_and_fields_agree_on_what_there_is() {
    let world = World::new();
    let db = world.open(kept());
    world.put_until(&db, "a", "1", world.now() + 5);
    let guard = |revision| [Guard::Key { key: b"a", revision }];
    assert!(matches!(world.write(&db, &[("a", Some("2"))], &guard(None)), Written::Conflict { .. }));
    world.clock.advance(5);
    assert_eq!(world.write(&db, &[("a", Some("2"))], &guard(None)), Written::Committed(3));
    assert_eq!(versions(&db, "a", (Some(3), None)), ["3 v1 of 3 = 2"]);
    assert_eq!(world.write(&db, &[("a", Some("3"))], &guard(Some(3))), Written::Committed(4));
    assert_eq!(versions(&db, "a", (Some(4), None)), ["4 v2 of 3 = 3"]);
}

#[test]
fn writers_on_several_threads_count_every_version_once() {
    const THREADS: u64 = 4;
    const WRITES: u64 = 400;
    let world = World::new();
    let db = world.open(kept());
    let room = Arc::new(parking_room(&db));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, room) = (db.clone(), room.clone());
            scope.spawn(move || {
                for write in 0..WRITES {
                    let mut batch = batch(&[("all", Some("x"))]);
                    if (write + thread) % 50 == 0 {
                        batch.delete_range(0, b"some", Some(b"some~")).unwrap();
                    } else {
                        batch.put(0, format!("some{}", write % 7).as_bytes(), b"y", None).unwrap();
                    }
                    if write % 40 == 13 {
                        batch.delete(0, b"one", Reason::User).unwrap();
                    }
                    while db.write(batch.body(), &[]).unwrap() == Written::Stalled {
                        room();
                    }
                }
            });
        }
    });
    let found = db.get(b"all", View::LATEST, |entry| (entry.create_revision, entry.version)).unwrap();
    assert_eq!(found, Some((2, THREADS * WRITES)));
    assert_eq!(versions(&db, "all", (None, None)).len() as u64, THREADS * WRITES);
    db.flush().unwrap();
    // Whether each put knew of the delete before it, and of the put.
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
}

/// Does the flushes that writers wait for, one thread at a time.
fn parking_room(db: &Db) -> impl Fn() + Send + Sync + use<> {
    let db = std::sync::Mutex::new(db.clone());
    move || db.lock().unwrap().run_background()
}
