//! The newest entries, in memory: a blocked skip list in one arena.
//!
//! One writer at a time, which the commit lock provides (a second one would wait); readers and cursors on any thread run
//! meanwhile and take no lock. Nothing is removed: a sealed memtable is flushed and dropped as a whole, which frees it in
//! one call. The arena has a fixed size, so a commit asks `has_room` first and never fails after a true answer.
//!
//! `arena` memory, `record` an entry's bytes, `node` a block and its protocol, `prefix` what a node keeps of a key,
//! `list` reading, `writer` inserting, `room` the accounting, `cursor` walking. All `unsafe` of the crate's data
//! structures is in this folder.

mod arena;
mod cursor;
mod list;
mod node;
mod prefix;
mod record;
mod room;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

pub use cursor::MemtableCursor;
use list::List;

use crate::blob::Parts;
use crate::entry::{Entry, NO_DEADLINE};
use crate::key::Revision;
use crate::range_delete::{RangeDelete, RangeDeletes};
use arc_swap::ArcSwap;

#[derive(Clone, Debug)]
pub struct MemtableOptions {
    /// The size of the arena: what all entries and nodes together may take, below 4 GiB. Memory is taken from the
    /// system as it is used. `Memtable::bytes_needed` says how many a given batch wants.
    pub bytes: usize,
    /// Levels above the leaves, 1 to 12. Few levels make a large memtable slow, never wrong.
    pub max_level: u8,
    /// How likely a node's low goes one level further up than it must, 0 to 0.5.
    pub probability: f64,
    /// Makes the towers, and so the layout, the same again.
    pub seed: u64,
}

impl Default for MemtableOptions {
    fn default() -> Self {
        MemtableOptions { bytes: 16 << 20, max_level: 8, probability: 1.0 / 16.0, seed: 1 }
    }
}

pub struct Memtable {
    list: List,
    deadline_ms_min: AtomicI64,
    /// Of the large values that entries refer to.
    parts: Parts,
    /// Whether there are range deletes: a read of a memtable without any looks no further.
    has_range_deletes: AtomicBool,
    /// Replaced whole at each commit that has some; readers share what they find.
    range_deletes: ArcSwap<RangeDeletes>,
    /// What they take; beside the arena, counted as if in it.
    range_delete_bytes: AtomicUsize,
}

impl Memtable {
    pub fn new(options: MemtableOptions) -> Arc<Memtable> {
        Arc::new(Memtable {
            list: List::new(&options),
            deadline_ms_min: AtomicI64::new(NO_DEADLINE),
            parts: Parts::default(),
            has_range_deletes: AtomicBool::new(false),
            range_deletes: ArcSwap::from_pointee(RangeDeletes::default()),
            range_delete_bytes: AtomicUsize::new(0),
        })
    }

    /// The arena that holds so many entries for sure, whose user keys and values have `key_and_value_bytes` together.
    pub fn bytes_needed(entries: usize, key_and_value_bytes: usize) -> usize {
        room::bytes_needed(entries, key_and_value_bytes)
    }

    /// Whether so many more entries fit for sure. For the writer: another's insert would use the room up.
    pub fn has_room(&self, entries: usize, key_and_value_bytes: usize) -> bool {
        let beside = self.range_delete_bytes.load(Ordering::Relaxed);
        self.list.fill().has_room(entries, key_and_value_bytes.saturating_add(beside))
    }

    /// Adds a version of a key; the same key and revision again replaces it. Readers that look later see it; what makes
    /// it visible is the revision they ask for. Key and value are copied. Panics without room: ask `has_room` before.
    pub fn insert(&self, keyspace: u8, user_key: &[u8], entry: &Entry<'_>) {
        if entry.deadline_ms != NO_DEADLINE {
            self.deadline_ms_min.fetch_min(entry.deadline_ms, Ordering::Relaxed);
        }
        self.list.insert(keyspace, user_key, entry);
    }

    /// Adds the range deletes of one commit, no older than any before. As with `insert`, a reader's revision makes them
    /// visible.
    pub fn delete_ranges(&self, ranges: impl IntoIterator<Item = RangeDelete>) {
        let mut all = RangeDeletes::clone(&self.range_deletes.load());
        ranges.into_iter().for_each(|range| all.add(range));
        self.range_delete_bytes.store(all.bytes(), Ordering::Relaxed);
        self.range_deletes.store(Arc::new(all));
        self.has_range_deletes.store(true, Ordering::Release);
    }

    /// None if there are none.
    #[inline]
    pub fn range_deletes(&self) -> Option<Arc<RangeDeletes>> {
        self.has_range_deletes.load(Ordering::Acquire).then(|| self.range_deletes.load_full())
    }

    /// Reads the newest version of a stored key at or below `at`: a delete is a version too, also that of a range.
    #[inline]
    pub fn get<R>(&self, key: &[u8], at: Revision, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let record = self.list.get(key, at);
        if self.has_range_deletes.load(Ordering::Acquire) {
            return self.get_beside_ranges(key, at, record, read);
        }
        record.map(|record| read(self.list.entry(record)))
    }

    #[cold]
    fn get_beside_ranges<R>(
        &self,
        key: &[u8],
        at: Revision,
        record: Option<u32>,
        read: impl FnOnce(Entry<'_>) -> R,
    ) -> Option<R> {
        let entry = record.map(|record| self.list.entry(record));
        let deleted = self.range_deletes.load().newest(key, at);
        match entry {
            Some(entry) if entry.revision >= deleted => Some(read(entry)),
            _ => (deleted > 0).then(|| read(Entry::delete(deleted))),
        }
    }

    pub fn cursor(self: &Arc<Self>) -> MemtableCursor {
        MemtableCursor::new(Arc::clone(self))
    }

    /// Bytes of the arena in use, exactly, and those that range deletes take beside it, about.
    pub fn bytes(&self) -> usize {
        let fill = self.list.fill();
        fill.record_bytes + fill.node_bytes + self.range_delete_bytes.load(Ordering::Relaxed)
    }

    /// Versions held. A replaced one does not count.
    pub fn entries(&self) -> usize {
        self.list.fill().entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries() == 0 && !self.has_range_deletes.load(Ordering::Acquire)
    }

    /// No entry has an earlier deadline. (A replaced one may have had it.)
    pub fn deadline_ms_min(&self) -> i64 {
        self.deadline_ms_min.load(Ordering::Relaxed)
    }

    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    fn list(&self) -> &List {
        &self.list
    }
}
