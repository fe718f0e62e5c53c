//! Reads a whole blob file and checks that every byte is what was written. Nothing is taken from what is open already.

use super::format::{self, FOOTER_BYTES, HEADER_BYTES, RECORD_HEADER_BYTES, Seed};
use super::{BlobFile, BlobMeta};
use crate::damage::Damage;
use crate::disk::{File, Whole};
use crate::error::{Error, Result};

impl BlobFile {
    /// What is wrong first in each part, with file and offset; empty if the file is whole. Calls `progress` with the
    /// bytes passed since the last call. Fails only if the disk cannot be read.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Vec<Error>> {
        let mut damage = Damage::of(self.path());
        match self.open_file() {
            Ok(blob) => {
                let file = blob.file;
                self.check_records(&*file).or_else(|error| damage.note(error))?;
                let BlobMeta { bytes, sha256, .. } = *self.meta();
                let whole = Whole { file: &*file, path: self.path(), bytes, sha256 };
                let hashed = whole.check(&mut |chunk| {
                    progress(chunk.len() as u64);
                    Ok(())
                });
                hashed.or_else(|error| damage.note(error))?;
            }
            Err(error) => damage.note(error)?,
        }
        Ok(damage.into_errors())
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
}
