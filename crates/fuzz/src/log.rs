//! Log records, segments, and folders of them.

use crate::bytes::Input;
use coppice_engine::batch::{self, OpKind, Origin};
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::encryption::Keys;
use coppice_engine::entry::Kind;
use coppice_engine::error::Result;
use coppice_engine::key::Revision;
use coppice_engine::limits;
use coppice_engine::memtable::{Memtable, MemtableOptions};
use coppice_engine::wal::{self, LogFloor, Reading, Recovered};
use std::path::{Path, PathBuf};

const FOLDER: &str = "/log";

/// A record's body, as a user's call and as a log gives it. What is accepted can be read and put into a memtable.
pub fn record(body: &[u8]) {
    let user = batch::validate(body, Origin::User);
    let Ok(summary) = batch::validate(body, Origin::Engine) else {
        assert!(user.is_err(), "users may do nothing that the engine may not");
        return;
    };
    assert_eq!(batch::ops(body).count(), summary.entries);
    let bytes: usize = batch::ops(body).map(|op| 1 + op.key.len() + op.value.len()).sum();
    assert_eq!(bytes, summary.key_and_value_bytes);
    let room = Memtable::bytes_needed(summary.entries, summary.memtable_bytes());
    let memtable = Memtable::new(MemtableOptions { bytes: room, ..MemtableOptions::default() });
    assert!(memtable.has_room(summary.entries, summary.memtable_bytes()), "the room asked for is enough");
    for op in batch::ops(body) {
        let kind = match op.kind {
            OpKind::Put => Kind::Put,
            OpKind::Delete => Kind::Delete,
            OpKind::Reference => Kind::Reference,
            OpKind::System => {
                assert!(batch::trimmed(body) <= limits::REVISION_MAX && summary.entries == 1);
                continue;
            }
            OpKind::RangeDelete => {
                memtable.delete_ranges([op.range_delete(2)]);
                continue;
            }
        };
        memtable.insert(op.keyspace, op.key, &op.entry(2));
        let stored = [&[op.keyspace], op.key].concat();
        let found = memtable.get(&stored, Revision::MAX, |entry| (entry.kind, entry.value.len()));
        assert_eq!(found, Some((kind, op.value.len())));
    }
    if let Ok((header, _)) = batch::validate_logged(body) {
        assert_eq!(header.count as usize, summary.entries);
    }
}

/// One segment whose checksums are right.
pub fn segment(input: &[u8]) {
    let mut bytes = input.to_vec();
    wal::fuzz::sign(&mut bytes);
    recovers(&[(7, bytes)], LogFloor::default());
}

/// Two bytes of a floor, then up to four segments: whether to make its checksums right, its length, its bytes.
pub fn log(input: &[u8]) {
    let mut input = Input(input);
    let floor =
        LogFloor { segment: u64::from(input.byte() % 12), flushed_sequence: u64::from(input.byte() % 12) };
    let mut files = Vec::new();
    while files.len() < 4 && !input.is_empty() {
        let signs = input.byte() % 4 != 3;
        let length = input.word();
        let mut bytes = input.take(length).to_vec();
        if signs {
            wal::fuzz::sign(&mut bytes);
        }
        files.push((7 + files.len() as u64, bytes));
    }
    recovers(&files, floor);
}

/// What is found does not depend on whether it may be mended; and once mended it is found again.
fn recovers(files: &[(u64, Vec<u8>)], floor: LogFloor) {
    let disk = SimulatedDisk::default();
    fill(&disk, files).expect("a simulated disk takes any file");
    let looked = look(&disk, floor, true);
    for (number, bytes) in files {
        let kept = disk.contents(&path(*number)).expect("the file is there");
        assert!(kept == *bytes, "who only reads changes nothing");
    }
    let mended = look(&disk, floor, false);
    match (&looked, &mended) {
        (Ok(looked), Ok(mended)) => {
            assert_eq!(looked.1, mended.1, "a reader and a writer find other records")
        }
        (Err(_), Err(_)) => return,
        (looked, mended) => panic!("a reader finds {looked:?}, a writer {mended:?}"),
    }
    let (found, records) = mended.expect("seen above");
    let (again, same) = look(&disk, floor, false).expect("what was mended is sound");
    assert_eq!(records, same, "after mending other records are found");
    assert_eq!((again.torn, again.last), (None, found.last), "mending leaves nothing to mend");
}

fn fill(disk: &SimulatedDisk, files: &[(u64, Vec<u8>)]) -> Result<()> {
    disk.create_folder(Path::new(FOLDER))?;
    for (number, bytes) in files {
        disk.create(&path(*number))?.write_at(0, bytes)?;
    }
    Ok(())
}

fn path(number: u64) -> PathBuf {
    Path::new(FOLDER).join(format!("{number:06}.log"))
}

type Records = Vec<(u64, u64, Vec<u8>)>;

fn look(disk: &SimulatedDisk, floor: LogFloor, read_only: bool) -> Result<(Recovered, Records)> {
    let mut records = Records::new();
    let reading = Reading { keys: &Keys::default(), floor, keeps: false, read_only, end: None };
    let found = wal::recover(disk, Path::new(FOLDER), reading, &mut |header, body| {
        records.push((header.sequence, header.revision, body.to_vec()));
        batch::ops(body).for_each(drop);
        Ok(())
    })?;
    Ok((found, records))
}
