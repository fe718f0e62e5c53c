//! The database as others see it: one-line forwards to the parts that do the work, and the life of its threads.

use crate::background::Threads;
use crate::backup::BackupInfo;
use crate::checkpoint::CheckpointInfo;
use crate::disk::Wait;
use crate::entry::Entry;
use crate::environment::Environment;
use crate::error::Result;
use crate::guard::Guard;
use crate::key::{KEYSPACE_USER, Revision, Sequence};
use crate::large::{LargeValue, LargeWriter};
use crate::options::Options;
use crate::range::RangeCursor;
use crate::read::{Range, Snapshot, stored_key};
use crate::recovery;
use crate::replication::{PinnedVersion, Until};
use crate::snapshot::View;
use crate::state::State;
use crate::stats::Stats;
use crate::verify::{Progress, VerifyReport};
use crate::wal::{Records, Watermark};
use crate::write::Written;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An open database. Clones share it; any thread may use any clone. Dropping the last one stops its threads without
/// flushing: what was written out is in the log and comes back at the next open.
#[derive(Clone)]
pub struct Db(Arc<Handle>);

struct Handle {
    state: Arc<State>,
    threads: Mutex<Option<Threads>>,
}

impl Db {
    /// Opens the database in a folder, replaying what its log holds. Blocking.
    pub fn open(path: &Path, options: Options, environment: Environment) -> Result<Db> {
        let state = recovery::open(path, options, environment)?;
        // What the last process left in the log may be all deletes.
        state.arm_upkeep(&mut state.work.lock());
        let starts = state.environment.threads && !state.options.read_only;
        let threads = if starts { Some(Threads::start(&state)?) } else { None };
        Ok(Db(Arc::new(Handle { state, threads: Mutex::new(threads) })))
    }

    /// Flushes, writes the close record and gives the folder back. Blocking; a second call does nothing. The database is
    /// closed also when this fails; what was acknowledged is then still in the log.
    pub fn close(&self) -> Result<()> {
        let state = &self.0.state;
        if !state.begin_close() {
            return Ok(());
        }
        state.work.stop();
        if let Some(threads) = self.0.threads.lock().take() {
            threads.stop(state);
        }
        // A compaction that somebody asked for gives up soon; until then it makes and removes files in this folder.
        state.wait_for_turns();
        // No large value makes files in this folder any more.
        drop(state.staging.write());
        let closed = state.finish_log();
        state.end_close();
        closed
    }

    /// Commits a log record's body. Never waits for the disk; see `write.rs`.
    #[inline]
    pub fn write(&self, body: &mut [u8], guards: &[Guard<'_>]) -> Result<Written> {
        self.0.state.write(body, guards)
    }

    /// Begins a value over 1 MiB, for `write_large`. Blocking, as are its calls: not for the thread that must not wait.
    pub fn large(&self) -> Result<LargeWriter> {
        LargeWriter::new(self.0.state.clone())
    }

    /// Commits a log record's body with large values for some puts, which have empty values in it: by the index of the
    /// operation, ascending. Where nothing was written the values may be used again.
    pub fn write_large(
        &self,
        body: &[u8],
        guards: &[Guard<'_>],
        large: &[(usize, &LargeValue)],
    ) -> Result<Written> {
        self.0.state.write_large(body, guards, large)
    }

    /// As `write`, but with history fails with `WouldBlock` where it would have to wait for the disk, or to delete a range key
    /// by key. Nothing was done then.
    #[inline]
    pub fn write_now(&self, body: &mut [u8], guards: &[Guard<'_>]) -> Result<Written> {
        self.0.state.write_now(body, guards)
    }

    /// Forgets what was before a revision: nothing older is read any more, and compaction collects it. Durable when it
    /// returns. Blocking. An earlier revision than before changes nothing.
    pub fn trim(&self, revision: Revision) -> Result<()> {
        self.0.state.trim_to(revision)
    }

    /// Hands everything applied to the operating system; the revision up to which that is so.
    pub fn write_out(&self) -> Result<Revision> {
        self.0.state.write_out()
    }

    /// Wakes the log thread; `Event::Durable` follows.
    pub fn request_sync(&self) {
        self.0.state.work.request_sync();
    }

    /// The newest revision that readers see.
    #[inline]
    pub fn visible(&self) -> Revision {
        self.0.state.visible.load(Ordering::Acquire)
    }

    /// How far compaction is behind, from 0 on; see `pressure.rs`.
    pub fn pressure(&self) -> f64 {
        self.0.state.pressure.ratio()
    }

    /// The engine's time, by which deadlines pass: the clock's, but never earlier than it was at any commit.
    pub fn now_ms(&self) -> i64 {
        self.0.state.time.now_ms()
    }

    pub fn written(&self) -> Revision {
        self.0.state.log.written().revision
    }

    pub fn durable(&self) -> Revision {
        self.0.state.log.durable().revision
    }

    /// Calls `read` with the live entry of a key, if there is one.
    #[inline]
    pub fn get<R>(&self, key: &[u8], view: View, read: impl FnOnce(&Entry<'_>) -> R) -> Result<Option<R>> {
        self.0.state.get(key, view, Wait::ForDisk, read)
    }

    /// As `get`, but fails with `WouldBlock` where it would have to wait for the disk.
    #[inline]
    pub fn get_now<R>(
        &self,
        key: &[u8],
        view: View,
        read: impl FnOnce(&Entry<'_>) -> R,
    ) -> Result<Option<R>> {
        self.0.state.get(key, view, Wait::Never, read)
    }

    /// The live entry of a key without its value, and the value as the caller's own: one in blob files is not copied.
    pub fn get_value(&self, key: &[u8], view: View) -> Result<Option<(Entry<'static>, Vec<u8>)>> {
        self.0.state.get_value(key, view)
    }

    /// Whether there is a live entry of a key. Reads no value.
    #[inline]
    pub fn has(&self, key: &[u8], view: View) -> Result<bool> {
        self.0.state.has(key, view, Wait::ForDisk)
    }

    /// As `has`, but fails with `WouldBlock` where it would have to wait for the disk.
    #[inline]
    pub fn has_now(&self, key: &[u8], view: View) -> Result<bool> {
        self.0.state.has(key, view, Wait::Never)
    }

    /// The rows of a range, as they are at `view`.
    pub fn range(&self, range: Range, view: View) -> Result<RangeCursor> {
        Ok(RangeCursor::new(self.0.state.range(range, view)?))
    }

    /// How often flushes and compactions have replaced files. A range that was begun before the last time may be the
    /// last to hold some, which are removed when it is dropped.
    #[inline]
    pub fn installs(&self) -> u64 {
        self.0.state.counters.installs.load(Ordering::Relaxed)
    }

    /// The versions of a key from one revision to another, both included, newest first, deletes too; none: all that is kept.
    /// `Compacted` and `FutureRevision` for revisions that cannot be read.
    pub fn versions(
        &self,
        key: &[u8],
        revisions: (Option<Revision>, Option<Revision>),
        view: View,
    ) -> Result<RangeCursor> {
        Ok(RangeCursor::of_versions(self.0.state.versions(key, revisions, view)?))
    }

    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::new(self.0.state.clone())
    }

    /// The database as it was at a revision. `Unsupported` without history; `Compacted`, which names the oldest that can be
    /// read, and `FutureRevision`.
    pub fn snapshot_at(&self, revision: Revision) -> Result<Snapshot> {
        Snapshot::at(self.0.state.clone(), revision)
    }

    /// Whether past versions are kept until trimmed.
    pub fn keeps_history(&self) -> bool {
        self.0.state.creation.history
    }

    /// Resolves when everything written before is in tables. Blocking.
    pub fn flush(&self) -> Result<()> {
        self.0.state.flush()
    }

    /// Flushes, then merges what overlaps a range of user keys (both ends inclusive; none: from the first, to the last)
    /// down as far as it goes. Blocking.
    pub fn compact(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> Result<()> {
        self.0.state.flush()?;
        let lower = stored_key(lower.unwrap_or_default());
        let upper = upper.map_or_else(|| vec![KEYSPACE_USER + 1], stored_key);
        self.0.state.compact_range(&lower, &upper)
    }

    /// Reads and checks every byte that the database relies on. Blocking.
    pub fn verify(&self, on_progress: &mut dyn FnMut(Progress)) -> Result<VerifyReport> {
        self.0.state.verify(None, on_progress)
    }

    /// The same, reading so many bytes a second at most. Blocking, until the database is closed.
    pub fn scrub(
        &self,
        bytes_per_second: u64,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport> {
        self.0.state.verify(Some(bytes_per_second), on_progress)
    }

    /// Makes a copy of the database, as of now, in a new folder: tables are linked, not copied. Blocking.
    pub fn checkpoint(&self, folder: &Path) -> Result<CheckpointInfo> {
        self.0.state.checkpoint(folder)
    }

    /// Brings a copy of the database in another folder, on any file system, up to now: what the last backup put there
    /// is not copied again. Blocking.
    pub fn backup(&self, folder: &Path, on_progress: &mut dyn FnMut(Progress)) -> Result<BackupInfo> {
        self.0.state.backup(folder, on_progress)
    }

    pub fn stats(&self) -> Stats {
        self.0.state.stats()
    }

    /// About how many bytes of tables and blob files the user keys from `lower` up to and without `upper` take (none: from the first,
    /// to the last). What is in memtables is not counted. It may read the indexes of tables, and no page. Blocking.
    pub fn approximate_bytes(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> Result<u64> {
        let lower = stored_key(lower.unwrap_or_default());
        let upper = upper.map_or_else(|| vec![KEYSPACE_USER + 1], stored_key);
        self.0.state.readable.load().version.approximate_bytes(&lower, &upper)
    }

    /// Without threads: does what is due.
    pub fn run_background(&self) {
        self.0.state.run_background();
    }
}

/// What replication is made of; most of it is `Unsupported` without `Options::replicated`.
impl Db {
    /// The last record of the log.
    pub fn last_sequence(&self) -> Sequence {
        self.0.state.commit.lock().last.sequence
    }

    /// The last one that is synced.
    pub fn durable_sequence(&self) -> Sequence {
        self.0.state.log.durable().sequence
    }

    /// Durable records after `after`: at least one, and no further one once they have `bytes_max` bytes. None if none is
    /// durable yet; `Compacted` if the log does not reach back so far. Blocking.
    pub fn read_log(&self, after: Sequence, bytes_max: usize) -> Result<Option<Records>> {
        self.0.state.records_after(after, bytes_max)
    }

    /// Nobody needs records up to this one any more, so that their segments go once they are in tables. Until the first
    /// call after an open all stay. Going back changes nothing. Blocking.
    pub fn keep_log(&self, after: Sequence) -> Result<()> {
        self.0.state.keep_log(after)
    }

    /// From now on commits are made here, or no more: when it returns, the last one has its sequence.
    pub fn lead(&self, leads: bool) -> Result<()> {
        self.0.state.lead(leads)
    }

    /// Applies records as `read_log` gives them, with their own sequences, revisions and times; those that are held are
    /// skipped, and so is what comes after any of `until`. The last record held comes back; all of them are durable then.
    /// `Invalid` if there is a gap, `Corrupt` if they are not what a log of this database can hold. Blocking.
    pub fn apply(&self, records: &[u8], until: &[Until]) -> Result<Watermark> {
        let held = self.apply_unsynced(records, until)?;
        self.0.state.sync_log()?;
        Ok(held)
    }

    /// The same, durable only after `sync_log`: for who applies one list after the other.
    pub fn apply_unsynced(&self, records: &[u8], until: &[Until]) -> Result<Watermark> {
        self.0.state.apply(records, until)
    }

    /// Makes everything that is logged durable; the last record that is. Blocking.
    pub fn sync_log(&self) -> Result<Sequence> {
        self.0.state.sync_log()?;
        Ok(self.durable_sequence())
    }

    /// What the records after one take in the log, by whole segments.
    pub fn log_bytes_after(&self, after: Sequence) -> u64 {
        self.0.state.log.bytes_after(after)
    }

    /// With `Visible::Raised`: readers see commits up to this revision. Never more than there is; going back changes nothing.
    pub fn raise(&self, revision: Revision) -> Result<()> {
        self.0.state.raise(revision)
    }

    /// Flushes, and pins the tables: what they hold, where, and what it takes to open them elsewhere. Blocking.
    pub fn pin_version(&self) -> Result<PinnedVersion> {
        self.0.state.pin_version()
    }

    /// The same of the tables that there are, without what is not in tables yet.
    pub fn pin_tables(&self) -> Result<PinnedVersion> {
        self.0.state.pin_tables()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.get_mut().take() {
            threads.stop(&self.state);
        }
    }
}

#[cfg(test)]
mod tests;
