//! The rows of a range, as users of the engine walk them.

use crate::cursor::VisibleCursor;
use crate::disk::Wait;
use crate::entry::{Entry, Kind};
use crate::error::Result;
use crate::read::stored_key;

/// The rows of a range in order, each once. Owned by one thread at a time; it pins what it reads until it is dropped.
pub struct RangeCursor {
    rows: VisibleCursor,
    /// Of the row in hand, if it was in blob files and was asked for.
    value: Option<Vec<u8>>,
}

impl RangeCursor {
    pub fn new(rows: VisibleCursor) -> Self {
        RangeCursor { rows, value: None }
    }

    /// Moves to the next row; false at the end.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "rows are borrowed from the cursor")]
    pub fn next(&mut self) -> Result<bool> {
        self.value = None;
        self.rows.advance()
    }

    /// Whether `next`, and `load` with all that calls it, may wait for the disk; at first they may. Where one may not but
    /// would have to, it fails with `WouldBlock`, and the next call tries again.
    pub fn set_wait(&self, wait: Wait) {
        self.rows.set_wait(wait);
    }

    /// The next `next` gives the first row at or past this user key, in the range's direction.
    pub fn seek(&mut self, key: &[u8]) {
        self.value = None;
        self.rows.seek(stored_key(key));
    }

    /// The row's user key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.rows.key()[1..]
    }

    /// The row, if its value stands beside its key; else it is in blob files and `row` reads it.
    #[inline]
    pub fn entry_here(&self) -> Option<Entry<'_>> {
        Some(self.rows.entry()).filter(|entry| entry.kind != Kind::Reference)
    }

    /// The row without its value, which is empty here.
    #[inline]
    pub fn fields(&self) -> Entry<'static> {
        let entry = self.rows.entry();
        Entry { kind: Kind::Put, value: &[], ..entry }
    }

    /// The length of the row's value, which is not read for it.
    #[inline]
    pub fn value_bytes(&self) -> Result<usize> {
        match self.rows.entry() {
            Entry { kind: Kind::Reference, .. } => Ok(self.rows.found()?.bytes()),
            entry => Ok(entry.value.len()),
        }
    }

    /// Reads the row's value if it is in blob files and was not read before.
    pub fn load(&mut self) -> Result<()> {
        if self.value.is_none() && self.rows.entry().kind == Kind::Reference {
            self.value = Some(self.rows.found()?.read(self.rows.wait())?);
        }
        Ok(())
    }

    /// The row, loaded.
    #[inline]
    pub fn entry(&mut self) -> Result<Entry<'_>> {
        self.row().map(|(_, entry)| entry)
    }

    /// The row's value as the caller's own. One in blob files is given away: the next call reads it again.
    pub fn take_value(&mut self) -> Result<Vec<u8>> {
        self.load()?;
        Ok(self.value.take().unwrap_or_else(|| self.rows.entry().value.to_vec()))
    }

    /// The row's user key and the row, loaded.
    pub fn row(&mut self) -> Result<(&[u8], Entry<'_>)> {
        self.load()?;
        let (key, entry) = (&self.rows.key()[1..], self.rows.entry());
        Ok((key, self.value.as_ref().map_or(entry, |value| Entry { kind: Kind::Put, value, ..entry })))
    }
}
