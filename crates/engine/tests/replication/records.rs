//! Records on their way: what is told of them, what is refused, where a copy stops.

use crate::node::{Node, replicated};
use crate::support::small;
use coppice_engine::batch::{self, bodies};
use coppice_engine::disk::Disk;
use coppice_engine::error::Code;
use coppice_engine::{Event, Listener, Options, Until, View};
use std::sync::{Arc, Mutex};

fn leader() -> Node {
    let node = Node::new(replicated());
    node.db().lead(true).unwrap();
    node
}

/// Puts `from..=to`, a record each, and everything that is durable then.
fn put(node: &Node, from: u32, to: u32) -> Vec<u8> {
    let after = node.db().last_sequence();
    for index in from..=to {
        node.world.put(node.db(), &format!("key{index:04}"), &format!("value{index}"));
    }
    node.db().request_sync();
    node.db().run_background();
    node.db().read_log(after, usize::MAX).unwrap().expect("they are durable").bytes
}

#[test]
fn records_that_are_held_are_skipped_and_a_gap_is_refused() {
    let (from, to) = (leader(), Node::new(replicated()));
    let [first, second, third] = [(1, 3), (4, 6), (7, 9)].map(|(first, last)| put(&from, first, last));
    assert_eq!(to.db().apply(&first, &[]).unwrap().sequence, 3);
    assert_eq!(to.db().apply(&first, &[]).unwrap().sequence, 3);
    let gap = to.db().apply(&third, &[]).unwrap_err();
    assert_eq!((gap.code(), to.db().last_sequence()), (Code::Invalid, 3));
    assert_eq!(to.db().apply(&[first, second, third].concat(), &[]).unwrap().sequence, 9);
    assert_eq!(to.world.rows(to.db(), false), from.world.rows(from.db(), false));
}

#[test]
fn what_no_log_of_this_database_holds_is_refused_and_changes_nothing() {
    let from = leader();
    let to = Node::new(replicated());
    let records = put(&from, 1, 3);
    for cut in [3, 10, records.len() - 1] {
        let after = to.db().last_sequence();
        let refused = to.db().apply(&records[..cut], &[]).unwrap_err();
        assert_eq!(refused.code(), Code::Corrupt, "cut at {cut}");
        assert!(to.db().last_sequence() >= after);
    }
    // A put that has no version is of a database without history.
    let keeping = Node::new(Options { history: Some(true), ..replicated() });
    assert_eq!(keeping.db().apply(&records, &[]).unwrap_err().code(), Code::Corrupt);
    assert_eq!(keeping.db().last_sequence(), 0);
    // A revision that does not come next.
    let body = bodies(&records).next().unwrap().unwrap();
    let mut other = body.to_vec();
    let header = batch::header(body).unwrap();
    batch::set_header(&mut other, batch::Header { revision: header.revision + 1, ..header });
    let mut one = Vec::new();
    batch::put_body(&mut one, &other);
    let fresh = Node::new(replicated());
    assert_eq!(fresh.db().apply(&one, &[]).unwrap_err().code(), Code::Corrupt);
}

#[test]
fn a_copy_of_a_moment_stops_there() {
    let from = leader();
    let first = put(&from, 1, 5);
    from.world.clock.advance(1_000);
    let second = put(&from, 6, 9);
    let records = [first, second].concat();
    let at = from.world.now();
    let copies: [(&[Until], u64); 5] = [
        (&[Until::Revision(4)], 3),
        (&[Until::TimeMs(at - 1)], 5),
        (&[Until::TimeMs(at)], 9),
        (&[Until::Revision(4), Until::TimeMs(at - 1)], 3),
        (&[Until::Revision(9), Until::TimeMs(at - 1)], 5),
    ];
    for (until, last) in copies {
        let copy = Node::new(replicated());
        let held = copy.db().apply(&records, until).unwrap();
        assert_eq!((held.sequence, held.revision), (last, last + 1), "{until:?}");
        assert_eq!(copy.world.rows(copy.db(), false).len() as u64, last);
    }
}

#[test]
fn time_goes_on_from_the_newest_record_that_was_applied() {
    let (from, to) = (leader(), Node::new(replicated()));
    from.world.clock.advance(50_000);
    let records = put(&from, 1, 1);
    to.db().apply(&records, &[]).unwrap();
    assert_eq!(to.db().now_ms(), from.world.now());
}

#[derive(Default)]
struct Told(Mutex<Vec<u64>>);

impl Listener for Told {
    fn event(&self, event: Event) {
        if let Event::Logged(sequence) = event {
            self.0.lock().unwrap().push(sequence);
        }
    }
}

#[test]
fn whoever_ships_hears_how_far_the_log_is_durable_also_of_records_without_a_revision() {
    let told = Arc::new(Told::default());
    let listener = told.clone();
    let node = Node::new(Options { history: Some(true), listener, ..replicated() });
    node.db().lead(true).unwrap();
    put(&node, 1, 3);
    node.db().trim(3).unwrap();
    assert_eq!(*told.0.lock().unwrap(), [3, 4]);
    let trimmed = node.db().read_log(3, 1).unwrap().unwrap();
    assert_eq!((trimmed.first, trimmed.last.revision), (4, 4));
}

#[test]
fn a_node_that_does_not_lead_makes_no_record_and_others_are_not_replicated() {
    let retain = coppice_engine::Retain { ms: Some(100), revisions: None };
    let options = Options { history: Some(true), retain, ..replicated() };
    let from = Node::new(options.clone());
    from.db().lead(true).unwrap();
    let records = put(&from, 1, 20);
    let to = Node::new(options);
    to.db().apply(&records, &[]).unwrap();
    // Upkeep would trim by age.
    for _ in 0..5 {
        to.world.clock.advance(10_000);
        to.db().run_background();
    }
    assert_eq!((to.db().last_sequence(), to.db().trim(5).unwrap_err().code()), (20, Code::NotLeader));
    // It has remembered when which commit was made.
    to.db().lead(true).unwrap();
    to.world.put(to.db(), "own", "commit");
    to.world.clock.advance(10_000);
    to.db().run_background();
    assert!(to.db().last_sequence() > 21, "and trims once it leads");

    let alone = Node::new(small());
    alone.world.put(alone.db(), "key", "value");
    for refused in [alone.db().read_log(0, 1).map(drop), alone.db().lead(true), alone.db().keep_log(1)] {
        assert_eq!(refused.unwrap_err().code(), Code::Unsupported);
    }
}

#[test]
fn what_has_expired_stays_until_the_log_says_that_it_is_gone() {
    let node = leader();
    for index in 0..200 {
        node.world.put_until(node.db(), &format!("key{index}"), "value", node.world.now() + 10);
    }
    node.db().flush().unwrap();
    for _ in 0..5 {
        node.world.clock.advance(100_000);
        node.db().run_background();
    }
    node.db().compact(None, None).unwrap();
    assert_eq!(node.db().stats().levels.iter().map(|level| level.entries).sum::<u64>(), 200);
    assert_eq!(node.world.get(node.db(), "key0"), None, "but nobody reads it");
    let at_any_time = View { revision: u64::MAX, now_ms: Some(i64::MIN) };
    assert!(node.db().has(b"key0", at_any_time).unwrap());
}

#[test]
fn damage_of_a_log_that_is_only_kept_for_others_is_verified_and_told_and_loses_nothing_here() {
    let mut node = leader();
    put(&node, 1, 400);
    node.db().flush().unwrap();
    let folder = node.world.folder.clone();
    let mut logs = node.world.disk.list(&folder).unwrap();
    logs.retain(|name| name.ends_with(".log") && name != "spare.log");
    logs.sort();
    let damaged = folder.join(&logs[0]);
    node.world.disk.flip(&damaged, 2, 1).unwrap();
    let files = |node: &Node| -> Vec<_> {
        node.db().verify(&mut |_| ()).unwrap().problems.into_iter().map(|problem| problem.file).collect()
    };
    assert_eq!(files(&node), std::slice::from_ref(&damaged));
    node.close();
    node.open();
    assert_eq!(files(&node), std::slice::from_ref(&damaged));
    let error = node.db().read_log(0, usize::MAX).unwrap_err();
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*damaged)));
    assert_eq!(node.world.rows(node.db(), false).len(), 400);
    // Once nobody needs it, nobody minds.
    node.db().keep_log(400).unwrap();
    assert_eq!(files(&node), [] as [std::path::PathBuf; 0]);
}
