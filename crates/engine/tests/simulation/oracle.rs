//! What a database must hold: every commit in order, applied to an ordered map.

use coppice_engine::batch::{Batch, Reason};
use coppice_engine::entry::NO_DEADLINE;
use coppice_engine::key::{EMPTY_REVISION, KEYSPACE_USER, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One operation of a commit.
#[derive(Clone, Debug)]
pub struct Change {
    pub key: Arc<[u8]>,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    Put(Put),
    Delete,
    /// Of all keys from the change's on and below this one; none: of all that follow.
    DeleteRange(Option<Arc<[u8]>>),
}

#[derive(Clone, Debug)]
pub struct Put {
    pub value: Arc<[u8]>,
    pub deadline_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub value: Arc<[u8]>,
    pub revision: Revision,
    pub deadline_ms: i64,
}

pub type Rows = BTreeMap<Arc<[u8]>, Row>;

pub fn apply(rows: &mut Rows, changes: &[Change], revision: Revision) {
    for Change { key, act } in changes {
        match act {
            Act::Delete => drop(rows.remove(key)),
            Act::DeleteRange(until) => {
                rows.retain(|row, _| row < key || until.as_ref().is_some_and(|until| row >= until));
            }
            Act::Put(Put { value, deadline_ms }) => {
                let row = Row { value: value.clone(), revision, deadline_ms: *deadline_ms };
                rows.insert(key.clone(), row);
            }
        }
    }
}

/// Whether these changes leave all rows as they are: they delete what is not there. With history that is no commit.
pub fn is_nothing(rows: &Rows, changes: &[Change]) -> bool {
    let mut after = rows.clone();
    let are_deletes = changes.iter().all(|change| !matches!(change.act, Act::Put(_)));
    are_deletes && {
        apply(&mut after, changes, EMPTY_REVISION);
        after.len() == rows.len()
    }
}

/// Rows whose deadline has not passed.
pub fn live(rows: &Rows, now_ms: i64) -> Rows {
    let live = rows.iter().filter(|(_, row)| row.deadline_ms > now_ms);
    live.map(|(key, row)| (key.clone(), row.clone())).collect()
}

pub fn pack(changes: &[Change]) -> Batch {
    let mut batch = Batch::new();
    for Change { key, act } in changes {
        let packed = match act {
            Act::Delete => batch.delete(KEYSPACE_USER, key, Reason::User),
            Act::DeleteRange(until) => batch.delete_range(KEYSPACE_USER, key, until.as_deref()),
            Act::Put(Put { value, deadline_ms }) => {
                let deadline_ms = (*deadline_ms != NO_DEADLINE).then_some(*deadline_ms);
                batch.put(KEYSPACE_USER, key, value, deadline_ms)
            }
        };
        packed.expect("test keys and values are within the limits");
    }
    batch
}

/// A change that deletes the keys between two, whichever comes first; for equal ones, all from there on.
pub fn delete_between(a: Arc<[u8]>, b: Arc<[u8]>) -> Change {
    let until = (a != b).then(|| a.clone().max(b.clone()));
    Change { key: a.min(b), act: Act::DeleteRange(until) }
}

struct Commit {
    /// Every row after it, expired ones included: they are asked for at each crash.
    rows: Rows,
    /// The clock when it was made, or an earlier time that the clock had shown.
    time_ms: i64,
}

/// The commits of one database. Commit `n` (from 0) has revision `n + 2`.
#[derive(Default)]
pub struct Oracle {
    /// What an empty database holds.
    none: Rows,
    commits: Vec<Commit>,
    /// A write that was answered with an error which leaves open whether it is in the log.
    unknown: Option<Commit>,
}

impl Oracle {
    pub fn last(&self) -> Revision {
        EMPTY_REVISION + self.commits.len() as u64
    }

    /// The last revision that may be found after a failure.
    pub fn last_possible(&self) -> Revision {
        self.last() + u64::from(self.unknown.is_some())
    }

    pub fn commit(&mut self, changes: &[Change], clock_ms: i64) -> Revision {
        let commit = self.next(changes, clock_ms);
        self.unknown = None;
        self.commits.push(commit);
        self.last()
    }

    pub fn may_have_committed(&mut self, changes: &[Change], clock_ms: i64) {
        self.unknown = Some(self.next(changes, clock_ms));
    }

    fn next(&self, changes: &[Change], clock_ms: i64) -> Commit {
        let mut rows = self.rows_at(self.last()).clone();
        apply(&mut rows, changes, self.last() + 1);
        Commit { rows, time_ms: self.time_ms(self.last()).max(clock_ms) }
    }

    /// What a crash left: later commits never happened, and an unknown one did if its revision is there.
    pub fn recover_to(&mut self, revision: Revision) {
        if let Some(unknown) = self.unknown.take().filter(|_| revision > self.last()) {
            self.commits.push(unknown);
        }
        assert!(revision <= self.last(), "recovered revisions are checked before they are believed");
        self.commits.truncate((revision - EMPTY_REVISION) as usize);
    }

    /// A time that the database at this revision must not be behind.
    pub fn time_ms(&self, revision: Revision) -> i64 {
        self.at(revision).map_or(0, |commit| commit.time_ms)
    }

    /// Every row as of a revision, expired ones included.
    pub fn rows_at(&self, revision: Revision) -> &Rows {
        self.at(revision).map_or(&self.none, |commit| &commit.rows)
    }

    /// The commit of this revision; none for an empty database.
    fn at(&self, revision: Revision) -> Option<&Commit> {
        let number = (revision - EMPTY_REVISION).checked_sub(1)? as usize;
        self.commits.get(number).or(self.unknown.as_ref())
    }
}
