//! Which revisions readers still stand on. Compaction keeps, per key, the newest version at or below each of them.

use crate::error::Result;
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
#[derive(Clone, Debug)]
pub struct Pinned {
    /// Ascending, each once.
    pub revisions: Vec<Revision>,
    /// The earliest time that any reader stands at, now or later.
    pub now_ms: i64,
    /// Every version above it is kept.
    pub whole_above: Revision,
}

impl Pinned {
    /// Readers may come to stand at this revision and any later one, and deadlines make nothing go: with history that is
    /// trimmed to here, or where commits are visible up to here.
    pub fn whole_above(mut self, revision: Revision) -> Pinned {
        if let Err(at) = self.revisions.binary_search(&revision) {
            self.revisions.insert(at, revision);
        }
        Pinned { now_ms: i64::MIN, whole_above: revision, ..self }
    }
}

impl Snapshots {
    /// Registers what `stand` answers; nothing that compaction decides can come between the two.
    pub fn register(&self, stand: impl FnOnce() -> (Revision, i64)) -> (Revision, i64) {
        let mut live = self.live.lock();
        let at = stand();
        *live.entry(at).or_insert(0) += 1;
        at
    }

    /// As `register`, if one can stand there.
    pub fn try_register(&self, stand: impl FnOnce() -> Result<(Revision, i64)>) -> Result<(Revision, i64)> {
        let mut live = self.live.lock();
        let at = stand()?;
        *live.entry(at).or_insert(0) += 1;
        Ok(at)
    }

    pub fn release(&self, at: (Revision, i64)) {
        let mut live = self.live.lock();
        let count = live.get_mut(&at).expect("a snapshot is released once");
        *count -= 1;
        if *count == 0 {
            live.remove(&at);
        }
    }

    /// `clock` is read while nobody can register: whoever does so later stands at that time or a later one.
    pub fn pinned(&self, clock: impl FnOnce() -> i64) -> Pinned {
        let live = self.live.lock();
        let now_ms = clock();
        let mut revisions: Vec<Revision> = live.keys().map(|at| at.0).collect();
        revisions.dedup();
        let now_ms = live.keys().map(|at| at.1).fold(now_ms, i64::min);
        Pinned { revisions, now_ms, whole_above: Revision::MAX }
    }

    /// Whether one stands at this revision.
    pub fn stand_at(&self, revision: Revision) -> bool {
        self.live.lock().range((revision, i64::MIN)..=(revision, i64::MAX)).next().is_some()
    }

    pub fn oldest(&self) -> Option<Revision> {
        self.live.lock().keys().next().map(|at| at.0)
    }

    pub fn len(&self) -> usize {
        self.live.lock().values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_stands_no_later_than_any_live_snapshot() {
        let snapshots = Snapshots::default();
        snapshots.register(|| (7, 500));
        snapshots.register(|| (3, 900));
        let pinned = snapshots.pinned(|| 1_000);
        assert_eq!((pinned.revisions, pinned.now_ms, snapshots.oldest()), (vec![3, 7], 500, Some(3)));
        snapshots.release((7, 500));
        assert_eq!(snapshots.pinned(|| 1_000).now_ms, 900);
        snapshots.release((3, 900));
        assert_eq!(snapshots.pinned(|| 1_000).now_ms, 1_000);
    }

    #[test]
    fn with_history_the_trim_revision_is_one_more_pin() {
        let snapshots = Snapshots::default();
        snapshots.register(|| (3, 900));
        snapshots.register(|| (7, 900));
        for (trim, revisions) in [(2, vec![2, 3, 7]), (3, vec![3, 7]), (5, vec![3, 5, 7])] {
            let pinned = snapshots.pinned(|| 1_000).whole_above(trim);
            assert_eq!((pinned.revisions, pinned.now_ms, pinned.whole_above), (revisions, i64::MIN, trim));
        }
    }

    #[test]
    fn nobody_registers_while_the_time_of_a_compaction_is_read() {
        let snapshots = Snapshots::default();
        let mut asked = false;
        snapshots.pinned(|| {
            asked = snapshots.live.try_lock().is_none();
            0
        });
        assert!(asked);
    }
}
