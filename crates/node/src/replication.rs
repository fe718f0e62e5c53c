//! What replication asks of an engine, all of it away from the event loop but for what takes no time; and what is done to
//! folders that nobody has open. The raw functions are typed in `ts/native/addon.ts`.

use crate::context::Context;
use crate::engine::{
    self, Db, Environment, FileKind, PinnedVersion, Records, Until, VersionFile, Watermark, clear, cut,
    files_of, install,
};
use crate::message::Outcome;
use crate::pool;
use crate::raw::{Call, Owned, Value};
use crate::task;
use coppice_engine::error::Result;
use coppice_engine::limits::RECORD_BYTES_MAX;
use napi::Env;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::path::PathBuf;

/// How the lock file names whoever works on a folder.
fn holder() -> String {
    format!("process {}", std::process::id())
}

/// A version that JavaScript has pinned.
pub struct PinnedFiles {
    pub handle: u64,
    _version: PinnedVersion,
}

#[napi(object, object_from_js = false)]
pub struct LogRecords {
    pub first: f64,
    pub last: f64,
    pub revision: f64,
    pub time_ms: f64,
    pub body: Owned,
}

#[napi(object, object_from_js = false)]
pub struct PinnedData {
    pub pin: f64,
    pub engine: Owned,
    pub seq: f64,
    pub revision: f64,
    pub time_ms: f64,
    pub trim_revision: f64,
    pub folder: String,
    pub files: Vec<FileData>,
}

#[napi(object, object_from_js = false)]
pub struct FileData {
    pub kind: String,
    pub id: Owned,
    pub sha256: Owned,
    pub bytes: f64,
    pub name: String,
}

#[napi(object)]
pub struct Held {
    pub seq: f64,
    pub revision: f64,
}

impl From<Records> for LogRecords {
    fn from(records: Records) -> LogRecords {
        LogRecords {
            first: records.first as f64,
            last: records.last.sequence as f64,
            revision: records.last.revision as f64,
            time_ms: records.last.time_ms as f64,
            body: Owned::Bytes(records.bytes),
        }
    }
}

impl From<VersionFile> for FileData {
    fn from(file: VersionFile) -> FileData {
        let kind = match file.kind {
            FileKind::Table => "table",
            FileKind::Blob => "blob",
        };
        FileData {
            kind: kind.to_owned(),
            id: Owned::Bytes(file.id.to_vec()),
            sha256: Owned::Bytes(file.sha256.to_vec()),
            bytes: file.bytes as f64,
            name: file.name,
        }
    }
}

impl PinnedData {
    /// Keeps the version in the context until `unpin`.
    pub fn keep(context: &mut Context, handle: u64, version: PinnedVersion) -> Result<PinnedData> {
        let files = version.files().into_iter().map(FileData::from).collect();
        let data = PinnedData {
            pin: 0.0,
            engine: Owned::Bytes(version.manifest()),
            seq: version.sequence() as f64,
            revision: version.revision() as f64,
            time_ms: version.time_ms() as f64,
            trim_revision: version.trim_revision() as f64,
            folder: version.folder().to_string_lossy().into_owned(),
            files,
        };
        // The handle may have been closed meanwhile.
        context.handles.get(handle)?;
        let pin = context.pins.insert(PinnedFiles { handle, _version: version })?;
        Ok(PinnedData { pin: pin as f64, ..data })
    }
}

fn db<'a>(context: &'a Context, call: &Call) -> Result<&'a Db> {
    Ok(context.handles.get(call.integer(0)?)?.db())
}

/// `lastSeq(handle): number`
pub fn last_seq(context: &mut Context, call: &Call) -> Result<Value> {
    call.value(db(context, call)?.last_sequence() as f64)
}

/// `durableSeq(handle): number`
pub fn durable_seq(context: &mut Context, call: &Call) -> Result<Value> {
    call.value(db(context, call)?.durable_sequence() as f64)
}

/// `readLog(handle, after, maxBytes): number`, a task: `LogRecords`, or `undefined` if none is durable.
pub fn read_log(context: &mut Context, call: &Call) -> Result<Value> {
    let db = db(context, call)?.clone();
    let (after, bytes_max) = (call.integer(1)?, call.integer(2)? as usize);
    let task = task::read(context.mailbox()?, move |_| db.read_log(after, bytes_max).map(Outcome::Records))?;
    call.value(task)
}

/// `syncLog(handle): number`, a task: the last sequence that is durable then.
pub fn sync_log(context: &mut Context, call: &Call) -> Result<Value> {
    let db = db(context, call)?.clone();
    let task = task::read(context.mailbox()?, move |_| db.sync_log().map(|seq| Outcome::Number(seq as f64)))?;
    call.value(task)
}

/// `logBytesAfter(handle, seq): number`
pub fn log_bytes_after(context: &mut Context, call: &Call) -> Result<Value> {
    call.value(db(context, call)?.log_bytes_after(call.integer(1)?) as f64)
}

/// `listenLogged(handle, listens: 0 | 1): void`
pub fn listen_logged(context: &mut Context, call: &Call) -> Result<Value> {
    context.handles.get(call.integer(0)?)?.inbox().listen(call.integer(1)? != 0);
    Ok(call.undefined())
}

/// `keepLog(handle, after): number`, a task, for it removes files.
pub fn keep_log(context: &mut Context, call: &Call) -> Result<Value> {
    let db = db(context, call)?.clone();
    let after = call.integer(1)?;
    let task = task::read(context.mailbox()?, move |_| db.keep_log(after).map(|()| Outcome::Nothing))?;
    call.value(task)
}

/// `lead(handle, leads: 0 | 1): void`
pub fn lead(context: &mut Context, call: &Call) -> Result<Value> {
    db(context, call)?.lead(call.integer(1)? != 0)?;
    Ok(call.undefined())
}

/// `raise(handle, revision): void`
pub fn raise(context: &mut Context, call: &Call) -> Result<Value> {
    db(context, call)?.raise(call.integer(1)?)?;
    Ok(call.undefined())
}

/// `applyRecords(handle, records: Uint8Array, untilRevision | undefined, untilMs | undefined): number`, a task: `Held`.
pub fn apply(context: &mut Context, call: &Call) -> Result<Value> {
    let db = db(context, call)?.clone();
    let mut records = Vec::new();
    call.append_bytes(1, 2 * RECORD_BYTES_MAX, "list of records", &mut records)?;
    let mut until = Vec::new();
    if !call.is_undefined(2) {
        until.push(Until::Revision(call.integer(2)?));
    }
    if !call.is_undefined(3) {
        until.push(Until::TimeMs(call.number(3)? as i64));
    }
    let task =
        task::start(context.mailbox()?, "apply", move |_| db.apply_unsynced(&records, &until).map(held))?;
    call.value(task)
}

fn held(last: Watermark) -> Outcome {
    Outcome::Held(Held { seq: last.sequence as f64, revision: last.revision as f64 })
}

/// `pinVersion(handle, flushes: 0 | 1): number`, a task: `PinnedData`.
pub fn pin(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let flushes = call.integer(1)? != 0;
    let db = db(context, call)?.clone();
    let task = task::start(context.mailbox()?, "pin", move |_| {
        let version = if flushes { db.pin_version() } else { db.pin_tables() };
        version.map(|version| Outcome::Pinned(handle, Box::new(version)))
    })?;
    call.value(task)
}

/// `unpin(pin): void`; harmless for a stale number.
pub fn unpin(context: &mut Context, call: &Call) -> Result<Value> {
    if let Some(pinned) = context.pins.remove(call.integer(0)?) {
        pool::let_go(pinned);
    }
    Ok(call.undefined())
}

/// The files that `installFiles` wants, by the manifest that `pinVersion` gave.
#[napi]
pub fn wanted_files(env: Env, manifest: Uint8Array) -> Option<Vec<FileData>> {
    Context::answer(&env, |_| Ok(files_of(&manifest)?.into_iter().map(FileData::from).collect()))
}

#[napi]
pub fn install_files(
    env: Env,
    folder: String,
    manifest: Uint8Array,
    keys: Option<Vec<Uint8Array>>,
) -> Option<f64> {
    let manifest = manifest.to_vec();
    in_folder(&env, "install", folder, &keys, move |folder, world| {
        let last = install(folder, &manifest, world, &holder())?;
        Ok(held(last))
    })
}

#[napi]
pub fn clear_folder(env: Env, folder: String) -> Option<f64> {
    in_folder(&env, "clear", folder, &None, |folder, world| {
        clear(folder, world, &holder()).map(|()| Outcome::Nothing)
    })
}

/// 1 if everything beyond the sequence is gone, 0 if nothing was done.
#[napi]
pub fn cut_log(env: Env, folder: String, after: f64, keys: Option<Vec<Uint8Array>>) -> Option<f64> {
    in_folder(&env, "cut", folder, &keys, move |folder, world| {
        let was_cut = cut(folder, after as u64, world, &holder())?;
        Ok(Outcome::Number(f64::from(u8::from(was_cut))))
    })
}

fn in_folder(
    env: &Env,
    name: &str,
    folder: String,
    keys: &Option<Vec<Uint8Array>>,
    work: impl FnOnce(&PathBuf, &Environment) -> Result<Outcome> + Send + 'static,
) -> Option<f64> {
    let folder = PathBuf::from(folder);
    Context::answer(env, |context| {
        let world = Environment::of_system(engine::keys(keys)?);
        task::start(context.mailbox()?, name, move |_| work(&folder, &world))
    })
}
