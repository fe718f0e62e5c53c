//! Random operations on two databases, one of which began as a copy of the other: the diff is that of two maps.

use crate::support::{World, small};
use crate::{changes, everything};
use coppice_engine::batch::Batch;
use coppice_engine::simulation::SeededRandom;
use coppice_engine::{Db, Options, Snapshot, View};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

const SEEDS: u64 = 60;
const OPERATIONS: usize = 400;

fn key(random: &SeededRandom) -> String {
    format!("key{:03}", random.below(300))
}

fn operate(world: &World, db: &Db, random: &SeededRandom, history: bool) {
    match random.below(20) {
        0..11 => {
            let length = [1, 3, 200][random.below(3)];
            world.put(db, &key(random), &format!("{}", random.below(50)).repeat(length));
        }
        11..15 => {
            world.delete(db, &key(random));
        }
        15 => {
            let mut batch = Batch::new();
            let deadline = world.now() + [5, 50, 5_000][random.below(3)];
            batch.put(0, key(random).as_bytes(), b"for a while", Some(deadline)).unwrap();
            world.commit_batch(db, batch);
        }
        16 if !history => {
            let (a, b) = (key(random), key(random));
            if a != b {
                world.delete_range(db, (&a).min(&b), Some((&a).max(&b)));
            }
        }
        17 => world.clock.advance(random.below(20) as i64),
        18 => db.flush().unwrap(),
        19 => db.run_background(),
        _ => {}
    }
}

fn maps(world: &World, side: &Snapshot, db: &Db) -> BTreeMap<String, (String, i64)> {
    let view = View { now_ms: Some(world.now()), ..side.view() };
    let mut cursor = db.range(everything(), view).unwrap();
    let mut rows = BTreeMap::new();
    while cursor.next().unwrap() {
        let (key, entry) = cursor.row().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        rows.insert(text(key), (text(entry.value), entry.deadline_ms));
    }
    rows
}

fn check(
    world: &World,
    seed: u64,
    random: &SeededRandom,
    before: (&Snapshot, &Db),
    after: (&Snapshot, &Db),
    same_until: u64,
) -> usize {
    let (a, b) = (key(random), key(random));
    let bounds = [
        (Bound::Unbounded, Bound::Unbounded),
        (Bound::Included(a.clone().min(b.clone())), Bound::Excluded(a.clone().max(b.clone()))),
        (Bound::Excluded(a.clone().min(b.clone())), Bound::Included(a.max(b))),
        (Bound::Unbounded, Bound::Included(key(random))),
    ];
    let (lower, upper) = bounds[random.below(4)].clone();
    let (was, is) = (maps(world, before.0, before.1), maps(world, after.0, after.1));
    let mut keys: Vec<&String> = was.keys().chain(is.keys()).collect();
    keys.sort();
    keys.dedup();
    let is_inside = |key: &String| {
        (match &lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => key >= lower,
            Bound::Excluded(lower) => key > lower,
        }) && match &upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= upper,
            Bound::Excluded(upper) => key < upper,
        }
    };
    let text = |found: Option<&(String, i64)>| found.map_or("-".to_owned(), |(value, _)| value.clone());
    let wanted: Vec<String> = keys
        .into_iter()
        .filter(|key| is_inside(key) && was.get(*key) != is.get(*key))
        .map(|key| format!("{key}: {} -> {}", text(was.get(key)), text(is.get(key))))
        .collect();
    let bytes = |bound: Bound<String>| bound.map(String::into_bytes);
    let range = crate::support::range(bytes(lower), bytes(upper), false);
    let found = changes(before.0.clone(), after.0.clone(), same_until, range.clone());
    assert_eq!(found, wanted, "seed {seed}, {range:?}, same until {same_until}");
    found.len()
}

#[test]
fn of_two_databases_that_grew_from_one_it_is_what_two_maps_differ_in() {
    let mut differing = 0;
    for seed in 1..=SEEDS {
        let random = SeededRandom::new(seed);
        let world = World::new();
        let options = Options { blob_bytes: [0, 64][random.below(2)], ..small() };
        let parent = world.open(options.clone());
        (0..OPERATIONS).for_each(|_| operate(&world, &parent, &random, false));
        let same_until = parent.snapshot().unwrap().view().revision;
        parent.checkpoint(Path::new("/child")).unwrap();
        let child = world.open_at(Path::new("/child"), options);
        for _ in 0..6 {
            (0..random.below(60)).for_each(|_| operate(&world, &parent, &random, false));
            (0..random.below(60)).for_each(|_| operate(&world, &child, &random, false));
            if random.chance(20) {
                child.compact(None, None).unwrap();
            }
            let (p, c) = (parent.snapshot().unwrap(), child.snapshot().unwrap());
            let same_until = [same_until, 0][random.below(2)];
            differing += check(&world, seed, &random, (&p, &parent), (&c, &child), same_until);
            differing += check(&world, seed, &random, (&c, &child), (&p, &parent), same_until);
        }
    }
    assert!(differing > 1000, "{differing} changes say little");
}

#[test]
fn of_two_moments_of_a_history_it_is_what_two_maps_differ_in() {
    let mut differing = 0;
    for seed in 1..=SEEDS {
        let random = SeededRandom::new(seed);
        let world = World::new();
        let db = world.open(Options { history: Some(true), ..small() });
        let first = db.snapshot().unwrap().view().revision;
        for _ in 0..6 {
            (0..OPERATIONS / 4).for_each(|_| operate(&world, &db, &random, true));
            let newest = db.snapshot().unwrap().view().revision;
            let at = || db.snapshot_at(first + random.below((newest - first + 1) as usize) as u64).unwrap();
            let (before, after) = (at(), at());
            differing += check(&world, seed, &random, (&before, &db), (&after, &db), 0);
            let now = db.snapshot().unwrap();
            differing += check(&world, seed, &random, (&before, &db), (&now, &db), 0);
        }
    }
    assert!(differing > 1000, "{differing} changes say little");
}
