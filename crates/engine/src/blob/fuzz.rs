//! What fuzzing needs of blob files: references by themselves, and files whose checksums are right.

use super::format::{self, FOOTER_BYTES, HEADER_BYTES, RECORD_HEADER_BYTES, Seed};
use super::{Piece, Reference};
use crate::error::Result;

/// Decodes a reference; what it says comes back when it is encoded and decoded again.
pub fn reference(bytes: &[u8]) -> Result<()> {
    let reference = Reference::decode(bytes)?;
    let mut again = Vec::new();
    reference.encode(&mut again);
    assert!(
        Reference::decode(&again)? == reference,
        "a reference says something else after it was written again"
    );
    Ok(())
}

/// A reference to these records, each in the file of that index.
pub fn reference_to(pieces: impl IntoIterator<Item = (u32, Piece)>) -> Vec<u8> {
    let (mut reference, mut bytes) = (Reference::default(), Vec::new());
    reference.pieces.extend(pieces);
    reference.encode(&mut bytes);
    bytes
}

/// Makes the checksums of a blob file right: the header's, that of each record that can be reached from the first one,
/// and the footer's. The records that are reached.
pub fn sign(file: &mut [u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let Some(end) = file.len().checked_sub(FOOTER_BYTES).filter(|end| *end >= HEADER_BYTES) else {
        return pieces;
    };
    let header: &mut [u8; HEADER_BYTES] = file.first_chunk_mut().expect("longer than a header");
    let crc = crc32c::crc32c(&header[..HEADER_BYTES - 4]);
    header[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    let id = format::header_id(header);
    let mut at = HEADER_BYTES;
    while let Some(header) = file[at..end].first_chunk::<RECORD_HEADER_BYTES>() {
        let Ok(piece) = format::decode_record(header, at as u64) else { break };
        let (lengths, stored) = (*header.first_chunk().expect("a part of it"), piece.stored as usize);
        let from = at + RECORD_HEADER_BYTES;
        let Some(bytes) = file[from..end].get(..stored) else { break };
        let crc = Seed::new(&id).record(at as u64, &lengths, bytes);
        file[at + 12..from].copy_from_slice(&crc.to_le_bytes());
        pieces.push(Piece { crc, ..piece });
        at = from + stored;
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&id), &file[end..end + 20]);
    file[end + 20..end + 24].copy_from_slice(&crc.to_le_bytes());
    pieces
}
