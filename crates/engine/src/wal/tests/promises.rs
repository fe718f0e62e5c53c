//! What `Log` and `recover` say they do, one by one.

use super::*;
use crate::disk::SyncPoint;
use crate::disk::simulated::{Fault, Loss};
use crate::error::Code;

#[test]
fn records_come_back_in_order_over_many_segments() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 50, 100);
    log.sync().unwrap();
    world.crash(Loss::Everything);

    let (recovered, bodies) = world.recover().unwrap();
    assert_eq!(bodies, records(1, 50, 100));
    assert!(recovered.files.segments.len() > 5);
    assert_eq!(recovered.last, Some(Watermark { sequence: 50, revision: 51 }));
    assert_eq!((recovered.time_ms, recovered.applied, recovered.torn), (500, 50, None));
    assert!(!recovered.clean);
}

#[test]
fn a_killed_process_loses_only_what_it_had_not_written_out() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 3, 10);
    log.write_out().unwrap();
    append(&log, 4, 5, 10);
    assert_eq!((log.written().sequence, log.durable().sequence), (3, 0));

    assert_eq!(world.recover().unwrap().1, records(1, 3, 10));
    // What was read back is durable, since later segments vouch for it.
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(1, 3, 10));
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 2, 10);
    log.sync().unwrap();
    append(&log, 3, 4, 10);
    log.write_out().unwrap();
    let frame = frame::bytes_of(record(1, 1, 10).len()) as u64;
    let third = segment::FIRST_FRAME + 2 * frame;
    world.disk.flip(&world.path("000001.log"), third + 40, 1).unwrap();

    let (read, _) = world.read(true).unwrap();
    let (recovered, bodies) = world.recover().unwrap();
    assert_eq!((&read.torn, bodies), (&recovered.torn, records(1, 2, 10)));
    let torn = Torn { file: world.path("000001.log"), offset: third, bytes: 2 * frame };
    assert_eq!(recovered.torn, Some(torn));
    let (again, _) = world.recover().unwrap();
    assert_eq!((again.torn, again.files), (None, recovered.files));
}

#[test]
fn reading_only_changes_nothing() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 20, 100);
    log.write_out().unwrap();
    world.disk.flip(&world.path("000001.log"), 200, 1).unwrap();
    world.disk.create(&world.path(FRESH_NAME)).unwrap();
    let names = world.names();
    let contents: Vec<_> = names.iter().map(|name| world.disk.contents(&world.path(name)).unwrap()).collect();
    let (recovered, bodies) = world.read(true).unwrap();
    assert!(recovered.torn.is_some() && bodies.is_empty());
    assert_eq!(world.names(), names);
    for (name, before) in names.iter().zip(contents) {
        assert!(world.disk.contents(&world.path(name)).unwrap() == before, "{name} changed");
    }
}

#[test]
fn everything_behind_a_torn_segment_goes_before_new_segments_follow() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 40, 100);
    log.write_out().unwrap();
    world.disk.flip(&world.path("000002.log"), 200, 1).unwrap();
    let log = world.open();
    assert_eq!(world.names(), ["000001.log"]);
    let last = log.written().sequence;
    append(&log, last + 1, 60, 100);
    log.sync().unwrap();
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(1, 60, 100));
}

#[test]
fn a_recycled_segment_shows_nothing_of_its_earlier_life() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 20, 100);
    log.sync().unwrap();
    world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: 20 };
    log.release(world.floor).unwrap();
    assert_eq!(world.names().len(), 2, "the active segment and one spare are left: {:?}", world.names());
    append(&log, 21, 26, 100);
    log.write_out().unwrap();
    let recycled = world.names().into_iter().filter(|name| name.as_str() > "000004.log").find(|name| {
        let bytes = world.disk.contents(&world.path(name)).unwrap();
        bytes[bytes.len() - 300..].iter().any(|&byte| byte != 0)
    });
    assert!(recycled.is_some() && !world.names().contains(&SPARE_NAME.to_owned()), "{:?}", world.names());
    assert_eq!(world.recover().unwrap().1, records(21, 26, 100));
}

#[test]
fn a_prepared_spare_becomes_the_next_segment_without_a_sync() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 2, 100);
    log.prepare_spare(|| ()).unwrap();
    assert_eq!(world.names(), ["000001.log"], "a segment that is hardly used asks for no other");
    append(&log, 3, 4, 100);
    log.prepare_spare(|| ()).unwrap();
    assert_eq!(world.names(), ["000001.log", "spare.log"]);
    assert_eq!(log.bytes_on_disk(), 1024 + 2048, "segments double while they fill fast");
    let syncs = || world.disk.syncs(SyncPoint::SegmentPrepared);
    let before = syncs();
    append(&log, 5, 8, 100);
    assert_eq!((world.names(), syncs()), (vec!["000001.log".to_owned(), "000002.log".to_owned()], before));
    world.clock.advance(60_000);
    append(&log, 9, 13, 100);
    log.prepare_spare(|| ()).unwrap();
    assert_eq!(log.bytes_on_disk(), 1024 + 2048 + 1024, "and start again when they fill slowly");
}

#[test]
fn a_segment_asks_for_a_spare_once_when_it_is_half_full() {
    let mut world = World::new();
    let log = world.open();
    let asks = |first: u64, last: u64| -> Vec<bool> {
        (first..=last).map(|sequence| log.append(&record(sequence, 1, 100)).unwrap().wants_spare).collect()
    };
    assert_eq!(asks(1, 4), [false, false, true, false]);
    assert_eq!(asks(5, 8), [false, false, true, false], "none was prepared, so the next one asks again");
    assert_eq!(asks(9, 11), [false, false, true]);
    log.prepare_spare(|| ()).unwrap();
    assert_eq!(asks(12, 17), [false; 6], "a spare was ready, and is not half full yet");
    assert_eq!(log.bytes_on_disk(), 3 * 1024 + 2048);
}

#[test]
fn a_record_larger_than_any_segment_gets_one_of_its_own() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 4, 100);
    log.prepare_spare(|| ()).unwrap();
    append(&log, 5, 5, 20_000);
    append(&log, 6, 9, 100);
    log.prepare_spare(|| ()).unwrap();
    let largest = crate::limits::RECORD_BYTES_MAX - record(1, 1, 0).len();
    append(&log, 10, 10, largest);
    append(&log, 11, 11, 100);
    log.sync().unwrap();
    world.crash(Loss::Everything);
    let (_, bodies) = world.recover().unwrap();
    assert_eq!(bodies.len(), 11);
    assert_eq!(bodies[9].len(), crate::limits::RECORD_BYTES_MAX);
}

#[test]
fn a_full_disk_refuses_the_record_and_nothing_else() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 4, 100);
    world.disk.limit_capacity(Some(world.disk.bytes_used() + 100));
    assert_eq!(log.prepare_spare(|| ()).unwrap_err().code(), Code::DiskFull);
    let mut last = 4;
    let error = loop {
        match log.append(&record(last + 1, 1, 100)) {
            Ok(_) => last += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::DiskFull);
    log.sync().unwrap();
    assert_eq!(world.names(), ["000001.log"]);

    world.disk.limit_capacity(None);
    append(&log, last + 1, 30, 100);
    log.sync().unwrap();
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(1, 30, 100));
}

#[test]
fn after_a_failed_write_nothing_is_written_again() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 1, 10);
    log.sync().unwrap();
    append(&log, 2, 2, 10);
    let call = world.disk.calls() + 1;
    world.disk.fail(Some(Fault { call, sticky: false, code: Code::DiskFull }));
    assert_eq!(
        log.write_out().unwrap_err().code(),
        Code::Io,
        "the space had been taken: no invitation to retry"
    );
    let calls = world.disk.calls();
    for error in [
        log.append(&record(3, 1, 10)).unwrap_err(),
        log.write_out().unwrap_err(),
        log.sync().unwrap_err(),
        log.prepare_spare(|| ()).unwrap_err(),
        log.release(LogFloor { segment: 9, flushed_sequence: 1 }).unwrap_err(),
        log.close().unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::Poisoned);
    }
    assert_eq!(world.disk.calls(), calls, "the disk was left alone");
    assert_eq!(log.durable().sequence, 1);
    assert_eq!(world.recover().unwrap().1, records(1, 1, 10));
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    for failing in [1, 2] {
        let mut world = World::new();
        let log = world.open();
        append(&log, 1, 1, 10);
        log.write_out().unwrap();
        // The folder first, then the segment.
        let call = world.disk.calls() + failing;
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::Io }));
        assert_eq!(log.sync().unwrap_err().code(), Code::Io);
        assert_eq!(log.sync().unwrap_err().code(), Code::Poisoned);
        assert_eq!(log.durable().sequence, 0);
    }
}

#[test]
fn what_was_recovered_after_a_failed_sync_is_durable_although_the_system_gave_it_up() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 2, 10);
    log.sync().unwrap();
    append(&log, 3, 3, 10);
    log.write_out().unwrap();
    world.disk.fail(Some(Fault { call: world.disk.calls() + 1, sticky: false, code: Code::Io }));
    assert_eq!(log.sync().unwrap_err().code(), Code::Io);
    drop(log);

    // The next process reads the record from memory; its own sync has nothing left to do for it.
    let (recovered, bodies) = world.recover().unwrap();
    assert_eq!(bodies, records(1, 3, 10));
    let log = world.log(recovered);
    append(&log, 4, 4, 10);
    log.sync().unwrap();
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(1, 4, 10));
}

#[test]
fn close_leaves_one_small_spare_once_everything_is_flushed() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 30, 100);
    log.prepare_spare(|| ()).unwrap();
    world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: 30 };
    log.release(world.floor).unwrap();
    log.close().unwrap();
    log.close().unwrap();
    assert_eq!(world.names(), ["spare.log"]);
    assert_eq!(log.bytes_on_disk(), TINY.segment_bytes_min);
    assert_eq!(log.append(&record(31, 1, 10)).unwrap_err().code(), Code::Closed);

    world.disk.start_images();
    let (recovered, bodies) = world.recover().unwrap();
    assert!(recovered.clean && bodies.is_empty() && recovered.last.is_none());
    assert_eq!(recovered.files.spare_bytes, Some(TINY.segment_bytes_min));
    let log = world.log(recovered);
    log.close().unwrap();
    assert!(world.disk.take_images().is_empty(), "opening and closing an idle log changes nothing");

    let log = world.open();
    append(&log, 31, 33, 10);
    log.sync().unwrap();
    assert_eq!(world.names().len(), 1, "the spare is used: {:?}", world.names());
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(31, 33, 10));
}

#[test]
fn a_closed_log_that_was_not_flushed_keeps_its_records() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 10, 100);
    log.close().unwrap();
    world.crash(Loss::Everything);
    let (recovered, bodies) = world.recover().unwrap();
    assert!(recovered.clean);
    assert_eq!(bodies, records(1, 10, 100));
    let log = world.log(recovered);
    append(&log, 11, 12, 100);
    log.sync().unwrap();
    world.crash(Loss::Everything);
    let (recovered, bodies) = world.recover().unwrap();
    assert!(!recovered.clean);
    assert_eq!(bodies, records(1, 12, 100));
}

#[test]
fn flushed_records_are_not_applied_again_and_may_be_missing() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 3, 10);
    log.sync().unwrap();
    append(&log, 4, 5, 10);
    // Tables hold 5 records; the log only 3 when the power goes.
    world.floor = LogFloor { segment: log.active_segment(), flushed_sequence: 5 };
    world.crash(Loss::Everything);
    let (recovered, bodies) = world.recover().unwrap();
    assert!(bodies.is_empty());
    assert_eq!(recovered.last.unwrap().sequence, 3);
    let log = world.log(recovered);
    append(&log, 6, 7, 10);
    log.sync().unwrap();
    world.crash(Loss::Everything);
    assert_eq!(world.recover().unwrap().1, records(6, 7, 10));
}

#[test]
fn a_file_that_no_counter_can_have_named_is_left_alone() {
    let mut world = World::new();
    let strangers = ["18446744073709551615.log", "99999999999999999.log"].map(|name| world.path(name));
    for stranger in &strangers {
        world.disk.create(stranger).unwrap().write_at(0, b"not a segment").unwrap();
    }
    let log = world.open();
    append(&log, 1, 3, 10);
    log.close().unwrap();
    assert_eq!(world.recover().unwrap().1, records(1, 3, 10));
    for stranger in &strangers {
        assert_eq!(world.disk.open(stranger, crate::disk::Access::Read).unwrap().size().unwrap(), 13);
    }
}

#[test]
fn a_segment_that_could_not_be_released_is_released_the_next_time() {
    for call in 1.. {
        let mut world = World::new();
        let log = world.open();
        append(&log, 1, 50, 100);
        log.sync().unwrap();
        let floor = LogFloor { segment: log.active_segment(), flushed_sequence: 40 };
        let call = world.disk.calls() + call;
        world.disk.fail(Some(Fault { call, sticky: false, code: Code::Io }));
        let failed = log.release(floor).is_err();
        world.disk.fail(None);
        // A failed sync is final.
        if log.check().is_ok() {
            log.release(floor).unwrap();
            let kept = world.names().iter().filter_map(|name| segment_number(name)).min();
            assert_eq!(kept, Some(floor.segment), "call {call}");
        }
        if !failed {
            return;
        }
    }
}
