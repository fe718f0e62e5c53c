//! The blob files that a flush or a compaction writes beside its tables: large values that move out of them, and what
//! is still needed of files that are mostly garbage.

use crate::blob::{BlobBuilder, BlobMeta, BlobName, Found, Piece};
use crate::disk::{SyncPoint, Wait};
use crate::entry::{Entry, Kind};
use crate::error::Result;
use crate::limits::BLOB_RECORD_BYTES_MAX;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

pub struct BlobOutput<'a> {
    state: &'a State,
    /// Values from this many bytes on move out.
    value_bytes_min: usize,
    /// Files whose values are copied, so that they can go.
    worn: BTreeSet<u64>,
    /// Whether what entries refer to is new to the version: they come from a memtable.
    adopts: bool,
    builder: Option<BlobBuilder>,
    finished: Vec<BlobMeta>,
    /// The parts of large values that come from a memtable.
    adopted: BTreeMap<u64, BlobMeta>,
    /// Of the last entry whose value is in blob files.
    pieces: Vec<(BlobName, Piece)>,
}

impl<'a> BlobOutput<'a> {
    /// Moves large values out.
    pub fn separating(state: &'a State) -> Self {
        let value_bytes_min = match state.options.blob_bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        BlobOutput { value_bytes_min, adopts: true, ..BlobOutput::rewriting(state, BTreeSet::new()) }
    }

    /// Copies what is referred to in `worn`.
    pub fn rewriting(state: &'a State, worn: BTreeSet<u64>) -> Self {
        BlobOutput {
            state,
            value_bytes_min: usize::MAX,
            worn,
            adopts: false,
            builder: None,
            finished: Vec::new(),
            adopted: BTreeMap::new(),
            pieces: Vec::new(),
        }
    }

    /// Where the table is to find the value of an entry, if that is not beside its key.
    #[inline]
    pub fn place(
        &mut self,
        entry: &Entry<'_>,
        find: impl FnOnce() -> Result<Found>,
    ) -> Result<Option<&[(BlobName, Piece)]>> {
        match entry.kind {
            Kind::Put if entry.value.len() >= self.value_bytes_min => self.separate(entry.value)?,
            Kind::Reference => self.refer(&find()?)?,
            _ => return Ok(None),
        }
        Ok(Some(&self.pieces))
    }

    fn separate(&mut self, value: &[u8]) -> Result<()> {
        self.pieces.clear();
        for piece in value.chunks(BLOB_RECORD_BYTES_MAX) {
            let builder = self.builder()?;
            let placed = (builder.name(), builder.add(piece)?);
            self.pieces.push(placed);
            self.finish_full_file()?;
        }
        Ok(())
    }

    /// To where the value is, or to a copy of what of it is in worn files.
    fn refer(&mut self, found: &Found) -> Result<()> {
        self.pieces.clear();
        for (file, piece) in found.pieces() {
            let mut placed = (file.name(), *piece);
            if self.adopts {
                self.adopted.entry(file.number()).or_insert_with(|| file.meta().clone());
            }
            if self.worn.contains(&file.number()) {
                // A value may be a gigabyte: who waits for a close does not wait for its end.
                self.state.check_stopping()?;
                let mut stored = vec![0; piece.stored as usize];
                let packed = file.read_packed(piece, &mut stored, Wait::ForDisk)?;
                let builder = self.builder()?;
                placed = (builder.name(), builder.copy(piece, &packed)?);
                self.finish_full_file()?;
            }
            self.pieces.push(placed);
        }
        Ok(())
    }

    /// A value may go on in the next file: no file is longer than this and one piece.
    fn finish_full_file(&mut self) -> Result<()> {
        let bytes_max = self.state.options.tuning.blob_file_bytes;
        match &self.builder {
            Some(builder) if builder.bytes_written() >= bytes_max => self.finish_file(),
            _ => Ok(()),
        }
    }

    fn builder(&mut self) -> Result<&mut BlobBuilder> {
        if self.builder.is_none() {
            self.builder = Some(self.state.new_blob()?);
        }
        Ok(self.builder.as_mut().expect("made above"))
    }

    /// Syncs the file in hand; its name is not synced yet.
    pub fn finish_file(&mut self) -> Result<()> {
        if let Some(builder) = self.builder.take() {
            self.finished.push(builder.finish(SyncPoint::Blob)?);
        }
        Ok(())
    }

    pub fn bytes_written(&self) -> u64 {
        let finished = self.finished.iter().map(|blob| blob.bytes).sum::<u64>();
        finished + self.builder.as_ref().map_or(0, BlobBuilder::bytes_written)
    }

    /// All files that are new to the version, synced.
    pub fn take(&mut self) -> Vec<BlobMeta> {
        let mut blobs = std::mem::take(&mut self.finished);
        blobs.extend(std::mem::take(&mut self.adopted).into_values());
        blobs
    }

    /// Takes back what was written.
    pub fn discard(&mut self) {
        self.builder = None;
        discard(self.state, &std::mem::take(&mut self.finished));
    }
}

/// Takes back finished files that no edit has named. One that stays is in nobody's way: the next open removes it.
pub fn discard(state: &State, blobs: &[BlobMeta]) {
    for blob in blobs {
        let _ = state.environment.disk.remove(&state.blob_path(blob.number));
    }
}
