//! Files read from their first byte to their last, a chunk at a time, so that memory does not grow with the file.

use super::File;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::path::Path;

const CHUNK_BYTES: u64 = 1 << 20;

/// Gives the file's first `bytes` bytes to `each`, in order.
pub fn read_whole(file: &dyn File, bytes: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut chunk = Vec::new();
    let mut at = 0;
    while at < bytes {
        chunk.resize((bytes - at).min(CHUNK_BYTES) as usize, 0);
        file.read_at(at, &mut chunk)?;
        each(&chunk)?;
        at += chunk.len() as u64;
    }
    Ok(())
}

/// SHA-256 of the file's first `bytes` bytes, which `each` gets to see.
pub fn hash_whole(
    file: &dyn File,
    bytes: u64,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<[u8; 32]> {
    let mut sha256 = Sha256::new();
    read_whole(file, bytes, &mut |chunk| {
        sha256.update(chunk);
        each(chunk)
    })?;
    Ok(sha256.finalize().into())
}

/// A file whose content is known by its hash.
pub struct Whole<'a> {
    pub file: &'a dyn File,
    pub path: &'a Path,
    pub bytes: u64,
    pub sha256: [u8; 32],
}

impl Whole<'_> {
    /// Reads it, which `each` gets to see; `Corrupt` if it is not what the manifest says.
    pub fn check(&self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if hash_whole(self.file, self.bytes, each)? != self.sha256 {
            let message = "the content of the file does not hash to what the manifest says";
            return Err(Error::corrupt(message).in_file(self.path).at_offset(0));
        }
        Ok(())
    }
}
