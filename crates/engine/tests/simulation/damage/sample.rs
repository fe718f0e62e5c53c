//! Small databases to damage, each with everything that it holds.

use crate::check::{self, FOLDER, environment};
use crate::oracle::{Act, Change, Oracle, Put, Rows, pack};
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::entry::NO_DEADLINE;
use coppice_engine::environment::Clock;
use coppice_engine::key::Revision;
use coppice_engine::simulation::{FixedClock, SeededRandom};
use coppice_engine::{Db, Options, Recovery, Written};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Sample {
    pub disk: SimulatedDisk,
    pub clock: Arc<FixedClock>,
    /// Every key that was ever used, and one that was not.
    pub keys: Vec<Arc<[u8]>>,
    /// The newest revision that is in tables.
    pub flushed: Revision,
    oracle: Oracle,
    random: SeededRandom,
}

/// All files of a sample together: few enough to damage every byte.
const BYTES_MAX: u64 = 256 << 10;

/// Nothing is flushed unless it is asked for, and segments stay small.
pub fn options() -> Options {
    let mut options = check::options(3);
    options.tuning.memtable_bytes = 64 << 10;
    options.tuning.segment_bytes_max = 8 << 10;
    Options { holder: "another process".into(), recovery: Recovery::Strict, ..options }
}

impl Sample {
    /// A database as an orderly close leaves it: tables on several levels, and no segment but the spare.
    pub fn closed(seed: u64) -> Sample {
        let (mut sample, db) = Sample::begin(seed);
        db.close().expect("a sound disk");
        sample.settle(db);
        sample
    }

    /// A database whose process was killed: two segments besides. Only its newest record has no later one to vouch
    /// for it.
    pub fn killed(seed: u64) -> Sample {
        let (mut sample, db) = Sample::begin(seed);
        for _ in 0..300 {
            sample.put_any(&db);
            if sample.random.chance(20) {
                sync(&db);
            }
            if sample.segments().len() >= 3 && !sample.with_ending("spare.log").is_empty() {
                break;
            }
        }
        sync(&db);
        assert!(sample.segments().len() >= 3, "a segment in the middle is one that can be missed");
        let key = sample.keys[0].clone();
        sample.commit(
            &db,
            Change { key, act: Act::Put(Put { value: Arc::from(*b"newest"), deadline_ms: NO_DEADLINE }) },
        );
        sync(&db);
        sample.settle(db);
        sample
    }

    /// A level-0 table for each round; the merge in the middle makes a deeper one.
    fn begin(seed: u64) -> (Sample, Db) {
        let disk = SimulatedDisk::default();
        let clock = Arc::new(FixedClock::new(1_700_000_000_000));
        let key = |number: u64| format!("key/{}", number * 37 % 100).into_bytes().into();
        let mut sample = Sample {
            disk,
            clock,
            keys: (0..100).map(key).collect(),
            flushed: 0,
            oracle: Oracle::default(),
            random: SeededRandom::new(seed),
        };
        let db = Db::open(Path::new(FOLDER), options(), environment(&sample.disk, &sample.clock, seed));
        let db = db.expect("a new database");
        for round in 0..4 {
            for _ in 0..60 {
                sample.put_any(&db);
            }
            let key = sample.any_key();
            sample.commit(&db, Change { key, act: Act::Delete });
            let (from, until) = (sample.any_key(), Some([&sample.any_key()[..], b"~"].concat().into()));
            if until.as_ref().is_some_and(|until| from < *until) {
                sample.commit(&db, Change { key: from, act: Act::DeleteRange(until) });
            }
            db.flush().expect("a sound disk");
            if round == 1 {
                db.compact(None, None).expect("a sound disk");
            }
        }
        sample.flushed = sample.newest();
        sample.keys.push(Arc::from(*b"never used"));
        (sample, db)
    }

    fn any_key(&self) -> Arc<[u8]> {
        self.keys[self.random.below(100)].clone()
    }

    fn put_any(&mut self, db: &Db) {
        let random = &self.random;
        // Half of the bits are noise, so that some pages are compressed and some are not.
        let value = (0..random.below(160)).map(|at| random.next() as u8 >> (at % 2 * 4)).collect();
        // Far in the future: nothing expires here, but the bytes are there.
        let deadline_ms = if random.chance(20) { 1_900_000_000_000 } else { NO_DEADLINE };
        self.commit(db, Change { key: self.any_key(), act: Act::Put(Put { value, deadline_ms }) });
    }

    fn commit(&mut self, db: &Db, change: Change) {
        let changes = vec![change];
        let written = db.write(pack(&changes).body(), &[]).expect("a sound disk");
        let revision = self.oracle.commit(&changes, self.clock.now_ms());
        assert_eq!(written, Written::Committed(revision));
    }

    pub fn newest(&self) -> Revision {
        self.oracle.last()
    }

    /// What the database held when this was its newest revision.
    pub fn rows_at(&self, revision: Revision) -> &Rows {
        self.oracle.rows_at(revision)
    }

    /// The process ends; everything is durable, and no file kind is missing.
    fn settle(&mut self, db: Db) {
        drop(db);
        self.disk = self.disk.clone_image();
        let files = self.files();
        for kind in ["CURRENT", "LOCK", "spare.log", ".manifest", ".table"] {
            assert!(
                files.iter().any(|(path, _)| path.to_string_lossy().ends_with(kind)),
                "there is no {kind}"
            );
        }
        let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
        assert!(bytes <= BYTES_MAX, "{bytes} bytes are too many to damage each");
    }

    /// Every file and its size, in order of the names.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let mut names = self.disk.list(Path::new(FOLDER)).expect("a folder");
        names.sort();
        let sized = |name: String| {
            let path = Path::new(FOLDER).join(name);
            let bytes = self.disk.contents(&path).expect("a file").len() as u64;
            (path, bytes)
        };
        names.into_iter().map(sized).collect()
    }

    /// Files with this ending, in order of their names.
    pub fn with_ending(&self, ending: &str) -> Vec<PathBuf> {
        let files = self.files().into_iter().map(|(path, _)| path);
        files.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }

    /// Oldest first.
    pub fn segments(&self) -> Vec<PathBuf> {
        self.with_ending(".log").into_iter().filter(|path| !path.ends_with("spare.log")).collect()
    }
}

fn sync(db: &Db) {
    db.request_sync();
    db.run_background();
}
