//! What the addon uses of the engine, in one list.

pub use coppice_engine::encryption::{KeyId, Keys};
pub use coppice_engine::environment::Environment;
pub use coppice_engine::{
    BackupInfo, Change, CheckpointInfo, Compaction, Conflict, Db, Diff, Event, FileKind, Filter, Guard,
    LargeValue, LargeWriter, LeftOut, LevelStats, Listener, Lost, Options, PinnedVersion, Policy, Problem,
    Progress, Range, RangeCursor, Records, Recovery, Retain, SalvageReport, SkipList, Snapshot, Until,
    VerifyReport, VersionFile, View, Visible, Wait, Watermark, WholeEntry, WorkKind, Written, clear, cut,
    files_of, install, salvage,
};

use coppice_engine::encryption::KEY_BYTES;
use coppice_engine::error::{Error, Result};
use napi::bindgen_prelude::Uint8Array;

/// Keys as JavaScript gives them: the current one, then earlier ones; none for a plain database.
pub fn keys(given: &Option<Vec<Uint8Array>>) -> Result<Keys> {
    let key = |key: &Uint8Array| -> Result<[u8; KEY_BYTES]> {
        key.as_ref()
            .try_into()
            .map_err(|_| Error::invalid(format!("an encryption key has {KEY_BYTES} bytes")))
    };
    let all = given.iter().flatten().map(key).collect::<Result<Vec<_>>>()?;
    Ok(all.split_first().map_or_else(Keys::default, |(current, earlier)| Keys::new(current, earlier)))
}
