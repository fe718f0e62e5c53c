//! The bytes of a manifest file: a header, then frames. Pure functions over bytes; docs/formats/manifest.md gives the
//! layout.
//!
//! A frame with no payload is an *end mark*: what stands before it was synced. It is written after each sync, over no
//! sync of its own, and the next frame replaces it. So a bad frame before a good one, or before an end mark, was once
//! whole and is corrupt; a bad frame with nothing good after it is the one append that a crash cut short.

use crate::coding::Reader;
use crate::encryption::{self, Keys, Seal, TAG_BYTES, WRAPPED_BYTES};
use crate::error::{Code, Error, Result};
use crate::limits::MANIFEST_EDIT_BYTES_MAX;
use std::borrow::Cow;

pub const MAGIC: [u8; 8] = *b"COPPMANI";
pub const HEADER_BYTES: usize = 128;
const FRAME_HEADER_BYTES: usize = 8;
pub const END_MARK_BYTES: u64 = FRAME_HEADER_BYTES as u64;
const ALIGNMENT: usize = 8;
/// Where the header's checksum stands, in every format.
const CRC_AT: usize = HEADER_BYTES - 4;
const WRAPPED_AT: usize = 40;

const _: () = assert!(MANIFEST_EDIT_BYTES_MAX <= u32::MAX as usize, "a frame length is stored in 32 bits");

/// How a manifest ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// In an end mark: everything read was synced.
    Marked,
    /// After a whole frame: its sync may not have come back.
    Unmarked,
    /// In an append that a crash cut short, at `offset`; nothing vouches for it.
    Torn { offset: u64, bytes: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The file's own number: a copy under another name is told apart.
    pub number: u64,
    /// Random; in every frame's checksum, so that no key can hold the bytes of a good frame.
    pub salt: u32,
    /// Bytes synced before CURRENT named the file: damage below is never torn.
    pub synced_bytes: u64,
    /// Of an encrypted manifest.
    pub wrapped: Option<[u8; WRAPPED_BYTES]>,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&super::FORMAT.to_le_bytes());
        if let Some(wrapped) = &self.wrapped {
            out[12..16].copy_from_slice(&encryption::REQUIRED_FEATURE.to_le_bytes());
            out[WRAPPED_AT..WRAPPED_AT + WRAPPED_BYTES].copy_from_slice(wrapped);
        }
        out[20..24].copy_from_slice(&self.salt.to_le_bytes());
        out[24..32].copy_from_slice(&self.number.to_le_bytes());
        out[32..40].copy_from_slice(&self.synced_bytes.to_le_bytes());
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Header> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(Error::corrupt("a manifest is shorter than its header").at_offset(bytes.len() as u64));
        };
        let mut fields = Reader::new(bytes);
        if fields.array()? != MAGIC {
            return Err(Error::corrupt("this is not a manifest").at_offset(0));
        }
        // The checksum comes first: a flipped bit must not pass for a newer format.
        if crc32c::crc32c(&bytes[..CRC_AT]).to_le_bytes() != bytes[CRC_AT..] {
            return Err(Error::corrupt("a manifest's header fails its checksum").at_offset(0));
        }
        let format = fields.u32()?;
        if format != super::FORMAT {
            let message = format!("the manifest has format {format}; this version reads {}", super::FORMAT);
            return Err(Error::new(Code::Format, message).at_offset(8));
        }
        let wrapped = encryption::read_wrapped(fields.u32()?, bytes, WRAPPED_AT).map_err(|unknown| {
            let message =
                format!("the manifest needs {}, which this version cannot do", feature_names(unknown));
            Error::new(Code::Format, message).at_offset(12)
        })?;
        let _optional = fields.u32()?;
        let (salt, number, synced_bytes) = (fields.u32()?, fields.u64()?, fields.u64()?);
        Ok(Header { salt, number, synced_bytes, wrapped: wrapped.copied() })
    }
}

fn feature_names(bits: u32) -> String {
    let names = (0..32).filter(|bit| bits & (1 << bit) != 0).map(|bit| format!("feature bit {bit}"));
    names.collect::<Vec<_>>().join(" and ")
}

/// What all frames of a manifest have in common.
#[derive(Clone, Default)]
pub struct Framing {
    pub salt: u32,
    pub seal: Seal,
}

impl Framing {
    /// Appends a frame whose first byte will stand at `offset` of the file. No payload makes an end mark, which holds nothing
    /// to encrypt and is written over.
    pub fn put(&self, out: &mut Vec<u8>, offset: u64, payload: &[u8]) {
        assert!(payload.len() <= MANIFEST_EDIT_BYTES_MAX, "an edit fits a frame");
        assert!(offset.is_multiple_of(ALIGNMENT as u64), "frames are aligned");
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        out.extend_from_slice(payload);
        if !payload.is_empty() {
            self.seal.seal(offset, &[], out, start + FRAME_HEADER_BYTES);
        }
        let stored_bytes = out.len() - start - FRAME_HEADER_BYTES;
        out[start + 4..start + 8].copy_from_slice(&(stored_bytes as u32).to_le_bytes());
        out.resize(start + frame_bytes(stored_bytes), 0);
        let crc = checksum(self.salt, offset, &out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// What a frame of so large a payload takes.
    pub fn frame_bytes(&self, payload_bytes: usize) -> usize {
        frame_bytes(payload_bytes + self.seal.tag_bytes())
    }
}

/// What a frame of a payload takes that is stored in so many bytes.
fn frame_bytes(stored_bytes: usize) -> usize {
    (FRAME_HEADER_BYTES + stored_bytes).next_multiple_of(ALIGNMENT)
}

/// Over everything after the checksum itself, padding included, and over where it stands in which file.
fn checksum(salt: u32, offset: u64, bytes: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&salt.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &offset.to_le_bytes());
    crc32c::crc32c_append(crc, bytes)
}

/// The payload of the good frame at `offset`, if there is one, as it is stored.
fn frame_at(bytes: &[u8], salt: u32, offset: usize) -> Option<&[u8]> {
    let (header, _) = bytes.get(offset..)?.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    let [c0, c1, c2, c3, l0, l1, l2, l3] = *header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > MANIFEST_EDIT_BYTES_MAX + TAG_BYTES {
        return None;
    }
    let frame = bytes.get(offset..offset + frame_bytes(length))?;
    let good = checksum(salt, offset as u64, &frame[4..]) == u32::from_le_bytes([c0, c1, c2, c3]);
    good.then(|| &frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length])
}

/// Makes the checksum of the frame at `offset` right, if one fits there; the bytes that it takes.
#[cfg(feature = "fuzz")]
pub fn sign(bytes: &mut [u8], salt: u32, offset: usize) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.get(offset + 4..)?.first_chunk()?) as usize;
    let taken = frame_bytes(length);
    let frame = bytes.get_mut(offset..offset.checked_add(taken)?)?;
    let crc = checksum(salt, offset as u64, &frame[4..]);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    Some(taken)
}

/// What is in a manifest: its header, the payload of each edit with its offset, and how it ends.
pub struct Contents<'a> {
    pub header: Header,
    pub framing: Framing,
    pub payloads: Vec<(u64, Cow<'a, [u8]>)>,
    /// Where the last whole edit ends.
    pub end: u64,
    pub tail: Tail,
}

pub fn read<'a>(bytes: &'a [u8], keys: &Keys) -> Result<Contents<'a>> {
    let header = Header::decode(bytes)?;
    let seal = keys.seal_of(&MAGIC, header.wrapped.as_ref()).map_err(|error| error.at_offset(0))?;
    let mut payloads = Vec::new();
    let mut offset = HEADER_BYTES;
    let mut tail = Tail::Unmarked;
    while offset < bytes.len() {
        match frame_at(bytes, header.salt, offset) {
            Some([]) if offset + FRAME_HEADER_BYTES == bytes.len() => {
                tail = Tail::Marked;
                break;
            }
            Some(stored) if !stored.is_empty() => {
                let at = offset as u64;
                payloads.push((at, seal.open(at, &[], stored).map_err(|error| error.at_offset(at))?));
                offset += frame_bytes(stored.len());
            }
            // An end mark before the end is one that a torn append had begun to replace.
            _ => {
                let mut later = (offset + ALIGNMENT..bytes.len()).step_by(ALIGNMENT);
                if later.any(|later| frame_at(bytes, header.salt, later).is_some()) {
                    let message = "an edit of the manifest is damaged, and a later one is whole";
                    return Err(Error::corrupt(message).at_offset(offset as u64));
                }
                tail = Tail::Torn { offset: offset as u64, bytes: (bytes.len() - offset) as u64 };
                break;
            }
        }
    }
    if (offset as u64) < header.synced_bytes {
        let message = "the manifest is damaged where it was synced before it came into use";
        return Err(Error::corrupt(message).at_offset(offset as u64));
    }
    let framing = Framing { salt: header.salt, seal };
    Ok(Contents { header, framing, payloads, end: offset as u64, tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { number: 4, salt: 99, synced_bytes: HEADER_BYTES as u64, wrapped: None };

    fn read(bytes: &[u8]) -> Result<Contents<'_>> {
        super::read(bytes, &Keys::default())
    }

    fn file(payloads: &[&[u8]]) -> Vec<u8> {
        let mut out = HEADER.encode().to_vec();
        let framing = Framing { salt: HEADER.salt, ..Framing::default() };
        for payload in payloads {
            let offset = out.len() as u64;
            framing.put(&mut out, offset, payload);
        }
        out
    }

    fn damaged(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
        bytes[at] ^= 1;
        bytes
    }

    #[test]
    fn frames_come_back_with_their_offsets_and_the_end_mark_is_seen() {
        let bytes = file(&[b"one", b"edit number two", b""]);
        let contents = read(&bytes).unwrap();
        assert_eq!(contents.payloads, [(128, b"one"[..].into()), (144, b"edit number two"[..].into())]);
        assert_eq!((contents.header, contents.tail), (HEADER, Tail::Marked));
        assert_eq!(read(&file(&[b"one"])).unwrap().tail, Tail::Unmarked);
    }

    #[test]
    fn a_damaged_frame_is_torn_only_when_nothing_whole_follows() {
        let last = read(&damaged(file(&[b"one", b"two"]), 146)).map(|contents| contents.tail).unwrap();
        assert_eq!(last, Tail::Torn { offset: 144, bytes: 16 });
        for whole in [file(&[b"one", b"two", b"three"]), file(&[b"one", b"two", b""])] {
            let error = read(&damaged(whole, 146)).map(|_| ()).unwrap_err();
            assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(144)));
        }
    }

    #[test]
    fn an_end_mark_with_torn_bytes_behind_it_is_torn_there() {
        let mut bytes = file(&[b"one", b""]);
        bytes.extend_from_slice(&[7; 20]);
        assert_eq!(read(&bytes).unwrap().tail, Tail::Torn { offset: 144, bytes: 28 });
    }

    #[test]
    fn damage_below_what_was_synced_at_first_is_never_torn() {
        let mut bytes = file(&[b"one"]);
        let header = Header { synced_bytes: 144, ..HEADER };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        for bad in [damaged(bytes.clone(), 130), bytes[..143].to_vec(), bytes[..128].to_vec()] {
            let error = read(&bad).map(|_| ()).unwrap_err();
            assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(128)));
        }
    }

    #[test]
    fn a_good_frame_anywhere_else_is_not_good() {
        let bytes = file(&[b"one", b"two"]);
        let mut moved = bytes[..128].to_vec();
        moved.extend_from_slice(&bytes[144..]);
        assert!(matches!(read(&moved).unwrap().tail, Tail::Torn { offset: 128, .. }));
    }

    #[test]
    fn another_format_and_unknown_required_bits_are_refused_by_name_and_optional_ones_ignored() {
        let patched = |at: usize, byte: u8| {
            let mut header = HEADER.encode();
            header[at] = byte;
            let crc = crc32c::crc32c(&header[..CRC_AT]);
            header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
            Header::decode(&header)
        };
        assert_eq!(patched(16, 0xff).unwrap(), HEADER);
        for (at, byte, wanted) in [(8, 2, "format 2"), (12, 4, "feature bit 2"), (13, 2, "feature bit 9")] {
            let error = patched(at, byte).unwrap_err();
            assert_eq!(error.code(), Code::Format);
            assert!(error.message().contains(wanted), "{error}");
        }
    }
}
