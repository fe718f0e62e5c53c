//! The last bytes of a table: where everything else is and how it is checked. Byte by byte in docs/formats/table.md.
//!
//! The footer is found from the end of the file, and its last 16 bytes are the same in every format to come, so that a
//! newer table is told apart from a damaged one.

use crate::coding::Reader;
use crate::disk::File;
use crate::encryption::{self, KeyId, Keys, Seal, WRAPPED_BYTES};
use crate::error::{Code, Error, Result};

pub(super) const FOOTER_BYTES: usize = 208;
const TAIL_BYTES: usize = 16;
/// Footers of later formats may be longer, up to this.
const FOOTER_BYTES_MAX: usize = 4096;
const FORMAT: u16 = 1;
pub(super) const MAGIC: [u8; 8] = *b"COPPTABL";
const WRAPPED_AT: usize = 104;

const _: () = assert!(FOOTER_BYTES_MAX <= u16::MAX as usize, "the footer's length is stored in 16 bits");

/// A checked run of bytes that is not a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub offset: u64,
    pub bytes: u32,
    pub crc: u32,
}

impl Block {
    pub fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.bytes))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub page_bytes: u32,
    pub id: [u8; 16],
    pub filter_seed: u64,
    pub index: Block,
    /// Of no bytes if the table has no filter.
    pub filter: Block,
    /// Of no bytes if the table has no range deletes.
    pub ranges: Block,
    pub properties: Block,
    /// Of an encrypted table.
    pub wrapped: Option<[u8; WRAPPED_BYTES]>,
    /// Set by `encode`; the manifest repeats it.
    pub crc: u32,
}

impl Footer {
    pub fn encode(&mut self) -> [u8; FOOTER_BYTES] {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        let required = if self.wrapped.is_some() { encryption::REQUIRED_FEATURE } else { 0 };
        out.extend_from_slice(&required.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes()); // optional features
        out.extend_from_slice(&self.page_bytes.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.filter_seed.to_le_bytes());
        for block in [self.index, self.filter, self.ranges, self.properties] {
            out.extend_from_slice(&block.offset.to_le_bytes());
            out.extend_from_slice(&block.bytes.to_le_bytes());
            out.extend_from_slice(&block.crc.to_le_bytes());
        }
        debug_assert_eq!(out.len(), WRAPPED_AT, "the key follows the blocks");
        out.extend(self.wrapped.iter().flatten());
        out.resize(FOOTER_BYTES - TAIL_BYTES, 0);
        let mut tail = [0; TAIL_BYTES];
        tail[4..6].copy_from_slice(&(FOOTER_BYTES as u16).to_le_bytes());
        tail[6..8].copy_from_slice(&FORMAT.to_le_bytes());
        tail[8..].copy_from_slice(&MAGIC);
        out.extend_from_slice(&tail);
        self.crc = checksum(&out);
        let crc_at = FOOTER_BYTES - TAIL_BYTES;
        out[crc_at..crc_at + 4].copy_from_slice(&self.crc.to_le_bytes());
        out.try_into().expect("a footer has a fixed size")
    }

    /// What encrypts the table; none: it is plain.
    pub fn key(&self) -> Option<KeyId> {
        self.wrapped.as_ref().map(encryption::key_id)
    }

    pub fn seal(&self, keys: &Keys) -> Result<Seal> {
        keys.seal_of(&MAGIC, self.wrapped.as_ref()).map_err(|error| error.at_offset(self.properties.end()))
    }

    /// Reads and checks the footer of a file of `size` bytes.
    pub fn read(file: &dyn File, size: u64) -> Result<Footer> {
        let Some(offset) = size.checked_sub(FOOTER_BYTES as u64) else {
            return Err(Error::corrupt(format!("a table of {size} bytes has no room for its footer")));
        };
        let mut bytes = [0; FOOTER_BYTES];
        file.read_at(offset, &mut bytes)?;
        Footer::decode(&bytes, file, size).map_err(|error| error.at_offset(offset))
    }

    fn decode(bytes: &[u8; FOOTER_BYTES], file: &dyn File, size: u64) -> Result<Footer> {
        let mut tail = Reader::new(&bytes[FOOTER_BYTES - TAIL_BYTES..]);
        let (crc, length, format) = (tail.u32()?, usize::from(tail.u16()?), tail.u16()?);
        if tail.array()? != MAGIC {
            return Err(Error::corrupt("the file does not end as a table does"));
        }
        if length != FOOTER_BYTES {
            if length > FOOTER_BYTES && length <= FOOTER_BYTES_MAX && length as u64 <= size {
                let mut longer = vec![0; length];
                file.read_at(size - length as u64, &mut longer)?;
                if checksum(&longer) == crc {
                    return Err(newer(format!("a table of format {format}")));
                }
            }
            return Err(Error::corrupt(format!("the footer of a table claims {length} bytes")));
        }
        let computed = checksum(bytes);
        if computed != crc {
            return Err(Error::corrupt(format!(
                "the checksum of the footer is {computed:08x} where {crc:08x} was stored"
            )));
        }
        if format != FORMAT {
            return Err(newer(format!("a table of format {format}")));
        }
        let mut fields = Reader::new(bytes);
        let (required, _optional) = (fields.u32()?, fields.u32()?);
        let wrapped = encryption::read_wrapped(required, bytes, WRAPPED_AT)
            .map_err(|unknown| newer(format!("a table that needs the feature bits {unknown:#x}")))?
            .copied();
        let page_bytes = fields.u32()?;
        fields.take(4)?;
        let (id, filter_seed) = (fields.array()?, fields.u64()?);
        let mut block = || -> Result<Block> {
            Ok(Block { offset: fields.u64()?, bytes: fields.u32()?, crc: fields.u32()? })
        };
        let (index, filter, ranges, properties) = (block()?, block()?, block()?, block()?);
        let adjoin = index.end() == filter.offset
            && filter.end() == ranges.offset
            && ranges.end() == properties.offset
            && properties.end() == size - FOOTER_BYTES as u64;
        if !adjoin {
            return Err(Error::corrupt("the blocks that the footer names leave a gap or overlap"));
        }
        Ok(Footer { page_bytes, id, filter_seed, index, filter, ranges, properties, wrapped, crc })
    }
}

/// Over the whole footer but the four bytes that hold it, wherever the footer begins.
fn checksum(footer: &[u8]) -> u32 {
    let crc_at = footer.len() - TAIL_BYTES;
    crc32c::crc32c_append(crc32c::crc32c(&footer[..crc_at]), &footer[crc_at + 4..])
}

fn newer(what: String) -> Error {
    Error::new(Code::Format, format!("{what} was written by a newer version"))
}
