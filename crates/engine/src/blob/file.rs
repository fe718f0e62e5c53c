//! A blob file as readers see it. Shared by any number of threads; opening it costs nothing until it is first used.

use super::format::{self, CODEC_LZ4, FOOTER_BYTES, HEADER_BYTES, RECORD_HEADER_BYTES, Seed};
use super::{BlobName, Piece};
use crate::codec;
use crate::coding::{Reader, put_varint};
use crate::disk::{Access, Disk, File, Wait, would_block};
use crate::encryption::{self, KeyId, Keys, Seal};
use crate::error::{Code, Error, Result};
use crate::limits::BLOB_HANDLES_MAX;
use quick_cache::sync::Cache;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of a blob file without opening it. All of it is fixed when the file is synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobMeta {
    /// The file is `<number>.blob`.
    pub number: u64,
    /// Random, and in the seed of every record's checksum.
    pub id: [u8; 16],
    /// The size of the whole file.
    pub bytes: u64,
    /// Of the whole file.
    pub sha256: [u8; 32],
    /// What encrypts it; none: it is plain.
    pub key: Option<KeyId>,
}

impl BlobMeta {
    pub fn encode(&self, out: &mut Vec<u8>) {
        assert!(self.number > 0, "a blob file has a number");
        put_varint(out, self.number);
        out.extend_from_slice(&self.id);
        put_varint(out, self.bytes);
        out.extend_from_slice(&self.sha256);
        out.extend(self.key.iter().flat_map(|KeyId(id)| id));
    }

    /// All of it but what encrypts it: whether that follows is known to the reader.
    pub fn decode(fields: &mut Reader<'_>) -> Result<BlobMeta> {
        let number = fields.varint()?;
        if number == 0 {
            return Err(Error::corrupt("a blob file has no number"));
        }
        let (id, bytes, sha256) = (fields.array()?, fields.varint()?, fields.array()?);
        Ok(BlobMeta { number, id, bytes, sha256, key: None })
    }

    /// What its records take together: all of it but header and footer.
    pub fn record_bytes(&self) -> u64 {
        self.bytes.saturating_sub((HEADER_BYTES + FOOTER_BYTES) as u64)
    }
}

/// Blob files that are open: the ones used last. There may be more files than a process may have open.
pub struct Handles {
    open: Cache<u64, Arc<OpenBlob>>,
    keys: Keys,
}

impl Handles {
    pub fn new(keys: &Keys) -> Handles {
        Handles { open: Cache::new(BLOB_HANDLES_MAX), keys: keys.clone() }
    }
}

impl Default for Handles {
    fn default() -> Self {
        Handles::new(&Keys::default())
    }
}

pub struct OpenBlob {
    pub file: Box<dyn File>,
    seal: Seal,
}

pub struct BlobFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    meta: BlobMeta,
    seed: Seed,
    handles: Arc<Handles>,
    obsolete: AtomicBool,
}

impl BlobFile {
    /// Touches no disk.
    pub fn new(disk: &Arc<dyn Disk>, path: &Path, meta: BlobMeta, handles: &Arc<Handles>) -> BlobFile {
        BlobFile {
            disk: disk.clone(),
            path: path.to_owned(),
            seed: Seed::new(&meta.id),
            meta,
            handles: handles.clone(),
            obsolete: AtomicBool::new(false),
        }
    }

    /// A file of which no manifest is known: it says itself who it is. Whether it still has a footer is not known either:
    /// each record has a checksum, so all that is there may be read.
    pub fn rescue(
        disk: &Arc<dyn Disk>,
        path: &Path,
        number: u64,
        handles: &Arc<Handles>,
    ) -> Result<BlobFile> {
        let file = disk.open(path, Access::Read)?;
        let mut header = [0; HEADER_BYTES];
        file.read_at(0, &mut header)?;
        let bytes = file.size()? + FOOTER_BYTES as u64;
        let id = format::header_id(&header);
        let wrapped = format::check_header(&header, &id).map_err(|error| error.in_file(path))?;
        let meta = BlobMeta { number, id, bytes, sha256: [0; 32], key: wrapped.map(encryption::key_id) };
        Ok(BlobFile::new(disk, path, meta, handles))
    }

    pub fn number(&self) -> u64 {
        self.meta.number
    }

    pub fn name(&self) -> BlobName {
        BlobName { number: self.meta.number, id: self.meta.id }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn meta(&self) -> &BlobMeta {
        &self.meta
    }

    /// No version names this file any more: it goes when the last reader does.
    pub fn mark_obsolete(&self) {
        self.set_obsolete(true);
    }

    /// Whether the file goes when the last reader does.
    pub fn set_obsolete(&self, obsolete: bool) {
        self.obsolete.store(obsolete, Ordering::Release);
    }

    /// That the file is there, is the one that is meant, and is as long as it was.
    pub fn check_present(&self) -> Result<()> {
        let file = match self.open_file() {
            Err(error) if error.code() == Code::NotFound => {
                return Err(Error::corrupt("a part of a large value is not there")
                    .in_file(&self.path)
                    .at_offset(0));
            }
            opened => opened?,
        };
        let bytes = file.file.size()?;
        if bytes != self.meta.bytes {
            let message = format!("a part of a large value has {bytes} bytes of {}", self.meta.bytes);
            return Err(Error::corrupt(message).in_file(&self.path).at_offset(bytes.min(self.meta.bytes)));
        }
        Ok(())
    }

    /// Reads and checks a piece into `out`, which has its length.
    pub fn read(&self, piece: &Piece, out: &mut [u8], wait: Wait) -> Result<()> {
        assert_eq!(out.len(), piece.raw as usize, "room for the piece and no more");
        let mut read = || {
            if piece.codec != CODEC_LZ4 && self.meta.key.is_none() {
                return self.read_stored(piece, out, wait).map(drop);
            }
            let mut stored = vec![0; piece.stored as usize];
            let packed = self.read_packed(piece, &mut stored, wait)?;
            match piece.codec {
                CODEC_LZ4 => codec::decompress(&packed, out),
                _ if packed.len() == out.len() => {
                    out.copy_from_slice(&packed);
                    Ok(())
                }
                _ => Err(Error::corrupt(format!("{} bytes where a value has {}", packed.len(), out.len()))),
            }
        };
        read().map_err(|error| error.in_file(&self.path).at_offset(piece.offset))
    }

    /// Reads and checks what is stored of a piece through `stored`, which has that length: the piece, compressed if it is.
    pub fn read_packed<'a>(&self, piece: &Piece, stored: &'a mut [u8], wait: Wait) -> Result<Cow<'a, [u8]>> {
        let blob = self.read_stored(piece, stored, wait)?;
        let lengths = format::record_lengths(piece.stored, piece.raw, piece.codec);
        let packed = blob.seal.open(piece.offset, &lengths, stored);
        packed.map_err(|error| error.in_file(&self.path).at_offset(piece.offset))
    }

    fn read_stored(&self, piece: &Piece, out: &mut [u8], wait: Wait) -> Result<Arc<OpenBlob>> {
        let place = |error: Error| error.in_file(&self.path).at_offset(piece.offset);
        let room = self.meta.bytes.saturating_sub(FOOTER_BYTES as u64);
        let end = piece.offset.checked_add(piece.record_bytes());
        if piece.offset < HEADER_BYTES as u64 || end.is_none_or(|end| end > room) {
            return Err(place(Error::corrupt("a reference leads out of its blob file")));
        }
        let offset = piece.offset + RECORD_HEADER_BYTES as u64;
        let blob = match (self.handles.open.get(&self.meta.number), wait) {
            (Some(blob), Wait::Never) if blob.file.try_read_at(offset, out) => blob,
            (_, Wait::Never) => return Err(would_block()),
            (blob, Wait::ForDisk | Wait::ForPages) => {
                let blob = blob.map_or_else(|| self.open(), Ok)?;
                blob.file.read_at(offset, out)?;
                blob
            }
        };
        let lengths = format::record_lengths(piece.stored, piece.raw, piece.codec);
        let computed = self.seed.record(piece.offset, &lengths, out);
        if computed != piece.crc {
            let message =
                format!("the checksum of a value is {computed:08x} where {:08x} was stored", piece.crc);
            return Err(place(Error::corrupt(message)));
        }
        Ok(blob)
    }

    fn open(&self) -> Result<Arc<OpenBlob>> {
        let blob = Arc::new(self.open_file()?);
        self.handles.open.insert(self.meta.number, blob.clone());
        Ok(blob)
    }

    /// Opens the file anew and sees that it is the one that is meant.
    pub fn open_file(&self) -> Result<OpenBlob> {
        let file = self.disk.open(&self.path, Access::Read)?;
        let mut header = [0; HEADER_BYTES];
        file.read_at(0, &mut header)?;
        let seal = || {
            let wrapped = format::check_header(&header, &self.meta.id)?;
            if wrapped.map(encryption::key_id) != self.meta.key {
                return Err(Error::corrupt(
                    "the blob file is encrypted with another key than the manifest says",
                ));
            }
            self.handles.keys.seal_of(&format::MAGIC, wrapped).map_err(|error| error.at_offset(0))
        };
        let seal = seal().map_err(|error| error.in_file(&self.path))?;
        Ok(OpenBlob { file, seal })
    }
}

impl Drop for BlobFile {
    fn drop(&mut self) {
        if *self.obsolete.get_mut() {
            // The file is closed before it is removed: Windows keeps the name of an open one.
            self.handles.open.remove(&self.meta.number);
            // Nobody is left to tell. A file that stays is a stranger to the next open, which removes it.
            let _ = self.disk.remove(&self.path);
        }
    }
}
