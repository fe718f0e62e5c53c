//! Carrying out a plan: merge the inputs, write the outputs, install the edit. On a compaction thread, or on the
//! caller's for `Db::compact`; a large merge is cut into key ranges, one thread each.

use super::{Fate, Output, Outputs, Plan, Reason, Retention, Turn, Work};
use crate::cursor::{Cursor, LevelCursor, MergeCursor, Source};
use crate::disk::Wait;
use crate::error::Result;
use crate::key::Revision;
use crate::manifest::Edit;
use crate::options::{Event, WorkKind};
use crate::range_delete::RangeDelete;
use crate::snapshot::Pinned;
use crate::state::State;
use crate::table::{Table, TableMeta};
use crate::version::Version;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Between two looks at whether the database is closing. An entry counts as a few bytes at least, for what it costs.
const BYTES_BETWEEN_LOOKS: usize = 4 << 20;
const ENTRY_BYTES_MIN: usize = 4 << 10;

impl State {
    /// Merges everything in a range of stored keys, written before the call, down to the bottom.
    pub fn compact_range(&self, lower: &[u8], upper: &[u8]) -> Result<()> {
        let done = self.compact_steps((lower, upper), || Ok(()));
        // What a snapshot kept is for the compaction threads to note; and what has failed here, for writers wait for them.
        self.work.request_compaction();
        done
    }

    /// `between` is called after each step.
    pub fn compact_steps(
        &self,
        range: (&[u8], &[u8]),
        mut between: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let since = self.readable.load().flushed.revision;
        while let Some(turn) = self.asked_turn(range, since)? {
            self.run_turn(turn)?;
            between()?;
        }
        Ok(())
    }

    pub fn run_turn(&self, turn: Turn<'_>) -> Result<()> {
        let (plan, version) = (&turn.plan, &turn.version);
        let _announced = self.announce(WorkKind::Compaction);
        let began_ms = self.environment.clock.now_ms();
        let inputs = version.inputs(plan);
        let removed = inputs.iter().map(|(level, table)| (*level, table.number())).collect();
        let read_bytes: u64 = inputs.iter().map(|(_, table)| table.summary().bytes).sum();
        let kept =
            |table: &Arc<Table>| TableMeta { number: table.number(), summary: table.summary().clone() };
        let written = match plan.work {
            Work::Merge => self.merge(version, &inputs, plan, turn.threads)?,
            Work::Move => {
                Outputs { tables: inputs.iter().map(|(_, table)| kept(table)).collect(), blobs: Vec::new() }
            }
            Work::Drop => Outputs::default(),
        };
        let bytes = written.bytes();
        let wrote_bytes = if plan.work == Work::Merge { bytes } else { 0 };
        let added = written.tables.into_iter().map(|table| (plan.output_level, table)).collect();
        let flushed = self.readable.load().flushed;
        self.install(Edit { added, removed, blobs: written.blobs, ..self.new_edit(flushed) }, None)?;

        let ms = u64::try_from(self.environment.clock.now_ms() - began_ms).unwrap_or(0);
        self.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.counters.compacted_bytes.fetch_add(wrote_bytes, Ordering::Relaxed);
        if plan.reason == Reason::Garbage {
            self.counters.garbage_compactions.fetch_add(1, Ordering::Relaxed);
        }
        if plan.work == Work::Drop {
            self.counters.tables_dropped.fetch_add(plan.inputs[0].1.len() as u64, Ordering::Relaxed);
        }
        if bytes < read_bytes {
            // What the log takes may be much of what is left.
            self.arm_upkeep(&mut self.work.lock());
        }
        self.options.listener.event(Event::Compaction {
            level: plan.output_level.into(),
            read_bytes,
            wrote_bytes,
            ms,
        });
        self.set_compaction_pause(None);
        self.announce_room();
        Ok(())
    }

    fn merge(
        &self,
        version: &Arc<Version>,
        inputs: &[(u8, Arc<Table>)],
        plan: &Plan,
        threads: usize,
    ) -> Result<Outputs> {
        let pinned = self.pinned(self.readable.load().flushed.revision);
        let mut ranges = Vec::new();
        for (_, table) in inputs {
            ranges.extend(table.range_deletes(Wait::ForDisk)?.all());
        }
        let cuts = cuts(inputs, threads);
        let starts = std::iter::once(None).chain(cuts.iter().map(|cut| Some(&cut[..])));
        let ends = cuts.iter().map(|cut| Some(&cut[..])).chain(std::iter::once(None));
        let parts = starts.zip(ends).map(|(from, to)| Part {
            state: self,
            version,
            inputs,
            ranges: &ranges,
            level: plan.output_level,
            reason: plan.reason,
            from,
            to,
            pinned: pinned.clone(),
        });
        self.counters.subcompactions.fetch_add(cuts.len() as u64, Ordering::Relaxed);
        let merged: Vec<Result<Outputs>> = if cuts.is_empty() || !self.environment.threads {
            parts.map(Part::merge).collect()
        } else {
            std::thread::scope(|scope| {
                let begun = parts.map(|part| {
                    let thread = std::thread::Builder::new().name("coppice-merge".into());
                    let copy = part.clone();
                    (part, thread.spawn_scoped(scope, move || copy.merge()))
                });
                let running: Vec<_> = begun.collect();
                let ended = running.into_iter().map(|(part, thread)| match thread {
                    // A panic goes on here, where it ends as one of any background thread does.
                    Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                    // The system has no thread for it.
                    Err(_) => part.merge(),
                });
                ended.collect()
            })
        };
        let mut all = Outputs::default();
        let mut failure = None;
        for part in merged {
            match part {
                Ok(made) => {
                    all.tables.extend(made.tables);
                    all.blobs.extend(made.blobs);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let Some(error) = failure else { return Ok(all) };
        all.discard(self);
        Err(error)
    }
}

/// One thread's share of a merge: the keys from `from` (inclusive) to `to` (exclusive), all of them without ends.
#[derive(Clone)]
struct Part<'a> {
    state: &'a State,
    version: &'a Version,
    inputs: &'a [(u8, Arc<Table>)],
    /// Of all inputs.
    ranges: &'a [RangeDelete],
    level: u8,
    reason: Reason,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    pinned: Pinned,
}

impl Part<'_> {
    fn merge(self) -> Result<Outputs> {
        let retention = Retention::new(self.pinned.clone(), self.ranges.to_vec());
        let kept = retention.ranges(|range| !self.may_lie_under_range(range));
        let mut output = Output::of_merge(self.state, self.version, self.level, self.reason, kept);
        match self.merge_into(retention, &mut output) {
            Ok(()) => output.finish(),
            Err(error) => {
                output.discard();
                Err(error)
            }
        }
    }

    fn merge_into(&self, mut retention: Retention, output: &mut Output<'_>) -> Result<()> {
        let mut cursor = MergeCursor::new(sources(self.inputs));
        match self.from {
            None => cursor.seek_to_first()?,
            Some(from) => cursor.seek(from, Revision::MAX)?,
        }
        let mut passed = 0;
        while cursor.valid() && self.to.is_none_or(|to| cursor.key() < to) {
            let (key, entry) = (cursor.key(), cursor.entry());
            let fate: Fate = retention.judge(key, &entry, || !self.may_lie_under(key));
            passed += entry.value.len().max(ENTRY_BYTES_MIN);
            output.add(key, &entry, fate, || cursor.find())?;
            cursor.next()?;
            if passed >= BYTES_BETWEEN_LOOKS {
                passed = 0;
                self.state.check_stopping()?;
            }
        }
        Ok(())
    }

    /// Whether an older version of a key may stand below the output.
    fn may_lie_under(&self, key: &[u8]) -> bool {
        if self.level > 0 {
            return self.version.may_hold(key, usize::from(self.level) + 1);
        }
        self.version.level0_holding(key).any(|table| self.is_older(table)) || self.version.may_hold(key, 1)
    }

    /// The same of any key that a range delete holds.
    fn may_lie_under_range(&self, range: &RangeDelete) -> bool {
        if self.level > 0 {
            return self.version.may_hold_any(range, usize::from(self.level) + 1);
        }
        let bounds = (Bound::Included(&range.lower[..]), Bound::Excluded(&range.upper[..]));
        self.version.level0_overlapping(bounds).any(|table| self.is_older(table))
            || self.version.may_hold_any(range, 1)
    }

    /// Whether a table of level 0 is older than the inputs there.
    fn is_older(&self, table: &Table) -> bool {
        let oldest = self.inputs.iter().map(|(_, table)| table.summary().max_revision).min();
        oldest.is_none_or(|oldest| table.summary().max_revision < oldest)
    }
}

/// Keys at which the inputs fall into so many parts of like size: always where a table begins, so that there may be
/// fewer.
fn cuts(inputs: &[(u8, Arc<Table>)], parts: usize) -> Vec<Vec<u8>> {
    let mut starts: Vec<(&[u8], u64)> =
        inputs.iter().map(|(_, table)| (&table.summary().smallest[..], table.summary().bytes)).collect();
    starts.sort_unstable();
    let total: u64 = starts.iter().map(|(_, bytes)| bytes).sum();
    let mut cuts: Vec<Vec<u8>> = Vec::new();
    let mut before = 0;
    for (start, bytes) in &starts {
        let is_first = *start == starts[0].0;
        if !is_first && before * parts as u64 >= total * (cuts.len() as u64 + 1) && cuts.len() + 1 < parts {
            cuts.push(start.to_vec());
        }
        before += bytes;
    }
    cuts.dedup();
    cuts
}

/// Level-0 tables one by one; the disjoint tables of a deeper level as one source.
fn sources(inputs: &[(u8, Arc<Table>)]) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut levels: Vec<(u8, Vec<Arc<Table>>)> = Vec::new();
    for (level, table) in inputs {
        match levels.last_mut() {
            _ if *level == 0 => sources.push(Source::Table(table.scan())),
            Some((last, tables)) if last == level => tables.push(table.clone()),
            _ => levels.push((*level, vec![table.clone()])),
        }
    }
    let cursor = |(_, tables)| Source::Level(LevelCursor::new(tables, Table::scan));
    sources.extend(levels.into_iter().map(cursor));
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::disk::simulated::SimulatedDisk;
    use crate::error::Code;
    use crate::key::KEYSPACE_USER;
    use crate::options::Options;
    use crate::simulation::{FixedClock, environment};
    use std::path::Path;

    const ALL: (&[u8], &[u8]) = (&[KEYSPACE_USER], &[KEYSPACE_USER + 1]);

    /// Two tables of few values, which are large.
    fn few_and_large(blob_bytes: u64) -> Arc<State> {
        let environment = environment(&SimulatedDisk::default(), &Arc::new(FixedClock::new(1)), 1);
        let options = Options { blob_bytes, compression: false, ..Options::default() };
        let state = crate::recovery::open(Path::new("/database"), options, environment).unwrap();
        for keys in [0..6, 0..3] {
            for key in keys {
                let mut batch = Batch::new();
                batch.put(KEYSPACE_USER, &[key], &vec![key; 1 << 20], None).unwrap();
                state.write(batch.body(), &[]).unwrap();
            }
            state.flush().unwrap();
        }
        state
    }

    fn expect_to_be_given_up(state: &State, turn: Turn<'_>) {
        state.work.stop();
        let files = || state.environment.disk.list(&state.folder).unwrap();
        let before = files();
        assert_eq!(state.run_turn(turn).unwrap_err().code(), Code::Closed);
        assert_eq!(files(), before);
    }

    #[test]
    fn a_merge_of_few_large_values_is_given_up_when_the_database_closes() {
        let state = few_and_large(0);
        let turn = state.asked_turn(ALL, Revision::MAX).unwrap().expect("there are two tables");
        expect_to_be_given_up(&state, turn);
    }

    #[test]
    fn copying_few_large_values_of_a_worn_file_is_given_up_when_the_database_closes() {
        let state = few_and_large(1);
        state.compact_range(ALL.0, ALL.1).unwrap();
        let turn = state.next_turn().unwrap().expect("half of the first file is garbage");
        assert_eq!(turn.plan.reason, Reason::Blobs);
        expect_to_be_given_up(&state, turn);
    }
}
