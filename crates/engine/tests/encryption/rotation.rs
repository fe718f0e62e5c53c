//! Another key: what was encrypted with an earlier one is read until it is rewritten.

use super::*;
use coppice_engine::encryption::KeyId;

/// The first is the current one.
fn in_use(db: &Db) -> Vec<KeyId> {
    db.stats().keys.into_iter().map(|key| key.id).collect()
}

pub fn id(key: u8) -> KeyId {
    KeyId::of(&[key; 32])
}

#[test]
fn an_earlier_key_is_needed_until_everything_was_compacted() {
    let world = World::new();
    let db = open_with(&world, keys(1, &[]), options(false)).unwrap();
    live(&world, &db, false, 0);
    db.close().unwrap();

    let db = open_with(&world, keys(2, &[1]), options(false)).unwrap();
    assert_eq!(in_use(&db), [id(2), id(1)]);
    world.put(&db, "a later key", MARK);
    db.flush().unwrap();
    db.close().unwrap();
    let error = open_with(&world, keys(2, &[]), options(false)).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::WrongEncryptionKey, "tables are still encrypted with the first: {error}");
    assert!(error.message().contains(&id(1).to_string()), "{error}");

    let db = open_with(&world, keys(3, &[1, 2]), options(false)).unwrap();
    assert_eq!(in_use(&db).len(), 3);
    db.compact(None, None).unwrap();
    assert_eq!(in_use(&db), [id(3)], "tables, values in blob files and the log");
    let rows = world.rows(&db, false);
    db.close().unwrap();
    let db = open_with(&world, keys(3, &[]), options(false)).unwrap();
    assert_eq!((world.rows(&db, false) == rows, rows.len()), (true, 292));
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
}

#[test]
fn what_the_log_holds_after_a_kill_is_read_with_the_key_of_its_time() {
    let world = World::new();
    let db = open_with(&world, keys(1, &[]), options(true)).unwrap();
    world.put(&db, "key", "value");
    db.sync_log().unwrap();
    drop(db);
    let error = open_with(&world, keys(2, &[]), options(true)).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::WrongEncryptionKey);
    let db = open_with(&world, keys(2, &[1]), options(true)).unwrap();
    assert_eq!(world.get(&db, "key").as_deref(), Some("value"));
    assert_eq!(in_use(&db), [id(2), id(1)]);
    db.compact(None, None).unwrap();
    assert_eq!(in_use(&db), [id(2)]);
}

/// The parts of a large value, which a flush takes over as they are.
#[test]
fn a_large_value_of_an_earlier_key_is_rewritten_with_the_table_that_refers_to_it() {
    let world = World::new();
    let db = open_with(&world, keys(1, &[]), options(false)).unwrap();
    live(&world, &db, false, 0);
    drop(db);
    let db = open_with(&world, keys(2, &[1]), options(false)).unwrap();
    db.flush().unwrap();
    assert_eq!(in_use(&db), [id(2), id(1)]);
    db.compact(None, None).unwrap();
    // The log goes on in a segment of its own; the one before goes with the next flush.
    world.put(&db, "key", "value");
    db.flush().unwrap();
    assert_eq!(in_use(&db), [id(2)]);
    let value =
        db.get(format!("{MARK}large").as_bytes(), View::LATEST, |entry| entry.value.to_vec()).unwrap();
    assert!(shows_mark(&value.unwrap()));
}
