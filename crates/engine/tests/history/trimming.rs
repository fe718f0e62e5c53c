//! Trimming: what can be read no more, what stays all the same, and when its room comes back.

use super::{get_at, kept, versions};
use crate::support::{World, small};
use coppice_engine::disk::simulated::Loss;
use coppice_engine::error::Code;
use coppice_engine::{Db, Options, Retain, View, salvage};
use std::path::Path;

#[test]
fn below_the_trim_revision_nothing_is_read_and_at_it_everything() {
    let world = World::new();
    let db = world.open(kept());
    for number in 0..10 {
        world.put(&db, "a", &number.to_string());
    }
    assert_eq!(db.trim(12).unwrap_err().code(), Code::FutureRevision);
    db.trim(6).unwrap();
    db.trim(3).unwrap();
    for collected in [false, true] {
        if collected {
            db.compact(None, None).unwrap();
        }
        assert_eq!(get_at(&db, "a", 5), Err(Code::Compacted));
        assert_eq!(get_at(&db, "a", 6), Ok(Some("4".into())));
        assert_eq!(get_at(&db, "a", 11), Ok(Some("9".into())));
        assert_eq!(versions(&db, "a", (None, None)).len(), 6);
    }
    let error = db.snapshot_at(5).map(drop).unwrap_err();
    assert!(error.message().contains("the oldest that can be read is 6"), "{error}");
    assert_eq!(db.stats().history.unwrap().versions, 6);
}

#[test]
fn what_is_trimmed_stays_for_who_reads_it_already() {
    let world = World::new();
    let db = world.open(kept());
    for number in 0..10 {
        world.put(&db, "a", &number.to_string());
        world.put(&db, &format!("b{number}"), "x");
    }
    let old = db.snapshot_at(8).unwrap();
    let range = coppice_engine::Range {
        lower: std::ops::Bound::Unbounded,
        upper: std::ops::Bound::Unbounded,
        reverse: false,
    };
    let mut cursor = db.range(range, db.snapshot_at(5).unwrap().view()).unwrap();
    assert!(cursor.next().unwrap());
    let expected = world.rows_at(&db, old.view(), true);
    db.trim(21).unwrap();
    db.compact(None, None).unwrap();
    db.run_background();
    assert_eq!(world.rows_at(&db, old.view(), true), expected);
    assert_eq!(get_at(&db, "a", 8), Err(Code::Compacted), "nobody else reads there");
    let mut count = 1;
    while cursor.next().unwrap() {
        count += 1;
    }
    assert_eq!(count, 3);
    let before = db.stats().history.unwrap().versions;
    drop(old);
    db.compact(None, None).unwrap();
    assert!(db.stats().history.unwrap().versions < before);
}

#[test]
fn the_room_of_what_was_trimmed_comes_back_by_itself() {
    let world = World::new();
    let options = kept();
    let db = world.open(Options {
        compression: false,
        tuning: coppice_engine::Tuning { garbage_bytes_min: 512, ..options.tuning },
        ..options
    });
    let fill = || {
        for round in 0..20 {
            for key in 0..100 {
                world.put(&db, &format!("key{key:03}"), &format!("{round}{}", "x".repeat(100)));
            }
        }
        db.flush().unwrap();
        db.run_background();
    };
    fill();
    let full = db.stats();
    assert_eq!(full.history.unwrap().versions, 2_000);
    db.run_background();
    assert_eq!(db.stats().history.unwrap().versions, 2_000, "nothing is garbage before it is trimmed");
    db.trim(db.visible() / 2).unwrap();
    db.run_background();
    let half = db.stats();
    let versions = half.history.unwrap().versions;
    assert!((1_000..1_500).contains(&versions), "{versions}");
    db.trim(db.visible()).unwrap();
    db.run_background();
    let stats = db.stats();
    let versions = stats.history.unwrap().versions;
    // As without history, what a level holds under newer versions of another one goes when the two are merged.
    assert!((100..=300).contains(&versions), "{versions}: in each table a fifth is garbage at most");
    assert!(stats.disk_bytes < full.disk_bytes / 2, "{stats:?}");
    assert!((100..=300).contains(&stats.keys_estimate), "{}", stats.keys_estimate);
    assert!(stats.garbage_compactions > 0);
    db.compact(None, None).unwrap();
    assert_eq!(db.stats().history.unwrap().versions, 100);

    // Deletes go too, and tables of nothing else unread.
    for key in 0..100 {
        world.delete(&db, &format!("key{key:03}"));
    }
    db.flush().unwrap();
    db.trim(db.visible()).unwrap();
    db.run_background();
    let history = db.stats().history.unwrap();
    assert_eq!(history.versions, 0, "{history:?}");
}

#[test]
fn a_trim_is_in_the_log_and_outlives_the_process_and_the_power() {
    for (flushes, cut) in [(false, false), (false, true), (true, true), (true, false)] {
        let world = World::new();
        let db = world.open(kept());
        for number in 0..6 {
            world.put(&db, "a", &number.to_string());
        }
        db.flush().unwrap();
        db.trim(4).unwrap();
        if flushes {
            db.flush().unwrap();
        }
        drop(db);
        if cut {
            world.disk.restart(Loss::Everything);
        }
        let db = world.open(kept());
        assert_eq!(db.stats().history.unwrap().trim_revision, 4);
        assert_eq!((db.visible(), get_at(&db, "a", 3)), (7, Err(Code::Compacted)));
        world.put(&db, "b", "after");
        db.close().unwrap();
        let db = world.open(kept());
        assert_eq!((db.visible(), get_at(&db, "a", 3)), (8, Err(Code::Compacted)));
        assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
    }
}

#[test]
fn a_trim_that_a_power_cut_takes_back_with_its_commits_leaves_nothing_that_cannot_be_read() {
    let world = World::new();
    let retain = Retain { revisions: Some(1), ms: None };
    let db = world.open(Options { retain, ..kept() });
    for number in 0..40 {
        world.put(&db, "a", &number.to_string());
    }
    db.flush().unwrap();
    // Neither synced nor flushed: the trim that follows them is ahead of every table.
    for number in 40..50 {
        world.put(&db, "a", &number.to_string());
    }
    assert_eq!(db.stats().history.unwrap().trim_revision, 51);
    db.compact(None, None).map(drop).unwrap_or(());
    db.run_background();
    drop(db);
    world.disk.restart(Loss::Everything);
    let db = world.open(kept());
    let (newest, oldest) = (db.visible(), db.stats().history.unwrap().trim_revision);
    assert!(oldest <= newest, "{oldest} to {newest}");
    assert_eq!(get_at(&db, "a", newest).unwrap(), world.get(&db, "a"));
    world.put(&db, "a", "next");
    assert_eq!(get_at(&db, "a", newest + 1), Ok(Some("next".into())));
}

#[test]
fn copies_keep_history_and_where_it_was_trimmed() {
    let world = World::new();
    let db = world.open(kept());
    for number in 0..30 {
        world.put(&db, "a", &number.to_string());
        if number == 10 {
            db.flush().unwrap();
        }
    }
    world.delete(&db, "a");
    db.trim(8).unwrap();
    let expected = versions(&db, "a", (None, None));
    assert_eq!(expected.len(), 25);
    db.checkpoint(Path::new("/checkpoint")).unwrap();
    db.backup(Path::new("/backup"), &mut |_| ()).unwrap();
    db.close().unwrap();
    let environment = world.environment();
    salvage(&world.folder, Path::new("/salvaged"), &small(), &environment, &mut |_| ()).unwrap();
    for copy in ["/checkpoint", "/backup", "/salvaged"] {
        let copy = world.open_at(Path::new(copy), small());
        assert_eq!(versions(&copy, "a", (None, None)), expected);
        assert_eq!((copy.visible(), get_at(&copy, "a", 7)), (32, Err(Code::Compacted)));
        assert_eq!(copy.verify(&mut |_| ()).unwrap().problems, []);
        world.put(&copy, "a", "goes on");
        assert_eq!(versions(&copy, "a", (Some(33), None)), ["33 v1 of 33 = goes on"]);
    }
}

#[test]
fn a_salvage_without_a_manifest_keeps_the_versions_in_tables_and_log() {
    let world = World::new();
    let db = world.open(kept());
    for number in 0..20 {
        world.put(&db, "a", &number.to_string());
        world.put(&db, &format!("b{number}"), "x");
        if number == 9 {
            db.flush().unwrap();
            db.trim(5).unwrap();
            db.compact(None, None).unwrap();
        }
    }
    let expected = versions(&db, "a", (None, None));
    db.write_out().unwrap();
    drop(db);
    let environment = world.environment();
    environment.disk.remove(&world.file_with_extension(".manifest")).unwrap();
    environment.disk.remove(&world.folder.join("CURRENT")).unwrap();
    let report = salvage(&world.folder, Path::new("/salvaged"), &small(), &environment, &mut |_| ()).unwrap();
    assert_eq!(report.keys, 21);
    let copy = world.open_at(Path::new("/salvaged"), kept());
    assert_eq!(versions(&copy, "a", (None, None)), expected);
    assert_eq!(get_at(&copy, "a", 4), Err(Code::Compacted));
}

#[test]
fn a_reader_beside_the_writer_sees_history_and_cannot_trim() {
    let world = World::new();
    let db = world.open(kept());
    for number in 0..5 {
        world.put(&db, "a", &number.to_string());
    }
    db.trim(3).unwrap();
    let reader: Db = world.open(Options { read_only: true, ..small() });
    assert_eq!(versions(&reader, "a", (None, None)), versions(&db, "a", (None, None)));
    assert_eq!(get_at(&reader, "a", 2), Err(Code::Compacted));
    assert_eq!(reader.trim(4).unwrap_err().code(), Code::ReadOnly);
    assert_eq!(reader.get(b"a", View::LATEST, |entry| entry.version).unwrap(), Some(5));
}
