//! Tables that range deletes hide whole from every reader. They go by an edit alone: nothing is read or written for it.

use crate::disk::Wait;
use crate::error::Result;
use crate::key::Revision;
use crate::manifest::Edit;
use crate::options::Event;
use crate::range_delete::RangeDelete;
use crate::state::State;
use crate::table::{Table, TableSummary};
use crate::version::Version;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl State {
    /// Drops such tables, but for those in use; false if there are none. The caller holds `compacting`.
    pub fn drop_hidden_tables(&self, version: &Version, in_use: impl Fn(u64) -> bool) -> Result<bool> {
        let pinned = self.pinned(Revision::MAX);
        let mut removed = hidden_tables(version, &pinned.revisions, pinned.whole_above)?;
        removed.retain(|(_, number)| !in_use(*number));
        let Some((level, _)) = removed.first().copied() else { return Ok(false) };
        let flushed = self.readable.load().flushed;
        self.install(Edit { removed, ..self.new_edit(flushed) }, None)?;
        self.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.arm_upkeep(&mut self.work.lock());
        let level = level.into();
        self.options.listener.event(Event::Compaction { level, read_bytes: 0, wrote_bytes: 0, ms: 0 });
        self.announce_room();
        Ok(true)
    }
}

/// By level and number, with every version above `whole_above` needed by somebody. What they hide themselves, older still, is
/// hidden by what hides them.
pub fn hidden_tables(
    version: &Version,
    snapshots: &[Revision],
    whole_above: Revision,
) -> Result<Vec<(u8, u64)>> {
    let mut hidden: Vec<(u8, u64)> = Vec::new();
    for over in version.tables().filter(|table| table.summary().range_deletes > 0) {
        let nodes = over.range_deletes(Wait::ForDisk)?.nodes_at(Revision::MAX);
        let is_hidden = |table: &Arc<Table>| {
            let summary = table.summary();
            let mut found = nodes.iter().filter_map(|node| node.flat().find(&summary.smallest));
            !Arc::ptr_eq(table, over)
                && found.any(|range| range.revision <= whole_above && hides(range, summary, snapshots))
        };
        for (level, tables) in version.levels.iter().enumerate() {
            let inside = tables.iter().filter(|table| is_hidden(table));
            hidden.extend(inside.map(|table| (level as u8, table.number())));
        }
    }
    hidden.sort_unstable();
    hidden.dedup();
    Ok(hidden)
}

/// Whether a range delete that holds the first key of a table hides all of it, from snapshots too.
fn hides(range: &RangeDelete, summary: &TableSummary, snapshots: &[Revision]) -> bool {
    let seen_by = |snapshot: &Revision| (summary.min_revision..range.revision).contains(snapshot);
    summary.largest[..] < range.upper[..]
        && summary.max_revision < range.revision
        && !snapshots.iter().any(seen_by)
}
