//! Which pages are in memory, and who may wait for those that are not.

use crate::support::{self, World, small};
use coppice_engine::batch::Batch;
use coppice_engine::error::Code;
use coppice_engine::{Db, View, Wait};
use std::ops::Bound;

#[test]
fn compactions_leave_the_page_cache_to_readers() {
    let world = World::new();
    let db = world.open(small());
    let put_all_and_compact = |value: &str| {
        for index in 0..2000 {
            world.put(&db, &format!("{index:04}"), value);
        }
        // Tables that nothing holds would take their cached pages with them.
        let range = support::range(Bound::Unbounded, Bound::Unbounded, false);
        let holding_tables = db.range(range, View::LATEST).unwrap();
        db.compact(None, None).unwrap();
        let stats = db.stats();
        drop(holding_tables);
        stats
    };
    put_all_and_compact("old");
    let stats = put_all_and_compact("new");
    assert!(stats.levels[1..].iter().map(|level| level.files).sum::<u64>() > 1, "a level of several tables");
    assert_eq!(stats.cache_bytes, 0, "nobody has read");
}

#[test]
fn a_read_that_may_not_wait_says_so_where_the_disk_would_have_to_be_read() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..300 {
        world.put(&db, &format!("{index:03}"), "value");
    }
    let get_now = |db: &Db, key: &str| db.get_now(key.as_bytes(), View::LATEST, |entry| entry.value.to_vec());
    let blocks = |db: &Db, key: &str| get_now(db, key).err().map(|error| error.code());
    assert_eq!(get_now(&db, "150").unwrap().unwrap(), b"value", "it is in a memtable");
    db.close().unwrap();
    drop(db);

    let db = world.open(small());
    world.disk.set_cold(true);
    assert_eq!(blocks(&db, "150"), Some(Code::WouldBlock), "not even the table's index is in memory");
    assert_eq!(world.get(&db, "150").unwrap(), "value");
    assert_eq!(get_now(&db, "150").unwrap().unwrap(), b"value", "the page is in the cache by now");
    assert_eq!(blocks(&db, "000"), Some(Code::WouldBlock));
    assert_eq!(world.get(&db, "150").unwrap(), "value", "the second lookup that may wait takes the filter");
    world.disk.set_cold(false);
    assert_eq!(get_now(&db, "000").unwrap().unwrap(), b"value", "the system has it");
}

#[test]
fn a_range_that_may_not_wait_goes_on_where_it_stood_once_it_may() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..600 {
        world.put(&db, &format!("{index:03}"), "old");
        if index % 3 == 0 {
            world.delete(&db, &format!("{index:03}"));
        }
    }
    db.compact(None, None).unwrap();
    // Newer versions and deletes above the level, so that several sources take part.
    for index in (0..600).step_by(7) {
        world.put(&db, &format!("{index:03}"), "new");
    }
    db.close().unwrap();
    drop(db);

    for reverse in [false, true] {
        let db = world.open(small());
        let range = support::range(Bound::Unbounded, Bound::Unbounded, reverse);
        let mut cursor = db.range(range, View::LATEST).unwrap();
        let (mut rows, mut waits) = (Vec::new(), 0);
        world.disk.set_cold(true);
        loop {
            cursor.set_wait(Wait::Never);
            let stepped = cursor.next();
            let found = match stepped {
                Err(error) if error.code() == Code::WouldBlock => {
                    waits += 1;
                    cursor.set_wait(Wait::ForDisk);
                    cursor.next().unwrap()
                }
                stepped => stepped.unwrap(),
            };
            if !found {
                break;
            }
            let (key, value) = (cursor.key().to_vec(), cursor.entry().unwrap().value.to_vec());
            rows.push((String::from_utf8(key).unwrap(), String::from_utf8(value).unwrap()));
        }
        world.disk.set_cold(false);
        assert_eq!(rows, world.rows(&db, reverse));
        assert!(waits > 5, "it met {waits} pages that were not in memory");
        assert!(waits < rows.len() / 3, "{waits} of {} rows waited", rows.len());
    }
}

#[test]
fn opening_a_range_over_range_deletes_leaves_the_disk_alone() {
    let world = World::new();
    let db = world.open(small());
    for index in 0..300 {
        world.put(&db, &format!("{index:03}"), "value");
    }
    let snapshot = db.snapshot().unwrap();
    let mut batch = Batch::new();
    batch.delete_range(0, b"100", Some(b"200")).unwrap();
    db.write(batch.body(), &[]).unwrap();
    db.flush().unwrap();
    drop(snapshot);
    db.close().unwrap();
    drop(db);

    let db = world.open(small());
    assert!(db.stats().levels.iter().map(|level| level.range_deletes).sum::<u64>() > 0);
    world.disk.set_cold(true);
    let calls = world.disk.calls();
    let range = support::range(Bound::Unbounded, Bound::Unbounded, false);
    let mut cursor = db.range(range, View::LATEST).unwrap();
    cursor.set_wait(Wait::Never);
    assert_eq!(cursor.next().unwrap_err().code(), Code::WouldBlock);
    assert_eq!(world.disk.calls(), calls);
    cursor.set_wait(Wait::ForDisk);
    assert!(cursor.next().unwrap());
}
