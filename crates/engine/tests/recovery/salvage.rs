//! What is readable of a damaged database, as a new one.

use crate::support::{World, small};
use coppice_engine::batch::Batch;
use coppice_engine::disk::Disk;
use coppice_engine::environment::Environment;
use coppice_engine::error::{Code, Result};
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Db, Options, SalvageReport, View, Written, salvage};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

const TO: &str = "/salvaged";
const FOOTER_BYTES: usize = 208;

fn run(world: &World) -> Result<SalvageReport> {
    let environment: Environment = world.environment();
    salvage(&world.folder, Path::new(TO), &small(), &environment, &mut |_| ())
}

/// Key to value and revision, of everything that a database holds.
type Rows = BTreeMap<String, (String, u64, i64)>;

fn rows(db: &Db) -> Rows {
    let everything = coppice_engine::Range {
        lower: std::ops::Bound::Unbounded,
        upper: std::ops::Bound::Unbounded,
        reverse: false,
    };
    let mut cursor = db.range(everything, View::LATEST).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut rows = Rows::new();
    while cursor.next().unwrap() {
        let (key, entry) = cursor.row().unwrap();
        rows.insert(text(key), (text(entry.value), entry.revision, entry.deadline_ms));
    }
    rows
}

/// The salvaged database, which must be sound.
fn salvaged(world: &World) -> Rows {
    let db =
        world.open_at(Path::new(TO), Options { error_if_exists: false, create_if_missing: false, ..small() });
    let verified = db.verify(&mut |_| ()).unwrap();
    assert_eq!(verified.problems, []);
    let found = rows(&db);
    db.put_one("afterwards", "works");
    db.close().unwrap();
    found
}

trait PutOne {
    fn put_one(&self, key: &str, value: &str);
}

impl PutOne for Db {
    fn put_one(&self, key: &str, value: &str) {
        let written = self.write(crate::support::batch(&[(key, Some(value))]).body(), &[]).unwrap();
        assert!(matches!(written, Written::Committed(_)));
    }
}

/// Everything that was ever committed, by key and revision; none: deleted.
type History = BTreeMap<(String, u64), Option<String>>;

/// Tables on several levels, deletes, deadlines, and segments behind them; as a killed process leaves it.
fn sample(seed: u64) -> (World, Rows, History) {
    let world = World::new();
    let random = SeededRandom::new(seed);
    let db = world.open(small());
    let mut history = History::new();
    for round in 0..1200 {
        let key = format!("key{:03}", random.below(300));
        let noise: String = (0..random.below(12)).map(|_| format!("{:016x}", random.next())).collect();
        let value = format!("{round} {noise}");
        match random.below(60) {
            0 => {
                let (lower, upper) = (random.below(300), random.below(300));
                if lower < upper {
                    let revision =
                        world.delete_range(&db, &format!("key{lower:03}"), Some(&format!("key{upper:03}")));
                    let keys = (lower..upper).map(|key| format!("key{key:03}"));
                    history.extend(keys.map(|key| ((key, revision), None)));
                }
            }
            1..7 => {
                let revision = world.delete(&db, &key);
                history.insert((key, revision), None);
            }
            7..13 => {
                world.put_until(&db, &key, &value, 1_900_000_000_000);
                history.insert((key, db.visible()), Some(value));
            }
            _ => {
                let revision = world.put(&db, &key, &value);
                history.insert((key, revision), Some(value));
            }
        }
        if round % 7 == 0 {
            db.request_sync();
            db.run_background();
        }
        if round == 400 {
            db.compact(None, None).unwrap();
        }
    }
    db.request_sync();
    db.run_background();
    let all = rows(&db);
    drop(db);
    (World { disk: world.disk.clone_image(), ..world }, all, history)
}

fn files(world: &World) -> Vec<PathBuf> {
    let mut names = world.disk.list(&world.folder).unwrap();
    names.sort();
    names.iter().map(|name| world.folder.join(name)).collect()
}

fn copy(world: &World) -> World {
    World { disk: world.disk.clone_image(), ..World::new() }
}

#[test]
fn of_a_sound_database_everything_comes_back_with_its_revision_and_deadline() {
    for seed in 0..5 {
        let (world, all, _) = sample(seed);
        let report = run(&world).unwrap();
        assert_eq!((report.lost.len(), report.tables_lost, report.pages_lost), (0, 0, 0));
        assert_eq!((report.notes.len(), report.keys), (0, all.len() as u64));
        assert!(report.tables_read > 0 && report.records_kept > 0 && report.pages_read > 10, "{report:?}");
        assert_eq!(salvaged(&world), all, "seed {seed}");
    }
}

#[test]
fn of_a_database_that_was_closed_too() {
    let (world, all, _) = sample(7);
    let db = world.open(small());
    db.close().unwrap();
    drop(db);
    let report = run(&world).unwrap();
    assert_eq!((report.lost.len(), report.keys), (0, all.len() as u64));
    assert_eq!(salvaged(&world), all);
}

#[test]
fn without_current_or_a_manifest_nothing_is_lost_and_the_report_says_what_that_means() {
    let (world, all, _) = sample(1);
    for ending in ["CURRENT", ".manifest"] {
        for path in files(&world).iter().filter(|path| path.to_string_lossy().ends_with(ending)) {
            for damage in [true, false] {
                let world = copy(&world);
                match damage {
                    true => world.disk.flip(path, 5, 255).unwrap(),
                    false => world.disk.delete(path).unwrap(),
                }
                let report = run(&world).unwrap();
                assert!(!report.notes.is_empty() && !report.lost.is_empty(), "{path:?}: {report:?}");
                assert_eq!(salvaged(&world), all, "{path:?}");
            }
        }
    }
}

#[test]
fn a_file_of_any_kind_may_be_missing_or_cut_and_every_value_is_one_that_was_written() {
    let (world, all, history) = sample(2);
    for path in files(&world) {
        let whole = copy(&world);
        let size = world.disk.contents(&path).unwrap().len() as u64;
        for keep in [None, Some(0), Some(size / 2), Some(size.saturating_sub(1))] {
            let world = copy(&world);
            match keep {
                None => world.disk.delete(&path).unwrap(),
                Some(bytes) => world.disk.truncate(&path, bytes).unwrap(),
            }
            let report = run(&world).unwrap_or_else(|error| panic!("{path:?} cut to {keep:?}: {error}"));
            let found = salvaged(&world);
            let is_table = path.extension().is_some_and(|it| it == "table");
            assert!(!is_table || keep.is_some() || report.tables_lost == 1, "{path:?}: {report:?}");
            assert!(!is_table || !report.lost.is_empty(), "{path:?} cut to {keep:?}: {report:?}");
            let from = keep.unwrap_or(0);
            let damaged: Vec<u64> =
                records(&whole, &path).iter().filter(|(frame, _)| frame.end > from).map(|it| it.1).collect();
            check(&found, &all, &history, &damaged, &report, &format!("{path:?} cut to {keep:?}"));
        }
    }
}

/// Every key is as it was, but for those whose newest record is among `damaged` or which lie where the report says that a
/// table lost something; of those every value is one that was written then.
fn check(found: &Rows, all: &Rows, history: &History, damaged: &[u64], report: &SalvageReport, at: &str) {
    for (key, (value, revision, _)) in found {
        let written = history.get(&(key.clone(), *revision));
        assert_eq!(written, Some(&Some(value.clone())), "{at}: {key} @ {revision} was never {value}");
    }
    let newest =
        |key: &String| history.range((key.clone(), 0)..=(key.clone(), u64::MAX)).next_back().unwrap().0.1;
    let may_differ = |key: &String| {
        damaged.contains(&newest(key))
            || report.lost.iter().any(|lost| {
                let is_table = lost.file.extension().is_some_and(|it| it == "table");
                let starts = lost.from.as_ref().is_none_or(|from| from[..] <= *key.as_bytes());
                let ends = lost.to.as_ref().is_none_or(|to| *key.as_bytes() <= to[..]);
                is_table && starts && ends
            })
    };
    for key in all.keys().chain(found.keys()) {
        assert!(may_differ(key) || all.get(key) == found.get(key), "{at}: {key} is {:?}", found.get(key));
    }
}

#[test]
fn whatever_bytes_are_wrong_what_lies_elsewhere_is_kept_and_nothing_is_made_up() {
    let seed = std::env::var("COPPICE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(11);
    let random = SeededRandom::new(seed);
    let (mut lost_pages, mut lost_records) = (0, 0);
    for round in 0..200 {
        let (world, all, history) = sample(seed * 1000 + round % 6);
        let (whole, mut damaged, mut damage) = (copy(&world), Vec::new(), String::new());
        for _ in 0..1 + random.below(4) {
            let files = files(&world);
            let path = &files[random.below(files.len())];
            let bytes = world.disk.contents(path).unwrap().len();
            if bytes == 0 || path.ends_with("LOCK") {
                continue;
            }
            let offset = random.below(bytes) as u64;
            let mask = 1 + random.below(255) as u8;
            world.disk.flip(path, offset, mask).unwrap();
            let frames = records(&whole, path);
            damaged.extend(frames.iter().filter(|(frame, _)| frame.contains(&offset)).map(|it| it.1));
            damage += &format!("{} at {offset} with {mask}; ", path.display());
        }
        let at = format!("COPPICE_SEED={seed}, round {round}: {damage}");
        let report = run(&world).unwrap_or_else(|error| panic!("{at}: {error}"));
        lost_pages += report.pages_lost;
        lost_records +=
            u64::from(report.lost.iter().any(|lost| lost.file.extension().is_some_and(|it| it == "log")));
        check(&salvaged(&world), &all, &history, &damaged, &report, &at);
    }
    assert!(lost_pages > 20 && lost_records > 10, "{lost_pages} {lost_records}");
}

/// The records of a log file: where each stands, and its revision.
fn records(world: &World, path: &Path) -> Vec<(Range<u64>, u64)> {
    let bytes = world.disk.contents(path).unwrap();
    let is_segment = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('0'));
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut found) = (128, Vec::new());
    while is_segment && path.extension().is_some_and(|it| it == "log") && at + 56 <= bytes.len() {
        let (length, salt, kind) = (word(at + 4) as usize, word(at + 8), bytes[at + 24]);
        if length < 32 || salt != word(20) {
            break;
        }
        let revision = u64::from_le_bytes(bytes[at + 40..at + 48].try_into().unwrap());
        let end = (at + 24 + length).next_multiple_of(8);
        if kind == 1 {
            found.push((at as u64..end as u64, revision));
        }
        at = end;
    }
    found
}

#[test]
fn a_delete_that_can_be_read_is_not_undone_by_an_older_version() {
    let world = World::new();
    let db = world.open(small());
    world.put(&db, "a", "old");
    world.put(&db, "b", "stays");
    db.flush().unwrap();
    world.delete(&db, "a");
    db.flush().unwrap();
    drop(db);
    world.disk.delete(&world.folder.join("CURRENT")).unwrap();
    run(&world).unwrap();
    assert_eq!(salvaged(&world).keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn without_its_index_or_its_footer_a_table_gives_all_its_pages() {
    let world = World::new();
    let db = world.open(small());
    for key in 0..400 {
        world.put(&db, &format!("key{key:03}"), &format!("value {}", key * 7919 % 400));
    }
    db.flush().unwrap();
    db.compact(None, None).unwrap();
    let all = rows(&db);
    db.close().unwrap();
    drop(db);
    for path in files(&world).iter().filter(|path| path.extension().is_some_and(|it| it == "table")) {
        let bytes = world.disk.contents(path).unwrap();
        let footer = bytes.len() - FOOTER_BYTES;
        let index = u64::from_le_bytes(bytes[footer + 40..footer + 48].try_into().unwrap());
        for offset in [index + 3, footer as u64 + 20] {
            let world = copy(&world);
            world.disk.flip(path, offset, 1).unwrap();
            let report = run(&world).unwrap();
            assert_eq!((report.tables_lost, report.pages_lost), (0, 0), "{report:?}");
            assert!(!report.lost.is_empty() && !report.notes.is_empty());
            assert_eq!(salvaged(&world), all, "{path:?} at {offset}");
        }
        // Without a manifest nobody knows the id that the lost footer had.
        let world = copy(&world);
        world.disk.flip(path, footer as u64 + 20, 1).unwrap();
        world.disk.delete(&world.file_with_extension(".manifest")).unwrap();
        assert_eq!(run(&world).unwrap().tables_lost, 1);
    }
}

#[test]
fn a_delete_of_a_range_is_followed_from_the_log_and_from_tables() {
    let world = World::new();
    let db = world.open(small());
    for key in ["a", "b", "c", "d"] {
        world.put(&db, key, "1");
    }
    db.flush().unwrap();
    world.delete_range(&db, "a", Some("c"));
    world.put(&db, "a", "again");
    db.flush().unwrap();
    let mut batch = Batch::new();
    batch.put(0, b"c", b"covered", None).unwrap();
    batch.delete_range(0, b"c", Some(b"d")).unwrap();
    batch.put(0, b"cc", b"after", None).unwrap();
    assert!(matches!(db.write(batch.body(), &[]).unwrap(), Written::Committed(_)));
    db.request_sync();
    db.run_background();
    let wanted = rows(&db);
    assert_eq!(wanted.keys().collect::<Vec<_>>(), ["a", "cc", "d"]);
    drop(db);
    world.disk.delete(&world.folder.join("CURRENT")).unwrap();
    run(&world).unwrap();
    assert_eq!(salvaged(&world), wanted);
}

#[test]
fn the_damaged_folder_is_not_changed_and_the_new_one_must_be_empty() {
    let (world, ..) = sample(3);
    let before: Vec<_> = files(&world).iter().map(|path| world.disk.contents(path).unwrap()).collect();
    run(&world).unwrap();
    let after: Vec<_> = files(&world).iter().map(|path| world.disk.contents(path).unwrap()).collect();
    let differs = |(path, (a, b)): (&PathBuf, (&Vec<u8>, &Vec<u8>))| a != b && !path.ends_with("LOCK");
    assert!(!files(&world).iter().zip(before.iter().zip(&after)).any(differs));
    assert_eq!(run(&world).unwrap_err().code(), Code::Exists);
    let db = world.open(small());
    let environment = world.environment();
    let open = salvage(&world.folder, Path::new("/other"), &small(), &environment, &mut |_| ());
    assert_eq!(open.unwrap_err().code(), Code::Locked);
    drop(db);
    let none = salvage(Path::new("/nothing"), Path::new("/other"), &small(), &environment, &mut |_| ());
    assert_eq!(none.unwrap_err().code(), Code::NotFound);
}

#[test]
fn after_a_failure_at_any_call_the_new_folder_is_empty_or_whole() {
    let (world, all, _) = sample(4);
    for call in (1..).step_by(7) {
        let world = copy(&world);
        let fault = coppice_engine::disk::simulated::Fault { call, sticky: false, code: Code::DiskFull };
        world.disk.fail(Some(fault));
        let done = run(&world);
        world.disk.fail(None);
        if done.is_ok() {
            // The call that failed was one that reads: then what it would have read is missing.
            if world.disk.calls() < call {
                assert_eq!(salvaged(&world), all);
                return;
            }
        } else {
            let left = world.disk.list(Path::new(TO)).unwrap_or_default();
            assert_eq!(left, Vec::<String>::new(), "call {call}");
        }
    }
}
