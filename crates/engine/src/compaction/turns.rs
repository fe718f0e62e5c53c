//! Who merges what: the plans that run at once, each chosen so that it disturbs no other, and the threads they take.

use super::hidden::hidden_tables;
use super::{
    Asked, Plan, PolicyOptions, RoundRobin, Step, Work, next_garbage_ms, pick, pick_in_range, pick_worn,
};
use crate::entry::NO_DEADLINE;
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::state::State;
use crate::version::Version;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A plan with so many tables' worth of input is cut into key ranges, one thread each.
const TABLES_PER_THREAD: u64 = 4;

/// What runs now.
#[derive(Default)]
pub struct Turns {
    round_robin: RoundRobin,
    running: Vec<Plan>,
    /// Threads that merge, of as many as may; without those that callers have brought.
    threads: usize,
}

impl Turns {
    fn is_in_use(&self, number: u64) -> bool {
        self.running.iter().any(|plan| plan.has_input(number))
    }
}

/// A plan that runs. It is over when this is dropped, whatever came of it.
pub struct Turn<'a> {
    state: &'a State,
    pub plan: Plan,
    /// What the plan was made for. Its inputs are in every later version until this turn has ended.
    pub version: Arc<Version>,
    /// Threads that it may take, and how many of them count.
    pub threads: usize,
    counted: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        {
            let mut turns = self.state.compacting.lock();
            turns.running.retain(|plan| *plan != self.plan);
            turns.threads -= self.counted;
        }
        // A plan that was in the way of another, or had the last thread: who was refused looks again.
        self.state.work.pass_compaction_on();
        let _due = self.state.work.lock();
        self.state.work.ended.notify_all();
    }
}

impl State {
    /// Takes the most urgent compaction that can run beside the others, if one is due and compaction has not ended.
    pub fn next_turn(&self) -> Result<Option<Turn<'_>>> {
        let mut turns = self.compacting.lock();
        self.check_stopping()?;
        let ended = self.check_poison().is_err() || self.check_compaction().is_err();
        if ended || turns.threads >= self.compaction_threads {
            return Ok(None);
        }
        loop {
            let version = self.readable.load().version.clone();
            if self.drop_hidden_tables(&version, |number| turns.is_in_use(number))? {
                continue;
            }
            let options = self.policy_options();
            let due_blobs = || version.due_blobs(self.options.tuning.blob_copy_bytes);
            let picked = pick(&version.summary(), &turns.running, &options, &turns.round_robin)
                .or_else(|| pick_worn(&version.summary(), &turns.running, &options, &due_blobs()));
            if let Some(plan) = picked {
                turns.round_robin.advance(&plan);
                return Ok(Some(self.begin_turn(&mut turns, plan, version, 0)));
            }
            let now_ms = if self.deadlines_make_garbage() { self.time.now_ms() } else { NO_DEADLINE };
            let next_ms = next_garbage_ms(&version.summary(), &options, now_ms);
            self.work.lock().compact_at_ms = next_ms.unwrap_or(NO_DEADLINE);
            if !self.note_held(&version, options, &turns)? {
                return Ok(None);
            }
        }
    }

    /// Whether only a snapshot holds up a compaction is noted for its end; true if it has ended meanwhile.
    fn note_held(&self, version: &Version, options: PolicyOptions, turns: &Turns) -> Result<bool> {
        let droppable_revision = match self.creation.history {
            true => self.trim_at(self.readable.load().flushed.revision),
            false => Revision::MAX,
        };
        let now_ms = if self.deadlines_make_garbage() { self.time.now_ms() } else { i64::MIN };
        let unheld = PolicyOptions { droppable_revision, now_ms, ..options };
        if options.droppable_revision >= droppable_revision
            || (pick(&version.summary(), &turns.running, &unheld, &turns.round_robin).is_none()
                && hidden_tables(version, &[], Revision::MAX)?.is_empty())
        {
            return Ok(false);
        }
        self.compaction_held.store(true, Ordering::SeqCst);
        Ok(self.oldest_pin() != Some(options.droppable_revision))
    }

    /// The next step of what somebody asked for, once nothing is in its way; none when it is done. On the caller's own
    /// thread, so it does not wait for one to be free.
    pub fn asked_turn(&self, range: (&[u8], &[u8]), since: Revision) -> Result<Option<Turn<'_>>> {
        loop {
            let mut turns = self.compacting.lock();
            self.check_writable()?;
            let version = self.readable.load().version.clone();
            if self.drop_hidden_tables(&version, |number| turns.is_in_use(number))? {
                continue;
            }
            let stale = version.stale_tables(self.environment.keys.current());
            let asked = Asked { range, since, stale: &stale };
            let step = pick_in_range(&version.summary(), &turns.running, &self.policy_options(), asked);
            match step {
                Step::Compact(plan) => return Ok(Some(self.begin_turn(&mut turns, plan, version, 1))),
                Step::Done => return Ok(None),
                Step::Wait => {
                    // Taken before the turns are let go, so that no end is missed.
                    let mut due = self.work.lock();
                    drop(turns);
                    self.work.ended.wait(&mut due);
                }
            }
        }
    }

    /// Nothing new begins any more: waits for what runs.
    pub fn wait_for_turns(&self) {
        loop {
            let turns = self.compacting.lock();
            if turns.running.is_empty() {
                return;
            }
            let mut due = self.work.lock();
            drop(turns);
            self.work.ended.wait(&mut due);
        }
    }

    /// Of the threads it takes, `brought` are the caller's own.
    fn begin_turn(&self, turns: &mut Turns, plan: Plan, version: Arc<Version>, brought: usize) -> Turn<'_> {
        let free = (self.compaction_threads.saturating_sub(turns.threads) + brought).max(1);
        let inputs = version.inputs(&plan);
        let bytes: u64 = inputs.iter().map(|(_, table)| table.summary().bytes).sum();
        let worth = bytes / (TABLES_PER_THREAD * self.options.tuning.table_bytes);
        // Level 0 keeps one table a run. A range delete is cut behind a key, and where a part ends there may be none.
        let is_one = plan.work != Work::Merge
            || plan.output_level == 0
            || inputs.iter().any(|(_, table)| table.summary().range_deletes > 0);
        let threads = if is_one { 1 } else { usize::try_from(worth).unwrap_or(free).clamp(1, free) };
        let counted = threads - brought;
        turns.threads += counted;
        turns.running.push(plan.clone());
        Turn { state: self, plan, version, threads, counted }
    }

    pub fn policy_options(&self) -> PolicyOptions {
        let tuning = &self.options.tuning;
        let pinned = self.pinned(self.readable.load().flushed.revision);
        PolicyOptions {
            policy: self.options.compaction.policy,
            level0_runs: tuning.level0_trigger,
            level0_tables: (tuning.level0_stop / 2).max(1),
            relief_runs: tuning.level0_trigger + tuning.level0_trigger / 2,
            base_bytes: tuning.level_base_bytes,
            run_bytes_max: TABLES_PER_THREAD * tuning.table_bytes,
            garbage_bytes_min: tuning.garbage_bytes_min,
            droppable_revision: pinned.revisions.first().copied().unwrap_or(Revision::MAX),
            now_ms: pinned.now_ms,
            range_bytes_max: 8 * tuning.table_bytes,
            ..PolicyOptions::default()
        }
    }

    pub fn check_stopping(&self) -> Result<()> {
        if self.work.is_stopping() {
            return Err(Error::new(Code::Closed, "the database is closing: the compaction was given up"));
        }
        Ok(())
    }
}
