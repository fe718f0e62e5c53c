//! Which pages are in memory, and who may wait for those that are not.

use crate::support::{self, World, small};
use coppice_engine::error::Code;
use coppice_engine::{Db, View};
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
    world.disk.set_cold(false);
    assert_eq!(get_now(&db, "000").unwrap().unwrap(), b"value", "the system has it");
}
