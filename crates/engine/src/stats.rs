//! What a database has done and holds, in numbers.

use crate::encryption::KeyId;
use crate::state::{Readable, State};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the database was opened.
#[derive(Default)]
pub struct Counters {
    /// Records of the log that the open has applied.
    pub recovered_records: AtomicU64,
    /// How often a version was replaced by the next.
    pub installs: AtomicU64,
    pub commits: AtomicU64,
    /// Keys and values of commits, as users gave them.
    pub user_bytes: AtomicU64,
    pub flushes: AtomicU64,
    pub flushed_bytes: AtomicU64,
    pub compactions: AtomicU64,
    /// Written by compactions; moves write nothing.
    pub compacted_bytes: AtomicU64,
    /// Compactions for nothing but what was dead, and tables that an edit removed for it.
    pub garbage_compactions: AtomicU64,
    /// Key ranges that compactions were cut into, beyond the first of each.
    pub subcompactions: AtomicU64,
    /// How long compactions were to wait because they wrote too fast.
    pub limited_ms: AtomicU64,
    pub tables_dropped: AtomicU64,
    /// How often writes waited a moment so that compaction keeps up.
    pub delays: AtomicU64,
    pub delayed_ms: AtomicU64,
    pub stalls: AtomicU64,
    pub stalled_ms: AtomicU64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Entries in tables and memtables less two a delete, with history less those superseded: exact where no key was written
    /// twice and no range deleted.
    pub keys_estimate: u64,
    /// Tables, blob files and log.
    pub disk_bytes: u64,
    pub log_bytes: u64,
    pub memtable_bytes: u64,
    pub memtables: u64,
    pub levels: Vec<LevelStats>,
    pub blobs: BlobStats,
    /// Of an encrypted database: its current key, and then all others that are still needed.
    pub keys: Vec<KeyUse>,
    pub cache_bytes: u64,
    pub cache_hits: u64,
    pub cache_misses: u64,
    /// Indexes and filters held by open tables.
    pub resident_bytes: u64,
    /// Lookups in tables that had to look at a page, and those that did not find their key there.
    pub filter_passes: u64,
    pub filter_false_passes: u64,
    pub snapshots: u64,
    /// Only with history.
    pub history: Option<HistoryStats>,
    /// Runs of dead keys that range cursors have noted, and how often they passed one at once.
    pub runs_noted: u64,
    pub runs_passed: u64,
    pub recovered_records: u64,
    pub commits: u64,
    pub user_bytes: u64,
    pub flushes: u64,
    pub flushed_bytes: u64,
    pub compactions: u64,
    pub compacted_bytes: u64,
    pub garbage_compactions: u64,
    pub subcompactions: u64,
    pub limited_ms: u64,
    pub tables_dropped: u64,
    /// How far compaction is behind: from 0.5 on writes are slowed down, at 1 they are as slow as compaction.
    pub pressure: f64,
    pub delays: u64,
    pub delayed_ms: u64,
    pub stalls: u64,
    pub stalled_ms: u64,
    /// At most so long has any commit waited for what others, the background among them, held at that moment. Stalls and
    /// delays, which end the call, are not in it.
    pub commit_wait_ns_max: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelStats {
    pub files: u64,
    pub bytes: u64,
    pub entries: u64,
    pub deletes: u64,
    pub range_deletes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryStats {
    /// Versions of keys, deletes included, that are there now.
    pub versions: u64,
    /// The oldest revision that can be read.
    pub trim_revision: u64,
    /// Of versions in tables, those that go once the database is trimmed to the newest revision, about.
    pub superseded: u64,
}

/// What a key encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    pub id: KeyId,
    /// Tables, blob files and segments of the log.
    pub files: u64,
}

/// Files of large values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobStats {
    pub files: u64,
    pub bytes: u64,
    /// Bytes of values in them that are not needed any more.
    pub garbage_bytes: u64,
}

impl State {
    pub fn stats(&self) -> Stats {
        let readable = self.readable.load_full();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let memtables = || readable.memtables();
        let levels: Vec<LevelStats> =
            readable.version.levels.iter().map(|tables| level_stats(tables)).collect();
        let entries = memtables().map(|memtable| memtable.entries() as u64).sum::<u64>();
        let entries = entries + levels.iter().map(|level| level.entries).sum::<u64>();
        let deletes = levels.iter().map(|level| level.deletes).sum::<u64>();
        let log_bytes = self.log.bytes_on_disk();
        let (runs_noted, runs_passed) = self.dead_runs.counts();
        let tables = || readable.version.levels.iter().flatten();
        let history = self.creation.history.then(|| HistoryStats {
            versions: entries,
            trim_revision: self.trim.load(Ordering::Relaxed),
            superseded: tables().filter_map(|table| table.summary().versions).map(|it| it.dead).sum(),
        });
        let not_keys = history.map_or(2 * deletes, |history| history.superseded);
        Stats {
            keys_estimate: entries.saturating_sub(not_keys),
            history,
            disk_bytes: readable.disk_bytes() + log_bytes,
            log_bytes,
            memtable_bytes: memtables().map(|memtable| memtable.bytes() as u64).sum(),
            memtables: memtables().count() as u64,
            levels,
            blobs: blob_stats(&readable),
            keys: self.key_uses(&readable),
            cache_bytes: self.cache.bytes(),
            cache_hits: self.cache.hits(),
            cache_misses: self.cache.misses(),
            resident_bytes: tables().map(|table| table.resident_bytes() as u64).sum(),
            filter_passes: tables().map(|table| table.filter_passes()).sum(),
            filter_false_passes: tables().map(|table| table.filter_false_passes()).sum(),
            snapshots: self.snapshots.len() as u64,
            runs_noted,
            runs_passed,
            recovered_records: count(&self.counters.recovered_records),
            commits: count(&self.counters.commits),
            user_bytes: count(&self.counters.user_bytes),
            flushes: count(&self.counters.flushes),
            flushed_bytes: count(&self.counters.flushed_bytes),
            compactions: count(&self.counters.compactions),
            compacted_bytes: count(&self.counters.compacted_bytes),
            garbage_compactions: count(&self.counters.garbage_compactions),
            subcompactions: count(&self.counters.subcompactions),
            limited_ms: count(&self.counters.limited_ms),
            tables_dropped: count(&self.counters.tables_dropped),
            pressure: self.pressure.ratio(),
            delays: count(&self.counters.delays),
            delayed_ms: count(&self.counters.delayed_ms),
            stalls: count(&self.counters.stalls),
            stalled_ms: count(&self.counters.stalled_ms),
            commit_wait_ns_max: self.waits.nanoseconds() + self.log.append_wait_ns_max(),
        }
    }
}

impl State {
    fn key_uses(&self, readable: &Readable) -> Vec<KeyUse> {
        let Some(current) = self.environment.keys.current() else { return Vec::new() };
        let tables = readable.version.tables().map(|table| table.summary().key);
        let blobs = readable.version.blobs().map(|blob| blob.file.meta().key);
        let parts = readable.memtables().flat_map(|memtable| memtable.parts().all());
        let others = self.log.keys().into_iter().chain(parts.map(|part| part.meta().key));
        let mut uses: BTreeMap<KeyId, u64> = BTreeMap::new();
        tables.chain(blobs).chain(others).flatten().for_each(|id| *uses.entry(id).or_default() += 1);
        let first = KeyUse { id: current, files: uses.remove(&current).unwrap_or(0) };
        std::iter::once(first).chain(uses.into_iter().map(|(id, files)| KeyUse { id, files })).collect()
    }
}

fn blob_stats(readable: &Readable) -> BlobStats {
    let live = readable.version.blobs().fold(BlobStats::default(), |sum, blob| BlobStats {
        files: sum.files + 1,
        bytes: sum.bytes + blob.file.meta().bytes,
        garbage_bytes: sum.garbage_bytes + blob.garbage(),
    });
    readable.memtables().flat_map(|memtable| memtable.parts().all()).fold(live, |sum, part| BlobStats {
        files: sum.files + 1,
        bytes: sum.bytes + part.meta().bytes,
        ..sum
    })
}

fn level_stats(tables: &[std::sync::Arc<crate::table::Table>]) -> LevelStats {
    tables.iter().fold(LevelStats::default(), |sum, table| LevelStats {
        files: sum.files + 1,
        bytes: sum.bytes + table.summary().bytes,
        entries: sum.entries + table.summary().entries,
        deletes: sum.deletes + table.summary().deletes,
        range_deletes: sum.range_deletes + table.summary().range_deletes,
    })
}
