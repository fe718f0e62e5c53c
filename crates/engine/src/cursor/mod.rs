//! Walking entries in order, whatever holds them: a memtable, a table, a level, or several of these merged.
//!
//! A cursor belongs to one thread at a time. It may fail at any move, because a move may read the disk; after a failed
//! move it is not valid until the next seek.

mod dead;
mod keys;
mod level;
mod merge;
mod ranges;
mod source;
mod versions;
mod visible;

pub use dead::DeadWalk;
pub use keys::Keys;
pub use level::LevelCursor;
pub use merge::MergeCursor;
pub use ranges::Hidden;
pub use source::Source;
pub use versions::VersionCursor;
pub use visible::{VisibleCursor, Window};

use crate::entry::Entry;
use crate::error::Result;
use crate::key::Revision;

/// A position over entries ordered by key ascending, then revision descending. Not valid before a seek.
pub trait Cursor {
    fn seek_to_first(&mut self) -> Result<()>;
    fn seek_to_last(&mut self) -> Result<()>;
    /// The first entry at or after (key, revision): of the versions of `key`, those with a revision at or below
    /// `revision` come at or after it.
    fn seek(&mut self, key: &[u8], revision: Revision) -> Result<()>;
    /// The last entry strictly before (key, revision).
    fn seek_before(&mut self, key: &[u8], revision: Revision) -> Result<()>;
    /// From the last entry this makes the cursor invalid. Must be valid before.
    fn next(&mut self) -> Result<()>;
    /// From the first entry this makes the cursor invalid. Must be valid before.
    fn prev(&mut self) -> Result<()>;
    fn valid(&self) -> bool;
    /// Panics unless valid.
    fn key(&self) -> &[u8];
    /// Panics unless valid.
    fn entry(&self) -> Entry<'_>;
}
