//! The blocked skip list: how it is read. `writer` says how it grows.
//!
//! Level 0 holds the entries, 32 sorted slots a node. The low of every node stands in the level above, whose nodes are
//! blocks of 32 as well; a level's first node, its head, has no low and covers everything before the second. A search
//! goes down once: at each level right while the next node's low is before the target (the level above may not know a
//! split yet, and nothing stands above the highest level), then into the last child whose low is before it.
//! All functions here are for any thread at any time; each decision is taken on one validated state of one node, and a
//! node's range only loses keys to the nodes on its right, so a search that starts in the past still arrives.

use std::cmp::Ordering as Order;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::arena::Arena;
use super::node::{IndexNode, Node, SLOTS};
use super::prefix::Prefixes;
use super::record::{HEADER, Header};
use super::room::{Fill, REBUILD_AT};
use super::writer::Writer;
use crate::entry::Entry;
use crate::key::{self, Revision};

/// The levels above the leaves that options may ask for.
pub const LEVELS_MAX: usize = 12;

/// Bytes of a record that a scan asks for ahead: header, key and the fields behind it.
const RECORD_PREFETCH: usize = 64;

/// A list is replaced by one with better prefixes at most this many times.
const ROOTS: usize = REBUILD_AT.len() + 1;

pub struct List {
    pub(super) arena: Arena,
    /// All lists this memtable has had. Cursors may still walk an old one: it stays as it was, in the arena.
    pub(super) roots: [OnceLock<Root>; ROOTS],
    /// Which of `roots` has everything. It is stored after the root.
    pub(super) current: AtomicUsize,
    pub(super) writer: Mutex<Writer>,
    /// For readers; the writer knows better.
    pub(super) record_bytes: AtomicUsize,
    pub(super) node_bytes: AtomicUsize,
    pub(super) entries: AtomicUsize,
}

/// Where one list begins and ends.
pub struct Root {
    pub(super) prefixes: Prefixes,
    /// The leaf that begins the list.
    pub(super) first: u32,
    /// The last leaf, or one that was until a moment ago.
    pub(super) last: AtomicU32,
    /// The head of the highest level.
    pub(super) top: AtomicU32,
}

/// What a search looks for: the first slot at or after this key and revision.
pub struct Target<'a> {
    pub code: u64,
    pub key: &'a [u8],
    pub revision: Revision,
}

impl Root {
    pub fn target<'a>(&self, key: &'a [u8], revision: Revision) -> Target<'a> {
        Target { code: self.prefixes.code(key), key, revision }
    }

    pub fn first(&self) -> u32 {
        self.first
    }

    pub fn last(&self) -> u32 {
        self.last.load(Ordering::Acquire)
    }
}

impl List {
    #[inline]
    pub fn root(&self) -> &Root {
        let current = self.current.load(Ordering::Acquire);
        self.roots[current].get().expect("a root is set before it is current")
    }

    pub fn fill(&self) -> Fill {
        Fill {
            capacity: self.arena.capacity(),
            record_bytes: self.record_bytes.load(Ordering::Relaxed),
            node_bytes: self.node_bytes.load(Ordering::Relaxed),
            entries: self.entries.load(Ordering::Relaxed),
        }
    }

    #[inline]
    pub fn prefetch(&self, record: u32) {
        self.arena.prefetch(record, RECORD_PREFETCH);
    }

    #[inline]
    pub fn node(&self, offset: u32) -> &Node {
        // SAFETY: offsets of nodes come from the links of published nodes and from the writer that made them; nodes lie
        // where nothing but nodes lies, aligned, and are never freed before the arena.
        unsafe { self.arena.atomics(offset) }
    }

    #[inline]
    pub fn index_node(&self, offset: u32) -> &IndexNode {
        // SAFETY: as in `node`; callers know from the level that the node has children.
        unsafe { self.arena.atomics(offset) }
    }

    #[inline]
    fn header(&self, record: u32) -> Header {
        // SAFETY: offsets of records are published after the record was written, which is for ever. Offset 0, which a
        // torn look at a node may give, names zeros that are never written and read as a record of one byte's key.
        Header::read(unsafe { self.arena.bytes(record, HEADER) })
    }

    #[inline]
    fn key_of(&self, record: u32, header: &Header) -> &[u8] {
        // SAFETY: as in `header`; the key follows the header and was written with it.
        unsafe { self.arena.bytes(record + HEADER as u32, header.key_bytes) }
    }

    #[inline]
    pub fn key(&self, record: u32) -> &[u8] {
        self.key_of(record, &self.header(record))
    }

    #[inline]
    pub fn entry(&self, record: u32) -> Entry<'_> {
        let header = self.header(record);
        // SAFETY: as in `header`; the whole record was written before its offset was published.
        header.entry(unsafe { self.arena.bytes(record, header.record_bytes()) })
    }

    #[inline]
    pub fn key_and_revision(&self, record: u32) -> (&[u8], Revision) {
        let header = self.header(record);
        (self.key_of(record, &header), header.revision)
    }

    /// Whether the slot is strictly before the target. Most are told apart by their codes, without fetching the record.
    #[inline]
    pub fn is_before(&self, code: u64, record: u32, target: &Target<'_>) -> bool {
        match code.cmp(&target.code) {
            Order::Less => true,
            Order::Greater => false,
            Order::Equal => {
                key::compare(self.key_and_revision(record), (target.key, target.revision)) == Order::Less
            }
        }
    }

    /// How many of the first `count` slots are before the target.
    #[inline]
    pub fn lower_bound(&self, node: &Node, count: usize, target: &Target<'_>) -> usize {
        let low = node.codes_below(count, target.code);
        if low == count || node.code(low) != target.code {
            return low;
        }
        self.lower_bound_of_ties(node, low, count, target)
    }

    fn lower_bound_of_ties(&self, node: &Node, mut low: usize, count: usize, target: &Target<'_>) -> usize {
        let mut high = low + 1;
        while high < count && node.code(high) == target.code {
            high += 1;
        }
        while low < high {
            let middle = low.midpoint(high);
            if self.is_before(target.code, node.record(middle), target) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Finds the leaf in which the target's place is, and gives `read` one state of it: the node, its number of slots
    /// and how many are before the target. If that is all of them, the target's place is before the next leaf's first
    /// slot. `read` may run again when the writer came between. `passed` is told (level, node) on the way.
    #[inline]
    pub fn locate<R>(
        &self,
        root: &Root,
        target: &Target<'_>,
        mut passed: impl FnMut(u32, u32),
        mut read: impl FnMut(&Node, usize, usize) -> R,
    ) -> R {
        let mut offset = root.top.load(Ordering::Acquire);
        let mut level = self.node(offset).level();
        loop {
            let node = self.node(offset);
            let sequence = node.stable();
            let next = node.next();
            if next != 0 {
                let (code, record) = node.high();
                if self.is_before(code, record, target) {
                    if node.unchanged(sequence) {
                        offset = next;
                    }
                    continue;
                }
            }
            let count = node.count();
            let position = self.lower_bound(node, count, target);
            if level == 0 {
                let answer = read(node, count, position);
                if node.unchanged(sequence) {
                    passed(0, offset);
                    return answer;
                }
                continue;
            }
            let child = match position {
                0 => node.leftmost(),
                _ => self.index_node(offset).child(position - 1),
            };
            if node.unchanged(sequence) {
                passed(level, offset);
                self.arena.prefetch(child, size_of::<Node>());
                offset = child;
                level -= 1;
            }
        }
    }

    /// The record of the newest version of the key at or below the revision.
    #[inline]
    pub fn get(&self, key: &[u8], at: Revision) -> Option<u32> {
        let root = self.root();
        let target = root.target(key, at);
        let (code, record) = self.locate(
            root,
            &target,
            |_, _| (),
            |leaf, count, position| match leaf.next() {
                _ if position < count => (leaf.code(position), leaf.record(position)),
                0 => (0, 0),
                next => (self.node(next).code(0), self.node(next).record(0)),
            },
        );
        (record != 0 && code == target.code && self.key(record) == key).then_some(record)
    }

    /// One state of a leaf: its records in order, how many, and the next leaf.
    pub fn leaf(&self, offset: u32, records: &mut [u32; SLOTS]) -> (usize, u32) {
        let leaf = self.node(offset);
        loop {
            let sequence = leaf.stable();
            let count = leaf.count();
            copy_records(leaf, count, records);
            let next = leaf.next();
            if leaf.unchanged(sequence) {
                return (count, next);
            }
        }
    }
}

#[inline]
pub fn copy_records(leaf: &Node, count: usize, records: &mut [u32; SLOTS]) {
    for (slot, record) in records[..count].iter_mut().enumerate() {
        *record = leaf.record(slot);
    }
}
