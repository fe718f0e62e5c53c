//! Compactions for what is dead: deletes, versions under newer ones, passed deadlines. Picked when levels need nothing,
//! so that a database gives its room back though nobody writes. With history, what is trimmed: deletes, and versions under
//! newer ones.
//!
//! The budget: a compaction is worth it if it frees a fifth of all that lies in its way down to the bottom, as far as
//! counts tell. So what is collected costs at most five times its own bytes, and at rest a fifth is garbage at most.

use super::plan::{Plan, Reason, Work, conflicts, overlaps};
use super::{BOTTOM, Levels, PolicyOptions, TableView, merge_level0};
use crate::entry::NO_DEADLINE;
use crate::key::Revision;
use crate::limits::LEVELS;
use crate::table::{ALWAYS, GARBAGE_PERCENT, TableSummary, VersionSummary};

/// A table that is all dead so soon after a part of it is left until then: an edit drops it.
const WAIT_MS: i64 = 20_000;

/// A range delete counts as so many deletes.
const RANGE_DELETE_ENTRIES: u64 = 1000;

const PERCENT: u64 = GARBAGE_PERCENT as u64;

/// The compaction that frees most, if one is worth it.
pub fn pick_garbage(
    levels: &Levels<'_>,
    running: &[Plan],
    options: &PolicyOptions,
    base: usize,
) -> Option<Plan> {
    let mut worth: Vec<(u64, Plan)> = Vec::new();
    for (level, table) in tables(levels).filter(|(_, table)| Dead::of(table, options).is_some()) {
        let plan = plan_for(levels, level, table, options, base);
        let freed = freed(levels, &plan, options);
        if freed > 0 && !conflicts(&plan, running) && !worth.iter().any(|(_, other)| *other == plan) {
            worth.push((freed, plan));
        }
    }
    // Of equal ones the upper level, which more reads meet.
    worth.into_iter().rev().max_by_key(|(freed, _)| *freed).map(|(_, plan)| plan)
}

/// When deadlines that pass may make the next pick, if nothing else changes. `now_ms` is the time itself: what has passed
/// and is held by a snapshot is waited for otherwise.
pub fn next_garbage_ms(levels: &Levels<'_>, options: &PolicyOptions, now_ms: i64) -> Option<i64> {
    let times = tables(levels)
        .filter(|(_, table)| table.summary.max_revision <= options.droppable_revision)
        .flat_map(|(_, table)| [due_ms(table), table.summary.dead_ms]);
    times.filter(|ms| *ms > now_ms && *ms != NO_DEADLINE).min()
}

/// Whether a table that overlaps nothing below can be rewritten to less.
pub fn is_droppable(table: &TableView<'_>, options: &PolicyOptions) -> bool {
    if let Some(versions) = table.summary.versions {
        return versions.first <= options.droppable_revision;
    }
    let has_some = table.summary.deletes + table.summary.range_deletes > 0
        || table.summary.min_deadline_ms <= options.now_ms;
    has_some && table.summary.max_revision <= options.droppable_revision
}

fn tables<'a>(levels: &'a Levels<'a>) -> impl Iterator<Item = (usize, &'a TableView<'a>)> {
    (0..LEVELS).flat_map(|level| levels.0[level].iter().map(move |table| (level, table)))
}

/// Tables of the uppermost level that has such of which nothing is alive and under which nothing is hidden.
pub fn pick_dead(levels: &Levels<'_>, running: &[Plan], options: &PolicyOptions) -> Option<Plan> {
    (0..LEVELS).find_map(|level| {
        let mut chosen = Vec::new();
        for (at, table) in levels.0[level].iter().enumerate() {
            let (lower, upper) = (&table.summary.smallest[..], &table.summary.largest[..]);
            let older = if level == 0 { &levels.0[0][at + 1..] } else { &[] };
            let mut under = older.iter().chain(levels.0[level + 1..].iter().flatten());
            let one = || Plan::new(vec![(level, vec![*table])], level, Work::Drop, Reason::Garbage);
            if Dead::of(table, options).entries == table.summary.entries
                && table.summary.dead_ms <= options.now_ms
                && !under.any(|other| overlaps(other, lower, upper))
                && !conflicts(&one(), running)
            {
                chosen.push(*table);
            }
        }
        let plan = |tables| Plan::new(vec![(level, tables)], level, Work::Drop, Reason::Garbage);
        let first = *chosen.first()?;
        // Each may go; what runs between them must not stop the others.
        Some(plan(chosen)).filter(|plan| !conflicts(plan, running)).or_else(|| Some(plan(vec![first])))
    })
}

/// Brings a table nearer to what it hides, or rewrites it where it hides nothing.
fn plan_for(
    levels: &Levels<'_>,
    level: usize,
    table: &TableView<'_>,
    options: &PolicyOptions,
    base: usize,
) -> Plan {
    let mut plan = match level {
        0 => merge_level0(levels, table, base, Reason::Garbage),
        _ => Plan::merge(levels, level, vec![*table], (level + 1).min(BOTTOM), Reason::Garbage),
    };
    // Over nothing below, rewriting frees what is dead at once; moving would only carry it down.
    let output = usize::from(plan.output_level);
    let mut below = levels.0[output + 1..].iter().flatten();
    let over_nothing = !below.any(|table| overlaps(table, &plan.smallest, &plan.largest));
    if plan.work == Work::Move && over_nothing && is_droppable(table, options) {
        plan.work = Work::Merge;
    }
    plan
}

/// What a plan frees on its way down, in bytes; 0 if that is not worth it.
fn freed(levels: &Levels<'_>, plan: &Plan, options: &PolicyOptions) -> u64 {
    let top = plan.top();
    let is_top = |number: u64| plan.inputs[0].1.contains(&number);
    let inputs = || levels.0[top].iter().filter(|table| is_top(table.number));
    let dead = inputs().map(|table| Dead::of(table, options));
    let own = dead.fold(Dead::default(), |sum, dead| Dead {
        entries: sum.entries + dead.entries,
        bytes: sum.bytes + dead.bytes,
        hiding: sum.hiding + dead.hiding,
        hides_ranges: sum.hides_ranges || dead.hides_ranges,
    });
    let lower = inputs().map(|table| &table.summary.smallest[..]).min().unwrap_or_default();
    let upper = inputs().map(|table| &table.summary.largest[..]).max().unwrap_or_default();
    let below = levels.0[top + 1..].iter().flatten().filter(|table| overlaps(table, lower, upper));
    let sum = |sum: (u64, u64), table: &TableView<'_>| {
        (sum.0 + table.summary.entries, sum.1 + table.summary.held_bytes())
    };
    let (entries, bytes) = below.fold((0, 0), sum);
    let (all_entries, all_bytes) = inputs().fold((entries, bytes), sum);
    // At level 0 they hide entries of one another too.
    let (entries, bytes) =
        if top == 0 { (all_entries - own.entries, all_bytes - own.bytes) } else { (entries, bytes) };
    // What a range delete hides nobody has counted; half is reason enough to look. Over nothing it hides what a snapshot
    // kept beside it.
    let hiding = if own.hides_ranges { own.hiding.max(entries / 2) } else { own.hiding };
    let beside = if own.hides_ranges && entries == 0 { all_bytes / 2 } else { 0 };
    let freed = own.bytes.max(beside) + share(bytes, hiding.min(entries), entries);
    let is_worth =
        freed >= options.garbage_bytes_min && freed.saturating_mul(100) >= all_bytes.saturating_mul(PERCENT);
    if is_worth { freed } else { 0 }
}

/// What of a table is dead to every reader, as far as its summary tells.
#[derive(Default)]
struct Dead {
    entries: u64,
    bytes: u64,
    /// Those that may hide an older version of their key below.
    hiding: u64,
    /// It is about range deletes more than about anything else.
    hides_ranges: bool,
}

impl Dead {
    fn is_some(&self) -> bool {
        self.entries > 0 || self.hides_ranges
    }

    fn of(table: &TableView<'_>, options: &PolicyOptions) -> Dead {
        let summary = table.summary;
        if let Some(versions) = &summary.versions {
            return Dead::of_versions(summary, versions, options.droppable_revision);
        }
        if summary.max_revision > options.droppable_revision {
            return Dead::default();
        }
        let fifth = a_fifth(summary);
        let entries = if summary.dead_ms <= options.now_ms {
            summary.entries
        } else if due_ms(table) <= options.now_ms {
            // As if deadlines were spread evenly from the fifth to the last.
            let since = options.now_ms.saturating_sub(summary.garbage_ms).unsigned_abs();
            let all = summary.dead_ms.saturating_sub(summary.garbage_ms).unsigned_abs();
            let even = summary.garbage_ms != ALWAYS && summary.dead_ms != NO_DEADLINE;
            let passed = if even { share(summary.entries - fifth, since, all) } else { 0 };
            (fifth + passed).max(summary.deletes)
        } else {
            summary.deletes
        };
        let hiding = if summary.garbage_ms == ALWAYS && summary.dead_ms > options.now_ms {
            summary.deletes
        } else {
            entries
        };
        // Fewer keys than that would hardly be deleted as a range.
        let ranges = summary.range_deletes.saturating_mul(RANGE_DELETE_ENTRIES);
        let hides_ranges = ranges > 0 && ranges >= summary.entries;
        let bytes = if summary.entries == 0 {
            summary.bytes
        } else {
            share(summary.held_bytes(), entries, summary.entries)
        };
        Dead { entries, bytes, hiding: hiding + ranges, hides_ranges }
    }

    /// With history: what nobody reads any more who reads at `trim` or later.
    fn of_versions(summary: &TableSummary, versions: &VersionSummary, trim: Revision) -> Dead {
        let (entries, hiding) = if trim >= summary.max_revision {
            (versions.dead, summary.deletes)
        } else if trim >= versions.fifth {
            // As if the rest died evenly until the last.
            let rest = versions.dead.saturating_sub(a_fifth(summary));
            let since = trim - versions.fifth;
            let all = summary.max_revision.saturating_sub(versions.fifth);
            // Not all of them: that is known only when trimmed to the last, and a table of which all is dead goes unread.
            (
                (versions.dead.min(a_fifth(summary)) + share(rest, since, all))
                    .min(versions.dead.saturating_sub(1)),
                0,
            )
        } else {
            (0, 0)
        };
        let bytes = share(summary.held_bytes(), entries, summary.entries);
        Dead { entries, bytes, hiding, hides_ranges: false }
    }
}

fn a_fifth(summary: &TableSummary) -> u64 {
    (summary.entries * PERCENT).div_ceil(100)
}

/// When passed deadlines make a table worth a look.
fn due_ms(table: &TableView<'_>) -> i64 {
    let summary = table.summary;
    let soon =
        summary.dead_ms != NO_DEADLINE && summary.dead_ms.saturating_sub(summary.garbage_ms) <= WAIT_MS;
    if soon { summary.dead_ms } else { summary.garbage_ms }
}

/// `part` in `all` of a number, rounded up.
fn share(number: u64, part: u64, all: u64) -> u64 {
    let product = u128::from(number) * u128::from(part);
    u64::try_from(product.div_ceil(u128::from(all.max(1)))).unwrap_or(u64::MAX)
}
