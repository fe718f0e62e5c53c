//! Readers that see commits only once these were raised to: every state in its turn, whatever is merged meanwhile.

use crate::node::{Node, Rows, replicated};
use crate::support::small;
use coppice_engine::batch::{Batch, Reason};
use coppice_engine::error::Code;
use coppice_engine::key::{EMPTY_REVISION, Revision};
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Compaction, Guard, Options, Policy, Snapshot, Tuning, View, Visible, Written};
use std::ops::Bound;

const KEYS: usize = 40;
const OPERATIONS: usize = 1_500;

struct Raised {
    random: SeededRandom,
    node: Node,
    /// At each revision, from 0 on.
    states: Vec<Rows>,
    visible: Revision,
    snapshots: Vec<(Snapshot, Revision)>,
    trim: Revision,
}

fn raised(options: Options) -> Options {
    Options { replicated: Some(Visible::Raised), ..options }
}

impl Raised {
    fn new(seed: u64, history: bool) -> Raised {
        let random = SeededRandom::new(seed);
        let tuning = Tuning {
            garbage_bytes_min: 512,
            table_bytes: 2 << 10,
            level0_trigger: 2,
            level_base_bytes: 4 << 10,
            memtable_bytes: 8 << 10,
            ..small().tuning
        };
        let policy = [Policy::Levelled, Policy::Paired][random.below(2)];
        let compaction = Compaction { policy, ..small().compaction };
        let options = Options { history: Some(history), tuning, compaction, ..raised(replicated()) };
        let node = Node::new(options);
        node.db().lead(true).unwrap();
        let states = vec![Rows::new(); EMPTY_REVISION as usize + 1];
        Raised { random, node, states, visible: EMPTY_REVISION, snapshots: Vec::new(), trim: EMPTY_REVISION }
    }

    fn newest(&self) -> Revision {
        self.states.len() as u64 - 1
    }

    fn step(&mut self) {
        let db = self.node.db();
        match self.random.below(100) {
            0..50 => self.write(),
            50..65 => {
                let to = self.visible + self.random.below((self.newest() - self.visible) as usize + 3) as u64;
                db.raise(to).unwrap();
                self.visible = self.visible.max(to.min(self.newest()));
            }
            65..80 => self.check(),
            80..84 => self.snapshots.push((db.snapshot().unwrap(), self.visible)),
            84..88 if !self.snapshots.is_empty() => {
                self.snapshots.swap_remove(self.random.below(self.snapshots.len()));
            }
            88..93 => db.run_background(),
            93..96 => db.flush().unwrap(),
            96 => db.compact(None, None).unwrap(),
            97 if self.node.options.history == Some(true) => {
                let to = self.trim + self.random.below((self.newest() - self.trim) as usize + 1) as u64;
                db.trim(to).unwrap();
                self.trim = self.trim.max(to.min(self.visible));
            }
            98 => self.reopen(),
            _ => self.node.world.clock.advance(3_000),
        }
    }

    fn write(&mut self) {
        let key = |random: &SeededRandom| format!("key/{:02}", random.below(KEYS)).into_bytes();
        let before = self.states.last().unwrap();
        let mut next = before.clone();
        let mut puts = 0;
        let has_history = self.node.options.history == Some(true);
        let mut batch = Batch::new();
        match self.random.below(10) {
            0..2 => {
                let key = key(&self.random);
                next.remove(&key);
                batch.delete(0, &key, Reason::User).unwrap();
            }
            2 => {
                let (a, b) = (key(&self.random), key(&self.random));
                let (lower, upper) = (a.clone().min(b.clone()), a.max([&b[..], b"\0"].concat()));
                let inside = (Bound::Included(&lower), Bound::Excluded(&upper));
                let gone: Vec<_> = next.range::<Vec<u8>, _>(inside).map(|(key, _)| key.clone()).collect();
                gone.iter().for_each(|key| drop(next.remove(key)));
                batch.delete_range(0, &lower, Some(&upper)).unwrap();
            }
            _ => {
                let (key, value) =
                    (key(&self.random), vec![self.random.next() as u8; self.random.below(200)]);
                batch.put(0, &key, &value, None).unwrap();
                next.insert(key, value);
                puts += 1;
            }
        }
        loop {
            match self.node.db().write(batch.body(), &[]).unwrap() {
                Written::Stalled => self.node.db().run_background(),
                Written::Committed(revision) | Written::Deleted { revision, .. } => {
                    // With history, a delete of what is not there is no commit.
                    let newest = &mut self.states;
                    if !has_history || puts > 0 || next.len() != newest.last().unwrap().len() {
                        newest.push(next);
                    }
                    assert_eq!(revision, newest.len() as u64 - 1);
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn check(&self) {
        let db = self.node.db();
        assert_eq!(db.visible(), self.visible);
        let wanted = &self.states[self.visible as usize];
        assert!(self.node.rows(Revision::MAX) == *wanted, "at {}", self.visible);
        for key in 0..KEYS {
            let key = format!("key/{key:02}").into_bytes();
            let found = db.get(&key, View::LATEST, |entry| entry.value.to_vec()).unwrap();
            assert_eq!(found.as_ref(), wanted.get(&key));
        }
        for (snapshot, revision) in &self.snapshots {
            assert!(
                self.node.rows(snapshot.view().revision) == self.states[*revision as usize],
                "at {revision}"
            );
        }
        if self.node.options.history == Some(true) {
            let refused = db.snapshot_at(self.visible + 1).map(drop).unwrap_err();
            assert_eq!(refused.code(), Code::FutureRevision);
            let at = self.trim + self.random.below((self.visible - self.trim) as usize + 1) as u64;
            let snapshot = db.snapshot_at(at).unwrap();
            assert!(self.node.rows(snapshot.view().revision) == self.states[at as usize], "at {at}");
        }
    }

    /// Nobody sees anything until it is known anew up to where it may be seen.
    fn reopen(&mut self) {
        self.snapshots.clear();
        self.node.close();
        self.node.open();
        let db = self.node.db();
        db.lead(true).unwrap();
        assert_eq!((db.visible(), self.node.rows(Revision::MAX).len()), (EMPTY_REVISION, 0));
        if self.random.chance(50) {
            db.compact(None, None).unwrap();
        }
        db.raise(self.visible).unwrap();
    }

    /// With everything raised nothing is kept that nobody can see.
    fn finish(&mut self) {
        self.snapshots.clear();
        self.node.db().raise(Revision::MAX).unwrap();
        self.visible = self.newest();
        self.check();
        if self.node.options.history == Some(true) {
            self.node.db().trim(self.visible).unwrap();
            self.trim = self.visible;
        }
        self.node.db().compact(None, None).unwrap();
        let entries: u64 = self.node.db().stats().levels.iter().map(|level| level.entries).sum();
        assert_eq!(entries, self.states.last().unwrap().len() as u64);
        self.check();
    }
}

#[test]
fn readers_see_every_state_in_its_turn_whatever_is_merged_meanwhile() {
    for seed in 0..6 {
        for history in [false, true] {
            let mut raised = Raised::new(seed, history);
            for _ in 0..OPERATIONS {
                raised.step();
            }
            raised.finish();
        }
    }
}

#[test]
fn commits_build_on_what_there_is_and_not_on_what_is_seen() {
    for history in [false, true] {
        let node = Node::new(Options { history: Some(history), ..raised(replicated()) });
        let db = node.db();
        db.lead(true).unwrap();
        let first = node.world.put(db, "key", "1");
        let second = Guard::Key { key: b"key", revision: Some(first) };
        assert_eq!(node.world.write(db, &[("key", Some("2"))], &[second]), Written::Committed(first + 1));
        let conflicts = node.world.write(db, &[("key", Some("3"))], &[second]);
        assert!(matches!(conflicts, Written::Conflict { .. }), "{conflicts:?}");
        node.world.delete_range(db, "a", None);
        assert_eq!(node.world.get(db, "key"), None);
        db.raise(first + 1).unwrap();
        assert_eq!(node.world.get(db, "key").as_deref(), Some("2"));
        db.raise(first + 2).unwrap();
        assert_eq!((node.world.get(db, "key"), db.visible()), (None, first + 2));
        db.raise(first).unwrap();
        assert_eq!(db.visible(), first + 2, "it does not go back");
    }
}

#[test]
fn what_was_kept_for_later_readers_is_collected_once_they_have_passed() {
    let tuning = Tuning { garbage_bytes_min: 1 << 10, ..small().tuning };
    let node = Node::new(Options { tuning, ..raised(replicated()) });
    let db = node.db();
    db.lead(true).unwrap();
    for round in 0..3 {
        for index in 0..300 {
            node.world.put(db, &format!("key{index:03}"), &format!("value {round}"));
        }
    }
    db.flush().unwrap();
    db.compact(None, None).unwrap();
    let entries = || db.stats().levels.iter().map(|level| level.entries).sum::<u64>();
    assert_eq!(entries(), 900, "each may yet be read");
    db.run_background();
    assert_eq!(entries(), 900);
    db.raise(Revision::MAX).unwrap();
    db.run_background();
    assert_eq!(entries(), 300);
}

#[test]
fn a_guarded_range_conflicts_with_commits_that_nobody_sees_yet() {
    for history in [false, true] {
        let node = Node::new(Options { history: Some(history), ..raised(replicated()) });
        let db = node.db();
        db.lead(true).unwrap();
        let first = node.world.put(db, "key", "1");
        db.raise(first).unwrap();
        let snapshot = db.snapshot().unwrap();
        let since = snapshot.view().revision;
        assert_eq!(since, first);
        let guard = Guard::Range { lower: b"a", upper: b"z", since };
        node.world.put(db, "other", "unseen");
        for flushed in [false, true] {
            let written = node.world.write(db, &[("x", Some("1"))], &[guard]);
            let Written::Conflict { conflicts, .. } = written else { panic!("{written:?}") };
            assert_eq!(conflicts[0].key.as_deref(), Some(&b"other"[..]), "flushed: {flushed}");
            db.flush().unwrap();
        }
        let elsewhere = Guard::Range { lower: b"a", upper: b"l", since };
        assert!(matches!(node.world.write(db, &[("x", Some("1"))], &[elsewhere]), Written::Committed(_)));
    }
}
