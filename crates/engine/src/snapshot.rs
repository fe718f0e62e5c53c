//! Which revisions readers still stand on. Compaction keeps, per key, the newest version at or below each of them.

use crate::key::Revision;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Where a reader stands: what it sees is fixed by these two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub revision: Revision,
    /// Deadlines at or before it have passed. None: the engine's time when the entry is met.
    pub now_ms: Option<i64>,
}

impl View {
    /// Whatever is newest when the read begins.
    pub const LATEST: View = View { revision: Revision::MAX, now_ms: None };
}

/// The live snapshots of a database. Any thread.
#[derive(Default)]
pub struct Snapshots {
    live: Mutex<BTreeMap<(Revision, i64), usize>>,
}

/// What a compaction must respect, taken at its start. A snapshot registered later stands at or above every revision
/// that the compaction reads, so that it needs only the newest version of each key, which is always kept.
#[derive(Clone, Debug, Default)]
pub struct Pinned {
    /// Ascending, each once.
    pub revisions: Vec<Revision>,
    /// The earliest time any of them stands at.
    pub now_ms_min: Option<i64>,
}

impl Snapshots {
    /// Registers what `stand` answers; nothing that compaction decides can come between the two.
    pub fn register(&self, stand: impl FnOnce() -> (Revision, i64)) -> (Revision, i64) {
        let mut live = self.live.lock();
        let at = stand();
        *live.entry(at).or_insert(0) += 1;
        at
    }

    pub fn release(&self, at: (Revision, i64)) {
        let mut live = self.live.lock();
        let count = live.get_mut(&at).expect("a snapshot is released once");
        *count -= 1;
        if *count == 0 {
            live.remove(&at);
        }
    }

    pub fn pinned(&self) -> Pinned {
        let live = self.live.lock();
        let mut revisions: Vec<Revision> = live.keys().map(|at| at.0).collect();
        revisions.dedup();
        Pinned { revisions, now_ms_min: live.keys().map(|at| at.1).min() }
    }

    pub fn len(&self) -> usize {
        self.live.lock().values().sum()
    }
}
