//! One block of the list: up to 32 sorted slots, changed in place by one writer while any thread reads.
//!
//! A node covers the keys from its first slot (its *low*, which never changes) to its *high*, the low of the next node.
//! It is only ever split, never merged or moved, so its range shrinks at the right and nothing else. Every field is an
//! atomic. Two separate things must hold:
//!
//! - *No race, no wild read.* An offset is stored only after what it names was written, by a releasing store or behind
//!   the releasing fence of `change`, and loaded by an acquiring load. Whatever mixture of slots a reader sees, each
//!   offset in it is one that was published, so following it is sound even if the answer is then thrown away.
//! - *A consistent answer.* The writer makes `sequence` odd, changes slots, and makes it even again (a sequence lock).
//!   A reader that saw the same even number before and after saw one state; otherwise it reads again. Adding a slot at
//!   the end needs no sequence: `count` is stored last and a reader loads it once.
//!
//! Codes are eight bytes of the key (`list::Root::code`) and order as the keys do, except that they may tie.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence, spin_loop, yield_now};

pub const SLOTS: usize = 32;

#[derive(Default)]
#[repr(C, align(32))]
pub struct Node {
    sequence: AtomicU32,
    count: AtomicU32,
    next: AtomicU32,
    /// Index levels: the child for keys below the first slot. Only the head of a level has one.
    leftmost: AtomicU32,
    high_code: AtomicU64,
    high_record: AtomicU32,
    level: AtomicU32,
    codes: [AtomicU64; SLOTS],
    records: [AtomicU32; SLOTS],
}

/// A node above the leaves: each slot also names the node whose low it is.
#[repr(C, align(32))]
pub struct IndexNode {
    node: Node,
    children: [AtomicU32; SLOTS],
}

impl IndexNode {
    pub fn child(&self, slot: usize) -> u32 {
        self.children[slot].load(Ordering::Acquire)
    }

    pub fn children(&self) -> &[AtomicU32; SLOTS] {
        &self.children
    }
}

#[derive(Clone, Copy)]
pub struct Slot {
    pub code: u64,
    /// The offset of the record whose key orders the slot.
    pub record: u32,
    /// Index levels only, else 0.
    pub child: u32,
}

/// What a reader looks at, for any thread.
impl Node {
    /// The number to hand to `unchanged`. Waits while a change is under way, which is tens of nanoseconds unless the
    /// writer lost its processor there.
    #[inline]
    pub fn stable(&self) -> u32 {
        let mut tries = 0;
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            if sequence & 1 == 0 {
                return sequence;
            }
            tries += 1;
            if tries < 64 { spin_loop() } else { yield_now() }
        }
    }

    /// Whether everything read since `stable` gave this number belongs to one state.
    #[inline]
    pub fn unchanged(&self, sequence: u32) -> bool {
        // The loads before must not be delayed past the second look at the sequence.
        fence(Ordering::Acquire);
        self.sequence.load(Ordering::Relaxed) == sequence
    }

    #[inline]
    pub fn count(&self) -> usize {
        // Never above SLOTS; the compiler does not know and would check every slot.
        (self.count.load(Ordering::Acquire) as usize).min(SLOTS)
    }

    #[inline]
    pub fn code(&self, slot: usize) -> u64 {
        self.codes[slot].load(Ordering::Relaxed)
    }

    #[inline]
    pub fn record(&self, slot: usize) -> u32 {
        self.records[slot].load(Ordering::Acquire)
    }

    /// The next node of this level, 0 at the end.
    #[inline]
    pub fn next(&self) -> u32 {
        self.next.load(Ordering::Acquire)
    }

    /// The code and record of the next node's low. Only meaningful if there is a next node.
    #[inline]
    pub fn high(&self) -> (u64, u32) {
        (self.high_code.load(Ordering::Relaxed), self.high_record.load(Ordering::Acquire))
    }

    #[inline]
    pub fn leftmost(&self) -> u32 {
        self.leftmost.load(Ordering::Acquire)
    }

    #[inline]
    pub fn level(&self) -> u32 {
        self.level.load(Ordering::Relaxed)
    }

    /// How many of the first `count` codes are below `code`.
    #[inline]
    pub fn codes_below(&self, count: usize, code: u64) -> usize {
        let mut low = 0;
        let mut length = count;
        while length > 0 {
            let half = length / 2;
            // The mask changes nothing: low + half < count <= SLOTS.
            let below = self.code((low + half) & (SLOTS - 1)) < code;
            low = if below { low + half + 1 } else { low };
            length = if below { length - half - 1 } else { half };
        }
        low
    }
}

/// What the one writer does. `children` are those of the same node, `None` for a leaf.
impl Node {
    /// Before the node is published.
    pub fn prepare(&self, level: u32, leftmost: u32) {
        self.level.store(level, Ordering::Relaxed);
        self.leftmost.store(leftmost, Ordering::Release);
    }

    pub fn slot(&self, children: Option<&[AtomicU32; SLOTS]>, slot: usize) -> Slot {
        let child = children.map_or(0, |children| children[slot].load(Ordering::Relaxed));
        Slot { code: self.code(slot), record: self.record(slot), child }
    }

    fn set(&self, children: Option<&[AtomicU32; SLOTS]>, at: usize, slot: Slot) {
        self.codes[at].store(slot.code, Ordering::Relaxed);
        self.records[at].store(slot.record, Ordering::Release);
        if let Some(children) = children {
            children[at].store(slot.child, Ordering::Release);
        }
    }

    /// Adds behind the last slot. Readers that loaded the count before do not look there.
    #[inline]
    pub fn append(&self, children: Option<&[AtomicU32; SLOTS]>, slot: Slot) {
        let count = self.count();
        self.set(children, count, slot);
        self.count.store(count as u32 + 1, Ordering::Release);
    }

    /// Adds in front of slot `at`.
    pub fn insert(&self, children: Option<&[AtomicU32; SLOTS]>, at: usize, slot: Slot) {
        let count = self.count();
        debug_assert!(count < SLOTS, "a full node is split first");
        if at == count {
            return self.append(children, slot);
        }
        self.change(|| {
            // Behind the fence of `change`, so relaxed stores publish.
            for to in (at + 1..=count).rev() {
                self.codes[to].store(self.codes[to - 1].load(Ordering::Relaxed), Ordering::Relaxed);
                self.records[to].store(self.records[to - 1].load(Ordering::Relaxed), Ordering::Relaxed);
            }
            if let Some(children) = children {
                for to in (at + 1..=count).rev() {
                    children[to].store(children[to - 1].load(Ordering::Relaxed), Ordering::Relaxed);
                }
            }
            self.set(children, at, slot);
            self.count.store(count as u32 + 1, Ordering::Relaxed);
        });
    }

    /// Names another record of the same key and revision.
    pub fn replace(&self, at: usize, record: u32) {
        self.records[at].store(record, Ordering::Release);
    }

    /// Takes over the link of `left`, from which this node, not yet published, splits off.
    pub fn link_after(&self, left: &Node) {
        let (code, record) = left.high();
        self.high_code.store(code, Ordering::Relaxed);
        self.high_record.store(record, Ordering::Release);
        self.next.store(left.next(), Ordering::Release);
    }

    /// Keeps the first `count` slots and publishes `next`, whose low is `low`.
    pub fn cut(&self, count: usize, next: u32, low: Slot) {
        self.change(|| {
            self.high_code.store(low.code, Ordering::Relaxed);
            self.high_record.store(low.record, Ordering::Relaxed);
            self.next.store(next, Ordering::Relaxed);
            self.count.store(count as u32, Ordering::Relaxed);
        });
    }

    fn change(&self, change: impl FnOnce()) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // A reader that sees any store of `change` then sees the odd number, and what the stored offsets name.
        fence(Ordering::Release);
        change();
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}
