//! Files of large values, and what refers to them.

use coppice_engine::blob::{BlobFile, BlobMeta, Piece, fuzz};
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::disk::{Disk, Wait};
use coppice_engine::error::{Code, Result};
use std::path::Path;
use std::sync::Arc;

pub fn reference(input: &[u8]) {
    // What is refused is refused: a panic is what this looks for.
    let _ = fuzz::reference(input);
}

/// A whole file whose checksums are right, each record of it read and all of it verified.
pub fn blob(input: &[u8]) {
    let mut bytes = input.to_vec();
    let pieces = fuzz::sign(&mut bytes);
    if let Err(error) = read(&bytes, &pieces) {
        // Its header may say that it is encrypted.
        assert!(matches!(error.code(), Code::Corrupt | Code::Format | Code::Encrypted), "{error}");
        assert!(error.file().is_some(), "damage has a place: {error:?}");
    }
}

fn read(bytes: &[u8], pieces: &[Piece]) -> Result<()> {
    let (disk, path) = (SimulatedDisk::default(), Path::new("/000001.blob"));
    disk.create(path)?.write_at(0, bytes)?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let file = BlobFile::rescue(&disk, path, 1, &Arc::default())?;
    let meta = BlobMeta { bytes: bytes.len() as u64, ..file.meta().clone() };
    let whole = BlobFile::new(&disk, path, meta, &Arc::default());
    // Nobody knows what it should hash to.
    assert!(!whole.verify(&mut |_| ())?.is_empty(), "a file without its hash is found sound");
    for piece in pieces {
        // Only what a reference may say is ever asked for.
        if fuzz::reference(&fuzz::reference_to([(0, *piece)])).is_ok() {
            file.read(piece, &mut vec![0; piece.raw as usize], Wait::ForDisk)?;
        }
    }
    Ok(())
}
