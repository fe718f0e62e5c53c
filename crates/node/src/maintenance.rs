//! Rare calls: flush, compact, verify, checkpoint, backup and statistics of an open database; salvage of one that is not.

use crate::context::Context;
use crate::engine::Db;
use crate::message::{Message, Outcome};
use crate::task::{self, Report};
use coppice_engine::error::Result;
use napi::Env;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::path::PathBuf;

#[napi(object)]
pub struct StatsData {
    pub keys_estimate: f64,
    pub disk_bytes: f64,
    pub log_bytes: f64,
    pub memtable_bytes: f64,
    pub memtables: f64,
    pub levels: Vec<LevelData>,
    pub blobs: BlobData,
    pub keys: Vec<KeyData>,
    pub cache_bytes: f64,
    pub cache_hits: f64,
    pub cache_misses: f64,
    pub resident_bytes: f64,
    pub filter_passes: f64,
    pub filter_false_passes: f64,
    pub snapshots: f64,
    pub history: Option<HistoryData>,
    pub commits: f64,
    pub user_bytes: f64,
    pub flushes: f64,
    pub flushed_bytes: f64,
    pub compactions: f64,
    pub compacted_bytes: f64,
    pub stalls: f64,
    pub stalled_ms: f64,
    pub commit_wait_ms_max: f64,
    pub pressure: f64,
    pub delays: f64,
    pub delayed_ms: f64,
    pub garbage_compactions: f64,
    pub tables_dropped: f64,
    pub recovered_records: f64,
    pub revision: f64,
    pub written_revision: f64,
    pub durable_revision: f64,
}

#[napi(object)]
pub struct LevelData {
    pub files: f64,
    pub bytes: f64,
    pub entries: f64,
    pub deletes: f64,
    pub range_deletes: f64,
}

#[napi(object)]
pub struct HistoryData {
    pub versions: f64,
    pub trim_revision: f64,
    pub superseded: f64,
}

#[napi(object)]
pub struct BlobData {
    pub files: f64,
    pub bytes: f64,
    pub garbage_bytes: f64,
}

#[napi(object)]
pub struct KeyData {
    pub id: String,
    pub files: f64,
}

#[napi]
pub fn flush(env: Env, handle: f64) -> Option<f64> {
    start(&env, handle, "flush", |db, _| db.flush().map(|()| Outcome::Nothing))
}

/// Absent bounds are open; both given ones belong to the range.
#[napi]
pub fn compact(env: Env, handle: f64, lower: Option<Uint8Array>, upper: Option<Uint8Array>) -> Option<f64> {
    let owned = |key: Option<Uint8Array>| key.map(|key| key.to_vec());
    let (lower, upper) = (owned(lower), owned(upper));
    start(&env, handle, "compact", move |db, _| {
        db.compact(lower.as_deref(), upper.as_deref()).map(|()| Outcome::Nothing)
    })
}

/// From the lower bound up to and without the upper one; absent ones are open.
#[napi]
pub fn approximate_bytes(
    env: Env,
    handle: f64,
    lower: Option<Uint8Array>,
    upper: Option<Uint8Array>,
) -> Option<f64> {
    let owned = |key: Option<Uint8Array>| key.map(|key| key.to_vec());
    let (lower, upper) = (owned(lower), owned(upper));
    start(&env, handle, "approximateBytes", move |db, _| {
        db.approximate_bytes(lower.as_deref(), upper.as_deref()).map(|bytes| Outcome::Number(bytes as f64))
    })
}

#[napi]
pub fn trim(env: Env, handle: f64, revision: f64) -> Option<f64> {
    start(&env, handle, "trim", move |db, _| db.trim(revision as u64).map(|()| Outcome::Nothing))
}

#[napi]
pub fn verify(env: Env, handle: f64, bytes_per_second: Option<f64>) -> Option<f64> {
    start(&env, handle, "verify", move |db, report| {
        let mut tell = |progress| report.mailbox.post(Message::Progress { task: report.task, progress });
        let found = match bytes_per_second {
            None => db.verify(&mut tell),
            Some(bytes) => db.scrub(bytes as u64, &mut tell),
        };
        found.map(Outcome::Verified)
    })
}

#[napi]
pub fn checkpoint(env: Env, handle: f64, folder: String) -> Option<f64> {
    let folder = PathBuf::from(folder);
    start(&env, handle, "checkpoint", move |db, _| db.checkpoint(&folder).map(Outcome::Checkpoint))
}

#[napi]
pub fn backup(env: Env, handle: f64, folder: String) -> Option<f64> {
    let folder = PathBuf::from(folder);
    start(&env, handle, "backup", move |db, report| {
        let mut tell = |progress| report.mailbox.post(Message::Progress { task: report.task, progress });
        db.backup(&folder, &mut tell).map(Outcome::BackedUp)
    })
}

#[napi]
pub fn salvage(env: Env, from: String, to: String, keys: Option<Vec<Uint8Array>>) -> Option<f64> {
    let (from, to) = (PathBuf::from(from), PathBuf::from(to));
    Context::answer(&env, |context| {
        let world = crate::engine::Environment::of_system(crate::engine::keys(&keys)?);
        task::start(context.mailbox()?, "salvage", move |report| {
            let mut tell = |progress| report.mailbox.post(Message::Progress { task: report.task, progress });
            let options = crate::engine::Options::default();
            crate::engine::salvage(&from, &to, &options, &world, &mut tell).map(Outcome::Salvaged)
        })
    })
}

fn start(
    env: &Env,
    handle: f64,
    name: &str,
    work: impl FnOnce(&Db, &Report) -> Result<Outcome> + Send + 'static,
) -> Option<f64> {
    Context::answer(env, |context| {
        let db = context.handles.get(handle as u64)?.db().clone();
        task::start(context.mailbox()?, name, move |report| work(&db, report))
    })
}

#[napi]
pub fn stats(env: Env, handle: f64) -> Option<StatsData> {
    let db = Context::answer(&env, |context| Ok(context.handles.get(handle as u64)?.db().clone()))?;
    let stats = db.stats();
    let level = |level: &crate::engine::LevelStats| LevelData {
        files: level.files as f64,
        bytes: level.bytes as f64,
        entries: level.entries as f64,
        deletes: level.deletes as f64,
        range_deletes: level.range_deletes as f64,
    };
    Some(StatsData {
        keys_estimate: stats.keys_estimate as f64,
        disk_bytes: stats.disk_bytes as f64,
        log_bytes: stats.log_bytes as f64,
        memtable_bytes: stats.memtable_bytes as f64,
        memtables: stats.memtables as f64,
        levels: stats.levels.iter().map(level).collect(),
        blobs: BlobData {
            files: stats.blobs.files as f64,
            bytes: stats.blobs.bytes as f64,
            garbage_bytes: stats.blobs.garbage_bytes as f64,
        },
        keys: stats
            .keys
            .iter()
            .map(|key| KeyData { id: key.id.to_string(), files: key.files as f64 })
            .collect(),
        cache_bytes: stats.cache_bytes as f64,
        cache_hits: stats.cache_hits as f64,
        cache_misses: stats.cache_misses as f64,
        resident_bytes: stats.resident_bytes as f64,
        filter_passes: stats.filter_passes as f64,
        filter_false_passes: stats.filter_false_passes as f64,
        snapshots: stats.snapshots as f64,
        history: stats.history.map(|history| HistoryData {
            versions: history.versions as f64,
            trim_revision: history.trim_revision as f64,
            superseded: history.superseded as f64,
        }),
        commits: stats.commits as f64,
        user_bytes: stats.user_bytes as f64,
        flushes: stats.flushes as f64,
        flushed_bytes: stats.flushed_bytes as f64,
        compactions: stats.compactions as f64,
        compacted_bytes: stats.compacted_bytes as f64,
        stalls: stats.stalls as f64,
        stalled_ms: stats.stalled_ms as f64,
        commit_wait_ms_max: stats.commit_wait_ns_max as f64 / 1e6,
        pressure: stats.pressure,
        delays: stats.delays as f64,
        delayed_ms: stats.delayed_ms as f64,
        garbage_compactions: stats.garbage_compactions as f64,
        tables_dropped: stats.tables_dropped as f64,
        recovered_records: stats.recovered_records as f64,
        revision: db.visible() as f64,
        written_revision: db.written() as f64,
        durable_revision: db.durable() as f64,
    })
}
