//! All range deletes of one memtable or table, asked by readers at any revision.
//!
//! They are kept as a few binary trees. A leaf is one range delete; an inner node merges the older and the newer half of
//! what is below it into one `Flat`, and answers every reader that stands at or above all of it. A reader that stands in
//! the middle goes down to the halves, of which one is wholly above or wholly below it at each step. So any reader asks
//! a few sorted lists, whatever the ranges overlap, and nothing that an older reader may need is ever thrown away.

use super::{Flat, RangeDelete};
use crate::key::Revision;
use std::sync::Arc;

/// What one range delete takes in memory beside its bounds: its place in the lists of every node above it.
const RANGE_BYTES: usize = 512;

pub struct Node {
    flat: Flat,
    oldest: Revision,
    newest: Revision,
    /// Range deletes below.
    count: usize,
    /// The older half and the newer one; none in a leaf.
    halves: Option<[Arc<Node>; 2]>,
}

/// A clone shares all nodes.
#[derive(Clone, Default)]
pub struct RangeDeletes {
    /// From the oldest, each with more range deletes than all after it.
    nodes: Vec<Arc<Node>>,
    bytes: usize,
}

impl Node {
    fn leaf(range: RangeDelete) -> Node {
        let revision = range.revision;
        Node { flat: Flat::one(range), oldest: revision, newest: revision, count: 1, halves: None }
    }

    fn over(older: Arc<Node>, newer: Arc<Node>) -> Node {
        Node {
            flat: older.flat.merge(&newer.flat),
            oldest: older.oldest,
            newest: newer.newest,
            count: older.count + newer.count,
            halves: Some([older, newer]),
        }
    }

    /// For each key the newest range delete of this node that holds it.
    pub fn flat(&self) -> &Flat {
        &self.flat
    }

    /// No range delete of this node is newer.
    pub fn newest(&self) -> Revision {
        self.newest
    }
}

impl RangeDeletes {
    /// Of range deletes in any order.
    pub fn of(mut ranges: Vec<RangeDelete>) -> RangeDeletes {
        ranges.sort_by_key(|range| range.revision);
        let mut all = RangeDeletes::default();
        ranges.into_iter().for_each(|range| all.add(range));
        all
    }

    /// None of those before is newer.
    pub fn add(&mut self, range: RangeDelete) {
        debug_assert!(range.lower < range.upper, "a range delete holds a key");
        debug_assert!(
            self.nodes.last().is_none_or(|last| last.newest <= range.revision),
            "the newest is last"
        );
        self.bytes += RangeDeletes::bytes_of(range.lower.len() + range.upper.len());
        let mut last = Arc::new(Node::leaf(range));
        while let Some(before) = self.nodes.pop_if(|before| before.count <= last.count) {
            last = Arc::new(Node::over(before, last));
        }
        self.nodes.push(last);
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn len(&self) -> usize {
        self.nodes.iter().map(|node| node.count).sum()
    }

    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory that one more takes, whose bounds have so many bytes together.
    pub const fn bytes_of(bounds: usize) -> usize {
        bounds + RANGE_BYTES
    }

    /// The newest one that holds a key, of those at or below `at`; 0 if there is none.
    pub fn newest(&self, key: &[u8], at: Revision) -> Revision {
        let mut newest = 0;
        // Those before are older.
        self.visit(at, &mut |node| {
            newest = node.flat.find(key).map_or(0, |range| range.revision);
            newest == 0
        });
        newest
    }

    /// Nodes which together hold what a reader at `at` sees, from the newest.
    pub fn nodes_at(&self, at: Revision) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        self.visit(at, &mut |node| {
            nodes.push(node.clone());
            true
        });
        nodes
    }

    fn visit(&self, at: Revision, visit: &mut dyn FnMut(&Arc<Node>) -> bool) {
        let mut nodes: Vec<&Arc<Node>> = self.nodes.iter().collect();
        while let Some(node) = nodes.pop() {
            match &node.halves {
                _ if node.oldest > at => {}
                Some([older, newer]) if node.newest > at => nodes.extend([older, newer]),
                _ if node.newest > at => unreachable!("a leaf is as old as it is new"),
                _ => {
                    if !visit(node) {
                        return;
                    }
                }
            }
        }
    }

    /// Every one as it was added, from the newest.
    pub fn all(&self) -> Vec<RangeDelete> {
        let mut nodes: Vec<&Arc<Node>> = self.nodes.iter().collect();
        let mut ranges = Vec::with_capacity(self.len());
        while let Some(node) = nodes.pop() {
            match &node.halves {
                Some([older, newer]) => nodes.extend([older, newer]),
                None => ranges.extend_from_slice(node.flat.ranges()),
            }
        }
        ranges
    }
}
