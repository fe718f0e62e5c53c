//! One record body in a segment: a checked header of 24 bytes, the body, zeros up to the next multiple of 8. Of an encrypted
//! body the first bytes stay clear, which say where in the log it belongs: what follows a tear can be judged without a key.

use crate::batch;
use crate::encryption::{Seal, TAG_BYTES};
use crate::error::Result;
use crate::limits;
use std::borrow::Cow;

pub(super) const HEADER_BYTES: usize = 24;
pub(super) const ALIGNMENT: usize = 8;
/// The least that a frame takes.
pub(super) const FRAME_BYTES_MIN: usize = control_bytes(0);

/// A frame around a body without operations: what ends a segment or closes the log.
pub(super) const fn control_bytes(tag_bytes: usize) -> usize {
    bytes_of(batch::HEADER_BYTES + tag_bytes)
}

/// Bytes that a frame takes in its segment; of an encrypted one the tag is part of the body.
pub(super) const fn bytes_of(body_bytes: usize) -> usize {
    (HEADER_BYTES + body_bytes).next_multiple_of(ALIGNMENT)
}

/// What all frames of a segment have in common.
pub(super) struct Framing<'a> {
    pub salt: u32,
    pub seal: &'a Seal,
}

impl Framing<'_> {
    /// Appends a frame that will stand at `offset` of its segment. `synced` is the offset of this segment known to be durable
    /// now, or 0.
    pub fn put(&self, out: &mut Vec<u8>, offset: u64, synced: u64, body: &[u8]) {
        let start = out.len();
        let body_bytes = body.len() + self.seal.tag_bytes();
        let end = start + bytes_of(body_bytes);
        out.reserve(end - start);
        let mut header = [0; HEADER_BYTES];
        header[4..8].copy_from_slice(&(body_bytes as u32).to_le_bytes());
        header[8..12].copy_from_slice(&self.salt.to_le_bytes());
        header[16..24].copy_from_slice(&synced.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(body);
        let (clear, _) = body.split_at(batch::HEADER_BYTES);
        self.seal.seal(offset, clear, out, start + HEADER_BYTES + batch::HEADER_BYTES);
        let crc = crc32c::crc32c(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        out.resize(end, 0);
    }
}

/// The body that `put` was given, of the frame at `offset`.
pub(super) fn open<'a>(seal: &Seal, offset: u64, stored: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let (clear, sealed) = stored.split_at(batch::HEADER_BYTES);
    Ok(match seal.open(offset, clear, sealed)? {
        Cow::Borrowed(_) => Cow::Borrowed(stored),
        Cow::Owned(opened) => Cow::Owned([clear, &opened].concat()),
    })
}

/// A frame header whose fields are in range; whether the frame is whole only `is_whole` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    crc: u32,
    /// As it is stored.
    pub body_bytes: usize,
    pub salt: u32,
    pub synced: u64,
}

impl FrameHeader {
    /// `None` if no frame can begin like this.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<FrameHeader> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let body_bytes = word(4) as usize;
        let in_range = (batch::HEADER_BYTES..=limits::RECORD_BYTES_MAX + TAG_BYTES).contains(&body_bytes);
        if !in_range || word(12) != 0 {
            return None;
        }
        let synced = u64::from(word(16)) | u64::from(word(20)) << 32;
        Some(FrameHeader { crc: word(0), body_bytes, salt: word(8), synced })
    }

    /// Whether these are the bytes that `put` wrote. `frame` is header and body without padding.
    pub fn is_whole(&self, frame: &[u8]) -> bool {
        crc32c::crc32c(&frame[4..]) == self.crc
    }
}
