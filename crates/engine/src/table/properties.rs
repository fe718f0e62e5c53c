//! What a table says of itself, in a block of its own: enough to rebuild the manifest's summary from the file.

use super::garbage::{ALWAYS, Garbage};
use super::summary::{TableSummary, VersionSummary};
use crate::blob::Reference;
use crate::coding::{Reader, put_bytes, put_varint};
use crate::entry::{Entry, Kind, NO_DEADLINE};
use crate::error::{Error, Result};
use crate::key::Revision;
use crate::range_delete::RangeDelete;

const ENTRIES: u64 = 1;
const DELETES: u64 = 2;
const MIN_REVISION: u64 = 3;
const MAX_REVISION: u64 = 4;
const MIN_DEADLINE: u64 = 5;
const DEAD: u64 = 6;
const RAW_BYTES: u64 = 7;
const SMALLEST: u64 = 8;
const LARGEST: u64 = 9;
const RANGE_DELETES: u64 = 10;
const GARBAGE: u64 = 11;
/// Absent where no entry refers to a blob file.
const BLOBS: u64 = 12;
/// Absent without history.
const VERSIONS: u64 = 13;

/// The part of a `TableSummary` that follows from the entries and range deletes alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Properties {
    pub entries: u64,
    pub deletes: u64,
    pub range_deletes: u64,
    pub min_revision: Revision,
    pub max_revision: Revision,
    pub min_deadline_ms: i64,
    pub garbage_ms: i64,
    pub dead_ms: i64,
    pub raw_bytes: u64,
    pub smallest: Vec<u8>,
    pub largest: Vec<u8>,
    /// The blob files that references count by: the id of each, and the bytes of its records that are referred to.
    pub blobs: Vec<([u8; 16], u64)>,
    pub versions: Option<VersionSummary>,
}

impl Properties {
    /// Of no entry yet: `count` narrows the bounds, the caller fills in the two keys and `settle`s.
    pub fn new() -> Properties {
        Properties {
            entries: 0,
            deletes: 0,
            range_deletes: 0,
            min_revision: Revision::MAX,
            max_revision: 0,
            min_deadline_ms: NO_DEADLINE,
            garbage_ms: ALWAYS,
            dead_ms: ALWAYS,
            raw_bytes: 0,
            smallest: Vec::new(),
            largest: Vec::new(),
            blobs: Vec::new(),
            versions: None,
        }
    }

    #[inline]
    pub fn count(&mut self, key: &[u8], entry: &Entry<'_>) {
        self.entries += 1;
        self.deletes += u64::from(entry.kind == Kind::Delete);
        self.min_revision = self.min_revision.min(entry.revision);
        self.max_revision = self.max_revision.max(entry.revision);
        self.min_deadline_ms = self.min_deadline_ms.min(entry.deadline_ms);
        self.raw_bytes += (key.len() + entry.value.len()) as u64;
    }

    /// What was counted beside the entries, once all of them are.
    pub fn settle(&mut self, garbage: &Garbage) {
        self.garbage_ms = garbage.garbage_ms();
        self.dead_ms = garbage.dead_ms();
        self.versions = garbage.versions();
    }

    /// Once all entries are counted and the two keys are theirs.
    pub fn count_ranges(&mut self, ranges: &[RangeDelete]) {
        for range in ranges {
            if self.entries + self.range_deletes == 0 || range.lower[..] < self.smallest[..] {
                self.smallest = range.lower.to_vec();
            }
            if self.entries + self.range_deletes == 0 || range.largest() > &self.largest[..] {
                self.largest = range.largest().to_vec();
            }
            self.range_deletes += 1;
            self.min_revision = self.min_revision.min(range.revision);
            self.max_revision = self.max_revision.max(range.revision);
        }
    }

    /// Of an entry that refers to blob files, besides `count`. The files are listed already.
    pub fn refer(&mut self, reference: &Reference) {
        for (file, piece) in &reference.pieces {
            self.blobs[*file as usize].1 += piece.record_bytes();
        }
    }

    pub fn of(summary: &TableSummary) -> Properties {
        Properties {
            entries: summary.entries,
            deletes: summary.deletes,
            range_deletes: summary.range_deletes,
            min_revision: summary.min_revision,
            max_revision: summary.max_revision,
            min_deadline_ms: summary.min_deadline_ms,
            garbage_ms: summary.garbage_ms,
            dead_ms: summary.dead_ms,
            raw_bytes: summary.raw_bytes,
            smallest: summary.smallest.clone(),
            largest: summary.largest.clone(),
            blobs: summary.blobs.iter().map(|used| (used.id, used.bytes)).collect(),
            versions: summary.versions,
        }
    }

    /// With what only the finished file tells. Which files of the folder its blob files are is for the caller to say.
    pub fn into_summary(self, id: [u8; 16], bytes: u64, sha256: [u8; 32], footer_crc: u32) -> TableSummary {
        TableSummary {
            id,
            bytes,
            sha256,
            footer_crc,
            entries: self.entries,
            deletes: self.deletes,
            range_deletes: self.range_deletes,
            smallest: self.smallest,
            largest: self.largest,
            min_revision: self.min_revision,
            max_revision: self.max_revision,
            min_deadline_ms: self.min_deadline_ms,
            garbage_ms: self.garbage_ms,
            dead_ms: self.dead_ms,
            raw_bytes: self.raw_bytes,
            blobs: Vec::new(),
            versions: self.versions,
            key: None,
        }
    }

    /// Tag, length, bytes for each, so that a reader steps over what a later version adds.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers = [
            (ENTRIES, self.entries),
            (DELETES, self.deletes),
            (MIN_REVISION, self.min_revision),
            (MAX_REVISION, self.max_revision),
            (MIN_DEADLINE, self.min_deadline_ms as u64),
            (DEAD, self.dead_ms as u64),
            (GARBAGE, self.garbage_ms as u64),
            (RAW_BYTES, self.raw_bytes),
            (RANGE_DELETES, self.range_deletes),
        ];
        for (tag, number) in numbers {
            put_varint(&mut out, tag);
            put_bytes(&mut out, &number.to_le_bytes());
        }
        for (tag, key) in [(SMALLEST, &self.smallest), (LARGEST, &self.largest)] {
            put_varint(&mut out, tag);
            put_bytes(&mut out, key);
        }
        if !self.blobs.is_empty() {
            let mut uses = Vec::new();
            for (id, bytes) in &self.blobs {
                uses.extend_from_slice(id);
                put_varint(&mut uses, *bytes);
            }
            put_varint(&mut out, BLOBS);
            put_bytes(&mut out, &uses);
        }
        if let Some(VersionSummary { trim, dead, first, fifth }) = self.versions {
            put_varint(&mut out, VERSIONS);
            put_bytes(&mut out, &[trim, dead, first, fifth].map(u64::to_le_bytes).concat());
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Properties> {
        let mut properties = Properties::new();
        let mut seen = 0u32;
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let tag = reader.varint()?;
            let bytes = reader.bytes()?;
            let number = || Reader::new(bytes).u64();
            match tag {
                ENTRIES => properties.entries = number()?,
                DELETES => properties.deletes = number()?,
                MIN_REVISION => properties.min_revision = number()?,
                MAX_REVISION => properties.max_revision = number()?,
                MIN_DEADLINE => properties.min_deadline_ms = number()? as i64,
                DEAD => properties.dead_ms = number()? as i64,
                GARBAGE => properties.garbage_ms = number()? as i64,
                RAW_BYTES => properties.raw_bytes = number()?,
                RANGE_DELETES => properties.range_deletes = number()?,
                SMALLEST => properties.smallest = bytes.to_vec(),
                LARGEST => properties.largest = bytes.to_vec(),
                BLOBS => {
                    let mut uses = Reader::new(bytes);
                    while !uses.is_empty() {
                        properties.blobs.push((uses.array()?, uses.varint()?));
                    }
                    continue;
                }
                VERSIONS => {
                    let mut numbers = Reader::new(bytes);
                    let mut number = || numbers.u64();
                    let (trim, dead, first, fifth) = (number()?, number()?, number()?, number()?);
                    properties.versions = Some(VersionSummary { trim, dead, first, fifth });
                    continue;
                }
                _ => continue,
            }
            seen |= 1 << tag;
        }
        if seen != (1 << (GARBAGE + 1)) - (1 << ENTRIES) {
            return Err(Error::corrupt("a property of the table is missing"));
        }
        Ok(properties)
    }
}
