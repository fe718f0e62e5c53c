//! Opening and closing: what an environment attaches with, the options of a database, the life of a handle.

use crate::context::Context;
use crate::engine::{
    self, Compaction, Environment, Filter, Listener, Options, Policy, Recovery, Retain, SkipList, Visible,
};
use crate::message::Outcome;
use crate::registry::{self, Inbox};
use crate::task;
use coppice_engine::error::{Code, Error, Result};
use napi::Env;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::path::PathBuf;
use std::sync::Arc;

/// As in `EngineOptions` of `ts/native/types.ts`, every one decided there.
#[napi(object)]
#[derive(Clone, PartialEq)]
pub struct OpenOptions {
    pub create_if_missing: bool,
    pub error_if_exists: bool,
    pub read_only: bool,
    pub history: Option<bool>,
    pub retain_revisions: Option<f64>,
    pub retain_ms: Option<f64>,
    pub replicated: Option<String>,
    pub recovery: String,
    pub memory_bytes: f64,
    pub memtable_bytes: Option<f64>,
    pub cache_bytes: Option<f64>,
    pub max_disk_bytes: Option<f64>,
    pub compression: bool,
    pub blob_bytes: f64,
    pub filter: String,
    pub max_level: u32,
    pub probability: f64,
    pub policy: String,
    pub threads: Option<u32>,
    pub bytes_per_second: Option<f64>,
    pub interval_ms: Option<f64>,
    pub sync_interval_ms: f64,
}

impl OpenOptions {
    pub fn to_engine(&self, listener: Arc<dyn Listener>) -> Result<Options> {
        Ok(Options {
            create_if_missing: self.create_if_missing,
            error_if_exists: self.error_if_exists,
            read_only: self.read_only,
            history: self.history,
            retain: Retain {
                revisions: optional("retain.revisions", self.retain_revisions)?,
                ms: optional("retain.ms", self.retain_ms)?,
            },
            replicated: match self.replicated.as_deref() {
                None => None,
                Some("applied") => Some(Visible::Applied),
                Some("raised") => Some(Visible::Raised),
                Some(other) => {
                    return Err(Error::invalid(format!(
                        "replicated must be applied or raised, not {other:?}"
                    )));
                }
            },
            recovery: match self.recovery.as_str() {
                "strict" => Recovery::Strict,
                "point-in-time" => Recovery::PointInTime,
                other => {
                    return Err(Error::invalid(format!(
                        "recovery must be strict or point-in-time, not {other:?}"
                    )));
                }
            },
            memory_bytes: whole("memoryBytes", self.memory_bytes)?,
            memtable_bytes: optional("memtableBytes", self.memtable_bytes)?,
            cache_bytes: optional("cacheBytes", self.cache_bytes)?,
            max_disk_bytes: optional("maxDiskBytes", self.max_disk_bytes)?,
            compression: self.compression,
            blob_bytes: whole("blobBytes", self.blob_bytes)?,
            filter: match self.filter.as_str() {
                "auto" => Filter::Auto,
                "cuckoo" => Filter::Cuckoo,
                "none" => Filter::None,
                other => {
                    return Err(Error::invalid(format!(
                        "filter must be auto, cuckoo or none, not {other:?}"
                    )));
                }
            },
            memtable: SkipList {
                max_level: u8::try_from(self.max_level).unwrap_or(u8::MAX),
                probability: self.probability,
            },
            compaction: Compaction {
                policy: match self.policy.as_str() {
                    "levelled" => Policy::Levelled,
                    "paired" => Policy::Paired,
                    other => {
                        return Err(Error::invalid(format!(
                            "compaction.policy must be levelled or paired, not {other:?}"
                        )));
                    }
                },
                threads: self.threads.map(|threads| threads as usize),
                bytes_per_second: optional("compaction.bytesPerSecond", self.bytes_per_second)?,
                interval_ms: optional("compaction.intervalMs", self.interval_ms)?,
            },
            sync_interval_ms: whole("syncIntervalMs", self.sync_interval_ms)?,
            listener,
            ..Options::default()
        })
    }

    /// Whether a database opened with `other`, which keeps history or does not, can be shared with one who asks for `self`.
    pub fn agree_with(&self, other: &OpenOptions, history: bool) -> Result<()> {
        if self.error_if_exists {
            return Err(Error::new(Code::Exists, "the database exists, and errorIfExists was given"));
        }
        let differs = [
            ("history", self.history.is_some_and(|wanted| wanted != history)),
            ("retain.revisions", self.retain_revisions != other.retain_revisions),
            ("retain.ms", self.retain_ms != other.retain_ms),
            ("replicated", self.replicated != other.replicated),
            ("memoryBytes", self.memory_bytes != other.memory_bytes),
            ("memtableBytes", self.memtable_bytes != other.memtable_bytes),
            ("cacheBytes", self.cache_bytes != other.cache_bytes),
            ("maxDiskBytes", self.max_disk_bytes != other.max_disk_bytes),
            ("compression", self.compression != other.compression),
            ("blobBytes", self.blob_bytes != other.blob_bytes),
            ("filter", self.filter != other.filter),
            ("memtable.maxLevel", self.max_level != other.max_level),
            ("memtable.probability", self.probability != other.probability),
            ("compaction.policy", self.policy != other.policy),
            ("compaction.threads", self.threads != other.threads),
            ("compaction.bytesPerSecond", self.bytes_per_second != other.bytes_per_second),
            ("compaction.intervalMs", self.interval_ms != other.interval_ms),
            ("syncIntervalMs", self.sync_interval_ms != other.sync_interval_ms),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(format!(
                "{name} differs from the one this process has the same folder open with: handles share one engine"
            ))),
        }
    }
}

/// A count from JavaScript, which has only floating point numbers.
fn whole(name: &str, number: f64) -> Result<u64> {
    const WHOLE_MAX: f64 = ((1u64 << 53) - 1) as f64;
    if (0.0..=WHOLE_MAX).contains(&number) && number.fract() == 0.0 {
        return Ok(number as u64);
    }
    Err(Error::invalid(format!("{name} must be a whole number, not {number}")))
}

fn optional(name: &str, number: Option<f64>) -> Result<Option<u64>> {
    number.map(|number| whole(name, number)).transpose()
}

/// Starts opening a folder; the outcome is a handle's number. The first key is the current one; absent: a plain database.
#[napi]
pub fn open(env: Env, path: String, options: OpenOptions, keys: Option<Vec<Uint8Array>>) -> Option<f64> {
    Context::answer(&env, |context| {
        let world = Environment::of_system(engine::keys(&keys)?);
        let mailbox = context.mailbox()?;
        let inbox = Inbox::new(mailbox.clone());
        let path = PathBuf::from(path);
        task::start(mailbox, "open", move |_| {
            registry::open(&path, &options, world, inbox).map(Outcome::Opened)
        })
    })
}

/// Closes a handle: calls with its number fail from now on. The engine closes, as a task, if this was its last handle.
#[napi]
pub fn close(env: Env, handle: f64) -> Option<f64> {
    Context::answer(&env, |context| {
        let mailbox = context.mailbox()?.clone();
        let taken = context.take_handle(handle as u64)?;
        task::start(&mailbox, "close", move |_| taken.close().map(|()| Outcome::Nothing))
    })
}
