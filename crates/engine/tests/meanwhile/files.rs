//! Copies and readers of files that come and go while they are made.

use super::{Fault, hooked_disk};
use crate::support::{World, batch, small};
use coppice_engine::disk::Disk;
use coppice_engine::error::Code;
use coppice_engine::{Db, Guard, LargeValue, Options, View};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

#[test]
fn a_checkpoint_during_an_edit_that_fails_is_refused() {
    let mut refused = 0;
    for after in 1.. {
        let world = World::new();
        let (hooks, environment) = hooked_disk(&world);
        let db = Db::open(&world.folder, small(), environment).unwrap();
        world.put(&db, "a", "1");
        let flushed = Arc::new(OnceLock::new());
        let (disk, writer, slot) = (world.disk.clone(), db.clone(), flushed.clone());
        // When the checkpoint has seen that its folder is empty.
        hooks.after_list.set(0, move || {
            writer.write(batch(&[("b", Some("2"))]).body(), &[]).unwrap();
            let call = disk.calls() + after;
            disk.fail(Some(Fault { call, sticky: false, code: Code::Io }));
            slot.set(writer.flush()).unwrap();
            disk.fail(None);
        });
        let to = Path::new("/copy");
        let made = db.checkpoint(to);
        if flushed.get().expect("the hook ran").is_ok() {
            made.unwrap();
            assert_eq!(world.rows(&world.open_at(to, small()), false).len(), 2);
            break;
        }
        assert_eq!(made.unwrap_err().code(), Code::Poisoned, "call {after}");
        assert!(world.disk.list(to).unwrap().is_empty());
        refused += 1;
    }
    assert!(refused > 5, "{refused} calls of a flush failed");
}

fn stage(db: &Db, value: &str) -> LargeValue {
    let mut writer = db.large().unwrap();
    writer.write(value.as_bytes()).unwrap();
    writer.finish().unwrap()
}

fn put_large(db: &Db, key: &str, value: &str) {
    let value = stage(db, value);
    db.write_large(batch(&[(key, Some(""))]).body(), &[], &[(0, &value)]).unwrap();
    db.write_out().unwrap();
}

fn blobs(world: &World) -> Vec<PathBuf> {
    let names = world.disk.list(&world.folder).unwrap();
    names.iter().filter(|name| name.ends_with(".blob")).map(|name| world.folder.join(name)).collect()
}

#[test]
fn a_reader_beside_a_writer_keeps_a_large_value_that_was_written_while_it_opened() {
    let world = World::new();
    let writer = world.open(small());
    world.put(&writer, "a", "1");
    writer.write_out().unwrap();
    let (hooks, environment) = hooked_disk(&world);
    let late = writer.clone();
    // The folder is listed to see whether there is a database, then to hold its files open.
    hooks.after_list.set(1, move || put_large(&late, "large", "first"));
    let options = Options { read_only: true, create_if_missing: false, ..small() };
    let reader = Db::open(&world.folder, options, environment).unwrap();
    assert_eq!(reader.visible(), writer.visible(), "the reader has read the record");

    let parts = blobs(&world);
    put_large(&writer, "large", "second");
    writer.flush().unwrap();
    assert!(blobs(&world).iter().all(|part| !parts.contains(part)), "the writer has removed the part");
    let value = reader.get(b"large", View::LATEST, |entry| entry.value.to_vec()).unwrap();
    assert_eq!(value.as_deref(), Some(&b"first"[..]));
    assert_eq!(reader.verify(&mut |_| ()).unwrap().problems, []);
    let to = Path::new("/backup");
    reader.backup(to, &mut |_| ()).unwrap();
    assert_eq!(world.rows(&world.open_at(to, small()), false), world.rows(&reader, false));
}

#[test]
fn a_large_value_becomes_part_of_the_commit_that_comes_first_alone() {
    let world = World::new();
    let (hooks, environment) = hooked_disk(&world);
    let db = Db::open(&world.folder, small(), environment).unwrap();
    let revision = world.put(&db, "a", "1");
    db.flush().unwrap();
    let value = Arc::new(stage(&db, "value"));
    let (other, shared) = (db.clone(), value.clone());
    // When the table is opened for what the second commit checks, before it has the commit lock.
    hooks.before_open.set(0, move || {
        other.write_large(batch(&[("first", Some(""))]).body(), &[], &[(0, &shared)]).unwrap();
    });
    let guards = [Guard::Key { key: b"a", revision: Some(revision) }];
    let second = db.write_large(batch(&[("second", Some(""))]).body(), &guards, &[(0, &value)]);
    assert_eq!(second.map_err(|error| error.code()), Err(Code::Invalid));
    drop(value);
    let wanted = [("a".to_owned(), "1".to_owned()), ("first".to_owned(), "value".to_owned())];
    assert_eq!(world.rows(&db, false), wanted);
    db.flush().unwrap();
    assert_eq!(world.rows(&db, false), wanted);
    db.close().unwrap();
    assert_eq!(world.rows(&world.open(small()), false), wanted);
}
