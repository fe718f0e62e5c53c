//! Random operations, each of which makes sense whatever was taken out before it, so that a history can be shrunk.

use crate::oracle::{Act, Change, Put, delete_between};
use coppice_engine::Range;
use coppice_engine::entry::NO_DEADLINE;
use coppice_engine::key::Revision;
use coppice_engine::simulation::SeededRandom;
use std::fmt::{self, Debug, Formatter};
use std::ops::Bound;
use std::sync::Arc;

pub const SNAPSHOTS: usize = 4;
pub const CURSORS: usize = 4;
const KEYS: usize = 140;
const OPS: usize = 320;

/// Bytes that are told apart by length and checksum where they are long.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Arc<[u8]>);

impl Debug for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&show(&self.0))
    }
}

pub fn show(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=40 => format!("\"{}\"", bytes.escape_ascii()),
        length => format!("\"{}\"...{length}:{:08x}", bytes[..12].escape_ascii(), crc32c::crc32c(bytes)),
    }
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub key: Bytes,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// For so long, if it is to expire.
    Put(Bytes, Option<i64>),
    Delete,
    /// Of what lies between this key and the plan's.
    DeleteRange(Bytes),
}

impl Plan {
    pub fn change(&self, now_ms: i64) -> Change {
        let key = self.key.0.clone();
        match &self.what {
            What::Put(value, ttl_ms) => {
                let deadline_ms = ttl_ms.map_or(NO_DEADLINE, |ttl_ms| now_ms + ttl_ms);
                Change { key, act: Act::Put(Put { value: value.0.clone(), deadline_ms }) }
            }
            What::Delete => Change { key, act: Act::Delete },
            What::DeleteRange(other) => delete_between(key, other.0.clone()),
        }
    }
}

/// What a guard expects of its key.
#[derive(Clone, Debug)]
pub enum Expected {
    Absent,
    /// What a get just before answers.
    Found,
    Revision(Revision),
}

#[derive(Clone, Debug)]
pub enum Op {
    Write {
        plans: Vec<Plan>,
        guards: Vec<(Bytes, Expected)>,
    },
    /// `at` is the place of a snapshot; none, or an empty place: the newest.
    Get {
        key: Bytes,
        at: Option<usize>,
    },
    Scan {
        range: Range,
        at: Option<usize>,
        limit: usize,
    },
    /// Cursors stay open while the database goes on.
    OpenCursor {
        place: usize,
        range: Range,
        at: Option<usize>,
    },
    MoveCursor {
        place: usize,
        rows: usize,
    },
    SeekCursor {
        place: usize,
        key: Bytes,
    },
    CloseCursor(usize),
    Snapshot(usize),
    Release(usize),
    Clock(i64),
    WriteOut,
    Sync,
    Background,
    Flush,
    Compact {
        lower: Option<Bytes>,
        upper: Option<Bytes>,
    },
    Verify,
    /// Also read as a database of its own.
    Checkpoint,
    Reopen {
        closes: bool,
    },
}

struct Generator {
    random: SeededRandom,
    keys: Vec<Bytes>,
}

pub fn generate(seed: u64) -> Vec<Op> {
    let random = SeededRandom::new(seed);
    let keys = (0..KEYS).map(|number| key(&random, number)).collect();
    let generator = Generator { random, keys };
    let mut ops: Vec<Op> = (0..OPS).map(|_| generator.op()).collect();
    // Whatever the draw: something is in tables, is merged, is reopened, and all of it is read in the end.
    ops.insert(OPS / 2, Op::Flush);
    ops.insert(OPS / 2 + 40, Op::Compact { lower: None, upper: None });
    ops.insert(OPS * 3 / 4, Op::Reopen { closes: generator.random.chance(50) });
    for reverse in [false, true] {
        let range = Range { lower: Bound::Unbounded, upper: Bound::Unbounded, reverse };
        ops.push(Op::Scan { range, at: None, limit: usize::MAX });
    }
    ops.extend([Op::Verify, Op::Reopen { closes: true }, Op::Checkpoint]);
    ops
}

/// Keys that share beginnings of several lengths, beside the empty one and bytes at both ends of the order.
fn key(random: &SeededRandom, number: usize) -> Bytes {
    let bytes = match number {
        0 => Vec::new(),
        1 => vec![0],
        2 => vec![0xff; 3],
        3 => vec![b'x'; 1 + random.below(60_000)],
        _ => match number % 5 {
            0 => format!("{}/{number:04}", "deep/".repeat(1 + number % 40)).into_bytes(),
            1 => (number as u64 * 0x0101).to_be_bytes().to_vec(),
            2 => format!("user/{number}").into_bytes(),
            3 => vec![b'a'; number],
            _ => format!("{number}").into_bytes(),
        },
    };
    Bytes(bytes.into())
}

impl Generator {
    fn op(&self) -> Op {
        let random = &self.random;
        match random.below(1_000) {
            0..360 => Op::Write { plans: vec![self.plan()], guards: Vec::new() },
            360..440 => {
                let plans = (0..random.below(40)).map(|_| self.plan()).collect();
                Op::Write { plans, guards: Vec::new() }
            }
            440..500 => {
                let guards = (0..1 + random.below(3)).map(|_| (self.key(), self.expected())).collect();
                Op::Write { plans: vec![self.plan()], guards }
            }
            500..640 => Op::Get { key: self.key(), at: self.at() },
            640..740 => Op::Scan { range: self.range(), at: self.at(), limit: 1 + random.below(50) },
            740..765 => Op::OpenCursor { place: random.below(CURSORS), range: self.range(), at: self.at() },
            765..830 => Op::MoveCursor { place: random.below(CURSORS), rows: 1 + random.below(12) },
            830..850 => Op::SeekCursor { place: random.below(CURSORS), key: self.key() },
            850..855 => Op::CloseCursor(random.below(CURSORS)),
            855..875 => Op::Snapshot(random.below(SNAPSHOTS)),
            875..890 => Op::Release(random.below(SNAPSHOTS)),
            890..915 => Op::Clock(random.below(3_000) as i64 - 700),
            915..925 => Op::WriteOut,
            925..935 => Op::Sync,
            935..960 => Op::Background,
            960..975 => Op::Flush,
            975..985 => Op::Compact { lower: self.end(), upper: self.end() },
            985..989 => Op::Verify,
            989..992 => Op::Checkpoint,
            _ => Op::Reopen { closes: random.chance(50) },
        }
    }

    fn key(&self) -> Bytes {
        // A few keys get half of the traffic, so that there are many versions of one.
        let among = if self.random.chance(50) { KEYS / 10 } else { KEYS };
        self.keys[self.random.below(among)].clone()
    }

    fn at(&self) -> Option<usize> {
        self.random.chance(40).then(|| self.random.below(SNAPSHOTS))
    }

    fn expected(&self) -> Expected {
        match self.random.below(4) {
            0 => Expected::Absent,
            1 => Expected::Revision(2 + self.random.below(150) as u64),
            _ => Expected::Found,
        }
    }

    fn plan(&self) -> Plan {
        let key = self.key();
        if self.random.chance(4) {
            // Mostly of the keys that begin with this one.
            let behind = Bytes([&key.0[..], &[0xff]].concat().into());
            let other = if self.random.chance(70) { behind } else { self.key() };
            return Plan { key, what: What::DeleteRange(other) };
        }
        if self.random.chance(25) {
            return Plan { key, what: What::Delete };
        }
        let ttl_ms = self.random.chance(15).then(|| 1 + self.random.below(6_000) as i64);
        Plan { key, what: What::Put(self.value(), ttl_ms) }
    }

    /// From nothing to more than the largest page.
    fn value(&self) -> Bytes {
        let random = &self.random;
        let length = match random.below(100) {
            0..5 => 0,
            5..80 => random.below(120),
            80..97 => random.below(2_000),
            97..99 => random.below(20_000),
            _ => random.below(100_000),
        };
        let (letter, noise) = (b'a' + random.below(26) as u8, random.below(3));
        let byte = |at: usize| if at % 3 < noise { random.next() as u8 } else { letter };
        Bytes((0..length).map(byte).collect())
    }

    fn range(&self) -> Range {
        Range { lower: self.bound(), upper: self.bound(), reverse: self.random.chance(50) }
    }

    fn bound(&self) -> Bound<Vec<u8>> {
        let mut key = self.key().0.to_vec();
        // A third of the bounds are no key.
        key.truncate(key.len().max(1) * (1 + self.random.below(3)) / 2);
        match self.random.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(key),
            _ => Bound::Excluded(key),
        }
    }

    fn end(&self) -> Option<Bytes> {
        self.random.chance(60).then(|| self.key())
    }
}
