//! A whole database, changed in any place, opened and used.

use crate::bytes::Input;
use crate::samples;
use coppice_engine::batch::Batch;
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::{Image, SimulatedDisk};
use coppice_engine::encryption::{KEY_BYTES, Keys};
use coppice_engine::environment::Environment;
use coppice_engine::error::{Code, Error, Result};
use coppice_engine::simulation::{FixedClock, environment};
use coppice_engine::{Db, Range, View, blob, manifest, wal};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Of a process that was killed: two levels of tables, blob files, a manifest with edits, three segments.
static KILLED: LazyLock<Image> =
    LazyLock::new(|| samples::database(&samples::small(), &Keys::default()).image());
/// The same, encrypted.
static ENCRYPTED: LazyLock<Image> = LazyLock::new(|| samples::database(&samples::small(), &keys()).image());

fn keys() -> Keys {
    Keys::new(&[7; KEY_BYTES], &[])
}

/// Changes, each: which file, what and whether to make checksums right after it, where, how many bytes, the bytes.
pub fn folder(input: &[u8]) {
    damaged(&KILLED, &Keys::default(), input);
}

pub fn encrypted_folder(input: &[u8]) {
    damaged(&ENCRYPTED, &keys(), input);
}

fn damaged(image: &Image, keys: &Keys, input: &[u8]) {
    let disk = SimulatedDisk::new(image.clone());
    let folder = Path::new(samples::FOLDER);
    let names = disk.list(folder).expect("the folder is there");
    let mut input = Input(input);
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        let path = folder.join(&names[usize::from(input.byte()) % names.len()]);
        change(&disk, &path, &mut input);
    }
    if let Err(error) = live(&disk, keys) {
        let fits = matches!(
            error.code(),
            Code::Corrupt | Code::Format | Code::NotFound | Code::Poisoned | Code::Unsupported
        );
        // A header whose checksum was made right may name another key, or none.
        let fits = fits || matches!(error.code(), Code::Encrypted | Code::WrongEncryptionKey | Code::Invalid);
        assert!(fits, "damage is told as {}: {error}", error.code().name());
    }
}

fn change(disk: &SimulatedDisk, path: &Path, input: &mut Input<'_>) {
    let what = input.byte();
    let at = input.word();
    let length = usize::from(input.byte());
    let bytes = input.take(length).to_vec();
    // A file that an earlier change took away stays away.
    let _ = match what % 8 {
        7 => disk.delete(path),
        _ => disk.damage(path, |file| {
            let at = at.min(file.len());
            let end = (at + bytes.len()).min(file.len());
            match what % 8 {
                0..4 => file[at..end].copy_from_slice(&bytes[..end - at]),
                4 => drop(file.splice(at..at, bytes.iter().copied())),
                5 => drop(file.drain(at..end)),
                _ => file.truncate(at),
            }
            if what & 0x40 != 0 {
                sign(path, file);
            }
        }),
    };
}

/// Tables are named with their hashes by the manifest; they have a target of their own.
fn sign(path: &Path, file: &mut Vec<u8>) {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("log") => wal::fuzz::sign(file),
        Some("blob") => drop(blob::fuzz::sign(file)),
        Some("manifest") => manifest::fuzz::sign(file),
        None if path.ends_with("CURRENT") => {
            let line = file.iter().position(|byte| *byte == b'0').map_or(0, |at| (at + 15).min(file.len()));
            file.truncate(line);
            manifest::fuzz::sign_current(file);
        }
        _ => {}
    }
}

fn open(disk: &SimulatedDisk, keys: &Keys) -> Result<Db> {
    let clock = Arc::new(FixedClock::new(samples::NOW_MS));
    let environment = Environment { keys: keys.clone(), ..environment(disk, &clock, 3) };
    Db::open(Path::new(samples::FOLDER), samples::small(), environment)
}

fn live(disk: &SimulatedDisk, keys: &Keys) -> Result<()> {
    let db = open(disk, keys)?;
    let forward = scan(&db, false);
    let backward = scan(&db, true);
    let report = db.verify(&mut |_| ())?;
    if report.problems.is_empty() {
        let (forward, mut backward) = (forward?, backward?);
        backward.reverse();
        assert_eq!(forward, backward, "backward is not forward turned round");
    }
    let mut batch = Batch::new();
    batch.put(0, KEY, b"written after the damage", None)?;
    db.write(batch.body(), &[])?;
    db.run_background();
    let ended = db.compact(None, None).and_then(|()| db.close());
    let kept = ended.or_else(|error| explained(error, &report.problems));
    drop(db);
    kept?;
    // Whatever there was to mend is mended, so what was written through the log or a table is there.
    let db = open(disk, keys)?;
    let found = db.get(KEY, View::LATEST, |entry| entry.value.len())?;
    assert!(found.is_some() || !report.problems.is_empty(), "a write after the damage is lost");
    Ok(())
}

const KEY: &[u8] = b"a key of its own";

/// Work on what `verify` found damaged may fail for it.
fn explained(error: Error, problems: &[coppice_engine::Problem]) -> Result<()> {
    if problems.is_empty() { Err(error) } else { Ok(()) }
}

fn scan(db: &Db, reverse: bool) -> Result<Vec<Vec<u8>>> {
    let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse };
    let mut cursor = db.range(range, View::LATEST)?;
    let mut keys = Vec::new();
    while cursor.next()? {
        // A value may be in a file of its own.
        db.get(cursor.key(), View::LATEST, |entry| entry.value.len())?;
        keys.push(cursor.key().to_vec());
    }
    Ok(keys)
}
