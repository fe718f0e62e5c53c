//! Whatever call the machine stops or fails at, the state is that of the last edit that was acknowledged, or of the one
//! under way.

use super::*;
use crate::disk::simulated::{Fault, Loss};

const EDITS: u64 = 24;
const LOSSES: [Loss; 4] = [Loss::Everything, Loss::Random(1), Loss::Random(2), Loss::Random(3)];

/// Makes a database, at revision 1, and adds an edit a revision until something fails. Gives the revision acknowledged
/// last, 0 if not even the creation was.
fn run(disk: &SimulatedDisk) -> u64 {
    let Ok(mut log) = create(disk) else { return 0 };
    (1..EDITS).find(|_| work(disk, &mut log).is_err()).unwrap_or(EDITS)
}

fn calls_of_a_run() -> u64 {
    let disk = disk_with_folder();
    assert_eq!(run(&disk), EDITS);
    disk.calls()
}

fn revision(disk: &SimulatedDisk) -> Result<u64> {
    match recover(disk, &Keys::default(), folder()) {
        Ok(recovered) => Ok(recovered.state.last_revision),
        Err(error) if error.code() == Code::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// What the disk holds after a crash at `call`, beside what had been acknowledged.
fn crashed(call: u64, loss: Loss, skipped: Option<SyncPoint>) -> (u64, SimulatedDisk) {
    let disk = disk_with_folder();
    disk.skip_sync(skipped);
    disk.crash_at(call);
    let acknowledged = run(&disk);
    (acknowledged, disk.after_crash(loss))
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    for call in 1..=calls_of_a_run() {
        for loss in LOSSES {
            let (acknowledged, disk) = crashed(call, loss, None);
            let found = revision(&disk).unwrap_or_else(|error| panic!("call {call}, {loss:?}: {error}"));
            assert!((acknowledged..=acknowledged + 1).contains(&found), "call {call}, {loss:?}: {found}");
        }
    }
}

#[test]
fn the_power_may_fail_again_at_any_call_of_the_open_that_follows() {
    for call in (1..=calls_of_a_run()).step_by(3) {
        let (_, disk) = crashed(call, Loss::Random(call), None);
        let Ok(found @ 1..) = revision(&disk) else { continue };
        for second in 1.. {
            let disk = disk.clone_image();
            disk.crash_at(second);
            let opened = open(&disk).is_ok();
            for loss in LOSSES {
                let again = disk.clone_image().after_crash(loss);
                assert_eq!(revision(&again).unwrap(), found, "calls {call} and {second}, {loss:?}");
            }
            if opened {
                break;
            }
        }
    }
}

#[test]
fn what_a_restarted_process_has_opened_survives_a_power_cut() {
    for call in 1..=calls_of_a_run() {
        let disk = disk_with_folder();
        disk.crash_at(call);
        run(&disk);
        // The process ended, the machine did not: what was written is there, synced or not.
        let disk = disk.clone_image();
        let Ok(found @ 1..) = revision(&disk) else { continue };
        let mut log = open(&disk).unwrap();
        assert_eq!(
            revision(&disk.clone_image().after_crash(Loss::Everything)).unwrap(),
            found,
            "call {call}"
        );
        work(&disk, &mut log).unwrap();
        assert_eq!(revision(&disk.after_crash(Loss::Everything)).unwrap(), found + 1, "call {call}");
    }
}

#[test]
fn every_sync_is_needed() {
    use SyncPoint::{Current, CurrentFolder, ManifestEdit, ManifestFolder, ManifestNew};
    for point in [ManifestEdit, ManifestNew, ManifestFolder, Current, CurrentFolder] {
        let is_lost = |(call, loss)| {
            let (acknowledged, disk) = crashed(call, loss, Some(point));
            !revision(&disk).is_ok_and(|found| (acknowledged..=acknowledged + 1).contains(&found))
        };
        let mut crashes = (1..=calls_of_a_run()).flat_map(|call| LOSSES.map(|loss| (call, loss)));
        assert!(crashes.any(is_lost), "nothing is lost without {point:?}");
    }
}

#[test]
fn a_call_that_fails_at_any_time_leaves_what_was_acknowledged_and_ends_the_log() {
    for call in 1..=calls_of_a_run() {
        for sticky in [false, true] {
            let disk = disk_with_folder();
            disk.fail(Some(Fault { call, sticky, code: Code::Io }));
            let acknowledged = run(&disk);
            disk.fail(None);
            let found = revision(&disk).unwrap();
            assert!((acknowledged..=acknowledged + 1).contains(&found), "call {call}: {found}");
            if found > 0 {
                let mut log = open(&disk).unwrap();
                work(&disk, &mut log).unwrap();
                assert_eq!(revision(&disk.after_crash(Loss::Everything)).unwrap(), found + 1, "call {call}");
            }
        }
    }
}

#[test]
fn after_a_failed_append_every_later_one_reports_its_cause() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    disk.fail(Some(Fault { call: disk.calls() + 2, sticky: false, code: Code::Io }));
    assert_eq!(log.append(Edit::default()).unwrap_err().code(), Code::Io);
    let later = log.append(Edit::default()).unwrap_err();
    assert_eq!(later.code(), Code::Poisoned);
    assert!(later.message().contains("told to fail"), "{later}");
}

#[test]
fn an_edit_that_finds_no_room_is_as_if_it_had_never_been() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    work(&disk, &mut log).unwrap();
    let (before, size) = (log.state().clone(), log.file().1);
    for sticky in [false, true] {
        disk.fail(Some(Fault { call: disk.calls() + 1, sticky, code: Code::DiskFull }));
        assert_eq!(log.append(Edit::default()).unwrap_err().code(), Code::DiskFull);
        disk.fail(None);
        assert_eq!(recover(&disk, &Keys::default(), folder()).unwrap().state, before);
        assert_eq!((log.state(), log.file().1), (&before, size));
    }
    work(&disk, &mut log).unwrap();
    // In the room that was taken a full disk is as bad as any failure.
    disk.fail(Some(Fault { call: disk.calls() + 2, sticky: false, code: Code::DiskFull }));
    assert_eq!(log.append(Edit::default()).unwrap_err().code(), Code::Io);
    assert_eq!(log.append(Edit::default()).unwrap_err().code(), Code::Poisoned);
    assert_eq!(recover(&disk, &Keys::default(), folder()).unwrap().state, *log.state());
}

#[test]
fn a_full_disk_puts_rolling_off_and_fails_nothing() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    let first = log.file().0;
    while log.file().1 < OFTEN.roll_bytes_min {
        log.append(Edit { last_sequence: 1, ..Edit::default() }).unwrap();
    }
    assert_eq!(log.file().0, first);
    let mut put_off = 0;
    for edit in 0..200 {
        // Room, write, sync, mark; the fifth call would begin a new manifest.
        disk.fail(Some(Fault { call: disk.calls() + 5, sticky: false, code: Code::DiskFull }));
        let calls = disk.calls();
        log.append(Edit { last_sequence: edit, ..Edit::default() }).unwrap();
        put_off += u64::from(disk.calls() > calls + 4);
    }
    assert!(put_off > 0, "it tried to roll");
    assert_eq!(log.file().0, first);
    disk.fail(None);
    while log.file().0 == first {
        log.append(Edit::default()).unwrap();
    }
    assert_eq!(recover(&disk, &Keys::default(), folder()).unwrap().state, *log.state());
}

#[test]
fn a_roll_that_a_full_disk_puts_off_leaves_no_file() {
    let mut put_off = 0;
    for call in 1..=calls_of_a_run() {
        let disk = disk_with_folder();
        let Ok(mut log) = create(&disk) else { continue };
        disk.fail(Some(Fault { call, sticky: false, code: Code::DiskFull }));
        for _ in 1..EDITS {
            let before = log.file().0;
            let done = work(&disk, &mut log);
            if disk.calls() < call {
                continue;
            }
            if done.is_ok() && log.file().0 == before {
                put_off += 1;
                let mut names = disk.list(folder()).unwrap();
                names.retain(|name| name.ends_with(".manifest") || name.starts_with("CURRENT"));
                names.sort();
                assert_eq!(names, [before.to_string(), "CURRENT".to_owned()], "call {call}");
            }
            break;
        }
    }
    assert!(put_off > 5, "{put_off} rolls were put off");
}
