//! A database in a world of its own: simulated disk, fixed clock, no threads.

use coppice_engine::batch::{Batch, Reason};
use coppice_engine::disk::simulated::{Fault, SimulatedDisk};
use coppice_engine::environment::Environment;
use coppice_engine::error::{Code, Result};
use coppice_engine::simulation::{FixedClock, environment};
use coppice_engine::{Db, Guard, Options, Range, RangeCursor, Tuning, View, Written};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub struct World {
    pub disk: SimulatedDisk,
    pub clock: Arc<FixedClock>,
    pub folder: PathBuf,
    /// How often a database was opened: no two processes draw the same numbers.
    pub opens: AtomicU64,
}

/// Options under which a few hundred writes see flushes, segment changes and compactions.
pub fn small() -> Options {
    Options {
        tuning: Tuning {
            segment_bytes_min: 4 << 10,
            segment_bytes_max: 16 << 10,
            page_bytes: 512,
            table_bytes: 8 << 10,
            manifest_roll_bytes: 4 << 10,
            level_base_bytes: 32 << 10,
            memtable_bytes: 16 << 10,
            ..Tuning::default()
        },
        ..Options::default()
    }
}

impl World {
    pub fn new() -> World {
        World {
            disk: SimulatedDisk::default(),
            clock: Arc::new(FixedClock::new(1_000_000)),
            folder: PathBuf::from("/database"),
            opens: AtomicU64::new(0),
        }
    }

    pub fn environment(&self) -> Environment {
        environment(&self.disk, &self.clock, 7)
    }

    pub fn open(&self, options: Options) -> Db {
        self.try_open(options).unwrap()
    }

    pub fn try_open(&self, options: Options) -> Result<Db> {
        let seed = 7 + self.opens.fetch_add(1, Ordering::Relaxed);
        Db::open(&self.folder, options, environment(&self.disk, &self.clock, seed))
    }

    pub fn open_at(&self, folder: &Path, options: Options) -> Db {
        Db::open(folder, options, self.environment()).unwrap()
    }

    pub fn now(&self) -> i64 {
        self.environment().clock.now_ms()
    }

    /// Pairs of key and value; no value deletes.
    pub fn write(&self, db: &Db, ops: &[(&str, Option<&str>)], guards: &[Guard<'_>]) -> Written {
        db.write(batch(ops).body(), guards).unwrap()
    }

    pub fn put(&self, db: &Db, key: &str, value: &str) -> u64 {
        self.commit(db, &[(key, Some(value))])
    }

    pub fn delete(&self, db: &Db, key: &str) -> u64 {
        self.commit(db, &[(key, None)])
    }

    /// To the end of the keys without `upper`.
    pub fn delete_range(&self, db: &Db, lower: &str, upper: Option<&str>) -> u64 {
        let mut ranges = Batch::new();
        ranges.delete_range(0, lower.as_bytes(), upper.map(str::as_bytes)).unwrap();
        self.commit_batch(db, ranges)
    }

    fn commit(&self, db: &Db, ops: &[(&str, Option<&str>)]) -> u64 {
        self.commit_batch(db, batch(ops))
    }

    /// Waits out stalls.
    pub fn commit_batch(&self, db: &Db, mut batch: Batch) -> u64 {
        loop {
            match db.write(batch.body(), &[]).unwrap() {
                Written::Committed(revision) | Written::Deleted { revision, .. } => return revision,
                Written::Stalled => db.run_background(),
                Written::Conflict { .. } => unreachable!("there are no guards"),
            }
        }
    }

    pub fn put_until(&self, db: &Db, key: &str, value: &str, deadline_ms: i64) {
        let mut batch = Batch::new();
        batch.put(0, key.as_bytes(), value.as_bytes(), Some(deadline_ms)).unwrap();
        assert!(matches!(db.write(batch.body(), &[]).unwrap(), Written::Committed(_)));
    }

    pub fn get(&self, db: &Db, key: &str) -> Option<String> {
        db.get(key.as_bytes(), View::LATEST, |entry| String::from_utf8(entry.value.to_vec()).unwrap())
            .unwrap()
    }

    pub fn rows(&self, db: &Db, reverse: bool) -> Vec<(String, String)> {
        self.rows_at(db, View::LATEST, reverse)
    }

    pub fn rows_at(&self, db: &Db, view: View, reverse: bool) -> Vec<(String, String)> {
        let mut cursor = db.range(range(Bound::Unbounded, Bound::Unbounded, reverse), view).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut rows = Vec::new();
        while cursor.next().unwrap() {
            rows.push((text(cursor.key()), text(cursor.entry().unwrap().value)));
        }
        rows
    }

    pub fn file_with_extension(&self, extension: &str) -> PathBuf {
        let names = self.environment().disk.list(&self.folder).unwrap();
        let name = names.iter().find(|name| name.ends_with(extension)).expect("there is such a file");
        self.folder.join(name)
    }

    pub fn newest_file_with_extension(&self, extension: &str) -> PathBuf {
        let names = self.environment().disk.list(&self.folder).unwrap();
        let name = names.iter().filter(|name| name.ends_with(extension)).max().expect("there is such a file");
        self.folder.join(name)
    }

    pub fn fail_all_calls(&self) {
        self.disk.fail(Some(Fault { call: self.disk.calls() + 1, sticky: true, code: Code::Io }));
    }

    pub fn fail_nothing(&self) {
        self.disk.fail(None);
    }
}

pub fn batch(ops: &[(&str, Option<&str>)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in ops {
        match value {
            Some(value) => batch.put(0, key.as_bytes(), value.as_bytes(), None),
            None => batch.delete(0, key.as_bytes(), Reason::User),
        }
        .unwrap();
    }
    batch
}

pub fn range(lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>>, reverse: bool) -> Range {
    Range { lower, upper, reverse }
}

pub fn keys(mut cursor: RangeCursor) -> Vec<String> {
    let mut keys = Vec::new();
    while cursor.next().unwrap() {
        keys.push(String::from_utf8(cursor.key().to_vec()).unwrap());
    }
    keys
}
