//! One simulated file: its bytes as a running program sees them, the bytes that a power cut is sure to leave, and what
//! was done since, any part of which may or may not have reached the disk.

use crate::simulation::SeededRandom;
use std::sync::Arc;

/// What a real disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

#[derive(Clone, PartialEq, Eq)]
enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    Resize(u64),
}

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Inode {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// In the order they were made.
    unsynced: Vec<Change>,
    /// Up to where bytes were really written: what `set_len` grows takes no room until then.
    allocated: u64,
    /// This many of them were there when a sync failed. The system may have given up writing their bytes and forgotten
    /// that it did: later syncs succeed without them.
    given_up: usize,
}

/// What a crash does to one unsynced change.
#[derive(Clone, Copy)]
enum Fate {
    Kept,
    Lost,
    Torn,
}

impl Inode {
    /// A file that was already durable, as a crash leaves it.
    fn durable(bytes: Vec<u8>) -> Inode {
        let allocated = bytes.len() as u64;
        Inode { synced: bytes.clone(), bytes, allocated, ..Inode::default() }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn allocated(&self) -> u64 {
        self.allocated
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        apply_write(&mut self.bytes, offset, bytes);
        self.allocated = self.allocated.max(offset + bytes.len() as u64);
        self.unsynced.push(Change::Write { offset, bytes: bytes.into() });
    }

    pub fn resize(&mut self, bytes: u64) {
        self.bytes.resize(bytes as usize, 0);
        self.allocated = self.allocated.min(bytes);
        self.unsynced.push(Change::Resize(bytes));
    }

    pub fn sync(&mut self) {
        for (number, change) in self.unsynced.drain(..).enumerate() {
            match change {
                // The length is kept with the names, by a journal that does not give up and go on.
                Change::Write { offset, bytes } if number < self.given_up => {
                    let end = offset as usize + bytes.len();
                    self.synced.resize(self.synced.len().max(end), 0);
                }
                Change::Write { offset, bytes } => apply_write(&mut self.synced, offset, &bytes),
                Change::Resize(bytes) => self.synced.resize(bytes as usize, 0),
            }
        }
        self.given_up = 0;
    }

    pub fn fail_sync(&mut self) {
        self.given_up = self.unsynced.len();
    }

    /// Damage from outside: `edit` happens to the durable bytes and leaves nothing unsynced.
    pub fn damage(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::mem::take(&mut self.bytes);
        edit(&mut bytes);
        *self = Inode::durable(bytes);
    }

    /// The file after a power cut that loses all that was not synced.
    pub fn without_unsynced(&self) -> Inode {
        Inode::durable(self.synced.clone())
    }

    /// The file after a power cut that keeps about `keep_percent` of the unsynced changes, some of them in part.
    pub fn with_some_unsynced(&self, random: &SeededRandom, keep_percent: usize) -> Inode {
        let mut bytes = self.synced.clone();
        for change in &self.unsynced {
            let fate = match (random.chance(keep_percent), random.chance(50)) {
                (true, _) => Fate::Kept,
                (false, true) => Fate::Torn,
                (false, false) => Fate::Lost,
            };
            match (change, fate) {
                (_, Fate::Lost) | (Change::Resize(_), Fate::Torn) => {}
                (Change::Resize(length), Fate::Kept) => bytes.resize(*length as usize, 0),
                (Change::Write { offset, bytes: written }, Fate::Kept) => {
                    apply_write(&mut bytes, *offset, written);
                }
                (Change::Write { offset, bytes: written }, Fate::Torn) => {
                    tear_write(&mut bytes, *offset, written, random);
                }
            }
        }
        Inode::durable(bytes)
    }
}

fn apply_write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = offset as usize;
    let end = start + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[start..end].copy_from_slice(bytes);
}

/// Each sector that the write touches gets there or not, and the file may have grown over those that did not.
fn tear_write(file: &mut Vec<u8>, offset: u64, bytes: &[u8], random: &SeededRandom) {
    let end = offset + bytes.len() as u64;
    if random.chance(50) && (file.len() as u64) < end {
        file.resize(end as usize, 0);
    }
    let mut from = offset;
    while from < end {
        let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
        if random.chance(50) {
            apply_write(file, from, &bytes[(from - offset) as usize..(to - offset) as usize]);
        }
        from = to;
    }
}
