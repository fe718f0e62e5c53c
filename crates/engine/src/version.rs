//! Which tables make up the database at one moment. Immutable: every install makes a new one that shares its tables
//! with the old one, and a reader keeps the one that it began with. Any thread.

use crate::compaction::{Levels, Plan, TableView};
use crate::disk::Disk;
use crate::limits::LEVELS;
use crate::manifest::Edit;
use crate::names::FileName;
use crate::range_delete::RangeDelete;
use crate::table::{PageCache, Table, TableMeta};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// Bounds of stored keys.
pub type KeyBounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

#[derive(Default)]
pub struct Version {
    /// Level 0 newest first, by the revisions of its tables, which may overlap in keys; every other level by key, disjoint.
    pub levels: [Vec<Arc<Table>>; LEVELS],
}

/// What tables read through.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub disk: &'a Arc<dyn Disk>,
    pub folder: &'a Path,
    pub cache: &'a Arc<PageCache>,
    /// The database's.
    pub filter_seed: u64,
}

impl Tables<'_> {
    fn open(&self, meta: &TableMeta) -> Arc<Table> {
        let path = FileName::Table(meta.number).in_folder(self.folder);
        let table = Table::new(self.disk, &path, meta.number, meta.summary.clone(), self.cache);
        Arc::new(table.with_filter_seed(self.filter_seed))
    }
}

impl Version {
    /// The version that a manifest describes. Opens no file.
    pub fn recover(live: &BTreeMap<u64, (u8, TableMeta)>, tables: Tables<'_>) -> Version {
        let mut version = Version::default();
        for (level, meta) in live.values() {
            version.levels[usize::from(*level)].push(tables.open(meta));
        }
        version.sort();
        version
    }

    /// The version after an edit. A table that moves keeps its open file.
    pub fn apply(&self, edit: &Edit, tables: Tables<'_>) -> Version {
        let mut version = Version { levels: self.levels.clone() };
        for (level, number) in &edit.removed {
            version.levels[usize::from(*level)].retain(|table| table.number() != *number);
        }
        for (level, meta) in &edit.added {
            let moved = self.tables().find(|table| table.number() == meta.number).cloned();
            version.levels[usize::from(*level)].push(moved.unwrap_or_else(|| tables.open(meta)));
        }
        version.sort();
        version
    }

    fn sort(&mut self) {
        let [level0, deeper @ ..] = &mut self.levels;
        // Memtables are flushed one at a time and only neighbours are merged, so that no two runs share a revision.
        level0.sort_by_key(|table| std::cmp::Reverse(table.summary().max_revision));
        debug_assert!(
            level0.windows(2).all(|pair| pair[0].summary().min_revision > pair[1].summary().max_revision),
            "the runs of level 0 are not in the order of their age"
        );
        for tables in deeper {
            tables.sort_by(|a, b| a.summary().smallest.cmp(&b.summary().smallest));
            let disjoint =
                tables.windows(2).all(|pair| pair[0].summary().largest < pair[1].summary().smallest);
            assert!(disjoint, "tables of one level share a key");
        }
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.levels.iter().flatten()
    }

    pub fn table_bytes(&self) -> u64 {
        self.tables().map(|table| table.summary().bytes).sum()
    }

    pub fn entries(&self) -> u64 {
        self.tables().map(|table| table.summary().entries).sum()
    }

    /// Tables of this version that `next` has no more.
    pub fn missing_from(&self, next: &Version) -> impl Iterator<Item = &Arc<Table>> {
        self.tables().filter(|table| !next.tables().any(|kept| Arc::ptr_eq(kept, table)))
    }

    /// Level-0 tables that may hold a key, newest first.
    #[inline]
    pub fn level0_holding<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a Arc<Table>> {
        self.levels[0].iter().filter(move |table| holds(table, key))
    }

    /// The one table of each deeper level that may hold a key, from the top.
    #[inline]
    pub fn deeper_holding<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a Arc<Table>> {
        self.levels[1..].iter().filter_map(move |tables| find(tables, key))
    }

    /// Whether any table from `level` on down may hold a version of a key.
    pub fn may_hold(&self, key: &[u8], level: usize) -> bool {
        let from_above = level == 0 && self.level0_holding(key).next().is_some();
        from_above || self.levels[level.max(1)..].iter().any(|tables| find(tables, key).is_some())
    }

    /// Whether any table from `level` on down may hold a key that a range delete holds.
    pub fn may_hold_any(&self, range: &RangeDelete, level: usize) -> bool {
        let bounds = (Bound::Included(&range.lower[..]), Bound::Excluded(&range.upper[..]));
        self.levels[level.min(LEVELS)..].iter().flatten().any(|table| overlaps(table, bounds))
    }

    pub fn level0_overlapping(&self, bounds: KeyBounds<'_>) -> impl Iterator<Item = &Arc<Table>> {
        self.levels[0].iter().filter(move |table| overlaps(table, bounds))
    }

    /// The tables of each deeper level that overlap, from the top; levels without one are left out.
    pub fn deeper_overlapping(&self, bounds: KeyBounds<'_>) -> impl Iterator<Item = Vec<Arc<Table>>> {
        let of_level = move |tables: &Vec<Arc<Table>>| -> Vec<Arc<Table>> {
            tables.iter().filter(|table| overlaps(table, bounds)).cloned().collect()
        };
        self.levels[1..].iter().map(of_level).filter(|tables| !tables.is_empty())
    }

    /// What the compaction policy looks at.
    pub fn summary(&self) -> Levels<'_> {
        Levels(self.levels.each_ref().map(|tables| {
            tables
                .iter()
                .map(|table| TableView { number: table.number(), summary: table.summary() })
                .collect()
        }))
    }

    /// The tables that a plan of this version reads, by level in the order of the level.
    pub fn inputs(&self, plan: &Plan) -> Vec<(u8, Arc<Table>)> {
        let of_level = |(level, numbers): &(u8, Vec<u64>)| {
            let level = *level;
            let wanted = numbers.clone();
            let tables = self.levels[usize::from(level)].iter();
            tables
                .filter(move |table| wanted.contains(&table.number()))
                .map(move |table| (level, table.clone()))
        };
        plan.inputs.iter().flat_map(of_level).collect()
    }
}

#[inline]
fn holds(table: &Table, key: &[u8]) -> bool {
    let summary = table.summary();
    summary.smallest[..] <= *key && *key <= summary.largest[..]
}

#[inline]
fn find<'a>(tables: &'a [Arc<Table>], key: &[u8]) -> Option<&'a Arc<Table>> {
    let index = tables.partition_point(|table| table.summary().largest[..] < *key);
    tables.get(index).filter(|table| holds(table, key))
}

fn overlaps(table: &Table, (lower, upper): KeyBounds<'_>) -> bool {
    let summary = table.summary();
    let starts_before_end = match upper {
        Bound::Unbounded => true,
        Bound::Included(upper) => summary.smallest[..] <= *upper,
        Bound::Excluded(upper) => summary.smallest[..] < *upper,
    };
    let ends_after_start = match lower {
        Bound::Unbounded => true,
        Bound::Included(lower) => summary.largest[..] >= *lower,
        Bound::Excluded(lower) => summary.largest[..] > *lower,
    };
    starts_before_end && ends_after_start
}
