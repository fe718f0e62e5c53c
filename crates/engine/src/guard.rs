//! The conditions of a commit: what they are, and whether they hold.
//!
//! They are looked at before the commit lock, because tables may have to be read for it. Under the lock a key is looked up
//! again in the memtables, which alone can hold anything newer; of a range it is only asked whether anything was committed
//! since the look. If so, the next look is at what came in between.

use crate::blob::Files;
use crate::cursor::{DeadWalk, Keys, VisibleCursor, Window};
use crate::disk::Wait;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::Revision;
use crate::read::{StoredKey, stored_bounds};
use crate::sources::{Bounds, borrowed, clamp};
use crate::state::{Readable, State};
use crate::table::Patience;
use std::ops::Bound;
use std::sync::Arc;

/// A condition of a commit. Bounds and keys are of users.
#[derive(Clone, Copy, Debug)]
pub enum Guard<'a> {
    /// The key's live version is still this one, or, with none, there is no live version.
    Key { key: &'a [u8], revision: Option<Revision> },
    /// Nothing from `lower` on, and below `upper`, was written after `since`; an empty `upper`: to the end. A snapshot
    /// that stands at `since` must live: it is what keeps compaction from dropping a delete together with what it deleted.
    /// Of what was written and deleted again after `since`, and never seen by a snapshot, nothing may be left to find.
    Range { lower: &'a [u8], upper: &'a [u8], since: Revision },
}

/// A guard that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its index.
    pub guard: usize,
    /// Of a range: the first key in it that was written.
    pub key: Option<Vec<u8>>,
    /// The key's live version.
    pub revision: Option<Revision>,
}

/// What a look has found.
pub struct Looked {
    pub readable: Arc<Readable>,
    /// The newest commit that it has seen for sure.
    pub until: Revision,
    /// Of each guard of a key: its newest put.
    found: Vec<Option<Found>>,
    /// Ranges in which something was written.
    changed: Vec<Conflict>,
}

/// What a guard is compared with: a put that lives until its deadline.
#[derive(Clone, Copy)]
struct Found {
    revision: Revision,
    deadline_ms: i64,
}

impl Found {
    fn of(entry: Entry<'_>, _: Files<'_>) -> Option<Found> {
        let Entry { kind, revision, deadline_ms, .. } = entry;
        kind.is_put().then_some(Found { revision, deadline_ms })
    }

    fn live(self, now_ms: i64) -> Option<Revision> {
        (self.deadline_ms > now_ms).then_some(self.revision)
    }
}

impl Guard<'_> {
    pub fn is_range(&self) -> bool {
        matches!(self, Guard::Range { .. })
    }
}

impl State {
    /// Looks at all guards as of now. Up to `unchanged_until` the ranges are known to hold.
    pub fn look(&self, guards: &[Guard<'_>], unchanged_until: Revision, wait: Wait) -> Result<Looked> {
        let (readable, until) = self.pin_newest();
        let mut looked = Looked { readable, until, found: Vec::new(), changed: Vec::new() };
        for (index, guard) in guards.iter().enumerate() {
            match *guard {
                Guard::Key { key, .. } => {
                    looked.found.push(self.newest_put(&looked.readable, key, wait)?);
                }
                Guard::Range { lower, upper, since } => {
                    let written =
                        self.written_in(&looked.readable, (lower, upper), since, unchanged_until, wait)?;
                    if let Some(key) = written {
                        let newest = self.newest_put(&looked.readable, &key, wait)?;
                        let revision = newest.and_then(|put| put.live(self.time.now_ms()));
                        looked.changed.push(Conflict { guard: index, key: Some(key), revision });
                    }
                }
            }
        }
        Ok(looked)
    }

    fn newest_put(&self, readable: &Arc<Readable>, key: &[u8], wait: Wait) -> Result<Option<Found>> {
        let key = StoredKey::new(key);
        Ok(self.get_in(readable, key.bytes(), Revision::MAX, wait, Found::of)?.flatten())
    }

    /// The first key of a range that was written after `since`, looking at nothing that was written up to
    /// `unchanged_until`.
    fn written_in(
        &self,
        readable: &Arc<Readable>,
        (lower, upper): (&[u8], &[u8]),
        since: Revision,
        unchanged_until: Revision,
        wait: Wait,
    ) -> Result<Option<Vec<u8>>> {
        if !self.snapshots.stand_at(since) {
            let message =
                format!("a range is guarded since the revision of a live snapshot, and none is at {since}");
            return Err(Error::invalid(message));
        }
        let upper = if upper.is_empty() { Bound::Unbounded } else { Bound::Excluded(upper.to_vec()) };
        let all = stored_bounds(Bound::Included(lower.to_vec()), upper);
        let bounds = borrowed(&all);
        let after = since.max(unchanged_until);
        let patience = Patience::changeable();
        patience.set(wait);

        // What nothing after it was written to says nothing; of the rest the newest version of a key is looked at.
        let sources =
            readable.sources_in(bounds, after, &|table| table.summary().max_revision > after, &patience);
        let mut keys = Keys::new(sources, Revision::MAX, bounds.0, all.1.clone())?;
        let mut first = None;
        while let Some((key, revision)) = keys.here() {
            if revision > after {
                first = Some(key[1..].to_vec());
                break;
            }
            keys.advance()?;
        }
        // A range delete has written to the keys that were there: as of `since` they still are.
        let deletes =
            readable.range_deletes_in(bounds, &|table| table.summary().max_revision > after, wait)?;
        for delete in deletes.iter().filter(|delete| delete.revision > after) {
            let mut rows = self.rows_at(readable, clamp(delete, bounds), since, &patience);
            if rows.advance()? && first.as_deref().is_none_or(|key| rows.key()[1..] < *key) {
                first = Some(rows.key()[1..].to_vec());
            }
        }
        Ok(first)
    }

    /// What stood in a range at a revision, deadlines aside.
    fn rows_at(
        &self,
        readable: &Arc<Readable>,
        (lower, upper): Bounds,
        revision: Revision,
        patience: &Patience,
    ) -> VisibleCursor {
        let now_ms = i64::MIN;
        let window = Window { lower, upper, reverse: false, revision, now_ms, patience: patience.clone() };
        let readable = readable.clone();
        let dead = DeadWalk::new(&self.dead_runs, revision, now_ms);
        VisibleCursor::new(Box::new(move |window| readable.sources(window)), dead, window)
    }

    /// Under the commit lock: what of the guards does not hold. Of ranges that is what the look has found.
    pub fn find_conflicts(&self, guards: &[Guard<'_>], looked: Looked, now_ms: i64) -> Vec<Conflict> {
        let readable = self.readable.load();
        let mut conflicts = looked.changed;
        let mut found = looked.found.into_iter();
        // Deadlines are compared here alone: what was alive when it was read may be no more.
        for (index, guard) in guards.iter().enumerate() {
            let Guard::Key { key, revision } = *guard else { continue };
            let before = found.next().expect("one for each key");
            let key = StoredKey::new(key);
            let newest = readable.get_from_memtables(key.bytes(), Revision::MAX, Found::of).unwrap_or(before);
            let current = newest.and_then(|put| put.live(now_ms));
            if current != revision {
                conflicts.push(Conflict { guard: index, key: None, revision: current });
            }
        }
        conflicts.sort_by_key(|conflict| conflict.guard);
        conflicts
    }
}
