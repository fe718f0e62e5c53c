//! What the tests of tables share: a folder on a simulated disk, entries that own their bytes, and a table made of them.

mod damage;
mod golden;
mod model;
mod tables;

use super::{PageCache, Table, TableBuilder, TableOptions, TableSummary};
use crate::cursor::Cursor;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, SyncPoint, Wait};
use crate::entry::{Entry, Kind};
use crate::error::Result;
use crate::filter;
use crate::key::Revision;
use crate::range_delete::RangeDelete;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SEED: u64 = 0x5eed;

fn options() -> TableOptions {
    TableOptions { compression: true, page_bytes: 256, filter: true, filter_seed: SEED, trim: None }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    key: Vec<u8>,
    kind: Kind,
    revision: Revision,
    deadline_ms: i64,
    lease: i64,
    create_revision: Revision,
    version: u64,
    value: Vec<u8>,
}

impl Row {
    fn put(key: impl Into<Vec<u8>>, revision: Revision, value: impl Into<Vec<u8>>) -> Row {
        Row::of(&key.into(), Entry::put(revision, &value.into()))
    }

    fn of(key: &[u8], entry: Entry<'_>) -> Row {
        Row {
            key: key.to_vec(),
            kind: entry.kind,
            revision: entry.revision,
            deadline_ms: entry.deadline_ms,
            lease: entry.lease,
            create_revision: entry.create_revision,
            version: entry.version,
            value: entry.value.to_vec(),
        }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            kind: self.kind,
            revision: self.revision,
            deadline_ms: self.deadline_ms,
            lease: self.lease,
            create_revision: self.create_revision,
            version: self.version,
            value: &self.value,
        }
    }
}

/// A folder with tables in it.
struct Folder {
    simulated: SimulatedDisk,
    disk: Arc<dyn Disk>,
}

impl Folder {
    fn new() -> Folder {
        let simulated = SimulatedDisk::default();
        simulated.create_folder(Path::new("/db")).unwrap();
        simulated.sync_folder(Path::new("/"), SyncPoint::ParentFolder).unwrap();
        Folder { disk: Arc::new(simulated.clone()), simulated }
    }

    fn bytes(&self, number: u64) -> Vec<u8> {
        self.simulated.contents(&self.path(number)).unwrap()
    }

    fn replace(&self, number: u64, bytes: &[u8]) {
        self.simulated.damage(&self.path(number), |file| *file = bytes.to_vec()).unwrap();
    }

    fn exists(&self, number: u64) -> bool {
        self.simulated.contents(&self.path(number)).is_ok()
    }

    fn path(&self, number: u64) -> PathBuf {
        Path::new("/db").join(format!("{number:06}.table"))
    }

    fn builder(&self, number: u64, options: TableOptions) -> TableBuilder {
        TableBuilder::new(&self.disk, &self.path(number), [number as u8; 16], options).unwrap()
    }

    fn build(&self, number: u64, options: TableOptions, rows: &[Row]) -> TableSummary {
        self.build_beside(number, options, &[], rows)
    }

    fn build_beside(
        &self,
        number: u64,
        options: TableOptions,
        ranges: &[RangeDelete],
        rows: &[Row],
    ) -> TableSummary {
        let mut builder = self.builder(number, options);
        ranges.iter().for_each(|range| builder.add_range_delete(range.clone()));
        for row in rows {
            builder.add(&row.key, &row.entry()).unwrap();
        }
        builder.finish().unwrap()
    }

    fn open(&self, number: u64, summary: &TableSummary, cache_bytes: u64) -> Arc<Table> {
        let cache = Arc::new(PageCache::new(cache_bytes));
        Arc::new(Table::new(&self.disk, &self.path(number), number, summary.clone(), &cache))
    }

    fn table(&self, rows: &[Row]) -> Arc<Table> {
        let summary = self.build(1, options(), rows);
        self.open(1, &summary, 1 << 20)
    }
}

fn get(table: &Table, key: &[u8], at: Revision) -> Result<Option<Row>> {
    table.get(key, filter::hash(key, SEED), at, Wait::ForDisk, |entry| Row::of(key, entry))
}

/// The entry that a cursor stands on.
fn standing(cursor: &impl Cursor) -> Option<Row> {
    cursor.valid().then(|| Row::of(cursor.key(), cursor.entry()))
}

fn forward(cursor: &mut impl Cursor) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    cursor.seek_to_first()?;
    while let Some(row) = standing(cursor) {
        rows.push(row);
        cursor.next()?;
    }
    Ok(rows)
}

fn backward(cursor: &mut impl Cursor) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    cursor.seek_to_last()?;
    while let Some(row) = standing(cursor) {
        rows.push(row);
        cursor.prev()?;
    }
    Ok(rows)
}

fn range(lower: &str, upper: &str, revision: Revision) -> RangeDelete {
    RangeDelete { lower: lower.as_bytes().into(), upper: upper.as_bytes().into(), revision }
}

/// Rows of every shape: all optional fields, empty keys and values, versions over several pages, a value beyond a page.
fn varied_rows() -> Vec<Row> {
    let mut rows = vec![Row::put("", 3, ""), Row::put("", 2, "first")];
    for n in 0..12u64 {
        rows.push(Row::put(format!("account/{n:04}/name"), 10 + n, format!("{{\"name\":\"person {n}\"}}")));
    }
    let mut leased = Row::put("lease", 40, "held");
    (leased.lease, leased.deadline_ms) = (-7, 1_700_000_000_000);
    rows.push(leased);
    let mut kept = Row::put("lease/history", 41, "with both numbers");
    (kept.create_revision, kept.version) = (5, 300);
    rows.push(kept);
    for revision in (1..=30).rev() {
        rows.push(Row::put("many", revision * 1_000, format!("version {revision}")));
    }
    rows.push(Row::of(b"mist", Entry::delete(50)));
    rows.push(Row::put("mist", 49, vec![b'x'; 700]));
    rows.push(Row { deadline_ms: 5, ..Row::put("z", 51, "expires") });
    rows
}
