//! All threads at once: those of the database, and callers that write, wait, look and tidy up.

use super::super::support::{self, World, small};
use coppice_engine::encryption::Keys;
use coppice_engine::environment::Environment;
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Db, Event, Listener, Options, View, Written};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longer than anything here takes: who waits so long waits in vain.
const PATIENCE: Duration = Duration::from_secs(60);
const WRITES: u64 = 3_000;

/// How often there was room, and what is durable, as events told.
#[derive(Default)]
struct Told {
    state: Mutex<(u64, u64)>,
    changed: Condvar,
}

impl Listener for Told {
    fn event(&self, event: Event) {
        let mut state = self.state.lock().unwrap();
        match event {
            Event::Room => state.0 += 1,
            Event::Durable(revision) => state.1 = state.1.max(revision),
            Event::Failed(error) => panic!("{error}"),
            _ => return,
        }
        self.changed.notify_all();
    }
}

impl Told {
    fn room(&self) -> u64 {
        self.state.lock().unwrap().0
    }

    fn wait(&self, what: &str, done: impl Fn(&(u64, u64)) -> bool) {
        let state = self.state.lock().unwrap();
        let (_state, waited) =
            self.changed.wait_timeout_while(state, PATIENCE, |state| !done(state)).unwrap();
        assert!(!waited.timed_out(), "waited for {what} in vain");
    }
}

type Rows = BTreeMap<String, String>;

/// Puts and deletes keys of its own, and waits where a caller has to; what is there at the end if `rows` were before.
fn write(db: &Db, told: &Told, seed: u64, mut rows: Rows) -> Rows {
    let random = SeededRandom::new(seed);
    for index in 0..WRITES {
        let key = format!("{seed}/{:03}", random.below(400));
        let value = (!random.chance(20)).then(|| format!("{index}").repeat(1 + random.below(60)));
        let mut batch = support::batch(&[(&key, value.as_deref())]);
        let revision = loop {
            let room = told.room();
            match db.write(batch.body(), &[]).unwrap() {
                Written::Committed(revision) | Written::Deleted { revision, .. } => break revision,
                Written::Stalled => told.wait("room", |state| state.0 > room),
                Written::Conflict { .. } => unreachable!("there are no guards"),
            }
        };
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
        if random.chance(3) {
            if db.durable() < revision {
                db.request_sync();
                told.wait("a durable revision", |state| state.1 >= revision);
            }
            assert!(db.durable() >= revision);
        }
    }
    rows
}

fn rows(db: &Db, view: View, reverse: bool) -> Rows {
    let mut cursor = db.range(support::range(Bound::Unbounded, Bound::Unbounded, reverse), view).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut rows = Rows::new();
    while cursor.next().unwrap() {
        let before = rows.insert(text(cursor.key()), text(cursor.entry().unwrap().value));
        assert_eq!(before, None, "each row comes once");
    }
    rows
}

/// Writers, and whoever else may call a database, at once; all rows at the end if each writer had its `before`.
fn work(db: &Db, told: &Told, folder: &Path, environment: &Environment, before: [Rows; 2]) -> [Rows; 2] {
    let writing = AtomicBool::new(true);
    let goes_on = || writing.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let mut seed = 0;
        let writers = before.map(|rows| {
            seed += 1;
            scope.spawn(move || write(db, told, seed, rows))
        });
        scope.spawn(|| {
            while goes_on() {
                let report = db.verify(&mut |_| {}).unwrap();
                assert_eq!(report.problems, []);
                db.flush().unwrap();
            }
        });
        scope.spawn(|| {
            while goes_on() {
                let snapshot = db.snapshot().unwrap();
                let before = rows(db, snapshot.view(), false);
                db.compact(None, None).unwrap();
                assert_eq!(rows(db, snapshot.view(), true), before);
                for (key, value) in &before {
                    let found =
                        db.get(key.as_bytes(), snapshot.view(), |entry| entry.value == value.as_bytes());
                    assert_eq!(found.unwrap(), Some(true), "{key}");
                }
            }
        });
        scope.spawn(|| {
            for number in db.visible().. {
                if !goes_on() {
                    break;
                }
                let folder = folder.with_file_name(format!("copy{number}"));
                let info = db.checkpoint(&folder).unwrap();
                let copy = Db::open(&folder, small(), environment.clone()).unwrap();
                assert_eq!(copy.visible(), info.revision);
                assert_eq!(copy.verify(&mut |_| {}).unwrap().problems, []);
            }
        });
        let written = writers.map(|writer| writer.join());
        writing.store(false, Ordering::SeqCst);
        written.map(|rows| rows.unwrap())
    })
}

/// Two processes after each other: the first one ends without closing, the second one closes.
fn live(folder: &Path, quiet: &Environment) {
    let environment = Environment { threads: true, ..quiet.clone() };
    let told = Arc::new(Told::default());
    let open =
        || Db::open(folder, Options { listener: told.clone(), ..small() }, environment.clone()).unwrap();
    let all =
        |rows: &[Rows; 2]| -> Rows { rows.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect() };
    let mut expected = [Rows::new(), Rows::new()];
    for closes in [false, true] {
        let db = open();
        assert_eq!(rows(&db, View::LATEST, true), all(&expected));
        expected = work(&db, &told, folder, quiet, expected);
        assert_eq!(rows(&db, View::LATEST, false), all(&expected));
        match closes {
            true => db.close().unwrap(),
            false => drop(db.write_out().unwrap()),
        }
    }
    assert_eq!(rows(&open(), View::LATEST, true), all(&expected));
}

#[test]
fn whoever_works_on_a_database_at_once_finds_it_whole() {
    let world = World::new();
    live(&world.folder, &world.environment());
}

#[test]
fn whoever_works_at_once_on_a_real_disk_finds_the_database_whole() {
    let folder = std::env::temp_dir().join(format!("coppice-threads-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let environment = Environment { threads: false, ..Environment::of_system(Keys::default()) };
    live(&folder.join("database"), &environment);
    std::fs::remove_dir_all(&folder).unwrap();
}
