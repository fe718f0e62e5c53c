//! Sorted, immutable files of entries: how they are written, read, walked and checked.
//!
//! A table is written once by a `TableBuilder`, described by its `TableSummary` in the manifest, and from then on read
//! through a shared `Table`. Pages go through the `PageCache`. The format is in docs/formats/table.md.

mod builder;
mod cache;
mod checksum;
mod contents;
mod cursor;
mod footer;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod garbage;
mod head;
mod index;
mod lineage;
mod output;
mod page;
mod page_writer;
mod properties;
mod ranges;
mod reader;
mod rescue;
mod scan;
mod size;
mod summary;
mod verify;
mod wait;

pub use builder::{TableBuilder, TableOptions};
pub use cache::PageCache;
pub use contents::newest_revision;
pub use cursor::TableCursor;
pub use garbage::{ALWAYS, GARBAGE_PERCENT, Garbage};
pub use output::TableOutput;
pub use reader::Table;
pub use rescue::{LostPage, Rescue};
pub use summary::{TableMeta, TableSummary, VersionSummary};
pub use wait::Patience;

#[cfg(test)]
mod tests;
