//! A damaged log, opened at the last commit before the damage.

use crate::support::{World, small};
use coppice_engine::disk::simulated::{Loss, SimulatedDisk};
use coppice_engine::disk::{Disk, SyncPoint};
use coppice_engine::error::Code;
use coppice_engine::{Db, Event, LeftOut, Listener, Options, Recovery};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Heard(Mutex<Option<LeftOut>>);

impl Listener for Heard {
    fn event(&self, event: Event) {
        if let Event::Recovered { left_out, .. } = event {
            *self.0.lock().unwrap() = left_out;
        }
    }
}

/// Keys 0.. of one commit each, all but the first ten only in the log, which has several segments and was synced often.
fn killed() -> (World, u32) {
    let world = World::new();
    let options = || Options {
        tuning: coppice_engine::Tuning { memtable_bytes: 64 << 10, ..small().tuning },
        ..small()
    };
    let db = world.open(options());
    let count = 400;
    for index in 0..count {
        world.put(&db, &format!("key{index:04}"), &"x".repeat(60));
        if index == 9 {
            db.flush().unwrap();
        }
        if index % 5 == 0 {
            db.request_sync();
            db.run_background();
        }
    }
    db.request_sync();
    db.run_background();
    drop(db);
    (World { disk: world.disk.after_crash(Loss::Everything), ..world }, count)
}

fn options(recovery: Recovery, read_only: bool) -> (Options, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let options =
        Options { recovery, read_only, create_if_missing: false, listener: heard.clone(), ..small() };
    (options, heard)
}

fn segments(world: &World) -> Vec<PathBuf> {
    let mut names = world.disk.list(&world.folder).unwrap();
    names.retain(|name| name.ends_with(".log") && name.starts_with('0'));
    names.sort();
    names.iter().map(|name| world.folder.join(name)).collect()
}

/// How many of the keys are there; they must be the first ones.
fn prefix(world: &World, db: &Db, count: u32) -> u32 {
    let rows = world.rows(db, false);
    let wanted = (0..rows.len()).map(|index| format!("key{index:04}"));
    assert!(rows.iter().map(|(key, _)| key.clone()).eq(wanted));
    assert!(rows.len() as u32 <= count);
    rows.len() as u32
}

#[test]
fn it_opens_before_the_damage_and_keeps_what_it_left_out_byte_by_byte() {
    let (world, count) = killed();
    let segments = segments(&world);
    assert!(segments.len() >= 4, "{segments:?}");
    let damaged = &segments[1];
    let before = world.disk.contents(damaged).unwrap();
    world.disk.flip(damaged, 1000, 4).unwrap();
    let contents: Vec<_> = segments[1..].iter().map(|path| world.disk.contents(path).unwrap()).collect();

    let (strict, _) = options(Recovery::Strict, false);
    let error = world.try_open(strict).err().expect("the log is damaged");
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&**damaged)));
    assert!(contents[0] == world.disk.contents(damaged).unwrap(), "a refusal changes nothing");

    let (lenient, heard) = options(Recovery::PointInTime, false);
    let db = world.open(lenient);
    let left_out = heard.0.lock().unwrap().take().expect("the event says what was left out");
    assert_eq!((&*left_out.file, Some(left_out.offset)), (&**damaged, error.offset()));
    assert!(left_out.offset <= 1000 && left_out.bytes >= before.len() as u64 - left_out.offset);
    assert_eq!(left_out.files, segments.len() as u64 - 1);
    let aside = left_out.folder.expect("it is kept");
    for (path, bytes) in segments[1..].iter().zip(&contents) {
        assert!(world.disk.contents(&aside.join(path.file_name().unwrap())).unwrap() == *bytes, "{path:?}");
    }
    let found = prefix(&world, &db, count);
    assert!((10..count).contains(&found), "{found} keys");
    assert_eq!(db.visible(), u64::from(found) + 1);

    // From there on it is a database like any other.
    world.put(&db, &format!("key{found:04}"), "new");
    db.request_sync();
    db.run_background();
    drop(db);
    let (strict, heard) = options(Recovery::Strict, false);
    let db = world.open(strict);
    assert_eq!(prefix(&world, &db, count), found + 1);
    assert_eq!(*heard.0.lock().unwrap(), None);
    assert!(db.verify(&mut |_| ()).unwrap().problems.is_empty());
}

#[test]
fn a_read_only_open_leaves_out_the_same_and_changes_nothing() {
    let (world, count) = killed();
    let damaged = segments(&world)[2].clone();
    world.disk.flip(&damaged, 700, 1).unwrap();
    let names = world.disk.list(&world.folder).unwrap();
    let (lenient, heard) = options(Recovery::PointInTime, true);
    let db = world.open(lenient);
    let found = prefix(&world, &db, count);
    let left_out = heard.0.lock().unwrap().take().expect("the event says what was left out");
    assert_eq!((left_out.folder, &*left_out.file), (None, &*damaged));
    drop(db);
    assert_eq!(world.disk.list(&world.folder).unwrap(), names);
    let (lenient, _) = options(Recovery::PointInTime, false);
    assert_eq!(prefix(&world, &world.open(lenient), count), found);
}

#[test]
fn whatever_byte_of_the_log_is_wrong_it_opens_at_a_prefix_that_holds_what_was_flushed() {
    let (world, count) = killed();
    let mut left_out = 0;
    for path in segments(&world) {
        let bytes = world.disk.contents(&path).unwrap().len() as u64;
        for offset in (0..bytes).step_by(97) {
            let damaged = World { disk: world.disk.clone_image(), ..World::new() };
            damaged.disk.flip(&path, offset, 0x40).unwrap();
            let (lenient, heard) = options(Recovery::PointInTime, false);
            let db =
                damaged.try_open(lenient).unwrap_or_else(|error| panic!("{path:?} at {offset}: {error}"));
            assert!(prefix(&damaged, &db, count) >= 10, "{path:?} at {offset}");
            left_out += u32::from(heard.0.lock().unwrap().is_some());
        }
    }
    assert!(left_out > 50, "{left_out} of the flips are damage");
}

/// Crashes a point-in-time open at every call; the first call at which a file of the damaged log is gone afterwards.
fn first_loss(skipped: Option<SyncPoint>) -> Option<u64> {
    let (world, count) = killed();
    let damaged = segments(&world)[1].clone();
    world.disk.flip(&damaged, 1000, 4).unwrap();
    let all: Vec<_> = segments(&world).iter().map(|path| world.disk.contents(path).unwrap()).collect();
    for call in 1.. {
        let disk = world.disk.clone_image();
        disk.skip_sync(skipped);
        disk.crash_at(call);
        let crashing = World { disk: disk.clone(), ..World::new() };
        let (lenient, _) = options(Recovery::PointInTime, false);
        let done = crashing.try_open(lenient).is_ok();
        for loss in [Loss::Everything, Loss::Random(call), Loss::Random(call + 1000)] {
            let after = World { disk: disk.after_crash(loss), ..World::new() };
            let (lenient, _) = options(Recovery::PointInTime, false);
            let db = after.try_open(lenient).unwrap_or_else(|error| panic!("call {call}: {error}"));
            prefix(&after, &db, count);
            drop(db);
            let kept = everything(&after.disk, &after.folder);
            if all[1..].iter().any(|bytes| !kept.contains(bytes)) {
                return Some(call);
            }
        }
        if done {
            assert!(call > 20, "it makes more calls than {call}");
            return None;
        }
    }
    unreachable!("a run without a crash ends it")
}

#[test]
fn a_crash_at_any_call_of_it_loses_no_evidence() {
    assert_eq!(first_loss(None), None);
}

#[test]
fn its_syncs_are_needed_for_that() {
    assert!(first_loss(Some(SyncPoint::LeftOut)).is_some());
}

/// Every file in the folder and in those below it.
fn everything(disk: &SimulatedDisk, folder: &Path) -> Vec<Vec<u8>> {
    let names = disk.list(folder).unwrap();
    let within = |name: &String| match name.starts_with("left-out-") {
        true => everything(disk, &folder.join(name)),
        false => vec![disk.contents(&folder.join(name)).unwrap()],
    };
    names.iter().flat_map(within).collect()
}
