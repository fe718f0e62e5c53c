//! Runs of dead keys that some scan has walked through, so that later scans need not: the queue that is put to at its
//! tail and deleted from at its head. Advice for range cursors and nothing else: it is in memory only, no get asks it,
//! and the database is the same without it.
//!
//! **What a run says**: no key in it has a live value for a reader at its revision or later, whose time is its time or
//! later. That is about what was committed, not about where it lies: no flush or compaction changes it. Only a put into
//! it does, and takes its key out of the run before the put can be seen. So a reader that looks for runs *after* it has
//! learned which revision it reads at finds none that a commit it sees has broken.
//!
//! A scan may add what it saw at revision s only if nothing was put into it since. Writer and scan each raise a hand first
//! and look for the other's then (`last_put`, `attentive`), so that of the two at least one sees the other. Where puts
//! come between, as from another thread, the scan is turned away once, and from then on keys that are put are remembered
//! for a while: the next scan is told whether they concern it.

use crate::batch::{self, OpKind};
use crate::key::Revision;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// So many runs are kept; of more, those with the fewest keys go.
const RUNS_MAX: usize = 32;
/// So many keys that were put are remembered, none longer than this,
const PUTS_MAX: usize = 1024;
const PUT_KEY_BYTES_MAX: usize = 256;
/// and neither keys nor runs any more once so many came without a scan that asked, or passed a run.
const UNASKED_MAX: u32 = 100_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRun {
    /// Stored keys; the first is of the run, the second is not.
    pub lower: Arc<[u8]>,
    pub upper: Arc<[u8]>,
    pub revision: Revision,
    /// The latest deadline of what expired in it.
    pub time_ms: i64,
    /// Keys that were walked for it, about.
    pub keys: u64,
}

/// By key, disjoint. A reader's own copy does not change.
pub type Runs = Arc<Vec<DeadRun>>;

pub struct DeadRuns {
    /// Whether there may be runs, or keys that are put are to be remembered.
    attentive: AtomicBool,
    runs: ArcSwap<Vec<DeadRun>>,
    /// The newest commit that puts, or is about to.
    last_put: AtomicU64,
    /// Held by whoever changes `runs`.
    recent: Mutex<Recent>,
    noted: AtomicU64,
    passed: AtomicU64,
}

/// Keys that were put lately.
#[derive(Default)]
struct Recent {
    /// None while none are remembered; else every put after this revision is.
    since: Option<Revision>,
    puts: VecDeque<(Revision, Vec<u8>)>,
    /// Since the last scan that asked, or a look that found that runs were passed: so often by then.
    unasked: u32,
    passed: u64,
    /// Room for a key.
    key: Vec<u8>,
}

impl Recent {
    fn note(&mut self, revision: Revision, key: &[u8]) {
        self.unasked += 1;
        if self.since.is_none() {
            return;
        }
        if key.len() > PUT_KEY_BYTES_MAX {
            self.puts.clear();
            self.since = Some(revision);
        } else {
            if self.puts.len() == PUTS_MAX {
                self.since = self.puts.pop_front().map(|(revision, _)| revision);
            }
            self.puts.push_back((revision, key.to_vec()));
        }
    }

    /// Whether nothing was put into a run since it was seen, `last_put` being the newest put of all. Where that is not
    /// known, what comes from now on is remembered.
    fn allows(&mut self, run: &DeadRun, last_put: Revision) -> bool {
        self.unasked = 0;
        if last_put <= run.revision {
            return true;
        }
        if self.since.is_some_and(|since| since <= run.revision) {
            let later = self.puts.iter().filter(|(revision, _)| *revision > run.revision);
            return !later.map(|(_, key)| &key[..]).any(|key| run.lower[..] <= *key && *key < run.upper[..]);
        }
        if self.since.is_none() {
            self.since = Some(last_put);
        }
        false
    }
}

impl DeadRuns {
    /// `last` is the newest commit so far.
    pub fn new(last: Revision) -> Arc<DeadRuns> {
        Arc::new(DeadRuns {
            attentive: AtomicBool::new(false),
            runs: ArcSwap::default(),
            last_put: AtomicU64::new(last),
            recent: Mutex::default(),
            noted: AtomicU64::new(0),
            passed: AtomicU64::new(0),
        })
    }

    /// For a reader that knows its revision already.
    #[inline]
    pub fn load(&self) -> Option<Runs> {
        self.attentive.load(Ordering::Acquire).then(|| self.runs.load_full())
    }

    /// Takes the keys out that a commit puts, before anyone can see it. Under the commit lock.
    pub fn note_puts(&self, body: &[u8], revision: Revision) {
        self.last_put.store(revision, Ordering::SeqCst);
        if !self.attentive.load(Ordering::SeqCst) {
            return;
        }
        let mut recent = self.recent.lock();
        let remembered = recent.since.is_some();
        let before = self.runs.load();
        let mut changed: Option<Vec<DeadRun>> = None;
        let mut key = std::mem::take(&mut recent.key);
        for op in batch::ops(body).filter(|op| matches!(op.kind, OpKind::Put | OpKind::Reference)) {
            key.clear();
            key.push(op.keyspace);
            key.extend_from_slice(op.key);
            recent.note(revision, &key);
            if let Some(at) = find(changed.as_ref().unwrap_or(&before), &key) {
                take_out(changed.get_or_insert_with(|| before.to_vec()), at, &key);
            }
        }
        recent.key = key;
        if recent.unasked > UNASKED_MAX {
            let passed = self.passed.load(Ordering::Relaxed);
            if passed == recent.passed {
                // Nobody has a use for them, and every put pays.
                *recent = Recent { passed, ..Recent::default() };
                changed = Some(Vec::new());
            }
            (recent.unasked, recent.passed) = (0, passed);
        }
        if changed.is_some() || recent.since.is_some() != remembered {
            self.publish(&recent, changed.map_or_else(|| before.clone(), Arc::new));
        }
    }

    /// A cursor has sought past a run.
    #[inline]
    pub fn count_passed(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    /// How often runs were noted and how often cursors passed one, since the database was opened.
    pub fn counts(&self) -> (u64, u64) {
        (self.noted.load(Ordering::Relaxed), self.passed.load(Ordering::Relaxed))
    }

    fn publish(&self, recent: &Recent, runs: Runs) {
        self.attentive.store(!runs.is_empty() || recent.since.is_some(), Ordering::Release);
        self.runs.store(runs);
    }

    /// Adds what a scan at `run.revision` has walked through, unless something may have been put into it since.
    pub fn add(&self, run: DeadRun) {
        debug_assert!(run.lower < run.upper, "a run holds a key");
        let mut recent = self.recent.lock();
        self.attentive.store(true, Ordering::SeqCst);
        let mut runs = self.runs.load().to_vec();
        if recent.allows(&run, self.last_put.load(Ordering::SeqCst)) {
            self.noted.fetch_add(1, Ordering::Relaxed);
            let joined = join(&mut runs, run);
            runs.insert(runs.partition_point(|run| run.lower < joined.lower), joined);
            if runs.len() > RUNS_MAX {
                let fewest = (0..runs.len()).min_by_key(|at| runs[*at].keys).expect("there are runs");
                runs.remove(fewest);
            }
        }
        self.publish(&recent, Arc::new(runs));
    }
}

/// The run that holds a key.
pub fn find(runs: &[DeadRun], key: &[u8]) -> Option<usize> {
    let after = runs.partition_point(|run| run.lower[..] <= *key);
    after.checked_sub(1).filter(|at| *key < runs[*at].upper[..])
}

/// Splits a run around a key.
fn take_out(runs: &mut Vec<DeadRun>, at: usize, key: &[u8]) {
    let run = runs.remove(at);
    let after: Arc<[u8]> = [key, &[0]].concat().into();
    let keys = run.keys / 2;
    if after < run.upper {
        runs.insert(at, DeadRun { lower: after, keys, ..run.clone() });
    }
    if run.lower[..] < *key {
        runs.insert(at, DeadRun { upper: key.into(), keys, ..run });
    }
}

/// Takes out the runs that touch this one; answers all of them as one.
fn join(runs: &mut Vec<DeadRun>, mut run: DeadRun) -> DeadRun {
    runs.retain(|other| {
        let apart = other.upper < run.lower || run.upper < other.lower;
        if !apart {
            run.lower = (&run.lower).min(&other.lower).clone();
            run.upper = (&run.upper).max(&other.upper).clone();
            run.revision = run.revision.max(other.revision);
            run.time_ms = run.time_ms.max(other.time_ms);
            run.keys += other.keys;
        }
        apart
    });
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Reason};

    fn run(lower: &str, upper: &str, revision: Revision, keys: u64) -> DeadRun {
        DeadRun { lower: lower.as_bytes().into(), upper: upper.as_bytes().into(), revision, time_ms: 0, keys }
    }

    fn bounds(runs: &DeadRuns) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let runs = runs.load().unwrap_or_default();
        runs.iter().map(|run| (text(&run.lower), text(&run.upper))).collect()
    }

    fn put(runs: &DeadRuns, key: &str, revision: Revision) {
        let mut batch = Batch::new();
        batch.delete(0, b"b", Reason::User).unwrap();
        batch.put(0, key.as_bytes(), b"", None).unwrap();
        runs.note_puts(batch.body(), revision);
    }

    #[test]
    fn a_put_leaves_the_run_on_both_sides_of_its_key() {
        let runs = DeadRuns::new(5);
        runs.add(run("\0a", "\0d", 5, 100));
        put(&runs, "e", 6);
        assert_eq!(bounds(&runs), [("\0a".into(), "\0d".into())], "what is outside changes nothing");
        put(&runs, "c", 7);
        assert_eq!(bounds(&runs), [("\0a".into(), "\0c".into()), ("\0c\0".into(), "\0d".into())]);
        put(&runs, "a", 8);
        assert_eq!(bounds(&runs), [("\0a\0".into(), "\0c".into()), ("\0c\0".into(), "\0d".into())]);
    }

    #[test]
    fn a_run_that_was_seen_before_a_put_is_added_only_where_the_put_is_known_to_lie_outside() {
        let runs = DeadRuns::new(5);
        let added = |lower: &str, upper: &str, revision| {
            let before = bounds(&runs).len();
            runs.add(run(lower, upper, revision, 100));
            bounds(&runs).len() > before
        };
        put(&runs, "x", 6);
        assert!(!added("\0a", "\0b", 5), "nobody remembered where that put was");
        put(&runs, "g", 7);
        put(&runs, "y", 8);
        assert!(!added("\0a", "\0b", 5));
        assert!(added("\0a", "\0b", 6));
        assert!(!added("\0f", "\0h", 6), "a put lies inside");
        assert!(added("\0f", "\0h", 7));
    }

    #[test]
    fn what_is_no_longer_remembered_turns_a_scan_away() {
        let runs = DeadRuns::new(5);
        put(&runs, "x", 6);
        runs.add(run("\0a", "\0b", 5, 100));
        for revision in 7..=6 + PUTS_MAX as u64 {
            put(&runs, "x", revision);
        }
        runs.add(run("\0a", "\0b", 6, 100));
        assert_eq!(bounds(&runs).len(), 1, "all of them are remembered");
        put(&runs, "x", 7 + PUTS_MAX as u64);
        runs.add(run("\0c", "\0d", 6, 100));
        assert_eq!(bounds(&runs).len(), 1, "the first is forgotten");
        runs.add(run("\0c", "\0d", 7, 100));
        assert_eq!(bounds(&runs).len(), 2);
        put(&runs, &"x".repeat(PUT_KEY_BYTES_MAX), 2_000);
        runs.add(run("\0e", "\0f", 1_999, 100));
        assert_eq!(bounds(&runs).len(), 2, "a long key is not remembered");
    }

    #[test]
    fn puts_and_runs_are_forgotten_when_no_scan_asks_or_passes() {
        let runs = DeadRuns::new(5);
        let put_many = |first: u64| {
            (first..=first + u64::from(UNASKED_MAX)).for_each(|revision| put(&runs, "x", revision));
        };
        put(&runs, "x", 6);
        runs.add(run("\0a", "\0b", 5, 100));
        assert!(runs.load().is_some(), "puts are remembered");
        put_many(7);
        assert!(runs.load().is_none());

        runs.add(run("\0a", "\0b", 200_000, 100));
        runs.count_passed();
        put_many(200_001);
        assert_eq!(bounds(&runs).len(), 1);
        put_many(400_001);
        assert!(runs.load().is_none());
    }

    #[test]
    fn runs_that_touch_become_one_as_new_as_the_newest() {
        let runs = DeadRuns::new(5);
        runs.add(run("\0a", "\0b", 7, 1));
        runs.add(run("\0c", "\0d", 6, 2));
        runs.add(DeadRun { time_ms: 9, ..run("\0b", "\0c", 5, 4) });
        let all = runs.load().unwrap();
        assert_eq!(all[..], [DeadRun { time_ms: 9, ..run("\0a", "\0d", 7, 7) }]);
    }

    #[test]
    fn of_too_many_runs_those_with_the_fewest_keys_go() {
        let runs = DeadRuns::new(5);
        for number in 0..2 * RUNS_MAX {
            runs.add(run(&format!("\0{number:03}"), &format!("\0{number:03}x"), 5, 1_000 - number as u64));
        }
        let kept = bounds(&runs);
        assert_eq!(kept.len(), RUNS_MAX);
        assert_eq!(kept[0].0, "\x00000");
    }
}
