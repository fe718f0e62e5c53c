//! The index: for each page its separator, place and checksum. Resident once a table is used, and read by any thread.
//!
//! The *separator* of a page is an entry position: at or after the last entry of the page and before the first of the
//! next. Where the two keys differ it is the shortest key that fits, at revision 0, which no version of a key comes
//! after. Where the versions of one key go on in the next page it is that key at the revision of the last entry here.

use super::head::{common_prefix, head};
use crate::coding::{Reader, put_bytes, put_varint};
use crate::entry::NO_DEADLINE;
use crate::error::{Error, Result};
use crate::key::{self, Revision};
use std::cmp::Ordering;

/// Set in the flags of a page whose last key goes on in the next page: a revision follows.
const FLAG_CONTINUES: u8 = 1;
/// Set if an entry of the page has a deadline: the earliest follows.
const FLAG_DEADLINE: u8 = 2;

/// One page, as the index holds it. `offset` is not stored: pages lie one after the other from the start of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageHandle {
    pub offset: u64,
    /// Stored bytes, trailer included.
    pub bytes: u32,
    pub crc: u32,
    /// 0 unless the separator's key goes on in the next page.
    pub revision: Revision,
    /// The earliest deadline in the page.
    pub min_deadline_ms: i64,
    separator_end: u32,
}

/// Appends one page to an encoded index.
pub(super) fn put_page(
    out: &mut Vec<u8>,
    separator: (&[u8], Revision),
    bytes: u32,
    crc: u32,
    min_deadline_ms: i64,
) {
    let continues = separator.1 != 0;
    let deadline = min_deadline_ms != NO_DEADLINE;
    out.push(if continues { FLAG_CONTINUES } else { 0 } | if deadline { FLAG_DEADLINE } else { 0 });
    put_bytes(out, separator.0);
    if continues {
        put_varint(out, separator.1);
    }
    put_varint(out, u64::from(bytes));
    out.extend_from_slice(&crc.to_le_bytes());
    if deadline {
        out.extend_from_slice(&min_deadline_ms.to_le_bytes());
    }
}

pub(super) struct Index {
    separators: Box<[u8]>,
    pages: Box<[PageHandle]>,
    /// All separators begin with the same this many bytes,
    common: usize,
    /// and these are the eight bytes after them, zero-filled, as big-endian numbers: a search runs over one small array
    /// and compares whole keys only where eight bytes do not decide.
    heads: Box<[u64]>,
}

impl Index {
    /// Checks that the separators ascend and that the pages fill the file up to `pages_end`.
    pub fn decode(bytes: &[u8], pages_end: u64) -> Result<Index> {
        let mut separators = Vec::new();
        let mut pages: Vec<PageHandle> = Vec::new();
        let mut offset = 0u64;
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let flags = reader.u8()?;
            if flags & !(FLAG_CONTINUES | FLAG_DEADLINE) != 0 {
                return Err(Error::corrupt(format!("unknown flags {flags:#x} in the index")));
            }
            let separator = reader.bytes()?;
            let revision = if flags & FLAG_CONTINUES != 0 { reader.varint()? } else { 0 };
            let bytes = u32::try_from(reader.varint()?)
                .map_err(|_| Error::corrupt("the index holds a page over 4 GiB"))?;
            let crc = reader.u32()?;
            let min_deadline_ms = if flags & FLAG_DEADLINE != 0 { reader.i64()? } else { NO_DEADLINE };
            if let Some(last) = pages.last() {
                let start = if pages.len() > 1 { pages[pages.len() - 2].separator_end as usize } else { 0 };
                if key::compare((&separators[start..], last.revision), (separator, revision)).is_ge() {
                    return Err(Error::corrupt("the separators of the index are out of order"));
                }
            }
            separators.extend_from_slice(separator);
            let separator_end = separators.len() as u32;
            pages.push(PageHandle { offset, bytes, crc, revision, min_deadline_ms, separator_end });
            offset += u64::from(bytes);
        }
        if offset != pages_end {
            return Err(Error::corrupt(format!(
                "the index holds {} pages of {offset} bytes where the file has {pages_end}",
                pages.len()
            )));
        }
        let mut index =
            Index { separators: separators.into(), pages: pages.into(), common: 0, heads: Box::default() };
        if index.len() > 0 {
            index.common = common_prefix(index.separator(0), index.separator(index.len() - 1));
        }
        index.heads = (0..index.len()).map(|page| head(&index.separator(page)[index.common..])).collect();
        Ok(index)
    }

    /// Pages; none if the table holds range deletes alone.
    pub fn len(&self) -> u32 {
        self.pages.len() as u32
    }

    /// Panics unless `page < len()`.
    pub fn page(&self, page: u32) -> &PageHandle {
        &self.pages[page as usize]
    }

    #[inline]
    pub fn separator(&self, page: u32) -> &[u8] {
        let page = page as usize;
        let start = if page == 0 { 0 } else { self.pages[page - 1].separator_end as usize };
        &self.separators[start..self.pages[page].separator_end as usize]
    }

    /// The first page whose separator is at or after (key, revision): if the table has entries at or after that, the
    /// first of them is in this page or opens the next one. `None` past the last separator.
    #[inline]
    pub fn search(&self, key: &[u8], revision: Revision) -> Option<u32> {
        let Some(wanted) = self.head(key) else {
            return if *key < self.separators[..self.common] { Some(0) } else { None };
        };
        let mut page = self.heads.partition_point(|head| *head < wanted) as u32;
        if page < self.len() && self.heads[page as usize] == wanted {
            let ties = self.heads[page as usize..].partition_point(|head| *head == wanted) as u32;
            let (mut low, mut high) = (page, page + ties);
            while low < high {
                let middle = low.midpoint(high);
                if self.compare(middle, key, revision).is_lt() {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            page = low;
        }
        (page < self.len()).then_some(page)
    }

    /// How the separator of a page stands to (key, revision).
    #[inline]
    pub fn compare(&self, page: u32, key: &[u8], revision: Revision) -> Ordering {
        key::compare((self.separator(page), self.page(page).revision), (key, revision))
    }

    /// The eight bytes of a key that stand to those in `heads`; `None` if it does not begin as all separators do.
    #[inline]
    pub fn head(&self, key: &[u8]) -> Option<u64> {
        key.strip_prefix(&self.separators[..self.common]).map(head)
    }

    /// Whether a key with this head lies between the separators of a page and the one before, where heads can tell:
    /// they are one look at memory, the separators are four. Then every version of the key is in this page.
    #[inline]
    pub fn opens_head(&self, page: u32, wanted: Option<u64>) -> Option<bool> {
        let (wanted, page) = (wanted?, page as usize);
        let last = *self.heads.get(page)?;
        let before = if page == 0 { None } else { Some(self.heads[page - 1]) };
        if wanted == last || before == Some(wanted) {
            return None;
        }
        Some(wanted < last && before < Some(wanted))
    }

    /// Whether the newest version of `key` is in this page if the table has the key at all. True of at most one page,
    /// and of none that does not exist.
    #[inline]
    pub fn opens_key(&self, page: u32, key: &[u8]) -> bool {
        page < self.len() && key <= self.separator(page) && (page == 0 || self.separator(page - 1) < key)
    }

    pub fn resident_bytes(&self) -> usize {
        self.separators.len() + self.pages.len() * (size_of::<PageHandle>() + size_of::<u64>())
    }
}

/// Writes to `out` a short key at or above `last` and below `next`.
pub(super) fn shortest_separator(last: &[u8], next: &[u8], out: &mut Vec<u8>) {
    debug_assert!(last < next);
    out.clear();
    let shared = common_prefix(last, next);
    if shared == last.len() {
        out.extend_from_slice(last);
    } else if next.len() > shared + 1 {
        out.extend_from_slice(&next[..=shared]);
    } else if last[shared] + 1 < next[shared] {
        out.extend_from_slice(&last[..=shared]);
        out[shared] += 1;
    } else {
        // `next` ends at the first difference and lies just above: raise the first later byte that can be raised.
        let raised = (shared + 1..last.len()).find(|&at| last[at] < 0xff);
        out.extend_from_slice(raised.map_or(last, |at| &last[..=at]));
        if let Some(at) = raised {
            out[at] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_is_at_or_above_the_last_key_and_below_the_next() {
        let pieces: [&[u8]; 5] = [b"", b"\x00", b"a", b"b", b"\xff"];
        let mut keys = Vec::new();
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    keys.push([a, b, c].concat());
                }
            }
        }
        keys.sort();
        keys.dedup();
        let mut separator = Vec::new();
        for (at, last) in keys.iter().enumerate() {
            for next in &keys[at + 1..] {
                shortest_separator(last, next, &mut separator);
                assert!(*last <= separator && separator < *next, "{last:?} {separator:?} {next:?}");
                assert!(separator.len() <= last.len().max(next.len()));
            }
        }
    }

    #[test]
    fn a_search_finds_the_first_separator_at_or_after_a_position() {
        let separators: [(&[u8], Revision); 7] = [
            (b"user", 0),
            (b"user/longer-than-eight/a", 0),
            (b"user/longer-than-eight/b", 9),
            (b"user/longer-than-eight/b", 4),
            (b"user/longer-than-eight/b", 0),
            (b"user/m", 0),
            (b"user0", 0),
        ];
        let mut bytes = Vec::new();
        for separator in separators {
            put_page(&mut bytes, separator, 100, 1, NO_DEADLINE);
        }
        let index = Index::decode(&bytes, 700).unwrap();
        let mut probes: Vec<(&[u8], Revision)> = separators.to_vec();
        probes.extend(
            [&b""[..], b"use", b"usf", b"user/", b"user/longer", b"user/longer-than-eight/b", b"v"]
                .iter()
                .flat_map(|key| [(*key, 0), (*key, 5), (*key, Revision::MAX)]),
        );
        for (key, revision) in probes {
            let expected = separators.iter().position(|s| key::compare(*s, (key, revision)).is_ge());
            assert_eq!(index.search(key, revision), expected.map(|page| page as u32), "{key:?} {revision}");
        }
    }

    #[test]
    fn heads_answer_as_whole_keys_do_or_not_at_all() {
        let separators: [&[u8]; 6] =
            [b"key/a", b"key/b", b"key/bbbbbbbb", b"key/bbbbbbbbb", b"key/c\0", b"key/d"];
        let mut bytes = Vec::new();
        for separator in separators {
            put_page(&mut bytes, (separator, 0), 100, 1, NO_DEADLINE);
        }
        let index = Index::decode(&bytes, 600).unwrap();
        let mut told = 0;
        let probes =
            separators.iter().flat_map(|key| [key.to_vec(), [*key, b"\0"].concat(), [*key, b"x"].concat()]);
        for key in probes.chain([b"ke".to_vec(), b"key/".to_vec(), b"kez".to_vec(), b"key/bb".to_vec()]) {
            for page in 0..8 {
                if let Some(opens) = index.opens_head(page, index.head(&key)) {
                    assert_eq!(opens, index.opens_key(page, &key), "{key:?} {page}");
                    told += 1;
                }
            }
        }
        assert!(told > 40, "{told}");
    }
}
