//! The Coppice engine: an ordered key-value store on local disk, without JavaScript.
//!
//! Modules depend downwards only: `db > background, recovery, checkpoint, feed > write, read, compaction > version,
//! snapshot > memtable, table, cursor > wal, pager, batch > disk > error, limits, coding, key`.

pub mod batch;
pub mod codec;
pub mod coding;
pub mod compaction;
pub mod cursor;
pub mod disk;
pub mod entry;
pub mod environment;
pub mod error;
pub mod filter;
pub mod key;
pub mod limits;
pub mod manifest;
pub mod memtable;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
pub mod table;
pub mod wal;

#[cfg(test)]
mod testing;
