//! One change of what is live, and its bytes: tagged fields, each with its length.
//!
//! A field this version does not know is skipped if its tag is odd and refused if it is even, so that an older engine
//! never drops what it must understand. Reading checks every bound; writing asserts what reading checks.

use crate::blob::{BlobMeta, Use};
use crate::coding::{Reader, put_bytes, put_varint};
use crate::encryption::KeyId;
use crate::error::{Code, Error, Result};
use crate::key::{Revision, Sequence};
use crate::limits::{LEVELS, TABLE_BLOBS_MAX};
use crate::marks::{Mark, Marks};
use crate::table::{TableMeta, TableSummary, VersionSummary};
use crate::wal::LogFloor;
use std::collections::BTreeSet;

/// What is fixed when a database is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Whether every past version is kept until trimmed.
    pub history: bool,
    /// Of the database as a whole.
    pub format: u32,
    /// Of the hash in every table's page filter.
    pub filter_seed: u64,
    pub database_id: [u8; 16],
}

/// Applied as a whole or not at all. A counter of 0 says nothing; counters never go back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Level and table. A table moved between levels is removed from one and added to the other by the same edit.
    pub added: Vec<(u8, TableMeta)>,
    /// Level and number.
    pub removed: Vec<(u8, u64)>,
    /// Blob files that tables added refer to. One lives until an edit removes the last table that refers to it.
    pub blobs: Vec<BlobMeta>,
    pub log_floor: Option<LogFloor>,
    /// No file numbered below this will be made again. `ManifestLog::append` raises it to the counter.
    pub next_number: u64,
    pub last_sequence: Sequence,
    pub last_revision: Revision,
    /// With history: older revisions are read no more; no later than the last revision.
    pub trim_revision: Revision,
    /// With history that is kept for a time: all that is to be remembered of when commits were made.
    pub marks: Option<Marks>,
    /// The engine's time when the edit was made: no earlier than that of any commit in its tables, nor than the time up to
    /// which what had expired was dropped.
    pub time_ms: i64,
    /// Only in the first edit of a manifest.
    pub created: Option<Creation>,
    /// The database was closed in order and nothing follows; any later edit takes this back.
    pub clean_close: bool,
}

// Even tags must be understood, odd ones may be skipped.
const ADDED: u64 = 2;
const REMOVED: u64 = 4;
const LOG_FLOOR: u64 = 6;
const NEXT_NUMBER: u64 = 8;
const LAST_SEQUENCE: u64 = 10;
const LAST_REVISION: u64 = 12;
const TIME_MS: u64 = 14;
const CREATED: u64 = 16;
const CLEAN_CLOSE: u64 = 18;
const BLOB: u64 = 20;
const TRIM_REVISION: u64 = 22;
const MARKS: u64 = 23;

/// Of an added table, after its fixed fields: what it refers to. Absent where that is nothing.
const TABLE_BLOBS: u64 = 2;
/// What trimming does to it. Absent without history.
const TABLE_VERSIONS: u64 = 4;
/// What encrypts it. Absent in a plain database.
const TABLE_KEY: u64 = 6;

impl Edit {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.added.len() * 192);
        let mut field = |tag: u64, write: &mut dyn FnMut(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            write(&mut bytes);
            put_varint(&mut out, tag);
            put_bytes(&mut out, &bytes);
        };
        if let Some(creation) = &self.created {
            field(CREATED, &mut |out| {
                out.extend_from_slice(&creation.format.to_le_bytes());
                out.push(u8::from(creation.history));
                out.extend_from_slice(&creation.filter_seed.to_le_bytes());
                out.extend_from_slice(&creation.database_id);
            });
        }
        for (level, number) in &self.removed {
            assert!(usize::from(*level) < LEVELS, "a table is removed from a level that exists");
            field(REMOVED, &mut |out| {
                out.push(*level);
                put_varint(out, *number);
            });
        }
        for blob in &self.blobs {
            field(BLOB, &mut |out| blob.encode(out));
        }
        for (level, table) in &self.added {
            assert_eq!(flaw(*level, table), None, "a table that is written makes sense");
            field(ADDED, &mut |out| put_table(out, *level, table));
        }
        if let Some(floor) = &self.log_floor {
            field(LOG_FLOOR, &mut |out| {
                put_varint(out, floor.segment);
                put_varint(out, floor.flushed_sequence);
            });
        }
        let counters = [
            (NEXT_NUMBER, self.next_number),
            (LAST_SEQUENCE, self.last_sequence),
            (LAST_REVISION, self.last_revision),
            (TRIM_REVISION, self.trim_revision),
        ];
        for (tag, value) in counters {
            if value != 0 {
                field(tag, &mut |out| put_varint(out, value));
            }
        }
        if let Some(marks) = &self.marks {
            field(MARKS, &mut |out| {
                for Mark { time_ms, revision } in marks.all() {
                    out.extend_from_slice(&time_ms.to_le_bytes());
                    put_varint(out, *revision);
                }
            });
        }
        if self.time_ms != 0 {
            field(TIME_MS, &mut |out| out.extend_from_slice(&self.time_ms.to_le_bytes()));
        }
        if self.clean_close {
            field(CLEAN_CLOSE, &mut |_| {});
        }
        out
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Edit> {
        let mut edit = Edit::default();
        for_each_field(payload, "edit", |tag, field| {
            match tag {
                CREATED => edit.created = Some(read_creation(field)?),
                REMOVED => edit.removed.push((read_level(field)?, field.varint()?)),
                ADDED => edit.added.push(read_table(field)?),
                BLOB => edit.blobs.push(read_blob(field)?),
                LOG_FLOOR => {
                    let (segment, flushed_sequence) = (field.varint()?, field.varint()?);
                    edit.log_floor = Some(LogFloor { segment, flushed_sequence });
                }
                NEXT_NUMBER => edit.next_number = field.varint()?,
                LAST_SEQUENCE => edit.last_sequence = field.varint()?,
                LAST_REVISION => edit.last_revision = field.varint()?,
                TRIM_REVISION => edit.trim_revision = field.varint()?,
                MARKS => edit.marks = Some(read_marks(field)?),
                TIME_MS => edit.time_ms = field.i64()?,
                CLEAN_CLOSE => edit.clean_close = true,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(edit)
    }
}

/// Calls `read` with each tag and its bytes. It answers whether it knows the tag; if it does it has read all of them.
fn for_each_field(
    payload: &[u8],
    what: &str,
    mut read: impl FnMut(u64, &mut Reader<'_>) -> Result<bool>,
) -> Result<()> {
    let mut fields = Reader::new(payload);
    while !fields.is_empty() {
        let tag = fields.varint()?;
        let bytes = fields.bytes()?;
        let mut field = Reader::new(bytes);
        if read(tag, &mut field)? {
            if !field.is_empty() {
                return Err(Error::corrupt(format!("field {tag} of an {what} is longer than it should be")));
            }
        } else if tag % 2 == 0 {
            return Err(Error::new(Code::Format, unknown(tag, what, bytes)));
        }
    }
    Ok(())
}

/// A required field added after format 1 was published begins with its own name, so that this version, which cannot
/// know it, can still say what it lacks.
fn unknown(tag: u64, what: &str, bytes: &[u8]) -> String {
    let name = Reader::new(bytes).bytes().ok().and_then(|name| std::str::from_utf8(name).ok());
    let readable = |name: &&str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    match name.filter(readable) {
        Some(name) => format!("an {what} needs \"{name}\" (field {tag}), which this version does not know"),
        None => format!("an {what} needs field {tag}, which this version does not know"),
    }
}

fn put_table(out: &mut Vec<u8>, level: u8, table: &TableMeta) {
    let summary = &table.summary;
    out.push(level);
    put_varint(out, table.number);
    out.extend_from_slice(&summary.id);
    put_varint(out, summary.bytes);
    out.extend_from_slice(&summary.sha256);
    out.extend_from_slice(&summary.footer_crc.to_le_bytes());
    put_varint(out, summary.entries);
    put_varint(out, summary.deletes);
    put_bytes(out, &summary.smallest);
    put_bytes(out, &summary.largest);
    put_varint(out, summary.min_revision);
    put_varint(out, summary.max_revision);
    out.extend_from_slice(&summary.min_deadline_ms.to_le_bytes());
    out.extend_from_slice(&summary.garbage_ms.to_le_bytes());
    out.extend_from_slice(&summary.dead_ms.to_le_bytes());
    put_varint(out, summary.raw_bytes);
    put_varint(out, summary.range_deletes);
    if !summary.blobs.is_empty() {
        let mut uses = Vec::new();
        for used in &summary.blobs {
            put_varint(&mut uses, used.file);
            uses.extend_from_slice(&used.id);
            put_varint(&mut uses, used.bytes);
        }
        put_varint(out, TABLE_BLOBS);
        put_bytes(out, &uses);
    }
    if let Some(VersionSummary { trim, dead, first, fifth }) = summary.versions {
        put_varint(out, TABLE_VERSIONS);
        put_bytes(out, &[trim, dead, first, fifth].map(u64::to_le_bytes).concat());
    }
    if let Some(KeyId(id)) = &summary.key {
        put_varint(out, TABLE_KEY);
        put_bytes(out, id);
    }
}

fn read_table(field: &mut Reader<'_>) -> Result<(u8, TableMeta)> {
    let level = read_level(field)?;
    let number = field.varint()?;
    let mut summary = TableSummary {
        id: field.array()?,
        bytes: field.varint()?,
        sha256: field.array()?,
        footer_crc: field.u32()?,
        entries: field.varint()?,
        deletes: field.varint()?,
        smallest: field.bytes()?.to_vec(),
        largest: field.bytes()?.to_vec(),
        min_revision: field.varint()?,
        max_revision: field.varint()?,
        min_deadline_ms: field.i64()?,
        garbage_ms: field.i64()?,
        dead_ms: field.i64()?,
        raw_bytes: field.varint()?,
        range_deletes: field.varint()?,
        blobs: Vec::new(),
        versions: None,
        key: None,
    };
    // What is left is tagged as the fields of the edit are.
    let rest = field.take(field.remaining())?;
    for_each_field(rest, "added table", |tag, field| {
        match tag {
            TABLE_BLOBS => {
                while !field.is_empty() {
                    let (file, id, bytes) = (field.varint()?, field.array()?, field.varint()?);
                    summary.blobs.push(Use { file, id, bytes });
                }
            }
            TABLE_VERSIONS => {
                let (trim, dead, first, fifth) = (field.u64()?, field.u64()?, field.u64()?, field.u64()?);
                summary.versions = Some(VersionSummary { trim, dead, first, fifth });
            }
            TABLE_KEY => summary.key = Some(KeyId(field.array()?)),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let table = TableMeta { number, summary };
    match flaw(level, &table) {
        None => Ok((level, table)),
        Some(flaw) => Err(Error::corrupt(format!("table {number} of an edit {flaw}"))),
    }
}

fn read_blob(field: &mut Reader<'_>) -> Result<BlobMeta> {
    let plain = BlobMeta::decode(field)?;
    Ok(if field.is_empty() { plain } else { BlobMeta { key: Some(KeyId(field.array()?)), ..plain } })
}

fn read_marks(field: &mut Reader<'_>) -> Result<Marks> {
    let mut marks = Vec::new();
    while !field.is_empty() {
        marks.push(Mark { time_ms: field.i64()?, revision: field.varint()? });
    }
    Marks::of(marks).ok_or_else(|| Error::corrupt("the times of an edit are out of order or too many"))
}

fn read_level(field: &mut Reader<'_>) -> Result<u8> {
    let level = field.u8()?;
    if usize::from(level) < LEVELS {
        return Ok(level);
    }
    Err(Error::corrupt(format!("an edit names level {level} of {LEVELS}")))
}

fn read_creation(field: &mut Reader<'_>) -> Result<Creation> {
    let format = field.u32()?;
    if format != super::FORMAT {
        let message = format!("the database has format {format}; this version reads {}", super::FORMAT);
        return Err(Error::new(Code::Format, message));
    }
    let history = match field.u8()? {
        0 => false,
        1 => true,
        other => return Err(Error::corrupt(format!("history is neither off nor on but {other}"))),
    };
    Ok(Creation { history, format, filter_seed: field.u64()?, database_id: field.array()? })
}

/// What no table can be, asserted before writing and checked after reading.
fn flaw(level: u8, table: &TableMeta) -> Option<&'static str> {
    let summary = &table.summary;
    if usize::from(level) >= LEVELS {
        Some("stands on a level that does not exist")
    } else if table.number == 0 {
        Some("has no number")
    } else if summary.smallest > summary.largest {
        Some("ends before it begins")
    } else if summary.entries.saturating_add(summary.range_deletes) == 0 || summary.deletes > summary.entries
    {
        Some("counts its entries wrongly")
    } else if summary.min_revision > summary.max_revision {
        Some("has its revisions the wrong way round")
    } else if summary.versions.is_some_and(|versions| versions.dead > summary.entries) {
        Some("counts its versions wrongly")
    } else if summary.garbage_ms > summary.dead_ms {
        Some("is all dead before a part of it is")
    } else if summary.blobs.iter().any(|used| used.bytes == 0) {
        Some("lists a blob file that it does not refer to")
    } else if summary.blobs.iter().map(|used| used.file).collect::<BTreeSet<_>>().len() != summary.blobs.len()
    {
        Some("lists a blob file twice")
    } else if summary.blobs.len() > TABLE_BLOBS_MAX {
        Some("refers to too many blob files")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::testing::{blob, table, table_with_blobs};

    fn full() -> Edit {
        Edit {
            added: vec![(0, table(7, "a", "m")), (6, table_with_blobs(8, "", "zz", &[5, 300]))],
            removed: vec![(1, 3), (6, 300)],
            blobs: vec![blob(5), blob(300)],
            log_floor: Some(LogFloor { segment: 9, flushed_sequence: 1 << 40 }),
            next_number: 12,
            last_sequence: 1 << 41,
            last_revision: 77,
            trim_revision: 70,
            marks: Marks::of(vec![Mark { time_ms: -1, revision: 3 }, Mark { time_ms: 9, revision: 70 }]),
            time_ms: 1_700_000_000_000,
            created: Some(Creation { history: true, format: 1, filter_seed: 5, database_id: [9; 16] }),
            clean_close: true,
        }
    }

    fn with_field(tag: u64, bytes: &[u8]) -> Vec<u8> {
        let mut payload = full().encode();
        put_varint(&mut payload, tag);
        put_bytes(&mut payload, bytes);
        payload
    }

    #[test]
    fn edits_come_back_as_they_were() {
        let mut encrypted = full();
        encrypted.added.iter_mut().for_each(|(_, table)| table.summary.key = Some(KeyId([1; 16])));
        encrypted.blobs.iter_mut().for_each(|blob| blob.key = Some(KeyId([2; 16])));
        for edit in [full(), encrypted, Edit::default(), Edit { time_ms: -5, ..Edit::default() }] {
            assert_eq!(Edit::decode(&edit.encode()).unwrap(), edit);
        }
    }

    #[test]
    fn an_edit_cut_anywhere_is_an_error_or_a_shorter_edit() {
        let payload = full().encode();
        for end in 0..payload.len() {
            if let Ok(edit) = Edit::decode(&payload[..end]) {
                assert_ne!(edit, full(), "cut at {end}");
            }
        }
    }

    #[test]
    fn an_unknown_optional_field_is_skipped() {
        assert_eq!(Edit::decode(&with_field(901, b"whatever")).unwrap(), full());
    }

    #[test]
    fn an_unknown_required_field_is_refused_by_its_name() {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, b"merge operands");
        bytes.push(1);
        let error = Edit::decode(&with_field(900, &bytes)).unwrap_err();
        assert_eq!(error.code(), Code::Format);
        assert!(error.message().contains("\"merge operands\" (field 900)"), "{error}");
        let error = Edit::decode(&with_field(902, &[0xff, 0xff])).unwrap_err();
        assert!(error.message().contains("field 902"), "{error}");
    }

    #[test]
    fn a_known_field_with_bytes_left_over_is_corrupt() {
        assert_eq!(Edit::decode(&with_field(NEXT_NUMBER, &[1, 1])).unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn another_format_of_database_is_refused_with_its_number() {
        let created = Creation { format: 2, ..full().created.unwrap() };
        let error = Edit::decode(&Edit { created: Some(created), ..full() }.encode()).unwrap_err();
        assert_eq!(error.code(), Code::Format);
        assert!(error.message().contains("format 2"), "{error}");
    }

    #[test]
    fn a_table_that_makes_no_sense_is_corrupt() {
        let mut payload = Vec::new();
        put_table(&mut payload, 0, &table(1, "z", "a"));
        assert!(read_table(&mut Reader::new(&payload)).is_err());
        let mut payload = Vec::new();
        put_table(&mut payload, LEVELS as u8, &table(1, "a", "z"));
        assert!(read_table(&mut Reader::new(&payload)).is_err());
    }
}
