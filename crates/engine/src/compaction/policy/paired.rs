//! Runs and pairs of them. A run is a table of level 0, or all of a deeper level; from the newest, they stand in the
//! order of their age. Merging two that are adjacent in age keeps that order, and any number of disjoint pairs may be
//! merged at once.
//!
//! The paired policy merges two runs unless the older is at least twice the size of the newer, so that sizes double
//! from run to run and their number grows with the logarithm of the data. The levelled policy uses pairs of level 0 as
//! its burst valve, while the base level is busy.

use super::plan::{Plan, Reason, Work, bytes, conflicts, depth, is_input};
use super::{BOTTOM, Levels, PolicyOptions, TableView, movable};

/// The older of two runs is left alone if it is so many times the newer.
const FACTOR: u64 = 2;

/// Two tables of level 0 merged into one that stays there: fewer runs, though the base has no time for any.
pub fn pick_relief(levels: &Levels<'_>, running: &[Plan], options: &PolicyOptions) -> Option<Plan> {
    let idle = levels.0[0].iter().filter(|table| !is_input(running, table.number)).count();
    if idle < options.relief_runs {
        return None;
    }
    let pairs = levels.0[0]
        .windows(2)
        .map(|pair| Plan::new(vec![(0, pair.to_vec())], 0, Work::Merge, Reason::Level0));
    let small = pairs.zip(levels.0[0].windows(2)).map(|(plan, pair)| (bytes(pair), plan));
    smallest(small.filter(|(bytes, _)| *bytes <= options.base_bytes).collect(), running)
}

/// The paired policy: the smallest two adjacent runs of like size.
pub fn pick_pair(levels: &Levels<'_>, running: &[Plan], options: &PolicyOptions) -> Option<Plan> {
    let first = (1..=BOTTOM).find(|level| !levels.0[*level].is_empty());
    // What overlaps nothing joins the oldest run by an edit: a sequential fill is never rewritten.
    let alone = movable(levels, running, first.unwrap_or(BOTTOM));
    if !alone.is_empty() {
        return Some(Plan::new(vec![(0, alone)], first.unwrap_or(BOTTOM), Work::Move, Reason::Size));
    }
    let level0 =
        levels.0[0].iter().enumerate().map(|(at, table)| Run { level: 0, at, bytes: table.summary.bytes });
    let deeper = (1..=BOTTOM).filter(|level| !levels.0[*level].is_empty());
    let deeper = deeper.map(|level| Run { level, at: 0, bytes: bytes(&levels.0[level]) });
    let runs: Vec<Run> = level0.chain(deeper).collect();
    let too_many = levels.0[0].len() >= options.level0_tables;
    let pairs = runs.windows(2).filter(|pair| {
        let (newer, older) = (&pair[0], &pair[1]);
        older.bytes < newer.bytes.saturating_mul(FACTOR) || (too_many && older.level == 0)
    });
    let plans =
        pairs.map(|pair| (pair[0].bytes + pair[1].bytes, merge(levels, &pair[0], &pair[1], first, options)));
    smallest(plans.collect(), running)
}

struct Run {
    level: usize,
    /// Where in level 0.
    at: usize,
    bytes: u64,
}

fn merge(
    levels: &Levels<'_>,
    newer: &Run,
    older: &Run,
    first: Option<usize>,
    options: &PolicyOptions,
) -> Plan {
    match (newer.level, older.level) {
        (0, 0) => {
            let pair: Vec<TableView<'_>> = levels.0[0][newer.at..=older.at].to_vec();
            // The oldest two leave level 0 when they make more than one table, if a level above the others is free.
            let free = first.map_or(BOTTOM, |first| first - 1);
            let is_oldest = older.at + 1 == levels.0[0].len();
            let output =
                if is_oldest && newer.bytes + older.bytes > options.run_bytes_max { free } else { 0 };
            let work = if output > 0 && depth(&pair) == 1 { Work::Move } else { Work::Merge };
            Plan::new(vec![(0, pair)], output, work, Reason::Size)
        }
        (0, level) => Plan::merge(levels, 0, vec![levels.0[0][newer.at]], level, Reason::Size),
        (upper, lower) => Plan::merge(levels, upper, levels.0[upper].clone(), lower, Reason::Size),
    }
}

/// Small pairs first: they lower the number of runs for the least work.
fn smallest(mut plans: Vec<(u64, Plan)>, running: &[Plan]) -> Option<Plan> {
    plans.sort_by_key(|(bytes, _)| *bytes);
    plans.into_iter().map(|(_, plan)| plan).find(|plan| !conflicts(plan, running))
}
