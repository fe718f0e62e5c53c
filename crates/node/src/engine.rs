//! What the addon uses of the engine, in one list, and the world it runs the engine in.

pub use coppice_engine::environment::Environment;
pub use coppice_engine::{
    BackupInfo, Change, CheckpointInfo, Compaction, Db, Diff, Event, FileKind, Filter, Guard, LargeValue,
    LargeWriter, LeftOut, LevelStats, Listener, Lost, Options, PinnedVersion, Policy, Problem, Progress,
    Range, RangeCursor, Records, Recovery, Retain, SalvageReport, SkipList, Snapshot, Until, VerifyReport,
    VersionFile, View, Visible, Wait, Watermark, WholeEntry, WorkKind, Written, clear, cut, files_of,
    install, salvage,
};

use coppice_engine::disk::OsDisk;
use coppice_engine::environment::{OsRandom, SystemClock};
use std::sync::Arc;

/// The system's own disk, clock and randomness, and threads.
pub fn environment() -> Environment {
    Environment {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        threads: true,
    }
}
