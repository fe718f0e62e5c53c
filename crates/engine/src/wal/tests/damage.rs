//! Bytes and files changed from outside: found, or harmless.

use super::*;
use crate::disk::simulated::Loss;
use crate::error::Code;

/// Three segments; 1..=20 were durable when the last record was appended, which is how the log can know.
fn vouched_log() -> World {
    let mut world = World::new();
    let log = world.open();
    for last in [4, 8, 12, 16, 20] {
        append(&log, last - 3, last, 60);
        log.sync().unwrap();
    }
    append(&log, 21, 21, 60);
    log.sync().unwrap();
    world
}

#[test]
fn a_flip_of_any_byte_is_found_or_loses_nothing_that_a_later_record_vouches_for() {
    let world = vouched_log();
    let written = records(1, 21, 60);
    let mut corrupt = 0;
    for name in world.names() {
        let path = world.path(&name);
        for offset in 0..world.disk.contents(&path).unwrap().len() as u64 {
            let damaged = World { disk: world.disk.clone_image(), ..World::new() };
            damaged.disk.flip(&path, offset, 1 << (offset % 8)).unwrap();
            match damaged.read(true) {
                Ok((recovered, bodies)) => {
                    assert!(bodies.len() >= 20, "{name} at {offset}: {} records", bodies.len());
                    assert_eq!(bodies, &written[..bodies.len()], "{name} at {offset}");
                    assert_eq!(recovered.torn.is_some(), bodies.len() < 21, "{name} at {offset}: unsaid");
                }
                Err(error) => {
                    assert_eq!(error.code(), Code::Corrupt, "{name} at {offset}: {error}");
                    assert_eq!(error.file(), Some(&*path), "{name} at {offset}: {error}");
                    let at = error.offset().expect("the place is told");
                    assert!(at <= offset && offset - at < 200, "{name} at {offset}: {error}");
                    corrupt += 1;
                }
            }
        }
    }
    assert!(corrupt > 20 * 150, "{corrupt} flips were refused");
}

#[test]
fn a_log_cut_short_anywhere_is_refused_or_loses_nothing_vouched_for() {
    let world = vouched_log();
    let names = world.names();
    for name in &names {
        let path = world.path(name);
        for bytes in (0..world.disk.contents(&path).unwrap().len() as u64).step_by(7) {
            let damaged = World { disk: world.disk.clone_image(), ..World::new() };
            damaged.disk.truncate(&path, bytes).unwrap();
            let is_last = Some(name) == names.last();
            match damaged.recover() {
                // Nothing can be known of a file whose own end is missing.
                Ok((_, bodies)) => assert!(is_last || bodies.len() >= 20, "{name} cut to {bytes}"),
                Err(error) => assert_eq!(error.code(), Code::Corrupt, "{name} cut to {bytes}: {error}"),
            }
        }
    }
}

#[test]
fn a_missing_segment_is_corrupt_if_a_later_one_was_synced() {
    let world = vouched_log();
    let names = world.names();
    for missing in &names[..names.len() - 1] {
        let damaged = World { disk: world.disk.clone_image(), ..World::new() };
        damaged.disk.delete(&world.path(missing)).unwrap();
        let error = damaged.recover().unwrap_err();
        assert_eq!(error.code(), Code::Corrupt);
        assert!(error.message().contains("records are missing"), "{error}");
        assert!(error.file().is_some() && error.offset().is_some());
    }
}

#[test]
fn a_close_record_vouches_for_everything_before_it() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 3, 60);
    log.close().unwrap();
    world.crash(Loss::Everything);
    let frame = frame::bytes_of(record(1, 1, 60).len()) as u64;
    world.disk.flip(&world.path("000001.log"), segment::FIRST_FRAME + 2 * frame + 50, 1).unwrap();
    let error = world.recover().unwrap_err();
    assert_eq!((error.code(), error.offset()), (Code::Corrupt, Some(segment::FIRST_FRAME + 2 * frame)));
}

/// A sector of an earlier life before one of this life: the length is anything, the salt is ours.
#[test]
fn a_torn_frame_header_that_claims_the_longest_record_is_a_torn_tail() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 2, 60);
    log.sync().unwrap();
    append(&log, 3, 3, 60);
    log.write_out().unwrap();
    drop(log);
    let frame = frame::bytes_of(record(1, 1, 60).len());
    let third = segment::HEADER_BYTES + 2 * frame;
    let longest = crate::limits::RECORD_BYTES_MAX as u32;
    let claim = |bytes: &mut Vec<u8>| bytes[third + 4..third + 8].copy_from_slice(&longest.to_le_bytes());
    world.disk.damage(&world.path("000001.log"), claim).unwrap();
    let (recovered, bodies) = world.recover().unwrap();
    assert_eq!(bodies, records(1, 2, 60));
    assert!(recovered.torn.is_some());
}

#[test]
fn a_value_that_holds_a_copy_of_the_log_vouches_for_nothing() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 2, 8);
    log.sync().unwrap();
    append(&log, 3, 3, 8);
    log.sync().unwrap();
    let path = world.path("000001.log");
    let copy = world.disk.contents(&path).unwrap();
    let frame = frame::bytes_of(record(1, 1, 8).len());
    let third = segment::HEADER_BYTES + 2 * frame;
    // The value begins 24 + 32 + 12 + 8 bytes into its frame; 4 more make it aligned, so that frames in it are found.
    let mut batch = Batch::new();
    let value = [&[0; 4], &copy[third..third + frame]].concat();
    batch.put(0, &4u64.to_le_bytes(), &value, None).unwrap();
    let header = Header { kind: RecordKind::Data, count: 1, sequence: 4, revision: 5, time_ms: 0 };
    set_header(batch.body(), header);
    log.append(batch.body()).unwrap();
    log.write_out().unwrap();
    world.disk.flip(&path, (third + frame + 30) as u64, 1).unwrap();
    let (recovered, bodies) = world.recover().unwrap();
    assert_eq!(bodies, records(1, 3, 8));
    assert!(recovered.torn.is_some());
}

#[test]
fn a_segment_of_a_later_version_is_refused_by_name() {
    let world = vouched_log();
    let path = world.path("000001.log");
    for (at, what) in [(8, "format 3"), (12, "features 0x00000002")] {
        let damaged = World { disk: world.disk.clone_image(), ..World::new() };
        damaged
            .disk
            .damage(&path, |bytes| {
                bytes[at] ^= 2;
                let crc = crc32c::crc32c(&bytes[..segment::HEADER_BYTES - 4]);
                bytes[segment::HEADER_BYTES - 4..segment::HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
            })
            .unwrap();
        let error = damaged.recover().unwrap_err();
        assert_eq!(error.code(), Code::Format);
        assert!(error.message().contains(what), "{error}");
    }
}

#[test]
fn a_segment_longer_than_any_can_be_is_refused_unread() {
    let world = vouched_log();
    let names = world.names();
    for name in [&names[0], names.last().unwrap()] {
        let damaged = World { disk: world.disk.clone_image(), ..World::new() };
        let path = world.path(name);
        damaged
            .disk
            .damage(&path, |bytes| bytes.resize(crate::limits::SEGMENT_BYTES_MAX as usize + 1, 0))
            .unwrap();
        let error = damaged.recover().unwrap_err();
        assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*path)));
        assert_eq!(error.offset(), Some(crate::limits::SEGMENT_BYTES_MAX));
        assert!(error.message().contains("more than any can have"), "{error}");
    }
}

#[test]
fn a_lost_header_before_what_looks_like_overlapping_frames_costs_no_more_than_reading_it_a_few_times() {
    let mut world = World::new();
    let log = world.open();
    append(&log, 1, 1, 8);
    log.sync().unwrap();
    drop(log);
    let path = world.path("000001.log");
    world
        .disk
        .damage(&path, |bytes| {
            // At every multiple of 56 the beginning of a frame that would reach almost to the end of 8 MiB.
            bytes.resize(8 << 20, 0);
            bytes[..128].fill(0);
            for at in (128..bytes.len() - 56).step_by(56) {
                let claimed = (bytes.len() - at - 24) as u32;
                bytes[at..at + 24].fill(0);
                bytes[at + 4..at + 8].copy_from_slice(&claimed.to_le_bytes());
                bytes[at + 24] = 1;
                bytes[at + 25..at + 28].fill(0);
                bytes[at + 32..at + 40].copy_from_slice(&77u64.to_le_bytes());
            }
        })
        .unwrap();
    let began = std::time::Instant::now();
    let error = world.recover().unwrap_err();
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*path)));
    assert!(error.message().contains("overlap"), "{error}");
    // Reading each of them whole would be 150,000 times 4 MiB.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
