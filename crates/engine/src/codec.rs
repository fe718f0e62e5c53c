//! The compression of pages and values: a plain LZ77 whose output is the LZ4 block format (docs/formats/codec.md).
//!
//! A block does not hold its own length: whoever stores it also stores how long the content is, and bounds that length
//! before it makes room for it. Decompression trusts nothing: any bytes give either exactly the expected content length
//! or `Corrupt`, without a panic and without an allocation. The same input always gives the same block.
//!
//! Both directions are pure computation and run on any thread; a `Compressor` is scratch for one thread at a time.

use crate::error::{Error, Result};

/// The format stores a match as its length above this.
const MATCH_BYTES_MIN: usize = 4;
/// How far back a match may lie: its distance has 16 bits.
const DISTANCE_MAX: usize = u16::MAX as usize;
/// The format forbids a match to reach into the last 5 bytes, or to start in the last 12.
const TAIL_LITERALS: usize = 5;
const TAIL_WITHOUT_MATCH: usize = 12;
/// A half of the token that says "and more length bytes follow".
const NIBBLE_FULL: usize = 15;
/// 8 KiB of positions stay in the innermost cache beside a page and its block.
const TABLE_BITS: u32 = 12;
/// After this many (2^n) failed looks in a row the search starts to take longer steps: random bytes pass quickly.
const SKIP_BITS: usize = 6;
/// Short copies move this many bytes at once, whatever their length.
const CHUNK: usize = 16;

/// The longest block that `length` bytes can become: one length byte for each 255 literals, and the token.
pub const fn max_compressed_len(length: usize) -> usize {
    length + length / 255 + CHUNK
}

/// Reusable scratch: for each hash of five bytes, the low 16 bits of where they were last seen.
pub struct Compressor {
    seen: Box<[u16; 1 << TABLE_BITS]>,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor::new()
    }
}

impl Compressor {
    pub fn new() -> Self {
        Compressor { seen: Box::new([0; 1 << TABLE_BITS]) }
    }

    /// Appends the block of `input` to `out`; at most `max_compressed_len(input.len())` bytes.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) {
        // What an earlier input left behind could only cost a failed comparison, but it would make the block depend on it.
        self.seen.fill(0);
        let start = out.len();
        out.resize(start + max_compressed_len(input.len()), 0);
        let mut block = Block { bytes: &mut out[start..], length: 0 };

        let mut literals_from = 0;
        if input.len() > TAIL_WITHOUT_MATCH {
            let match_start_max = input.len() - TAIL_WITHOUT_MATCH;
            let match_end_max = input.len() - TAIL_LITERALS;
            let mut position = 1;
            while let Some((mut from, mut at)) = self.find(input, position, match_start_max) {
                while at > literals_from && from > 0 && input[at - 1] == input[from - 1] {
                    at -= 1;
                    from -= 1;
                }
                let length = common_length(input, from, at, match_end_max);
                block.put_literals(input, literals_from, at, length - MATCH_BYTES_MIN);
                block.put_match(at - from, length - MATCH_BYTES_MIN);
                position = at + length;
                literals_from = position;
                if position > match_start_max {
                    break;
                }
                // A place inside the match that nothing else remembers: repeats often begin near the end of the last one.
                self.seen[slot(eight(input, position - 2))] = (position - 2) as u16;
            }
        }
        block.put_literals(input, literals_from, input.len(), 0);
        let length = block.length;
        out.truncate(start + length);
    }

    /// The next place at or after `position` that begins like an earlier one, and which: `(before, here)`.
    #[inline]
    fn find(&mut self, input: &[u8], mut position: usize, match_start_max: usize) -> Option<(usize, usize)> {
        let mut looks = 1 << SKIP_BITS;
        while position <= match_start_max {
            let here = eight(input, position);
            let seen = &mut self.seen[slot(here)];
            // The low 16 bits and the distance limit give back the one position that they can mean.
            let distance = usize::from((position as u16).wrapping_sub(*seen));
            *seen = position as u16;
            if distance != 0 && distance <= position && word(input, position - distance) == here as u32 {
                return Some((position - distance, position));
            }
            position += looks >> SKIP_BITS;
            looks += 1;
        }
        None
    }
}

/// The block being written, in room that is known to be enough.
struct Block<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl Block<'_> {
    /// A token, then the literals `input[from..to]`. `extra` is the stored length of the match that follows.
    #[inline]
    fn put_literals(&mut self, input: &[u8], from: usize, to: usize, extra: usize) {
        let count = to - from;
        self.bytes[self.length] = (count.min(NIBBLE_FULL) << 4 | extra.min(NIBBLE_FULL)) as u8;
        self.length += 1;
        if count >= NIBBLE_FULL {
            self.put_length(count - NIBBLE_FULL);
        }
        // Nearly all runs are short, and a fixed copy is an instruction where a measured one is a call. What it writes
        // too much is overwritten or cut off.
        if count <= CHUNK && from + CHUNK <= input.len() && self.length + CHUNK <= self.bytes.len() {
            self.bytes[self.length..self.length + CHUNK].copy_from_slice(&input[from..from + CHUNK]);
        } else {
            self.bytes[self.length..self.length + count].copy_from_slice(&input[from..to]);
        }
        self.length += count;
    }

    #[inline]
    fn put_match(&mut self, distance: usize, extra: usize) {
        debug_assert!((1..=DISTANCE_MAX).contains(&distance));
        self.bytes[self.length..self.length + 2].copy_from_slice(&(distance as u16).to_le_bytes());
        self.length += 2;
        if extra >= NIBBLE_FULL {
            self.put_length(extra - NIBBLE_FULL);
        }
    }

    fn put_length(&mut self, mut rest: usize) {
        while rest >= 255 {
            self.bytes[self.length] = 255;
            self.length += 1;
            rest -= 255;
        }
        self.bytes[self.length] = rest as u8;
        self.length += 1;
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[inline]
fn eight(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Fibonacci hashing of the first five of eight bytes: one more than a match needs, because those that share only
/// four are many in text and short.
#[inline]
fn slot(bytes: u64) -> usize {
    ((bytes << 24).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - TABLE_BITS)) as usize
}

/// How many bytes at `from` and at `at` are the same, the latter ending before `end`.
#[inline]
fn common_length(input: &[u8], from: usize, at: usize, end: usize) -> usize {
    let (old, new) = (&input[from..end], &input[at..end]);
    let mut length = 0;
    while length + 8 <= new.len() {
        let a = eight(old, length);
        let b = eight(new, length);
        if a != b {
            return length + ((a ^ b).trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    while length < new.len() && old[length] == new[length] {
        length += 1;
    }
    length
}

/// Fills `output` from a block. Anything but exactly `output.len()` bytes of content is `Corrupt`; `output` then holds
/// nothing of use.
pub fn decompress(input: &[u8], output: &mut [u8]) -> Result<()> {
    let mut read = 0;
    let mut written = 0;
    loop {
        let token = usize::from(*input.get(read).ok_or_else(cut_short)?);
        read += 1;

        let mut count = token >> 4;
        if count == NIBBLE_FULL {
            count += take_length(input, &mut read)?;
        }
        if count <= CHUNK && read + CHUNK <= input.len() && written + CHUNK <= output.len() {
            output[written..written + CHUNK].copy_from_slice(&input[read..read + CHUNK]);
        } else {
            let from = input[read..].get(..count).ok_or_else(cut_short)?;
            output[written..].get_mut(..count).ok_or_else(too_long)?.copy_from_slice(from);
        }
        read += count;
        written += count;

        // Only the last sequence ends after its literals.
        if read == input.len() {
            break;
        }
        let distance = input.get(read..read + 2).ok_or_else(cut_short)?;
        let distance = usize::from(u16::from_le_bytes([distance[0], distance[1]]));
        read += 2;
        let mut length = (token & NIBBLE_FULL) + MATCH_BYTES_MIN;
        if token & NIBBLE_FULL == NIBBLE_FULL {
            length += take_length(input, &mut read)?;
        }
        if distance == 0 || distance > written {
            return Err(Error::corrupt(format!(
                "a compressed block points {distance} bytes back where {written} are known"
            )));
        }
        if length > output.len() - written {
            return Err(too_long());
        }
        copy_match(output, written, distance, length);
        written += length;
    }
    if written != output.len() {
        return Err(Error::corrupt(format!(
            "a compressed block holds {written} bytes where {} were stored",
            output.len()
        )));
    }
    Ok(())
}

/// Repeats `length` bytes from `distance` back; the caller has checked that both ends are inside `output`.
#[inline]
fn copy_match(output: &mut [u8], to: usize, distance: usize, length: usize) {
    let from = to - distance;
    // Rounded up to whole chunks if there is room: the bytes too many are overwritten by what comes next.
    if distance >= CHUNK && to + length + CHUNK <= output.len() {
        let mut done = 0;
        while done < length {
            let chunk: [u8; CHUNK] = output[from + done..from + done + CHUNK].try_into().expect("a chunk");
            output[to + done..to + done + CHUNK].copy_from_slice(&chunk);
            done += CHUNK;
        }
        return;
    }
    if distance == 1 {
        let byte = output[from];
        output[to..to + length].fill(byte);
        return;
    }
    // A match may overlap itself. Each round copies what is known already, so the known part doubles.
    let mut done = 0;
    while done < length {
        let part = (distance + done).min(length - done);
        output.copy_within(from..from + part, to + done);
        done += part;
    }
}

/// The bytes that lengthen a full nibble. The sum cannot overflow: it grows by at most 255 for each byte of the input.
fn take_length(input: &[u8], read: &mut usize) -> Result<usize> {
    let mut length = 0;
    loop {
        let byte = *input.get(*read).ok_or_else(cut_short)?;
        *read += 1;
        length += usize::from(byte);
        if byte != 255 {
            return Ok(length);
        }
    }
}

#[cold]
fn cut_short() -> Error {
    Error::corrupt("a compressed block ends in the middle")
}

#[cold]
fn too_long() -> Error {
    Error::corrupt("a compressed block holds more bytes than were stored")
}

#[cfg(test)]
mod tests;
