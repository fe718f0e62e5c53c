//! What a table holds in place of a large value: where its pieces are. The bytes are in docs/formats/blob.md.

use super::format::{CODEC_LZ4, CODEC_RAW, RECORD_HEADER_BYTES};
use super::{BlobFile, BlobMeta};
use crate::coding::{Reader, put_varint};
use crate::disk::{Wait, would_block};
use crate::encryption::{KeyId, TAG_BYTES};
use crate::error::{Code, Error, Result};
use crate::limits::{BLOB_RECORD_BYTES_MAX, VALUE_BYTES_MAX};
use std::sync::Arc;

/// One record of a blob file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where the record begins in its file.
    pub offset: u64,
    /// Bytes after the record's header.
    pub stored: u32,
    /// Bytes before compression.
    pub raw: u32,
    pub codec: u8,
    /// Of the record, which also knows its file and place.
    pub crc: u32,
}

impl Piece {
    /// What the record takes in its file.
    pub fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.stored)
    }
}

/// A value that is elsewhere: its pieces in order, each with the index of its file in the list that the table keeps. So a
/// table says the same wherever it is, whatever numbers its blob files have there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// The list itself, as long as no table has one: in the log and in memtables.
    pub parts: Vec<BlobMeta>,
    pub pieces: Vec<(u32, Piece)>,
}

/// A blob file, in this folder and wherever else it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobName {
    pub number: u64,
    pub id: [u8; 16],
}

/// What a table refers to in one blob file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The number of the blob file, in this folder.
    pub file: u64,
    /// Its id, which is the same everywhere.
    pub id: [u8; 16],
    /// Of whole records, their headers included.
    pub bytes: u64,
}

/// A value up to this long is read on the calling thread if it is in the system's memory.
const NOW_BYTES_MAX: usize = 256 << 10;
/// The form of a reference: pieces follow.
const FORM_PIECES: u8 = 1;
/// The list of files comes first: how many, and what is known of each.
const FORM_PARTS: u8 = 2;
/// As before; of each also what encrypts it.
const FORM_ENCRYPTED_PARTS: u8 = 3;

impl Reference {
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.parts.is_empty() {
            out.push(FORM_PIECES);
        } else {
            let is_encrypted = self.parts[0].key.is_some();
            assert!(
                self.parts.iter().all(|part| part.key.is_some() == is_encrypted),
                "all of a database or none"
            );
            out.push(if is_encrypted { FORM_ENCRYPTED_PARTS } else { FORM_PARTS });
            put_varint(out, self.parts.len() as u64);
            self.parts.iter().for_each(|part| part.encode(out));
        }
        for (file, piece) in &self.pieces {
            put_varint(out, (*file).into());
            put_varint(out, piece.offset);
            put_varint(out, piece.stored.into());
            put_varint(out, piece.raw.into());
            out.push(piece.codec);
            out.extend_from_slice(&piece.crc.to_le_bytes());
        }
    }

    pub fn decode(bytes: &[u8]) -> Result<Reference> {
        let mut fields = Reader::new(bytes);
        let mut parts = Vec::new();
        match fields.u8()? {
            FORM_PIECES => {}
            form @ (FORM_PARTS | FORM_ENCRYPTED_PARTS) => {
                for _ in 0..fields.varint()? {
                    let part = BlobMeta::decode(&mut fields)?;
                    let key = if form == FORM_PARTS { None } else { Some(KeyId(fields.array()?)) };
                    parts.push(BlobMeta { key, ..part });
                }
            }
            form => {
                let message = format!("a reference has form {form}, which this version does not know");
                return Err(Error::new(Code::Format, message));
            }
        }
        let mut pieces = Vec::new();
        let mut raw_bytes = 0;
        while !fields.is_empty() {
            let (file, offset) = (fields.varint()?, fields.varint()?);
            let file = u32::try_from(file).map_err(|_| Error::corrupt("a reference into no file"))?;
            let (stored, raw) = (fields.varint()?, fields.varint()?);
            let (codec, crc) = (fields.u8()?, fields.u32()?);
            // The tag of an encrypted record is stored with it.
            let tagged = raw.saturating_add(TAG_BYTES as u64);
            let known = match codec {
                CODEC_RAW => stored == raw || stored == tagged,
                CODEC_LZ4 => stored < tagged,
                _ => false,
            };
            let max = BLOB_RECORD_BYTES_MAX as u64;
            raw_bytes += raw.min(max + 1);
            if !known || raw > max || raw_bytes > VALUE_BYTES_MAX as u64 {
                return Err(Error::corrupt(format!(
                    "a reference claims {raw} bytes in {stored} stored ones with codec {codec}"
                )));
            }
            pieces.push((file, Piece { offset, stored: stored as u32, raw: raw as u32, codec, crc }));
        }
        if pieces.is_empty() {
            return Err(Error::corrupt("a reference to nothing"));
        }
        Ok(Reference { parts, pieces })
    }

    /// Where each piece is; `files`: the list that it counts by.
    pub fn find(&self, files: &[Arc<BlobFile>]) -> Result<Found> {
        let find = |(file, piece): &(u32, Piece)| match files.get(*file as usize) {
            Some(file) => Ok((file.clone(), *piece)),
            None => Err(Error::corrupt(format!("a value is in blob file {file} of {}", files.len()))),
        };
        Ok(Found(self.pieces.iter().map(find).collect::<Result<_>>()?))
    }
}

/// A value that was found but not read. It keeps its files.
#[derive(Clone)]
pub struct Found(Vec<(Arc<BlobFile>, Piece)>);

impl Found {
    pub fn pieces(&self) -> &[(Arc<BlobFile>, Piece)] {
        &self.0
    }

    /// Bytes of the value.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(_, piece)| piece.raw as usize).sum()
    }

    /// Reads it, a piece at a time, only to see that it can be read.
    pub fn check(&self) -> Result<()> {
        let mut out = Vec::new();
        self.0.iter().try_for_each(|(file, piece)| {
            out.resize(piece.raw as usize, 0);
            file.read(piece, &mut out, Wait::ForDisk)
        })
    }

    /// Without waiting only a small value is read: copying a large one takes long enough to be left to another thread.
    pub fn read(&self, wait: Wait) -> Result<Vec<u8>> {
        if wait == Wait::Never && self.bytes() > NOW_BYTES_MAX {
            return Err(would_block());
        }
        let mut value = vec![0; self.bytes()];
        let mut rest = &mut value[..];
        for (file, piece) in &self.0 {
            let (out, left) = rest.split_at_mut(piece.raw as usize);
            file.read(piece, out, wait)?;
            rest = left;
        }
        Ok(value)
    }
}
