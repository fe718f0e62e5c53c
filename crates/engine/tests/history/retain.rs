//! Databases that trim themselves.

use super::kept;
use crate::support::World;
use coppice_engine::{Db, Options, Retain};

fn retaining(revisions: Option<u64>, ms: Option<u64>) -> Options {
    Options { retain: Retain { revisions, ms }, ..kept() }
}

fn oldest(db: &Db) -> u64 {
    db.stats().history.unwrap().trim_revision
}

#[test]
fn so_many_revisions_are_kept_and_few_more() {
    let world = World::new();
    let db = world.open(retaining(Some(100), None));
    for number in 0..1_000u64 {
        let newest = world.put(&db, &format!("{}", number % 5), "x");
        let kept = newest + 1 - oldest(&db);
        assert!(kept <= 107 && (newest < 101 || kept >= 100), "{kept} at {newest}");
    }
    db.flush().unwrap();
    db.run_background();
    assert!(db.stats().history.unwrap().versions < 200);
}

#[test]
fn what_was_the_newest_state_so_long_ago_is_kept_and_the_rest_goes_also_without_a_write() {
    let world = World::new();
    let db = world.open(retaining(None, Some(60_000)));
    let mut at = Vec::new();
    for _ in 0..300 {
        let revision = world.put(&db, "a", "x");
        at.push((world.now(), revision));
        world.clock.advance(1_000);
        db.run_background();
        let since = world.now() - 60_000;
        // The state of that moment is what the last commit before it made.
        let needed = at.iter().rev().find(|(ms, _)| *ms <= since).map_or(1, |(_, revision)| *revision);
        assert!(oldest(&db) <= needed, "{} is gone, of {needed}", oldest(&db));
        assert!(needed - oldest(&db) <= 5, "{} is kept, of {needed}", oldest(&db));
    }
    let newest = db.visible();
    for _ in 0..40 {
        world.clock.advance(3_000);
        db.run_background();
    }
    assert_eq!(oldest(&db), newest, "left alone it trims up to the last commit");
}

#[test]
fn the_age_of_revisions_is_known_over_opens() {
    let world = World::new();
    let mut db = world.open(retaining(None, Some(60_000)));
    for round in 0..20u64 {
        for _ in 0..10 {
            world.put(&db, "a", "x");
            world.clock.advance(500);
            db.run_background();
        }
        if round % 2 == 0 {
            db.close().unwrap();
        } else {
            db.write_out().unwrap();
        }
        drop(db);
        db = world.open(retaining(None, Some(60_000)));
        // Two a second: of 60 seconds those of the last 119 steps, and the one before.
        let newest = db.visible();
        assert!(newest - oldest(&db) >= (newest - 1).min(119), "round {round}: {} to {newest}", oldest(&db));
    }
    let (newest, oldest) = (db.visible(), oldest(&db));
    assert!(newest - oldest <= 160, "{oldest} to {newest}");
}

#[test]
fn of_count_and_age_the_one_that_keeps_more_counts() {
    let world = World::new();
    let db = world.open(retaining(Some(10), Some(60_000)));
    for _ in 0..100 {
        world.put(&db, "a", "x");
    }
    assert_eq!(oldest(&db), 1, "all of it is young");
    for _ in 0..40 {
        world.clock.advance(3_000);
        db.run_background();
    }
    assert_eq!(oldest(&db), db.visible() - 9, "all of it is old, but the last ten stay");
}

#[test]
fn a_trickle_of_commits_does_not_keep_what_is_old() {
    const KEEP_MS: u64 = 3_600_000;
    let world = World::new();
    let db = world.open(retaining(None, Some(KEEP_MS)));
    for seconds in (0..3 * 3_600u64).step_by(2) {
        let newest = world.put(&db, "a", "x");
        world.clock.advance(2_000);
        db.run_background();
        let kept = newest - oldest(&db);
        assert!(kept <= 1_800 + 200, "{kept} of 1,800 after {seconds} seconds");
        assert!(seconds < 3_600 || kept >= 1_790, "{kept} of 1,800 after {seconds} seconds");
    }
}
