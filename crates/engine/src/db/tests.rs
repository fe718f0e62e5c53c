use super::*;
use crate::batch::{Batch, Reason};
use crate::disk::simulated::SimulatedDisk;
use crate::entry::NO_DEADLINE;
use crate::options::{Retain, Tuning};
use crate::simulation::{FixedClock, environment};

#[test]
fn a_snapshot_that_ends_wakes_the_compaction_that_it_held_up_and_no_other_does() {
    let (disk, clock) = (SimulatedDisk::default(), Arc::new(FixedClock::new(1)));
    let tuning = Tuning { garbage_bytes_min: 1 << 10, ..Tuning::default() };
    let options = Options { tuning, ..Options::default() };
    let db = Db::open(Path::new("/db"), options, environment(&disk, &clock, 1)).unwrap();
    let commit = |deletes: bool| {
        let mut batch = Batch::new();
        for index in 0..1200u32 {
            let key = index.to_be_bytes();
            match deletes {
                true => batch.delete(KEYSPACE_USER, &key, Reason::User).unwrap(),
                false => batch.put(KEYSPACE_USER, &key, b"value", None).unwrap(),
            };
        }
        db.write(batch.body(), &[]).unwrap();
    };
    let entries = || db.stats().levels.iter().map(|level| level.entries).sum::<u64>();
    let is_due = || db.0.state.work.lock().compact;
    commit(false);
    db.flush().unwrap();
    db.run_background();
    drop(db.snapshot().unwrap());
    assert!(!is_due(), "it held up nothing");

    let held = [db.snapshot().unwrap(), db.snapshot().unwrap()];
    commit(true);
    db.flush().unwrap();
    for snapshot in held {
        db.run_background();
        assert!(entries() == 2400 && !is_due());
        drop(snapshot);
        assert!(is_due());
    }
    db.run_background();
    assert_eq!(entries(), 0);

    for _ in 0..3 {
        clock.advance(10_000);
        db.run_background();
    }
    let due = db.0.state.work.lock();
    let idle = due.upkeep_at_ms == NO_DEADLINE && due.compact_at_ms == NO_DEADLINE;
    assert!(idle, "a database that is left alone sets itself no deadline");
}

#[test]
fn an_edit_knows_no_time_of_commits_that_a_power_cut_may_take() {
    let (disk, clock) = (SimulatedDisk::default(), Arc::new(FixedClock::new(1)));
    let retain = Retain { revisions: None, ms: Some(60_000) };
    let options = Options { history: Some(true), retain, ..Options::default() };
    let db = Db::open(Path::new("/db"), options, environment(&disk, &clock, 1)).unwrap();
    let put = || {
        let mut batch = Batch::new();
        batch.put(KEYSPACE_USER, b"key", b"value", None).unwrap();
        db.write(batch.body(), &[]).unwrap();
        clock.advance(10_000);
    };
    put();
    db.flush().unwrap();
    put();
    let state = &db.0.state;
    let marked = |marks: &crate::marks::Marks| -> Vec<Revision> {
        marks.all().iter().map(|mark| mark.revision).collect()
    };
    assert_eq!(marked(&state.marks.lock()), [2, 3]);
    let edit = state.new_edit(state.readable.load().flushed);
    assert_eq!(marked(&edit.marks.unwrap()), [2]);
}

#[test]
fn what_commits_have_trimmed_wakes_compaction_at_the_next_upkeep() {
    let (disk, clock) = (SimulatedDisk::default(), Arc::new(FixedClock::new(1)));
    let retain = Retain { revisions: Some(1), ms: None };
    let options = Options { history: Some(true), retain, ..Options::default() };
    let db = Db::open(Path::new("/db"), options, environment(&disk, &clock, 1)).unwrap();
    let state = &db.0.state;
    let put = || {
        let mut batch = Batch::new();
        batch.put(KEYSPACE_USER, b"key", b"value", None).unwrap();
        db.write(batch.body(), &[]).unwrap();
    };
    let is_due = || std::mem::take(&mut state.work.lock().compact);
    state.run_background();
    put();
    put();
    assert!(!is_due(), "a commit wakes nobody");
    state.begin_upkeep().unwrap();
    assert!(is_due());
    state.begin_upkeep().unwrap();
    assert!(!is_due(), "nothing was trimmed since");
}

#[test]
fn a_compaction_that_somebody_asked_for_takes_no_thread_from_the_others_and_wakes_them_at_its_end() {
    let (disk, clock) = (SimulatedDisk::default(), Arc::new(FixedClock::new(1)));
    let db = Db::open(Path::new("/db"), Options::default(), environment(&disk, &clock, 1)).unwrap();
    let state = &db.0.state;
    assert_eq!(state.compaction_threads, 1);
    let flush = |count: u32| {
        for _ in 0..count {
            let mut batch = Batch::new();
            batch.put(KEYSPACE_USER, b"key", b"value", None).unwrap();
            db.write(batch.body(), &[]).unwrap();
            db.flush().unwrap();
        }
    };
    flush(2);
    let everything = (&[KEYSPACE_USER][..], &[KEYSPACE_USER + 1][..]);
    let asked = state.asked_turn(everything, db.visible()).unwrap().unwrap();
    flush(8);
    let due = state.next_turn().unwrap().expect("tables that writers will wait for are merged meanwhile");
    drop(due);
    state.work.lock().compact = false;
    drop(asked);
    assert!(state.work.lock().compact);
}

#[test]
fn what_expires_under_a_snapshot_keeps_no_thread_awake_until_it_ends() {
    let (disk, clock) = (SimulatedDisk::default(), Arc::new(FixedClock::new(1)));
    let tuning = Tuning { garbage_bytes_min: 1 << 10, ..Tuning::default() };
    let options = Options { tuning, ..Options::default() };
    let db = Db::open(Path::new("/db"), options, environment(&disk, &clock, 1)).unwrap();
    for flushes in [true, false] {
        let mut batch = Batch::new();
        for index in 0..1200u32 {
            batch.put(KEYSPACE_USER, &index.to_be_bytes(), b"value", Some(1_000)).unwrap();
        }
        db.write(batch.body(), &[]).unwrap();
        if flushes {
            db.flush().unwrap();
        }
    }
    let snapshot = db.snapshot().unwrap();
    clock.advance(60_000);
    (0..3).for_each(|_| db.run_background());
    let state = &db.0.state;
    let wakes_ms = || {
        let due = state.work.lock();
        due.compact_at_ms.min(due.upkeep_at_ms)
    };
    assert!(wakes_ms() > db.now_ms(), "a thread would be awake all the time");
    drop(snapshot);
    for _ in 0..3 {
        clock.advance(6_000);
        db.run_background();
    }
    let stats = db.stats();
    assert_eq!(stats.levels.iter().map(|level| level.entries).sum::<u64>(), 0);
    assert!(stats.log_bytes <= 128 << 10, "{stats:?}");
}

#[test]
fn the_bytes_of_a_range_are_about_its_share_of_tables_and_blob_files() {
    let (disk, clock) = (SimulatedDisk::default(), Arc::new(FixedClock::new(1)));
    let db = Db::open(Path::new("/db"), Options::default(), environment(&disk, &clock, 1)).unwrap();
    let key = |index: u32| index.to_be_bytes();
    let bytes = |lower: u32, upper: u32| db.approximate_bytes(Some(&key(lower)), Some(&key(upper))).unwrap();
    let mut batch = Batch::new();
    for index in 0..4_000u32 {
        let value: Vec<u8> =
            (0..200u32).map(|at| (index.wrapping_mul(2_654_435_761) >> (at % 24)) as u8 ^ at as u8).collect();
        batch.put(KEYSPACE_USER, &key(index), &value, None).unwrap();
    }
    // In a blob file, which its table refers to.
    batch.put(KEYSPACE_USER, &key(5_000), &vec![7; 100_000], None).unwrap();
    db.write(batch.body(), &[]).unwrap();
    assert_eq!(bytes(0, 6_000), 0, "nothing is in a table yet");
    db.flush().unwrap();
    let all = db.approximate_bytes(None, None).unwrap();
    let stats = db.stats();
    let files = stats.levels.iter().map(|level| level.bytes).sum::<u64>() + stats.blobs.bytes;
    assert!(all.abs_diff(files) < 1_000, "{all} of {files}: but for what a blob file has beside its values");
    assert_eq!((bytes(0, 6_000), bytes(6_000, 7_000), bytes(2_000, 1_000)), (all, 0, 0));
    let quarters: Vec<u64> = (0..4).map(|at| bytes(at * 1_000, at * 1_000 + 1_000)).collect();
    let page = 2 * (all / 4_000) * 80;
    assert!(quarters.iter().all(|quarter| quarter.abs_diff(all / 4) < page), "{quarters:?} of {all}");
}
