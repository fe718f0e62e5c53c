//! Which tables to merge next: pure functions from the levels and the plans already running to a plan. They read no
//! clock and no disk.
//!
//! Levelled. Level 0 holds flushed tables, newest first; each level below holds disjoint tables, and data only moves
//! down, so that of two versions of a key the newer is never below the older. The bottom level is always the last one;
//! the *base*, where level 0 goes, is as near to it as sizes allow, so that a small database has one level and no table
//! is written more often than it must. A table that overlaps nothing where it goes is moved by an edit alone, so that a
//! sequential fill is never rewritten.
//!
//! What must hold: two plans may run at once only if their key ranges or their levels are disjoint, which `conflicts`
//! checks. That one rule keeps a table from being input twice, outputs of one level disjoint though they are not to be
//! seen yet, and newer data from overtaking older. Merges that stay in level 0 need less: see there.

use crate::key::Revision;
use crate::limits::{LEVELS, TABLE_BYTES_TARGET};
use crate::options::Policy;
use crate::table::TableSummary;
use std::collections::BTreeSet;

mod blobs;
mod garbage;
mod paired;
mod plan;

pub use blobs::pick_worn;
pub use garbage::next_garbage_ms;
use garbage::{is_droppable, pick_dead, pick_garbage};
use paired::{pick_pair, pick_relief};
pub use plan::{Plan, Reason, Work};
use plan::{bytes, conflicts, depth, hull, idle, overlaps};

const BOTTOM: usize = LEVELS - 1;

#[derive(Clone, Copy, Debug)]
pub struct TableView<'a> {
    pub number: u64,
    pub summary: &'a TableSummary,
}

/// The tables of each level: level 0 newest first, the others by key.
#[derive(Clone, Debug, Default)]
pub struct Levels<'a>(pub [Vec<TableView<'a>>; LEVELS]);

#[derive(Clone, Copy, Debug)]
pub struct PolicyOptions {
    pub policy: Policy,
    /// Tables of level 0 over one key that start a compaction.
    pub level0_runs: usize,
    /// Tables of level 0 that start one however few of them overlap. Writes stop at some number of tables, and what
    /// they then wait for must have begun before.
    pub level0_tables: usize,
    /// Tables of level 0 at which pairs of them are merged, when none can go into the base.
    pub relief_runs: usize,
    /// Each level holds this many times what the one above it does.
    pub level_factor: u64,
    /// The most that level 0 and the base level hold.
    pub base_bytes: u64,
    /// With the paired policy: a run larger than this leaves level 0, where a run is one table.
    pub run_bytes_max: u64,
    /// A compaction for garbage alone frees at least so much.
    pub garbage_bytes_min: u64,
    /// No reader needs a delete at or below this, nor what it hides; with history, nor any version under a newer one there.
    /// A compaction whose output overlaps nothing below it
    /// must drop them all, else `Reason::Garbage` would pick its output again.
    pub droppable_revision: Revision,
    /// Deadlines at or before it have passed for every reader, as for the compaction itself.
    pub now_ms: i64,
    /// Bytes that one plan of `pick_in_range` takes from a level below 0.
    pub range_bytes_max: u64,
}

impl Default for PolicyOptions {
    fn default() -> Self {
        PolicyOptions {
            policy: Policy::Levelled,
            level0_runs: 4,
            relief_runs: 6,
            level0_tables: 12,
            level_factor: 10,
            base_bytes: 256 << 20,
            run_bytes_max: 4 * TABLE_BYTES_TARGET,
            garbage_bytes_min: 64 << 10,
            droppable_revision: 0,
            now_ms: i64::MIN,
            range_bytes_max: 8 * TABLE_BYTES_TARGET,
        }
    }
}

/// Where each level's last pick ended, so that the next goes on from there and all keys get their turn. Kept in memory
/// only: after a restart the turn begins anew.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin([Vec<u8>; LEVELS]);

impl RoundRobin {
    /// Call once a plan is started.
    pub fn advance(&mut self, plan: &Plan) {
        self.0[plan.top()].clone_from(&plan.top_ends);
    }
}

/// What to do next for a key range that somebody asked to compact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Compact(Plan),
    /// A running plan is in the way; ask again when it is done.
    Wait,
    Done,
}

/// The most urgent plan that can run beside those already running.
pub fn pick(
    levels: &Levels<'_>,
    running: &[Plan],
    options: &PolicyOptions,
    turns: &RoundRobin,
) -> Option<Plan> {
    let shape = Shape::of(levels, options);
    let urgent = || match options.policy {
        Policy::Levelled => pick_levelled(levels, running, options, &shape, turns),
        Policy::Paired => pick_pair(levels, running, options),
    };
    // What only has to go comes first: it costs an edit, and may be what makes room on a full disk for all the rest.
    pick_dead(levels, running, options)
        .or_else(urgent)
        .or_else(|| pick_garbage(levels, running, options, shape.base))
}

fn pick_levelled(
    levels: &Levels<'_>,
    running: &[Plan],
    options: &PolicyOptions,
    shape: &Shape,
    turns: &RoundRobin,
) -> Option<Plan> {
    let mut due: Vec<(u64, usize)> = (0..BOTTOM)
        .map(|level| (shape.score(levels, running, options, level), level))
        .filter(|(score, _)| *score >= DUE)
        .collect();
    // The highest score first; of equal ones the upper level, which more reads meet.
    due.sort_by_key(|(score, level)| (u64::MAX - score, *level));
    due.into_iter().find_map(|(_, level)| match level {
        0 => pick_level0(levels, running, shape.base).or_else(|| pick_relief(levels, running, options)),
        _ => pick_level(levels, running, level, shape.targets[level], &turns.0[level]),
    })
}

/// Everything in a key range is to go down to the bottom level.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Stored keys, both inclusive.
    pub range: (&'a [u8], &'a [u8]),
    /// Tables wholly newer are left alone, so that it ends while writes go on.
    pub since: Revision,
    /// Tables to be rewritten whatever is in them, which makes others of them.
    pub stale: &'a BTreeSet<u64>,
}

/// The next step of what was asked for.
pub fn pick_in_range(
    levels: &Levels<'_>,
    running: &[Plan],
    options: &PolicyOptions,
    Asked { range: (lower, upper), since, stale }: Asked<'_>,
) -> Step {
    let base = Shape::of(levels, options).base;
    let wanted = |table: &TableView<'_>| overlaps(table, lower, upper) && table.summary.min_revision <= since;
    let mut waiting = false;
    for level in 0..BOTTOM {
        let tables = &levels.0[level];
        let Some(first) = tables.iter().position(wanted) else { continue };
        let plan = if level == 0 {
            let seed = tables.iter().rev().find(|table| wanted(table)).expect("one was found");
            merge_level0(levels, seed, base, Reason::Asked)
        } else {
            let mut bytes = 0;
            let some = tables[first..].iter().take_while(|table| {
                let taken = wanted(table) && bytes < options.range_bytes_max;
                bytes += table.summary.bytes;
                taken
            });
            Plan::merge(levels, level, some.copied().collect(), level + 1, Reason::Asked)
        };
        if !conflicts(&plan, running) {
            return Step::Compact(plan);
        }
        waiting = true;
    }
    let is_due = |table: &TableView<'_>| is_droppable(table, options) || stale.contains(&table.number);
    for table in levels.0[BOTTOM].iter().filter(|table| wanted(table) && is_due(table)) {
        let plan = Plan::merge(levels, BOTTOM, vec![*table], BOTTOM, Reason::Asked);
        if !conflicts(&plan, running) {
            return Step::Compact(plan);
        }
        waiting = true;
    }
    if waiting { Step::Wait } else { Step::Done }
}

/// Bytes that have to be written before levels need nothing: level 0, and what stands beyond a level's share as often as
/// the level below is larger. With pairs what counts is their number.
pub fn debt(levels: &Levels<'_>, options: &PolicyOptions) -> u64 {
    if options.policy == Policy::Paired {
        return 0;
    }
    let targets = Shape::of(levels, options).targets;
    let excess = (1..BOTTOM).map(|level| bytes(&levels.0[level]).saturating_sub(targets[level]));
    bytes(&levels.0[0]) + excess.sum::<u64>().saturating_mul(options.level_factor)
}

/// A score from which a compaction is due.
const DUE: u64 = 1000;

/// Where level 0 goes, and what each level below may hold.
struct Shape {
    base: usize,
    /// 0 for levels above the ideal base, which are to be emptied.
    targets: [u64; LEVELS],
}

impl Shape {
    fn of(levels: &Levels<'_>, options: &PolicyOptions) -> Shape {
        let largest = (1..LEVELS).map(|level| bytes(&levels.0[level])).max().expect("there are levels");
        let mut targets = [0; LEVELS];
        let mut base = BOTTOM;
        targets[base] = largest;
        while targets[base] > options.base_bytes && base > 1 {
            targets[base - 1] = targets[base] / options.level_factor;
            base -= 1;
        }
        // Level 0 must not overtake what stands on a level above the ideal one.
        let first = (1..LEVELS).find(|level| !levels.0[*level].is_empty()).unwrap_or(BOTTOM);
        Shape { base: base.min(first), targets }
    }

    /// In thousandths of what makes a compaction due. What a running plan takes away counts no more.
    fn score(&self, levels: &Levels<'_>, running: &[Plan], options: &PolicyOptions, level: usize) -> u64 {
        let tables = idle(levels, running, level);
        let held = bytes(&tables);
        if level == 0 {
            let runs = depth(&tables).max(movable(levels, running, self.base).len());
            let by_runs = runs as u64 * DUE / options.level0_runs as u64;
            let by_tables = tables.len() as u64 * DUE / options.level0_tables as u64;
            return by_runs.max(by_tables).max(held.saturating_mul(DUE) / options.base_bytes);
        }
        match self.targets[level] {
            0 if held == 0 => 0,
            0 => DUE + 1,
            target if held > target => (held.saturating_mul(DUE) / target).max(DUE + 1),
            _ => 0,
        }
    }
}

fn pick_level0(levels: &Levels<'_>, running: &[Plan], base: usize) -> Option<Plan> {
    let movable = movable(levels, running, base);
    if !movable.is_empty() {
        // Each was checked alone against what runs; between them the plan touches nothing.
        return Some(Plan::new(vec![(0, movable)], base, Work::Move, Reason::Level0));
    }
    let mut oldest_first = levels.0[0].iter().rev();
    oldest_first.find_map(|seed| {
        Some(merge_level0(levels, seed, base, Reason::Level0)).filter(|plan| !conflicts(plan, running))
    })
}

/// Tables of level 0 that overlap no other there, none of the base and no plan that runs.
fn movable<'a>(levels: &Levels<'a>, running: &[Plan], base: usize) -> Vec<TableView<'a>> {
    let alone = |table: &&TableView<'a>| {
        let (lower, upper) = (&table.summary.smallest[..], &table.summary.largest[..]);
        let others = levels.0[0].iter().filter(|other| other.number != table.number);
        let mut met = others.chain((1..=base).flat_map(|level| &levels.0[level]));
        !met.any(|other| overlaps(other, lower, upper))
            && !running.iter().any(|plan| plan.smallest[..] <= *upper && plan.largest[..] >= *lower)
    };
    let mut found: Vec<_> = levels.0[0].iter().filter(alone).copied().collect();
    found.sort_by(|a, b| a.summary.smallest.cmp(&b.summary.smallest));
    found
}

/// All of level 0 that hangs together with `seed` by overlaps, into the base.
fn merge_level0(levels: &Levels<'_>, seed: &TableView<'_>, base: usize, reason: Reason) -> Plan {
    let (mut lower, mut upper) = (&seed.summary.smallest[..], &seed.summary.largest[..]);
    loop {
        let tables: Vec<_> =
            levels.0[0].iter().filter(|table| overlaps(table, lower, upper)).copied().collect();
        let (wider_lower, wider_upper) = hull(&tables);
        if (wider_lower, wider_upper) == (lower, upper) {
            return Plan::merge(levels, 0, tables, base, reason);
        }
        (lower, upper) = (wider_lower, wider_upper);
    }
}

/// From a level that holds too much: the table whose turn it is and can be merged now, or several to move.
fn pick_level(
    levels: &Levels<'_>,
    running: &[Plan],
    level: usize,
    target: u64,
    after: &[u8],
) -> Option<Plan> {
    let tables = &levels.0[level];
    let turn = tables.partition_point(|table| &table.summary.smallest[..] <= after);
    let (passed, next) = tables.split_at(if after.is_empty() { 0 } else { turn });
    let excess = bytes(tables).saturating_sub(target);
    next.iter().chain(passed).find_map(|seed| {
        let plan = Plan::merge(levels, level, vec![*seed], level + 1, Reason::Size);
        if conflicts(&plan, running) {
            return None;
        }
        if plan.work != Work::Move {
            return Some(plan);
        }
        // Moving costs one edit however many go: those that follow go along while there is too much.
        let start = tables.iter().position(|table| table.number == seed.number).expect("it is one of them");
        let mut together = vec![*seed];
        for table in &tables[start + 1..] {
            let single = Plan::merge(levels, level, vec![*table], level + 1, Reason::Size);
            if bytes(&together) >= excess || single.work != Work::Move {
                break;
            }
            together.push(*table);
        }
        let several = Plan::new(vec![(level, together)], level + 1, Work::Move, Reason::Size);
        Some(if conflicts(&several, running) { plan } else { several })
    })
}

#[cfg(test)]
mod tests;
