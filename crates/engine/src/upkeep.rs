//! What a database does once it is left alone: it flushes a memtable whose deletes, or whose log, take more room than
//! the flush costs, and lets the log shrink to one small segment. On the flush thread, by one deadline that a commit or
//! a compaction sets; an idle database has none.

use crate::cursor::Cursor;
use crate::entry::NO_DEADLINE;
use crate::error::Result;
use crate::key::Revision;
use crate::memtable::Memtable;
use crate::state::{Readable, State};
use crate::table::{GARBAGE_PERCENT, Garbage, Table};
use crate::work::Due;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// From a commit to a look at whether more have come, and so on until they have not.
const QUIET_MS: i64 = 5_000;
/// A database that logs no more than this meanwhile is left alone.
const QUIET_BYTES: u64 = 64 << 10;
/// What a commit takes in the log beside its keys and values, about.
const COMMIT_BYTES: u64 = 64;

/// What a memtable holds.
#[derive(Default)]
struct Contents {
    /// Keys and values that a flush would keep.
    live_bytes: u64,
    /// Entries that may hide one in a table.
    hiding: u64,
    /// When more of it will have expired; `NO_DEADLINE`: never.
    next_ms: i64,
}

impl State {
    /// Sees to it that `begin_upkeep` is called some time after this.
    pub fn arm_upkeep(&self, due: &mut Due) {
        let at_ms = self.environment.clock.now_ms() + QUIET_MS;
        if due.upkeep_at_ms > at_ms && !self.options.read_only {
            due.upkeep_at_ms = at_ms;
            self.work.flush.notify_one();
        }
    }

    /// Whether it is time for that. Takes the deadline.
    pub fn take_upkeep(&self, due: &mut Due) -> bool {
        let is_due = due.upkeep_at_ms != NO_DEADLINE && self.environment.clock.now_ms() >= due.upkeep_at_ms;
        if is_due {
            due.upkeep_at_ms = NO_DEADLINE;
        }
        is_due
    }

    /// Seals a memtable that is better flushed; the caller flushes. Nothing while writes go on.
    pub fn begin_upkeep(&self) -> Result<()> {
        self.check_writable()?;
        self.trim_by_age();
        self.collect_since();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let logged = count(&self.counters.user_bytes) + COMMIT_BYTES * count(&self.counters.commits);
        if logged - self.upkeep_logged.swap(logged, Ordering::Relaxed) > QUIET_BYTES {
            self.arm_upkeep(&mut self.work.lock());
            return Ok(());
        }
        let readable = self.readable.load_full();
        if readable.active.is_empty() {
            return Ok(());
        }
        let (table_bytes, table_entries) = (readable.version.disk_bytes(), readable.version.entries());
        let log_bytes = self.log.bytes_beyond_rest();
        let in_ranges = hidden_by_ranges(&readable);
        // A flush costs nothing beside the parts of large values, and takes away those that were replaced.
        let has_parts = readable.active.parts().bytes() >= self.options.tuning.garbage_bytes_min;
        let is_worth = |hiding: u64, live_bytes: u64| {
            let hidden = hiding.min(table_entries) * (table_bytes / table_entries.max(1));
            let hidden = hidden.max(in_ranges).min(table_bytes);
            let gained = (hidden + log_bytes).saturating_sub(live_bytes);
            has_parts
                || gained >= self.options.tuning.garbage_bytes_min
                    && gained * 100 >= (table_bytes + log_bytes) * GARBAGE_PERCENT as u64
        };
        // A walk through the memtable every few seconds is much for a trickle of writes that nothing would come of.
        if !is_worth(readable.active.entries() as u64, 0) {
            return Ok(());
        }
        let contents = self.contents(&readable.active)?;
        if is_worth(contents.hiding, contents.live_bytes) {
            self.rotate(&self.commit.lock(), 0);
        } else if contents.next_ms != NO_DEADLINE {
            let mut due = self.work.lock();
            due.upkeep_at_ms = due.upkeep_at_ms.min(contents.next_ms);
        }
        Ok(())
    }

    /// With everything in tables the log needs no more than one small segment.
    pub fn end_upkeep(&self) -> Result<()> {
        let readable = self.readable.load();
        if readable.active.is_empty()
            && readable.sealed.is_empty()
            && self.log.bytes_beyond_rest() >= self.options.tuning.garbage_bytes_min
        {
            self.log.rest().inspect_err(|_| self.check_log())?;
        }
        Ok(())
    }

    fn contents(&self, memtable: &Arc<Memtable>) -> Result<Contents> {
        let pinned = self.pinned(Revision::MAX);
        let oldest = pinned.revisions.first().copied();
        let oldest_snapshot = self.oldest_pin();
        let (mut contents, mut garbage) = (Contents::default(), Garbage::default());
        let mut last: Option<(Vec<u8>, Revision)> = None;
        let mut cursor = memtable.cursor();
        cursor.seek_to_first()?;
        while cursor.valid() {
            let entry = cursor.entry();
            let newer = last.as_ref().filter(|(key, _)| key == cursor.key()).map(|(_, revision)| *revision);
            let newest = newer.is_none();
            garbage.count(&entry, newer);
            let is_pinned = oldest.is_some_and(|oldest| oldest < entry.revision);
            let is_held = oldest_snapshot.is_some_and(|oldest| oldest < entry.revision);
            let is_live = entry.is_live(pinned.now_ms);
            if is_held && (!is_live || !newest) {
                // Its end is waited for as a compaction does.
                self.upkeep_held.store(true, Ordering::SeqCst);
            }
            if is_pinned || (newest && is_live) {
                contents.live_bytes += (cursor.key().len() + entry.value.len()) as u64;
            } else if newest {
                contents.hiding += 1;
            }
            let (key, revision) = last.get_or_insert_default();
            if newest {
                key.clear();
                key.extend_from_slice(cursor.key());
            }
            *revision = entry.revision;
            debug_assert!(entry.kind.is_put() || entry.value.is_empty());
            cursor.next()?;
        }
        if !self.deadlines_make_garbage() {
            contents.next_ms = NO_DEADLINE;
            return Ok(contents);
        }
        let now_ms = self.time.now_ms();
        if pinned.now_ms < now_ms && garbage.garbage_ms() <= now_ms {
            // What has expired meanwhile a snapshot may still read.
            self.upkeep_held.store(true, Ordering::SeqCst);
        }
        let later = |ms: &i64| *ms > now_ms;
        let times = [garbage.garbage_ms(), garbage.dead_ms()];
        contents.next_ms = times.into_iter().filter(later).min().unwrap_or(NO_DEADLINE);
        Ok(contents)
    }
}

/// Bytes of the tables that lie whole in a range delete of the active memtable.
fn hidden_by_ranges(readable: &Readable) -> u64 {
    let Some(ranges) = readable.active.range_deletes() else { return 0 };
    let ranges = ranges.all();
    let is_hidden = |table: &&Arc<Table>| {
        let summary = table.summary();
        ranges
            .iter()
            .any(|range| range.lower[..] <= summary.smallest[..] && summary.largest[..] < range.upper[..])
    };
    readable.version.tables().filter(is_hidden).map(|table| table.summary().bytes).sum()
}
