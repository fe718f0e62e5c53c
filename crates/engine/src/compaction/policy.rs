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
//! checks. That one rule keeps a table from being input twice, outputs of one level disjoint
//! though they are not to be seen yet, and newer data from overtaking older.

use crate::key::Revision;
use crate::limits::{LEVELS, TABLE_BYTES_TARGET};
use crate::table::TableSummary;
use std::fmt;

const BOTTOM: usize = LEVELS - 1;
/// Deletes that make a table worth a compaction of its own, if they are also a good part of its entries.
const GARBAGE_DELETES_MIN: u64 = 1000;
/// A range delete counts as so many deletes: fewer keys would hardly be deleted as a range.
const RANGE_DELETE_DELETES: u64 = 1000;

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
    /// Tables of level 0 over one key that start a compaction.
    pub level0_runs: usize,
    /// Tables of level 0 that start one however few of them overlap. Writes stop at some number of tables, and what
    /// they then wait for must have begun before.
    pub level0_tables: usize,
    /// Each level holds this many times what the one above it does.
    pub level_factor: u64,
    /// The most that level 0 and the base level hold.
    pub base_bytes: u64,
    /// Deletes among a hundred entries that make a table worth a compaction of its own.
    pub garbage_percent: u64,
    /// No reader needs a delete at or below this. A compaction whose output overlaps nothing below it must drop them
    /// all, else `Reason::Deletes` would pick its output again.
    pub droppable_revision: Revision,
    /// Bytes that one plan of `pick_in_range` takes from a level below 0.
    pub range_bytes_max: u64,
}

impl Default for PolicyOptions {
    fn default() -> Self {
        PolicyOptions {
            level0_runs: 4,
            level0_tables: 12,
            level_factor: 10,
            base_bytes: 256 << 20,
            garbage_percent: 50,
            droppable_revision: 0,
            range_bytes_max: 8 * TABLE_BYTES_TARGET,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too many runs or bytes at level 0.
    Level0,
    /// A level has outgrown its share.
    Size,
    /// Deletes that can be dropped, or merged with what they delete.
    Deletes,
    /// Somebody asked for this key range.
    Asked,
}

/// One compaction. The caller keeps it while it runs and passes it to every later pick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Levels from the top, each with the numbers of its tables. Never empty.
    pub inputs: Vec<(u8, Vec<u64>)>,
    pub output_level: u8,
    /// Nothing is read or written: one edit moves the tables.
    pub trivial_move: bool,
    pub reason: Reason,
    /// The stored keys that the inputs span, both inclusive.
    pub smallest: Vec<u8>,
    pub largest: Vec<u8>,
    /// Where the inputs of the top level end.
    top_ends: Vec<u8>,
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
    let mut due: Vec<(u64, usize)> = (0..BOTTOM)
        .map(|level| (shape.score(levels, running, options, level), level))
        .filter(|(score, _)| *score >= DUE)
        .collect();
    // The highest score first; of equal ones the upper level, which more reads meet.
    due.sort_by_key(|(score, level)| (u64::MAX - score, *level));
    let due = due.into_iter().find_map(|(_, level)| match level {
        0 => pick_level0(levels, running, shape.base),
        _ => pick_level(levels, running, level, shape.targets[level], &turns.0[level]),
    });
    due.or_else(|| pick_garbage(levels, running, options, shape.base))
}

/// The next step of compacting everything in a key range (stored keys, both inclusive) down to the bottom level.
/// Tables wholly newer than `since` are left alone, so that it ends while writes go on.
pub fn pick_in_range(
    levels: &Levels<'_>,
    running: &[Plan],
    options: &PolicyOptions,
    (lower, upper): (&[u8], &[u8]),
    since: Revision,
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
            merge(levels, level, some.copied().collect(), level + 1, Reason::Asked)
        };
        if !conflicts(&plan, running) {
            return Step::Compact(plan);
        }
        waiting = true;
    }
    for table in levels.0[BOTTOM].iter().filter(|table| wanted(table) && is_droppable(table, options)) {
        let plan = merge(levels, BOTTOM, vec![*table], BOTTOM, Reason::Asked);
        if !conflicts(&plan, running) {
            return Step::Compact(plan);
        }
        waiting = true;
    }
    if waiting { Step::Wait } else { Step::Done }
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
        return Some(plan(vec![(0, movable)], base, true, Reason::Level0));
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
            return merge(levels, 0, tables, base, reason);
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
        let plan = merge(levels, level, vec![*seed], level + 1, Reason::Size);
        if conflicts(&plan, running) {
            return None;
        }
        if !plan.trivial_move {
            return Some(plan);
        }
        // Moving costs one edit however many go: those that follow go along while there is too much.
        let start = tables.iter().position(|table| table.number == seed.number).expect("it is one of them");
        let mut together = vec![*seed];
        for table in &tables[start + 1..] {
            let single = merge(levels, level, vec![*table], level + 1, Reason::Size);
            if bytes(&together) >= excess || !single.trivial_move {
                break;
            }
            together.push(*table);
        }
        let several = self::plan(vec![(level, together)], level + 1, true, Reason::Size);
        Some(if conflicts(&several, running) { plan } else { several })
    })
}

/// The table with the most deletes that a compaction of its own would get rid of.
fn pick_garbage(levels: &Levels<'_>, running: &[Plan], options: &PolicyOptions, base: usize) -> Option<Plan> {
    let is_garbage = |table: &TableView<'_>| {
        let TableSummary { deletes, entries, range_deletes, .. } = *table.summary;
        let ranges = range_deletes.saturating_mul(RANGE_DELETE_DELETES);
        let (deletes, entries) = (deletes.saturating_add(ranges), entries.saturating_add(ranges));
        deletes >= GARBAGE_DELETES_MIN
            && deletes.saturating_mul(100) >= entries.saturating_mul(options.garbage_percent)
    };
    let mut candidates: Vec<(usize, &TableView<'_>)> = (0..LEVELS)
        .flat_map(|level| levels.0[level].iter().map(move |table| (level, table)))
        // Above the bottom every step brings deletes nearer to what they delete; at the bottom only dropping them
        // is progress.
        .filter(|(level, table)| is_garbage(table) && (*level < BOTTOM || is_droppable(table, options)))
        .collect();
    candidates.sort_by_key(|(level, table)| (u64::MAX - table.summary.deletes, *level));
    candidates.into_iter().find_map(|(level, table)| {
        let mut plan = match level {
            0 => merge_level0(levels, table, base, Reason::Deletes),
            _ => merge(levels, level, vec![*table], (level + 1).min(BOTTOM), Reason::Deletes),
        };
        // Over nothing below, rewriting drops the deletes at once; moving would only carry them down.
        let output = usize::from(plan.output_level);
        let mut below = levels.0[output + 1..].iter().flatten();
        let over_nothing = !below.any(|table| overlaps(table, &plan.smallest, &plan.largest));
        plan.trivial_move &= !(over_nothing && is_droppable(table, options));
        Some(plan).filter(|plan| !conflicts(plan, running))
    })
}

/// Whether rewriting a table that overlaps nothing below leaves none of its deletes.
fn is_droppable(table: &TableView<'_>, options: &PolicyOptions) -> bool {
    table.summary.deletes + table.summary.range_deletes > 0
        && table.summary.max_revision <= options.droppable_revision
}

/// `tables` of `level` with all that they span at `output`; a move if that is nothing and they are disjoint.
fn merge(
    levels: &Levels<'_>,
    level: usize,
    tables: Vec<TableView<'_>>,
    output: usize,
    reason: Reason,
) -> Plan {
    if output == level {
        return plan(vec![(level, tables)], output, false, reason);
    }
    let (lower, upper) = hull(&tables);
    let below: Vec<_> =
        levels.0[output].iter().filter(|table| overlaps(table, lower, upper)).copied().collect();
    let trivial_move = below.is_empty() && depth(&tables) == 1;
    plan(vec![(level, tables), (output, below)], output, trivial_move, reason)
}

fn plan(
    mut inputs: Vec<(usize, Vec<TableView<'_>>)>,
    output: usize,
    trivial_move: bool,
    reason: Reason,
) -> Plan {
    inputs.retain(|(_, tables)| !tables.is_empty());
    let all: Vec<_> = inputs.iter().flat_map(|(_, tables)| tables).copied().collect();
    let (smallest, largest) = hull(&all);
    let numbers = |tables: &[TableView<'_>]| tables.iter().map(|table| table.number).collect();
    Plan {
        inputs: inputs.iter().map(|(level, tables)| (*level as u8, numbers(tables))).collect(),
        output_level: output as u8,
        trivial_move,
        reason,
        smallest: smallest.to_vec(),
        largest: largest.to_vec(),
        top_ends: hull(&inputs[0].1).1.to_vec(),
    }
}

impl Plan {
    fn top(&self) -> usize {
        usize::from(self.inputs[0].0)
    }
}

/// Whether `plan` shares a key and a level, those between its inputs and its output included, with one that runs.
fn conflicts(plan: &Plan, running: &[Plan]) -> bool {
    running.iter().any(|other| {
        let keys = plan.smallest <= other.largest && other.smallest <= plan.largest;
        keys && plan.top() <= usize::from(other.output_level) && other.top() <= usize::from(plan.output_level)
    })
}

fn idle<'a>(levels: &Levels<'a>, running: &[Plan], level: usize) -> Vec<TableView<'a>> {
    let is_input =
        |number: u64| running.iter().flat_map(|plan| &plan.inputs).any(|(_, all)| all.contains(&number));
    levels.0[level].iter().filter(|table| !is_input(table.number)).copied().collect()
}

fn overlaps(table: &TableView<'_>, lower: &[u8], upper: &[u8]) -> bool {
    table.summary.smallest[..] <= *upper && table.summary.largest[..] >= *lower
}

/// The keys that some tables span; there is at least one.
fn hull<'a>(tables: &[TableView<'a>]) -> (&'a [u8], &'a [u8]) {
    let lower = tables.iter().map(|table| &table.summary.smallest[..]).min();
    let upper = tables.iter().map(|table| &table.summary.largest[..]).max();
    lower.zip(upper).expect("a plan has inputs")
}

/// The most tables that hold one key.
fn depth(tables: &[TableView<'_>]) -> usize {
    let over = |key: &[u8]| tables.iter().filter(|table| overlaps(table, key, key)).count();
    tables.iter().map(|table| over(&table.summary.smallest)).max().unwrap_or(0)
}

fn bytes(tables: &[TableView<'_>]) -> u64 {
    tables.iter().map(|table| table.summary.bytes).sum()
}

/// `move` or `merge`, the inputs by level, the output level, the reason: for logs and tests.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.trivial_move { "move" } else { "merge" })?;
        for (level, numbers) in &self.inputs {
            write!(f, " L{level}")?;
            numbers.iter().try_for_each(|number| write!(f, " {number}"))?;
        }
        let reason = match self.reason {
            Reason::Level0 => "level 0",
            Reason::Size => "size",
            Reason::Deletes => "deletes",
            Reason::Asked => "asked",
        };
        write!(f, " -> L{} ({reason})", self.output_level)
    }
}

#[cfg(test)]
mod tests;
