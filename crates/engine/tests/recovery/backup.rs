//! Copies that are brought up to date, and survive whatever stops them.

use crate::support::{World, small};
use coppice_engine::disk::Disk;
use coppice_engine::disk::simulated::Loss;
use coppice_engine::error::Code;
use coppice_engine::{BackupInfo, Db, Options, Progress};
use std::path::Path;

const TO: &str = "/elsewhere/backup";

fn back_up(db: &Db) -> BackupInfo {
    db.backup(Path::new(TO), &mut |_| ()).unwrap()
}

fn rows_of_backup(world: &World) -> Vec<(String, String)> {
    let db = world.open_at(Path::new(TO), Options { create_if_missing: false, ..small() });
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
    let rows = world.rows(&db, false);
    db.close().unwrap();
    rows
}

fn fill(world: &World, db: &Db, from: u32, to: u32) {
    for index in from..to {
        world.put(db, &format!("key{index:05}"), &format!("value{index}"));
    }
}

#[test]
fn a_backup_opens_like_any_database_and_the_next_one_copies_only_what_is_new() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 1000);
    db.compact(None, None).unwrap();
    let mut steps: Vec<Progress> = Vec::new();
    let first = db.backup(Path::new(TO), &mut |progress| steps.push(progress)).unwrap();
    assert_eq!((first.copied_tables, first.copied_bytes), (first.tables, first.bytes));
    assert_eq!(first.revision, 1001);
    let last = steps.last().expect("progress is told");
    assert_eq!((last.done_bytes, last.total_bytes), (first.bytes, first.bytes));
    let wanted = world.rows(&db, false);
    // It is a database of its own: what is written to it goes with the next backup.
    let copy = world.open_at(Path::new(TO), small());
    assert_eq!(world.rows(&copy, false), wanted);
    world.put(&copy, "of the copy", "1");
    drop(copy);

    fill(&world, &db, 1000, 1010);
    let second = back_up(&db);
    assert!(second.copied_tables < second.tables / 2, "{second:?}");
    assert_eq!(rows_of_backup(&world), world.rows(&db, false));

    world.delete(&db, "key00000");
    db.compact(None, None).unwrap();
    back_up(&db);
    let third = back_up(&db);
    assert_eq!((third.copied_tables, third.copied_bytes), (0, 0));
    assert_eq!(rows_of_backup(&world), world.rows(&db, false));
    let names = world.disk.list(Path::new(TO)).unwrap();
    let tables = names.iter().filter(|name| name.ends_with(".table")).count() as u64;
    assert_eq!(tables, third.tables, "what is not needed is gone: {names:?}");
}

#[test]
fn versions_in_level_0_stay_in_their_order() {
    let world = World::new();
    let db = world.open(small());
    for round in 0..3 {
        world.put(&db, "a", &format!("{round}"));
        world.put(&db, &format!("b{round}"), "");
        db.flush().unwrap();
        back_up(&db);
        assert_eq!(rows_of_backup(&world), world.rows(&db, false));
    }
}

#[test]
fn a_read_only_database_backs_up_what_it_sees_log_and_all() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 300);
    world.put(&db, "a", "old");
    back_up(&db);
    world.put(&db, "a", "new");
    world.delete(&db, "key00001");
    let mut batch = coppice_engine::batch::Batch::new();
    batch.delete_range(0, b"key00010", Some(b"key00020")).unwrap();
    db.write(batch.body(), &[]).unwrap();
    db.write_out().unwrap();
    let reader = world.open(Options { read_only: true, ..small() });
    let wanted = world.rows(&reader, false);
    fill(&world, &db, 300, 400);
    let info = back_up(&reader);
    assert_eq!(info.revision, reader.visible());
    assert_eq!(rows_of_backup(&world), wanted);
    back_up(&db);
    assert_eq!(rows_of_backup(&world), world.rows(&db, false));
}

#[test]
fn a_folder_with_anything_else_is_refused_and_left_alone() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 10);
    let try_back_up = |to: &str| db.backup(Path::new(to), &mut |_| ()).map_err(|error| error.code());
    world.disk.create_folder(Path::new("/full")).unwrap();
    world.disk.create(Path::new("/full/letter")).unwrap();
    assert_eq!(try_back_up("/full"), Err(Code::Exists));
    assert_eq!(world.disk.list(Path::new("/full")).unwrap(), ["letter"]);
    let environment = coppice_engine::simulation::environment(&world.disk, &world.clock, 8);
    let other = Db::open(Path::new("/other"), small(), environment).unwrap();
    assert_eq!(try_back_up("/other"), Err(Code::Locked));
    other.close().unwrap();
    drop(other);
    assert_eq!(try_back_up("/other"), Err(Code::Exists));
    assert_eq!(try_back_up(world.folder.to_str().unwrap()), Err(Code::Exists), "the database itself");
}

#[test]
fn a_read_only_database_is_not_backed_up_to_its_own_folder() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 10);
    db.write_out().unwrap();
    let reader = world.open(Options { read_only: true, ..small() });
    fill(&world, &db, 10, 20);
    db.close().unwrap();
    drop(db);
    let image = world.disk.image();
    let error = reader.backup(&world.folder, &mut |_| ()).unwrap_err();
    assert_eq!((error.code(), error.file()), (Code::Exists, Some(&*world.folder)));
    let before = World { disk: coppice_engine::disk::simulated::SimulatedDisk::new(image), ..World::new() };
    assert_eq!(world.disk.list(&world.folder).unwrap(), before.disk.list(&world.folder).unwrap());
    assert_eq!(world.rows(&world.open(small()), false).len(), 20);
}

#[test]
fn damage_is_not_copied() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 500);
    back_up(&db);
    let before = rows_of_backup(&world);
    world.put(&db, "a", "1");
    db.compact(None, None).unwrap();
    let table = world.newest_file_with_extension(".table");
    world.disk.flip(&table, 100, 1).unwrap();
    let error = db.backup(Path::new(TO), &mut |_| ()).unwrap_err();
    assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*table)));
    assert_eq!(rows_of_backup(&world), before);
}

#[test]
fn a_crash_at_any_call_leaves_the_last_backup_or_the_next() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 200);
    let empty = world.disk.image();
    back_up(&db);
    let first = world.rows(&db, false);
    fill(&world, &db, 200, 400);
    db.compact(None, None).unwrap();
    let (second, revision) = (world.rows(&db, false), db.visible());
    db.close().unwrap();
    drop(db);
    for (image, earlier) in [(empty, None), (world.disk.image(), Some(&first))] {
        let mut completed = false;
        for call in 1.. {
            let world = World {
                disk: coppice_engine::disk::simulated::SimulatedDisk::new(image.clone()),
                ..World::new()
            };
            let db = world.open(small());
            db.flush().unwrap();
            let wanted = world.rows(&db, false);
            let calls = world.disk.calls();
            world.disk.crash_at(calls + call);
            completed = db.backup(Path::new(TO), &mut |_| ()).is_ok();
            for loss in [Loss::Everything, Loss::Random(call), Loss::Random(call + 1000)] {
                let after = World { disk: world.disk.after_crash(loss), ..World::new() };
                let options = Options { create_if_missing: false, ..small() };
                let opened = Db::open(Path::new(TO), options, after.environment());
                match (opened, earlier) {
                    (Ok(backup), _) => {
                        let rows = after.rows(&backup, false);
                        let whole = rows == wanted || (!completed && earlier == Some(&rows));
                        assert!(whole, "call {call}, {loss:?}: {} rows", rows.len());
                        assert_eq!(backup.verify(&mut |_| ()).unwrap().problems, []);
                        backup.close().unwrap();
                    }
                    (Err(error), None) if !completed => {
                        let is_refused = matches!(error.code(), Code::NotFound | Code::Corrupt);
                        assert!(is_refused, "call {call}, {loss:?}: {error}");
                    }
                    (Err(error), _) => panic!("call {call}, {loss:?}: {error}"),
                }
                // Made again, it comes to its end.
                let db = after.open(small());
                back_up(&db);
                let wanted = after.rows(&db, false);
                drop(db);
                assert_eq!(rows_of_backup(&after), wanted, "call {call}, {loss:?}, again");
            }
            if completed {
                assert!(call > 10);
                break;
            }
        }
        assert!(completed);
    }
    assert!(second.len() == 400 && revision == 401);
}

#[test]
fn an_interrupted_backup_goes_on_with_the_tables_that_it_had_copied() {
    let world = World::new();
    let db = world.open(small());
    fill(&world, &db, 0, 2000);
    db.compact(None, None).unwrap();
    let mut whole = 0;
    world.disk.fail(None);
    // Fails when half is copied.
    let failed = db.backup(Path::new(TO), &mut |progress| {
        if progress.done_bytes * 2 > progress.total_bytes && whole == 0 {
            whole = progress.total_bytes;
            world.fail_all_calls();
        }
    });
    assert!(failed.is_err());
    world.fail_nothing();
    let again = back_up(&db);
    assert!(again.copied_bytes > 0 && again.copied_bytes * 3 < again.bytes * 2, "{again:?}");
    assert_eq!(rows_of_backup(&world), world.rows(&db, false));
}
