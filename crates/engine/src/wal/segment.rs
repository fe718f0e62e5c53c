//! A segment file: its header, and how its space is taken. Nothing here keeps order between threads; `Log` does.

use super::{SegmentFile, frame};
use crate::disk::{File, SyncPoint};
use crate::encryption::{self, KeyId, Seal, WRAPPED_BYTES};
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The first frame begins here.
pub const HEADER_BYTES: usize = 128;
pub(super) const FIRST_FRAME: u64 = HEADER_BYTES as u64;

pub(super) const MAGIC: [u8; 8] = *b"coplog\r\n";
const FORMAT: u32 = 1;
const WRAPPED_AT: usize = 48;
const CRC_AT: usize = HEADER_BYTES - 4;

const _: () = assert!(WRAPPED_AT + WRAPPED_BYTES == CRC_AT, "a wrapped key fills the rest of the header");
const _: () = assert!(HEADER_BYTES.is_multiple_of(frame::ALIGNMENT), "frames are aligned in the file");

/// Bytes that a segment needs to hold one record and its end, each with a tag of so many bytes.
pub(super) fn bytes_for(body_bytes: usize, tag_bytes: usize) -> u64 {
    (HEADER_BYTES + frame::bytes_of(body_bytes + tag_bytes) + frame::control_bytes(tag_bytes)) as u64
}

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub number: u64,
    /// New each time the file is used, so that frames of an earlier life are told from this one's.
    pub salt: u32,
    /// Of an encrypted segment.
    pub wrapped: Option<[u8; WRAPPED_BYTES]>,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.salt.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        if let Some(wrapped) = &self.wrapped {
            bytes[12..16].copy_from_slice(&encryption::REQUIRED_FEATURE.to_le_bytes());
            bytes[WRAPPED_AT..CRC_AT].copy_from_slice(wrapped);
        }
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` if this is not a whole header; `Format` if it is one that a later version wrote.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Option<Header>> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        if bytes[..8] != MAGIC || word(CRC_AT) != crc32c::crc32c(&bytes[..CRC_AT]) {
            return Ok(None);
        }
        if word(8) != FORMAT {
            return Err(Error::new(Code::Format, format!("log segment format {} is unknown", word(8))));
        }
        let wrapped = encryption::read_wrapped(word(12), bytes, WRAPPED_AT).map_err(|unknown| {
            let message = format!("the log segment needs unknown features {unknown:#010x}");
            Error::new(Code::Format, message)
        })?;
        let number = u64::from(word(24)) | u64::from(word(28)) << 32;
        Ok(Some(Header { number, salt: word(20), wrapped: wrapped.copied() }))
    }

    pub fn key(&self) -> Option<KeyId> {
        self.wrapped.as_ref().map(encryption::key_id)
    }
}

/// An open segment that records go to.
pub(super) struct Segment {
    pub number: u64,
    pub salt: u32,
    pub seal: Seal,
    pub path: PathBuf,
    pub file: Box<dyn File>,
    pub capacity: u64,
    /// Everything below this offset is durable, and every earlier segment whole; 0 until the first sync.
    pub synced: AtomicU64,
    /// Whether its name is durable.
    pub named: AtomicBool,
}

impl Segment {
    pub fn new(header: Header, seal: Seal, path: PathBuf, file: Box<dyn File>, capacity: u64) -> Segment {
        let Header { number, salt, .. } = header;
        Segment {
            number,
            salt,
            seal,
            path,
            file,
            capacity,
            synced: AtomicU64::new(0),
            named: AtomicBool::new(false),
        }
    }

    /// Once it is no longer written to; `after`: the last record before those in it.
    pub fn as_file(&self, after: Sequence) -> SegmentFile {
        SegmentFile { number: self.number, bytes: self.capacity, after, key: self.seal.key() }
    }

    pub fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Makes the bytes durable; `end` is where what was written by now ends.
    pub fn sync_to(&self, end: u64) -> Result<()> {
        self.file.sync(SyncPoint::LogRecords)?;
        self.synced.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }
}

static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// Writes zeros over the whole file, which takes its space: a hole would be found too small when a record is due.
pub(super) fn fill(file: &dyn File, bytes: u64) -> Result<()> {
    let mut at = 0;
    while at < bytes {
        let length = (bytes - at).min(ZEROS.len() as u64);
        file.write_at(at, &ZEROS[..length as usize])?;
        at += length;
    }
    Ok(())
}
