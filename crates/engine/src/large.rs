//! Values over 1 MiB on their way into a commit. They are written to blob files of their own, *parts* of at most 32 MiB,
//! before the commit that names them, and never pass through the log, a memtable or the page cache.
//!
//! What must hold: the parts and their names are synced before the record that names them is logged, so that a record
//! which is read back has its values. Whoever stages a value may be on any thread; nothing here takes the commit lock. No
//! file is made once the database is closed: the folder is another's then.

use crate::blob::{BlobBuilder, BlobFile, BlobMeta, Piece, Reference};
use crate::disk::SyncPoint;
use crate::error::{Code, Error, Result};
use crate::limits::{BLOB_RECORD_BYTES_MAX, VALUE_BYTES_MAX};
use crate::state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A large value being written to its parts. Dropped unfinished it leaves nothing.
pub struct LargeWriter {
    state: Arc<State>,
    record_bytes: usize,
    builder: Option<BlobBuilder>,
    finished: Vec<BlobMeta>,
    /// Each with the index of its part.
    pieces: Vec<(u32, Piece)>,
    /// The beginning of the next record.
    gathered: Vec<u8>,
    bytes: usize,
    /// Charged to the memory budget.
    charged: usize,
    /// Counted in `State::staged_bytes`.
    staged: u64,
}

/// A large value in its parts, synced, and no part of the database until a commit names it. Its files go with it, unless
/// a commit took them.
pub struct LargeValue {
    state: Arc<State>,
    parts: Vec<Arc<BlobFile>>,
    pieces: Vec<(u32, Piece)>,
    bytes: usize,
    /// Counted in `State::staged_bytes` until a commit has it.
    staged: u64,
    /// Whether a commit has it.
    taken: AtomicBool,
}

impl LargeWriter {
    pub fn new(state: Arc<State>) -> Result<LargeWriter> {
        state.check_leads()?;
        if state.replicated.is_some() {
            let message = "a value of a replicated database goes through its log: it is put, not staged";
            return Err(Error::new(Code::Unsupported, message));
        }
        let record_bytes = state.options.tuning.blob_part_bytes / 4;
        let record_bytes = usize::try_from(record_bytes)
            .map_or(BLOB_RECORD_BYTES_MAX, |bytes| bytes.clamp(1, BLOB_RECORD_BYTES_MAX));
        // What is gathered, and what it is compressed into.
        let charged = 2 * record_bytes;
        state.cache.take(charged);
        Ok(LargeWriter {
            state,
            record_bytes,
            builder: None,
            finished: Vec::new(),
            pieces: Vec::new(),
            gathered: Vec::new(),
            bytes: 0,
            charged,
            staged: 0,
        })
    }

    /// Adds the next bytes of the value. After a failure the value can only be dropped.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let state = self.state.clone();
        let _staging = state.staging.read();
        state.check_writable()?;
        self.take(bytes)
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len();
        if self.bytes > VALUE_BYTES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format!("a value is over the limit of {VALUE_BYTES_MAX} bytes"),
            ));
        }
        while !bytes.is_empty() {
            if self.gathered.is_empty() && bytes.len() >= self.record_bytes {
                let (record, rest) = bytes.split_at(self.record_bytes);
                self.add(record)?;
                bytes = rest;
                continue;
            }
            let more = bytes.len().min(self.record_bytes - self.gathered.len());
            self.gathered.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            if self.gathered.len() == self.record_bytes {
                self.add_gathered()?;
            }
        }
        Ok(())
    }

    /// Syncs what was written. `Invalid` if that is nothing: a reference leads somewhere.
    pub fn finish(mut self) -> Result<LargeValue> {
        let state = self.state.clone();
        let _staging = state.staging.read();
        state.check_writable()?;
        if !self.gathered.is_empty() {
            self.add_gathered()?;
        }
        if self.pieces.is_empty() {
            return Err(Error::invalid("a large value has no byte: put it like any other"));
        }
        self.finish_part()?;
        let disk = &state.environment.disk;
        let synced = disk.sync_folder(&state.folder, SyncPoint::BlobPartFolder);
        synced.inspect_err(|error| state.poison(error))?;
        let parts = std::mem::take(&mut self.finished);
        let part = |meta: BlobMeta| {
            let path = state.blob_path(meta.number);
            let file = BlobFile::new(disk, &path, meta, &state.handles);
            file.mark_obsolete();
            Arc::new(file)
        };
        let parts = parts.into_iter().map(part).collect();
        let (pieces, staged) = (std::mem::take(&mut self.pieces), std::mem::take(&mut self.staged));
        let (bytes, taken) = (self.bytes, AtomicBool::new(false));
        Ok(LargeValue { state: state.clone(), parts, pieces, bytes, staged, taken })
    }

    fn add_gathered(&mut self) -> Result<()> {
        let mut gathered = std::mem::take(&mut self.gathered);
        let added = self.add(&gathered);
        gathered.clear();
        self.gathered = gathered;
        added
    }

    fn add(&mut self, record: &[u8]) -> Result<()> {
        let part_bytes = self.state.options.tuning.blob_part_bytes;
        if self.builder.as_ref().is_some_and(|part| part.bytes_with(record.len()) > part_bytes) {
            self.finish_part()?;
        }
        // First counted, then looked at: of two values that find room at once one is told that there is none.
        self.count(self.staged + record.len() as u64);
        self.state.check_disk_budget(&self.state.readable.load())?;
        if self.builder.is_none() {
            self.builder = Some(self.state.new_blob()?);
        }
        let part = self.builder.as_mut().expect("made above");
        self.pieces.push((self.finished.len() as u32, part.add(record)?));
        Ok(())
    }

    fn finish_part(&mut self) -> Result<()> {
        if let Some(part) = self.builder.take() {
            let finished = part.finish(SyncPoint::BlobPart).inspect_err(|error| {
                // Nothing refers to the part, but a disk that could not sync is not to be trusted with more.
                if error.code() != Code::DiskFull {
                    self.state.poison(error);
                }
            })?;
            self.finished.push(finished);
            self.count(self.finished.iter().map(|part| part.bytes).sum());
        }
        Ok(())
    }

    fn count(&mut self, staged: u64) {
        self.state.staged_bytes.fetch_add(staged.wrapping_sub(self.staged), Ordering::Relaxed);
        self.staged = staged;
    }
}

impl Drop for LargeWriter {
    fn drop(&mut self) {
        self.state.cache.give_back(self.charged);
        self.count(0);
        for part in &self.finished {
            // A file that stays is a stranger to the next open.
            let _ = self.state.environment.disk.remove(&self.state.blob_path(part.number));
        }
    }
}

impl LargeValue {
    /// Bytes of the value.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn parts(&self) -> &[Arc<BlobFile>] {
        &self.parts
    }

    /// As the log and the memtable hold it.
    pub fn reference(&self) -> Reference {
        let parts = self.parts.iter().map(|part| part.meta().clone()).collect();
        Reference { parts, pieces: self.pieces.clone() }
    }

    /// `Invalid` if it is no value of this database.
    pub(crate) fn expect_of(&self, state: &State) -> Result<()> {
        if std::ptr::eq(&*self.state, state) { Ok(()) } else { Err(not_free()) }
    }

    /// Gives all values to one commit, or none, with `Invalid`, if one of them belongs to another or is named twice.
    /// Their files stay then.
    pub(crate) fn take(values: &[&LargeValue]) -> Result<()> {
        for (at, value) in values.iter().enumerate() {
            if value.taken.swap(true, Ordering::AcqRel) {
                LargeValue::give_back(&values[..at]);
                return Err(not_free());
            }
            value.parts.iter().for_each(|part| part.set_obsolete(false));
            value.state.staged_bytes.fetch_sub(value.staged, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The commit that took them came to nothing.
    pub(crate) fn give_back(values: &[&LargeValue]) {
        for value in values {
            value.parts.iter().for_each(|part| part.set_obsolete(true));
            value.state.staged_bytes.fetch_add(value.staged, Ordering::Relaxed);
            value.taken.store(false, Ordering::Release);
        }
    }
}

impl Drop for LargeValue {
    fn drop(&mut self) {
        if !*self.taken.get_mut() {
            self.state.staged_bytes.fetch_sub(self.staged, Ordering::Relaxed);
        }
    }
}

fn not_free() -> Error {
    Error::invalid("a large value belongs to one put of the database that it was written for")
}
