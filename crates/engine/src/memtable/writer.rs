//! How the list grows. One writer at a time, behind the list's lock; readers never take it.
//!
//! Everything a reader can reach is complete before it is linked: the record before its slot, a new node before the node
//! on its left names it, that before the level above does. A reader between two of these steps goes right instead of
//! down and finds the same.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::arena::Arena;
use super::list::{LEVELS_MAX, List, Root, Target};
use super::node::{IndexNode, Node, SLOTS, Slot};
use super::prefix::Prefixes;
use super::room::{LEAVES_FOR_LUCK, REBUILD_ARENA_MIN, REBUILD_AT, RECORDS_START};
use super::{MemtableOptions, record};
use crate::entry::Entry;

/// The node at each level whose range holds the key.
type Path = [u32; LEVELS_MAX + 1];

/// What only the writer knows.
pub struct Writer {
    records_end: u32,
    nodes_start: u32,
    /// The last node of each level.
    tails: Path,
    top_level: usize,
    /// The greatest slot, its record 0 while the list is empty.
    greatest: Slot,
    entries: usize,
    /// Entries that came behind all others.
    appended: usize,
    leaves: usize,
    index_nodes: usize,
    /// Of `REBUILD_AT`, how many are behind us.
    rebuilds: usize,
    max_level: usize,
    /// A draw below this sends a node's low one level up although the block there has room.
    luck: u32,
    random: u64,
}

const NO_SLOT: Slot = Slot { code: 0, record: 0, child: 0 };

impl List {
    pub fn new(options: &MemtableOptions) -> List {
        let arena = Arena::new(options.bytes);
        let probability = options.probability.clamp(0.0, 0.5);
        let mut writer = Writer {
            records_end: RECORDS_START as u32,
            nodes_start: arena.capacity() as u32,
            tails: Path::default(),
            top_level: 0,
            greatest: NO_SLOT,
            entries: 0,
            appended: 0,
            leaves: 0,
            index_nodes: 0,
            rebuilds: if arena.capacity() < REBUILD_ARENA_MIN { REBUILD_AT.len() } else { 0 },
            max_level: usize::from(options.max_level).clamp(1, LEVELS_MAX),
            luck: (probability * f64::from(u32::MAX)) as u32,
            random: options.seed | 1,
        };
        let root = writer.new_root(Prefixes::none());
        let list = List {
            arena,
            roots: std::array::from_fn(|_| OnceLock::new()),
            current: AtomicUsize::new(0),
            writer: Mutex::new(writer),
            record_bytes: AtomicUsize::new(0),
            node_bytes: AtomicUsize::new(0),
            entries: AtomicUsize::new(0),
        };
        list.publish(root, 0);
        list.account(&list.writer.lock());
        list
    }

    /// Adds an entry, or replaces the one of the same key and revision. Panics without room (`has_room`).
    pub fn insert(&self, keyspace: u8, user_key: &[u8], entry: &Entry<'_>) {
        let writer = &mut *self.writer.lock();
        let bytes = record::bytes_of(user_key, entry);
        let offset = writer.records_end;
        let end = offset as usize + bytes;
        assert!(end <= writer.nodes_start as usize, "has_room comes before insert");
        writer.records_end = end as u32;
        // SAFETY: the bytes lie behind everything that was published and in front of the nodes; only the writer, whose
        // lock is held, hands them out, once.
        let record = unsafe { self.arena.fresh(offset, bytes) };
        record::write(record, keyspace, user_key, entry);

        if self.link(writer, self.root(), offset) {
            writer.entries += 1;
            if REBUILD_AT.get(writer.rebuilds) == Some(&writer.entries) {
                writer.rebuilds += 1;
                self.rebuild(writer);
            }
        }
        self.account(writer);
    }

    fn account(&self, writer: &Writer) {
        self.record_bytes.store(writer.records_end as usize, Ordering::Relaxed);
        self.node_bytes.store(self.arena.capacity() - writer.nodes_start as usize, Ordering::Relaxed);
        self.entries.store(writer.entries, Ordering::Relaxed);
    }

    /// Puts a written record in its place. False if it replaced another.
    fn link(&self, writer: &mut Writer, root: &Root, record: u32) -> bool {
        let (key, revision) = self.key_and_revision(record);
        let target = root.target(key, revision);
        let slot = Slot { code: target.code, record, child: 0 };
        let greatest = writer.greatest;
        if greatest.record == 0 || self.is_before(greatest.code, greatest.record, &target) {
            writer.greatest = slot;
            writer.appended += 1;
            let path = writer.tails;
            let count = self.node(path[0]).count();
            self.add(writer, root, &path, 0, count, slot);
            return true;
        }

        let mut path = Path::default();
        let (count, position, next) = self.locate(
            root,
            &target,
            |level, node| path[level as usize] = node,
            |leaf, count, position| (count, position, leaf.next()),
        );
        let (holder, at) = if position < count || next == 0 { (path[0], position) } else { (next, 0) };
        let holder = self.node(holder);
        if at < holder.count()
            && holder.code(at) == slot.code
            && self.key_and_revision(holder.record(at)) == (key, revision)
        {
            holder.replace(at, record);
            return false;
        }
        self.add(writer, root, &path, 0, position, slot);
        true
    }

    /// Adds a slot in front of `position` in the path's node of this level, splitting it if it is full or, above the
    /// leaves, if luck wants the slot to begin a node.
    fn add(&self, writer: &mut Writer, root: &Root, path: &Path, level: usize, position: usize, slot: Slot) {
        let offset = path[level];
        let (node, children) = self.with_children(offset, level);
        let count = node.count();
        // Only the head of a level has places in front of its first slot; luck there would leave it empty.
        let lucky = level > 0 && position > 0 && writer.draws_luck(level);
        if count < SLOTS && !lucky {
            return node.insert(children, position, slot);
        }

        let at_end = position == count && node.next() == 0;
        let cut = if lucky || at_end { position } else { SLOTS / 2 };
        let right_offset = writer.new_node(level);
        let (right, right_children) = self.with_children(right_offset, level);
        right.prepare(level as u32, 0);
        right.link_after(node);
        if cut == position && (lucky || at_end) {
            right.append(right_children, slot);
        }
        for from in cut..count {
            right.append(right_children, node.slot(children, from));
        }
        if position > cut {
            right.insert(right_children, position - cut, slot);
        }
        let low = right.slot(right_children, 0);
        node.cut(cut, right_offset, low);
        if position <= cut && !lucky && !at_end {
            node.insert(children, position, slot);
        }
        if writer.tails[level] == offset {
            writer.tails[level] = right_offset;
            if level == 0 {
                root.last.store(right_offset, Ordering::Release);
            }
        }
        self.raise(writer, root, path, level + 1, Slot { child: right_offset, ..low });
    }

    /// Makes the low of a new node known one level up.
    fn raise(&self, writer: &mut Writer, root: &Root, path: &Path, level: usize, slot: Slot) {
        if level > writer.max_level {
            return;
        }
        if level > writer.top_level {
            let head = writer.new_node(level);
            let (node, children) = self.with_children(head, level);
            node.prepare(level as u32, root.top.load(Ordering::Relaxed));
            node.append(children, slot);
            writer.tails[level] = head;
            writer.top_level = level;
            root.top.store(head, Ordering::Release);
            return;
        }
        let node = self.node(path[level]);
        let (key, revision) = self.key_and_revision(slot.record);
        let position = self.lower_bound(node, node.count(), &Target { code: slot.code, key, revision });
        self.add(writer, root, path, level, position, slot);
    }

    fn with_children(&self, offset: u32, level: usize) -> (&Node, Option<&[AtomicU32; SLOTS]>) {
        let children = (level > 0).then(|| self.index_node(offset).children());
        (self.node(offset), children)
    }

    fn publish(&self, root: Root, place: usize) {
        assert!(self.roots[place].set(root).is_ok(), "each root is published once");
        self.current.store(place, Ordering::Release);
    }

    /// Makes the list anew if other prefixes tell its keys apart better. Readers see the old one until the new one has
    /// everything; a cursor on the old one still sees all that was there when it was placed.
    fn rebuild(&self, writer: &mut Writer) {
        let root = self.root();
        let mut all = Vec::with_capacity(writer.entries);
        let mut records = [0; SLOTS];
        let mut leaf = root.first();
        while leaf != 0 {
            let (count, next) = self.leaf(leaf, &mut records);
            all.extend_from_slice(&records[..count]);
            leaf = next;
        }
        let keys: Vec<&[u8]> = all.iter().map(|&record| self.key(record)).collect();
        let ascending = writer.appended * 2 > writer.entries;
        if let Some(prefixes) = root.prefixes.better(&keys, ascending) {
            let appended = writer.appended;
            let root = writer.new_root(prefixes);
            for record in all {
                self.link(writer, &root, record);
            }
            writer.appended = appended;
            self.publish(root, self.current.load(Ordering::Relaxed) + 1);
        }
    }
}

impl Writer {
    /// An empty list.
    fn new_root(&mut self, prefixes: Prefixes) -> Root {
        self.greatest = NO_SLOT;
        self.top_level = 0;
        self.leaves = 0;
        self.index_nodes = 0;
        let first = self.new_node(0);
        self.tails[0] = first;
        Root { prefixes, first, last: AtomicU32::new(first), top: AtomicU32::new(first) }
    }

    fn new_node(&mut self, level: usize) -> u32 {
        let (bytes, counter) = match level {
            0 => (size_of::<Node>(), &mut self.leaves),
            _ => (size_of::<IndexNode>(), &mut self.index_nodes),
        };
        *counter += 1;
        let start = (self.nodes_start as usize).checked_sub(bytes);
        let start = start.filter(|&start| start >= self.records_end as usize);
        self.nodes_start = start.expect("has_room counts the nodes") as u32;
        self.nodes_start
    }

    /// Whether a slot on its way into this level begins a node of its own there and so goes on to the next level.
    fn draws_luck(&mut self, level: usize) -> bool {
        // xorshift64: towers need scatter, not secrecy.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let allowed = level < self.max_level && (self.index_nodes + 1) * LEAVES_FOR_LUCK <= self.leaves;
        allowed && ((self.random >> 32) as u32) < self.luck
    }
}
