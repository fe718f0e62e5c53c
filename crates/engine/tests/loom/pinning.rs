//! A reader that pins while commits, a new memtable and a compaction come between.

use crate::explore;
use crate::pin::pin;
use crate::sync::{AtomicU64, Ordering, Swap};
use loom::sync::Arc;
use loom::thread;

/// What there is to read: the newest commit in the memtable, and the oldest revision that the tables can answer for.
struct Readable {
    memtable: std::sync::Arc<AtomicU64>,
    oldest: u64,
}

struct World {
    readable: Swap<Readable>,
    visible: AtomicU64,
}

impl World {
    fn new() -> Arc<World> {
        let readable = Swap::new(Readable { memtable: memtable(1), oldest: 1 });
        Arc::new(World { readable, visible: AtomicU64::new(1) })
    }

    fn commit(&self, revision: u64) {
        self.readable.load().memtable.store(revision, Ordering::Relaxed);
        self.visible.store(revision, Ordering::Release);
    }

    fn pins_what_belongs_together(&self) {
        let (readable, revision) = pin(&self.readable, &self.visible);
        assert!(readable.memtable.load(Ordering::Relaxed) >= revision, "a visible commit is missing");
        assert!(readable.oldest <= revision, "what the revision needs was dropped");
    }
}

fn memtable(newest: u64) -> std::sync::Arc<AtomicU64> {
    std::sync::Arc::new(AtomicU64::new(newest))
}

#[test]
fn a_commit_into_a_new_memtable_is_not_visible_without_it() {
    explore(3, || {
        let world = World::new();
        let writer = world.clone();
        let writing = thread::spawn(move || {
            writer.commit(2);
            // The old memtable stays readable behind the new one, so this one has all that it had.
            writer.readable.rcu(|readable| Readable { memtable: memtable(2), ..*readable });
            writer.commit(3);
        });
        world.pins_what_belongs_together();
        writing.join().unwrap();
    });
}

#[test]
fn a_compaction_drops_nothing_that_a_pinned_revision_needs() {
    explore(2, || {
        let world = World::new();
        let (writer, compaction) = (world.clone(), world.clone());
        let writing = thread::spawn(move || writer.commit(2));
        let compacting = thread::spawn(move || {
            let oldest = compaction.visible.load(Ordering::Acquire);
            let readable = compaction.readable.load();
            let memtable = readable.memtable.clone();
            compaction.readable.rcu(move |_| Readable { memtable: memtable.clone(), oldest });
        });
        world.pins_what_belongs_together();
        writing.join().unwrap();
        compacting.join().unwrap();
    });
}
