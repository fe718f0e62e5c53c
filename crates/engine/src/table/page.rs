//! A page: the unit that is read, checked, decompressed and cached. Byte by byte in docs/formats/table.md.
//!
//! Keys are stored without what they share with the key before; at every restart point the whole key stands. A page is
//! immutable and read from any thread. Nothing in it is trusted beyond its checksum: whatever does not parse is
//! `Corrupt`, and every offset is checked before it is used.

use super::checksum::Seed;
use super::head::{common_prefix, head};
use crate::codec;
use crate::coding::Reader;
use crate::encryption::Seal;
use crate::entry::{Entry, Kind};
use crate::error::{Code, Error, Result};
use crate::key::{self, Revision};
use crate::limits::{STORED_KEY_BYTES_MAX, VALUE_BYTES_MAX};
use std::ops::Range;

/// What a page ends with, but for its checksum; `length` is that of the payload before compression.
pub(super) fn page_trailer(codec: u8, length: usize) -> [u8; 8] {
    let mut trailer = [codec, 0, 0, 0, 0, 0, 0, 0];
    trailer[4..].copy_from_slice(&(length as u32).to_le_bytes());
    trailer
}

/// After the payload: codec, three reserved bytes, length of the payload before compression, checksum.
pub(super) const TRAILER_BYTES: usize = 12;
pub(super) const CODEC_RAW: u8 = 0;
pub(super) const CODEC_LZ4: u8 = 1;

pub(super) const FLAG_KIND: u8 = 0x0f;
pub(super) const FLAG_DEADLINE: u8 = 0x10;
pub(super) const FLAG_LEASE: u8 = 0x20;
/// Create revision and version.
pub(super) const FLAG_HISTORY: u8 = 0x40;
const FLAG_UNKNOWN: u8 = 0x80;

/// No page is larger before compression: one entry of the largest key and value, or many small ones, and what frames
/// them.
pub(super) const PAYLOAD_BYTES_MAX: usize = VALUE_BYTES_MAX + STORED_KEY_BYTES_MAX + (1 << 20);
/// No LZ4 block grows by more than this when it is decompressed.
pub(super) const EXPANSION_MAX: usize = 255;

const _: () = assert!(PAYLOAD_BYTES_MAX < u32::MAX as usize, "offsets in a page are stored in 32 bits");

/// Restart points whose heads and offsets are kept beside the page.
const SAMPLES: usize = 24;
/// A common prefix up to this long is kept there as well.
const PREFIX_BYTES: usize = 32;

pub(super) struct Page {
    /// Entries, then restart offsets, then their count.
    bytes: Box<[u8]>,
    entries_end: usize,
    restarts: usize,
    /// How many bytes the keys at all restart points begin with, where the first of those keys is, and its first bytes.
    common: usize,
    first_key: usize,
    prefix: [u8; PREFIX_BYTES],
    /// Every `stride`th restart point has its head here, `sampled` in all: a search reads these few words, which lie
    /// together, and hardly a restart point, which does not lie near anything.
    stride: usize,
    sampled: usize,
    samples: [u64; SAMPLES],
    /// Where the first restart points are: the list of all stands at the far end of the page.
    starts: [u32; SAMPLES],
}

/// Where the parts of one entry are.
#[derive(Clone, Copy, Default)]
pub(super) struct Item {
    /// Bytes of the key before that this key begins with.
    pub shared: usize,
    pub revision: Revision,
    flags: u8,
    fields: usize,
    suffix: usize,
    value: usize,
    /// Where the next entry begins, or `entries_end`.
    pub end: usize,
}

impl Page {
    /// Checks and unpacks what the file holds of page `number` at `offset`.
    pub fn decode(
        stored: &[u8],
        seed: Seed,
        seal: &Seal,
        number: u32,
        offset: u64,
        crc: u32,
    ) -> Result<Page> {
        let Some(split) = stored.len().checked_sub(TRAILER_BYTES) else {
            return Err(Error::corrupt(format!("page {number} has only {} bytes", stored.len())));
        };
        let computed = seed.checksum(number, &stored[..stored.len() - 4]);
        let (payload, trailer) = stored.split_at(split);
        let clear = &trailer[..TRAILER_BYTES - 4];
        let mut trailer = Reader::new(trailer);
        let [codec, ..] = trailer.array::<4>()?;
        let length = trailer.u32()? as usize;
        let found = trailer.u32()?;
        if computed != crc || found != crc {
            return Err(Error::corrupt(format!(
                "the checksum of page {number} is {computed:08x} where the index says {crc:08x} and the page {found:08x}"
            )));
        }
        let payload = &*seal.open(offset, clear, payload)?;
        if length > PAYLOAD_BYTES_MAX {
            return Err(Error::corrupt(format!("page {number} claims {length} bytes")));
        }
        let bytes = match codec {
            CODEC_RAW if length == payload.len() => payload.into(),
            CODEC_LZ4 if length / EXPANSION_MAX <= payload.len() => {
                let mut bytes = vec![0; length].into_boxed_slice();
                codec::decompress(payload, &mut bytes)?;
                bytes
            }
            CODEC_RAW | CODEC_LZ4 => {
                return Err(Error::corrupt(format!(
                    "page {number} claims {length} bytes in {} stored ones",
                    payload.len()
                )));
            }
            _ => {
                return Err(Error::new(
                    Code::Format,
                    format!(
                        "page {number} is compressed with codec {codec}, which this version does not know"
                    ),
                ));
            }
        };
        Page::parse(bytes)
    }

    /// Checks that the restart points ascend from 0 and lie in the page.
    fn parse(bytes: Box<[u8]>) -> Result<Page> {
        let restarts = match bytes.last_chunk::<4>() {
            Some(count) => u32::from_le_bytes(*count) as usize,
            None => return Err(malformed()),
        };
        let room = restarts.checked_add(1).and_then(|words| words.checked_mul(4));
        let entries_end = room.and_then(|room| bytes.len().checked_sub(room)).ok_or_else(malformed)?;
        let stride = restarts.div_ceil(SAMPLES);
        let mut page = Page {
            bytes,
            entries_end,
            restarts,
            common: 0,
            first_key: 0,
            prefix: [0; PREFIX_BYTES],
            stride,
            sampled: restarts.div_ceil(stride.max(1)),
            samples: [0; SAMPLES],
            starts: [0; SAMPLES],
        };
        for at in 0..restarts.min(SAMPLES) {
            page.starts[at] = page.stored_restart(at);
        }
        if restarts == 0 || page.restart(0) != 0 || page.restart(restarts - 1) >= entries_end {
            return Err(malformed());
        }
        if (1..restarts).any(|at| page.restart(at - 1) >= page.restart(at)) {
            return Err(malformed());
        }
        page.sample()?;
        Ok(page)
    }

    fn sample(&mut self) -> Result<()> {
        let (first, last) = (self.restart_item(0)?, self.restart_item(self.restarts - 1)?);
        self.first_key = first.suffix;
        self.common = common_prefix(self.suffix(&first), self.suffix(&last));
        let kept = self.common.min(PREFIX_BYTES);
        self.prefix[..kept].copy_from_slice(&self.bytes[self.first_key..self.first_key + kept]);
        for at in 0..self.sampled {
            let item = self.restart_item(at * self.stride)?;
            let rest = self.suffix(&item).get(self.common..).ok_or_else(malformed)?;
            self.samples[at] = head(rest);
        }
        Ok(())
    }

    /// Memory that the page takes.
    pub fn resident_bytes(&self) -> usize {
        self.bytes.len() + size_of::<Page>()
    }

    /// Where entries end; the offset of no entry.
    pub fn entries_end(&self) -> usize {
        self.entries_end
    }

    /// The number of restart points; at least 1.
    pub fn restarts(&self) -> usize {
        self.restarts
    }

    /// The offset of the entry at a restart point. Panics unless `at < restarts()`.
    #[inline]
    pub fn restart(&self, at: usize) -> usize {
        debug_assert!(at < self.restarts);
        match self.starts.get(at) {
            Some(start) => *start as usize,
            None => self.stored_restart(at) as usize,
        }
    }

    #[inline]
    fn stored_restart(&self, at: usize) -> u32 {
        let place = self.entries_end + 4 * at;
        u32::from_le_bytes(self.bytes[place..place + 4].try_into().expect("four bytes"))
    }

    /// The entry at an offset.
    #[inline(always)]
    pub fn item(&self, offset: usize) -> Result<Item> {
        self.parse_item(offset).ok_or_else(malformed)
    }

    #[inline(always)]
    fn parse_item(&self, offset: usize) -> Option<Item> {
        let bytes = self.bytes.get(..self.entries_end)?;
        let mut at = offset;
        let shared = usize::try_from(varint(bytes, &mut at)?).ok()?;
        let unshared = usize::try_from(varint(bytes, &mut at)?).ok()?;
        let length = usize::try_from(varint(bytes, &mut at)?).ok()?;
        let flags = *bytes.get(at)?;
        at += 1;
        let revision = varint(bytes, &mut at)?;
        let fields = at;
        if flags & !FLAG_KIND != 0 {
            at = skip_fields(bytes, at, flags)?;
        }
        let value = at.checked_add(unshared)?;
        let end = value.checked_add(length)?;
        (end <= bytes.len()).then_some(Item { shared, revision, flags, fields, suffix: at, value, end })
    }

    /// What follows the shared bytes of an item's key.
    #[inline]
    pub fn suffix(&self, item: &Item) -> &[u8] {
        &self.bytes[item.suffix..item.value]
    }

    #[inline]
    pub fn value(&self, item: &Item) -> &[u8] {
        &self.bytes[item.value..item.end]
    }

    /// The whole entry of an item.
    #[inline]
    pub fn entry(&self, item: &Item) -> Result<Entry<'_>> {
        let mut entry = Entry::put(item.revision, self.value(item));
        entry.kind = Kind::from_byte(item.flags & FLAG_KIND)?;
        if item.flags & !FLAG_KIND != 0 {
            let mut fields = Reader::new(&self.bytes[item.fields..item.suffix]);
            if item.flags & FLAG_DEADLINE != 0 {
                entry.deadline_ms = fields.i64()?;
            }
            if item.flags & FLAG_LEASE != 0 {
                entry.lease = fields.i64()?;
            }
            if item.flags & FLAG_HISTORY != 0 {
                entry.create_revision = fields.varint()?;
                entry.version = fields.varint()?;
            }
        }
        Ok(entry)
    }

    /// How many restart points are at or before (key, revision).
    #[inline]
    pub fn restarts_through(&self, key: &[u8], revision: Revision) -> Result<usize> {
        let prefix = self.prefix.get(..self.common);
        let prefix = prefix.unwrap_or(&self.bytes[self.first_key..self.first_key + self.common]);
        let Some(rest) = key.strip_prefix(prefix) else {
            return Ok(if key < prefix { 0 } else { self.restarts });
        };
        let wanted = head(rest);
        let samples = &self.samples[..self.sampled];
        let below = samples.partition_point(|sample| *sample < wanted);
        let equal = samples[below..].iter().take_while(|sample| **sample == wanted).count();
        // The last sample below is before the wanted position, the first above is after it; between them, and among
        // equal heads, whole keys decide.
        let mut low = if below == 0 { 0 } else { (below - 1) * self.stride + 1 };
        let mut high = ((below + equal) * self.stride).min(self.restarts);
        while low < high {
            let middle = low.midpoint(high);
            let item = self.restart_item(middle)?;
            if key::compare((self.suffix(&item), item.revision), (key, revision)).is_le() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The entries from one restart point to the next.
    pub fn interval(&self, restart: usize) -> Range<usize> {
        let end = if restart + 1 < self.restarts { self.restart(restart + 1) } else { self.entries_end };
        self.restart(restart)..end
    }

    #[inline]
    fn restart_item(&self, at: usize) -> Result<Item> {
        let item = self.item(self.restart(at))?;
        if item.shared == 0 { Ok(item) } else { Err(malformed()) }
    }

    /// The newest version of `key` at or below `at`, if it is in this page.
    ///
    /// No key is put together on the way. Of the wanted key and the key last passed, which is smaller, only the length
    /// of the common prefix is kept: an entry that shares more with its predecessor differs from the wanted key where
    /// its predecessor did and is smaller too, one that shares less is greater, and only one that shares exactly that
    /// much is compared. (This needs `shared` to be as long as it can be, which the format promises.)
    pub fn find(&self, key: &[u8], at: Revision) -> Result<Option<Entry<'_>>> {
        let through = self.restarts_through(key, at)?;
        if through > 0 {
            let Range { start: mut offset, end } = self.interval(through - 1);
            let mut matched = 0;
            while offset < end {
                let item = self.item(offset)?;
                if item.shared < matched {
                    return Ok(None);
                }
                if item.shared == matched {
                    let (suffix, rest) = (self.suffix(&item), &key[matched..]);
                    let common = common_prefix(suffix, rest);
                    matched += common;
                    if common < suffix.len() {
                        if common == rest.len() || suffix[common] > rest[common] {
                            return Ok(None);
                        }
                    } else if common == rest.len() && item.revision <= at {
                        return self.entry(&item).map(Some);
                    }
                }
                offset = item.end;
            }
        }
        if through < self.restarts {
            // All before it are smaller than (key, at) and it is greater: of this key only if it is an older version.
            let item = self.restart_item(through)?;
            if self.suffix(&item) == key {
                return self.entry(&item).map(Some);
            }
        }
        Ok(None)
    }
}

/// Moves `at` past a varint. `None` if it does not end in the bytes or in 64 bits.
#[inline]
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = *bytes.get(*at)?;
    if first < 0x80 {
        *at += 1;
        return Some(u64::from(first));
    }
    match bytes[*at..].first_chunk::<8>() {
        Some(word) => varint_in_word(u64::from_le_bytes(*word), at).or_else(|| long_varint(bytes, at)),
        None => long_varint(bytes, at),
    }
}

/// A varint of at most eight bytes, without a branch for each: revisions have three to eight.
#[inline]
fn varint_in_word(word: u64, at: &mut usize) -> Option<u64> {
    let last = !word & 0x8080_8080_8080_8080;
    if last == 0 {
        return None;
    }
    *at += (last.trailing_zeros() / 8 + 1) as usize;
    // All bits up to the one that marks the last byte, less the marks; then groups of 7 close up to 14, 28 and 56 bits.
    let bits = word & (last ^ (last - 1)) & 0x7f7f_7f7f_7f7f_7f7f;
    let bits = (bits & 0x007f_007f_007f_007f) | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
    let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
    Some((bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4)
}

/// At the end of a page, or of nine or ten bytes.
#[cold]
fn long_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut reader = Reader::new(bytes.get(*at..)?);
    let value = reader.varint().ok()?;
    *at += reader.position();
    Some(value)
}

/// The offset after the optional fields that `flags` announce.
fn skip_fields(bytes: &[u8], mut at: usize, flags: u8) -> Option<usize> {
    if flags & FLAG_UNKNOWN != 0 {
        return None;
    }
    if flags & FLAG_DEADLINE != 0 {
        at = at.checked_add(8)?;
    }
    if flags & FLAG_LEASE != 0 {
        at = at.checked_add(8)?;
    }
    if flags & FLAG_HISTORY != 0 {
        varint(bytes, &mut at)?;
        varint(bytes, &mut at)?;
    }
    (at <= bytes.len()).then_some(at)
}

#[cold]
pub(super) fn malformed() -> Error {
    Error::corrupt("a page passes its checksum but does not parse")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::put_varint;

    #[test]
    fn varints_are_read_as_everywhere_else_with_and_without_bytes_after_them() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift, 0x5555_5555_5555_5555 >> shift]
            {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, value);
                let end = bytes.len();
                for padding in 0..9 {
                    let padded = [&bytes[..], &vec![0xff; padding]].concat();
                    let mut at = 0;
                    assert_eq!((varint(&padded, &mut at), at), (Some(value), end), "{value:#x}");
                    assert_eq!(varint(&bytes[..end - 1], &mut 0), None);
                }
            }
        }
        assert_eq!(varint(&[0xff; 20], &mut 0), None);
    }

    #[test]
    fn bytes_that_are_no_page_are_refused() {
        let not_pages: [&[u8]; 6] = [
            &[],
            &[1, 0, 0],
            &[0, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0xff],
            &[0, 0, 0, 0, 1, 0, 0, 0],
            &[5, 0, 0, 1, 9, 0, 0, 0, 0, 1, 0, 0, 0],
        ];
        for bytes in not_pages {
            assert!(Page::parse(bytes.into()).is_err(), "{bytes:?}");
        }
    }
}
