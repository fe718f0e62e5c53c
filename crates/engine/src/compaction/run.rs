//! Carrying out a plan: merge the inputs, write the outputs, install the edit. On the compaction thread, or on the
//! caller's for `Db::compact`; one at a time.

use super::hidden::hidden_tables;
use super::{Output, Plan, PolicyOptions, Retention, RoundRobin, Step, pick, pick_in_range};
use crate::cursor::{Cursor, LevelCursor, MergeCursor, Source};
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::manifest::Edit;
use crate::options::{Event, WorkKind};
use crate::state::State;
use crate::table::{Table, TableMeta};
use crate::version::Version;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Entries between two looks at whether the database is closing.
const ENTRIES_BETWEEN_LOOKS: u32 = 1024;

impl State {
    /// Does the most urgent compaction; false if none is due. The caller holds `compacting`.
    pub fn compact_once(&self, turns: &mut RoundRobin) -> Result<bool> {
        let version = self.readable.load().version.clone();
        if self.drop_hidden_tables(&version)? {
            return Ok(true);
        }
        let options = self.policy_options();
        let Some(plan) = pick(&version.summary(), &[], &options, turns) else {
            return self.note_held(&version, options, turns);
        };
        turns.advance(&plan);
        self.run_plan(&version, &plan)?;
        Ok(true)
    }

    /// Whether only a snapshot holds up a compaction is noted for its end; true if it has ended meanwhile.
    fn note_held(&self, version: &Version, options: PolicyOptions, turns: &RoundRobin) -> Result<bool> {
        let unheld = PolicyOptions { droppable_revision: Revision::MAX, ..options };
        if unheld.droppable_revision == options.droppable_revision
            || (pick(&version.summary(), &[], &unheld, turns).is_none()
                && hidden_tables(version, &[])?.is_empty())
        {
            return Ok(false);
        }
        self.compaction_held.store(true, Ordering::SeqCst);
        Ok(self.policy_options().droppable_revision != options.droppable_revision)
    }

    /// Merges everything in a range of stored keys, written before the call, down to the bottom.
    pub fn compact_range(&self, lower: &[u8], upper: &[u8]) -> Result<()> {
        let since = self.readable.load().flushed.revision;
        loop {
            let _turn = self.compacting.lock();
            self.check_writable()?;
            let version = self.readable.load().version.clone();
            if self.drop_hidden_tables(&version)? {
                continue;
            }
            match pick_in_range(&version.summary(), &[], &self.policy_options(), (lower, upper), since) {
                Step::Compact(plan) => self.run_plan(&version, &plan)?,
                Step::Wait => unreachable!("nothing else runs while the turn is held"),
                Step::Done => {
                    // What a snapshot kept is for the compaction thread to note.
                    self.work.request_compaction();
                    return Ok(());
                }
            }
        }
    }

    fn policy_options(&self) -> PolicyOptions {
        let oldest_snapshot = self.snapshots.oldest();
        PolicyOptions {
            level0_runs: self.options.tuning.level0_trigger,
            level0_tables: (self.options.tuning.level0_stop / 2).max(1),
            base_bytes: self.options.tuning.level_base_bytes,
            droppable_revision: oldest_snapshot.unwrap_or(Revision::MAX),
            range_bytes_max: 8 * self.options.tuning.table_bytes,
            ..PolicyOptions::default()
        }
    }

    fn run_plan(&self, version: &Arc<Version>, plan: &Plan) -> Result<()> {
        let _announced = self.announce(WorkKind::Compaction);
        let began_ms = self.environment.clock.now_ms();
        let inputs = version.inputs(plan);
        let removed = inputs.iter().map(|(level, table)| (*level, table.number())).collect();
        let read_bytes = inputs.iter().map(|(_, table)| table.summary().bytes).sum();
        let tables = if plan.trivial_move {
            inputs
                .iter()
                .map(|(_, table)| TableMeta { number: table.number(), summary: table.summary().clone() })
                .collect()
        } else {
            self.merge(version, &inputs, plan.output_level)?
        };
        let wrote_bytes = if plan.trivial_move { 0 } else { tables.iter().map(|t| t.summary.bytes).sum() };
        let added = tables.into_iter().map(|table| (plan.output_level, table)).collect();
        let flushed = self.readable.load().flushed;
        self.install(Edit { added, removed, ..self.new_edit(flushed) }, None)?;

        let ms = u64::try_from(self.environment.clock.now_ms() - began_ms).unwrap_or(0);
        self.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.counters.compacted_bytes.fetch_add(wrote_bytes, Ordering::Relaxed);
        self.options.listener.event(Event::Compaction {
            level: plan.output_level.into(),
            read_bytes,
            wrote_bytes,
            ms,
        });
        self.announce_room();
        Ok(())
    }

    fn merge(
        &self,
        version: &Arc<Version>,
        inputs: &[(u8, Arc<Table>)],
        output_level: u8,
    ) -> Result<Vec<TableMeta>> {
        let below = usize::from(output_level) + 1;
        let mut ranges = Vec::new();
        for (_, table) in inputs {
            ranges.extend(table.range_deletes()?.all());
        }
        let mut retention = Retention::new(self.snapshots.pinned(|| self.time.now_ms()), ranges);
        let kept = retention.ranges(|range| !version.may_hold_any(range, below));
        let mut output = Output::new(self, output_level, kept);
        let mut cursor = MergeCursor::new(sources(inputs));
        let mut merge_all = || {
            cursor.seek_to_first()?;
            let mut until_look = ENTRIES_BETWEEN_LOOKS;
            while cursor.valid() {
                let (key, entry) = (cursor.key(), cursor.entry());
                let fate = retention.judge(key, &entry, || !version.may_hold(key, below));
                output.add(key, &entry, fate)?;
                cursor.next()?;
                until_look -= 1;
                if until_look == 0 {
                    until_look = ENTRIES_BETWEEN_LOOKS;
                    self.check_stopping()?;
                }
            }
            Ok(())
        };
        let merged = merge_all();
        match merged {
            Ok(()) => output.finish(),
            Err(error) => {
                output.discard();
                Err(error)
            }
        }
    }

    fn check_stopping(&self) -> Result<()> {
        if self.work.is_stopping() {
            return Err(Error::new(Code::Closed, "the database is closing: the compaction was given up"));
        }
        Ok(())
    }
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
