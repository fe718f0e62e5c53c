//! Random operations on a database and on an ordered map: they never differ.

use crate::check::{self, Check, Trouble, row, scan};
use crate::history::value;
use crate::oracle::{Act, Change, Put, Row, Rows, apply, delete_between, live, pack};
use crate::report::{base_seed, figures, operations, say};
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::entry::NO_DEADLINE;
use coppice_engine::environment::Clock;
use coppice_engine::key::{EMPTY_REVISION, Revision};
use coppice_engine::simulation::{FixedClock, SeededRandom, environment};
use coppice_engine::{Db, Guard, Options, Range, Snapshot, Tuning, View, Written};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

const KEYS: usize = 2_000;
const SNAPSHOTS_MAX: usize = 4;
/// Rows looked at in one range.
const ROWS_MAX: usize = 60;

struct Model {
    /// None only between two processes.
    db: Option<Db>,
    disk: SimulatedDisk,
    clock: Arc<FixedClock>,
    random: SeededRandom,
    keys: Vec<Arc<[u8]>>,
    rows: Rows,
    revision: Revision,
    snapshots: Vec<(Snapshot, Rows)>,
    /// Operations of each kind, and what the engine did for them.
    counts: BTreeMap<&'static str, u64>,
}

fn options(seed: u64) -> Options {
    let tuning = Tuning {
        segment_bytes_min: 16 << 10,
        segment_bytes_max: 128 << 10,
        page_bytes: 1 << 10,
        table_bytes: 24 << 10,
        manifest_roll_bytes: 4 << 10,
        level0_trigger: 3,
        level_base_bytes: 64 << 10,
        memtable_bytes: 64 << 10,
        garbage_bytes_min: 2 << 10,
        ..Tuning::default()
    };
    Options { tuning, ..check::options(seed) }
}

fn open(disk: &SimulatedDisk, clock: &Arc<FixedClock>, seed: u64) -> Check<Db> {
    let opened = Db::open(Path::new(check::FOLDER), options(seed), environment(disk, clock, seed));
    opened.map_err(|error| Trouble::failed("open", &error))
}

impl Model {
    fn new(seed: u64) -> Check<Model> {
        let disk = SimulatedDisk::default();
        let clock = Arc::new(FixedClock::new(1_000_000));
        let name = |number: usize| format!("{:o}/{}", number % 64, number * 7919 % KEYS).into_bytes().into();
        Ok(Model {
            db: Some(open(&disk, &clock, seed)?),
            disk,
            clock,
            random: SeededRandom::new(seed),
            keys: (0..KEYS).map(name).collect(),
            rows: Rows::new(),
            revision: EMPTY_REVISION,
            snapshots: Vec::new(),
            counts: BTreeMap::new(),
        })
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("open between operations")
    }

    fn key(&self) -> Arc<[u8]> {
        // A tenth of the keys gets half of the traffic.
        let among = if self.random.chance(50) { KEYS / 10 } else { KEYS };
        self.keys[self.random.below(among)].clone()
    }

    fn step(&mut self) -> Check {
        let (kind, done) = match self.random.below(10_000) {
            0..4_400 => ("writes", self.write(1)),
            4_400..4_480 => ("range deletes", self.delete_range()),
            4_480..4_500 => ("deletes of runs", self.delete_run()),
            4_500..4_900 => ("batches", self.write(self.random.below(30))),
            4_900..5_300 => ("guarded writes", self.guarded()),
            5_300..8_000 => ("gets", self.get()),
            8_000..9_400 => ("ranges", self.range()),
            9_400..9_440 => ("snapshots", self.take_snapshot()),
            9_440..9_480 => ("snapshot releases", self.drop_snapshot()),
            9_480..9_700 => ("clock moves", self.move_clock()),
            9_700..9_900 => ("background turns", self.background()),
            9_900..9_970 => ("syncs", self.sync()),
            9_970..9_988 => ("flushes", self.flush()),
            9_988..9_993 => ("compactions", self.compact()),
            _ => ("reopens", self.reopen()),
        };
        self.count(kind, 1);
        done
    }

    fn count(&mut self, kind: &'static str, by: u64) {
        *self.counts.entry(kind).or_default() += by;
    }

    fn move_clock(&self) -> Check {
        // Now and then so far that the database finds itself left alone.
        let most = if self.random.chance(5) { 12_000 } else { 2_000 };
        self.clock.advance(self.random.below(most) as i64 - 500);
        Ok(())
    }

    fn background(&self) -> Check {
        self.db().run_background();
        Ok(())
    }

    fn flush(&self) -> Check {
        self.db().flush().map_err(|error| Trouble::failed("flush", &error))
    }

    fn change(&self) -> Change {
        let key = self.key();
        if self.random.chance(20) {
            return Change { key, act: Act::Delete };
        }
        let ttl_ms = self.random.below(20_000) as i64;
        let deadline_ms = if self.random.chance(10) { self.clock.now_ms() + ttl_ms } else { NO_DEADLINE };
        Change { key, act: Act::Put(Put { value: value(&self.random), deadline_ms }) }
    }

    fn write(&mut self, count: usize) -> Check {
        let changes: Vec<Change> = (0..count).map(|_| self.change()).collect();
        self.commit(&changes, &[]).map(drop)
    }

    /// A range delete, mostly of a few keys and seldom of many, alone or among other operations.
    fn delete_range(&mut self) -> Check {
        let from = self.key();
        let mut until = self.key();
        if self.random.chance(90) {
            let after = (Bound::Excluded(from.clone()), Bound::Unbounded);
            until = self.rows.range(after).nth(self.random.below(40)).map_or(until, |row| row.0.clone());
        }
        let mut changes = vec![delete_between(from, until)];
        while self.random.chance(40) {
            let change = self.change();
            changes.insert(self.random.below(changes.len() + 1), change);
        }
        self.commit(&changes, &[]).map(drop)
    }

    /// Deletes of many keys in a row, one by one: scans that come by note where they lie.
    fn delete_run(&mut self) -> Check {
        let from = (Bound::Included(self.key()), Bound::Unbounded);
        let keys: Vec<_> = self.rows.range(from).map(|row| row.0.clone()).collect();
        let count = 40 + self.random.below(160);
        let run: Vec<Change> =
            keys.into_iter().take(count).map(|key| Change { key, act: Act::Delete }).collect();
        for part in run.chunks(50) {
            self.commit(part, &[])?;
        }
        self.range()
    }

    /// Commits unless a guard stops it; true if it was committed.
    fn commit(&mut self, changes: &[Change], guards: &[Guard<'_>]) -> Check<bool> {
        let mut batch = pack(changes);
        for _ in 0..3 {
            match self.db().write(batch.body(), guards).map_err(|error| Trouble::failed("a write", &error))? {
                Written::Committed(revision) | Written::Deleted { revision, .. } => {
                    self.revision += u64::from(!changes.is_empty());
                    if revision != self.revision {
                        wrong!("a commit got revision {revision}, not {}", self.revision);
                    }
                    apply(&mut self.rows, changes, revision);
                    return Ok(true);
                }
                Written::Conflict { .. } if !guards.is_empty() => return Ok(false),
                Written::Conflict { .. } => wrong!("a conflict without guards"),
                Written::Stalled => self.db().run_background(),
            }
        }
        wrong!("writes stall although nothing is wrong")
    }

    /// The revision of a live row, now.
    fn live_revision(&self, key: &[u8]) -> Check<Option<Revision>> {
        let now_ms = self.now_ms()?;
        Ok(self.rows.get(key).filter(|row| row.deadline_ms > now_ms).map(|row| row.revision))
    }

    fn now_ms(&self) -> Check<i64> {
        Ok(check::latest(self.db())?.now_ms.expect("a snapshot stands at a time"))
    }

    fn guarded(&mut self) -> Check {
        let (key, change) = (self.key(), self.change());
        let found = self.live_revision(&key)?;
        let expected = match self.random.below(4) {
            0 => None,
            1 => Some(1 + self.random.below(self.revision as usize) as u64),
            _ => found,
        };
        let committed = self.commit(&[change], &[Guard::Key { key: &key, revision: expected }])?;
        if committed != (expected == found) {
            wrong!("a guard for {expected:?} on a key at {found:?}: committed is {committed}");
        }
        Ok(())
    }

    fn get(&mut self) -> Check {
        let key = if self.random.chance(5) { Arc::from(*b"absent") } else { self.key() };
        let now_ms = self.now_ms()?;
        let wanted = self.rows.get(&key).filter(|row| row.deadline_ms > now_ms);
        self.same_row(&key, View::LATEST, wanted)?;
        if let Some((snapshot, rows)) = self.snapshots.get(self.random.below(SNAPSHOTS_MAX)) {
            self.same_row(&key, snapshot.view(), rows.get(&key))?;
        }
        Ok(())
    }

    fn same_row(&self, key: &[u8], view: View, wanted: Option<&Row>) -> Check {
        let found = check::get(self.db(), key, view)?;
        if found.as_ref() != wanted {
            wrong!("{:?} at {view:?} is {found:?}, not {wanted:?}", String::from_utf8_lossy(key));
        }
        Ok(())
    }

    fn bound(&self) -> Bound<Vec<u8>> {
        let mut key = self.key().to_vec();
        // Half of the bounds are no key.
        key.truncate(1 + self.random.below(2 * key.len()));
        match self.random.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(key),
            _ => Bound::Excluded(key),
        }
    }

    fn range(&mut self) -> Check {
        let range = Range { lower: self.bound(), upper: self.bound(), reverse: self.random.chance(50) };
        let now_ms = self.now_ms()?;
        let chosen = self.snapshots.get(self.random.below(2 * SNAPSHOTS_MAX));
        let (view, rows, now_ms) = match chosen {
            Some((snapshot, rows)) => (snapshot.view(), rows, i64::MIN),
            None => (View::LATEST, &self.rows, now_ms),
        };
        let limit = 1 + self.random.below(ROWS_MAX);
        let wanted = in_range(rows, &range, now_ms, limit);
        let found = scan(self.db(), range.clone(), view, limit)?;
        if !found.iter().map(|(key, row)| (key, row)).eq(wanted.iter().copied()) {
            wrong!(
                "{range:?} at {view:?} gives {} rows {found:?}, not {} {wanted:?}",
                found.len(),
                wanted.len()
            );
        }
        if self.random.chance(30) { self.seek(rows, range, view, now_ms) } else { Ok(()) }
    }

    /// A cursor that was moved goes on from there, and stays within its range.
    fn seek(&self, rows: &Rows, mut range: Range, view: View, now_ms: i64) -> Check {
        let failed = |error| Trouble::failed("a seek", &error);
        let mut cursor = self.db().range(range.clone(), view).map_err(failed)?;
        if self.random.chance(50) {
            cursor.next().map_err(failed)?;
        }
        let key = self.key();
        cursor.seek(&key);
        let end = if range.reverse { &mut range.upper } else { &mut range.lower };
        let keeps = match &*end {
            Bound::Unbounded => false,
            Bound::Included(at) | Bound::Excluded(at) => {
                if range.reverse {
                    at.as_slice() <= &*key
                } else {
                    at.as_slice() >= &*key
                }
            }
        };
        if !keeps {
            *end = Bound::Included(key.to_vec());
        }
        for wanted in in_range(rows, &range, now_ms, 5) {
            let mut found = None;
            if cursor.next().map_err(failed)? {
                let (key, entry) = cursor.row().map_err(failed)?;
                found = Some((key.to_vec(), row(&entry)));
            }
            if found.as_ref().map(|(key, row)| (key.as_slice(), row)) != Some((&**wanted.0, wanted.1)) {
                wrong!("after a seek to {key:?} in {range:?}: {found:?}, not {wanted:?}");
            }
        }
        Ok(())
    }

    fn take_snapshot(&mut self) -> Check {
        if self.snapshots.len() == SNAPSHOTS_MAX {
            return Ok(());
        }
        let snapshot = self.db().snapshot().map_err(|error| Trouble::failed("a snapshot", &error))?;
        let view = snapshot.view();
        if view.revision != self.revision {
            wrong!("a snapshot stands at {}, not {}", view.revision, self.revision);
        }
        self.snapshots.push((snapshot, live(&self.rows, view.now_ms.unwrap_or(i64::MIN))));
        Ok(())
    }

    fn drop_snapshot(&mut self) -> Check {
        if !self.snapshots.is_empty() {
            let (snapshot, rows) = self.snapshots.remove(self.random.below(self.snapshots.len()));
            check::holds(self.db(), snapshot.view(), &rows, &[])?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Check {
        self.db().request_sync();
        self.db().run_background();
        if self.db().durable() != self.revision {
            wrong!("{} is durable after a sync at {}", self.db().durable(), self.revision);
        }
        Ok(())
    }

    fn compact(&mut self) -> Check {
        let end = || self.random.chance(50).then(|| self.key());
        let compacted = self.db().compact(end().as_deref(), end().as_deref());
        compacted.map_err(|error| Trouble::failed("compact", &error))
    }

    fn reopen(&mut self) -> Check {
        self.check_all()?;
        self.snapshots.clear();
        // The engine's own counters start anew at each open.
        let stats = self.db().stats();
        self.count("tables flushed", stats.flushes);
        self.count("merges", stats.compactions);
        self.count("dead runs noted", stats.runs_noted);
        self.count("dead runs passed at once", stats.runs_passed);
        self.count("merges for garbage", stats.garbage_compactions);
        self.count("tables dropped whole", stats.tables_dropped);
        self.count("key ranges merged beside others", stats.subcompactions);
        // A process that ends without closing loses what it did not write out, so here it does.
        let ended = if self.random.chance(50) { self.db().close() } else { self.db().write_out().map(drop) };
        ended.map_err(|error| Trouble::failed("the end of a process", &error))?;
        // The one before must be gone before the next can have the lock.
        self.db = None;
        self.db = Some(open(&self.disk, &self.clock, self.random.next())?);
        self.check_all()
    }

    fn check_all(&self) -> Check {
        check::holds(self.db(), View::LATEST, &live(&self.rows, self.now_ms()?), &[])
    }
}

/// Up to `limit` rows in the order of the range. A range whose ends cross is empty.
fn in_range<'a>(rows: &'a Rows, range: &Range, now_ms: i64, limit: usize) -> Vec<(&'a Arc<[u8]>, &'a Row)> {
    let above = |key: &[u8]| match &range.lower {
        Bound::Unbounded => true,
        Bound::Included(lower) => key >= lower.as_slice(),
        Bound::Excluded(lower) => key > lower.as_slice(),
    };
    let below = |key: &[u8]| match &range.upper {
        Bound::Unbounded => true,
        Bound::Included(upper) => key <= upper.as_slice(),
        Bound::Excluded(upper) => key < upper.as_slice(),
    };
    let inside = rows.iter().filter(|(key, row)| above(key) && below(key) && row.deadline_ms > now_ms);
    if range.reverse { inside.rev().take(limit).collect() } else { inside.take(limit).collect() }
}

#[test]
fn random_operations_give_the_same_answers_as_an_ordered_map() {
    let seed = base_seed();
    let count = operations().unwrap_or(100_000);
    say(format_args!("COPPICE_SEED={seed}"));
    let mut model = Model::new(seed).unwrap_or_else(|trouble| panic!("{trouble}"));
    for number in 0..count {
        let stepped = model.step();
        stepped.unwrap_or_else(|trouble| panic!("COPPICE_SEED={seed}, operation {number}: {trouble}"));
    }
    model.reopen().unwrap_or_else(|trouble| panic!("COPPICE_SEED={seed}, at the end: {trouble}"));
    let required = [
        "snapshots",
        "clock moves",
        "flushes",
        "compactions",
        "reopens",
        "tables flushed",
        "merges",
        "range deletes",
        "dead runs noted",
        "dead runs passed at once",
    ];
    for kind in required {
        let seen = model.counts.get(kind).is_some_and(|count| *count > 0);
        assert!(seen, "the run saw too little: no {kind}");
    }
    figures([("operations", count), ("revisions", model.revision)].into_iter().chain(model.counts));
}
