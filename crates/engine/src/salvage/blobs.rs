//! Values in blob files: found by the ids that their tables list, checked, and copied as they are stored into blob files of
//! the new database, a piece at a time.

use crate::blob::{BlobBuilder, BlobFile, BlobMeta, BlobName, Handles, Piece, Reference};
use crate::disk::{SyncPoint, Wait};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::manifest::State;
use crate::names::{FileName, FileNumbers};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// What there is to copy from.
pub struct Blobs<'a> {
    folder: &'a Path,
    /// All that say who they are.
    files: Vec<BlobFile>,
    manifest: Option<&'a State>,
}

impl<'a> Blobs<'a> {
    pub fn open(
        Environment { disk, keys, .. }: &Environment,
        folder: &'a Path,
        numbers: &[u64],
        manifest: Option<&'a State>,
    ) -> Blobs<'a> {
        // There may be more than a process may have open.
        let handles = Arc::new(Handles::new(keys));
        // One that does not is missed by the values that are in it; most likely there are none.
        let open = |number: &u64| {
            let path = FileName::Blob(*number).in_folder(folder);
            BlobFile::rescue(disk, &path, *number, &handles).ok()
        };
        Blobs { folder, files: numbers.iter().filter_map(open).collect(), manifest }
    }

    /// Copies a value; where it is then. `ids`: of the files that the reference counts by, if they are known.
    pub fn copy(
        &self,
        reference: &[u8],
        ids: Option<&[[u8; 16]]>,
        output: &mut BlobCopies<'_>,
    ) -> Result<Vec<(BlobName, Piece)>> {
        let Reference { parts, pieces } = Reference::decode(reference)?;
        let of_parts: Vec<[u8; 16]> = parts.iter().map(|part| part.id).collect();
        let ids = if parts.is_empty() { ids } else { Some(&of_parts[..]) };
        let mut copied = Vec::new();
        for (file, piece) in &pieces {
            let mut stored = vec![0; piece.stored as usize];
            let mut read =
                |file: &BlobFile| file.read_packed(piece, &mut stored, Wait::ForDisk).map(Cow::into_owned);
            let packed = match ids.and_then(|ids| ids.get(*file as usize)) {
                Some(id) => read(self.file(id)?)?,
                // The checksum fits one record of one file.
                None => {
                    let found = self.files.iter().find_map(|file| read(file).ok());
                    found.ok_or_else(|| Error::corrupt("no blob file has the value"))?
                }
            };
            copied.push(output.add(piece, &packed)?);
        }
        Ok(copied)
    }

    fn file(&self, id: &[u8; 16]) -> Result<&BlobFile> {
        if let Some(file) = self.files.iter().find(|file| file.meta().id == *id) {
            return Ok(file);
        }
        let error = Error::corrupt("the blob file of the value is not there, or does not say who it is");
        let known = self.manifest.and_then(|state| state.blobs.values().find(|(blob, _)| blob.id == *id));
        Err(match known {
            Some((blob, _)) => error.in_file(&FileName::Blob(blob.number).in_folder(self.folder)),
            None => error,
        })
    }
}

/// Blob files of the new database.
pub struct BlobCopies<'a> {
    environment: &'a Environment,
    folder: &'a Path,
    numbers: &'a FileNumbers,
    /// A file ends at this size.
    bytes_max: u64,
    builder: Option<BlobBuilder>,
    finished: Vec<BlobMeta>,
    /// A failure to write, which is none of what is read.
    pub failed: Option<Error>,
}

impl<'a> BlobCopies<'a> {
    pub fn new(
        environment: &'a Environment,
        folder: &'a Path,
        numbers: &'a FileNumbers,
        bytes_max: u64,
    ) -> Self {
        BlobCopies {
            environment,
            folder,
            numbers,
            bytes_max,
            builder: None,
            finished: Vec::new(),
            failed: None,
        }
    }

    fn add(&mut self, piece: &Piece, packed: &[u8]) -> Result<(BlobName, Piece)> {
        let added = self.try_add(piece, packed);
        added.inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn try_add(&mut self, piece: &Piece, packed: &[u8]) -> Result<(BlobName, Piece)> {
        if self.builder.as_ref().is_some_and(|builder| builder.bytes_written() >= self.bytes_max) {
            self.finish_file()?;
        }
        if self.builder.is_none() {
            let number = self.numbers.take();
            let path = FileName::Blob(number).in_folder(self.folder);
            self.builder = Some(BlobBuilder::begin(self.environment, &path, number, false)?);
        }
        let builder = self.builder.as_mut().expect("made above");
        Ok((builder.name(), builder.copy(piece, packed)?))
    }

    fn finish_file(&mut self) -> Result<()> {
        if let Some(builder) = self.builder.take() {
            self.finished.push(builder.finish(SyncPoint::Blob)?);
        }
        Ok(())
    }

    /// All files, synced; their names are not yet.
    pub fn finish(mut self) -> Result<Vec<BlobMeta>> {
        self.finish_file()?;
        Ok(self.finished)
    }
}
