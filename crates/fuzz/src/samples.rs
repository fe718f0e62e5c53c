//! Right inputs, made by the engine itself, so that they follow every change of its formats.

use crate::manifest::CURRENT;
use crate::table::FOOTER_BYTES;
use coppice_engine::batch::{self, Batch, Header, Reason, RecordKind};
use coppice_engine::blob::{Piece, fuzz};
use coppice_engine::codec::Compressor;
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::encryption::Keys;
use coppice_engine::environment::Environment;
use coppice_engine::simulation::{FixedClock, environment};
use coppice_engine::{Db, Options, Tuning};
use std::path::Path;
use std::sync::Arc;

pub const FOLDER: &str = "/db";
pub const NOW_MS: i64 = 1_700_000_000_000;
const COMMITS: u32 = 60;
/// Values of so many bytes stand in blob files.
const LARGE_BYTES: u64 = 40;

pub fn small() -> Options {
    let tuning = Tuning {
        segment_bytes_min: 1 << 10,
        segment_bytes_max: 2 << 10,
        page_bytes: 256,
        table_bytes: 2 << 10,
        manifest_roll_bytes: 16 << 10,
        level0_trigger: 2,
        level_base_bytes: 4 << 10,
        memtable_bytes: 64 << 10,
        ..Tuning::default()
    };
    Options { tuning, blob_bytes: LARGE_BYTES, holder: "a fuzzer".into(), ..Options::default() }
}

/// A disk with a database of a process that was killed.
pub fn database(options: &Options, keys: &Keys) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let clock = Arc::new(FixedClock::new(NOW_MS));
    let environment = Environment { keys: keys.clone(), ..environment(&disk, &clock, 3) };
    let db = Db::open(Path::new(FOLDER), options.clone(), environment);
    let db = db.expect("a new database opens");
    for number in 0..COMMITS {
        db.write(commit(number).body(), &[]).expect("a sample is within the limits");
        if number % 16 == 12 && number < 40 {
            db.flush().expect("a simulated disk takes a table");
            db.run_background();
        }
    }
    db.write_out().expect("a simulated disk takes the log");
    disk
}

fn plain(options: &Options) -> SimulatedDisk {
    database(options, &Keys::default())
}

/// Without flushes: all commits are in the log.
fn unflushed() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let clock = Arc::new(FixedClock::new(NOW_MS));
    let db =
        Db::open(Path::new(FOLDER), small(), environment(&disk, &clock, 3)).expect("a new database opens");
    for number in 0..COMMITS / 2 {
        db.write(commit(number).body(), &[]).expect("a sample is within the limits");
        if number.is_multiple_of(3) {
            db.request_sync();
            db.run_background();
        }
    }
    db.write_out().expect("a simulated disk takes the log");
    disk
}

fn commit(number: u32) -> Batch {
    let mut batch = Batch::new();
    let key = format!("some/key/{:03}", number * 37 % 50);
    let length = if number.is_multiple_of(4) { 60 } else { 9 };
    let value = [b"value of it ".as_slice(), &vec![number as u8; length]].concat();
    let deadline_ms = number.is_multiple_of(5).then_some(NOW_MS + 1_000);
    let packed = match number % 6 {
        5 => batch.delete(0, key.as_bytes(), Reason::User),
        _ => batch.put(0, key.as_bytes(), &value, deadline_ms),
    };
    packed.expect("a sample is within the limits");
    if number.is_multiple_of(9) {
        let (lower, upper) =
            (format!("some/key/{:03}", number % 50), format!("some/key/{:03}", number % 50 + 3));
        let upper = (number != 18).then_some(upper.as_bytes());
        batch.delete_range(0, lower.as_bytes(), upper).expect("a sample is within the limits");
    }
    if number.is_multiple_of(7) {
        batch.put(0, b"", b"", None).expect("an empty key is a key");
        batch.delete(0, b"another", Reason::Ttl).expect("a sample is within the limits");
    }
    batch
}

fn files(disk: &SimulatedDisk, ending: &str) -> Vec<Vec<u8>> {
    let names = disk.list(Path::new(FOLDER)).expect("the folder is there");
    let named = names.iter().filter(|name| name.ends_with(ending) && name.starts_with('0'));
    named.map(|name| disk.contents(&Path::new(FOLDER).join(name)).expect("the file is there")).collect()
}

/// The file's own number, which its header repeats.
fn numbered(mut file: Vec<u8>, number: u64) -> Vec<u8> {
    file[24..32].copy_from_slice(&number.to_le_bytes());
    file
}

pub fn records() -> Vec<Vec<u8>> {
    let record = |number: u32| {
        let mut batch = commit(number);
        let count = batch::ops(batch.body()).count() as u32;
        let header = Header { kind: RecordKind::Data, count, sequence: 5, revision: 6, time_ms: NOW_MS };
        batch::set_header(batch.body(), header);
        batch.body().to_vec()
    };
    [0, 5, 7, 18, 35].map(record).into()
}

pub fn segments() -> Vec<Vec<u8>> {
    files(&unflushed(), ".log").into_iter().take(1).map(|file| numbered(file, 7)).collect()
}

pub fn logs() -> Vec<Vec<u8>> {
    let mut input = vec![7, 0];
    for (number, file) in (7..10).zip(files(&unflushed(), ".log")) {
        let file = numbered(file, number);
        input.push(0);
        input.extend_from_slice(&(file.len() as u16).to_le_bytes());
        input.extend_from_slice(&file);
    }
    vec![input]
}

pub fn manifests() -> Vec<Vec<u8>> {
    files(&plain(&small()), ".manifest").into_iter().map(|file| numbered(file, 7)).collect()
}

/// The payloads of a manifest's frames: checksum, length, payload, each frame at a multiple of eight bytes.
pub fn edits() -> Vec<Vec<u8>> {
    let manifest = manifests().swap_remove(0);
    let mut payloads = Vec::new();
    let mut at = 128;
    while let Some(length) = manifest.get(at + 4..).and_then(|rest| rest.first_chunk()) {
        let length = u32::from_le_bytes(*length) as usize;
        payloads.push(manifest[at + 8..at + 8 + length].to_vec());
        at = (at + 8 + length).next_multiple_of(8);
    }
    payloads
}

pub fn currents() -> Vec<Vec<u8>> {
    vec![CURRENT.to_vec(), CURRENT[..CURRENT.len() - 10].to_vec()]
}

pub fn tables() -> Vec<Vec<u8>> {
    let raw = Options { compression: false, ..small() };
    [small(), raw].iter().flat_map(|options| files(&plain(options), ".table")).take(4).collect()
}

pub fn footers() -> Vec<Vec<u8>> {
    tables().into_iter().take(1).collect()
}

/// The parts of a table between its pages and its footer, by the places that the footer says.
fn part(table: &[u8], number: usize) -> Vec<u8> {
    let footer = &table[table.len() - FOOTER_BYTES..];
    let place = &footer[40 + 16 * number..];
    let offset = u64::from_le_bytes(*place.first_chunk().expect("within the footer")) as usize;
    let bytes = u32::from_le_bytes(*place[8..].first_chunk().expect("within the footer")) as usize;
    table[offset..offset + bytes].to_vec()
}

pub fn indexes() -> Vec<Vec<u8>> {
    tables().iter().map(|table| part(table, 0)).collect()
}

pub fn filters() -> Vec<Vec<u8>> {
    tables().iter().map(|table| part(table, 1)).collect()
}

pub fn ranges() -> Vec<Vec<u8>> {
    tables().iter().map(|table| part(table, 2)).collect()
}

pub fn properties() -> Vec<Vec<u8>> {
    tables().iter().map(|table| part(table, 3)).collect()
}

/// Of tables that have only one.
pub fn pages() -> Vec<Vec<u8>> {
    let of = |compression| {
        let tuning = Tuning { page_bytes: 2 << 10, ..small().tuning };
        let options = Options { compression, tuning, ..small() };
        let table = files(&plain(&options), ".table").swap_remove(0);
        let footer = &table[table.len() - FOOTER_BYTES..];
        let end = u64::from_le_bytes(*footer[40..].first_chunk().expect("within the footer"));
        table[..end as usize].to_vec()
    };
    [true, false].map(of).into()
}

pub fn blobs() -> Vec<Vec<u8>> {
    let raw = Options { compression: false, ..small() };
    [small(), raw].iter().flat_map(|options| files(&plain(options), ".blob")).take(4).collect()
}

/// To the records of the blob files, in one piece and in several.
pub fn references() -> Vec<Vec<u8>> {
    let pieces: Vec<Piece> = blobs().iter_mut().flat_map(|file| fuzz::sign(file)).collect();
    [1, 3].map(|count| fuzz::reference_to((0..).zip(pieces[..count].iter().copied()))).into()
}

pub fn blocks() -> Vec<Vec<u8>> {
    let texts = ["", "abcabcabcabcabcabcabcabcabcabcabc!", "no two of these letters are the same"];
    let long = "a line of a page, ".repeat(60);
    let pack = |text: &str| {
        let mut block = (text.len() as u16).to_le_bytes().to_vec();
        Compressor::new().compress(text.as_bytes(), &mut block);
        block
    };
    texts.iter().copied().chain([long.as_str()]).map(pack).collect()
}

/// One change of each kind, with and without a right checksum.
pub fn patches() -> Vec<Vec<u8>> {
    let mut inputs = vec![Vec::new()];
    for file in 0..10 {
        for what in [0, 4, 5, 6, 7, 0x40, 0x44] {
            inputs.push(vec![file, what, 200, 0, 4, 1, 2, 3, 4]);
        }
    }
    inputs
}
