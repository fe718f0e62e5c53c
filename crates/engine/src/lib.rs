//! The Coppice engine: an ordered key-value store on local disk, without JavaScript.
//!
//! Modules depend downwards only: `db > background, recovery, checkpoint, feed > write, read, compaction > version,
//! snapshot > memtable, table, cursor > wal, blob, batch > disk, encryption > error, limits, coding, key`.

mod announce;
mod background;
mod backoff;
mod backup;
pub mod batch;
pub mod blob;
mod checkpoint;
pub mod codec;
pub mod coding;
mod compaction;
pub mod cursor;
mod damage;
mod db;
mod dead_runs;
mod diff;
pub mod disk;
mod draft;
pub mod encryption;
pub mod entry;
pub mod environment;
pub mod error;
pub mod filter;
mod flush;
mod guard;
pub mod key;
mod large;
pub mod limits;
pub mod manifest;
mod marks;
pub mod memtable;
mod names;
mod options;
mod pin;
mod pressure;
mod range;
mod range_delete;
mod rate;
mod read;
mod recovery;
mod replicated;
mod replication;
mod salvage;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod snapshot;
mod sources;
mod state;
mod stats;
mod sync;
pub mod table;
mod trim;
mod upkeep;
mod verify;
mod version;
mod waits;
pub mod wal;
mod work;
mod write;

pub use backup::BackupInfo;
pub use checkpoint::CheckpointInfo;
pub use db::Db;
pub use diff::{Change, Diff, WholeEntry};
pub use disk::Wait;
pub use guard::{Conflict, Guard};
pub use large::{LargeValue, LargeWriter};
pub use options::{
    Compaction, Event, Filter, LeftOut, Listener, Options, Policy, Recovery, Retain, SkipList, Tuning,
    Visible, WorkKind,
};
pub use range::RangeCursor;
pub use read::{Range, Snapshot};
pub use replication::{FileKind, PinnedVersion, Until, VersionFile, clear, cut, files_of, install};
pub use salvage::{Lost, SalvageReport, salvage};
pub use snapshot::View;
pub use stats::{BlobStats, HistoryStats, KeyUse, LevelStats, Stats};
pub use verify::{Problem, Progress, VerifyReport};
pub use wal::{Records, Watermark};
pub use write::Written;

#[cfg(test)]
mod testing;
