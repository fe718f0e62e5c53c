//! The queue of work that is due: whoever asks is served, however the asking falls between looking and sleeping. A
//! wake-up that is lost leaves a thread asleep for good, which loom reports as a deadlock.

use crate::explore;
use crate::sync::Mutex;
use crate::work::Work;
use loom::sync::Arc;
use loom::thread;

struct World {
    work: Work,
    /// The log's buffer. Its lock is what the flag of unsynced commits relies on: with an atomic number in its place
    /// loom finds the commit that nobody syncs.
    appended: Mutex<u64>,
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World { work: Work::default(), appended: Mutex::new(0) })
    }

    /// As the log thread does: sleep until something is due, take it, then sync all that was appended by now.
    fn sync_until(&self, wanted: u64) {
        let mut durable = 0;
        while durable < wanted {
            let mut due = self.work.lock();
            while !due.sync && !due.unsynced && !self.work.is_stopping() {
                self.work.log.wait(&mut due);
            }
            if self.work.is_stopping() {
                return;
            }
            self.work.take_sync(&mut due);
            drop(due);
            durable = *self.appended.lock();
        }
    }

    fn append(&self) {
        *self.appended.lock() += 1;
    }

    fn commit(&self) {
        self.append();
        self.work.note_unsynced();
    }
}

#[test]
fn a_commit_that_nobody_waits_for_is_synced_although_one_was_just_taken() {
    explore(3, || {
        let world = World::new();
        let log = world.clone();
        let syncing = thread::spawn(move || log.sync_until(2));
        world.commit();
        world.commit();
        syncing.join().unwrap();
    });
}

#[test]
fn commits_of_two_threads_are_synced() {
    explore(3, || {
        let world = World::new();
        let (log, other) = (world.clone(), world.clone());
        let syncing = thread::spawn(move || log.sync_until(2));
        let committing = thread::spawn(move || other.commit());
        world.commit();
        committing.join().unwrap();
        syncing.join().unwrap();
    });
}

#[test]
fn who_asks_for_a_sync_is_served() {
    explore(3, || {
        let world = World::new();
        let log = world.clone();
        let syncing = thread::spawn(move || log.sync_until(1));
        world.append();
        world.work.request_sync();
        syncing.join().unwrap();
    });
}

#[test]
fn a_thread_that_goes_to_sleep_hears_that_the_database_stops() {
    explore(3, || {
        let world = World::new();
        let log = world.clone();
        let syncing = thread::spawn(move || log.sync_until(1));
        world.work.stop();
        syncing.join().unwrap();
    });
}
