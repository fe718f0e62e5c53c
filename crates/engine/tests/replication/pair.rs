//! Two nodes that lead in turns, through crashes: the one that follows holds what the other had at that revision.

use crate::node::{Node, Rows, replicated};
use crate::support::small;
use coppice_engine::batch::{Batch, Reason};
use coppice_engine::disk::simulated::Loss;
use coppice_engine::error::Code;
use coppice_engine::key::{EMPTY_REVISION, Revision};
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Options, Tuning, View, Written};
use std::collections::BTreeMap;
use std::ops::Bound;

const KEYS: usize = 50;
const OPERATIONS: usize = 2_500;
const SEEDS: u64 = 4;

struct Pair {
    random: SeededRandom,
    nodes: [Node; 2],
    /// The index of the one that leads.
    leader: usize,
    /// At each revision, from 0 on.
    states: Vec<Rows>,
    trim: Revision,
    /// Records that nobody needs any more.
    kept: u64,
    seen: BTreeMap<&'static str, u64>,
}

impl Pair {
    fn new(seed: u64, history: bool) -> Pair {
        let tuning = Tuning {
            garbage_bytes_min: 512,
            table_bytes: 4 << 10,
            blob_file_bytes: 4 << 10,
            level0_trigger: 2,
            level_base_bytes: 8 << 10,
            ..small().tuning
        };
        let options = Options { history: Some(history), blob_bytes: 100, tuning, ..replicated() };
        let nodes = [Node::new(options.clone()), Node::new(options)];
        nodes[0].db().lead(true).unwrap();
        let states = vec![Rows::new(); EMPTY_REVISION as usize + 1];
        let (random, trim) = (SeededRandom::new(seed), EMPTY_REVISION);
        Pair { random, nodes, leader: 0, states, trim, kept: 0, seen: BTreeMap::new() }
    }

    fn leader(&self) -> &Node {
        &self.nodes[self.leader]
    }

    fn follower(&self) -> &Node {
        &self.nodes[1 - self.leader]
    }

    fn some(&self) -> &Node {
        &self.nodes[self.random.below(2)]
    }

    fn step(&mut self) {
        let kind = match self.random.below(1_000) {
            0..500 => self.write(),
            500..700 => self.ship(),
            700..740 => self.keep(),
            740..760 => self.trim(),
            760..800 => self.advance_clock(),
            800..880 => self.background(),
            880..910 => self.flush(),
            910..920 => self.compact(),
            920..945 => self.restart_leader(),
            945..970 => self.restart_follower(),
            970..990 => self.hand_over(),
            _ => self.regrow(),
        };
        *self.seen.entry(kind).or_default() += 1;
    }

    fn write(&mut self) -> &'static str {
        let before = self.states.last().unwrap();
        let mut next = before.clone();
        let mut puts = 0;
        let has_history = self.nodes[0].options.history == Some(true);
        let mut batch = Batch::new();
        for _ in 0..1 + self.random.below(4) {
            let key = || format!("key/{:02}", self.random.below(KEYS)).into_bytes();
            match self.random.below(20) {
                0..4 => {
                    let key = key();
                    next.remove(&key);
                    batch.delete(0, &key, Reason::User).unwrap();
                }
                4 => {
                    let (a, b) = (key(), key());
                    let (lower, upper) = (a.clone().min(b.clone()), a.max([&b[..], b"\0"].concat()));
                    let inside = (Bound::Included(&lower), Bound::Excluded(&upper));
                    let gone: Vec<_> = next.range::<Vec<u8>, _>(inside).map(|(key, _)| key.clone()).collect();
                    gone.iter().for_each(|key| drop(next.remove(key)));
                    batch.delete_range(0, &lower, Some(&upper)).unwrap();
                }
                _ => {
                    let (key, value) = (key(), vec![self.random.next() as u8; self.random.below(250)]);
                    let deadline = self.leader().world.now() + 1 + self.random.below(3_000) as i64;
                    let deadline = self.random.chance(20).then_some(deadline);
                    batch.put(0, &key, &value, deadline).unwrap();
                    next.insert(key, value);
                    puts += 1;
                }
            }
        }
        if self.follower().is_open() {
            let refused = self.follower().db().write(batch.body(), &[]).unwrap_err();
            assert_eq!(refused.code(), Code::NotLeader);
        }
        loop {
            match self.leader().db().write(batch.body(), &[]).unwrap() {
                Written::Stalled => self.leader().db().run_background(),
                Written::Committed(revision) | Written::Deleted { revision, .. } => {
                    // With history, a delete of what is not there is no commit.
                    let newest = &mut self.states;
                    if !has_history || puts > 0 || next.len() != newest.last().unwrap().len() {
                        newest.push(next);
                    }
                    assert_eq!(revision, newest.len() as u64 - 1);
                    return "writes";
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the follower lacks, as much as there is in one read; or, after a retry, more than that.
    fn ship(&mut self) -> &'static str {
        let (leader, follower) = (self.leader().db(), self.follower().db());
        let held = follower.last_sequence();
        let after = if self.random.chance(20) { self.kept.max(held.saturating_sub(5)) } else { held };
        let Some(records) = leader.read_log(after, 1 + self.random.below(3_000)).unwrap() else {
            assert!(leader.durable_sequence() <= after);
            leader.request_sync();
            return "nothing to ship";
        };
        let last = records.last.sequence.max(held);
        assert_eq!(follower.apply(&records.bytes, &[]).unwrap().sequence, last);
        assert_eq!(follower.durable_sequence(), last);
        self.check(self.follower());
        "ships"
    }

    fn check(&self, node: &Node) {
        let revision = node.db().visible();
        assert!(node.rows(Revision::MAX) == self.states[revision as usize], "at revision {revision}");
        if node.options.history == Some(true) {
            let at =
                self.trim + self.random.below((revision + 1).saturating_sub(self.trim) as usize + 1) as u64;
            if let Ok(snapshot) = node.db().snapshot_at(at) {
                assert!(node.rows(snapshot.view().revision) == self.states[at as usize], "at {at}");
            }
        }
    }

    fn keep(&mut self) -> &'static str {
        self.kept =
            self.kept.max(self.follower().db().durable_sequence().min(self.leader().db().durable_sequence()));
        self.some().db().keep_log(self.kept).unwrap();
        "lets go of the log"
    }

    fn trim(&mut self) -> &'static str {
        let newest = self.states.len() as u64 - 1;
        let to = self.trim + self.random.below((newest - self.trim) as usize / 2 + 1) as u64;
        match self.leader().db().trim(to) {
            Ok(()) => self.trim = self.trim.max(to),
            Err(error) => {
                assert!(error.code() == Code::Unsupported && self.nodes[0].options.history == Some(false))
            }
        }
        "trims"
    }

    fn advance_clock(&mut self) -> &'static str {
        self.some().world.clock.advance(self.random.below(6_000) as i64);
        "time passes"
    }

    fn background(&mut self) -> &'static str {
        self.some().db().run_background();
        "background"
    }

    fn flush(&mut self) -> &'static str {
        self.some().db().flush().unwrap();
        "flushes"
    }

    fn compact(&mut self) -> &'static str {
        self.some().db().compact(None, None).unwrap();
        "compacts"
    }

    fn restart_leader(&mut self) -> &'static str {
        let durable = self.leader().db().durable_sequence();
        let leader = &mut self.nodes[self.leader];
        leader.crash_or_close(&self.random);
        leader.open();
        leader.db().lead(true).unwrap();
        assert!(leader.db().last_sequence() >= durable);
        self.states.truncate(self.leader().db().visible() as usize + 1);
        self.check(self.leader());
        "the leader starts again"
    }

    fn restart_follower(&mut self) -> &'static str {
        let held = self.follower().db().last_sequence();
        let follower = &mut self.nodes[1 - self.leader];
        follower.crash_or_close(&self.random);
        follower.open();
        assert_eq!(follower.db().last_sequence(), held, "what was applied was durable");
        self.check(self.follower());
        "the follower starts again"
    }

    /// The one that followed leads; the other takes back what had not got so far, and follows.
    fn hand_over(&mut self) -> &'static str {
        let held = self.follower().db().last_sequence();
        let old = self.leader;
        self.nodes[old].crash_or_close(&self.random);
        let was_cut = self.nodes[old].cut(held);
        self.leader = 1 - old;
        self.leader().db().lead(true).unwrap();
        let revision = self.leader().db().visible();
        self.states.truncate(revision as usize + 1);
        self.trim = self.trim.min(revision);
        if was_cut {
            self.nodes[old].open();
            assert!(self.nodes[old].db().last_sequence() <= held);
        } else {
            self.grow();
        }
        self.check(self.follower());
        if was_cut { "cuts" } else { "cannot be cut" }
    }

    fn regrow(&mut self) -> &'static str {
        let follower = 1 - self.leader;
        self.nodes[follower].crash_or_close(&self.random);
        self.grow();
        self.check(self.follower());
        "regrows"
    }

    /// The one that follows grows from the tables of the leader, which goes on meanwhile.
    fn grow(&mut self) {
        let version = self.leader().db().pin_version().unwrap();
        self.write();
        self.leader().db().compact(None, None).unwrap();
        self.follower().clear();
        self.follower().download(self.leader(), &version);
        let installed = self.follower().install(&version.manifest()).unwrap();
        assert_eq!((installed.sequence, installed.revision), (version.sequence(), version.revision()));
        let follower = 1 - self.leader;
        if self.random.chance(50) {
            self.nodes[follower].crash(Loss::Everything);
        }
        self.nodes[follower].open();
        let grown = self.follower().db();
        assert_eq!((grown.last_sequence(), grown.visible()), (version.sequence(), version.revision()));
        assert_eq!(grown.verify(&mut |_| ()).unwrap().problems, []);
        self.kept = version.sequence();
    }

    fn finish(&mut self) {
        self.leader().db().flush().unwrap();
        while self.ship() == "ships" {}
        assert_eq!(self.follower().db().visible() as usize, self.states.len() - 1);
        assert_eq!(self.follower().db().last_sequence(), self.leader().db().last_sequence());
        if self.nodes[0].options.history == Some(true) {
            // A trim that was taken back with its record may have taken effect all the same.
            let trim = |node: &Node| node.db().stats().history.unwrap().trim_revision;
            let from = self.nodes.iter().map(trim).max().unwrap();
            for key in 0..KEYS {
                let key = format!("key/{key:02}");
                let [one, other] = &self.nodes;
                assert_eq!(versions(one, &key, from), versions(other, &key, from), "{key}");
            }
        }
        for node in &self.nodes {
            assert_eq!(node.db().verify(&mut |_| ()).unwrap().problems, []);
        }
    }
}

/// Of a key from a revision on: revision, create revision, version and value.
fn versions(node: &Node, key: &str, from: Revision) -> Vec<(Revision, Revision, u64, Vec<u8>)> {
    let mut cursor = node.db().versions(key.as_bytes(), (Some(from), None), View::LATEST).unwrap();
    let mut found = Vec::new();
    while cursor.next().unwrap() {
        let (_, entry) = cursor.row().unwrap();
        found.push((entry.revision, entry.create_revision, entry.version, entry.value.to_vec()));
    }
    found
}

#[test]
fn nodes_that_lead_in_turns_hold_the_same_through_crashes() {
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        for history in [false, true] {
            let mut pair = Pair::new(seed, history);
            for _ in 0..OPERATIONS {
                pair.step();
            }
            pair.finish();
            for (kind, count) in pair.seen {
                *seen.entry(kind).or_default() += count;
            }
        }
    }
    for kind in ["ships", "cuts", "cannot be cut", "regrows", "trims"] {
        assert!(seen.get(kind).is_some_and(|count| *count > 20), "{kind}: {seen:?}");
    }
}
