//! The rows of a range, as users of the engine walk them.

use crate::blob::Found;
use crate::cursor::{VersionCursor, VisibleCursor};
use crate::disk::Wait;
use crate::entry::{Entry, Kind};
use crate::error::Result;
use crate::read::stored_key;

/// The rows of a range in order, each once; or the versions of a key. Owned by one thread at a time; it pins what it reads
/// until it is dropped.
pub struct RangeCursor {
    rows: Rows,
    /// Of the row in hand, if it was in blob files and was asked for.
    value: Option<Vec<u8>>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are the large one, and every row would go through a box"
)]
enum Rows {
    Visible(VisibleCursor),
    Versions(VersionCursor),
}

impl Rows {
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        match self {
            Rows::Visible(rows) => rows.advance(),
            Rows::Versions(rows) => rows.advance(),
        }
    }

    fn wait(&self) -> Wait {
        match self {
            Rows::Visible(rows) => rows.wait(),
            Rows::Versions(rows) => rows.wait(),
        }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match self {
            Rows::Visible(rows) => rows.key(),
            Rows::Versions(rows) => rows.key(),
        }
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        match self {
            Rows::Visible(rows) => rows.entry(),
            Rows::Versions(rows) => rows.entry(),
        }
    }

    fn found(&self) -> Result<Found> {
        match self {
            Rows::Visible(rows) => rows.found(),
            Rows::Versions(rows) => rows.found(),
        }
    }
}

impl RangeCursor {
    pub fn new(rows: VisibleCursor) -> Self {
        RangeCursor { rows: Rows::Visible(rows), value: None }
    }

    /// Its rows are versions of one key, newest first; deletes are rows too.
    pub fn of_versions(rows: VersionCursor) -> Self {
        RangeCursor { rows: Rows::Versions(rows), value: None }
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
        match &self.rows {
            Rows::Visible(rows) => rows.set_wait(wait),
            Rows::Versions(rows) => rows.set_wait(wait),
        }
    }

    /// The next `next` gives the first row at or past this user key, in the range's direction. Of versions, which all have
    /// one key, it changes nothing.
    pub fn seek(&mut self, key: &[u8]) {
        if let Rows::Visible(rows) = &mut self.rows {
            self.value = None;
            rows.seek(stored_key(key));
        }
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
