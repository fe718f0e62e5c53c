//! An encrypted database of format 1 as it was first written, kept for ever: every later version reads it.

use super::*;
use std::fs;

/// A folder that was killed: tables, a blob file, a log, and a manifest with edits.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/encrypted-1")
}

#[test]
fn an_encrypted_database_of_format_1_is_still_read() {
    let world = World::new();
    world.disk.create_folder(&world.folder).unwrap();
    for file in fs::read_dir(golden()).unwrap() {
        let path = file.unwrap().path();
        let copy = world.disk.create(&world.folder.join(path.file_name().unwrap())).unwrap();
        copy.write_at(0, &fs::read(path).unwrap()).unwrap();
    }
    let read_only = Options { read_only: true, create_if_missing: false, ..small() };
    let db = open_with(&world, keys(1, &[]), read_only).unwrap();
    let value = |length: usize| Some("value ".repeat(length));
    assert_eq!(world.get(&db, "in a table"), value(3));
    assert_eq!(world.get(&db, "in a blob file"), value(50));
    assert_eq!(world.get(&db, "in the log"), value(2));
    assert_eq!(world.get(&db, "deleted"), None);
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
    assert_eq!(db.stats().keys.iter().map(|key| key.id).collect::<Vec<_>>(), [rotation::id(1)]);
}

/// Wrote it: `cargo test -p coppice-engine --test database -- --ignored golden`, into a folder that is not there.
#[test]
#[ignore = "writes the files that the other test reads"]
fn write_it() {
    let world = World::new();
    let db = open_with(&world, keys(1, &[]), Options { blob_bytes: 200, ..small() }).unwrap();
    let value = |length: usize| "value ".repeat(length);
    world.put(&db, "deleted", "value");
    world.put(&db, "in a table", &value(3));
    world.put(&db, "in a blob file", &value(50));
    db.flush().unwrap();
    world.delete_range(&db, "deleted", Some("e"));
    db.flush().unwrap();
    world.put(&db, "in the log", &value(2));
    db.sync_log().unwrap();
    fs::create_dir(golden()).unwrap();
    for (path, bytes) in files(&world.disk, &[&world.folder]) {
        fs::write(golden().join(path.file_name().unwrap()), bytes).unwrap();
    }
}
