//! A compaction that meets a damaged table: it says so once and stops, and everything that is sound goes on.

use super::super::support::{self, World, small};
use super::Events;
use coppice_engine::error::{Code, Error};
use coppice_engine::{Db, Event, Options, Tuning, View, Written};
use std::path::PathBuf;
use std::sync::Arc;

/// Three level-0 tables, which are due to be merged; the second one, with keys of its own, is damaged.
struct Damaged {
    world: World,
    events: Arc<Events>,
    db: Db,
    table: PathBuf,
}

/// Level-0 tables at which writes wait.
const STOP: usize = 4;

fn damaged() -> Damaged {
    let world = World::new();
    let events = Arc::new(Events::default());
    let tuning = Tuning { level0_trigger: 2, level0_stop: STOP, ..small().tuning };
    let db = world.open(Options { listener: events.clone(), tuning, ..small() });
    let mut tables = Vec::new();
    for round in ["a", "b", "c"] {
        for index in 0..20 {
            world.put(&db, &format!("{round}{index:02}"), "sound");
        }
        world.put(&db, "every round", round);
        db.flush().unwrap();
        tables.push(world.newest_file_with_extension(".table"));
    }
    let table = tables[1].clone();
    world.disk.flip(&table, 10, 0xff).unwrap();
    events.take();
    Damaged { world, events, db, table }
}

impl Damaged {
    fn names_the_table(&self, error: &Error) {
        assert_eq!((error.code(), error.file()), (Code::Corrupt, Some(&*self.table)), "{error}");
        assert!(error.offset().is_some(), "{error}");
    }

    /// Fills a memtable or finds out why there is no room for another.
    fn write_until_refused(&self) -> Option<Error> {
        let value = "x".repeat(500);
        for index in 0..100 {
            match self.db.write(support::batch(&[(&format!("d{index}"), Some(&value))]).body(), &[]) {
                Ok(Written::Committed(_)) => {}
                Ok(Written::Stalled) => return None,
                Ok(conflict) => unreachable!("{conflict:?} without guards"),
                Err(error) => return Some(error),
            }
        }
        panic!("a hundred large values fit a small memtable");
    }
}

#[test]
fn a_compaction_that_meets_damage_says_so_once_and_what_is_sound_goes_on() {
    let damaged = damaged();
    let Damaged { world, events, db, .. } = &damaged;
    db.run_background();
    let told = events.take();
    let [Event::Failed(error)] = &told[..] else { panic!("{told:?}") };
    damaged.names_the_table(error);

    let calls = world.disk.calls();
    db.run_background();
    assert_eq!(world.disk.calls(), calls, "it is not tried again and again");
    assert!(events.take().is_empty());

    assert_eq!(world.get(db, "a00").as_deref(), Some("sound"));
    assert_eq!(world.get(db, "every round").as_deref(), Some("c"));
    damaged.names_the_table(&db.get(b"b00", View::LATEST, |_| ()).unwrap_err());
    damaged.names_the_table(&db.compact(None, None).unwrap_err());
    world.put(db, "later", "1");
    db.flush().unwrap();
    assert_eq!(world.get(db, "later").as_deref(), Some("1"));

    db.close().unwrap();
    let db = world.open(small());
    assert_eq!(world.get(&db, "later").as_deref(), Some("1"));
    let problems = db.verify(&mut |_| ()).unwrap().problems;
    assert!(!problems.is_empty() && problems.iter().all(|problem| problem.file == damaged.table));
}

#[test]
fn writes_that_waited_for_a_compaction_which_meets_damage_are_refused_with_its_error() {
    let damaged = damaged();
    let Damaged { world, events, db, .. } = &damaged;
    while db.stats().levels[0].files < STOP as u64 {
        world.put(db, "d", "1");
        db.flush().unwrap();
    }
    assert!(damaged.write_until_refused().is_none(), "they wait while there is hope");
    db.run_background();
    assert!(events.take().iter().any(|event| matches!(event, Event::Room)), "they are told to try again");
    damaged.names_the_table(&damaged.write_until_refused().expect("there is no hope any more"));
    assert_eq!(world.get(db, "a00").as_deref(), Some("sound"), "reads go on");
}
