//! Encrypted databases: what is on the disk says nothing of keys and values, and nobody reads it without the key.

mod golden;
mod rotation;

use crate::support::{World, small};
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::disk::{Access, Disk};
use coppice_engine::encryption::Keys;
use coppice_engine::environment::Environment;
use coppice_engine::error::{Code, Error};
use coppice_engine::{Db, LargeValue, Options, Tuning, View, salvage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stands in every key and in every value.
const MARK: &str = "n0t-t0-be-f0und";

fn keys(current: u8, earlier: &[u8]) -> Keys {
    Keys::new(&[current; 32], &earlier.iter().map(|key| [*key; 32]).collect::<Vec<_>>())
}

fn open_with(world: &World, keys: Keys, options: Options) -> Result<Db, Error> {
    let opens = world.opens.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let environment = coppice_engine::simulation::environment(&world.disk, &world.clock, 7 + opens);
    Db::open(&world.folder, options, Environment { keys, ..environment })
}

fn options(history: bool) -> Options {
    let tuning = Tuning { blob_file_bytes: 8 << 10, blob_part_bytes: 64 << 10, ..small().tuning };
    Options { history: Some(history), blob_bytes: 200, tuning, ..small() }
}

fn large(db: &Db, bytes: usize) -> LargeValue {
    let mut writer = db.large().unwrap();
    writer.write(&MARK.repeat(bytes / MARK.len()).into_bytes()).unwrap();
    writer.finish().unwrap()
}

/// Everything that a database does to files, but for range deletes with history.
fn live(world: &World, db: &Db, history: bool, round: u32) {
    for index in 0..300 {
        let value = format!("{MARK} value {round}").repeat(if index % 10 == 0 { 20 } else { 1 });
        world.put(db, &format!("{MARK}{index:03}"), &value);
    }
    world.delete(db, &format!("{MARK}007"));
    if !history {
        world.delete_range(db, &format!("{MARK}100"), Some(&format!("{MARK}110")));
    }
    let mut batch = coppice_engine::batch::Batch::new();
    let value = large(db, 100 << 10);
    batch.put(0, format!("{MARK}large").as_bytes(), b"", None).unwrap();
    db.write_large(batch.body(), &[], &[(0, &value)]).unwrap();
    db.flush().unwrap();
    db.run_background();
    world.put(db, &format!("{MARK}last"), MARK);
}

/// Every byte of every file in these folders, by path.
fn files(disk: &SimulatedDisk, folders: &[&Path]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in folders {
        for name in disk.list(folder).unwrap() {
            let path = folder.join(name);
            let file = disk.open(&path, Access::Read).unwrap();
            let mut bytes = vec![0; file.size().unwrap() as usize];
            file.read_at(0, &mut bytes).unwrap();
            files.insert(path, bytes);
        }
    }
    files
}

fn shows_mark(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes())
}

/// The kinds of files in which a database of this key leaves the mark, wherever it is copied.
fn kinds_that_show(encryption: Keys, history: bool, compression: bool) -> Vec<String> {
    let world = World::new();
    let options = Options { compression, ..options(history) };
    let folders = ["/database", "/checkpoint", "/backup", "/salvaged"].map(Path::new);
    let mut shown = Vec::new();
    let mut look = |folders: &[&Path]| {
        for (path, bytes) in files(&world.disk, folders) {
            let name = path.file_name().unwrap().to_string_lossy();
            if shows_mark(&bytes) {
                shown.push(name.rsplit('.').next().unwrap().to_owned());
            }
        }
    };
    for round in 0..3 {
        let db = open_with(&world, encryption.clone(), options.clone()).unwrap();
        live(&world, &db, history, round);
        db.sync_log().unwrap();
        look(&folders[..1]);
        if round == 2 {
            db.checkpoint(folders[1]).unwrap();
            db.backup(folders[2], &mut |_| ()).unwrap();
        }
        db.compact(None, None).unwrap();
        look(&folders[..1]);
        db.close().unwrap();
        look(&folders[..1]);
    }
    let environment = Environment { keys: encryption, ..world.environment() };
    let report = salvage(folders[0], folders[3], &options, &environment, &mut |_| ()).unwrap();
    assert!(report.keys > 200, "{report:?}");
    look(&folders[1..]);
    shown.sort();
    shown.dedup();
    shown
}

#[test]
fn no_byte_of_a_key_or_value_is_in_any_file_of_an_encrypted_database() {
    for (history, compression) in [(false, false), (true, true)] {
        let nothing: [&str; 0] = [];
        assert_eq!(kinds_that_show(keys(1, &[]), history, compression), nothing);
    }
    // Without a key all of them show it, so that looking finds what is there.
    assert_eq!(kinds_that_show(Keys::default(), false, false), ["blob", "log", "manifest", "table"]);
}

#[test]
fn what_was_put_is_read_back_and_found_whole() {
    let world = World::new();
    for round in 0..3 {
        let db = open_with(&world, keys(1, &[]), options(false)).unwrap();
        live(&world, &db, false, round);
        let check = |db: &Db| {
            assert_eq!(world.get(db, &format!("{MARK}099")), Some(format!("{MARK} value {round}")));
            assert_eq!(world.get(db, &format!("{MARK}105")), None);
            let bytes = |key: &str| db.get(key.as_bytes(), View::LATEST, |entry| entry.value.len()).unwrap();
            assert_eq!(bytes(&format!("{MARK}large")), Some((100 << 10) / MARK.len() * MARK.len()));
            assert_eq!(world.rows(db, false).len(), 291);
            assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
        };
        check(&db);
        let read_only = Options { read_only: true, create_if_missing: false, ..options(false) };
        check(&open_with(&world, keys(1, &[]), read_only).unwrap());
        if round == 1 {
            db.close().unwrap();
        }
    }
}

#[test]
fn without_its_key_a_database_is_refused_and_left_as_it_is_and_so_is_a_plain_one_with_a_key() {
    let (world, plain) = (World::new(), World::new());
    let options = options(false);
    let db = open_with(&world, keys(1, &[]), options.clone()).unwrap();
    live(&world, &db, false, 0);
    drop(db);
    plain.put(&plain.open(options.clone()), "key", "value");
    let all = |world: &World| files(&world.disk, &[Path::new("/database")]);
    for (world, keys, code) in [
        (&world, Keys::default(), Code::Encrypted),
        (&world, keys(2, &[]), Code::WrongEncryptionKey),
        (&world, keys(2, &[3]), Code::WrongEncryptionKey),
        (&plain, keys(1, &[]), Code::Invalid),
    ] {
        let before = all(world);
        for read_only in [false, true] {
            let options = Options { read_only, create_if_missing: !read_only, ..options.clone() };
            let error = open_with(world, keys.clone(), options).map(drop).unwrap_err();
            assert_eq!((error.code(), error.file().is_some()), (code, true), "{error}");
        }
        let environment = Environment { keys, ..world.environment() };
        let to = Path::new("/salvaged");
        let error = salvage(&world.folder, to, &options, &environment, &mut |_| ()).unwrap_err();
        assert_eq!((error.code(), world.disk.list(to).unwrap().len()), (code, 0), "{error}");
        assert!(all(world) == before, "a refused open changes nothing");
    }
}

#[test]
fn a_changed_byte_whose_checksum_was_made_right_is_corrupt_with_its_place() {
    let world = World::new();
    let db = open_with(&world, keys(1, &[]), options(false)).unwrap();
    world.put(&db, "key", "a value of some bytes");
    db.sync_log().unwrap();
    drop(db);
    // The first frame: its checksum at 128, its length behind it, then 16 bytes more, then the body.
    let path = world.file_with_extension("log");
    let file = world.disk.open(&path, Access::ReadWrite).unwrap();
    let mut frame = vec![0; 24];
    file.read_at(128, &mut frame).unwrap();
    frame.resize(24 + u32::from_le_bytes(*frame[4..].first_chunk().unwrap()) as usize, 0);
    file.read_at(128, &mut frame).unwrap();
    frame[24 + 40] ^= 1;
    let crc = crc32c::crc32c(&frame[4..]);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    file.write_at(128, &frame).unwrap();
    let error = open_with(&world, keys(1, &[]), options(false)).map(drop).unwrap_err();
    assert_eq!((error.code(), error.file(), error.offset()), (Code::Corrupt, Some(&*path), Some(128)));
}
