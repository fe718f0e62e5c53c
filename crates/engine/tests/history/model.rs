//! Random operations on a database with history and on a map of versions: they never differ, at any revision.

use super::kept;
use crate::support::World;
use coppice_engine::batch::{Batch, Reason};
use coppice_engine::entry::{Entry, NO_DEADLINE};
use coppice_engine::error::Code;
use coppice_engine::key::{EMPTY_REVISION, Revision};
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Compaction, Db, Options, Policy, Range, Snapshot, Tuning, View, Written};
use std::collections::BTreeMap;
use std::ops::Bound;

const KEYS: usize = 60;
const OPERATIONS: usize = 6_000;
const SEEDS: u64 = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    revision: Revision,
    /// None: a delete.
    value: Option<Vec<u8>>,
    deadline_ms: i64,
    create_revision: Revision,
    version: u64,
}

struct Model {
    world: World,
    random: SeededRandom,
    db: Option<Db>,
    /// Of each key the oldest first.
    versions: BTreeMap<Vec<u8>, Vec<Version>>,
    revision: Revision,
    trim: Revision,
    /// With their revisions.
    snapshots: Vec<(Snapshot, Revision)>,
    seen: BTreeMap<&'static str, u64>,
}

enum Change {
    Put(Vec<u8>, Vec<u8>, Option<i64>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Option<Vec<u8>>),
}

fn options(random: &SeededRandom) -> Options {
    let options = kept();
    Options {
        blob_bytes: [0, 64][random.below(2)],
        compaction: Compaction {
            policy: [Policy::Levelled, Policy::Paired][random.below(2)],
            threads: Some(1 + random.below(3)),
            ..options.compaction
        },
        tuning: Tuning {
            garbage_bytes_min: 512,
            table_bytes: 4 << 10,
            blob_file_bytes: 4 << 10,
            level0_trigger: 2,
            level_base_bytes: 8 << 10,
            ..options.tuning
        },
        ..options
    }
}

impl Model {
    fn new(seed: u64) -> Model {
        let (world, random) = (World::new(), SeededRandom::new(seed));
        let db = world.open(options(&random));
        Model {
            world,
            random,
            db: Some(db),
            versions: BTreeMap::new(),
            revision: EMPTY_REVISION,
            trim: EMPTY_REVISION,
            snapshots: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("open between operations")
    }

    fn key(&self) -> Vec<u8> {
        // A few keys get half of the writes.
        let among = if self.random.chance(50) { 5 } else { KEYS };
        format!("key/{:02}", self.random.below(among)).into_bytes()
    }

    fn step(&mut self) {
        let kind = match self.random.below(1_000) {
            0..400 => self.write(1),
            400..440 => self.write(1 + self.random.below(20)),
            440..640 => self.read_at(),
            640..720 => self.range_at(),
            720..800 => self.key_history(),
            800..820 => self.trim(),
            820..840 => self.snapshot(),
            840..860 => self.read_snapshot(),
            860..880 => self.release(),
            880..920 => self.clock(),
            920..960 => self.background(),
            960..980 => self.flush(),
            980..990 => self.compact(),
            _ => self.reopen(),
        };
        *self.seen.entry(kind).or_default() += 1;
    }

    fn write(&mut self, count: usize) -> &'static str {
        let now_ms = self.world.now();
        let changes: Vec<Change> = (0..count)
            .map(|_| match self.random.below(20) {
                0..4 => Change::Delete(self.key()),
                4 if self.random.chance(50) => {
                    let (a, b) = (self.key(), self.key());
                    let until = self.random.chance(90).then(|| a.clone().max([&b[..], b"\0"].concat()));
                    Change::DeleteRange(a.min(b), until)
                }
                _ => {
                    let value = vec![self.random.next() as u8; self.random.below(150)];
                    let ttl_ms = self.random.chance(10).then(|| 1 + self.random.below(2_000) as i64);
                    Change::Put(self.key(), value, ttl_ms.map(|ttl_ms| now_ms + ttl_ms))
                }
            })
            .collect();
        let mut batch = Batch::new();
        for change in &changes {
            match change {
                Change::Put(key, value, deadline_ms) => batch.put(0, key, value, *deadline_ms),
                Change::Delete(key) => batch.delete(0, key, Reason::User),
                Change::DeleteRange(from, until) => batch.delete_range(0, from, until.as_deref()),
            }
            .unwrap();
        }
        let written = loop {
            match self.db().write(batch.body(), &[]).unwrap() {
                Written::Stalled => self.db().run_background(),
                written => break written,
            }
        };
        let had = self.live_at_present(now_ms);
        let ranges = changes.iter().any(|change| matches!(change, Change::DeleteRange(..)));
        let in_ranges = self.apply(&changes, now_ms);
        let deleted = had.iter().filter(|key| in_ranges.contains(key)).count() as u64;
        match written {
            Written::Committed(revision) => assert!(revision == self.revision && !ranges),
            Written::Deleted { revision, keys } => {
                assert_eq!((revision, keys), (self.revision, deleted));
            }
            other => panic!("{other:?}"),
        }
        "writes"
    }

    /// The keys that range deletes of the changes took while they had the value that they had before the commit, or one of
    /// the commit in its place. A revision is taken if anything changed.
    fn apply(&mut self, changes: &[Change], now_ms: i64) -> Vec<Vec<u8>> {
        let revision = self.revision + 1;
        let lasts: BTreeMap<Vec<u8>, Version> = self
            .versions
            .iter()
            .filter_map(|(key, versions)| Some((key.clone(), versions.last()?.clone())))
            .collect();
        let mut deleted = Vec::new();
        let mut taken: Vec<Vec<u8>> = Vec::new();
        let life = |key: &[u8]| {
            lasts.get(key).filter(|last| last.value.is_some() && last.deadline_ms > now_ms).cloned()
        };
        for change in changes {
            match change {
                Change::Put(key, value, deadline_ms) => {
                    let life = life(key).filter(|_| !taken.contains(key));
                    let (create_revision, version) =
                        life.map_or((revision, 1), |life| (life.create_revision, life.version + 1));
                    let put = Version {
                        revision,
                        value: Some(value.clone()),
                        deadline_ms: deadline_ms.unwrap_or(NO_DEADLINE),
                        create_revision,
                        version,
                    };
                    self.set(key, put);
                }
                Change::Delete(key) => {
                    if self.versions.get(key).is_some_and(|versions| is_put(versions)) {
                        taken.push(key.clone());
                        self.set(key, gone(revision));
                    }
                }
                Change::DeleteRange(from, until) => {
                    let until = until.clone().map_or(Bound::Unbounded, Bound::Excluded);
                    let inside = self.versions.range((Bound::Included(from.clone()), until));
                    let there: Vec<Vec<u8>> =
                        inside.filter(|(_, versions)| is_put(versions)).map(|(key, _)| key.clone()).collect();
                    for key in there {
                        if !taken.contains(&key) {
                            deleted.push(key.clone());
                        }
                        taken.push(key.clone());
                        self.set(&key, gone(revision));
                    }
                }
            }
        }
        let changed = |versions: &Vec<Version>| versions.last().is_some_and(|last| last.revision == revision);
        self.revision += u64::from(self.versions.values().any(changed));
        deleted
    }

    fn set(&mut self, key: &[u8], version: Version) {
        let versions = self.versions.entry(key.to_vec()).or_default();
        versions.retain(|other| other.revision != version.revision);
        versions.push(version);
    }

    fn live_at_present(&self, now_ms: i64) -> Vec<Vec<u8>> {
        let live = |versions: &Vec<Version>| {
            versions.last().is_some_and(|last| last.value.is_some() && last.deadline_ms > now_ms)
        };
        self.versions.iter().filter(|(_, versions)| live(versions)).map(|(key, _)| key.clone()).collect()
    }

    /// What a key held at a revision.
    fn at(&self, key: &[u8], revision: Revision) -> Option<&Version> {
        let versions = self.versions.get(key)?;
        let newest = versions.iter().rev().find(|version| version.revision <= revision)?;
        newest.value.is_some().then_some(newest)
    }

    /// Mostly one that can be read.
    fn some_revision(&self) -> Revision {
        self.trim.saturating_sub(2) + self.random.below((self.revision - self.trim + 5) as usize) as u64
    }

    fn stand(&self, revision: Revision) -> Option<Snapshot> {
        let stands = self.db().snapshot_at(revision);
        match stands {
            Ok(snapshot) => {
                assert!((self.trim..=self.revision).contains(&revision));
                Some(snapshot)
            }
            Err(error) if error.code() == Code::Compacted => {
                assert!(revision < self.trim, "{revision} is not below {}", self.trim);
                None
            }
            Err(error) => {
                assert!(error.code() == Code::FutureRevision && revision > self.revision, "{error}");
                None
            }
        }
    }

    fn read_at(&mut self) -> &'static str {
        let (key, revision) = (self.key(), self.some_revision());
        let Some(snapshot) = self.stand(revision) else { return "reads refused" };
        let found = self.db().get(&key, snapshot.view(), version).unwrap();
        assert_eq!(found.as_ref(), self.at(&key, revision), "{key:?} at {revision}");
        let now_ms = self.world.now();
        let newest = self.at(&key, self.revision).filter(|version| version.deadline_ms > now_ms);
        assert_eq!(self.db().get(&key, View::LATEST, version).unwrap().as_ref(), newest);
        "reads"
    }

    fn range_at(&mut self) -> &'static str {
        let revision = self.some_revision();
        let Some(snapshot) = self.stand(revision) else { return "ranges refused" };
        self.same_rows(snapshot.view(), revision);
        "ranges"
    }

    fn same_rows(&self, view: View, revision: Revision) {
        let reverse = self.random.chance(50);
        let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse };
        let mut cursor = self.db().range(range, view).unwrap();
        let mut found = Vec::new();
        while cursor.next().unwrap() {
            let (key, entry) = cursor.row().unwrap();
            found.push((key.to_vec(), version(&entry)));
        }
        if reverse {
            found.reverse();
        }
        let now_ms = view.now_ms.unwrap();
        let wanted =
            self.versions.keys().filter_map(|key| Some((key.clone(), self.at(key, revision)?.clone())));
        let wanted: Vec<_> = wanted.filter(|(_, version)| version.deadline_ms > now_ms).collect();
        assert_eq!(found, wanted, "at {revision}, reverse: {reverse}");
    }

    fn key_history(&mut self) -> &'static str {
        let key = self.key();
        let bound = || {
            let revision = self.trim + self.random.below((self.revision - self.trim + 1) as usize) as u64;
            self.random.chance(40).then_some(revision)
        };
        let (from, to) = (bound(), bound());
        let mut cursor = self.db().versions(&key, (from, to), View::LATEST).unwrap();
        let mut found = Vec::new();
        while cursor.next().unwrap() {
            found.push(version(&cursor.entry().unwrap()));
        }
        let all = self.versions.get(&key).cloned().unwrap_or_default();
        let mut wanted: Vec<Version> = all.iter().filter(|it| it.revision > self.trim).cloned().collect();
        let base = all.iter().rev().find(|it| it.revision <= self.trim).filter(|it| it.value.is_some());
        wanted.splice(0..0, base.cloned());
        wanted.reverse();
        wanted.retain(|it| it.revision >= from.unwrap_or(0) && it.revision <= to.unwrap_or(Revision::MAX));
        assert_eq!(found, wanted, "{key:?} from {from:?} to {to:?}");
        "histories of a key"
    }

    fn trim(&mut self) -> &'static str {
        let revision = 1 + self.random.below(self.revision as usize) as u64;
        self.db().trim(revision).unwrap();
        self.trim = self.trim.max(revision);
        "trims"
    }

    fn snapshot(&mut self) -> &'static str {
        if self.snapshots.len() < 4 {
            let revision = self.trim + self.random.below((self.revision - self.trim + 1) as usize) as u64;
            let (snapshot, revision) = match self.random.chance(50) {
                true => (self.db().snapshot().unwrap(), self.revision),
                false => (self.db().snapshot_at(revision).unwrap(), revision),
            };
            self.snapshots.push((snapshot, revision));
        }
        "snapshots"
    }

    fn read_snapshot(&mut self) -> &'static str {
        for (snapshot, revision) in &self.snapshots {
            self.same_rows(snapshot.view(), *revision);
        }
        "reads of snapshots"
    }

    fn release(&mut self) -> &'static str {
        if !self.snapshots.is_empty() {
            self.snapshots.remove(self.random.below(self.snapshots.len()));
        }
        "releases"
    }

    fn clock(&mut self) -> &'static str {
        self.world.clock.advance(self.random.below(if self.random.chance(10) { 9_000 } else { 500 }) as i64);
        "clock moves"
    }

    fn background(&mut self) -> &'static str {
        self.db().run_background();
        "background turns"
    }

    fn flush(&mut self) -> &'static str {
        self.db().flush().unwrap();
        "flushes"
    }

    fn compact(&mut self) -> &'static str {
        self.db().compact(None, None).unwrap();
        if self.snapshots.is_empty() {
            self.nothing_is_left_over();
        }
        "compactions"
    }

    /// With everything merged there is what can be read, and nothing else.
    fn nothing_is_left_over(&self) {
        let needed = |versions: &Vec<Version>| {
            let above = versions.iter().filter(|it| it.revision > self.trim).count();
            let base = versions.iter().rev().find(|it| it.revision <= self.trim);
            (above + usize::from(base.is_some_and(|it| it.value.is_some()))) as u64
        };
        let wanted: u64 = self.versions.values().map(needed).sum();
        assert_eq!(self.db().stats().history.unwrap().versions, wanted);
    }

    fn reopen(&mut self) -> &'static str {
        self.snapshots.clear();
        let problems = self.db().verify(&mut |_| ()).unwrap().problems;
        assert_eq!(problems, []);
        match self.random.chance(50) {
            true => self.db().close().unwrap(),
            false => drop(self.db().write_out().unwrap()),
        }
        self.db = None;
        self.db = Some(self.world.open(options(&self.random)));
        assert_eq!(self.db().visible(), self.revision);
        assert_eq!(self.db().stats().history.unwrap().trim_revision, self.trim);
        "reopens"
    }
}

fn version(entry: &Entry<'_>) -> Version {
    Version {
        revision: entry.revision,
        value: entry.kind.is_put().then(|| entry.value.to_vec()),
        deadline_ms: entry.deadline_ms,
        create_revision: entry.create_revision,
        version: entry.version,
    }
}

fn is_put(versions: &[Version]) -> bool {
    versions.last().is_some_and(|last| last.value.is_some())
}

fn gone(revision: Revision) -> Version {
    Version { revision, value: None, deadline_ms: NO_DEADLINE, create_revision: 0, version: 0 }
}

#[test]
fn random_operations_give_the_same_answers_as_a_map_of_versions() {
    for seed in 0..SEEDS {
        let mut model = Model::new(seed);
        for _ in 0..OPERATIONS {
            model.step();
        }
        model.read_snapshot();
        model.reopen();
        model.compact();
        for kind in
            ["trims", "reads", "reads refused", "histories of a key", "compactions", "reopens", "snapshots"]
        {
            assert!(model.seen.contains_key(kind), "seed {seed} saw no {kind}");
        }
    }
}
