//! Readers of a memtable's block while its one writer adds, replaces and splits.

use crate::explore;
use crate::node::{Node, SLOTS, Slot};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// A block, the one that splits off it, and the bytes of some records, which are written without atomics.
struct World {
    left: Node,
    right: Node,
    records: [UnsafeCell<u64>; RECORDS],
}

const RECORDS: usize = 5;
/// What `Node::next` calls the right block.
const RIGHT: u32 = 1;

fn slot(record: u32) -> Slot {
    Slot { code: code_of(record), record, child: 0 }
}

fn code_of(record: u32) -> u64 {
    u64::from(record) * 10
}

impl World {
    /// With these records in the left block.
    fn new(records: &[u32]) -> Arc<World> {
        let world = World {
            left: Node::default(),
            right: Node::default(),
            records: std::array::from_fn(|_| UnsafeCell::new(0)),
        };
        for &record in records {
            world.write(record);
            world.left.append(None, slot(record));
        }
        Arc::new(world)
    }

    fn write(&self, record: u32) {
        // SAFETY: loom checks that nobody else touches the record meanwhile.
        self.records[record as usize].with_mut(|bytes| unsafe { *bytes = code_of(record) });
    }

    /// Every record that a reader was ever pointed to is whole, also where its answer is thrown away.
    fn read(&self, record: u32) {
        // SAFETY: loom checks that nobody writes the record meanwhile.
        let found = self.records[record as usize].with(|bytes| unsafe { *bytes });
        assert_eq!(found, code_of(record), "a record is published after it was written");
    }

    /// As `List::locate` reads a block: again until nothing changed meanwhile. Records, next block, its low.
    fn block(&self, node: &Node) -> (Vec<u32>, u32, u64) {
        loop {
            let sequence = node.stable();
            let count = node.count();
            assert!(count <= SLOTS);
            let codes: Vec<u64> = (0..count).map(|at| node.code(at)).collect();
            let records: Vec<u32> = (0..count).map(|at| node.record(at)).collect();
            let next = node.next();
            let (high, high_record) = node.high();
            records.iter().for_each(|&record| self.read(record));
            if next != 0 {
                self.read(high_record);
            }
            if node.unchanged(sequence) {
                let wanted: Vec<u64> = records.iter().map(|&record| code_of(record)).collect();
                assert_eq!(codes, wanted, "codes and records belong together");
                assert!(codes.is_sorted_by(|a, b| a < b), "slots are in order");
                return (records, next, high);
            }
            thread::yield_now();
        }
    }
}

#[test]
fn a_reader_sees_a_block_before_or_after_an_insert_and_never_between() {
    explore(3, || {
        let world = World::new(&[1, 3]);
        let writer = world.clone();
        let writing = thread::spawn(move || {
            writer.write(2);
            writer.left.insert(None, 1, slot(2));
        });
        let (records, _, _) = world.block(&world.left);
        assert!(records == [1, 3] || records == [1, 2, 3], "{records:?}");
        writing.join().unwrap();
    });
}

#[test]
fn a_slot_behind_the_last_needs_no_second_look() {
    explore(3, || {
        let world = World::new(&[1]);
        let writer = world.clone();
        let writing = thread::spawn(move || {
            writer.write(2);
            writer.left.append(None, slot(2));
        });
        // The count is loaded once, so the sequence need not be looked at.
        let count = world.left.count();
        (0..count).for_each(|at| world.read(world.left.record(at)));
        assert!((1..=2).contains(&count));
        writing.join().unwrap();
    });
}

#[test]
fn a_record_that_replaces_another_is_whole() {
    explore(3, || {
        let world = World::new(&[1]);
        let writer = world.clone();
        let writing = thread::spawn(move || {
            writer.write(2);
            writer.left.replace(0, 2);
        });
        let record = world.left.record(0);
        world.read(record);
        assert!(record == 1 || record == 2);
        writing.join().unwrap();
    });
}

#[test]
fn a_key_is_found_while_its_block_splits() {
    explore(3, || {
        let world = World::new(&[1, 2, 3]);
        let writer = world.clone();
        let writing = thread::spawn(move || {
            let (left, right) = (&writer.left, &writer.right);
            right.prepare(0, 0);
            right.link_after(left);
            right.append(None, slot(3));
            left.cut(2, RIGHT, slot(3));
        });
        let (mut records, next, high) = world.block(&world.left);
        if next == RIGHT && high <= code_of(3) {
            records.extend(world.block(&world.right).0);
        }
        assert_eq!(records, [1, 2, 3], "a split moves slots and loses none");
        writing.join().unwrap();
    });
}
