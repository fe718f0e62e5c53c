//! What is said to JavaScript from other threads, and how it looks there: `wake(kind, number, a, b)`.
//!
//! Values are made on the environment's own thread, when the message is taken.

use crate::calls::diff::{ChangeData, Made};
use crate::calls::get::deadline;
use crate::calls::range::Warmed;
use crate::calls::write::{REFUSED, STALLED};
use crate::context::Context;
use crate::engine::{
    BackupInfo, CheckpointInfo, Conflict, Event, LeftOut, PinnedVersion, Progress, Records, SalvageReport,
    VerifyReport, WorkKind, Written,
};
use crate::raw::Owned;
use crate::registry::Handle;
use crate::replication::{Held, LogRecords, PinnedData};
use coppice_engine::entry::Entry;
use coppice_engine::error::{Code, Error, Result};
use napi::bindgen_prelude::{Buffer, ToNapiValue};
use napi::{Env, sys};
use napi_derive::napi;

pub enum Message {
    /// `wake(0, handle, revision)`: everything up to the revision is synced.
    Durable { handle: u64, revision: u64 },
    /// `wake(4, handle, seq)`: every record up to this one is synced.
    Logged { handle: u64, seq: u64 },
    /// `wake(1, handle, event)`
    Event { handle: u64, event: Event },
    /// `wake(5, member, undefined)`: of the seat that it is a member of, something has changed.
    Seat { member: u64 },
    /// `wake(2, task, failure | undefined, result)`
    Done { task: u64, outcome: Result<Outcome> },
    /// `wake(3, task, done, total)`
    Progress { task: u64, progress: Progress },
}

/// What a task came to.
pub enum Outcome {
    Nothing,
    Opened(Handle),
    Verified(VerifyReport),
    Checkpoint(CheckpointInfo),
    BackedUp(BackupInfo),
    Salvaged(SalvageReport),
    /// `undefined` if there is no such entry.
    Read(Option<Found>),
    Committed(Written),
    Warmed(Warmed),
    /// `undefined` if there are none.
    Records(Option<Records>),
    /// To be kept for this handle.
    Pinned(u64, Box<PinnedVersion>),
    Held(Held),
    /// To be kept.
    Diff(Made),
    Changes(Vec<ChangeData>),
    Number(f64),
}

/// An entry that was read on another thread.
#[derive(Default)]
#[napi(object, object_from_js = false)]
pub struct Found {
    /// None if nobody wants it.
    pub value: Option<Owned>,
    pub revision: f64,
    /// Unix milliseconds, or 0.
    pub deadline: f64,
    /// Both 0 without history.
    pub create_revision: f64,
    pub version: f64,
}

impl Found {
    pub fn new(entry: &Entry<'_>, value: Owned) -> Found {
        Found {
            value: Some(value),
            revision: entry.revision as f64,
            deadline: deadline(entry),
            create_revision: entry.create_revision as f64,
            version: entry.version as f64,
        }
    }
}

/// What came of a commit that another thread made.
#[napi(object)]
pub struct CommitData {
    /// Or a negative number, as the raw functions answer it.
    pub revision: f64,
    pub deleted: Option<f64>,
    pub conflicts: Vec<ConflictData>,
    /// Of them, the newest one at that time.
    pub newest: f64,
}

/// A guard that does not hold: its index, the revision found or 0, and of a range the key.
#[napi(object)]
pub struct ConflictData {
    pub guard: f64,
    pub revision: f64,
    pub key: Option<Buffer>,
}

/// An error as data; thrown in one place in TypeScript.
#[napi(object)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub file: Option<String>,
    pub offset: Option<f64>,
}

#[napi(object)]
pub struct EventData {
    #[napi(js_name = "type")]
    pub kind: String,
    pub bytes: Option<f64>,
    pub ms: Option<f64>,
    pub level: Option<f64>,
    pub read_bytes: Option<f64>,
    pub wrote_bytes: Option<f64>,
    pub reason: Option<String>,
    pub records: Option<f64>,
    pub torn_bytes: Option<f64>,
    pub left_out: Option<LeftOutData>,
    pub work: Option<String>,
    pub begins: Option<bool>,
    pub failure: Option<Failure>,
}

#[napi(object)]
pub struct LeftOutData {
    pub file: String,
    pub offset: f64,
    pub what: String,
    pub bytes: f64,
    pub files: f64,
    pub folder: Option<String>,
}

#[napi(object)]
pub struct Verified {
    pub checked_bytes: f64,
    pub problems: Vec<Problem>,
}

#[napi(object)]
pub struct Problem {
    pub file: String,
    pub offset: f64,
    pub what: String,
}

#[napi(object)]
pub struct Checkpoint {
    pub folder: String,
    pub revision: f64,
    pub tables: f64,
    pub bytes: f64,
}

#[napi(object)]
pub struct Backup {
    pub folder: String,
    pub revision: f64,
    pub tables: f64,
    pub bytes: f64,
    pub copied_tables: f64,
    pub copied_bytes: f64,
}

#[napi(object)]
pub struct Salvaged {
    pub revision: f64,
    pub keys: f64,
    pub tables_written: f64,
    pub bytes_written: f64,
    pub tables_read: f64,
    pub tables_lost: f64,
    pub pages_read: f64,
    pub pages_lost: f64,
    pub records_kept: f64,
    pub lost: Vec<LostData>,
    pub notes: Vec<String>,
}

#[napi(object)]
pub struct LostData {
    pub file: String,
    pub offset: f64,
    pub what: String,
    pub from: Option<Buffer>,
    pub to: Option<Buffer>,
}

impl Message {
    pub fn is_durable_of(&self, of: u64) -> bool {
        matches!(self, Message::Durable { handle, .. } if *handle == of)
    }

    pub fn is_logged_of(&self, of: u64) -> bool {
        matches!(self, Message::Logged { handle, .. } if *handle == of)
    }

    pub fn is_seat_of(&self, of: u64) -> bool {
        matches!(self, Message::Seat { member } if *member == of)
    }

    /// Whether nobody waits for it.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self, Message::Event { event, .. } if !matches!(event, Event::Room | Event::Failed(_)))
            || matches!(self, Message::Progress { .. })
    }

    pub fn into_arguments(self, env: sys::napi_env) -> napi::Result<[sys::napi_value; 4]> {
        Ok(match self {
            Message::Durable { handle, revision } => {
                [value(env, 0)?, number(env, handle)?, number(env, revision)?, value(env, ())?]
            }
            Message::Logged { handle, seq } => {
                [value(env, 4)?, number(env, handle)?, number(env, seq)?, value(env, ())?]
            }
            Message::Seat { member } => {
                [value(env, 5)?, number(env, member)?, value(env, ())?, value(env, ())?]
            }
            Message::Event { handle, event } => {
                [value(env, 1)?, number(env, handle)?, value(env, EventData::from(event))?, value(env, ())?]
            }
            Message::Done { task, outcome } => match outcome.and_then(|outcome| outcome.accept(env)) {
                Ok(result) => [value(env, 2)?, number(env, task)?, value(env, ())?, result],
                Err(error) => {
                    [value(env, 2)?, number(env, task)?, value(env, Failure::from(&error))?, value(env, ())?]
                }
            },
            Message::Progress { task, progress } => [
                value(env, 3)?,
                number(env, task)?,
                number(env, progress.done_bytes)?,
                number(env, progress.total_bytes)?,
            ],
        })
    }
}

impl Outcome {
    fn accept(self, env: sys::napi_env) -> Result<sys::napi_value> {
        let made = match self {
            Outcome::Nothing => value(env, ()),
            Outcome::Opened(handle) => {
                number(env, Context::with(&Env::from_raw(env), |context| context.adopt(handle))?)
            }
            Outcome::Verified(report) => value(env, Verified::from(report)),
            Outcome::Checkpoint(info) => value(env, Checkpoint::from(info)),
            Outcome::BackedUp(info) => value(env, Backup::from(info)),
            Outcome::Salvaged(report) => value(env, Salvaged::from(report)),
            Outcome::Read(Some(found)) => value(env, found),
            Outcome::Read(None) => value(env, ()),
            Outcome::Committed(written) => value(env, CommitData::from(written)),
            Outcome::Warmed(warmed) => {
                Context::with(&Env::from_raw(env), |context| warmed.accept(context))?;
                value(env, ())
            }
            Outcome::Records(None) => value(env, ()),
            Outcome::Records(Some(records)) => value(env, LogRecords::from(records)),
            Outcome::Pinned(handle, version) => {
                let env = Env::from_raw(env);
                let pinned = Context::with(&env, |context| PinnedData::keep(context, handle, *version))?;
                value(env.raw(), pinned)
            }
            Outcome::Held(held) => value(env, held),
            Outcome::Diff(made) => {
                value(env, Context::with(&Env::from_raw(env), |context| made.keep(context))?)
            }
            Outcome::Changes(changes) => value(env, changes),
            Outcome::Number(number) => value(env, number),
        };
        made.map_err(|error| Error::new(Code::Invalid, error.reason.clone()))
    }
}

fn value<T: ToNapiValue>(env: sys::napi_env, value: T) -> napi::Result<sys::napi_value> {
    crate::raw::made(env, value)
}

fn number(env: sys::napi_env, number: u64) -> napi::Result<sys::napi_value> {
    value(env, number as f64)
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Failure {
            code: error.code().name().to_owned(),
            message: error.message().to_owned(),
            file: error.file().map(|file| file.to_string_lossy().into_owned()),
            offset: error.offset().map(|offset| offset as f64),
        }
    }
}

impl EventData {
    fn new(kind: &str) -> Self {
        EventData {
            kind: kind.to_owned(),
            bytes: None,
            ms: None,
            level: None,
            read_bytes: None,
            wrote_bytes: None,
            reason: None,
            records: None,
            torn_bytes: None,
            left_out: None,
            work: None,
            begins: None,
            failure: None,
        }
    }
}

impl From<Event> for EventData {
    fn from(event: Event) -> Self {
        let count = |count: u64| Some(count as f64);
        match event {
            // These have messages of their own.
            Event::Durable(revision) => EventData { records: count(revision), ..EventData::new("durable") },
            Event::Logged(seq) => EventData { records: count(seq), ..EventData::new("logged") },
            Event::Room => EventData::new("room"),
            Event::Flush { bytes, ms } => {
                EventData { bytes: count(bytes), ms: count(ms), ..EventData::new("flush") }
            }
            Event::Compaction { level, read_bytes, wrote_bytes, ms } => EventData {
                level: count(level as u64),
                read_bytes: count(read_bytes),
                wrote_bytes: count(wrote_bytes),
                ms: count(ms),
                ..EventData::new("compaction")
            },
            Event::Stall { ms, reason } => {
                EventData { ms: count(ms), reason: Some(reason.to_owned()), ..EventData::new("stall") }
            }
            Event::Recovered { records, torn_bytes, left_out } => EventData {
                records: count(records),
                torn_bytes: count(torn_bytes),
                left_out: left_out.map(LeftOutData::from),
                ..EventData::new("recovered")
            },
            Event::Work { kind, begins } => {
                let work = match kind {
                    WorkKind::Flush => "flush",
                    WorkKind::Compaction => "compaction",
                    WorkKind::Segment => "segment",
                };
                EventData { work: Some(work.to_owned()), begins: Some(begins), ..EventData::new("work") }
            }
            Event::Failed(error) => {
                EventData { failure: Some(Failure::from(&error)), ..EventData::new("failed") }
            }
        }
    }
}

impl From<LeftOut> for LeftOutData {
    fn from(left_out: LeftOut) -> Self {
        LeftOutData {
            file: left_out.file.to_string_lossy().into_owned(),
            offset: left_out.offset as f64,
            what: left_out.what,
            bytes: left_out.bytes as f64,
            files: left_out.files as f64,
            folder: left_out.folder.map(|folder| folder.to_string_lossy().into_owned()),
        }
    }
}

impl From<Written> for CommitData {
    fn from(written: Written) -> Self {
        let told = |revision, deleted| CommitData { revision, deleted, conflicts: Vec::new(), newest: 0.0 };
        match written {
            Written::Committed(revision) => told(revision as f64, None),
            Written::Deleted { revision, keys } => told(revision as f64, Some(keys as f64)),
            Written::Stalled => told(STALLED, None),
            Written::Conflict { revision, conflicts } => {
                let data = |conflict: Conflict| ConflictData {
                    guard: conflict.guard as f64,
                    revision: conflict.revision.unwrap_or(0) as f64,
                    key: conflict.key.map(Buffer::from),
                };
                let conflicts = conflicts.into_iter().map(data).collect();
                CommitData { conflicts, newest: revision as f64, ..told(REFUSED, None) }
            }
        }
    }
}

impl From<VerifyReport> for Verified {
    fn from(report: VerifyReport) -> Self {
        let problem = |problem: crate::engine::Problem| Problem {
            file: problem.file.to_string_lossy().into_owned(),
            offset: problem.offset as f64,
            what: problem.what,
        };
        Verified {
            checked_bytes: report.checked_bytes as f64,
            problems: report.problems.into_iter().map(problem).collect(),
        }
    }
}

impl From<CheckpointInfo> for Checkpoint {
    fn from(info: CheckpointInfo) -> Self {
        Checkpoint {
            folder: info.folder.to_string_lossy().into_owned(),
            revision: info.revision as f64,
            tables: info.tables as f64,
            bytes: info.bytes as f64,
        }
    }
}

impl From<BackupInfo> for Backup {
    fn from(info: BackupInfo) -> Self {
        Backup {
            folder: info.folder.to_string_lossy().into_owned(),
            revision: info.revision as f64,
            tables: info.tables as f64,
            bytes: info.bytes as f64,
            copied_tables: info.copied_tables as f64,
            copied_bytes: info.copied_bytes as f64,
        }
    }
}

impl From<SalvageReport> for Salvaged {
    fn from(report: SalvageReport) -> Self {
        let lost = |lost: crate::engine::Lost| LostData {
            file: lost.file.to_string_lossy().into_owned(),
            offset: lost.offset as f64,
            what: lost.what,
            from: lost.from.map(Buffer::from),
            to: lost.to.map(Buffer::from),
        };
        Salvaged {
            revision: report.revision as f64,
            keys: report.keys as f64,
            tables_written: report.tables_written as f64,
            bytes_written: report.bytes_written as f64,
            tables_read: report.tables_read as f64,
            tables_lost: report.tables_lost as f64,
            pages_read: report.pages_read as f64,
            pages_lost: report.pages_lost as f64,
            records_kept: report.records_kept as f64,
            lost: report.lost.into_iter().map(lost).collect(),
            notes: report.notes,
        }
    }
}
