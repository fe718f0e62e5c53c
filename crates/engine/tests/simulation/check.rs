//! Comparing a database with what it must hold. Differences are answered as text, so that a run with a sync left out may
//! be expected to have one.

use crate::oracle::{Oracle, Row, Rows, live};
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::encryption::Keys;
use coppice_engine::entry::Entry;
use coppice_engine::environment::Environment;
use coppice_engine::error::{Code, Error};
use coppice_engine::key::Revision;
use coppice_engine::simulation::{self, FixedClock, SeededRandom};
use coppice_engine::{Compaction, Db, Options, Policy, Range, Recovery, Tuning, View};
use std::cell::Cell;
use std::fmt::{self, Display, Formatter};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// What was found to be wrong.
#[derive(Debug)]
pub struct Trouble {
    /// Of the error that a call answered; none where it answered something false.
    code: Option<Code>,
    what: String,
}

pub type Check<T = ()> = Result<T, Trouble>;

impl Trouble {
    pub fn failed(doing: &str, error: &Error) -> Trouble {
        let code = error.code();
        Trouble { code: Some(code), what: format!("{doing} failed with {}: {error}", code.name()) }
    }

    /// A failing disk explains an error, but never a false answer or a broken file.
    pub fn is_explained_by_a_failing_disk(&self) -> bool {
        self.code.is_some_and(|code| code != Code::Corrupt && code != Code::Format)
    }

    pub fn at(self, place: impl Display) -> Trouble {
        Trouble { what: format!("{place}: {}", self.what), ..self }
    }
}

impl From<String> for Trouble {
    fn from(what: String) -> Trouble {
        Trouble { code: None, what }
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Says that an answer is false.
#[macro_export]
macro_rules! wrong {
    ($($text:tt)*) => { return Err(format!($($text)*).into()) };
}

/// Values from so many bytes on are staged in blob parts.
pub const LARGE_FROM: usize = 220;

/// Sizes so small that two hundred operations see every kind of file change; how tables are merged is left to chance.
pub fn options(seed: u64) -> Options {
    let random = SeededRandom::new(seed);
    Options {
        holder: "a simulated process".into(),
        compaction: Compaction {
            policy: if random.chance(50) { Policy::Paired } else { Policy::Levelled },
            threads: Some(1 + random.below(4)),
            bytes_per_second: random.chance(50).then_some(64 << 10),
            interval_ms: random.chance(25).then_some(2_000),
        },
        blob_bytes: 96,
        tuning: Tuning {
            garbage_bytes_min: 200,
            segment_bytes_min: 4 << 10,
            segment_bytes_max: 16 << 10,
            page_bytes: 512,
            // Small tables make compactions that are cut into key ranges.
            table_bytes: if random.chance(50) { 1 << 10 } else { 4 << 10 },
            manifest_roll_bytes: 1 << 10,
            level0_trigger: 2,
            level_base_bytes: 8 << 10,
            memtable_bytes: 16 << 10,
            blob_file_bytes: 2 << 10,
            blob_part_bytes: 900,
            ..Tuning::default()
        },
        // A crash damages nothing: what is lost by it is the same for both.
        recovery: if random.chance(50) { Recovery::PointInTime } else { Recovery::Strict },
        ..Options::default()
    }
}

/// A database that was just opened has removed what a crash left over.
pub fn no_strays(db: &Db, disk: &SimulatedDisk) -> Check {
    let names = disk.list(Path::new(FOLDER)).map_err(|error| Trouble::failed("list", &error))?;
    let found = names.iter().filter(|name| name.ends_with(".blob")).count() as u64;
    let known = db.stats().blobs.files;
    if found != known {
        wrong!("{found} blob files are there of which the database knows {known}: {names:?}");
    }
    Ok(())
}

pub fn row(entry: &Entry<'_>) -> Row {
    Row { value: entry.value.into(), revision: entry.revision, deadline_ms: entry.deadline_ms }
}

/// Every row of a range, at most `limit`.
pub fn scan(db: &Db, range: Range, view: View, limit: usize) -> Check<Vec<(Arc<[u8]>, Row)>> {
    let failed = |error| Trouble::failed("a scan", &error);
    let mut cursor = db.range(range, view).map_err(failed)?;
    let mut rows = Vec::new();
    while rows.len() < limit && cursor.next().map_err(failed)? {
        rows.push((cursor.key().into(), row(&cursor.entry().map_err(failed)?)));
    }
    Ok(rows)
}

pub fn get(db: &Db, key: &[u8], view: View) -> Check<Option<Row>> {
    db.get(key, view, row).map_err(|error| Trouble::failed("a get", &error))
}

/// Forward, backward and key by key: `expected` and nothing else.
pub fn holds(db: &Db, view: View, expected: &Rows, keys: &[Arc<[u8]>]) -> Check {
    for reverse in [false, true] {
        let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse };
        let mut found = scan(db, range, view, usize::MAX)?;
        if reverse {
            found.reverse();
        }
        if !found.iter().map(|(key, row)| (key, row)).eq(expected.iter()) {
            let missing =
                expected.iter().find(|(key, row)| !found.iter().any(|(k, r)| k == *key && r == *row));
            let extra = found.iter().find(|(key, row)| expected.get(key) != Some(row));
            let (missing, extra) = (missing.map(describe), extra.map(|(key, row)| describe((key, row))));
            wrong!("a scan (reverse: {reverse}) at {view:?}: missing {missing:?}, extra {extra:?}");
        }
    }
    for key in keys {
        let (found, wanted) = (get(db, key, view)?, expected.get(key));
        if found.as_ref() != wanted {
            let text = String::from_utf8_lossy(key);
            wrong!("{text:?} at {view:?} is {found:?}, not {wanted:?}");
        }
    }
    Ok(())
}

fn describe((key, row): (&Arc<[u8]>, &Row)) -> String {
    let text = String::from_utf8_lossy(key);
    format!("{text:?} of revision {} ({} bytes)", row.revision, row.value.len())
}

/// The engine's idea of now, and of the newest revision.
pub fn latest(db: &Db) -> Check<View> {
    Ok(db.snapshot().map_err(|error| Trouble::failed("a snapshot", &error))?.view())
}

/// What an opened database may be found to hold.
pub struct Bounds<'a> {
    pub oracle: &'a Oracle,
    /// What was promised to survive.
    pub least: Revision,
    pub most: Revision,
    /// With history: to where it was promised to be trimmed.
    pub trimmed: Revision,
    pub keys: &'a [Arc<[u8]>],
}

/// The database is at a revision within the bounds and holds exactly that revision's rows.
pub fn is_prefix(db: &Db, bounds: &Bounds<'_>) -> Check<Revision> {
    let view = latest(db)?;
    let (least, most, oracle) = (bounds.least, bounds.most, bounds.oracle);
    if !(least..=most).contains(&view.revision) {
        wrong!("found revision {}, which is not within {least} to {most}", view.revision);
    }
    let now_ms = view.now_ms.expect("a snapshot stands at a time");
    if now_ms < oracle.time_ms(view.revision) {
        wrong!("the time {now_ms} is before that of the newest commit");
    }
    holds(db, view, &live(oracle.rows_at(view.revision), now_ms), bounds.keys)?;
    if db.keeps_history() {
        history_holds(db, oracle, bounds.trimmed)?;
    }
    Ok(view.revision)
}

/// The database can be read as it was at the oldest revision that is left, at one between it and the newest, and at none
/// before.
pub fn history_holds(db: &Db, oracle: &Oracle, trimmed: Revision) -> Check {
    let (oldest, newest) = (db.stats().history.map_or(0, |history| history.trim_revision), db.visible());
    if !(trimmed..=newest).contains(&oldest) {
        wrong!("trimmed to {oldest}, which is not within {trimmed} to {newest}");
    }
    for at in [oldest, oldest.midpoint(newest)] {
        let snapshot = db.snapshot_at(at).map_err(|error| Trouble::failed("a read of the past", &error))?;
        holds(db, snapshot.view(), oracle.rows_at(at), &[])?;
    }
    for (at, code) in [(oldest - 1, Code::Compacted), (newest + 1, Code::FutureRevision)] {
        if db.snapshot_at(at).err().map(|error| error.code()) != Some(code) {
            wrong!("{at} can be read, though {oldest} to {newest} is what there is");
        }
    }
    Ok(())
}

pub const FOLDER: &str = "/data/db";

thread_local! {
    /// Whether databases that this thread simulates are encrypted.
    static ENCRYPTED: Cell<bool> = const { Cell::new(false) };
}

/// As `simulate` does its work, all databases are encrypted.
pub fn encrypted<R>(simulate: impl FnOnce() -> R) -> R {
    ENCRYPTED.set(true);
    let done = simulate();
    ENCRYPTED.set(false);
    done
}

pub fn environment(disk: &SimulatedDisk, clock: &Arc<FixedClock>, seed: u64) -> Environment {
    let keys = if ENCRYPTED.get() { Keys::new(&[7; 32], &[]) } else { Keys::default() };
    Environment { keys, ..simulation::environment(disk, clock, seed) }
}

pub fn open(disk: &SimulatedDisk, clock: &Arc<FixedClock>, seed: u64, folder: &Path) -> Check<Db> {
    let opened = Db::open(folder, options(seed), environment(disk, clock, seed));
    opened.map_err(|error| Trouble::failed("open", &error))
}

/// Opens what a failure left, checks it, and now and then uses it: a recovered database is as good as any.
pub fn recovers(disk: &SimulatedDisk, clock_ms: i64, seed: u64, bounds: &Bounds<'_>) -> Check {
    let random = SeededRandom::new(seed);
    // A machine may come back with its clock behind.
    let clock = Arc::new(FixedClock::new(clock_ms - random.below(3_000) as i64));
    let db = open(disk, &clock, seed, Path::new(FOLDER))?;
    let revision = is_prefix(&db, bounds)?;
    if random.chance(80) {
        return Ok(());
    }
    // The durable floor is now what this process found: it was read from the disk and is read again.
    let bounds = Bounds { least: revision, most: revision, ..*bounds };
    let report = db.verify(&mut |_| ()).map_err(|error| Trouble::failed("verify", &error))?;
    if let Some(problem) = report.problems.first() {
        wrong!("verify after recovery found {problem:?}");
    }
    if random.chance(50) {
        db.run_background();
    }
    if random.chance(50) {
        db.close().map_err(|error| Trouble::failed("close", &error))?;
    }
    drop(db);
    let db = open(disk, &clock, seed, Path::new(FOLDER))?;
    is_prefix(&db, &bounds).map(|_| ())
}
