//! Writes one table, front to back, from entries in order. One thread; nothing is visible to readers before `finish`.
//!
//! A builder that is dropped unfinished takes its file away again, so that a flush or compaction that failed for want of
//! room gives that room back.

use super::checksum::{PAGES_MAX, PART_FILTER, PART_INDEX, PART_PROPERTIES, PART_RANGES, Seed};
use super::footer::{Block, Footer, MAGIC};
use super::garbage::Garbage;
use super::head::common_prefix;
use super::index::{put_page, shortest_separator};
use super::page::{CODEC_LZ4, CODEC_RAW, PAYLOAD_BYTES_MAX, page_trailer};
use super::page_writer::PageWriter;
use super::properties::Properties;
use super::ranges;
use super::summary::TableSummary;
use crate::blob::{BlobName, Piece, Reference, Use};
use crate::codec::Compressor;
use crate::disk::{Disk, File, SyncPoint};
use crate::encryption::Seal;
use crate::entry::{Entry, Kind, NO_DEADLINE};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::filter::{self, CuckooBuilder};
use crate::key::Revision;
use crate::limits::{STORED_KEY_BYTES_MAX, TABLE_BLOBS_MAX, VALUE_BYTES_MAX};
use crate::range_delete::RangeDelete;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file is written in pieces of at least this many bytes.
const WRITE_BYTES: usize = 256 << 10;
/// A page that compression makes smaller by less than this is stored raw: unpacking it would cost more than reading it.
const SAVING_PERCENT_MIN: usize = 12;

/// Fixed for one table. Readers need none of it: what they need stands in the file.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    pub compression: bool,
    /// A page before compression; an entry that does not fit gets a page of its own.
    pub page_bytes: usize,
    pub filter: bool,
    /// Of the database, so that one hash of a key serves all its tables.
    pub filter_seed: u64,
    /// With history: to where the database is trimmed.
    pub trim: Option<Revision>,
}

pub struct TableBuilder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn File>,
    options: TableOptions,
    id: [u8; 16],
    seed: Seed,
    seal: Seal,
    finished: bool,

    page: PageWriter,
    page_deadline_ms: i64,
    /// Of the last entry added.
    last_key: Vec<u8>,
    last_revision: Revision,
    /// The last whole page, until the first key of the next one gives its separator.
    unindexed: Option<Unindexed>,

    pages: u32,
    index: Vec<u8>,
    filter: Option<CuckooBuilder>,
    ranges: Vec<RangeDelete>,
    properties: Properties,
    garbage: Garbage,
    /// What entries refer to, in the order in which they came to.
    blobs: Vec<Use>,
    /// Where each is in there, by its number.
    blob_at: HashMap<u64, u32>,

    compressor: Compressor,
    separator: Vec<u8>,
    /// Bytes of the file that are not written yet, and how many are.
    pending: Vec<u8>,
    written: u64,
    sha256: Sha256,
}

#[derive(Clone, Copy)]
struct Unindexed {
    bytes: u32,
    crc: u32,
    min_deadline_ms: i64,
}

impl TableBuilder {
    /// Creates the file. `id` is random and never used before.
    pub fn new(
        disk: &Arc<dyn Disk>,
        path: &Path,
        id: [u8; 16],
        options: TableOptions,
    ) -> Result<TableBuilder> {
        assert!(options.page_bytes <= PAYLOAD_BYTES_MAX / 2, "a page of {} bytes", options.page_bytes);
        let file = disk.create(path)?;
        Ok(TableBuilder {
            disk: disk.clone(),
            path: path.to_owned(),
            file,
            options,
            id,
            seed: Seed::new(&id),
            seal: Seal::default(),
            finished: false,
            page: PageWriter::default(),
            page_deadline_ms: NO_DEADLINE,
            last_key: Vec::new(),
            last_revision: 0,
            unindexed: None,
            pages: 0,
            index: Vec::new(),
            filter: options.filter.then(|| CuckooBuilder::new(options.filter_seed)),
            ranges: Vec::new(),
            properties: Properties::new(),
            garbage: Garbage::with_history(options.trim),
            blobs: Vec::new(),
            blob_at: HashMap::new(),
            compressor: Compressor::new(),
            separator: Vec::new(),
            pending: Vec::with_capacity(WRITE_BYTES + 2 * options.page_bytes),
            written: 0,
            sha256: Sha256::new(),
        })
    }

    /// Creates a file with a new id, encrypted if there is a key.
    pub fn begin(environment: &Environment, path: &Path, options: TableOptions) -> Result<TableBuilder> {
        let Environment { disk, random, keys, .. } = environment;
        let id = random.id();
        Ok(TableBuilder::new(disk, path, id, options)?.sealed_with(keys.seal_new(&**random, &MAGIC)))
    }

    /// Before the first entry is added.
    pub fn sealed_with(mut self, seal: Seal) -> TableBuilder {
        assert_eq!(self.properties.entries, 0, "a table is encrypted whole");
        self.seal = seal;
        self
    }

    /// As `add`, of an entry whose value is in blob files: where its pieces are, in order.
    pub fn add_reference(
        &mut self,
        key: &[u8],
        entry: &Entry<'_>,
        pieces: &[(BlobName, Piece)],
    ) -> Result<()> {
        let refer = |(file, piece): &(BlobName, Piece)| Ok((self.refer(*file, piece)?, *piece));
        let pieces = pieces.iter().map(refer).collect::<Result<_>>()?;
        let mut value = Vec::new();
        Reference { parts: Vec::new(), pieces }.encode(&mut value);
        self.add_entry(key, &Entry { kind: Kind::Reference, value: &value, ..*entry })
    }

    /// The index of a file in the table's list, and so much more of the file that the table refers to.
    fn refer(&mut self, file: BlobName, piece: &Piece) -> Result<u32> {
        let next = self.blobs.len();
        let index = *self.blob_at.entry(file.number).or_insert(next as u32);
        if index as usize == next {
            if next == TABLE_BLOBS_MAX {
                let message = "a table refers to too many blob files";
                return Err(Error::new(Code::TooLarge, message).in_file(&self.path));
            }
            self.blobs.push(Use { file: file.number, id: file.id, bytes: 0 });
        }
        self.blobs[index as usize].bytes += piece.record_bytes();
        Ok(index)
    }

    /// Blob files that the table refers to so far.
    pub fn blobs(&self) -> usize {
        self.blobs.len()
    }

    /// Keys ascend, and the revisions of one key descend: anything else is a bug of the caller and panics.
    pub fn add(&mut self, key: &[u8], entry: &Entry<'_>) -> Result<()> {
        assert!(entry.kind != Kind::Reference, "what it refers to is not known from it alone");
        self.add_entry(key, entry)
    }

    fn add_entry(&mut self, key: &[u8], entry: &Entry<'_>) -> Result<()> {
        assert!(key.len() <= STORED_KEY_BYTES_MAX && entry.value.len() <= VALUE_BYTES_MAX, "over the limits");
        assert!(entry.kind != Kind::Delete || entry.value.is_empty(), "a delete has no value");
        let shared = common_prefix(&self.last_key, key);
        let first = self.properties.entries == 0;
        let same_key = !first && shared == key.len() && shared == self.last_key.len();
        if first {
            self.properties.smallest.extend_from_slice(key);
        } else if same_key {
            assert!(entry.revision < self.last_revision, "versions of a key must descend");
        } else {
            // Where the keys part, the new one must be greater, or longer.
            assert!(self.last_key.get(shared) < key.get(shared), "keys must ascend");
        }

        let bytes = self.page.bytes_with(key.len() - shared, entry.value.len());
        if !self.page.is_empty() && bytes > self.options.page_bytes {
            self.finish_page()?;
        }
        if self.unindexed.is_some() {
            if same_key {
                self.index_page(Some(self.last_revision));
            } else {
                shortest_separator(&self.last_key, key, &mut self.separator);
                self.index_page(None);
            }
        }
        self.page.add(key, shared, entry);
        self.page_deadline_ms = self.page_deadline_ms.min(entry.deadline_ms);
        self.properties.count(key, entry);
        self.garbage.count(entry, same_key.then_some(self.last_revision));
        if !same_key {
            if let Some(filter) = &mut self.filter {
                filter.add(filter::hash(key, self.options.filter_seed), self.pages);
            }
            self.last_key.truncate(shared);
            self.last_key.extend_from_slice(&key[shared..]);
        }
        self.last_revision = entry.revision;
        Ok(())
    }

    /// At any time before `finish`, in any order; no two with the same lower bound and revision.
    pub fn add_range_delete(&mut self, range: RangeDelete) {
        assert!(range.lower < range.upper, "a range delete holds a key");
        self.ranges.push(range);
    }

    /// Size of the file so far, without the page being filled and without index and filter.
    pub fn bytes_written(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Entries added so far.
    pub fn entries(&self) -> u64 {
        self.properties.entries
    }

    /// Writes what is left and syncs the file; the caller syncs the folder before it lets anything refer to the table.
    /// Panics if nothing was added.
    pub fn finish(mut self) -> Result<TableSummary> {
        let has_pages = self.properties.entries > 0;
        assert!(has_pages || !self.ranges.is_empty(), "a table holds something");
        if has_pages {
            self.finish_page()?;
            self.separator.clone_from(&self.last_key);
            self.index_page(None);
            self.properties.largest.clone_from(&self.last_key);
        }
        self.properties.count_ranges(&self.ranges);
        self.properties.settle(&self.garbage);
        self.properties.blobs = self.blobs.iter().map(|used| (used.id, used.bytes)).collect();

        let index = std::mem::take(&mut self.index);
        let filter = self.filter.take().filter(|_| has_pages);
        let filter = filter.map_or_else(Vec::new, |filter| filter.finish(self.pages));
        let ranges = ranges::encode(&mut self.ranges);
        let properties = self.properties.encode();
        let mut footer = Footer {
            page_bytes: self.options.page_bytes as u32,
            id: self.id,
            filter_seed: self.options.filter_seed,
            index: self.put_block(PART_INDEX, &index)?,
            filter: self.put_block(PART_FILTER, &filter)?,
            ranges: self.put_block(PART_RANGES, &ranges)?,
            properties: self.put_block(PART_PROPERTIES, &properties)?,
            wrapped: self.seal.key().map(|_| self.seal.wrapped()),
            crc: 0,
        };
        self.pending.extend_from_slice(&footer.encode());
        self.write_pending()?;
        self.file.sync(SyncPoint::Table)?;
        self.finished = true;

        let properties = std::mem::replace(&mut self.properties, Properties::new());
        let sha256 = std::mem::take(&mut self.sha256).finalize().into();
        let blobs = std::mem::take(&mut self.blobs);
        let key = self.seal.key();
        Ok(TableSummary { blobs, key, ..properties.into_summary(self.id, self.written, sha256, footer.crc) })
    }

    fn finish_page(&mut self) -> Result<()> {
        debug_assert!(self.unindexed.is_none(), "the page before has its separator");
        let start = self.pending.len();
        let payload = self.page.payload();
        let mut codec = CODEC_RAW;
        if self.options.compression {
            self.compressor.compress(payload, &mut self.pending);
            if (self.pending.len() - start) * 100 <= payload.len() * (100 - SAVING_PERCENT_MIN) {
                codec = CODEC_LZ4;
            } else {
                self.pending.truncate(start);
            }
        }
        if codec == CODEC_RAW {
            self.pending.extend_from_slice(payload);
        }
        let trailer = page_trailer(codec, payload.len());
        self.seal.seal(self.written + start as u64, &trailer, &mut self.pending, start);
        self.pending.extend_from_slice(&trailer);
        let crc = self.seed.checksum(self.pages, &self.pending[start..]);
        self.pending.extend_from_slice(&crc.to_le_bytes());
        self.unindexed = Some(Unindexed {
            bytes: (self.pending.len() - start) as u32,
            crc,
            min_deadline_ms: self.page_deadline_ms,
        });
        self.page.clear();
        self.page_deadline_ms = NO_DEADLINE;
        self.pages += 1;
        if self.pages == PAGES_MAX {
            return Err(Error::new(Code::TooLarge, "a table has too many pages").in_file(&self.path));
        }
        if self.pending.len() >= WRITE_BYTES { self.write_pending() } else { Ok(()) }
    }

    /// Enters the last page with the separator at hand, or with its own last key if that goes on below `continues`.
    fn index_page(&mut self, continues: Option<Revision>) {
        let page = self.unindexed.take().expect("a page was finished");
        let separator = match continues {
            Some(revision) => (&self.last_key[..], revision),
            None => (&self.separator[..], 0),
        };
        put_page(&mut self.index, separator, page.bytes, page.crc, page.min_deadline_ms);
    }

    fn put_block(&mut self, part: u32, bytes: &[u8]) -> Result<Block> {
        let too_large =
            |_| Error::new(Code::TooLarge, "a block of a table is over 4 GiB").in_file(&self.path);
        let (offset, start) = (self.bytes_written(), self.pending.len());
        self.pending.extend_from_slice(bytes);
        if !bytes.is_empty() {
            self.seal.seal(offset, &part.to_le_bytes(), &mut self.pending, start);
        }
        let stored = &self.pending[start..];
        let bytes = u32::try_from(stored.len()).map_err(too_large)?;
        Ok(Block { offset, bytes, crc: self.seed.checksum(part, stored) })
    }

    fn write_pending(&mut self) -> Result<()> {
        self.sha256.update(&self.pending);
        self.file.write_at(self.written, &self.pending)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

impl Drop for TableBuilder {
    fn drop(&mut self) {
        if !self.finished {
            // The failure that brought us here is the one to report; a file that stays is a stranger to the next open.
            let _ = self.disk.remove(&self.path);
        }
    }
}
