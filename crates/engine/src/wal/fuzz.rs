//! What fuzzing needs of the log beyond its calls: bytes that pass their checksums, whatever they say.

use super::frame::{self, FrameHeader};
use super::segment::{FIRST_FRAME, HEADER_BYTES};

/// Makes the checksums of a segment right: the header's, and that of each frame that can be reached from the first.
pub fn sign(segment: &mut [u8]) {
    if segment.len() < HEADER_BYTES {
        return;
    }
    let crc_at = HEADER_BYTES - 4;
    let crc = crc32c::crc32c(&segment[..crc_at]);
    segment[crc_at..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    let mut at = FIRST_FRAME as usize;
    while let Some(header) = segment.get(at..).and_then(|rest| rest.first_chunk()) {
        let Some(FrameHeader { body_bytes, .. }) = FrameHeader::parse(header) else { return };
        let Some(frame) = segment.get_mut(at..at + frame::HEADER_BYTES + body_bytes) else { return };
        let crc = crc32c::crc32c(&frame[4..]);
        frame[..4].copy_from_slice(&crc.to_le_bytes());
        at += frame::bytes_of(body_bytes);
    }
}
