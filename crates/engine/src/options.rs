//! What a database is opened with. Every option has a default; `validate` refuses what cannot work, by name.

use crate::error::{Error, Result};
use crate::key::{Revision, Sequence};
use crate::limits;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

#[derive(Clone)]
pub struct Options {
    pub create_if_missing: bool,
    pub error_if_exists: bool,
    /// Whether past versions are kept until trimmed: fixed when a database is made, without it unless it is asked for. None:
    /// as the database is.
    pub history: Option<bool>,
    /// How a database with history trims itself.
    pub retain: Retain,
    /// Others have the log of this database too: see `replication.rs`. None: it is this folder's alone.
    pub replicated: Option<Visible>,
    /// Nothing is written: no log, no flush, no compaction, no repair of a torn tail. No lock is taken either: another
    /// process may write meanwhile, of which this database sees nothing. It holds one open file for each table and each
    /// blob file.
    pub read_only: bool,
    pub recovery: Recovery,
    /// One budget for memtables, page cache and filters.
    pub memory_bytes: u64,
    /// Divides the budget, if given: all memtables together.
    pub memtable_bytes: Option<u64>,
    /// Divides the budget, if given: uncompressed pages.
    pub cache_bytes: Option<u64>,
    /// Writes are refused with `DiskFull` above it, but for those that only delete. Nothing is deleted for it.
    pub max_disk_bytes: Option<u64>,
    pub compression: bool,
    /// Values from this many bytes on are moved into blob files when they are flushed; 0: none is.
    pub blob_bytes: u64,
    pub filter: Filter,
    pub memtable: SkipList,
    /// The longest that a written record stays unsynced while nobody waits for it.
    pub sync_interval_ms: u64,
    pub compaction: Compaction,
    pub tuning: Tuning,
    /// How the lock file names this process.
    pub holder: String,
    pub listener: Arc<dyn Listener>,
}

/// What of a history is kept for sure; the rest is trimmed, now and then. Of none nothing is trimmed; of both what either
/// keeps stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retain {
    /// The newest revisions, so many.
    pub revisions: Option<u64>,
    /// What was the newest state at any time so long ago or later.
    pub ms: Option<u64>,
}

/// When readers of a replicated database see a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// As soon as it is applied.
    Applied,
    /// Once `Db::raise` has passed its revision: what has not got so far may be taken back.
    Raised,
}

/// What an open does where the log is damaged, not only torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Fails with `Corrupt` and changes nothing.
    Strict,
    /// Opens at the last whole commit before the damage and keeps what lies behind it in a folder of its own.
    PointInTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The engine's choice: a cuckoo filter.
    Auto,
    Cuckoo,
    None,
}

/// The memtable's skip list, as K4 has it.
#[derive(Clone, Copy, Debug)]
pub struct SkipList {
    /// 1 to 16.
    pub max_level: u8,
    /// Of a node's next level; above 0 and below 1.
    pub probability: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Each level many times the one above: few runs to read, little room, the most writing.
    Levelled,
    /// Runs of which each is about twice the newer one: the least writing, up to twice the room, more runs to read.
    Paired,
}

/// How tables are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    pub policy: Policy,
    /// Threads that merge at once; none: one less than the machine has cores, but one at least.
    pub threads: Option<usize>,
    /// What flushes and compactions may write; compactions wait for it. None: no limit.
    pub bytes_per_second: Option<u64>,
    /// Everything is merged down so often, if anything was flushed meanwhile. None: only as work arises.
    pub interval_ms: Option<u64>,
}

/// Sizes that tests make small so that a short history sees everything happen.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    pub segment_bytes_min: u64,
    pub segment_bytes_max: u64,
    pub page_bytes: usize,
    pub table_bytes: u64,
    /// A table of a level that has several ends when it refers to so many blob files.
    pub table_blobs: usize,
    /// A blob file ends at this size.
    pub blob_file_bytes: u64,
    /// A part of a large value is at most this long.
    pub blob_part_bytes: u64,
    /// What is copied of worn blob files before they go, or as much as the tables take if that is more.
    pub blob_copy_bytes: u64,
    pub manifest_roll_bytes: u64,
    /// Level-0 tables that make a compaction due.
    pub level0_trigger: usize,
    /// Level-0 tables at which writes wait.
    pub level0_stop: usize,
    /// The size that the first level below 0 is allowed.
    pub level_base_bytes: u64,
    /// What a compaction or flush for garbage alone frees at least.
    pub garbage_bytes_min: u64,
    /// One memtable's arena; 0 takes an eighth of the budget.
    pub memtable_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            segment_bytes_min: limits::SEGMENT_BYTES_MIN,
            segment_bytes_max: limits::SEGMENT_BYTES_MAX,
            page_bytes: limits::PAGE_BYTES,
            table_bytes: limits::TABLE_BYTES_TARGET,
            table_blobs: limits::TABLE_BLOBS_TARGET,
            blob_file_bytes: limits::BLOB_FILE_BYTES_TARGET,
            blob_part_bytes: limits::BLOB_PART_BYTES,
            blob_copy_bytes: limits::BLOB_COPY_BYTES,
            manifest_roll_bytes: 256 << 10,
            level0_trigger: 4,
            level0_stop: 24,
            level_base_bytes: 64 << 20,
            garbage_bytes_min: 64 << 10,
            memtable_bytes: 0,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            create_if_missing: true,
            error_if_exists: false,
            history: None,
            retain: Retain::default(),
            replicated: None,
            read_only: false,
            recovery: Recovery::Strict,
            memory_bytes: limits::MEMORY_BYTES_DEFAULT,
            memtable_bytes: None,
            cache_bytes: None,
            max_disk_bytes: None,
            compression: true,
            blob_bytes: limits::BLOB_BYTES_DEFAULT,
            filter: Filter::Auto,
            memtable: SkipList { max_level: 8, probability: 1.0 / 16.0 },
            sync_interval_ms: 1000,
            compaction: Compaction {
                policy: Policy::Levelled,
                threads: None,
                bytes_per_second: None,
                interval_ms: None,
            },
            tuning: Tuning::default(),
            holder: format!("process {}", std::process::id()),
            listener: Arc::new(Silent),
        }
    }
}

impl Options {
    pub fn validate(&self) -> Result<()> {
        let probability = self.memtable.probability;
        if self.memory_bytes < limits::MEMORY_BYTES_MIN {
            let least = limits::MEMORY_BYTES_MIN;
            return Err(Error::invalid(format!(
                "memoryBytes is {}: at least {least} are needed",
                self.memory_bytes
            )));
        }
        if self.memtable_bytes.unwrap_or(0).saturating_add(self.cache_bytes.unwrap_or(0)) > self.memory_bytes
        {
            return Err(Error::invalid("memtableBytes and cacheBytes together are more than memoryBytes"));
        }
        if self.memtable_bytes.is_some_and(|bytes| bytes < MEMTABLES_MAX as u64 * MEMTABLE_BYTES_MIN) {
            let least = MEMTABLES_MAX as u64 * MEMTABLE_BYTES_MIN;
            return Err(Error::invalid(format!("memtableBytes is below its least of {least}")));
        }
        if !(1..=16).contains(&self.memtable.max_level) {
            return Err(Error::invalid(format!("memtable.maxLevel is {}: 1 to 16", self.memtable.max_level)));
        }
        if !(probability > 0.0 && probability < 1.0) {
            return Err(Error::invalid(format!("memtable.probability is {probability}: between 0 and 1")));
        }
        if self.compaction.threads.is_some_and(|threads| !(1..=COMPACTION_THREADS_MAX).contains(&threads)) {
            return Err(Error::invalid(format!("compaction.threads is not 1 to {COMPACTION_THREADS_MAX}")));
        }
        if self.compaction.bytes_per_second.is_some_and(|bytes| bytes < BYTES_PER_SECOND_MIN) {
            let least = BYTES_PER_SECOND_MIN;
            return Err(Error::invalid(format!("compaction.bytesPerSecond is below its least of {least}")));
        }
        if self.replicated.is_some() && self.read_only {
            return Err(Error::invalid(
                "a replicated database follows its log, which readOnly does not let it",
            ));
        }
        if self.retain.revisions == Some(0) || self.retain.ms == Some(0) {
            return Err(Error::invalid("retain keeps nothing: at least 1 revision or 1 millisecond"));
        }
        if self.compaction.interval_ms == Some(0) {
            return Err(Error::invalid("compaction.intervalMs is 0: at least 1"));
        }
        Ok(())
    }

    /// Threads that merge at once, on this machine; one where nothing may depend on the machine.
    pub fn compaction_threads(&self, has_threads: bool) -> usize {
        // Linux answers from files of its control groups, which takes longer than the rest of an open.
        static CORES: OnceLock<usize> = OnceLock::new();
        let cores = || *CORES.get_or_init(|| available_parallelism().map_or(1, NonZeroUsize::get)) - 1;
        let chosen = || if has_threads { cores().clamp(1, COMPACTION_THREADS_MAX) } else { 1 };
        self.compaction.threads.unwrap_or_else(chosen)
    }

    /// The arena of one memtable: `MEMTABLES_MAX` of them share half of the budget.
    pub fn memtable_arena_bytes(&self) -> usize {
        let all = self.memtable_bytes.unwrap_or(self.memory_bytes / 2);
        let one = if self.tuning.memtable_bytes > 0 {
            self.tuning.memtable_bytes
        } else {
            all / MEMTABLES_MAX as u64
        };
        usize::try_from(one.min(MEMTABLE_BYTES_MAX)).expect("bounded above")
    }

    pub fn page_cache_bytes(&self) -> u64 {
        self.cache_bytes.unwrap_or(self.memory_bytes / 8 * 3)
    }
}

/// One memtable takes writes while the others wait to be flushed.
pub const MEMTABLES_MAX: usize = 4;
/// Less would let a compaction take days.
const BYTES_PER_SECOND_MIN: u64 = 64 << 10;
/// More would only wait for the disk.
const COMPACTION_THREADS_MAX: usize = 16;
const MEMTABLE_BYTES_MIN: u64 = 64 << 10;
/// Offsets in an arena have 32 bits; far below that, flushes of one memtable would take seconds.
const MEMTABLE_BYTES_MAX: u64 = 256 << 20;

/// Hears what the engine does, on the engine's threads and on those that write, under locks: it must return at once and
/// must not call the database.
pub trait Listener: Send + Sync {
    fn event(&self, event: Event);
}

#[derive(Clone, Debug)]
pub enum Event {
    /// Every commit up to this revision is synced.
    Durable(Revision),
    /// Every record of the log up to this one is synced. Only of a replicated database.
    Logged(Sequence),
    /// Writes that were answered `Stalled` may be tried again.
    Room,
    /// Work off the committing thread begins, or ends in whatever way.
    Work {
        kind: WorkKind,
        begins: bool,
    },
    Flush {
        bytes: u64,
        ms: u64,
    },
    Compaction {
        level: usize,
        read_bytes: u64,
        wrote_bytes: u64,
        ms: u64,
    },
    /// Writes had to wait this long.
    Stall {
        ms: u64,
        reason: &'static str,
    },
    /// The log was replayed at open.
    Recovered {
        records: u64,
        torn_bytes: u64,
        /// Only with `Recovery::PointInTime`.
        left_out: Option<LeftOut>,
    },
    /// The database stopped writing, or compaction stopped.
    Failed(Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkKind {
    Flush,
    Compaction,
    /// The log's next segment is made ready, or taken into use until its first record is synced.
    Segment,
}

/// What `Recovery::PointInTime` left out: the log from its first damage on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where the damage begins, and what it is.
    pub file: PathBuf,
    pub offset: u64,
    pub what: String,
    /// Of the log, from the damage on; unused room at the end of its files counts too.
    pub bytes: u64,
    /// How many of the log's files hold them.
    pub files: u64,
    /// Where those files are kept, whole; none if the open was read-only, which leaves them where they are.
    pub folder: Option<PathBuf>,
}

struct Silent;

impl Listener for Silent {
    fn event(&self, _event: Event) {}
}
