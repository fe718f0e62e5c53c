//! Compactions for the sake of blob files: merges take along what they meet of files that are mostly garbage, and where
//! no merge comes by, the tables that refer to such files are rewritten for that alone.

use super::plan::{Plan, Reason, Work, conflicts};
use super::{LEVELS, Levels, PolicyOptions, Shape, TableView, merge_level0};
use std::collections::BTreeSet;

/// The table that refers to most of what is in `worn` files. Once every table was picked, no such file is left.
pub fn pick_worn(
    levels: &Levels<'_>,
    running: &[Plan],
    options: &PolicyOptions,
    worn: &BTreeSet<u64>,
) -> Option<Plan> {
    let base = Shape::of(levels, options).base;
    let worn_bytes = |table: &TableView<'_>| -> u64 {
        let uses = table.summary.blobs.iter().filter(|used| worn.contains(&used.file));
        uses.map(|used| used.bytes).sum()
    };
    let mut candidates: Vec<(u64, usize, &TableView<'_>)> = (0..LEVELS)
        .flat_map(|level| levels.0[level].iter().map(move |table| (worn_bytes(table), level, table)))
        .filter(|(bytes, _, _)| *bytes > 0)
        .collect();
    candidates.sort_by_key(|(bytes, level, table)| (u64::MAX - bytes, *level, table.number));
    candidates.into_iter().find_map(|(_, level, table)| {
        let mut plan = match level {
            0 => merge_level0(levels, table, base, Reason::Blobs),
            _ => Plan::merge(levels, level, vec![*table], level, Reason::Blobs),
        };
        // A table that only moves goes on referring to what it does.
        plan.work = Work::Merge;
        Some(plan).filter(|plan| !conflicts(plan, running))
    })
}
