//! Plays a history under one set of options and writes down every answer.

use super::history::{Bytes, CURSORS, Expected, Op, Plan, SNAPSHOTS, show};
use super::sets::OptionSet;
use crate::check::FOLDER;
use crate::large::Ready;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::environment::{Clock, Environment};
use coppice_engine::error::{Error, Result};
use coppice_engine::key::Revision;
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
                format!("scan{}", rows(&mut cursor, *limit)?)
            }
            Op::OpenCursor { place, range, at } => {
                self.cursors[*place] = Some(db.range(range.clone(), self.view(*at))?);
                "cursor".into()
            }
            Op::MoveCursor { place, rows: limit } => match &mut self.cursors[*place] {
                Some(cursor) => format!("move{}", rows(cursor, *limit)?),
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
                let view = snapshot.view();
                self.snapshots[*place] = Some(snapshot);
                format!("snapshot {view:?}")
            }
            Op::Release(place) => format!("released {}", self.snapshots[*place].take().is_some()),
            Op::Clock(by_ms) => {
                self.clock.advance(*by_ms);
                // The engine's time never steps back, so all sets must have seen the same.
                format!("clock {}", db.now_ms())
            }
            Op::WriteOut => format!("written {}", db.write_out()?),
            Op::Sync => self.sync(&db),
            Op::Background => {
                self.background(&db);
                "background".into()
            }
            Op::Flush => {
                db.flush()?;
                self.has_flushed = true;
                format!("flush {}", db.durable())
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
        Db::open(folder, options, Environment { threads: self.set.threads, ..environment })
    }

    fn view(&self, at: Option<usize>) -> View {
        let snapshot = at.and_then(|place| self.snapshots[place].as_ref());
        snapshot.map_or(View::LATEST, Snapshot::view)
    }

    fn write(&self, db: &Db, plans: &[Plan], guards: &[(Bytes, Expected)]) -> Result<String> {
        let now_ms = self.clock.now_ms();
        let changes: Vec<_> = plans.iter().map(|plan| plan.change(now_ms)).collect();
        let mut revisions = Vec::new();
        for (key, expected) in guards {
            revisions.push(match expected {
                Expected::Absent => None,
                Expected::Revision(revision) => Some(*revision),
                Expected::Found => db.get(&key.0, View::LATEST, |entry| entry.revision)?,
            });
        }
        let guard = |((key, _), revision): (&(Bytes, Expected), &Option<Revision>)| -> (Arc<[u8]>, _) {
            (key.0.clone(), *revision)
        };
        let guards: Vec<_> = guards.iter().zip(&revisions).map(guard).collect();
        let guards: Vec<Guard<'_>> =
            guards.iter().map(|(key, revision)| Guard { key, revision: *revision }).collect();
        let mut ready = Ready::new(db, &changes, self.set.large_from)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match ready.commit(db, &guards)? {
                // When there is room is the set's own affair.
                Written::Stalled => self.background(db),
                // What only some sets tell.
                Written::Deleted { revision, .. } => {
                    return Ok(format!("{:?} for {revisions:?}", Written::Committed(revision)));
                }
                answered => return Ok(format!("{answered:?} for {revisions:?}")),
            }
        }
        Err(Error::invalid("the write stalled for good"))
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
            format!("{} of {} until {}", show(entry.value), entry.revision, entry.deadline_ms)
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
        format!("durable {}", db.durable())
    }

    fn checkpoint(&mut self, db: &Db) -> Result<String> {
        let folder = PathBuf::from(format!("/data/checkpoint-{}", self.checkpoints));
        self.checkpoints += 1;
        let info = db.checkpoint(&folder)?;
        let copy = self.open(&folder)?;
        let found = everything(&copy)?;
        copy.close()?;
        Ok(format!("checkpoint {}{found}", info.revision))
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
        let line = format!("open at {}, {}{}", db.visible(), db.now_ms(), everything(&db)?);
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
}

fn everything(db: &Db) -> Result<String> {
    let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse: false };
    rows(&mut db.range(range, View::LATEST)?, usize::MAX)
}

/// Up to so many rows from where the cursor stands.
fn rows(cursor: &mut RangeCursor, limit: usize) -> Result<String> {
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
            entry.revision,
            entry.deadline_ms
        ));
    }
    Ok(text)
}
