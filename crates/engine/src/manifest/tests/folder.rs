//! What stands in the folder: rolling, names, strangers, what is missing.

use super::*;
use crate::names::FileName;

fn names(disk: &SimulatedDisk) -> Vec<String> {
    let mut names = disk.list(folder()).unwrap();
    names.sort();
    names
}

fn failure(disk: &SimulatedDisk) -> crate::error::Error {
    recover(disk, &Keys::default(), folder()).map(|_| ()).unwrap_err()
}

#[test]
fn a_new_database_is_one_manifest_and_current() {
    let disk = disk_with_folder();
    let log = create(&disk).unwrap();
    assert_eq!(names(&disk), ["000001.manifest", "CURRENT"]);
    let state = log.state();
    assert_eq!((state.creation, state.last_revision, state.time_ms), (creation(), 1, 5));
    assert_eq!((state.next_number, log.numbers().next()), (2, 2));
    assert_eq!(create(&disk).map(|_| ()).unwrap_err().code(), Code::Exists);
}

#[test]
fn a_long_manifest_is_rolled_and_the_old_one_removed() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    for _ in 0..100 {
        work(&disk, &mut log).unwrap();
        assert!(log.file().1 < 4096, "it grows without end");
    }
    let (name, bytes) = log.file();
    assert!(name.number().unwrap() > 50, "it was rolled");
    assert_eq!(bytes, disk.contents(&name.in_folder(folder())).unwrap().len() as u64);
    assert_eq!(names(&disk).iter().filter(|name| name.ends_with("manifest")).count(), 1);
    let recovered = recover(&disk, &Keys::default(), folder()).unwrap();
    assert_eq!((&recovered.state, recovered.tail), (log.state(), Tail::Marked));
    assert_eq!(recovered.strangers, []);
}

#[test]
fn opening_after_an_orderly_end_changes_nothing() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    work(&disk, &mut log).unwrap();
    log.append(Edit { clean_close: true, ..Edit::default() }).unwrap();
    disk.start_images();
    let log = open(&disk).unwrap();
    assert!(log.state().clean_close);
    assert!(disk.take_images().is_empty());
}

#[test]
fn numbers_go_on_above_every_file_in_the_folder() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    work(&disk, &mut log).unwrap();
    disk.create(&FileName::Segment(41).in_folder(folder())).unwrap();
    assert_eq!(open(&disk).unwrap().numbers().take(), 42);
}

#[test]
fn tables_that_nothing_names_are_strangers_and_other_files_are_not_ours() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    work(&disk, &mut log).unwrap();
    for name in ["000090.table", "000091.log", "notes.txt", "91.table"] {
        disk.create(&folder().join(name)).unwrap();
    }
    assert_eq!(recover(&disk, &Keys::default(), folder()).unwrap().strangers, [FileName::Table(90)]);
}

#[test]
fn opening_removes_what_is_left_of_older_manifests() {
    let disk = disk_with_folder();
    let mut log = create(&disk).unwrap();
    work(&disk, &mut log).unwrap();
    for name in ["000077.manifest", "CURRENT.new"] {
        disk.create(&folder().join(name)).unwrap();
    }
    open(&disk).unwrap();
    assert_eq!(names(&disk), ["000001.manifest", "000002.table", "CURRENT"]);
}

#[test]
fn an_empty_folder_and_a_creation_that_did_not_finish_hold_no_database() {
    let disk = disk_with_folder();
    assert_eq!(failure(&disk).code(), Code::NotFound);
    for name in ["LOCK", "000001.manifest", "CURRENT.new"] {
        disk.create(&folder().join(name)).unwrap();
    }
    assert_eq!(failure(&disk).code(), Code::NotFound);
    create(&disk).unwrap();
    assert_eq!(recover(&disk, &Keys::default(), folder()).unwrap().number, 1);
}

#[test]
fn files_of_a_database_without_current_are_corrupt_and_not_made_anew() {
    for name in ["000003.table", "000002.log", "spare.log"] {
        let disk = disk_with_folder();
        disk.create(&folder().join(name)).unwrap();
        let error = failure(&disk);
        assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*folder().join("CURRENT"))));
        assert_eq!(create(&disk).map(|_| ()).unwrap_err().code(), Code::Corrupt);
    }
}

#[test]
fn a_live_table_or_the_manifest_that_is_missing_is_corrupt_by_its_name() {
    for name in ["000002.table", "000001.manifest"] {
        let disk = disk_with_folder();
        let mut log = create(&disk).unwrap();
        work(&disk, &mut log).unwrap();
        disk.delete(&folder().join(name)).unwrap();
        let error = failure(&disk);
        assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*folder().join(name))));
    }
}

#[test]
#[should_panic(expected = "an edit does not fit")]
fn an_edit_that_cannot_follow_is_a_bug_of_the_caller() {
    let disk = disk_with_folder();
    let _ = create(&disk).unwrap().append(Edit { removed: vec![(0, 9)], ..Edit::default() });
}
