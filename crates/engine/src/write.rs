//! The write path, top to bottom: validate, check guards, make room, number the commit, log it, insert it, publish it.
//!
//! Runs on the caller's thread and never waits for the disk; what a caller wants to wait for, it asks of the watermarks
//! afterwards. Writers are serialised by the commit lock, readers are not held up by it.

use crate::batch::{self, Header, Op, OpKind, Origin, RecordKind, Summary};
use crate::disk::Wait;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};
use crate::guard::{Conflict, Guard};
use crate::key::{KEYSPACE_USER, Revision, Sequence};
use crate::large::LargeValue;
use crate::limits;
use crate::memtable::Memtable;
use crate::options::MEMTABLES_MAX;
use crate::range_delete::RangeDeletes;
use crate::read::StoredKey;
use crate::state::{Commit, Readable, Stall, State};
use crate::wal::{Appended, Watermark};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// So often a commit that depends on what there was looks without holding others up.
const ROUNDS_BESIDE_OTHERS: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Committed(Revision),
    /// As `Committed`, with history and a range delete: so many keys had a value that is gone.
    Deleted {
        revision: Revision,
        keys: u64,
    },
    /// Nothing was written: these guards do not hold, as of `revision`.
    Conflict {
        revision: Revision,
        conflicts: Vec<Conflict>,
    },
    /// Nothing was done for want of memory; `Event::Room` follows when it is worth trying again, or `Event::Failed`.
    Stalled,
}

impl State {
    /// Commits one log record's body: 32 bytes left for the header, then operations as `batch` describes them.
    pub fn write(&self, body: &mut [u8], guards: &[Guard<'_>]) -> Result<Written> {
        let summary = batch::validate(body, Origin::User)?;
        self.commit(body, guards, &summary, &[], Wait::ForDisk)
    }

    /// As `write`, but with history, where what is written depends on what there was, it does not wait to learn that.
    pub fn write_now(&self, body: &mut [u8], guards: &[Guard<'_>]) -> Result<Written> {
        let summary = batch::validate(body, Origin::User)?;
        self.commit(body, guards, &summary, &[], Wait::Never)
    }

    /// As `write`, with large values for some puts, which are empty in the body: by the operation's index, ascending.
    /// They may be used again if nothing was written.
    pub fn write_large(
        &self,
        body: &[u8],
        guards: &[Guard<'_>],
        large: &[(usize, &LargeValue)],
    ) -> Result<Written> {
        batch::validate(body, Origin::User)?;
        large.iter().try_for_each(|(_, value)| value.expect_of(self))?;
        let bytes: usize = large.iter().map(|(_, value)| value.bytes()).sum();
        if bytes > limits::LARGE_BYTES_MAX {
            let max = limits::LARGE_BYTES_MAX;
            let message = format!("the large values of a batch have {bytes} bytes: the limit is {max}");
            return Err(Error::new(Code::TooLarge, message));
        }
        let reference = |value: &LargeValue| {
            let mut bytes = Vec::new();
            value.reference().encode(&mut bytes);
            bytes
        };
        let references: Vec<_> = large.iter().map(|(index, value)| (*index, reference(value))).collect();
        let mut body = batch::with_references(body, &references)?;
        let summary = batch::validate(&body, Origin::Engine)?;
        let values: Vec<&LargeValue> = large.iter().map(|(_, value)| *value).collect();
        self.commit(&mut body, guards, &summary, &values, Wait::ForDisk)
    }

    fn commit(
        &self,
        body: &mut [u8],
        guards: &[Guard<'_>],
        summary: &Summary,
        large: &[&LargeValue],
        wait: Wait,
    ) -> Result<Written> {
        self.check_leads()?;
        let has_ranges = guards.iter().any(Guard::is_range);
        // What else it needs is read here: most often it is in memory.
        let wait = if self.creation.history || has_ranges { wait } else { Wait::ForDisk };
        let mut rounds = 0;
        let mut unchanged_until = 0;
        loop {
            // Others have changed too much too often: now they wait.
            let early = (rounds >= ROUNDS_BESIDE_OTHERS).then(|| self.waits.lock(&self.commit));
            rounds += 1;
            let looked = self.look(guards, unchanged_until, wait)?;
            let mut draft = match self.creation.history && summary.entries > 0 {
                true => Some(self.draft(body, wait)?),
                false => None,
            };

            let mut commit = early.unwrap_or_else(|| self.waits.lock(&self.commit));
            // The time of the commit: also what deadlines are compared with.
            let time_ms = self.time.now_ms();
            if (!guards.is_empty() || draft.is_some())
                && self.readable.load().flushed != looked.readable.flushed
            {
                continue; // What was read may have moved into a table meanwhile: look again.
            }
            if !guards.is_empty() {
                let until = looked.until;
                let conflicts = self.find_conflicts(guards, looked, time_ms);
                if !conflicts.is_empty() {
                    return Ok(Written::Conflict { revision: commit.last.revision, conflicts });
                }
                if has_ranges && until != commit.last.revision {
                    unchanged_until = until;
                    continue;
                }
            }
            if summary.entries == 0 {
                return Ok(Written::Committed(commit.last.revision));
            }
            let (body, summary, deleted) = match &mut draft {
                None => (&mut *body, summary, None),
                Some(draft) => {
                    if !draft.complete(&self.readable.load(), commit.last.revision, time_ms) {
                        continue;
                    }
                    (&mut draft.body[..], &draft.summary, draft.deleted)
                }
            };
            if summary.entries == 0 {
                // There was nothing of what it deletes.
                return Ok(written(commit.last.revision, deleted));
            }
            let wait = match self.make_room(&commit, summary)? {
                None => self.keep_pace(&mut commit, summary, time_ms),
                wait => wait,
            };
            if let Some(wait) = wait {
                commit.stalled.get_or_insert((time_ms, wait));
                return Ok(Written::Stalled);
            }
            let revision = self.log_and_apply(&mut commit, body, summary, time_ms, large)?;
            self.trim_after(&mut commit, time_ms);
            return Ok(written(revision, deleted));
        }
    }

    fn log_and_apply(
        &self,
        commit: &mut Commit,
        body: &mut [u8],
        summary: &Summary,
        time_ms: i64,
        large: &[&LargeValue],
    ) -> Result<Revision> {
        // Checked again under the lock: after a failed write nothing may follow in the log, and whoever gave up leading has
        // seen the last of its commits.
        self.check_leads()?;
        let (sequence, revision) = (commit.last.sequence + 1, commit.last.revision + 1);
        if revision > limits::REVISION_MAX {
            return Err(Error::new(Code::TooLarge, "the database has used up its revisions"));
        }
        let count = u32::try_from(summary.entries).expect("bounded by RECORD_OPS_MAX");
        let header = Header { kind: RecordKind::Data, count, sequence, revision, time_ms };
        batch::set_header(body, header);
        // Nobody knows what a failed write has left in the log: what it may name has to stay.
        LargeValue::take(large)?;
        let appended = self.append(body).inspect_err(|error| {
            if error.code() == Code::DiskFull {
                LargeValue::give_back(large);
            }
        })?;

        large.iter().for_each(|value| self.readable.load().active.parts().adopt(value.parts()));
        self.enter(commit, body, header, summary, appended);
        let large_bytes: usize = large.iter().map(|value| value.bytes()).sum();
        self.counters.user_bytes.fetch_add(large_bytes as u64, Ordering::Relaxed);
        Ok(revision)
    }

    /// Shows what was logged: from here on nothing may fail.
    #[inline]
    pub fn enter(
        &self,
        commit: &mut Commit,
        body: &[u8],
        header: Header,
        summary: &Summary,
        appended: Appended,
    ) {
        let Header { sequence, revision, .. } = header;
        if summary.puts > 0 {
            self.dead_runs.note_puts(body, revision);
        }
        insert_all(&self.readable.load().active, body, revision, summary);
        commit.last = Watermark { sequence, revision };
        self.show(revision);
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.user_bytes.fetch_add(summary.key_and_value_bytes as u64, Ordering::Relaxed);
        self.note_appended(appended, sequence);
    }

    /// Logs a record whose header is set, under the commit lock. `DiskFull` leaves everything as it was. What the record
    /// does is done next, and `note_appended` called.
    pub fn append(&self, body: &[u8]) -> Result<Appended> {
        self.check_writable()?;
        self.log.append(body).inspect_err(|error| {
            if error.code() != Code::DiskFull {
                self.poison(error);
            }
        })
    }

    /// Tells the log's thread of a record that was appended.
    pub fn note_appended(&self, appended: Appended, sequence: Sequence) {
        self.work.note_unsynced();
        if appended.new_segment {
            self.begin_segment_change(sequence);
        }
        if appended.wants_spare {
            self.work.request_spare();
        }
    }

    /// While compaction is behind, commits take the time that it needs for as many bytes. Deletes make it less.
    fn keep_pace(&self, commit: &mut Commit, summary: &Summary, now_ms: i64) -> Option<Stall> {
        let allowed = self.pressure.allowed().filter(|_| summary.puts > 0)?;
        let bytes = summary.key_and_value_bytes as u64;
        let wait_ms = commit.allowance.take(bytes, allowed, now_ms).err()?;
        self.work.request_room(Duration::from_millis(wait_ms));
        Some(Stall::Pace)
    }

    /// Finds room in the active memtable, or seals it and begins another. Some: why there is none now.
    pub fn make_room(&self, commit: &Commit, summary: &Summary) -> Result<Option<Stall>> {
        let readable = self.readable.load();
        let active = &readable.active;
        if active.has_room(summary.entries, summary.memtable_bytes())
            && (summary.references == 0 || !active.parts().are_many())
        {
            return Ok(None);
        }
        // Deletes are how a database that has reached its limit gets below it.
        if summary.puts > 0 {
            self.check_disk_budget(&readable)?;
        }
        // Nobody waits for what a full disk holds up: it may be full for long.
        if readable.sealed.len() + 1 >= MEMTABLES_MAX {
            self.flush_error().map_or(Ok(()), Err)?;
            return Ok(Some(Stall::Flush));
        }
        if readable.version.levels[0].len() >= self.options.tuning.level0_stop {
            self.check_compaction()?;
            self.compaction_pause().map_or(Ok(()), Err)?;
            return Ok(Some(Stall::Level0));
        }
        self.rotate(commit, Memtable::bytes_needed(summary.entries, summary.memtable_bytes()));
        self.work.request_flush();
        Ok(None)
    }

    /// Looked at once a memtable, so that the limit costs a put nothing, and once a piece of a large value, which is
    /// counted before; it may be passed by one memtable.
    pub fn check_disk_budget(&self, readable: &Readable) -> Result<()> {
        let Some(max) = self.options.max_disk_bytes else { return Ok(()) };
        let staged = self.staged_bytes.load(Ordering::Relaxed);
        let used = readable.disk_bytes() + self.log.bytes_on_disk() + staged;
        if used < max {
            return Ok(());
        }
        Err(Error::new(
            Code::DiskFull,
            format!("the database takes {used} bytes, maxDiskBytes is {max}: delete something"),
        ))
    }

    /// Everything applied so far is with the operating system: a killed process loses none of it.
    pub fn write_out(&self) -> Result<Revision> {
        self.check_writable()?;
        self.log.write_out().inspect_err(|error| self.poison(error))?;
        Ok(self.log.written().revision)
    }
}

fn written(revision: Revision, deleted: Option<u64>) -> Written {
    match deleted {
        None => Written::Committed(revision),
        Some(keys) => Written::Deleted { revision, keys },
    }
}

/// Puts a record's operations into a memtable, in their order: the last one on a key wins.
pub fn insert_all(memtable: &Memtable, body: &[u8], revision: Revision, summary: &Summary) {
    if summary.range_deletes > 0 {
        return insert_beside_ranges(memtable, body, revision);
    }
    for op in batch::ops(body) {
        debug_assert!(op.keyspace == KEYSPACE_USER);
        memtable.insert(op.keyspace, op.key, &op.entry(revision));
    }
}

/// An operation on a key that a later range delete of the same record holds is entered as a delete: at one revision a
/// range delete hides nothing, so what is put at it can only have come later.
fn insert_beside_ranges(memtable: &Memtable, body: &[u8], revision: Revision) {
    let ops: Vec<Op<'_>> = batch::ops(body).collect();
    let mut later = RangeDeletes::default();
    let mut deleted = vec![false; ops.len()];
    for (op, deleted) in ops.iter().zip(&mut deleted).rev() {
        match op.kind {
            OpKind::RangeDelete => later.add(op.range_delete(revision)),
            _ => *deleted = later.newest(StoredKey::new(op.key).bytes(), revision) > 0,
        }
    }
    for (op, deleted) in ops.iter().zip(deleted).filter(|(op, _)| op.kind != OpKind::RangeDelete) {
        let entry = if deleted { Entry::delete(revision) } else { op.entry(revision) };
        memtable.insert(op.keyspace, op.key, &entry);
    }
    memtable.delete_ranges(later.all());
}
