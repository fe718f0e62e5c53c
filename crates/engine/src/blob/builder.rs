//! Writes one blob file, front to back. One thread; nothing refers to it before `finish`.
//!
//! A builder that is dropped unfinished takes its file away again, so that a flush or compaction that failed for want of
//! room gives that room back.

use super::format::{self, CODEC_LZ4, CODEC_RAW, FOOTER_BYTES, RECORD_HEADER_BYTES, Seed};
use super::{BlobMeta, BlobName, Piece};
use crate::codec::Compressor;
use crate::disk::{Disk, File, SyncPoint};
use crate::encryption::Seal;
use crate::environment::Environment;
use crate::error::Result;
use crate::limits::BLOB_RECORD_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file is written in pieces of at least this many bytes.
const WRITE_BYTES: usize = 256 << 10;
/// A value that compression makes smaller by less than this is stored as it is.
const SAVING_PERCENT_MIN: usize = 12;
/// Of a longer value this much is tried first: most large values are compressed already.
const SAMPLE_BYTES: usize = 64 << 10;

pub struct BlobBuilder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn File>,
    number: u64,
    id: [u8; 16],
    seed: Seed,
    seal: Seal,
    /// None stores every value as it is.
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
    finished: bool,
    records: u64,
    raw_bytes: u64,
    /// Bytes of the file that are not written yet, and how many are.
    pending: Vec<u8>,
    written: u64,
    sha256: Sha256,
}

impl BlobBuilder {
    /// Creates the file. `id` is random and never used before.
    pub fn new(
        disk: &Arc<dyn Disk>,
        path: &Path,
        number: u64,
        id: [u8; 16],
        compression: bool,
    ) -> Result<BlobBuilder> {
        let file = disk.create(path)?;
        Ok(BlobBuilder {
            disk: disk.clone(),
            path: path.to_owned(),
            file,
            number,
            id,
            seed: Seed::new(&id),
            seal: Seal::default(),
            compressor: compression.then(Compressor::new),
            compressed: Vec::new(),
            finished: false,
            records: 0,
            raw_bytes: 0,
            pending: format::encode_header(&id, &Seal::default()).to_vec(),
            written: 0,
            sha256: Sha256::new(),
        })
    }

    /// Creates a file with a new id, encrypted if there is a key.
    pub fn begin(
        environment: &Environment,
        path: &Path,
        number: u64,
        compression: bool,
    ) -> Result<BlobBuilder> {
        let Environment { disk, random, keys, .. } = environment;
        let id = random.id();
        let seal = keys.seal_new(&**random, &format::MAGIC);
        Ok(BlobBuilder::new(disk, path, number, id, compression)?.sealed_with(seal))
    }

    /// Before the first value is added.
    pub fn sealed_with(mut self, seal: Seal) -> BlobBuilder {
        assert_eq!(self.records, 0, "a file is encrypted whole");
        self.pending = format::encode_header(&self.id, &seal).to_vec();
        self.seal = seal;
        self
    }

    pub fn name(&self) -> BlobName {
        BlobName { number: self.number, id: self.id }
    }

    /// Size of the file so far.
    pub fn bytes_written(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// An upper bound of the file's size with one more record of so many bytes.
    pub fn bytes_with(&self, record: usize) -> u64 {
        self.bytes_written() + (RECORD_HEADER_BYTES + record + self.seal.tag_bytes() + FOOTER_BYTES) as u64
    }

    /// Adds a value, or a piece of one.
    pub fn add(&mut self, value: &[u8]) -> Result<Piece> {
        assert!(value.len() <= BLOB_RECORD_BYTES_MAX, "a larger value comes in pieces");
        if self.compress(value) {
            let compressed = std::mem::take(&mut self.compressed);
            let added = self.put(&compressed, value.len() as u32, CODEC_LZ4);
            self.compressed = compressed;
            return added;
        }
        self.put(value, value.len() as u32, CODEC_RAW)
    }

    /// Adds a piece of another file as `BlobFile::read_packed` gave it.
    pub fn copy(&mut self, piece: &Piece, packed: &[u8]) -> Result<Piece> {
        self.put(packed, piece.raw, piece.codec)
    }

    /// Whether the value is in `compressed`, which is worth it.
    fn compress(&mut self, value: &[u8]) -> bool {
        let Some(compressor) = &mut self.compressor else { return false };
        let saves = |from: usize, to: usize| to * 100 <= from * (100 - SAVING_PERCENT_MIN) && to < from;
        if value.len() > 2 * SAMPLE_BYTES {
            self.compressed.clear();
            compressor.compress(&value[..SAMPLE_BYTES], &mut self.compressed);
            if !saves(SAMPLE_BYTES, self.compressed.len()) {
                return false;
            }
        }
        self.compressed.clear();
        compressor.compress(value, &mut self.compressed);
        saves(value.len(), self.compressed.len())
    }

    fn put(&mut self, packed: &[u8], raw: u32, codec: u8) -> Result<Piece> {
        let offset = self.bytes_written();
        let lengths = format::record_lengths((packed.len() + self.seal.tag_bytes()) as u32, raw, codec);
        let mut sealed = Vec::new();
        let stored = match self.seal.key() {
            Some(_) => {
                sealed.reserve(packed.len() + self.seal.tag_bytes());
                sealed.extend_from_slice(packed);
                self.seal.seal(offset, &lengths, &mut sealed, 0);
                &sealed
            }
            None => packed,
        };
        let crc = self.seed.record(offset, &lengths, stored);
        self.pending.extend_from_slice(&lengths);
        self.pending.extend_from_slice(&crc.to_le_bytes());
        if stored.len() >= WRITE_BYTES {
            // As large as what is gathered: it need not be copied for that.
            self.write_pending()?;
            self.write(stored)?;
        } else {
            self.pending.extend_from_slice(stored);
            if self.pending.len() >= WRITE_BYTES {
                self.write_pending()?;
            }
        }
        self.records += 1;
        self.raw_bytes += u64::from(raw);
        Ok(Piece { offset, stored: stored.len() as u32, raw, codec, crc })
    }

    /// Writes what is left and syncs the file; the caller syncs the folder before it lets anything refer to it.
    pub fn finish(mut self, point: SyncPoint) -> Result<BlobMeta> {
        let footer = format::encode_footer(self.seed, self.records, self.raw_bytes);
        self.pending.extend_from_slice(&footer);
        self.write_pending()?;
        self.file.sync(point)?;
        self.finished = true;
        let sha256 = std::mem::take(&mut self.sha256).finalize().into();
        Ok(BlobMeta { number: self.number, id: self.id, bytes: self.written, sha256, key: self.seal.key() })
    }

    fn write_pending(&mut self) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let written = self.write(&pending);
        pending.clear();
        self.pending = pending;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.sha256.update(bytes);
        self.file.write_at(self.written, bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for BlobBuilder {
    fn drop(&mut self) {
        if !self.finished {
            // The failure that brought us here is the one to report; a file that stays is a stranger to the next open.
            let _ = self.disk.remove(&self.path);
        }
    }
}
