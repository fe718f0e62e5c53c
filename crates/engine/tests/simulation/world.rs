//! One database living through a history on a simulated machine, beside the oracle of what it must hold.

use crate::check::{self, Bounds, Check, FOLDER, Trouble, environment};
use crate::history::{History, Plan, Planned, Step, keys};
use crate::large::Ready;
use crate::oracle::{Act, Change, Oracle, Put, is_nothing, live};
use crate::report::{say, shows_calls};
use coppice_engine::disk::SyncPoint;
use coppice_engine::disk::simulated::{Fault, SimulatedDisk};
use coppice_engine::entry::NO_DEADLINE;
use coppice_engine::environment::Clock;
use coppice_engine::error::{Code, Error};
use coppice_engine::key::{EMPTY_REVISION, Revision};
use coppice_engine::simulation::{FixedClock, SeededRandom};
use coppice_engine::{Db, Event, Listener, Options, Policy, Retain, Snapshot, View, Written};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// When the database said that a revision was durable: after how many disk calls.
pub struct Claims {
    disk: SimulatedDisk,
    durable: Mutex<Vec<(u64, Revision)>>,
    /// The same of where it was trimmed.
    trimmed: Mutex<Vec<(u64, Revision)>>,
}

impl Listener for Claims {
    fn event(&self, event: Event) {
        if let Event::Durable(revision) = event {
            self.durable(revision);
        }
    }
}

impl Claims {
    fn durable(&self, revision: Revision) {
        let calls = self.disk.calls();
        self.durable.lock().unwrap().push((calls, revision));
    }

    /// The newest revision claimed durable before this call began.
    pub fn before(&self, call: u64) -> Revision {
        newest(&self.durable, call)
    }

    /// To where the database was trimmed for sure before this call began.
    pub fn trimmed_before(&self, call: u64) -> Revision {
        newest(&self.trimmed, call)
    }
}

fn newest(claims: &Mutex<Vec<(u64, Revision)>>, before_call: u64) -> Revision {
    let claims = claims.lock().unwrap();
    let earlier = claims.iter().filter(|(calls, _)| *calls < before_call);
    earlier.map(|(_, revision)| *revision).max().unwrap_or(EMPTY_REVISION)
}

/// What a history has seen; it counts only if it saw enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub operations: u64,
    pub range_deletes: u64,
    pub opens: u64,
    pub flushes: u64,
    pub compactions: u64,
    pub snapshots: u64,
    pub expiries: u64,
    pub garbage_compactions: u64,
    pub tables_dropped: u64,
    pub subcompactions: u64,
    pub paired_opens: u64,
    pub limited_ms: u64,
    pub segment_changes: u64,
    pub manifest_rolls: u64,
    pub blob_files: u64,
    pub blob_parts: u64,
    pub history_opens: u64,
    pub trims: u64,
}

impl Seen {
    pub fn named(&self) -> [(&'static str, u64); 18] {
        [
            ("operations", self.operations),
            ("range deletes", self.range_deletes),
            ("opens", self.opens),
            ("flushes", self.flushes),
            ("compactions", self.compactions),
            ("snapshots", self.snapshots),
            ("expiries", self.expiries),
            ("compactions for garbage", self.garbage_compactions),
            ("tables dropped whole", self.tables_dropped),
            ("key ranges merged beside others", self.subcompactions),
            ("opens with the paired policy", self.paired_opens),
            ("milliseconds that compactions were to wait", self.limited_ms),
            ("segment changes", self.segment_changes),
            ("manifest rolls", self.manifest_rolls),
            ("blob files", self.blob_files),
            ("blob parts", self.blob_parts),
            ("opens with history", self.history_opens),
            ("trims", self.trims),
        ]
    }

    pub fn add(&mut self, other: Seen) {
        self.operations += other.operations;
        self.range_deletes += other.range_deletes;
        self.opens += other.opens;
        self.flushes += other.flushes;
        self.compactions += other.compactions;
        self.snapshots += other.snapshots;
        self.expiries += other.expiries;
        self.garbage_compactions += other.garbage_compactions;
        self.tables_dropped += other.tables_dropped;
        self.subcompactions += other.subcompactions;
        self.paired_opens += other.paired_opens;
        self.limited_ms += other.limited_ms;
        self.segment_changes += other.segment_changes;
        self.manifest_rolls += other.manifest_rolls;
        self.blob_files += other.blob_files;
        self.blob_parts += other.blob_parts;
        self.history_opens += other.history_opens;
        self.trims += other.trims;
    }

    fn is_enough(&self) -> bool {
        self.operations >= 200
            && self.range_deletes >= 3
            && self.flushes >= 3
            && self.segment_changes >= 2
            && self.manifest_rolls >= 1
            && self.blob_files >= 1
            && self.blob_parts >= 1
            && self.compactions >= 1
            && self.snapshots >= 1
            && self.expiries >= 1
    }
}

struct Held {
    snapshot: Snapshot,
    rows: crate::oracle::Rows,
}

/// A checkpoint that was announced after this many disk calls.
pub struct Checkpoint {
    pub calls: u64,
    pub folder: PathBuf,
    pub revision: Revision,
}

pub struct World {
    pub disk: SimulatedDisk,
    pub clock: Arc<FixedClock>,
    pub oracle: Oracle,
    pub claims: Arc<Claims>,
    pub checkpoints: Vec<Checkpoint>,
    pub keys: Vec<Arc<[u8]>>,
    pub seen: Seen,
    /// Whether the database keeps history: one world in four.
    history: bool,
    /// What the process was told is with the operating system.
    pub written: Revision,
    /// From its call on errors are expected.
    pub fault: Option<Fault>,
    /// The database has refused a write for an earlier failure, so it must go on refusing.
    pub poisoned: bool,
    db: Option<Db>,
    snapshots: Vec<Held>,
    seed: u64,
    read_ms: i64,
    /// `begun_files` when the process opened the database.
    begun: (u64, u64, u64, u64),
}

impl World {
    pub fn new(seed: u64) -> World {
        let disk = SimulatedDisk::default();
        if shows_calls() {
            disk.start_log();
        }
        World {
            clock: Arc::new(FixedClock::new(1_700_000_000_000)),
            oracle: Oracle::default(),
            claims: Arc::new(Claims {
                disk: disk.clone(),
                durable: Mutex::default(),
                trimmed: Mutex::default(),
            }),
            checkpoints: Vec::new(),
            keys: keys(),
            seen: Seen::default(),
            history: seed % 4 == 1,
            written: EMPTY_REVISION,
            fault: None,
            poisoned: false,
            db: None,
            snapshots: Vec::new(),
            seed,
            read_ms: 0,
            begun: (0, 0, 0, 0),
            disk,
        }
    }

    /// Lives through a history; `after` looks at the world after each step.
    pub fn run(
        &mut self,
        history: &History,
        mut after: impl FnMut(&mut World) -> Check<ControlFlow<()>>,
    ) -> Check {
        for (number, step) in history.steps.iter().enumerate() {
            let stepped = self.open_if_needed().and_then(|()| self.step(step)).and_then(|()| after(self));
            let place = || format!("step {number} ({}), call {}", name(step), self.disk.calls());
            if stepped.map_err(|trouble| trouble.at(place()))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What the disk was asked for, if that is to be shown.
    pub fn show_calls(&self) {
        self.disk.log().iter().for_each(say);
    }

    /// Ends the process without closing anything.
    pub fn kill(&mut self) {
        if let Some(db) = &self.db {
            // Counters start anew at each open.
            let stats = db.stats();
            self.seen.flushes += stats.flushes;
            self.seen.compactions += stats.compactions;
            self.seen.garbage_compactions += stats.garbage_compactions;
            self.seen.tables_dropped += stats.tables_dropped;
            self.seen.subcompactions += stats.subcompactions;
            self.seen.limited_ms += stats.limited_ms;
            let (segments, manifests, blobs, parts) = self.begun_files();
            // The first segment of a process follows no other.
            self.seen.segment_changes += (segments - self.begun.0).saturating_sub(1);
            self.seen.manifest_rolls += manifests - self.begun.1;
            self.seen.blob_files += blobs - self.begun.2;
            self.seen.blob_parts += parts - self.begun.3;
        }
        self.snapshots.clear();
        self.db = None;
    }

    /// Segments, manifests, blob files and blob parts begun so far, by the syncs that each needs.
    fn begun_files(&self) -> (u64, u64, u64, u64) {
        let begun = |point| self.disk.syncs(point);
        (
            begun(SyncPoint::LogFolder),
            begun(SyncPoint::ManifestNew),
            begun(SyncPoint::Blob),
            begun(SyncPoint::BlobPart),
        )
    }

    /// Whether the database refuses writes until it is opened again; none if it is not open.
    pub fn refuses_writes(&self) -> Option<bool> {
        let refuses = |db: &Db| db.write_out().is_err_and(|error| error.code() == Code::Poisoned);
        self.db.as_ref().map(refuses)
    }

    /// Whether the disk has begun to fail.
    pub fn has_failed(&self) -> bool {
        self.fault.is_some_and(|fault| self.disk.calls() >= fault.call)
    }

    /// An error is fine only where the disk gave cause for it.
    fn expected<T>(&self, doing: &str, result: Result<T, Error>) -> Check<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.unless_failed(Err(Trouble::failed(doing, &error))),
        }
    }

    fn open_if_needed(&mut self) -> Check {
        if self.db.is_some() {
            return Ok(());
        }
        self.seed += 1;
        let mut options = Options { listener: self.claims.clone(), ..check::options(self.seed) };
        if self.history {
            options.history = Some(true);
            let few = SeededRandom::new(!self.seed).chance(25);
            options.retain = Retain { revisions: few.then_some(20), ms: None };
        }
        let is_paired = options.compaction.policy == Policy::Paired;
        let opened = Db::open(Path::new(FOLDER), options, environment(&self.disk, &self.clock, self.seed));
        let Some(db) = self.expected("open", opened)? else { return Ok(()) };
        let next_call = self.disk.calls() + 1;
        let trimmed = self.claims.trimmed_before(next_call);
        let bounds = Bounds { trimmed, ..self.bounds(self.claims.before(next_call).max(self.written)) };
        let found = self.unless_failed(check::is_prefix(&db, &bounds))?;
        if !self.has_failed() {
            let looked = check::no_strays(&db, &self.disk);
            self.unless_failed(looked)?;
        }
        if let Some(revision) = found {
            self.oracle.recover_to(revision);
            self.written = db.written();
            self.claims.durable(db.durable());
            self.poisoned = false;
            self.seen.opens += 1;
            self.seen.paired_opens += u64::from(is_paired);
            self.seen.history_opens += u64::from(self.history);
            self.begun = self.begun_files();
            self.db = Some(db);
        }
        Ok(())
    }

    pub fn bounds(&self, least: Revision) -> Bounds<'_> {
        let most = self.oracle.last_possible();
        Bounds { oracle: &self.oracle, least, most, trimmed: EMPTY_REVISION, keys: &self.keys }
    }

    fn unless_failed<T>(&self, checked: Check<T>) -> Check<Option<T>> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(trouble) if self.has_failed() && trouble.is_explained_by_a_failing_disk() => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    pub fn step(&mut self, step: &Step) -> Check {
        let Some(db) = self.db.clone() else { return Ok(()) };
        match step {
            Step::Write(plans) => self.write(&db, plans)?,
            Step::WriteOut => self.expected("write_out", db.write_out()).map(drop)?,
            Step::Sync => {
                db.request_sync();
                db.run_background();
                if db.durable() != self.oracle.last() && !self.has_failed() {
                    wrong!("{} is durable after a sync at {}", db.durable(), self.oracle.last());
                }
            }
            Step::Background => db.run_background(),
            Step::Read => self.read(&db)?,
            Step::Snapshot => {
                let snapshot = self.expected("snapshot", db.snapshot())?;
                self.seen.snapshots += 1;
                let rows = |view: View| live(self.oracle.rows_at(view.revision), view.now_ms.unwrap_or(0));
                let held = snapshot.map(|snapshot| Held { rows: rows(snapshot.view()), snapshot });
                self.snapshots.extend(held);
            }
            Step::ReadSnapshot => {
                if let Some(held) = self.snapshots.first() {
                    self.unless_failed(check::holds(&db, held.snapshot.view(), &held.rows, &self.keys))?;
                }
            }
            Step::ReleaseSnapshot if self.snapshots.is_empty() => {}
            Step::ReleaseSnapshot => drop(self.snapshots.remove(0)),
            Step::Clock(by_ms) => self.clock.advance(*by_ms),
            Step::Flush => self.expected("flush", db.flush()).map(drop)?,
            Step::Compact => self.expected("compact", db.compact(None, None)).map(drop)?,
            Step::Checkpoint => self.checkpoint(&db)?,
            Step::Reopen => {
                self.snapshots.clear();
                let closed = self.expected("close", db.close())?;
                if closed.is_some() {
                    self.claims.durable(self.oracle.last());
                    self.written = self.oracle.last();
                }
                drop(db);
                self.kill();
                return Ok(());
            }
            Step::Kill => {
                drop(db);
                self.kill();
                return Ok(());
            }
            Step::PowerCut(loss) => {
                drop(db);
                self.kill();
                self.written = EMPTY_REVISION;
                self.disk.restart(*loss);
                return Ok(());
            }
        }
        if db.visible() != self.oracle.last() {
            wrong!("{} is visible where {} was the last commit", db.visible(), self.oracle.last());
        }
        self.written = self.written.max(db.written());
        self.claims.durable(db.durable());
        Ok(())
    }

    fn write(&mut self, db: &Db, plans: &[Plan]) -> Check {
        self.seen.operations += plans.len() as u64;
        let now_ms = self.clock.now_ms();
        self.seen.range_deletes +=
            plans.iter().filter(|plan| matches!(plan.what, Planned::DeleteRange(_))).count() as u64;
        let change = |plan: &Plan| Change {
            key: plan.key.clone(),
            act: match &plan.what {
                Planned::Delete => Act::Delete,
                Planned::DeleteRange(until) => Act::DeleteRange(until.clone()),
                Planned::Put(value, ttl_ms) => Act::Put(Put {
                    value: value.clone(),
                    deadline_ms: ttl_ms.map_or(NO_DEADLINE, |ttl_ms| now_ms + ttl_ms),
                }),
            },
        };
        let changes: Vec<Change> = plans.iter().map(change).collect();
        let is_nothing = self.history && is_nothing(self.oracle.rows_at(self.oracle.last()), &changes);
        let mut ready = Ready::new(db, &changes, check::LARGE_FROM);
        for _ in 0..3 {
            let written = match &mut ready {
                Ok(ready) => ready.commit(db, &[]),
                Err(error) => Err(error.clone()),
            };
            match written {
                Ok(Written::Committed(revision) | Written::Deleted { revision, .. }) => {
                    let expected = match is_nothing {
                        true => self.oracle.last(),
                        false => self.oracle.commit(&changes, now_ms),
                    };
                    let poisoned = self.poisoned;
                    if revision != expected || poisoned {
                        wrong!("a commit got revision {revision}, not {expected} (poisoned: {poisoned})");
                    }
                    return Ok(());
                }
                Ok(Written::Stalled) => db.run_background(),
                Ok(conflict) => wrong!("a write without guards was answered {conflict:?}"),
                Err(error) if self.has_failed() => {
                    // A full disk changes nothing; any other failure leaves open what reached the log.
                    match error.code() {
                        Code::DiskFull => {}
                        Code::Poisoned => self.poisoned = true,
                        _ if is_nothing => {}
                        _ => self.oracle.may_have_committed(&changes, now_ms),
                    }
                    return Ok(());
                }
                Err(error) => return Err(Trouble::failed("a write", &error)),
            }
        }
        if !self.has_failed() {
            wrong!("writes stall although nothing is wrong");
        }
        Ok(())
    }

    fn read(&mut self, db: &Db) -> Check {
        let Some(view) = self.unless_failed(check::latest(db))? else { return Ok(()) };
        let now_ms = view.now_ms.expect("a snapshot stands at a time");
        let rows = self.oracle.rows_at(view.revision);
        let expired = |row: &&crate::oracle::Row| (self.read_ms + 1..=now_ms).contains(&row.deadline_ms);
        self.seen.expiries += rows.values().filter(expired).count() as u64;
        self.read_ms = now_ms;
        self.unless_failed(check::holds(db, View::LATEST, &live(rows, now_ms), &self.keys))?;
        if self.history { self.read_past(db) } else { Ok(()) }
    }

    /// Reads what was, and now and then forgets some of it.
    fn read_past(&mut self, db: &Db) -> Check {
        self.unless_failed(check::history_holds(db, &self.oracle, EMPTY_REVISION))?;
        let random = SeededRandom::new(self.seed ^ self.oracle.last() << 20);
        if random.chance(40) {
            let revision = 1 + random.below(self.oracle.last() as usize) as u64;
            if self.expected("trim", db.trim(revision))?.is_some() {
                self.seen.trims += 1;
                self.claims.trimmed.lock().unwrap().push((self.disk.calls(), revision));
            }
            self.unless_failed(check::history_holds(db, &self.oracle, EMPTY_REVISION))?;
        }
        Ok(())
    }

    fn checkpoint(&mut self, db: &Db) -> Check {
        let folder = PathBuf::from(format!("/data/checkpoint-{}", self.checkpoints.len()));
        let made = db.checkpoint(&folder);
        let Some(info) = self.expected("checkpoint", made)? else { return Ok(()) };
        if info.revision != self.oracle.last() {
            wrong!("a checkpoint at {} says {}", self.oracle.last(), info.revision);
        }
        let calls = self.disk.calls();
        self.checkpoints.push(Checkpoint { calls, folder, revision: info.revision });
        Ok(())
    }

    /// What the history has seen, once its last process has ended; nothing if it is not one that counts.
    pub fn saw_enough(&self) -> Option<Seen> {
        self.seen.is_enough().then_some(self.seen)
    }
}

fn name(step: &Step) -> String {
    match step {
        Step::Write(plans) => format!("a write of {}", plans.len()),
        other => format!("{other:?}"),
    }
}
