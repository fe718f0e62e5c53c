//! Plays a history under one set of options and writes down every answer.

use super::history::{Bytes, CURSORS, Expected, Op, Plan, SNAPSHOTS, show};
use super::sets::OptionSet;
use crate::check::FOLDER;
use crate::large::Ready;
use crate::oracle::{Change, Rows, apply, is_nothing};
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::encryption::{KEY_BYTES, Keys};
use coppice_engine::environment::{Clock, Environment};
use coppice_engine::error::{Error, Result};
use coppice_engine::key::{EMPTY_REVISION, Revision};
use coppice_engine::simulation::{FixedClock, environment};
use coppice_engine::{Db, Event, Guard, Listener, Options, Range, RangeCursor, Snapshot, View, Written};
use std::any::Any;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What the engine did meanwhile, which may differ.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    pub flushes: u64,
    pub compactions: u64,
    pub opens: u64,
    pub stalls: u64,
}

impl Work {
    pub fn add(&mut self, other: Work) {
        self.flushes += other.flushes;
        self.compactions += other.compactions;
        self.opens += other.opens;
        self.stalls += other.stalls;
    }
}

#[derive(Debug)]
pub struct Played {
    /// Every answer.
    pub lines: Vec<String>,
    /// The first call that failed, though nothing gave it cause to.
    pub failure: Option<String>,
    pub operations: u64,
    pub work: Work,
}

/// Wakes who waits for something that a thread of the engine does.
#[derive(Default)]
struct Ears {
    heard: Mutex<u64>,
    any: Condvar,
}

impl Listener for Ears {
    fn event(&self, _event: Event) {
        *self.heard.lock().unwrap() += 1;
        self.any.notify_all();
    }
}

struct Player<'a> {
    set: &'a OptionSet,
    disk: SimulatedDisk,
    clock: Arc<FixedClock>,
    ears: Arc<Ears>,
    seed: u64,
    db: Option<Db>,
    snapshots: [Option<Snapshot>; SNAPSHOTS],
    cursors: [Option<RangeCursor>; CURSORS],
    checkpoints: usize,
    work: Work,
    has_flushed: bool,
    /// What there is, expired or not.
    there: Rows,
    /// What the revisions, from that of an empty database on, are with history: commits that change nothing take none there.
    shown: Vec<Revision>,
}

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn play(ops: &[Op], set: &OptionSet, seed: u64) -> Played {
    let mut played = Played { lines: Vec::new(), failure: None, operations: 0, work: Work::default() };
    let mut player = Player {
        set,
        disk: SimulatedDisk::default(),
        clock: Arc::new(FixedClock::new(1_700_000_000_000)),
        ears: Arc::default(),
        seed,
        db: None,
        snapshots: Default::default(),
        cursors: Default::default(),
        checkpoints: 0,
        work: Work::default(),
        has_flushed: false,
        there: Rows::new(),
        shown: vec![EMPTY_REVISION],
    };
    for (number, op) in ops.iter().enumerate() {
        // A panic of the engine is an answer as false as any, and one that can be shrunk.
        let answered = catch_unwind(AssertUnwindSafe(|| player.answer(op)));
        let failure = match answered {
            Ok(Ok(answer)) => {
                played.lines.push(format!("{number}: {answer}"));
                played.operations += 1;
                continue;
            }
            Ok(Err(error)) => format!("{} {error}", error.code().name()),
            Err(panic) => text_of(&*panic),
        };
        played.failure = Some(format!("operation {number}, {op:?}: {failure}"));
        break;
    }
    player.count_work();
    played.work = player.work;
    played
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    format!("panicked: {}", text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown"))
}

impl Player<'_> {
    fn answer(&mut self, op: &Op) -> Result<String> {
        let db = match &self.db {
            Some(db) => db.clone(),
            None => self.open(Path::new(FOLDER))?,
        };
        self.db = Some(db.clone());
        Ok(match op {
            Op::Write { plans, guards } => self.write(&db, plans, guards)?,
            Op::Get { key, at } => self.get(&db, key, *at)?,
            Op::Scan { range, at, limit } => {
                let mut cursor = db.range(range.clone(), self.view(*at))?;
                format!("scan{}", self.rows(&mut cursor, *limit)?)
            }
            Op::OpenCursor { place, range, at } => {
                self.cursors[*place] = Some(db.range(range.clone(), self.view(*at))?);
                "cursor".into()
            }
            Op::MoveCursor { place, rows: limit } => match self.cursors[*place].take() {
                Some(mut cursor) => {
                    let moved = format!("move{}", self.rows(&mut cursor, *limit)?);
                    self.cursors[*place] = Some(cursor);
                    moved
                }
                None => "no cursor".into(),
            },
            Op::SeekCursor { place, key } => match &mut self.cursors[*place] {
                Some(cursor) => {
                    cursor.seek(&key.0);
                    "seek".into()
                }
                None => "no cursor".into(),
            },
            Op::CloseCursor(place) => format!("closed {}", self.cursors[*place].take().is_some()),
            Op::Snapshot(place) => {
                let snapshot = db.snapshot()?;
                let View { revision, now_ms } = snapshot.view();
                self.snapshots[*place] = Some(snapshot);
                format!("snapshot {} {now_ms:?}", self.shown(revision))
            }
            Op::Release(place) => format!("released {}", self.snapshots[*place].take().is_some()),
            Op::Clock(by_ms) => {
                self.clock.advance(*by_ms);
                // The engine's time never steps back, so all sets must have seen the same.
                format!("clock {}", db.now_ms())
            }
            Op::WriteOut => format!("written {}", self.shown(db.write_out()?)),
            Op::Sync => self.sync(&db),
            Op::Background => {
                self.background(&db);
                "background".into()
            }
            Op::Flush => {
                db.flush()?;
                self.has_flushed = true;
                format!("flush {}", self.shown(db.durable()))
            }
            Op::Compact { lower, upper } => {
                let key = |end: &Option<Bytes>| end.as_ref().map(|key| key.0.to_vec());
                db.compact(key(lower).as_deref(), key(upper).as_deref())?;
                "compact".into()
            }
            Op::Verify => format!("verify {:?}", db.verify(&mut |_| ())?.problems),
            Op::Checkpoint => self.checkpoint(&db)?,
            Op::Reopen { closes } => {
                drop(db);
                self.reopen(*closes)?
            }
        })
    }

    fn open(&mut self, folder: &Path) -> Result<Db> {
        let options = self.set.each_open[self.work.opens as usize % self.set.each_open.len()].clone();
        let options = Options { listener: self.ears.clone(), holder: "a player".into(), ..options };
        self.work.opens += 1;
        let environment = environment(&self.disk, &self.clock, self.seed + self.work.opens);
        let keys = match self.set.encrypted {
            true => {
                let key = |open: u64| [open as u8; KEY_BYTES];
                Keys::new(&key(self.work.opens), &(1..self.work.opens).map(key).collect::<Vec<_>>())
            }
            false => Keys::default(),
        };
        Db::open(folder, options, Environment { threads: self.set.threads, keys, ..environment })
    }

    fn view(&self, at: Option<usize>) -> View {
        let snapshot = at.and_then(|place| self.snapshots[place].as_ref());
        snapshot.map_or(View::LATEST, Snapshot::view)
    }

    fn write(&mut self, db: &Db, plans: &[Plan], guards: &[(Bytes, Expected)]) -> Result<String> {
        let now_ms = self.clock.now_ms();
        let changes: Vec<_> = plans.iter().map(|plan| plan.change(now_ms)).collect();
        let mut revisions = Vec::new();
        for (key, expected) in guards {
            revisions.push(match expected {
                Expected::Absent => None,
                Expected::Revision(revision) => Some(self.taken(*revision)),
                Expected::Found => db.get(&key.0, View::LATEST, |entry| entry.revision)?,
            });
        }
        let guard = |((key, _), revision): (&(Bytes, Expected), &Option<Revision>)| -> (Arc<[u8]>, _) {
            (key.0.clone(), *revision)
        };
        let guards: Vec<_> = guards.iter().zip(&revisions).map(guard).collect();
        let guards: Vec<Guard<'_>> =
            guards.iter().map(|(key, revision)| Guard::Key { key, revision: *revision }).collect();
        let mut ready = Ready::new(db, &changes, self.set.large_from)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let answer = match ready.commit(db, &guards)? {
                // When there is room is the set's own affair.
                Written::Stalled => {
                    self.background(db);
                    continue;
                }
                // How many were deleted only some sets tell.
                Written::Committed(revision) | Written::Deleted { revision, .. } => {
                    self.committed(revision, &changes);
                    format!("committed {}", self.shown(revision))
                }
                Written::Conflict { revision, conflicts } => {
                    let conflicts =
                        conflicts.iter().map(|met| (&met.guard, met.revision.map(|met| self.shown(met))));
                    format!("conflict at {}: {:?}", self.shown(revision), conflicts.collect::<Vec<_>>())
                }
            };
            let revisions = revisions.iter().map(|revision| revision.map(|revision| self.shown(revision)));
            return Ok(format!("{answer} for {:?}", revisions.collect::<Vec<_>>()));
        }
        Err(Error::invalid("the write stalled for good"))
    }

    fn committed(&mut self, revision: Revision, changes: &[Change]) {
        let newest = self.newest();
        if revision == EMPTY_REVISION + self.shown.len() as u64 {
            self.shown.push(newest + u64::from(!is_nothing(&self.there, changes)));
        }
        apply(&mut self.there, changes, newest + 1);
    }

    /// What this revision is in every set; of one that there is not yet, as far beyond the newest.
    fn shown(&self, revision: Revision) -> Revision {
        let place = (revision - EMPTY_REVISION) as usize;
        let beyond = |newest: Revision| newest + (place + 1 - self.shown.len()) as u64;
        self.shown.get(place).copied().unwrap_or_else(|| beyond(self.newest()))
    }

    /// The revision of this set that is shown as this one.
    fn taken(&self, shown: Revision) -> Revision {
        let place = self.shown.partition_point(|&other| other < shown) as u64;
        EMPTY_REVISION + place + shown.saturating_sub(self.newest() + 1)
    }

    fn newest(&self) -> Revision {
        self.shown[self.shown.len() - 1]
    }

    /// Does what is due, or gives the engine's threads the time to.
    fn background(&self, db: &Db) {
        match self.set.threads {
            true => {
                drop(self.ears.any.wait_timeout(self.ears.heard.lock().unwrap(), Duration::from_millis(1)))
            }
            false => db.run_background(),
        }
    }

    fn get(&self, db: &Db, key: &Bytes, at: Option<usize>) -> Result<String> {
        let found = db.get(&key.0, self.view(at), |entry| {
            format!("{} of {} until {}", show(entry.value), self.shown(entry.revision), entry.deadline_ms)
        })?;
        let forgets = self.set.lies && self.has_flushed && key.0.len() > 10;
        Ok(format!("get {:?}", found.filter(|_| !forgets)))
    }

    fn sync(&self, db: &Db) -> String {
        db.request_sync();
        let deadline = Instant::now() + PATIENCE;
        while db.durable() < db.visible() && Instant::now() < deadline {
            self.background(db);
        }
        format!("durable {}", self.shown(db.durable()))
    }

    fn checkpoint(&mut self, db: &Db) -> Result<String> {
        let folder = PathBuf::from(format!("/data/checkpoint-{}", self.checkpoints));
        self.checkpoints += 1;
        let info = db.checkpoint(&folder)?;
        let copy = self.open(&folder)?;
        let found = self.everything(&copy)?;
        copy.close()?;
        Ok(format!("checkpoint {}{found}", self.shown(info.revision)))
    }

    /// A process that does not close loses what it did not write out, so here it does.
    fn reopen(&mut self, closes: bool) -> Result<String> {
        self.count_work();
        let db = self.db.take().expect("opened before each operation");
        // What of a clock that stepped back is remembered depends on when something was written last.
        self.clock.set(db.now_ms());
        self.snapshots = Default::default();
        self.cursors = Default::default();
        if closes {
            db.close()?;
        } else {
            db.write_out()?;
        }
        // The one before must be gone before the next can have the lock.
        drop(db);
        let db = self.open(Path::new(FOLDER))?;
        let line = format!("open at {}, {}{}", self.shown(db.visible()), db.now_ms(), self.everything(&db)?);
        self.db = Some(db);
        Ok(line)
    }

    fn count_work(&mut self) {
        if let Some(stats) = self.db.as_ref().map(Db::stats) {
            self.work.flushes += stats.flushes;
            self.work.compactions += stats.compactions;
            self.work.stalls += stats.stalls;
        }
    }

    fn everything(&self, db: &Db) -> Result<String> {
        let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false };
        self.rows(&mut db.range(range, View::LATEST)?, usize::MAX)
    }

    /// Up to so many rows from where the cursor stands.
    fn rows(&self, cursor: &mut RangeCursor, limit: usize) -> Result<String> {
        let mut text = String::new();
        for _ in 0..limit {
            if !cursor.next()? {
                text.push_str(" end");
                break;
            }
            let (key, entry) = cursor.row()?;
            text.push_str(&format!(
                "\n  {} = {} of {} until {}",
                show(key),
                show(entry.value),
                self.shown(entry.revision),
                entry.deadline_ms
            ));
        }
        Ok(text)
    }
}
