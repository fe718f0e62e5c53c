//! Pages that were read, unpacked, for all tables of a database and all threads.
//!
//! The cache weighs pages by their memory and keeps those that are used again: a page enters it cold and a long scan
//! displaces only other cold ones. Nothing here reads a disk.

use super::page::Page;
use parking_lot::Mutex;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// The number of a table never comes again in a folder, so neither does a key of the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    table: u64,
    page: u32,
}

#[derive(Clone)]
struct PageBytes;

impl Weighter<Place, Arc<Page>> for PageBytes {
    fn weight(&self, _: &Place, page: &Arc<Page>) -> u64 {
        page.resident_bytes() as u64
    }
}

/// Mixes two small numbers. Fixed rather than random, so that a simulated run replays its cache misses too; nobody
/// outside chooses the numbers of tables.
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

/// Enough that two threads rarely meet, few enough that each share of a small cache holds many pages.
const SHARDS: usize = 8;

/// Pages keep at least one part in so many of the budget, whatever tables take beside them.
const PAGES_SHARE_MIN: u64 = 4;

pub struct PageCache {
    /// What pages share with the indexes and filters of the tables in use.
    budget: u64,
    /// What those take of it.
    taken: Mutex<u64>,
    pages: Cache<Place, Arc<Page>, PageBytes, BuildHasherDefault<PlaceHasher>>,
}

impl PageCache {
    /// Holds up to `bytes` of unpacked pages, less what tables take for their indexes and filters; 0 holds none.
    pub fn new(bytes: u64) -> PageCache {
        let options = OptionsBuilder::new()
            .shards(SHARDS)
            .estimated_items_capacity((bytes / crate::limits::PAGE_BYTES as u64) as usize)
            .weight_capacity(bytes)
            .build()
            .expect("both capacities are set");
        let hasher = BuildHasherDefault::default();
        let pages = Cache::with_options(options, PageBytes, hasher, DefaultLifecycle::default());
        PageCache { budget: bytes, taken: Mutex::new(0), pages }
    }

    /// Takes memory from the budget, to be given back: a table for what it keeps beside its pages, a large value on its way.
    pub fn take(&self, bytes: usize) {
        let mut taken = self.taken.lock();
        *taken += bytes as u64;
        self.fit(*taken);
    }

    pub fn give_back(&self, bytes: usize) {
        let mut taken = self.taken.lock();
        *taken -= bytes as u64;
        self.fit(*taken);
    }

    fn fit(&self, taken: u64) {
        let least = self.budget / PAGES_SHARE_MIN;
        self.pages.set_capacity(self.budget.saturating_sub(taken).max(least));
    }

    /// Memory that cached pages take now.
    pub fn bytes(&self) -> u64 {
        self.pages.weight()
    }

    pub fn bytes_max(&self) -> u64 {
        self.pages.capacity()
    }

    /// Looks that found their page.
    pub fn hits(&self) -> u64 {
        self.pages.hits()
    }

    pub fn misses(&self) -> u64 {
        self.pages.misses()
    }

    #[inline]
    pub(super) fn get(&self, table: u64, page: u32) -> Option<Arc<Page>> {
        self.pages.get(&Place { table, page })
    }

    pub(super) fn insert(&self, table: u64, page: u32, content: Arc<Page>) {
        self.pages.insert(Place { table, page }, content);
    }

    /// Whether a page of this size fits without displacing another.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.pages.weight() + bytes as u64 <= self.pages.capacity()
    }

    /// Gives back the memory of a table that nothing reads any more.
    pub(super) fn forget(&self, table: u64, pages: u32) {
        for page in 0..pages {
            self.pages.remove(&Place { table, page });
        }
    }
}
