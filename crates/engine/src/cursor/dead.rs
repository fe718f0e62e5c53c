//! What a range cursor knows of runs of dead keys, and what it learns of them on its way.
//!
//! One thread at a time, like the cursor it belongs to.

use super::visible::successor;
use crate::dead_runs::{DeadRun, DeadRuns, Runs, find};
use crate::key::Revision;
use std::sync::Arc;

/// So many dead keys in a row are worth remembering.
const RUN_KEYS_MIN: u64 = 32;

pub struct DeadWalk {
    shared: Arc<DeadRuns>,
    known: Option<Runs>,
    /// Where the reader stands.
    revision: Revision,
    now_ms: i64,
    /// The run that is being walked: the end where it began, its keys, and the latest deadline that has passed in it.
    /// Forward the first key of the run; backward the first key behind it.
    begin: Vec<u8>,
    inside: bool,
    keys: u64,
    time_ms: i64,
}

impl DeadWalk {
    /// The reader's revision is known before this is called: see `DeadRuns`.
    pub fn new(shared: &Arc<DeadRuns>, revision: Revision, now_ms: i64) -> DeadWalk {
        DeadWalk {
            shared: shared.clone(),
            known: shared.load(),
            revision,
            now_ms,
            begin: Vec::new(),
            inside: false,
            keys: 0,
            time_ms: i64::MIN,
        }
    }

    /// The known run that holds a key, if this reader may rely on it.
    #[inline]
    pub fn known(&self, key: &[u8]) -> Option<DeadRun> {
        let known = self.known.as_ref()?;
        let run = &known[find(known, key)?];
        (run.revision <= self.revision && run.time_ms <= self.now_ms).then(|| run.clone())
    }

    /// Passes a dead key. `deadline_ms` is that of a value that expired, else anything earlier.
    pub fn pass(&mut self, key: &[u8], deadline_ms: i64, reverse: bool) {
        if !self.inside {
            self.start(key);
            if reverse {
                self.begin.push(0);
            }
        }
        self.keys += 1;
        self.time_ms = self.time_ms.max(deadline_ms);
    }

    /// Passes a known run at once.
    pub fn jump(&mut self, run: &DeadRun, reverse: bool) {
        if !self.inside {
            self.start(if reverse { &run.upper } else { &run.lower });
        }
        self.time_ms = self.time_ms.max(run.time_ms);
        self.shared.count_passed();
    }

    fn start(&mut self, begin: &[u8]) {
        self.begin.clear();
        self.begin.extend_from_slice(begin);
        self.inside = true;
        self.keys = 0;
        self.time_ms = i64::MIN;
    }

    /// The run ends, before a live key or, where the range does, with the last key that was passed.
    #[inline]
    pub fn end(&mut self, key: &[u8], live: bool, reverse: bool) {
        if self.inside {
            self.finish(key, live, reverse);
        }
    }

    #[cold]
    fn finish(&mut self, key: &[u8], live: bool, reverse: bool) {
        self.inside = false;
        if self.keys < RUN_KEYS_MIN {
            return;
        }
        // A live key is not of the run, and the last dead one is; which bound that makes depends on the direction.
        let end = if live == reverse { successor(key) } else { key.to_vec() };
        let begin = std::mem::take(&mut self.begin);
        let (lower, upper) = if reverse { (end, begin) } else { (begin, end) };
        let (revision, time_ms, keys) = (self.revision, self.time_ms, self.keys);
        self.shared.add(DeadRun { lower: lower.into(), upper: upper.into(), revision, time_ms, keys });
    }

    /// Forgets what was walked: the cursor goes on elsewhere.
    pub fn leave(&mut self) {
        self.inside = false;
    }
}
