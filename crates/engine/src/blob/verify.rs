//! Reads a whole blob file and checks that every byte is what was written. Nothing is taken from what is open already.

use super::BlobFile;
use super::format::{self, FOOTER_BYTES, HEADER_BYTES, RECORD_HEADER_BYTES, Seed};
use crate::disk::File;
use crate::error::{Code, Error, Result};
use sha2::{Digest, Sha256};

const CHUNK_BYTES: u64 = 1 << 20;

impl BlobFile {
    /// What is wrong first in each part, with file and offset; empty if the file is whole. Calls `progress` with the
    /// bytes passed since the last call. Fails only if the disk cannot be read.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Vec<Error>> {
        let mut problems = Vec::new();
        let mut note = |error: Error| match error.code() {
            Code::Corrupt | Code::Format | Code::NotFound => {
                problems.push(error.in_file(self.path()));
                Ok(())
            }
            _ => Err(error.in_file(self.path())),
        };
        match self.open_file() {
            Ok(file) => {
                self.check_records(&*file).or_else(&mut note)?;
                self.check_hash(&*file, progress).or_else(&mut note)?;
            }
            Err(error) => note(error)?,
        }
        Ok(problems)
    }

    /// That records follow each other up to the footer, which counts them.
    fn check_records(&self, file: &dyn File) -> Result<()> {
        let end = self.meta().bytes.saturating_sub(FOOTER_BYTES as u64);
        let mut offset = HEADER_BYTES as u64;
        let (mut records, mut raw_bytes) = (0, 0);
        let mut header = [0; RECORD_HEADER_BYTES];
        while offset < end {
            file.read_at(offset, &mut header)?;
            let piece = format::decode_record(&header, offset)?;
            if piece.record_bytes() > end - offset {
                return Err(Error::corrupt("a value is longer than its file").at_offset(offset));
            }
            records += 1;
            raw_bytes += u64::from(piece.raw);
            offset += piece.record_bytes();
        }
        let mut footer = [0; FOOTER_BYTES];
        file.read_at(end, &mut footer)?;
        if footer != format::encode_footer(Seed::new(&self.meta().id), records, raw_bytes) {
            return Err(Error::corrupt("the footer is not that of the records before it").at_offset(end));
        }
        Ok(())
    }

    fn check_hash(&self, file: &dyn File, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let mut sha256 = Sha256::new();
        let mut chunk = Vec::new();
        let mut offset = 0;
        while offset < self.meta().bytes {
            let length = CHUNK_BYTES.min(self.meta().bytes - offset);
            chunk.resize(length as usize, 0);
            file.read_at(offset, &mut chunk)?;
            sha256.update(&chunk);
            offset += length;
            progress(length);
        }
        if sha256.finalize()[..] != self.meta().sha256 {
            let message = "the content of the blob file does not hash to what the manifest says";
            return Err(Error::corrupt(message).at_offset(0));
        }
        Ok(())
    }
}
