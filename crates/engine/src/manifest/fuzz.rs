//! What fuzzing needs of the manifest beyond its calls: bytes that pass their checksums, and the decoders by themselves.

use super::Edit;
use super::current::{decode, encode};
use super::frame::{self, HEADER_BYTES};
use crate::error::Result;

/// Makes the checksums of a manifest right: the header's, and that of each frame that can be reached from the first.
pub fn sign(manifest: &mut [u8]) {
    if manifest.len() < HEADER_BYTES {
        return;
    }
    let crc_at = HEADER_BYTES - 4;
    let crc = crc32c::crc32c(&manifest[..crc_at]);
    manifest[crc_at..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    let salt = u32::from_le_bytes(*manifest[20..].first_chunk().expect("within the header"));
    let mut at = HEADER_BYTES;
    while let Some(bytes) = frame::sign(manifest, salt, at) {
        at += bytes;
    }
}

/// Decodes an edit; what it says comes back when it is encoded and decoded again.
pub fn edit(payload: &[u8]) -> Result<()> {
    let edit = Edit::decode(payload)?;
    assert!(Edit::decode(&edit.encode())? == edit, "an edit says something else after it was written again");
    Ok(())
}

/// Decodes CURRENT; there is one line for each manifest.
pub fn current(line: &[u8]) -> Result<()> {
    let number = decode(line)?;
    assert_eq!(encode(number).as_bytes(), line, "two lines name one manifest");
    Ok(())
}

/// The line with a right checksum.
pub fn sign_current(line: &mut Vec<u8>) {
    let crc = crc32c::crc32c(line);
    line.extend_from_slice(format!(" {crc:08x}\n").as_bytes());
}
