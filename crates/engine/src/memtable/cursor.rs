//! Walks a memtable in both directions while the writer inserts.
//!
//! The cursor copies the records of one leaf at a time. Forward it goes on to the leaf that was next when it copied:
//! what split off since then went into its copy before. Backward it searches for what is before the first record of its
//! copy. So it sees each entry that was there at its seek, in order and once, and of later ones those it happens to
//! pass. It holds the memtable alive. One thread at a time.

use std::sync::Arc;

use super::Memtable;
use super::list::{List, Target, copy_records};
use super::node::SLOTS;
use crate::blob::Files;
use crate::cursor::Cursor;
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Revision;

pub struct MemtableCursor {
    memtable: Arc<Memtable>,
    /// The records of the current leaf, in order. Valid while `position < count`.
    records: [u32; SLOTS],
    count: usize,
    position: usize,
    /// The leaf after the current one, 0 at the end.
    next: u32,
}

impl MemtableCursor {
    pub(super) fn new(memtable: Arc<Memtable>) -> Self {
        MemtableCursor { memtable, records: [0; SLOTS], count: 0, position: 0, next: 0 }
    }

    /// Copies the leaf that holds the target's place and stands on the first slot at or after it, which may be behind
    /// the last one copied.
    fn place(&mut self, key: &[u8], revision: Revision) {
        let list = self.memtable.list();
        let root = list.root();
        let target: Target<'_> = root.target(key, revision);
        let records = &mut self.records;
        (self.count, self.position, self.next) = list.locate(
            root,
            &target,
            |_, _| (),
            |leaf, count, position| {
                copy_records(leaf, count, records);
                (count, position, leaf.next())
            },
        );
    }

    fn enter(&mut self, leaf: u32) {
        let list = self.memtable.list();
        (self.count, self.next) = list.leaf(leaf, &mut self.records);
        self.position = 0;
        prefetch(list, &self.records[..self.count]);
    }

    /// What references of the memtable count by.
    pub fn files(&self) -> Files<'_> {
        Files::Parts(self.memtable.parts())
    }

    fn record(&self) -> u32 {
        assert!(self.valid(), "the cursor stands on no entry");
        self.records[self.position]
    }
}

/// The entries of a leaf lie in order of their arrival, each a likely miss; a scan wants them all soon.
fn prefetch(list: &List, records: &[u32]) {
    for &record in records {
        list.prefetch(record);
    }
}

impl Cursor for MemtableCursor {
    fn seek_to_first(&mut self) -> Result<()> {
        let first = self.memtable.list().root().first();
        self.enter(first);
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        let last = self.memtable.list().root().last();
        self.enter(last);
        while self.next != 0 {
            self.enter(self.next);
        }
        self.position = self.count.saturating_sub(1);
        Ok(())
    }

    fn seek(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        self.place(key, revision);
        if self.position == self.count && self.next != 0 {
            self.enter(self.next);
        }
        Ok(())
    }

    fn seek_before(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        self.place(key, revision);
        match self.position.checked_sub(1) {
            Some(position) => self.position = position,
            // Only the first leaf may hold nothing before a place in it.
            None => self.count = 0,
        }
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        assert!(self.valid(), "next needs an entry to go on from");
        self.position += 1;
        if self.position == self.count && self.next != 0 {
            self.enter(self.next);
        }
        Ok(())
    }

    fn prev(&mut self) -> Result<()> {
        assert!(self.valid(), "prev needs an entry to go back from");
        if self.position > 0 {
            self.position -= 1;
            return Ok(());
        }
        let memtable = Arc::clone(&self.memtable);
        let (key, revision) = memtable.list().key_and_revision(self.records[0]);
        self.seek_before(key, revision)?;
        prefetch(memtable.list(), &self.records[..self.count]);
        Ok(())
    }

    fn valid(&self) -> bool {
        self.position < self.count
    }

    fn key(&self) -> &[u8] {
        self.memtable.list().key(self.record())
    }

    fn entry(&self) -> Entry<'_> {
        self.memtable.list().entry(self.record())
    }
}
