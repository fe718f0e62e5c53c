//! From a sealed memtable to a table in level 0. On the flush thread, one memtable at a time, the oldest first.

use crate::compaction::{Output, Outputs, Retention, debt};
use crate::cursor::Cursor;
use crate::disk::SyncPoint;
use crate::entry::NO_DEADLINE;
use crate::error::{Code, Result};
use crate::manifest::Edit;
use crate::options::{Event, WorkKind};
use crate::pressure::Debt;
use crate::state::{Readable, Sealed, Stall, State};
use crate::version::Version;
use crate::wal::{LogFloor, Watermark};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has to be rewritten may be so many times what level 0 holds when it is full.
const DEBT_FACTOR: u64 = 8;

impl State {
    /// Flushes the oldest sealed memtable; false if there is none.
    pub fn flush_oldest(&self) -> Result<bool> {
        let Some(sealed) = self.readable.load().sealed.last().cloned() else { return Ok(false) };
        let _announced = self.announce(WorkKind::Flush);
        let began_ms = self.environment.clock.now_ms();
        // Everything in a table is durable in the log first: what recovery finds is then always a prefix.
        self.sync_log()?;

        let version = self.readable.load().version.clone();
        let ranges = sealed.memtable.range_deletes().map_or_else(Vec::new, |ranges| ranges.all());
        let retention = Retention::new(self.pinned(sealed.last.revision), ranges);
        let kept = retention.ranges(|range| !version.may_hold_any(range, 0));
        let mut output = Output::of_flush(self, kept);
        write_entries(&sealed, retention, &version, &mut output).inspect_err(|_| output.discard())?;
        let written = output.finish()?;
        let bytes = written.bytes();
        let floor = LogFloor { segment: sealed.floor_segment, flushed_sequence: sealed.last.sequence };
        let edit = Edit {
            added: written.tables.into_iter().map(|table| (0, table)).collect(),
            blobs: written.blobs,
            log_floor: Some(floor),
            ..self.new_edit(sealed.last)
        };
        self.install(edit, Some(&sealed))?;
        // A segment that cannot be released now is released after the next flush, unless the log is at its end.
        let _ = self.log.release(floor);
        self.check_log();

        let ms = u64::try_from(self.environment.clock.now_ms() - began_ms).unwrap_or(0);
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        self.counters.flushed_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.options.listener.event(Event::Flush { bytes, ms });
        self.arm_interval();
        self.work.request_compaction();
        self.announce_room();
        Ok(true)
    }

    /// Something is there to be merged down when the interval is over.
    fn arm_interval(&self) {
        let Some(interval_ms) = self.options.compaction.interval_ms else { return };
        let mut due = self.work.lock();
        if due.interval_at_ms == NO_DEADLINE {
            let now_ms = self.environment.clock.now_ms();
            due.interval_at_ms = now_ms.saturating_add(i64::try_from(interval_ms).unwrap_or(i64::MAX));
        }
    }

    /// What every edit says: where the counters stand, so that none of them ever goes back.
    pub fn new_edit(&self, flushed: Watermark) -> Edit {
        Edit {
            next_number: self.numbers.next(),
            last_sequence: flushed.sequence,
            last_revision: flushed.revision,
            trim_revision: if self.creation.history { self.trim_at(flushed.revision) } else { 0 },
            // A power cut may take later commits, and others then get their revisions.
            marks: self.options.retain.ms.map(|_| self.marks.lock().clone().up_to(flushed.revision)),
            time_ms: self.time.now_ms(),
            ..Edit::default()
        }
    }

    /// Makes an edit durable, then shows readers the version it makes. `flushed`: the memtable that it replaces.
    pub fn install(&self, edit: Edit, flushed: Option<&Arc<Sealed>>) -> Result<()> {
        let mut install = self.install.lock();
        self.check_poison()?;
        if !edit.added.is_empty() {
            // The tables' names are durable before an edit refers to them.
            let synced = self.environment.disk.sync_folder(&self.folder, SyncPoint::TableFolder);
            synced.inspect_err(|error| self.poison(error))?;
        }
        let manifest = install.as_mut().expect("only a writable, open database installs");
        let before = self.readable.load().version.clone();
        let adopted = |number| flushed.and_then(|sealed| sealed.memtable.parts().get(number));
        let version = Arc::new(before.apply(&edit, self.tables(), adopted));
        self.warm_added(&edit, &version);
        let mut made = Outputs::made_by(&edit);
        // The parts of large values were there before, and the log names them.
        made.blobs.retain(|blob| adopted(blob.number).is_none());
        if let Err(error) = manifest.append(edit) {
            if matches!(error.code(), Code::DiskFull | Code::TooLarge) {
                // The manifest is as it was: nothing refers to what was made, and it may be what fills the disk.
                made.discard(self);
            } else {
                self.poison(&error);
            }
            return Err(error);
        }
        self.readable.rcu(|readable| {
            let mut next = Readable::clone(readable);
            next.version = version.clone();
            if let Some(flushed) = flushed {
                next.sealed.retain(|sealed| !Arc::ptr_eq(sealed, flushed));
                next.flushed = flushed.last;
            }
            next
        });
        self.counters.installs.fetch_add(1, Ordering::Relaxed);
        self.observe_pressure(&before, &version, flushed.is_some());
        // Their files go when the last reader lets go of them.
        before.missing_from(&version).for_each(|table| table.mark_obsolete());
        let parts = flushed.map_or_else(Vec::new, |sealed| sealed.memtable.parts().all());
        let replaced = parts.iter().filter(|part| version.blob(part.number()).is_none());
        replaced.for_each(|part| part.mark_obsolete());
        before.blobs_missing_from(&version).for_each(|blob| blob.mark_obsolete());
        Ok(())
    }

    /// With history commits look into tables, on threads that may not wait: what those need of new tables is read before they
    /// meet them. It was written just now, and who finds it missing reads it.
    fn warm_added(&self, edit: &Edit, version: &Version) {
        if !self.creation.history {
            return;
        }
        let is_added = |number| edit.added.iter().any(|(_, table)| table.number == number);
        for table in version.tables().filter(|table| is_added(table.number())) {
            let _ = table.warm();
        }
    }

    /// How far compaction is behind with the version that an edit has made.
    fn observe_pressure(&self, before: &Version, after: &Version, is_flush: bool) {
        let level0_bytes = |version: &Version| -> u64 {
            version.levels[0].iter().map(|table| table.summary().held_bytes()).sum()
        };
        let tuning = &self.options.tuning;
        let level0_stop = tuning.level0_stop as u64;
        let full = level0_stop.saturating_mul(self.options.memtable_arena_bytes() as u64);
        let debt = Debt {
            level0_tables: after.levels[0].len() as u64,
            level0_stop,
            bytes: debt(&after.summary(), &self.policy_options()),
            bytes_bearable: full.saturating_mul(DEBT_FACTOR),
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // In bytes as users gave them, which is how what is written is counted.
        let (given, flushed) = (count(&self.counters.user_bytes), count(&self.counters.flushed_bytes));
        let drained = if is_flush { 0 } else { level0_bytes(before).saturating_sub(level0_bytes(after)) };
        let drained = u128::from(drained) * u128::from(given) / u128::from(flushed.max(1));
        let now_ms = self.environment.clock.now_ms();
        self.pressure.observe(&debt, u64::try_from(drained).unwrap_or(u64::MAX), now_ms);
    }

    /// Ends a stall, if there was one.
    pub fn announce_room(&self) {
        let stalled = self.commit.lock().stalled.take();
        if let Some((since_ms, wait)) = stalled {
            let ms = u64::try_from(self.time.now_ms() - since_ms).unwrap_or(0);
            let (count, waited_ms) = match wait {
                Stall::Pace => (&self.counters.delays, &self.counters.delayed_ms),
                Stall::Flush | Stall::Level0 => (&self.counters.stalls, &self.counters.stalled_ms),
            };
            count.fetch_add(1, Ordering::Relaxed);
            waited_ms.fetch_add(ms, Ordering::Relaxed);
            if wait != Stall::Pace {
                self.options.listener.event(Event::Stall { ms, reason: wait.reason() });
            }
            self.options.listener.event(Event::Room);
        }
    }

    /// Syncs the log and tells whoever waits. Any thread; a failure poisons.
    pub fn sync_log(&self) -> Result<()> {
        self.check_poison()?;
        let Watermark { sequence, revision } = self.log.sync().inspect_err(|error| self.poison(error))?;
        // Not what this sync has added: the log also syncs by itself when it releases segments, and whoever asked for a
        // sync meanwhile still waits to hear of it.
        if self.announced.fetch_max(revision, Ordering::AcqRel) < revision {
            self.options.listener.event(Event::Durable(revision));
        }
        if let Some(replicated) = &self.replicated
            && replicated.note_logged(sequence)
        {
            self.options.listener.event(Event::Logged(sequence));
        }
        self.end_segment_change(sequence);
        Ok(())
    }

    /// Poisons the database if the log has failed where nobody was told.
    pub fn check_log(&self) {
        if let Some(cause) = self.log.failure() {
            self.poison(cause);
        }
    }

    /// The end of an orderly close, with no thread running: everything into tables, unless others still need the log, then
    /// the log's close record.
    pub fn finish_log(&self) -> Result<()> {
        if self.options.read_only {
            return Ok(());
        }
        self.check_poison()?;
        let commit = self.commit.lock();
        // What somebody needs stays in the log anyway, from which it can still be taken back.
        let stays = self.replicated.is_some() && self.log.needs(commit.last.sequence);
        if !stays {
            self.rotate(&commit, 0);
        }
        drop(commit);
        while !stays && self.flush_oldest()? {}
        self.log.close()?;
        let flushed = self.readable.load().flushed;
        self.install(Edit { clean_close: true, ..self.new_edit(flushed) }, None)
    }
}

fn write_entries(
    sealed: &Sealed,
    mut retention: Retention,
    version: &Version,
    output: &mut Output<'_>,
) -> Result<()> {
    let mut cursor = sealed.memtable.cursor();
    cursor.seek_to_first()?;
    while cursor.valid() {
        let (key, entry) = (cursor.key(), cursor.entry());
        let fate = retention.judge(key, &entry, || !version.may_hold(key, 0));
        let find = || cursor.files().find(entry.value);
        output.add(key, &entry, fate, find)?;
        cursor.next()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::disk::simulated::SimulatedDisk;
    use crate::key::KEYSPACE_USER;
    use crate::limits::{MANIFEST_EDIT_BYTES_MAX, STORED_KEY_BYTES_MAX};
    use crate::options::Options;
    use crate::simulation::{FixedClock, environment};
    use crate::table::{TableMeta, TableSummary};
    use std::path::Path;

    fn put_and_flush(state: &State, key: &[u8]) {
        let mut batch = Batch::new();
        batch.put(KEYSPACE_USER, key, b"value", None).unwrap();
        state.write(batch.body(), &[]).unwrap();
        state.flush().unwrap();
    }

    #[test]
    fn an_edit_that_is_too_large_leaves_the_database_as_it_was() {
        let environment = environment(&SimulatedDisk::default(), &Arc::new(FixedClock::new(1)), 1);
        let disk = environment.disk.clone();
        let state = crate::recovery::open(Path::new("/database"), Options::default(), environment).unwrap();
        put_and_flush(&state, b"a");
        let before = disk.list(&state.folder).unwrap();
        let summary = state.readable.load().version.levels[0][0].summary().clone();
        let table = |at: usize| {
            let number = state.numbers.take();
            disk.create(&state.table_path(number)).unwrap();
            let start = [KEYSPACE_USER, (at >> 8) as u8, at as u8];
            let key = |end| [&start[..], &[end; STORED_KEY_BYTES_MAX - 3]].concat();
            (
                6,
                TableMeta {
                    number,
                    summary: TableSummary { smallest: key(0), largest: key(1), ..summary.clone() },
                },
            )
        };
        let count = MANIFEST_EDIT_BYTES_MAX / STORED_KEY_BYTES_MAX / 2;
        let added = (0..count).map(table).collect();
        let edit = Edit { added, ..state.new_edit(state.readable.load().flushed) };
        assert_eq!(state.install(edit, None).unwrap_err().code(), Code::TooLarge);
        assert_eq!(disk.list(&state.folder).unwrap(), before, "what was made for it is gone");
        put_and_flush(&state, b"b");
        assert_eq!(state.readable.load().version.tables().count(), 2);
    }
}
