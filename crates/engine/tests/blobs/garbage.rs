//! What becomes of values that nobody needs any more.

use super::{fill, large, options};
use crate::support::World;
use coppice_engine::{Event, Listener, Options};
use std::sync::{Arc, Mutex};

#[test]
fn garbage_is_collected_without_a_write() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..100, 1);
    db.compact(None, None).unwrap();
    let full = db.stats().blobs;
    fill(&world, &db, (0..100).filter(|number| number % 3 > 0), 2);
    db.compact(None, None).unwrap();
    assert!(db.stats().blobs.garbage_bytes > full.bytes / 2, "the merge found it out at its end");
    db.run_background();
    let stats = db.stats().blobs;
    assert_eq!(stats.garbage_bytes, 0);
    assert!(stats.bytes < full.bytes * 11 / 10, "{stats:?} of {full:?}");
    for number in 0..100 {
        let round = if number % 3 > 0 { 2 } else { 1 };
        assert_eq!(world.get(&db, &format!("key{number:03}")), Some(large(1000 * round + number)));
    }
    assert!(db.verify(&mut |_| ()).unwrap().problems.is_empty());
}

#[test]
fn garbage_survives_a_restart() {
    let world = World::new();
    let db = world.open(options());
    fill(&world, &db, 0..100, 1);
    db.compact(None, None).unwrap();
    fill(&world, &db, 0..20, 2);
    db.compact(None, None).unwrap();
    let before = db.stats().blobs;
    assert!(before.garbage_bytes > 20 * 330);
    db.close().unwrap();
    assert_eq!(world.open(options()).stats().blobs, before);
}

/// What each compaction wrote.
#[derive(Default)]
struct Wrote(Mutex<Vec<u64>>);

impl Listener for Wrote {
    fn event(&self, event: Event) {
        if let Event::Compaction { wrote_bytes, .. } = event {
            self.0.lock().unwrap().push(wrote_bytes);
        }
    }
}

#[test]
fn worn_files_are_copied_a_few_at_a_time_and_go_before_the_next() {
    let world = World::new();
    let wrote = Arc::new(Wrote::default());
    let mut options = Options { listener: wrote.clone(), ..options() };
    options.tuning.blob_file_bytes = 4 << 10;
    options.tuning.blob_copy_bytes = 8 << 10;
    options.tuning.table_bytes = 1 << 20;
    let db = world.open(options);
    fill(&world, &db, 0..600, 1);
    db.compact(None, None).unwrap();
    fill(&world, &db, (0..600).step_by(2), 2);
    db.compact(None, None).unwrap();
    let rows = world.rows(&db, false);
    let stats = db.stats();
    let table_bytes = stats.disk_bytes - stats.log_bytes - stats.blobs.bytes;
    let live_bytes = stats.blobs.bytes - stats.blobs.garbage_bytes;
    let bytes_max = 2 * table_bytes + (8 << 10);
    assert!(stats.blobs.garbage_bytes > 70_000 && bytes_max * 3 < live_bytes, "{stats:?}");
    wrote.0.lock().unwrap().clear();
    // As much room as one step takes, which then gives it back; some for manifest and log.
    world.disk.limit_capacity(Some(world.disk.bytes_used() + bytes_max + (24 << 10)));
    db.run_background();
    let stats = db.stats().blobs;
    assert!(stats.garbage_bytes * 5 < stats.bytes, "less than a fifth: {stats:?}");
    let wrote = wrote.0.lock().unwrap();
    assert!(wrote.iter().all(|bytes| *bytes <= bytes_max), "{wrote:?}, at most {bytes_max}");
    assert_eq!(world.rows(&db, false), rows);
    assert_eq!(db.verify(&mut |_| ()).unwrap().problems, []);
}
