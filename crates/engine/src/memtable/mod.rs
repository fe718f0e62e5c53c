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
use std::sync::atomic::{AtomicI64, Ordering};

pub use cursor::MemtableCursor;
use list::List;

use crate::entry::{Entry, NO_DEADLINE};
use crate::key::Revision;

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
}

impl Memtable {
    pub fn new(options: MemtableOptions) -> Arc<Memtable> {
        Arc::new(Memtable { list: List::new(&options), deadline_ms_min: AtomicI64::new(NO_DEADLINE) })
    }

    /// The arena that holds so many entries for sure, whose user keys and values have `key_and_value_bytes` together.
    pub fn bytes_needed(entries: usize, key_and_value_bytes: usize) -> usize {
        room::bytes_needed(entries, key_and_value_bytes)
    }

    /// Whether so many more entries fit for sure. For the writer: another's insert would use the room up.
    pub fn has_room(&self, entries: usize, key_and_value_bytes: usize) -> bool {
        self.list.fill().has_room(entries, key_and_value_bytes)
    }

    /// Adds a version of a key; the same key and revision again replaces it. Readers that look later see it; what makes
    /// it visible is the revision they ask for. Key and value are copied. Panics without room: ask `has_room` before.
    pub fn insert(&self, keyspace: u8, user_key: &[u8], entry: &Entry<'_>) {
        if entry.deadline_ms != NO_DEADLINE {
            self.deadline_ms_min.fetch_min(entry.deadline_ms, Ordering::Relaxed);
        }
        self.list.insert(keyspace, user_key, entry);
    }

    /// Reads the newest version of a stored key at or below `at`: a delete is a version too.
    pub fn get<R>(&self, key: &[u8], at: Revision, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let record = self.list.get(key, at);
        record.map(|record| read(self.list.entry(record)))
    }

    pub fn cursor(self: &Arc<Self>) -> MemtableCursor {
        MemtableCursor::new(Arc::clone(self))
    }

    /// Bytes of the arena in use, exactly.
    pub fn bytes(&self) -> usize {
        let fill = self.list.fill();
        fill.record_bytes + fill.node_bytes
    }

    /// Versions held. A replaced one does not count.
    pub fn entries(&self) -> usize {
        self.list.fill().entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    /// No entry has an earlier deadline. (A replaced one may have had it.)
    pub fn deadline_ms_min(&self) -> i64 {
        self.deadline_ms_min.load(Ordering::Relaxed)
    }

    fn list(&self) -> &List {
        &self.list
    }
}
