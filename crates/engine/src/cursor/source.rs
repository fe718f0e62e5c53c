//! What a merge reads from: one of the three places that hold entries. An enum and not a trait object, so that the
//! compiler sees through each step of a scan.

use super::{Cursor, LevelCursor};
use crate::blob::Files;
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Revision;
use crate::memtable::MemtableCursor;
use crate::table::TableCursor;

pub enum Source {
    Memtable(MemtableCursor),
    Table(TableCursor),
    Level(LevelCursor),
}

/// The same call on whichever source it is.
macro_rules! each {
    ($source:expr, $cursor:ident => $call:expr) => {
        match $source {
            Source::Memtable($cursor) => $call,
            Source::Table($cursor) => $call,
            Source::Level($cursor) => $call,
        }
    };
}

impl Source {
    /// What the entry in hand counts by, if it is a reference.
    pub fn files(&self) -> Files<'_> {
        each!(self, cursor => cursor.files())
    }
}

impl Cursor for Source {
    fn seek_to_first(&mut self) -> Result<()> {
        each!(self, cursor => cursor.seek_to_first())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        each!(self, cursor => cursor.seek_to_last())
    }

    fn seek(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        each!(self, cursor => cursor.seek(key, revision))
    }

    fn seek_before(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        each!(self, cursor => cursor.seek_before(key, revision))
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        each!(self, cursor => cursor.next())
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        each!(self, cursor => cursor.prev())
    }

    #[inline]
    fn valid(&self) -> bool {
        each!(self, cursor => cursor.valid())
    }

    #[inline]
    fn key(&self) -> &[u8] {
        each!(self, cursor => cursor.key())
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        each!(self, cursor => cursor.entry())
    }
}
