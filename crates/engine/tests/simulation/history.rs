//! Random histories: what a program did to a database, from a seed.

use coppice_engine::disk::simulated::Loss;
use coppice_engine::simulation::SeededRandom;
use std::sync::Arc;

/// A write before it is known when it is made.
#[derive(Clone, Debug)]
pub struct Plan {
    pub key: Arc<[u8]>,
    pub what: Planned,
}

#[derive(Clone, Debug)]
pub enum Planned {
    /// With its lifetime, if it has one.
    Put(Arc<[u8]>, Option<i64>),
    Delete,
    /// Up to, without, this key; none: to the end.
    DeleteRange(Option<Arc<[u8]>>),
}

#[derive(Clone, Debug)]
pub enum Step {
    /// One commit.
    Write(Vec<Plan>),
    WriteOut,
    /// Asks for durability and lets the database provide it.
    Sync,
    Background,
    Read,
    Snapshot,
    /// Reads through the oldest snapshot held.
    ReadSnapshot,
    ReleaseSnapshot,
    Clock(i64),
    Flush,
    Compact,
    Checkpoint,
    /// Closes and opens.
    Reopen,
    /// The process ends without closing, and another opens.
    Kill,
    /// The machine stops, and another process opens.
    PowerCut(Loss),
}

#[derive(Debug)]
pub struct History {
    pub seed: u64,
    pub steps: Vec<Step>,
}

const KEYS: usize = 48;
const STEPS: usize = 240;

/// Every key that a history may use, of several lengths, the empty one included.
pub fn keys() -> Vec<Arc<[u8]>> {
    let long = "a long common prefix/".repeat(3);
    let name = |number: usize| match number {
        0 => String::new(),
        _ if number.is_multiple_of(7) => format!("{long}{number}"),
        _ => format!("key/{number}"),
    };
    (0..KEYS).map(|number| name(number).into_bytes().into()).collect()
}

impl History {
    pub fn new(seed: u64) -> History {
        let random = SeededRandom::new(seed);
        let keys = keys();
        let mut steps: Vec<Step> = (0..STEPS).map(|_| any_step(&random, &keys)).collect();
        // What every history must see. The thirds of the history each get a flush with something in it.
        for third in 0..3 {
            let at = third * STEPS / 3 + 20 + random.below(STEPS / 3 - 20);
            steps.insert(at, Step::Flush);
        }
        let expiring = (0..8).map(|number| plan_put(&random, &keys[number * 5], Some(400))).collect();
        let middle = STEPS / 2 + random.below(20);
        let expiry =
            [Step::Snapshot, Step::Write(expiring), Step::Flush, Step::Read, Step::Clock(401), Step::Read];
        steps.splice(middle..middle, expiry);
        for required in [
            Step::Compact,
            Step::Checkpoint,
            Step::Reopen,
            Step::Kill,
            Step::PowerCut(Loss::Random(random.next())),
            Step::PowerCut(Loss::Random(random.next())),
        ] {
            steps.insert(STEPS / 2 + 30 + random.below(STEPS / 2 - 30), required);
        }
        steps.extend([Step::ReadSnapshot, Step::Compact, Step::Read]);
        History { seed, steps }
    }
}

/// What a database that came through a failure does next, up to another power cut: what it then says is durable is.
pub fn aftermath(seed: u64) -> History {
    let random = SeededRandom::new(seed);
    let keys = keys();
    let write = || Step::Write((0..4).map(|_| plan(&random, &keys)).collect());
    let mut steps = vec![Step::Read, write(), write()];
    if random.chance(50) {
        steps.push(Step::Sync);
    }
    if random.chance(30) {
        steps.extend([Step::Flush, Step::Background]);
    }
    if random.chance(30) {
        steps.push(Step::Reopen);
    }
    steps.extend([write(), Step::PowerCut(Loss::Everything), Step::Read]);
    History { seed, steps }
}

fn any_step(random: &SeededRandom, keys: &[Arc<[u8]>]) -> Step {
    match random.below(100) {
        0..50 => Step::Write(vec![plan(random, keys)]),
        50..62 => Step::Write((0..1 + random.below(16)).map(|_| plan(random, keys)).collect()),
        62..68 => Step::WriteOut,
        68..74 => Step::Sync,
        74..80 => Step::Background,
        80..84 => Step::Read,
        84..87 => Step::Snapshot,
        87..90 => Step::ReadSnapshot,
        90..93 => Step::ReleaseSnapshot,
        93..96 => Step::Clock(random.below(700) as i64 - 200),
        // So long that a database is left alone, and much expires.
        96 => Step::Clock(6_000),
        97 => Step::Flush,
        98 if random.chance(30) => Step::Compact,
        98 => Step::Read,
        _ if random.chance(30) => Step::Reopen,
        _ => Step::Background,
    }
}

fn plan(random: &SeededRandom, keys: &[Arc<[u8]>]) -> Plan {
    let key = &keys[random.below(keys.len())];
    match random.below(10) {
        0 if random.chance(40) => plan_range(random, key, keys),
        0..2 => Plan { key: key.clone(), what: Planned::Delete },
        2 => plan_put(random, key, Some(1 + random.below(1_500) as i64)),
        _ => plan_put(random, key, None),
    }
}

fn plan_put(random: &SeededRandom, key: &Arc<[u8]>, ttl_ms: Option<i64>) -> Plan {
    Plan { key: key.clone(), what: Planned::Put(value(random), ttl_ms) }
}

/// Mostly of a few keys; now and then of all that follow.
fn plan_range(random: &SeededRandom, key: &Arc<[u8]>, keys: &[Arc<[u8]>]) -> Plan {
    let mut after: Vec<_> = keys.iter().filter(|other| *other > key).cloned().collect();
    after.sort();
    let until = if random.chance(10) { None } else { after.get(random.below(6)).cloned() };
    Plan { key: key.clone(), what: Planned::DeleteRange(until) }
}

/// Half of it compressible; now and then empty, or larger than a page.
pub fn value(random: &SeededRandom) -> Arc<[u8]> {
    let length = match random.below(20) {
        0 => 0,
        1 => 600 + random.below(900),
        _ => random.below(250),
    };
    let letter = b'a' + random.below(26) as u8;
    (0..length).map(|at| if at % 2 == 0 { letter } else { random.next() as u8 }).collect()
}
