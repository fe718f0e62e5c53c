//! A log at rest: what it gives back, and what must not be lost meanwhile.

use super::*;
use crate::disk::simulated::{Fault, Loss};
use crate::environment::{Environment, Random};
use crate::error::Code;
use crate::simulation::SeededRandom;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, Weak};

#[test]
fn a_segment_that_a_resting_log_could_not_remove_is_no_damage_later() {
    // Each call fails once: that which writes the seal, the sync, and then those that remove segments.
    let mut failed_to_go = 0;
    for failing in 1..=6 {
        let mut world = World::new();
        let log = world.open();
        append(&log, 1, 20, 100);
        log.sync().unwrap();
        // As if no segment could be released yet: the floor of the manifest may be older than what the log knows.
        world.floor = LogFloor { segment: 0, flushed_sequence: 20 };
        log.release(world.floor).unwrap();
        world.disk.fail(Some(Fault { call: world.disk.calls() + failing, sticky: false, code: Code::Io }));
        let rested = log.rest();
        world.disk.fail(None);
        if log.failure().is_some() {
            continue;
        }
        failed_to_go += u32::from(rested.is_err());
        append(&log, 21, 24, 100);
        log.sync().unwrap();
        append(&log, 25, 26, 100);
        log.sync().unwrap();

        drop(log);
        world.crash(Loss::Everything);
        let (_, bodies) = world.recover().unwrap();
        assert_eq!(bodies, records(21, 26, 100), "call {failing} failed");
    }
    assert!(failed_to_go > 1);
}

/// Commits when the log asks for the salt of a segment: between any two of its steps that take no lock of a commit.
struct Intruder {
    inner: SeededRandom,
    log: OnceLock<Weak<Log>>,
    armed: AtomicBool,
}

impl Random for Intruder {
    fn fill(&self, bytes: &mut [u8]) {
        if self.armed.swap(false, Ordering::SeqCst) {
            let log = self.log.get().and_then(Weak::upgrade).unwrap();
            log.append(&record(21, 1, 100)).unwrap();
        }
        self.inner.fill(bytes);
    }
}

#[test]
fn a_commit_while_a_resting_log_readies_its_spare_survives_a_crash() {
    let mut world = World::new();
    let intruder = Arc::new(Intruder {
        inner: SeededRandom::new(1),
        log: OnceLock::new(),
        armed: AtomicBool::new(false),
    });
    let environment = Environment { random: intruder.clone(), ..environment(&world.disk, &world.clock, 1) };
    let (files, last) = (LogFiles::default(), Watermark::default());
    let log = Arc::new(Log::new(environment, Path::new(FOLDER), TINY, world.numbers.clone(), files, last));
    intruder.log.set(Arc::downgrade(&log)).ok();
    append(&log, 1, 20, 100);
    log.sync().unwrap();
    world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: 20 };
    log.release(world.floor).unwrap();

    intruder.armed.store(true, Ordering::SeqCst);
    log.rest().unwrap();
    assert!(!intruder.armed.load(Ordering::SeqCst), "the commit came in between");
    append(&log, 22, 60, 100);
    assert_eq!(log.sync().unwrap().sequence, 60);
    drop(log);
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(21, 60, 100));
}

#[test]
fn a_resting_log_keeps_no_file_open_that_it_has_removed() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 20, 100);
    log.sync().unwrap();
    world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: 20 };
    log.release(world.floor).unwrap();
    log.rest().unwrap();
    assert_eq!(world.names(), ["spare.log"]);
    assert_eq!(world.disk.open_files(), 1);
}
