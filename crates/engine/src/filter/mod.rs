//! The page filter: from a key's hash to the pages of one table that may hold it.
//!
//! A *maplet*: a filter that also answers where. A key that was added always gets its page among the candidates; another
//! key usually gets none, and what it gets is refuted by the separators of the candidate page or by the keys in it. So
//! one look replaces a search of the index for most gets. Built once with its table, in one piece, and never changed;
//! reading is pure computation on any thread. The bytes are in docs/formats/filter.md.

mod cuckoo;

pub use cuckoo::CuckooBuilder;

use crate::error::{Code, Error, Result};
use cuckoo::CuckooFilter;

/// The most pages that a lookup ever names: two buckets of four slots.
pub const CANDIDATES_MAX: usize = 8;

/// Kinds of filter blocks, the first byte of each.
const KIND_CUCKOO: u8 = 1;

/// The hash under which a stored key is added and looked up. One seed per database, so that a get hashes its key once
/// for all tables, and so that nobody outside can prepare keys whose hashes collide.
#[inline]
pub fn hash(key: &[u8], seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(key, seed)
}

/// What the filter knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// If the table holds the key, then on one of these pages.
    Pages(Pages),
    /// The filter cannot tell the page of this hash: the index can.
    Search,
}

/// Up to eight different page numbers, each below the table's page count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    pages: [u32; CANDIDATES_MAX],
    count: usize,
}

impl Pages {
    pub fn as_slice(&self) -> &[u32] {
        &self.pages[..self.count]
    }

    #[inline]
    fn add(&mut self, page: u32) {
        if !self.as_slice().contains(&page) {
            self.pages[self.count] = page;
            self.count += 1;
        }
    }
}

/// A filter block, checked once and then read in place.
pub struct PageFilter(Kind);

/// One kind so far: docs/formats/filter.md says why.
enum Kind {
    Cuckoo(CuckooFilter),
}

impl PageFilter {
    /// Takes a whole filter block. The caller has verified its checksum; bytes that are no block are refused all the
    /// same, as `Corrupt`, or as `Format` if a newer version may have written them.
    pub fn parse(block: Vec<u8>) -> Result<PageFilter> {
        match block.first() {
            Some(&KIND_CUCKOO) => Ok(PageFilter(Kind::Cuckoo(CuckooFilter::parse(block)?))),
            Some(kind) => Err(Error::new(Code::Format, format!("a page filter of the unknown kind {kind}"))),
            None => Err(Error::corrupt("a page filter of no bytes")),
        }
    }

    #[inline]
    pub fn candidates(&self, hash: u64) -> Candidates {
        match &self.0 {
            Kind::Cuckoo(filter) => filter.candidates(hash),
        }
    }

    /// How many pages the table had when the filter was built: the reader compares it with the index.
    pub fn pages(&self) -> u32 {
        match &self.0 {
            Kind::Cuckoo(filter) => filter.pages(),
        }
    }

    pub fn resident_bytes(&self) -> usize {
        match &self.0 {
            Kind::Cuckoo(filter) => filter.resident_bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
