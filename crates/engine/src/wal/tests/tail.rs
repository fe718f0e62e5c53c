//! A log whose records others need: what is read back while it goes on, over crashes, and what is cut off it.

use super::*;
use crate::batch;
use crate::disk::simulated::Loss;
use crate::error::{Code, Error};
use crate::simulation::SeededRandom;
use crate::wal::segment::FIRST_FRAME;

const KEEPING: LogOptions = LogOptions { keeps: true, ..TINY };

/// A machine, and what its log would hold.
struct Tail {
    world: World,
    random: SeededRandom,
    /// Record `n` stands at `n - 1`.
    records: Vec<Vec<u8>>,
    attempts: u64,
    /// Nobody needs the records up to here,
    kept: Sequence,
    /// which the log has been told in this life.
    told: bool,
    /// So many were read.
    read: usize,
}

impl Tail {
    fn new(seed: u64) -> Tail {
        let mut world = World::new();
        world.seed = seed;
        let random = SeededRandom::new(seed);
        Tail { world, random, records: Vec::new(), attempts: 0, kept: 0, told: false, read: 0 }
    }

    fn open(&mut self) -> Log {
        let reading = Reading {
            keys: &Keys::default(),
            floor: self.world.floor,
            keeps: true,
            read_only: false,
            end: None,
        };
        let recovered = recover(&self.world.disk, Path::new(FOLDER), reading, &mut |_, _| Ok(())).unwrap();
        let flushed = self.world.floor.flushed_sequence;
        let last = recovered.last.map_or(0, |last| last.sequence).max(flushed);
        self.records.truncate(last as usize);
        self.world.seed += 1;
        self.world.numbers.skip_past(recovered.largest_number);
        let environment = environment(&self.world.disk, &self.world.clock, self.world.seed);
        let numbers = self.world.numbers.clone();
        let last = Watermark { sequence: last, revision: last + 1 };
        self.told = false;
        Log::new(environment, Path::new(FOLDER), KEEPING, numbers, recovered.files, last)
    }

    fn act(&mut self, log: &Log) -> Result<()> {
        match self.random.below(24) {
            0..=9 => {
                self.attempts += 1;
                let size = self.random.below(if self.random.chance(3) { 3_000 } else { 200 });
                let body = record(self.records.len() as u64 + 1, self.attempts, size);
                log.append(&body)?;
                self.records.push(body);
            }
            10 => log.write_out()?,
            11..=13 => drop(log.sync()?),
            14 => log.prepare_spare(|| ())?,
            15 => self.world.clock.advance(self.random.below(30_000) as i64),
            16 => {
                // A flush, which syncs the log first.
                let flushed = log.sync()?.sequence;
                self.world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: flushed };
                log.release(self.world.floor)?;
            }
            17 if self.world.floor.flushed_sequence == self.records.len() as u64 => log.rest()?,
            18 => {
                self.kept += self.random.below((log.durable().sequence - self.kept) as usize + 1) as u64;
                log.keep(self.kept);
                log.release(self.world.floor)?;
            }
            _ => self.read(log)?,
        }
        Ok(())
    }

    fn read(&mut self, log: &Log) -> Result<()> {
        let durable = log.durable().sequence;
        let after = self.random.below(durable as usize + 2) as u64;
        let found = match log.read(after, 1 + self.random.below(2_000)) {
            Err(error) if error.code() == Code::Compacted && after < self.kept => return Ok(()),
            found => found?,
        };
        let Some(found) = found else {
            assert!(after >= durable);
            return Ok(());
        };
        let bodies: Vec<&[u8]> = batch::bodies(&found.bytes).map(Result::unwrap).collect();
        let last = after as usize + bodies.len();
        assert!(bodies == self.records[after as usize..last], "other records after {after}");
        assert!(found.first == after + 1 && found.last.sequence == last as u64 && last as u64 <= durable);
        self.read += bodies.len();
        Ok(())
    }

    fn crash(&mut self) {
        match self.random.below(4) {
            0 => self.world.disk = self.world.disk.clone_image(),
            1 => self.world.crash(Loss::Everything),
            _ => {
                let loss = Loss::Random(self.random.next());
                self.world.crash(loss);
            }
        }
    }
}

#[test]
fn whatever_is_durable_is_read_until_it_is_let_go_of_over_crashes_too() {
    let mut seeds = crate::testing::Seeded::new();
    let mut read = 0;
    for _ in 0..300 {
        let mut tail = Tail::new(seeds.next());
        for _ in 0..5 {
            let log = tail.open();
            let calls = 1 + tail.random.below(600) as u64;
            tail.world.disk.crash_at(tail.world.disk.calls() + calls);
            while tail.act(&log).is_ok() {}
            let durable = log.durable().sequence;
            drop(log);
            tail.crash();
            let log = tail.open();
            assert!(tail.records.len() as u64 >= durable);
            // A log that was opened anew keeps everything that was kept before.
            for after in tail.kept..log.durable().sequence {
                let Some(found) = log.read(after, 1).unwrap() else {
                    let (sealed, names) = (log.buffer.lock().sealed.clone(), tail.world.names());
                    panic!("nothing after {after} of {:?}: {sealed:?}, {names:?}", tail.world.floor);
                };
                assert_eq!(
                    batch::bodies(&found.bytes).next().unwrap().unwrap(),
                    tail.records[after as usize]
                );
            }
            if tail.random.chance(30) && log.close().is_ok() {
                let floor = LogFloor { segment: log.active_segment(), ..tail.world.floor };
                tail.world.floor.segment = floor.segment.min(tail.world.floor.segment);
            }
        }
        read += tail.read;
    }
    assert!(read > 10_000, "{read} records were read");
}

#[test]
fn what_nobody_needs_goes_and_what_somebody_needs_stays() {
    let mut tail = Tail::new(1);
    let log = tail.open();
    append(&log, 1, 60, 100);
    log.sync().unwrap();
    let floor = LogFloor { segment: log.active_segment(), flushed_sequence: 60 };
    let before = tail.world.names();
    log.release(floor).unwrap();
    log.rest().unwrap();
    assert!(before.iter().all(|name| tail.world.names().contains(name)), "all of it is needed");
    assert_eq!(log.bytes_beyond_rest(), 0, "nothing that rest could give back");

    log.keep(30);
    log.release(floor).unwrap();
    assert!(log.read(30, 1).unwrap().is_some());
    assert_eq!(log.read(0, 1).unwrap_err().code(), Code::Compacted);
    let after_keep = tail.world.names().len();
    assert!(after_keep < before.len(), "the first segments went");

    log.keep(60);
    log.rest().unwrap();
    assert_eq!(tail.world.names(), ["spare.log"]);
}

#[test]
fn a_damaged_record_is_told_and_not_taken_for_one_that_was_let_go_of() {
    let mut tail = Tail::new(1);
    let log = tail.open();
    append(&log, 1, 3, 100);
    log.sync().unwrap();
    let segment = tail.world.names().into_iter().find(|name| name.ends_with("1.log")).unwrap();
    tail.world.disk.flip(&tail.world.path(&segment), 400, 1).unwrap();
    let error = log.read(1, 1).unwrap_err();
    assert_eq!((error.code(), error.offset().is_some()), (Code::Corrupt, true));
    assert!(log.read(0, 1).unwrap().is_some());
}

/// Wherever a segment that is kept for others is damaged, its beginning included, whoever opens the log anew reads what comes
/// before, is told of the damage, with the file, and is never told that the record has been let go of.
#[test]
fn damage_of_a_segment_that_is_kept_is_told_after_the_next_open_too() {
    for which in 0..3 {
        for offset in [0, 9, 20, FIRST_FRAME + 4, FIRST_FRAME + 30, FIRST_FRAME + 300] {
            let mut tail = Tail::new(1);
            let log = tail.open();
            append(&log, 1, 60, 100);
            log.sync().unwrap();
            tail.world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: 60 };
            drop(log);
            let segments: Vec<u64> =
                tail.world.names().iter().filter_map(|name| segment_number(name)).collect();
            let damaged = segment_path(Path::new(FOLDER), segments[which]);
            tail.world.disk.flip(&damaged, offset, 1).unwrap();

            for _ in 0..2 {
                let log = tail.open();
                let mut after = 0;
                let error = loop {
                    match log.read(after, 1) {
                        Ok(records) => after = records.expect("the damage comes first").last.sequence,
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.code(), Code::Corrupt, "{which} {offset}: {error}");
                assert_eq!(error.file(), Some(&*damaged));
                assert_eq!(after > 0, which > 0 || offset > FIRST_FRAME + 200);
                let mut told = Vec::new();
                log.check_kept(tail.world.floor.segment, &mut |error| told.push(error)).unwrap();
                assert_eq!(told.iter().map(Error::file).collect::<Vec<_>>(), [Some(&*damaged)]);
                assert!(log.read(59, 1).unwrap().is_some(), "what comes after is whole");
            }
            // When nobody needs it any more it goes like any other.
            let log = tail.open();
            log.keep(60);
            log.release(tail.world.floor).unwrap();
            assert!(
                !tail.world.names().contains(&damaged.file_name().unwrap().to_string_lossy().into_owned())
            );
        }
    }
}

#[test]
fn a_cut_log_ends_where_it_was_cut_however_often_the_cut_was_begun() {
    for last in 0..=40 {
        let whole = {
            let mut tail = Tail::new(last + 1);
            let log = tail.open();
            append(&log, 1, 20, 100);
            log.sync().unwrap();
            append(&log, 21, 40, 100);
            log.close().unwrap();
            tail.world
        };
        let cut = |disk: &SimulatedDisk| -> Result<()> {
            let floor = LogFloor::default();
            let end = end_of(disk, &Keys::default(), Path::new(FOLDER), 0, last)?;
            let reading = Reading { keys: &Keys::default(), floor, keeps: true, read_only: false, end };
            recover(disk, Path::new(FOLDER), reading, &mut |_, _| Ok(())).map(drop)
        };
        let mut calls = 1;
        loop {
            let disk = whole.disk.clone_image();
            disk.crash_at(disk.calls() + calls);
            let is_done = cut(&disk).is_ok();
            let disk = disk.after_crash(if calls % 2 == 0 { Loss::Everything } else { Loss::Random(calls) });
            if is_done {
                break;
            }
            // Begun again, it comes to its end.
            cut(&disk).unwrap();
            let mut bodies = Vec::new();
            let reading = Reading {
                keys: &Keys::default(),
                floor: LogFloor::default(),
                keeps: true,
                read_only: false,
                end: None,
            };
            let recovered = recover(&disk, Path::new(FOLDER), reading, &mut |_, body| {
                bodies.push(body.to_vec());
                Ok(())
            });
            assert_eq!(recovered.unwrap().last.map_or(0, |last| last.sequence), last, "call {calls}");
            assert_eq!(bodies, records(1, last, 100));
            calls += 1;
        }
    }
}

#[test]
fn a_closed_log_gives_back_no_segment_of_a_folder_that_may_be_another_ones() {
    let mut tail = Tail::new(1);
    let log = tail.open();
    append(&log, 1, 60, 100);
    log.close().unwrap();
    let names = tail.world.names();
    assert!(names.iter().filter_map(|name| segment_number(name)).count() > 1);
    log.keep(60);
    log.release(LogFloor { segment: u64::MAX, flushed_sequence: 60 }).unwrap();
    assert_eq!(tail.world.names(), names);
}
