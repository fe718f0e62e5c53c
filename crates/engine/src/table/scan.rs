//! Finds the pages of a table without its index. A page does not say where it begins, but it ends with what its checksum
//! must be, and that depends on the table's id, on the page's number and on every byte before it: what fits is a page.

use super::checksum::Seed;
use super::page::{CODEC_LZ4, CODEC_RAW, EXPANSION_MAX, TRAILER_BYTES};
use crate::encryption::TAG_BYTES;

/// A page that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub number: u32,
    pub offset: usize,
    pub bytes: usize,
    pub crc: u32,
}

/// How far behind damage the first whole page may end, counted from where it begins; it is looked for at every place
/// where the page before may have ended, and under each number that it may have.
const NEAR_BYTES: usize = 256 << 10;
const PLACES_MAX: usize = 2000;
const NUMBERS_MAX: u32 = 4;

/// Every whole page in `bytes`, which begin with page 0 or what is left of it, in order.
pub(super) fn find_pages(bytes: &[u8], seed: Seed) -> Vec<Found> {
    let mut found = Vec::new();
    let mut next = Some((0, 0));
    while let Some((offset, number)) = next {
        next = match page_at(bytes, offset, number, bytes.len(), seed) {
            Some(page) => {
                found.push(page);
                Some((offset + page.bytes, number + 1))
            }
            None => behind_damage(bytes, offset, number, seed),
        };
    }
    found
}

/// The page that begins here and ends before `limit`.
fn page_at(bytes: &[u8], offset: usize, number: u32, limit: usize, seed: Seed) -> Option<Found> {
    let mut crc = seed.checksum(number, &[]);
    let mut summed = offset;
    for trailer in trailers(bytes, offset, limit) {
        let payload = trailer - offset;
        let length = word(bytes, trailer + 4) as usize;
        let fits = match bytes[trailer] {
            CODEC_RAW => length == payload || length + TAG_BYTES == payload,
            _ => length + TAG_BYTES > payload && length / EXPANSION_MAX <= payload,
        };
        if !fits {
            continue;
        }
        crc = crc32c::crc32c_append(crc, &bytes[summed..trailer + 8]);
        summed = trailer + 8;
        if crc == word(bytes, trailer + 8) {
            return Some(Found { number, offset, bytes: payload + TRAILER_BYTES, crc });
        }
    }
    None
}

/// Where the first whole page after a damaged one begins, and its number.
fn behind_damage(bytes: &[u8], offset: usize, number: u32, seed: Seed) -> Option<(usize, u32)> {
    for trailer in trailers(bytes, offset, bytes.len()).take(PLACES_MAX) {
        let start = trailer + TRAILER_BYTES;
        let limit = bytes.len().min(start + NEAR_BYTES);
        for candidate in number + 1..=number + NUMBERS_MAX {
            if page_at(bytes, start, candidate, limit, seed).is_some() {
                return Some((start, candidate));
            }
        }
    }
    None
}

/// Every place from `offset` on where a trailer may stand that ends at or before `limit`.
fn trailers(bytes: &[u8], offset: usize, limit: usize) -> impl Iterator<Item = usize> {
    let is_trailer = |at: &usize| matches!(bytes[*at..*at + 4], [CODEC_RAW | CODEC_LZ4, 0, 0, 0]);
    (offset..(limit + 1).saturating_sub(TRAILER_BYTES)).filter(is_trailer)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Seed {
        Seed::new(&[7; 16])
    }

    fn page(number: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = payload.to_vec();
        bytes.extend_from_slice(&[CODEC_RAW, 0, 0, 0]);
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        let crc = seed().checksum(number, &bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Pages of numbers, which are full of what looks like a trailer.
    fn pages() -> Vec<Vec<u8>> {
        let payload =
            |number: u32| (0..300 + number).flat_map(|at| (at % 2).to_le_bytes()).collect::<Vec<u8>>();
        (0..8).map(|number| page(number, &payload(number))).collect()
    }

    fn numbers(bytes: &[u8]) -> Vec<u32> {
        find_pages(bytes, seed()).iter().map(|page| page.number).collect()
    }

    #[test]
    fn all_pages_are_found_where_they_are() {
        let pages = pages();
        let found = find_pages(&pages.concat(), seed());
        let mut offset = 0;
        for (page, found) in pages.iter().zip(&found) {
            assert_eq!((found.offset, found.bytes), (offset, page.len()));
            offset += page.len();
        }
        assert_eq!(found.len(), pages.len());
    }

    #[test]
    fn pages_behind_damaged_ones_are_found_and_those_of_another_table_are_not() {
        let pages = pages();
        for damaged in [vec![0], vec![3], vec![2, 3], vec![0, 1, 5], vec![7]] {
            let mut broken = pages.clone();
            damaged.iter().for_each(|page: &usize| broken[*page][100] ^= 4);
            let wanted: Vec<u32> = (0..8).filter(|number| !damaged.contains(&(*number as usize))).collect();
            assert_eq!(numbers(&broken.concat()), wanted, "{damaged:?}");
        }
        assert_eq!(find_pages(&pages.concat(), Seed::new(&[8; 16])), []);
        assert_eq!(numbers(&[]), []);
    }
}
