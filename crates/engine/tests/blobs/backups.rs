//! Backups of a database with blob files that something stops.

use super::{blob_files, fill, options};
use crate::support::World;
use coppice_engine::disk::Disk;
use coppice_engine::{BackupInfo, Db, Options};
use std::path::Path;

const TO: &str = "/backup";

/// Ten files or so.
fn many_files() -> Options {
    let mut options = options();
    options.tuning.blob_file_bytes = 2 << 10;
    options
}

fn back_up(db: &Db) -> BackupInfo {
    db.backup(Path::new(TO), &mut |_| ()).unwrap()
}

/// The disk fails when most of it is copied.
fn interrupt_backup(world: &World, db: &Db) {
    let failed = db.backup(Path::new(TO), &mut |progress| {
        if progress.done_bytes * 10 > progress.total_bytes * 8 {
            world.fail_all_calls();
        }
    });
    assert!(failed.is_err());
    world.fail_nothing();
}

fn blobs_there(world: &World) -> usize {
    world.disk.list(Path::new(TO)).unwrap().iter().filter(|name| name.ends_with(".blob")).count()
}

#[test]
fn an_interrupted_backup_goes_on_with_the_values_that_it_had_copied() {
    let world = World::new();
    let db = world.open(many_files());
    fill(&world, &db, 0..50, 1);
    db.flush().unwrap();
    interrupt_backup(&world, &db);
    let had = blobs_there(&world);
    assert!(had > 3, "{had} files were copied");
    let again = back_up(&db);
    assert!(again.copied_bytes * 2 < again.bytes, "{again:?}");
    assert_eq!(blobs_there(&world), blob_files(&world).len());
    let copy = world.open_at(Path::new(TO), many_files());
    assert_eq!(world.rows(&copy, false), world.rows(&db, false));
    assert_eq!(copy.verify(&mut |_| ()).unwrap().problems, []);
}

#[test]
fn what_interrupted_backups_have_copied_in_vain_makes_room_for_the_next() {
    let world = World::new();
    let db = world.open(many_files());
    fill(&world, &db, 0..20, 0);
    back_up(&db);
    let first = world.rows(&db, false);
    for round in 1..5 {
        fill(&world, &db, 0..50, round);
        db.compact(None, None).unwrap();
        interrupt_backup(&world, &db);
    }
    let live = blob_files(&world).len();
    assert!(blobs_there(&world) < 2 * live, "{} files there for {live}", blobs_there(&world));
    // The last one is as it was, and opens.
    let image = World { disk: world.disk.clone_image(), ..World::new() };
    assert_eq!(image.rows(&image.open_at(Path::new(TO), many_files()), false), first);
    // With room for little more than is live beside what the last backup relies on.
    let room = db.stats().disk_bytes + (16 << 10);
    world.disk.limit_capacity(Some(world.disk.bytes_used() + room / 2));
    back_up(&db);
    let copy = world.open_at(Path::new(TO), many_files());
    assert_eq!(world.rows(&copy, false), world.rows(&db, false));
}

#[test]
fn parts_that_only_the_log_of_a_backup_names_stay_until_the_next_is_complete() {
    let world = World::new();
    let db = world.open(many_files());
    fill(&world, &db, 0..50, 1);
    back_up(&db);
    let copy = world.open_at(Path::new(TO), many_files());
    let mut writer = copy.large().unwrap();
    writer.write(b"somebody wrote to the backup").unwrap();
    let value = writer.finish().unwrap();
    let mut batch = coppice_engine::batch::Batch::new();
    batch.put(0, b"large", b"", None).unwrap();
    copy.write_large(batch.body(), &[], &[(0, &value)]).unwrap();
    drop(value);
    copy.request_sync();
    copy.run_background();
    drop(copy);
    fill(&world, &db, 0..50, 2);
    interrupt_backup(&world, &db);
    let image = World { disk: world.disk.clone_image(), ..World::new() };
    let copy = image.open_at(Path::new(TO), many_files());
    assert_eq!(image.get(&copy, "large").as_deref(), Some("somebody wrote to the backup"));
    back_up(&db);
    let copy = world.open_at(Path::new(TO), many_files());
    assert_eq!(world.get(&copy, "large"), None);
    assert_eq!(world.rows(&copy, false), world.rows(&db, false));
}
