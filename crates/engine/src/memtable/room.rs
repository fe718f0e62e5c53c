//! How much of an arena a number of entries may take at most, whatever their order and luck.
//!
//! The bound. A leaf splits when it is full: in halves, or at the end of the list into a full one and a new one. So
//! every leaf but the first and the last has 16 entries or more: n entries make at most n/16 + 2 leaves. An index node
//! comes from a full node's split, of which 15 slots added to that level pay for one in halves and 15 for one at the
//! end; or from luck, which the writer stops at one for four leaves; or as the head of a new level. For m leaves and i
//! index nodes, each of which adds one slot: i <= m/4 + 2(m + i)/15 + LEVELS_MAX, so i <= m/2 + 16.

use super::list::LEVELS_MAX;
use super::node::{IndexNode, Node};
use super::record::OVERHEAD_MAX;

/// Records start here: offset 0 is never a record.
pub const RECORDS_START: usize = 64;

/// With so many entries the list looks for better prefixes and is made anew with them.
pub const REBUILD_AT: [usize; 2] = [64, 4096];
/// Smaller arenas do without: the room for lists left behind would be felt.
pub const REBUILD_ARENA_MIN: usize = 4 << 20;
const REBUILD_BYTES: usize = node_bytes_max(REBUILD_AT[0]) + node_bytes_max(REBUILD_AT[1]);

/// Luck may make one index node for so many leaves.
pub const LEAVES_FOR_LUCK: usize = 4;

const _: () = assert!(LEVELS_MAX * 15 / 13 < 16, "the bound above counts 16 for the heads");

/// All nodes of one list of `entries`.
const fn node_bytes_max(entries: usize) -> usize {
    let leaves = entries / 16 + 2;
    leaves * size_of::<Node>() + (leaves / 2 + 16) * size_of::<IndexNode>()
}

/// The nodes that one insert makes at most: a split at each level and a new level.
const INSERT_NODE_BYTES_MAX: usize = size_of::<Node>() + (LEVELS_MAX + 1) * size_of::<IndexNode>();

const fn record_bytes_max(entries: usize, key_and_value_bytes: usize) -> usize {
    // The keyspace byte is part of the stored key.
    entries.saturating_mul(OVERHEAD_MAX + 1).saturating_add(key_and_value_bytes)
}

const fn rebuild_bytes(capacity: usize) -> usize {
    if capacity >= REBUILD_ARENA_MIN { REBUILD_BYTES } else { 0 }
}

/// An arena for so many entries, whose user keys and values have so many bytes together.
pub fn bytes_needed(entries: usize, key_and_value_bytes: usize) -> usize {
    let bytes = record_bytes_max(entries, key_and_value_bytes)
        .saturating_add(node_bytes_max(entries))
        .saturating_add(RECORDS_START);
    bytes.saturating_add(rebuild_bytes(bytes))
}

/// How full an arena is.
pub struct Fill {
    pub capacity: usize,
    pub record_bytes: usize,
    pub node_bytes: usize,
    pub entries: usize,
}

impl Fill {
    /// Whether so many more entries fit for sure. Two bounds hold for the nodes: of the whole list, which is close for
    /// many entries, and of the nodes each insert may add, which lets small batches use the arena to its end.
    pub fn has_room(&self, entries: usize, key_and_value_bytes: usize) -> bool {
        let records = self.record_bytes.saturating_add(record_bytes_max(entries, key_and_value_bytes));
        let rebuild = rebuild_bytes(self.capacity);
        let whole = node_bytes_max(self.entries.saturating_add(entries)).saturating_add(rebuild);
        let rebuild_ahead = if self.entries < REBUILD_AT[1] { rebuild } else { 0 };
        let added =
            (self.node_bytes + rebuild_ahead).saturating_add(entries.saturating_mul(INSERT_NODE_BYTES_MAX));
        records.saturating_add(whole.min(added)) <= self.capacity
    }
}
