//! Folders that nobody has open: made from files of elsewhere, emptied, cut.

use crate::node::{Node, replicated};
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::Loss;
use coppice_engine::error::Code;
use coppice_engine::{Options, files_of};
use std::path::Path;

fn filled(records: u32) -> Node {
    let node = Node::new(Options { blob_bytes: 64, ..replicated() });
    node.db().lead(true).unwrap();
    for index in 0..records {
        let value = format!("{index}").repeat(1 + index as usize % 40);
        node.world.put(node.db(), &format!("key{index:04}"), &value);
    }
    node
}

#[test]
fn a_version_is_the_same_database_elsewhere_and_its_files_stay_until_it_is_let_go_of() {
    let mut from = filled(600);
    let version = from.db().pin_version().unwrap();
    assert_eq!((version.sequence(), version.revision()), (600, 601));
    let wanted = from.world.rows(from.db(), false);
    for index in 0..600 {
        from.world.delete(from.db(), &format!("key{index:04}"));
    }
    from.db().compact(None, None).unwrap();

    let mut to = Node::new(replicated());
    to.close();
    to.clear();
    assert_eq!(files_of(&version.manifest()).unwrap(), version.files());
    to.download(&from, &version);
    to.install(&version.manifest()).unwrap();
    to.open();
    assert_eq!(to.world.rows(to.db(), false), wanted);

    let exists = |name: &str| from.world.disk.contents(&from.world.folder.join(name)).is_ok();
    let names: Vec<String> = version.files().into_iter().map(|file| file.name).collect();
    assert!(names.iter().any(|name| name.ends_with(".blob")) && names.iter().all(|name| exists(name)));
    drop(version);
    assert!(!names.iter().any(|name| exists(name)));
    from.close();
}

#[test]
fn an_install_that_is_cut_off_anywhere_leaves_nothing_or_all() {
    let from = filled(100);
    let version = from.db().pin_version().unwrap();
    let manifest = version.manifest();
    let mut whole = 0;
    for calls in 1.. {
        let mut to = Node::new(replicated());
        to.close();
        to.clear();
        to.download(&from, &version);
        to.world.disk.crash_at(to.world.disk.calls() + calls);
        let is_done = to.install(&manifest).is_ok();
        to.crash(if calls % 2 == 0 { Loss::Everything } else { Loss::Random(calls) });
        let has_current = to.world.disk.contents(&to.world.folder.join("CURRENT")).is_ok();
        if !has_current {
            assert!(!is_done);
            // Begun again it comes to its end.
            to.clear();
            to.download(&from, &version);
            to.install(&manifest).unwrap();
        }
        whole += u32::from(has_current && !is_done);
        to.open();
        assert_eq!(to.db().last_sequence(), 100);
        assert_eq!(to.world.rows(to.db(), false), from.world.rows(from.db(), false));
        if is_done {
            break;
        }
    }
    assert!(whole > 0, "some were done that did not hear of it");
}

#[test]
fn files_that_are_missing_or_cut_off_make_no_database() {
    let from = filled(200);
    let version = from.db().pin_version().unwrap();
    let manifest = version.manifest();
    for file in version.files() {
        for is_there in [true, false] {
            let mut to = Node::new(replicated());
            to.close();
            to.clear();
            to.download(&from, &version);
            let path = to.world.folder.join(&file.name);
            match is_there {
                true => to.world.disk.truncate(&path, file.bytes - 1).unwrap(),
                false => to.world.disk.delete(&path).unwrap(),
            }
            let refused = to.install(&manifest).unwrap_err();
            assert_eq!(refused.code(), if is_there { Code::Corrupt } else { Code::NotFound });
            assert_eq!(refused.file(), Some(&*path));
            assert!(!to.world.disk.list(&to.world.folder).unwrap().contains(&"CURRENT".to_owned()));
        }
    }
    for at in [20, manifest.len() / 2, manifest.len() - 1] {
        let mut damaged = manifest.clone();
        damaged[at] ^= 1;
        assert_eq!(files_of(&damaged).unwrap_err().code(), Code::Corrupt, "byte {at}");
        assert_eq!(files_of(&manifest[..at]).unwrap_err().code(), Code::Corrupt, "cut at {at}");
    }
}

#[test]
fn a_database_is_not_installed_over_another_nor_in_a_folder_that_is_open() {
    let from = filled(10);
    let version = from.db().pin_version().unwrap();
    let mut to = Node::new(replicated());
    assert_eq!(to.install(&version.manifest()).unwrap_err().code(), Code::Locked);
    to.close();
    assert_eq!(to.install(&version.manifest()).unwrap_err().code(), Code::Exists);
}

#[test]
fn a_folder_that_was_cleared_is_empty_but_for_files_of_others() {
    let mut node = filled(100);
    let file = node.world.disk.create(&node.world.folder.join("notes")).unwrap();
    drop(file);
    node.close();
    node.clear();
    node.clear();
    let mut names = node.world.disk.list(&node.world.folder).unwrap();
    names.sort();
    assert_eq!(names, ["LOCK", "notes"]);
    let environment = node.world.environment();
    coppice_engine::clear(Path::new("/nowhere"), &environment, "test").unwrap();
}

#[test]
fn a_cut_takes_back_what_is_in_the_log_only() {
    let mut node = filled(20);
    node.db().flush().unwrap();
    for index in 20..40 {
        node.world.put(node.db(), &format!("key{index:04}"), "later");
    }
    node.db().write_out().unwrap();
    node.crash(Loss::Random(1));
    assert!(!node.cut(19));
    assert!(node.cut(40), "nothing to do");
    for last in [35, 30, 20] {
        assert!(node.cut(last));
        node.open();
        assert!(node.db().last_sequence() <= last);
        // What comes in its place is another record.
        node.db().lead(true).unwrap();
        node.world.put(node.db(), "in its place", &format!("{last}"));
        let sequence = node.db().last_sequence();
        node.db().request_sync();
        node.db().run_background();
        let records = node.db().read_log(sequence - 1, 1).unwrap().unwrap();
        assert!(records.bytes.windows(12).any(|bytes| bytes == b"in its place"));
        node.crash(Loss::Everything);
    }
    // An orderly close leaves in the log what others need,
    node.open();
    node.db().lead(true).unwrap();
    node.world.put(node.db(), "more", "to come");
    node.close();
    assert!(node.cut(20));
    node.open();
    assert_eq!(node.db().last_sequence(), 20);
    // and nothing else.
    node.db().lead(true).unwrap();
    node.world.put(node.db(), "more", "to come");
    node.db().keep_log(21).unwrap();
    node.close();
    assert!(!node.cut(20));
    let names = node.world.disk.list(&node.world.folder).unwrap();
    assert_eq!(names.iter().filter(|name| name.ends_with(".log")).collect::<Vec<_>>(), ["spare.log"]);
}
