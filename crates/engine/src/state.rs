//! What a running database is: the parts, and the rules for changing them. Locks are taken in this order and no other:
//! `compacting` (which plans run), `install` (who may change the version), `commit` (who may write), `work` (what is due).

use crate::announce::SegmentChange;
use crate::blob::{BlobBuilder, Handles};
use crate::compaction::Turns;
use crate::dead_runs::DeadRuns;
use crate::disk::Lock;
use crate::environment::{Clock, Environment};
use crate::error::{Code, Error, Result};
use crate::key::{EMPTY_REVISION, Revision};
use crate::manifest::{Creation, ManifestLog};
use crate::marks::Marks;
use crate::memtable::{Memtable, MemtableOptions};
use crate::names::{FileName, FileNumbers};
use crate::options::{Event, Filter, Options, Visible};
use crate::pin::pin;
use crate::pressure::{Allowance, Pressure};
use crate::rate::Rate;
use crate::replicated::Replicated;
use crate::snapshot::{Pinned, Snapshots};
use crate::stats::Counters;
use crate::table::{PageCache, TableOptions};
use crate::version::{Tables, Version};
use crate::waits::LongestWait;
use crate::wal::{Log, Watermark};
use crate::work::Work;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

pub struct State {
    pub folder: PathBuf,
    pub environment: Environment,
    pub options: Options,
    pub creation: Creation,
    pub time: Time,
    pub cache: Arc<PageCache>,
    pub handles: Arc<Handles>,
    pub log: Log,
    /// The only writer of versions. None in a read-only database, and once closed.
    pub install: Mutex<Option<ManifestLog>>,
    pub commit: Mutex<Commit>,
    /// For `commit`, of commits.
    pub waits: LongestWait,
    /// Held by who writes to the parts of a large value; by close, to wait for the end of what is being written.
    pub staging: RwLock<()>,
    /// What large values that no commit has yet take on the disk.
    pub staged_bytes: AtomicU64,
    /// The compactions that run. Held to choose and to end one, not while it runs.
    pub compacting: Mutex<Turns>,
    pub pressure: Pressure,
    /// What the background may write, if that is limited.
    pub rate: Option<Rate>,
    pub replicated: Option<Replicated>,
    /// Threads that may merge at once.
    pub compaction_threads: usize,
    pub readable: ArcSwap<Readable>,
    /// The newest revision that readers see.
    pub visible: AtomicU64,
    /// The newest revision that `Event::Durable` has told of.
    pub announced: AtomicU64,
    /// With history: the oldest revision that can be read. Raised once the log has it.
    pub trim: AtomicU64,
    /// With history that is kept for a time. The last lock of all.
    pub marks: Mutex<Marks>,
    pub segment_change: SegmentChange,
    /// When a spare segment is tried again for which the disk was too full.
    pub spare_again_ms: AtomicI64,
    pub snapshots: Snapshots,
    pub dead_runs: Arc<DeadRuns>,
    /// The next file number; no number is used twice, whatever it named.
    pub numbers: Arc<FileNumbers>,
    pub work: Work,
    pub counters: Counters,
    pub lock: Mutex<Option<Box<dyn Lock>>>,
    status: AtomicU8,
    poison: OnceLock<Error>,
    /// Why the last flush did not come through; cleared when one does.
    flush_error: Mutex<Option<Error>>,
    /// Whether a compaction waits for a snapshot to end, or a flush that upkeep would make.
    pub compaction_held: AtomicBool,
    pub upkeep_held: AtomicBool,
    /// What had been logged at the last look, about.
    pub upkeep_logged: AtomicU64,
    /// How far the database was trimmed when compaction was last told.
    pub collected_trim: AtomicU64,
    /// Why nothing is compacted any more.
    compaction_error: OnceLock<Error>,
    /// Why the last compaction did not come through, where another attempt may; cleared when one does.
    compaction_pause: Mutex<Option<Error>>,
}

/// What only the writer touches, under the commit lock.
pub struct Commit {
    /// The last commit.
    pub last: Watermark,
    /// When writes began to be refused for want of room, and why.
    pub stalled: Option<(i64, Stall)>,
    /// What may be written while compaction is behind.
    pub allowance: Allowance,
}

/// What writes wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    Flush,
    Level0,
    /// A moment, so that compaction keeps up.
    Pace,
}

impl Stall {
    pub fn reason(self) -> &'static str {
        match self {
            Stall::Flush => "all memtables wait to be flushed",
            Stall::Level0 => "level 0 waits to be compacted",
            Stall::Pace => "compaction is behind",
        }
    }
}

/// Everything a reader pins at once. Replaced whole, never changed.
#[derive(Clone)]
pub struct Readable {
    pub active: Arc<Memtable>,
    /// Newest first; each waits to be flushed.
    pub sealed: Vec<Arc<Sealed>>,
    pub version: Arc<Version>,
    /// Every commit at or below it is in the version's tables.
    pub flushed: Watermark,
}

impl Readable {
    /// The last commit that is not in the active memtable.
    fn sealed_sequence(&self) -> u64 {
        self.sealed.first().map_or(self.flushed, |sealed| sealed.last).sequence
    }

    /// Tables, blob files and the parts of large values.
    pub fn disk_bytes(&self) -> u64 {
        let parts = self.memtables().flat_map(|memtable| memtable.parts().all());
        self.version.disk_bytes() + parts.map(|part| part.meta().bytes).sum::<u64>()
    }
}

/// A memtable that takes no more writes, and where the log stood when it was sealed.
pub struct Sealed {
    pub memtable: Arc<Memtable>,
    /// Of the last commit in it.
    pub last: Watermark,
    /// Segments below this one hold nothing newer than the memtable.
    pub floor_segment: u64,
}

/// The parts that recovery hands over.
pub struct Parts {
    pub folder: PathBuf,
    pub environment: Environment,
    pub options: Options,
    pub creation: Creation,
    pub time: Time,
    pub cache: Arc<PageCache>,
    pub handles: Arc<Handles>,
    pub log: Log,
    pub install: Option<ManifestLog>,
    pub readable: Readable,
    pub last: Watermark,
    pub trim: Revision,
    pub marks: Marks,
    pub numbers: Arc<FileNumbers>,
    pub lock: Option<Box<dyn Lock>>,
}

const OPEN: u8 = 0;
const CLOSING: u8 = 1;
const CLOSED: u8 = 2;

impl State {
    pub fn new(parts: Parts) -> Arc<State> {
        let compaction_threads = parts.options.compaction_threads(parts.environment.threads);
        let rate = parts.options.compaction.bytes_per_second;
        let rate = rate.map(|rate| Rate::new(rate, parts.environment.clock.now_ms()));
        let pressure = Pressure::new(parts.environment.clock.now_ms());
        let replicated = parts.options.replicated.map(|visible| Replicated::new(visible, parts.last));
        let is_raised = parts.options.replicated == Some(Visible::Raised);
        let visible = if is_raised { EMPTY_REVISION } else { parts.last.revision };
        Arc::new(State {
            folder: parts.folder,
            environment: parts.environment,
            options: parts.options,
            creation: parts.creation,
            time: parts.time,
            cache: parts.cache,
            handles: parts.handles,
            log: parts.log,
            install: Mutex::new(parts.install),
            staging: RwLock::default(),
            staged_bytes: AtomicU64::default(),
            commit: Mutex::new(Commit { last: parts.last, stalled: None, allowance: Allowance::default() }),
            waits: LongestWait::default(),
            compacting: Mutex::default(),
            compaction_threads,
            pressure,
            rate,
            replicated,
            readable: ArcSwap::from_pointee(parts.readable),
            visible: AtomicU64::new(visible),
            announced: AtomicU64::new(parts.last.revision),
            trim: AtomicU64::new(parts.trim.max(EMPTY_REVISION)),
            marks: Mutex::new(parts.marks),
            segment_change: SegmentChange::default(),
            spare_again_ms: AtomicI64::default(),
            snapshots: Snapshots::default(),
            dead_runs: DeadRuns::new(parts.last.revision),
            numbers: parts.numbers,
            work: Work::default(),
            counters: Counters::default(),
            lock: Mutex::new(parts.lock),
            status: AtomicU8::new(OPEN),
            poison: OnceLock::new(),
            flush_error: Mutex::new(None),
            compaction_held: AtomicBool::new(false),
            upkeep_held: AtomicBool::new(false),
            upkeep_logged: AtomicU64::default(),
            collected_trim: AtomicU64::new(parts.trim),
            compaction_error: OnceLock::new(),
            compaction_pause: Mutex::new(None),
        })
    }

    #[inline]
    pub fn check_open(&self) -> Result<()> {
        match self.status.load(Ordering::Acquire) {
            OPEN => Ok(()),
            _ => Err(Error::new(Code::Closed, "the database is closed")),
        }
    }

    #[inline]
    pub fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        self.check_poison()?;
        if self.options.read_only {
            return Err(Error::new(Code::ReadOnly, "the database was opened with readOnly"));
        }
        Ok(())
    }

    #[inline]
    pub fn check_poison(&self) -> Result<()> {
        self.poison.get().map_or(Ok(()), |cause| Err(cause.as_poison()))
    }

    /// True for the one caller that gets to close.
    pub fn begin_close(&self) -> bool {
        self.status.compare_exchange(OPEN, CLOSING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub fn end_close(&self) {
        self.status.store(CLOSED, Ordering::Release);
        *self.install.lock() = None;
        *self.lock.lock() = None;
    }

    /// The first failure wins; from then on every write is answered with it.
    pub fn poison(&self, cause: &Error) {
        if self.poison.set(cause.clone()).is_ok() {
            self.options.listener.event(Event::Failed(cause.as_poison()));
        }
    }

    pub fn flush_error(&self) -> Option<Error> {
        self.flush_error.lock().clone()
    }

    pub fn set_flush_error(&self, error: Option<Error>) {
        *self.flush_error.lock() = error;
    }

    pub fn fail_compaction(&self, cause: &Error) {
        let _ = self.compaction_error.set(cause.clone());
    }

    pub fn check_compaction(&self) -> Result<()> {
        self.compaction_error.get().map_or(Ok(()), |cause| Err(cause.clone()))
    }

    pub fn compaction_pause(&self) -> Option<Error> {
        self.compaction_pause.lock().clone()
    }

    pub fn set_compaction_pause(&self, error: Option<Error>) {
        *self.compaction_pause.lock() = error;
    }

    /// Memtables and version that hold every commit up to the revision beside them, and all that it needs.
    pub fn pin(&self) -> (Arc<Readable>, Revision) {
        pin(&self.readable, &self.visible)
    }

    /// Closes the active memtable for writes and gives the next one at least `bytes` of room. Under the commit lock.
    pub fn rotate(&self, commit: &Commit, bytes: usize) {
        let active = new_memtable(&self.environment, &self.options, bytes);
        let floor_segment = self.log.active_segment();
        self.readable.rcu(|readable| {
            let mut sealed = readable.sealed.clone();
            // Also if all that came since the last one is no entry: the log's floor moves with it.
            if commit.last.sequence > readable.sealed_sequence() {
                let memtable = readable.active.clone();
                sealed.insert(0, Arc::new(Sealed { memtable, last: commit.last, floor_segment }));
            }
            Readable { active: active.clone(), sealed, ..Readable::clone(readable) }
        });
    }

    /// What a flush or a merge must keep of commits up to `flushed`, which are durable.
    pub fn pinned(&self, flushed: Revision) -> Pinned {
        // Before the snapshots are looked at: one that is registered later stands at both or above.
        let trim = self.creation.history.then(|| self.trim_at(flushed));
        let whole_above = trim.into_iter().chain(self.raised_to()).min();
        let pinned = self.snapshots.pinned(|| self.time.now_ms());
        match whole_above {
            Some(above) => pinned.whole_above(above),
            None if self.replicated.is_some() => Pinned { now_ms: i64::MIN, ..pinned },
            None => pinned,
        }
    }

    /// Whether what has expired is dropped by merges, each on its own. With history others read it at a revision; and the
    /// nodes of a replicated database come to the same by their log alone, whatever their clocks say.
    pub fn deadlines_make_garbage(&self) -> bool {
        !self.creation.history && self.replicated.is_none()
    }

    /// To where commits up to `flushed` are trimmed. No further: after a crash they may be the last ones.
    pub fn trim_at(&self, flushed: Revision) -> Revision {
        self.trim.load(Ordering::SeqCst).min(flushed)
    }

    pub fn table_options(&self) -> TableOptions {
        TableOptions {
            compression: self.options.compression,
            page_bytes: self.options.tuning.page_bytes,
            filter: self.options.filter != Filter::None,
            filter_seed: self.creation.filter_seed,
            trim: self.creation.history.then(|| self.trim_at(self.raised_to().unwrap_or(Revision::MAX))),
        }
    }

    pub fn tables(&self) -> Tables<'_> {
        Tables {
            disk: &self.environment.disk,
            folder: &self.folder,
            cache: &self.cache,
            filter_seed: self.creation.filter_seed,
            handles: &self.handles,
            keys: &self.environment.keys,
        }
    }

    pub fn table_path(&self, number: u64) -> PathBuf {
        FileName::Table(number).in_folder(&self.folder)
    }

    /// Begins a blob file.
    pub fn new_blob(&self) -> Result<BlobBuilder> {
        let number = self.numbers.take();
        BlobBuilder::begin(&self.environment, &self.blob_path(number), number, self.options.compression)
    }

    pub fn blob_path(&self, number: u64) -> PathBuf {
        FileName::Blob(number).in_folder(&self.folder)
    }
}

/// An empty memtable of the usual size, or of `bytes` if that is more.
pub fn new_memtable(environment: &Environment, options: &Options, bytes: usize) -> Arc<Memtable> {
    let mut seed = [0; 8];
    environment.random.fill(&mut seed);
    Memtable::new(MemtableOptions {
        bytes: bytes.max(options.memtable_arena_bytes()),
        max_level: options.memtable.max_level,
        probability: options.memtable.probability,
        seed: u64::from_le_bytes(seed),
    })
}

/// The engine's time: the clock's, but never earlier than any time already given out or found in the database.
pub struct Time {
    clock: Arc<dyn Clock>,
    latest_ms: AtomicI64,
}

impl Time {
    pub fn new(clock: Arc<dyn Clock>, at_least_ms: i64) -> Self {
        Time { clock, latest_ms: AtomicI64::new(at_least_ms) }
    }

    pub fn now_ms(&self) -> i64 {
        let now = self.clock.now_ms();
        self.latest_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// Raises the time to what a replayed record says.
    pub fn observe(&self, time_ms: i64) {
        self.latest_ms.fetch_max(time_ms, Ordering::Relaxed);
    }
}
