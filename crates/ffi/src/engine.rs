//! What the library uses of the engine, in one list, and the world it runs the engine in.

pub use coppice_engine::batch::{Batch, HEADER_BYTES, OP_BYTES, Reason};
pub use coppice_engine::disk::{Disk, OsDisk};
pub use coppice_engine::encryption::{KEY_BYTES, Keys};
pub use coppice_engine::entry::{Entry as EngineEntry, NO_DEADLINE};
pub use coppice_engine::environment::Environment;
pub use coppice_engine::error::{Code as EngineCode, Error};
pub use coppice_engine::key::{KEYSPACE_USER, Revision};
pub use coppice_engine::limits::{KEY_BYTES_MAX, LARGE_BYTES_MAX, RECORD_BYTES_MAX};
pub use coppice_engine::{
    Conflict as EngineConflict, Db, Event, Filter, Guard, LargeValue, Listener, Options, Policy, Range,
    RangeCursor, Recovery, Retain, Snapshot as EngineSnapshot, Stats, VerifyReport, View, Written,
};

use coppice_engine::environment::{OsRandom, SystemClock};
use std::sync::Arc;

/// The system's own disk, clock and randomness, and threads.
pub fn environment(keys: Keys) -> Environment {
    Environment {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        keys,
        threads: true,
    }
}
