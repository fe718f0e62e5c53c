//! What a salvage finds of values in blob files.

use super::{blob_files, fill, large, options};
use crate::support::World;
use coppice_engine::salvage;
use std::path::Path;

#[test]
fn what_is_salvaged_has_the_values_that_can_be_read() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..20, 1);
    db.close().unwrap();
    let [blob] = &blob_files(&world)[..] else { panic!("one file") };
    world.disk.flip(blob, 160, 1).unwrap();
    let to = Path::new("/saved");
    let report = salvage(&world.folder, to, &options(), &world.environment(), &mut |_| ()).unwrap();
    assert_eq!((report.keys, report.lost.len()), (19, 1), "{report:?}");
    assert_eq!((&report.lost[0].file, report.lost[0].from.as_deref()), (blob, Some(&b"key000"[..])));
    let saved = world.open_at(to, options());
    assert_eq!(world.get(&saved, "key000"), None);
    assert_eq!(world.get(&saved, "key001"), Some(large(1001)));
}

#[test]
fn a_file_that_has_lost_its_end_is_read_up_to_there() {
    for (lost_bytes, keys) in [(1, 20), (32, 20), (33, 19)] {
        let world = World::new();
        let db = world.open(options());
        fill(&world, &db, 0..20, 1);
        db.close().unwrap();
        let [blob] = &blob_files(&world)[..] else { panic!("one file") };
        let bytes = world.disk.contents(blob).unwrap().len() as u64;
        world.disk.truncate(blob, bytes - lost_bytes).unwrap();
        let to = Path::new("/saved");
        let report = salvage(&world.folder, to, &options(), &world.environment(), &mut |_| ()).unwrap();
        assert_eq!(report.keys, keys, "{lost_bytes} bytes are lost: {report:?}");
        assert_eq!(report.lost.len() as u64, 20 - keys, "{report:?}");
    }
}

#[test]
fn a_salvage_of_many_files_keeps_few_of_them_open() {
    let world = World::new();
    let mut options = options();
    options.tuning.blob_file_bytes = 1;
    let db = world.open(options.clone());
    fill(&world, &db, 0..600, 1);
    db.close().unwrap();
    assert_eq!(blob_files(&world).len(), 600);
    let mut open = 0;
    let report = salvage(&world.folder, Path::new("/saved"), &options, &world.environment(), &mut |_| {
        open = open.max(world.disk.open_files());
    });
    assert_eq!(report.unwrap().keys, 600);
    assert!(open < 400, "{open} files were open");
}
