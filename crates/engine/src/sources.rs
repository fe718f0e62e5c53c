//! What of a database can hold something between two keys, but for some of its tables.

use crate::cursor::{LevelCursor, Source};
use crate::disk::Wait;
use crate::error::Result;
use crate::key::Revision;
use crate::range_delete::RangeDelete;
use crate::state::Readable;
use crate::table::{Patience, Table};
use crate::version::KeyBounds;
use std::ops::Bound;

/// Of stored keys.
pub type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

pub fn borrowed((lower, upper): &Bounds) -> KeyBounds<'_> {
    (lower.as_ref().map(Vec::as_slice), upper.as_ref().map(Vec::as_slice))
}

impl Readable {
    /// Memtables that can hold something later than `after`, and the tables of the bounds that are wanted.
    pub fn sources_in(
        &self,
        bounds: KeyBounds<'_>,
        after: Revision,
        is_wanted: &dyn Fn(&Table) -> bool,
        patience: &Patience,
    ) -> Vec<Source> {
        let sealed = self.sealed.iter().filter(|sealed| sealed.last.revision > after);
        let memtables = std::iter::once(&self.active).chain(sealed.map(|sealed| &sealed.memtable));
        let mut sources: Vec<Source> = memtables
            .filter(|memtable| memtable.entries() > 0)
            .map(|memtable| Source::Memtable(memtable.cursor()))
            .collect();
        sources.extend(self.table_sources(bounds, is_wanted, patience));
        sources
    }

    /// Tables that can hold a key of the bounds, of those that are wanted.
    pub fn table_sources(
        &self,
        bounds: KeyBounds<'_>,
        is_wanted: &dyn Fn(&Table) -> bool,
        patience: &Patience,
    ) -> Vec<Source> {
        let level0 = self.version.level0_overlapping(bounds).filter(|table| is_wanted(table));
        let mut sources: Vec<Source> =
            level0.map(|table| Source::Table(table.cursor().with(patience.clone()))).collect();
        for mut tables in self.version.deeper_overlapping(bounds) {
            tables.retain(|table| is_wanted(table));
            if !tables.is_empty() {
                sources.push(Source::Level(LevelCursor::new(tables, Table::cursor).with(patience.clone())));
            }
        }
        sources
    }

    /// Range deletes that reach into the bounds: of memtables, and of tables that are wanted.
    pub fn range_deletes_in(
        &self,
        bounds: KeyBounds<'_>,
        is_wanted: &dyn Fn(&Table) -> bool,
        wait: Wait,
    ) -> Result<Vec<RangeDelete>> {
        let mut all = Vec::new();
        for memtable in self.memtables() {
            all.extend(memtable.range_deletes().iter().flat_map(|ranges| ranges.all()));
        }
        let deeper: Vec<_> = self.version.deeper_overlapping(bounds).flatten().collect();
        for table in self.version.level0_overlapping(bounds).chain(&deeper) {
            if table.summary().range_deletes > 0 && is_wanted(table) {
                all.extend(table.range_deletes(wait)?.all());
            }
        }
        all.retain(|range| reaches_into(range, bounds));
        Ok(all)
    }
}

/// A range delete, within bounds.
pub fn clamp(range: &RangeDelete, (lower, upper): KeyBounds<'_>) -> Bounds {
    let from = match lower {
        Bound::Included(key) | Bound::Excluded(key) if *key >= *range.lower => lower.map(<[u8]>::to_vec),
        _ => Bound::Included(range.lower.to_vec()),
    };
    let until = match upper {
        Bound::Included(key) | Bound::Excluded(key) if *key < *range.upper => upper.map(<[u8]>::to_vec),
        _ => Bound::Excluded(range.upper.to_vec()),
    };
    (from, until)
}

fn reaches_into(range: &RangeDelete, (lower, upper): KeyBounds<'_>) -> bool {
    let is_above = match lower {
        Bound::Unbounded => true,
        Bound::Included(key) | Bound::Excluded(key) => *range.upper > *key,
    };
    let is_below = match upper {
        Bound::Unbounded => true,
        Bound::Included(key) => *range.lower <= *key,
        Bound::Excluded(key) => *range.lower < *key,
    };
    is_above && is_below
}
