//! Which tables make up the database at one moment. Immutable: every install makes a new one that shares its tables
//! with the old one, and a reader keeps the one that it began with. Any thread.

use crate::blob::{BlobFile, BlobMeta, Handles};
use crate::compaction::{Levels, Plan, TableView};
use crate::disk::Disk;
use crate::encryption::{KeyId, Keys};
use crate::error::Result;
use crate::limits::LEVELS;
use crate::manifest::{self, Edit};
use crate::names::FileName;
use crate::range_delete::RangeDelete;
use crate::table::{PageCache, Table, TableMeta};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// Bounds of stored keys.
pub type KeyBounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A blob file is worn when so much of it is garbage.
const WORN_PERCENT: u64 = 30;
/// Tables are rewritten for the garbage of worn files when it is so much of all blob files.
const DUE_PERCENT: u64 = 20;

#[derive(Default)]
pub struct Version {
    /// Level 0 newest first, by the revisions of its tables, which may overlap in keys; every other level by key, disjoint.
    pub levels: [Vec<Arc<Table>>; LEVELS],
    /// What the tables refer to, by file number.
    blobs: BTreeMap<u64, Blob>,
}

/// A blob file that some tables of a version refer to.
#[derive(Clone)]
pub struct Blob {
    pub file: Arc<BlobFile>,
    /// Bytes of its records that they refer to.
    pub used: u64,
    tables: u32,
}

impl Blob {
    /// So many refer to it.
    pub fn tables(&self) -> u32 {
        self.tables
    }

    /// Bytes of records that nobody refers to any more.
    pub fn garbage(&self) -> u64 {
        self.file.meta().record_bytes().saturating_sub(self.used)
    }
}

/// What tables read through.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub disk: &'a Arc<dyn Disk>,
    pub folder: &'a Path,
    pub cache: &'a Arc<PageCache>,
    /// The database's.
    pub filter_seed: u64,
    pub handles: &'a Arc<Handles>,
    pub keys: &'a Keys,
}

impl Tables<'_> {
    fn open(&self, meta: &TableMeta, blobs: &BTreeMap<u64, Blob>) -> Arc<Table> {
        let path = FileName::Table(meta.number).in_folder(self.folder);
        let blob = |number| blobs.get(&number).expect("the manifest knows every file").file.clone();
        let blobs = meta.summary.blobs.iter().map(|used| blob(used.file)).collect();
        let table = Table::new(self.disk, &path, meta.number, meta.summary.clone(), self.cache);
        Arc::new(table.with_keys(self.keys).with_filter_seed(self.filter_seed).with_blobs(blobs))
    }

    fn open_blob(&self, meta: &BlobMeta) -> Blob {
        Blob { file: self.open_part(meta), used: 0, tables: 0 }
    }

    /// A blob file, which may be no part of a version yet.
    pub fn open_part(&self, meta: &BlobMeta) -> Arc<BlobFile> {
        let path = FileName::Blob(meta.number).in_folder(self.folder);
        Arc::new(BlobFile::new(self.disk, &path, meta.clone(), self.handles))
    }
}

impl Version {
    /// The version that a manifest describes. Opens no file.
    pub fn recover(live: &manifest::State, tables: Tables<'_>) -> Version {
        let mut version = Version::default();
        for (number, (meta, _)) in &live.blobs {
            version.blobs.insert(*number, tables.open_blob(meta));
        }
        for (level, meta) in live.tables.values() {
            version.refer(meta);
            version.levels[usize::from(*level)].push(tables.open(meta, &version.blobs));
        }
        version.sort();
        version
    }

    /// The version after an edit. A table that moves keeps its open file, as does a blob part that a memtable has `adopted`.
    pub fn apply(
        &self,
        edit: &Edit,
        tables: Tables<'_>,
        adopted: impl Fn(u64) -> Option<Arc<BlobFile>>,
    ) -> Version {
        let mut version = Version { levels: self.levels.clone(), blobs: self.blobs.clone() };
        for meta in &edit.blobs {
            let blob = match adopted(meta.number) {
                Some(file) => Blob { file, used: 0, tables: 0 },
                None => tables.open_blob(meta),
            };
            version.blobs.insert(meta.number, blob);
        }
        // Counted before what is removed is: a table that moves is both.
        edit.added.iter().for_each(|(_, meta)| version.refer(meta));
        for (level, number) in &edit.removed {
            let mut tables = self.levels[usize::from(*level)].iter();
            let removed =
                tables.find(|table| table.number() == *number).expect("an edit removes what is there");
            version.unrefer(removed);
        }
        for (level, number) in &edit.removed {
            version.levels[usize::from(*level)].retain(|table| table.number() != *number);
        }
        for (level, meta) in &edit.added {
            let moved = self.tables().find(|table| table.number() == meta.number).cloned();
            version.levels[usize::from(*level)]
                .push(moved.unwrap_or_else(|| tables.open(meta, &version.blobs)));
        }
        version.sort();
        version
    }

    fn refer(&mut self, table: &TableMeta) {
        for used in &table.summary.blobs {
            let blob =
                self.blobs.get_mut(&used.file).expect("an edit adds the files that its tables refer to");
            blob.used += used.bytes;
            blob.tables += 1;
        }
    }

    /// A file that no table refers to any more is no part of the version.
    fn unrefer(&mut self, table: &Table) {
        for used in &table.summary().blobs {
            let blob = self.blobs.get_mut(&used.file).expect("files stay as long as their tables");
            blob.used -= used.bytes;
            blob.tables -= 1;
            if blob.tables == 0 {
                self.blobs.remove(&used.file);
            }
        }
    }

    fn sort(&mut self) {
        let [level0, deeper @ ..] = &mut self.levels;
        // Memtables are flushed one at a time and only neighbours are merged, so that no two runs share a revision.
        level0.sort_by_key(|table| Reverse(table.summary().max_revision));
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

    fn table_bytes(&self) -> u64 {
        self.tables().map(|table| table.summary().bytes).sum()
    }

    pub fn entries(&self) -> u64 {
        self.tables().map(|table| table.summary().entries).sum()
    }

    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.blobs.values()
    }

    pub fn blob(&self, number: u64) -> Option<&Arc<BlobFile>> {
        self.blobs.get(&number).map(|blob| &blob.file)
    }

    /// Blob files of which so much is garbage that what is left is worth copying: the most garbage first, and no more of
    /// them than `bytes_max` is left in. All merges take the same ones, so that these go before others are begun with.
    /// Tables are rewritten for each such set anew: what they take together may always be copied.
    pub fn worn_blobs(&self, bytes_max: u64) -> BTreeSet<u64> {
        let mut worn: Vec<&Blob> = self.all_worn().collect();
        worn.sort_by_key(|blob| (Reverse(blob.garbage()), blob.file.number()));
        let bytes_max = bytes_max.max(self.table_bytes());
        let mut bytes = 0;
        let fits = |(at, blob): &(usize, &Blob)| {
            bytes += blob.used;
            *at == 0 || bytes <= bytes_max
        };
        worn.into_iter().enumerate().take_while(fits).map(|(_, blob)| blob.file.number()).collect()
    }

    fn all_worn(&self) -> impl Iterator<Item = &Blob> {
        self.blobs().filter(|blob| {
            let bytes = blob.file.meta().record_bytes();
            blob.garbage().saturating_mul(100) >= bytes.saturating_mul(WORN_PERCENT)
        })
    }

    /// The worn files to rewrite tables for: none, while the garbage of all is a small part of all blob files. A table may
    /// refer to many files, so that rewriting it for one of them would cost more than it gives.
    pub fn due_blobs(&self, bytes_max: u64) -> BTreeSet<u64> {
        let garbage: u64 = self.all_worn().map(Blob::garbage).sum();
        let bytes: u64 = self.blobs().map(|blob| blob.file.meta().record_bytes()).sum();
        if garbage.saturating_mul(100) < bytes.saturating_mul(DUE_PERCENT) {
            return BTreeSet::new();
        }
        self.worn_blobs(bytes_max)
    }

    /// Blob files that another key encrypts than this one.
    pub fn stale_blobs(&self, current: Option<KeyId>) -> BTreeSet<u64> {
        let stale = self.blobs().filter(|blob| blob.file.meta().key != current);
        stale.map(|blob| blob.file.number()).collect()
    }

    /// Tables that another key encrypts than this one, or that refer to such blob files.
    pub fn stale_tables(&self, current: Option<KeyId>) -> BTreeSet<u64> {
        let blobs = self.stale_blobs(current);
        let is_stale = |table: &&Arc<Table>| {
            let summary = table.summary();
            summary.key != current || summary.blobs.iter().any(|used| blobs.contains(&used.file))
        };
        self.tables().filter(is_stale).map(|table| table.number()).collect()
    }

    /// All files of the version together.
    pub fn disk_bytes(&self) -> u64 {
        self.table_bytes() + self.blobs().map(|blob| blob.file.meta().bytes).sum::<u64>()
    }

    /// Blob files of this version that `next` has no more.
    pub fn blobs_missing_from(&self, next: &Version) -> impl Iterator<Item = &Arc<BlobFile>> {
        self.blobs().map(|blob| &blob.file).filter(|file| next.blob(file.number()).is_none())
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

    /// About how many bytes of files the stored keys from `lower` up to and without `upper` take.
    pub fn approximate_bytes(&self, lower: &[u8], upper: &[u8]) -> Result<u64> {
        self.levels.iter().flatten().map(|table| table.approximate_bytes(lower, upper)).sum()
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
