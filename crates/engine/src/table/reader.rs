//! A table as readers see it. Shared by any number of threads; opening it costs nothing until it is first used.

use super::cache::PageCache;
use super::contents::Contents;
use super::cursor::TableCursor;
use super::page::Page;
use super::summary::TableSummary;
use crate::blob::BlobFile;
use crate::disk::{Access, Disk, File, Wait, would_block};
use crate::encryption::Keys;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::PageFilter;
use crate::key::Revision;
use crate::range_delete::RangeDeletes;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

pub struct Table {
    disk: Arc<dyn Disk>,
    keys: Keys,
    path: PathBuf,
    number: u64,
    summary: TableSummary,
    cache: Arc<PageCache>,
    /// Of the database, if it is known.
    filter_seed: Option<u64>,
    /// The files that its entries refer to, as the summary lists them.
    blobs: Vec<Arc<BlobFile>>,
    contents: OnceLock<Contents>,
    /// Held while the contents or the filter are read, so that one thread reads them and the others wait for it.
    opening: Mutex<()>,
    /// Whether a lookup has done without the filter.
    looked_up: AtomicBool,
    obsolete: AtomicBool,
    /// Lookups that the filter let through, and those of them that found no such key on the page.
    filter_passes: AtomicU64,
    filter_false_passes: AtomicU64,
}

impl Table {
    /// Touches no disk. `number` is that of the file, unique among all tables that use this cache.
    pub fn new(
        disk: &Arc<dyn Disk>,
        path: &Path,
        number: u64,
        summary: TableSummary,
        cache: &Arc<PageCache>,
    ) -> Table {
        Table {
            disk: disk.clone(),
            keys: Keys::default(),
            path: path.to_owned(),
            number,
            summary,
            cache: cache.clone(),
            filter_seed: None,
            blobs: Vec::new(),
            contents: OnceLock::new(),
            opening: Mutex::new(()),
            looked_up: AtomicBool::new(false),
            obsolete: AtomicBool::new(false),
            filter_passes: AtomicU64::new(0),
            filter_false_passes: AtomicU64::new(0),
        }
    }

    /// Refuses a file whose filter was made with another seed than this one, which every lookup hashes with: it would
    /// deny keys that are there.
    pub fn with_filter_seed(mut self, seed: u64) -> Table {
        self.filter_seed = Some(seed);
        self
    }

    /// With what it may be encrypted with.
    pub fn with_keys(mut self, keys: &Keys) -> Table {
        self.keys = keys.clone();
        self
    }

    /// With the blob files that its summary lists, in that order, by which its references count. They live as long as the table does.
    pub fn with_blobs(mut self, blobs: Vec<Arc<BlobFile>>) -> Table {
        self.blobs = blobs;
        self
    }

    pub fn blobs(&self) -> &[Arc<BlobFile>] {
        &self.blobs
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn summary(&self) -> &TableSummary {
        &self.summary
    }

    /// Calls `read` with the newest version of `key` at or below `at`, a delete included. `hash` is `filter::hash` of
    /// the key with the database's seed. Allocates nothing if the page is in the cache. With `Wait::Never` it fails with
    /// `WouldBlock` where it would have to wait for the disk.
    pub fn get<R>(
        &self,
        key: &[u8],
        hash: u64,
        at: Revision,
        wait: Wait,
        read: impl FnOnce(Entry<'_>) -> R,
    ) -> Result<Option<R>> {
        let contents = self.contents_now(wait)?;
        if self.summary.range_deletes > 0 {
            return self.get_beside_ranges(contents, (key, hash), at, wait, read);
        }
        self.get_entry(contents, (key, hash), at, wait, read)
    }

    /// What a range delete hides reads as a delete.
    #[cold]
    fn get_beside_ranges<R>(
        &self,
        contents: &Contents,
        key: (&[u8], u64),
        at: Revision,
        wait: Wait,
        read: impl FnOnce(Entry<'_>) -> R,
    ) -> Result<Option<R>> {
        let deleted = contents.ranges.newest(key.0, at);
        let mut read = Some(read);
        let mut answer = |entry: Entry<'_>| (read.take().expect("one place answers"))(entry);
        let found = self.get_entry(contents, key, at, wait, |entry| match entry {
            entry if entry.revision >= deleted => answer(entry),
            _ => answer(Entry::delete(deleted)),
        })?;
        Ok(match found {
            None if deleted > 0 => Some(answer(Entry::delete(deleted))),
            found => found,
        })
    }

    #[inline]
    fn get_entry<R>(
        &self,
        contents: &Contents,
        (key, hash): (&[u8], u64),
        at: Revision,
        wait: Wait,
        read: impl FnOnce(Entry<'_>) -> R,
    ) -> Result<Option<R>> {
        let filter = match contents.filter_now() {
            Some(filter) => filter.as_ref(),
            None => self.filter_from_second(contents, key, at, wait)?,
        };
        let Some(number) = contents.locate(filter, key, hash, at) else {
            return Ok(None);
        };
        let page = self.page(contents, number, wait)?;
        let found = page.find(key, at).map_err(|error| self.place(error, contents, number))?;
        if filter.is_some() {
            self.filter_passes.fetch_add(1, Ordering::Relaxed);
            self.filter_false_passes.fetch_add(u64::from(found.is_none()), Ordering::Relaxed);
        }
        Ok(found.map(read))
    }

    /// The filter for a lookup. The first one does without: a page costs less than the filter, which is many pages long,
    /// and a table that is only scanned needs none. So does one that may not wait, if the page is in memory.
    #[cold]
    fn filter_from_second<'a>(
        &self,
        contents: &'a Contents,
        key: &[u8],
        at: Revision,
        wait: Wait,
    ) -> Result<Option<&'a PageFilter>> {
        if wait == Wait::ForPages || !self.looked_up.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        if wait == Wait::Never {
            let number = contents.locate(None, key, 0, at);
            let in_memory = number.is_none_or(|number| self.cached_page(number).is_some());
            return if in_memory { Ok(None) } else { Err(would_block()) };
        }
        self.read_filter(contents)
    }

    /// Reads now what lookups need besides pages, so that those which may not wait find it.
    pub fn warm(&self) -> Result<()> {
        self.read_filter(self.contents()?).map(drop)
    }

    fn read_filter<'a>(&self, contents: &'a Contents) -> Result<Option<&'a PageFilter>> {
        let _opening = self.opening.lock();
        let before = contents.filter_bytes();
        let filter = contents.filter().map_err(|error| error.in_file(&self.path))?;
        self.cache.take(contents.filter_bytes() - before);
        Ok(filter.as_ref())
    }

    /// Every range delete of the table, whatever its revision.
    pub fn range_deletes(&self, wait: Wait) -> Result<RangeDeletes> {
        if self.summary.range_deletes == 0 {
            return Ok(RangeDeletes::default());
        }
        Ok(self.contents_now(wait)?.ranges.clone())
    }

    /// For readers: fills the cache, within bounds that leave the hot pages in it.
    pub fn cursor(self: &Arc<Self>) -> TableCursor {
        TableCursor::new(self.clone(), true)
    }

    /// For compactions, which pass over everything once: uses cached pages, adds none, and reads ahead from the start.
    pub fn scan(self: &Arc<Self>) -> TableCursor {
        TableCursor::new(self.clone(), false)
    }

    /// Lookups since the table was opened that had to look at a page.
    pub fn filter_passes(&self) -> u64 {
        self.filter_passes.load(Ordering::Relaxed)
    }

    /// Those of them that did not find the key there.
    pub fn filter_false_passes(&self) -> u64 {
        self.filter_false_passes.load(Ordering::Relaxed)
    }

    /// Memory that index, range deletes and filter take; 0 until the table is first used.
    pub fn resident_bytes(&self) -> usize {
        self.contents.get().map_or(0, Contents::resident_bytes)
    }

    /// The file itself, for a copy.
    pub fn open_file(&self) -> Result<Box<dyn File>> {
        self.disk.open(&self.path, Access::Read)
    }

    /// No version names this table any more: its file goes when the last reader does.
    pub fn mark_obsolete(&self) {
        self.obsolete.store(true, Ordering::Release);
    }

    /// Index and range deletes, read at the first call. A failure is not kept: the next call tries again.
    #[inline]
    pub(super) fn contents(&self) -> Result<&Contents> {
        match self.contents.get() {
            Some(contents) => Ok(contents),
            None => self.open(),
        }
    }

    /// As `contents`, for a read that may have to do without the disk.
    #[inline]
    pub(super) fn contents_now(&self, wait: Wait) -> Result<&Contents> {
        match (self.contents.get(), wait) {
            (Some(contents), _) => Ok(contents),
            (None, Wait::ForDisk | Wait::ForPages) => self.open(),
            (None, Wait::Never) => Err(would_block()),
        }
    }

    #[cold]
    fn open(&self) -> Result<&Contents> {
        let _opening = self.opening.lock();
        if let Some(contents) = self.contents.get() {
            return Ok(contents);
        }
        let contents = self.read_contents()?;
        self.cache.take(contents.resident_bytes());
        Ok(self.contents.get_or_init(|| contents))
    }

    /// Reads everything resident anew, whatever is in memory.
    pub(super) fn read_contents(&self) -> Result<Contents> {
        let contents = Contents::read(&*self.disk, &self.keys, &self.path, &self.summary)?;
        let found = contents.footer.filter_seed;
        match self.filter_seed {
            Some(wanted) if wanted != found => {
                let message =
                    format!("the table's filter has seed {found:#x} where the manifest says {wanted:#x}");
                Err(Error::corrupt(message).in_file(&self.path).at_offset(contents.footer.properties.end()))
            }
            _ => Ok(contents),
        }
    }

    #[inline]
    pub(super) fn cached_page(&self, number: u32) -> Option<Arc<Page>> {
        self.cache.get(self.number, number)
    }

    pub(super) fn cache_page(&self, number: u32, page: &Arc<Page>) {
        self.cache.insert(self.number, number, page.clone());
    }

    /// Whether caching this page would displace none.
    pub(super) fn cache_has_room(&self, page: &Page) -> bool {
        self.cache.has_room(page.resident_bytes())
    }

    /// A page from the cache, or from the disk into the cache.
    #[inline]
    fn page(&self, contents: &Contents, number: u32, wait: Wait) -> Result<Arc<Page>> {
        if let Some(page) = self.cached_page(number) {
            return Ok(page);
        }
        let page = contents.read_page(number, wait).map_err(|error| error.in_file(&self.path))?;
        let page = Arc::new(page);
        self.cache_page(number, &page);
        Ok(page)
    }

    /// Says where a page is that turned out not to parse.
    #[cold]
    pub(super) fn place(&self, error: Error, contents: &Contents, page: u32) -> Error {
        error.in_file(&self.path).at_offset(contents.index.page(page).offset)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let contents = self.contents.take();
        if let Some(contents) = &contents {
            self.cache.give_back(contents.resident_bytes());
        }
        if !*self.obsolete.get_mut() {
            return;
        }
        if let Some(contents) = contents {
            self.cache.forget(self.number, contents.index.len());
            // The file is closed before it is removed: Windows keeps the name of an open one.
            drop(contents);
        }
        // Nobody is left to tell. A file that stays is a stranger to the next open, which removes it.
        let _ = self.disk.remove(&self.path);
    }
}
