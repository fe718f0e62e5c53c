//! What the library uses of the engine, in one list.

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
