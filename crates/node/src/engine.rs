//! What the addon uses of the engine, in one list, and the world it runs the engine in.

pub use coppice_engine::environment::Environment;
pub use coppice_engine::{
    BackupInfo, CheckpointInfo, Compaction, Db, Event, Filter, Guard, LargeValue, LargeWriter, LeftOut,
    LevelStats, Listener, Lost, Options, Policy, Problem, Progress, Range, RangeCursor, Recovery, Retain,
    SalvageReport, SkipList, Snapshot, VerifyReport, View, Wait, WorkKind, Written, salvage,
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
