//! The bytes of a blob file around its values: header, record headers, footer. Pure functions over bytes;
//! docs/formats/blob.md gives the layout.

use super::Piece;
use crate::coding::Reader;
use crate::encryption::{self, Seal, WRAPPED_BYTES};
use crate::error::{Code, Error, Result};

pub const HEADER_BYTES: usize = 128;
/// Before each value: stored length, length before compression, codec, three reserved bytes, checksum.
pub const RECORD_HEADER_BYTES: usize = 16;
pub const FOOTER_BYTES: usize = 32;
pub const CODEC_RAW: u8 = 0;
pub const CODEC_LZ4: u8 = 1;

pub const MAGIC: [u8; 8] = *b"COPPBLOB";
const FOOTER_MAGIC: [u8; 8] = *b"COPPBEND";
const FORMAT: u32 = 1;
const WRAPPED_AT: usize = 40;
const CRC_AT: usize = HEADER_BYTES - 4;
const FOOTER_CRC_AT: usize = 20;

/// What every checksum in one file starts from.
#[derive(Clone, Copy)]
pub struct Seed(u32);

impl Seed {
    pub fn new(id: &[u8; 16]) -> Seed {
        Seed(crc32c::crc32c(id))
    }

    /// Over where the record is, its header before the checksum, and what is stored.
    pub fn record(self, offset: u64, lengths: &[u8; 12], stored: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.0, &offset.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c_append(crc, lengths), stored)
    }
}

pub fn encode_header(id: &[u8; 16], seal: &Seal) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[..8].copy_from_slice(&MAGIC);
    out[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    out[12..16].copy_from_slice(&seal.required_features().to_le_bytes());
    // 16..20 optional feature bits: none yet. 20..24 reserved.
    out[24..40].copy_from_slice(id);
    out[WRAPPED_AT..WRAPPED_AT + WRAPPED_BYTES].copy_from_slice(&seal.wrapped());
    // The rest is reserved.
    let crc = crc32c::crc32c(&out[..CRC_AT]);
    out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// The id that a header claims.
pub fn header_id(bytes: &[u8; HEADER_BYTES]) -> [u8; 16] {
    bytes[24..40].try_into().expect("16 bytes")
}

/// Checks that this is the header of the file with this id. Its wrapped data key, if it is encrypted.
pub fn check_header<'a>(
    bytes: &'a [u8; HEADER_BYTES],
    id: &[u8; 16],
) -> Result<Option<&'a [u8; WRAPPED_BYTES]>> {
    let mut fields = Reader::new(bytes);
    if fields.array()? != MAGIC {
        return Err(Error::corrupt("this is not a blob file").at_offset(0));
    }
    // The checksum comes first: a flipped bit must not pass for a newer format.
    if crc32c::crc32c(&bytes[..CRC_AT]).to_le_bytes() != bytes[CRC_AT..] {
        return Err(Error::corrupt("a blob file's header fails its checksum").at_offset(0));
    }
    let (format, required) = (fields.u32()?, fields.u32()?);
    if format != FORMAT {
        let message = format!("the blob file has format {format}; this version reads {FORMAT}");
        return Err(Error::new(Code::Format, message).at_offset(8));
    }
    let wrapped = encryption::read_wrapped(required, bytes, WRAPPED_AT).map_err(|unknown| {
        let message = format!("the blob file needs the feature bits {unknown:#x}, which this version lacks");
        Error::new(Code::Format, message).at_offset(12)
    })?;
    fields.take(8)?;
    if fields.array()? != *id {
        return Err(Error::corrupt("this is another blob file than the one that is meant").at_offset(24));
    }
    Ok(wrapped)
}

/// The header of a record up to its checksum.
pub fn record_lengths(stored: u32, raw: u32, codec: u8) -> [u8; 12] {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&stored.to_le_bytes());
    out[4..8].copy_from_slice(&raw.to_le_bytes());
    out[8] = codec;
    out
}

/// What the record header at `offset` says; whether it is so is for the checksum.
pub fn decode_record(bytes: &[u8; RECORD_HEADER_BYTES], offset: u64) -> Result<Piece> {
    let mut fields = Reader::new(bytes);
    let (stored, raw) = (fields.u32()?, fields.u32()?);
    let [codec, ..] = fields.array::<4>()?;
    let crc = fields.u32()?;
    Ok(Piece { offset, stored, raw, codec, crc })
}

pub fn encode_footer(seed: Seed, records: u64, raw_bytes: u64) -> [u8; FOOTER_BYTES] {
    let mut out = [0; FOOTER_BYTES];
    out[..8].copy_from_slice(&records.to_le_bytes());
    out[8..16].copy_from_slice(&raw_bytes.to_le_bytes());
    let crc = crc32c::crc32c_append(seed.0, &out[..FOOTER_CRC_AT]);
    out[FOOTER_CRC_AT..24].copy_from_slice(&crc.to_le_bytes());
    out[24..].copy_from_slice(&FOOTER_MAGIC);
    out
}
