//! One cursor over the disjoint tables of a level, opened as it reaches them.

use super::Cursor;
use crate::blob::Files;
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Revision;
use crate::table::{Patience, Table, TableCursor};
use std::sync::Arc;

/// Tables are sorted by key and share none. Owned by one thread at a time.
pub struct LevelCursor {
    tables: Vec<Arc<Table>>,
    /// How a table is read: as readers do or as compactions do.
    open: fn(&Arc<Table>) -> TableCursor,
    patience: Patience,
    /// The table that `cursor` reads.
    index: usize,
    cursor: Option<TableCursor>,
}

impl LevelCursor {
    /// `open` is `Table::cursor` or `Table::scan`.
    pub fn new(tables: Vec<Arc<Table>>, open: fn(&Arc<Table>) -> TableCursor) -> Self {
        LevelCursor { tables, open, patience: Patience::default(), index: 0, cursor: None }
    }

    /// Waits for the disk as long as `patience` says.
    pub fn with(self, patience: Patience) -> Self {
        LevelCursor { patience, ..self }
    }

    /// The cursor of one table, unpositioned, or none where there is no such table.
    fn open(&mut self, index: usize) -> Option<&mut TableCursor> {
        let table = self.tables.get(index)?;
        if self.index != index || self.cursor.is_none() {
            self.cursor = Some((self.open)(table).with(self.patience.clone()));
            self.index = index;
        }
        self.cursor.as_mut()
    }

    fn skip_forward(&mut self) -> Result<()> {
        while self.cursor.as_ref().is_some_and(|cursor| !cursor.valid()) {
            match self.open(self.index + 1) {
                Some(cursor) => cursor.seek_to_first()?,
                None => self.cursor = None,
            }
        }
        Ok(())
    }

    fn skip_backward(&mut self) -> Result<()> {
        while self.cursor.as_ref().is_some_and(|cursor| !cursor.valid()) {
            match self.index.checked_sub(1).and_then(|index| self.open(index)) {
                Some(cursor) => cursor.seek_to_last()?,
                None => self.cursor = None,
            }
        }
        Ok(())
    }

    /// What the entry in hand counts by, if it is a reference.
    pub fn files(&self) -> Files<'_> {
        self.current().files()
    }

    fn current(&self) -> &TableCursor {
        self.cursor.as_ref().expect("the cursor is valid")
    }
}

impl Cursor for LevelCursor {
    fn seek_to_first(&mut self) -> Result<()> {
        if let Some(cursor) = self.open(0) {
            cursor.seek_to_first()?;
        }
        self.skip_forward()
    }

    fn seek_to_last(&mut self) -> Result<()> {
        if let Some(cursor) = self.tables.len().checked_sub(1).and_then(|last| self.open(last)) {
            cursor.seek_to_last()?;
        }
        self.skip_backward()
    }

    fn seek(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        let index = self.tables.partition_point(|table| table.summary().largest[..] < *key);
        match self.open(index) {
            Some(cursor) => cursor.seek(key, revision)?,
            None => self.cursor = None,
        }
        self.skip_forward()
    }

    fn seek_before(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        // The last table that starts at or before the key; its first entry may still be the one sought or after it.
        let after = self.tables.partition_point(|table| table.summary().smallest[..] <= *key);
        match after.checked_sub(1).and_then(|index| self.open(index)) {
            Some(cursor) => cursor.seek_before(key, revision)?,
            None => self.cursor = None,
        }
        self.skip_backward()
    }

    fn next(&mut self) -> Result<()> {
        self.cursor.as_mut().expect("the cursor is valid").next()?;
        self.skip_forward()
    }

    fn prev(&mut self) -> Result<()> {
        self.cursor.as_mut().expect("the cursor is valid").prev()?;
        self.skip_backward()
    }

    #[inline]
    fn valid(&self) -> bool {
        self.cursor.as_ref().is_some_and(Cursor::valid)
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.current().key()
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        self.current().entry()
    }
}
