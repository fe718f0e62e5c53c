//! One record body in a segment: a checked header of 24 bytes, the body, zeros up to the next multiple of 8.

use crate::batch;
use crate::limits;

pub(super) const HEADER_BYTES: usize = 24;
pub(super) const ALIGNMENT: usize = 8;
/// A frame around a body without operations: what seals a segment or closes the log.
pub(super) const CONTROL_BYTES: usize = bytes_of(batch::HEADER_BYTES);

/// Bytes that a frame takes in its segment.
pub(super) const fn bytes_of(body_bytes: usize) -> usize {
    (HEADER_BYTES + body_bytes).next_multiple_of(ALIGNMENT)
}

/// Appends a frame. `synced` is the offset of this segment known to be durable now, or 0.
pub(super) fn put(out: &mut Vec<u8>, salt: u32, synced: u64, body: &[u8]) {
    let mut header = [0; HEADER_BYTES];
    header[4..8].copy_from_slice(&(body.len() as u32).to_le_bytes());
    header[8..12].copy_from_slice(&salt.to_le_bytes());
    header[16..24].copy_from_slice(&synced.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[4..]), body);
    header[..4].copy_from_slice(&crc.to_le_bytes());

    let end = out.len() + bytes_of(body.len());
    out.reserve(end - out.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
    out.resize(end, 0);
}

/// A frame header whose fields are in range; whether the frame is whole only `is_whole` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    crc: u32,
    pub body_bytes: usize,
    pub salt: u32,
    pub synced: u64,
}

impl FrameHeader {
    /// `None` if no frame can begin like this.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<FrameHeader> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let body_bytes = word(4) as usize;
        let in_range = (batch::HEADER_BYTES..=limits::RECORD_BYTES_MAX).contains(&body_bytes);
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
