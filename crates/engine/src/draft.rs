//! What a commit to a database with history has to know of what there was: each put carries the revision that its key was
//! created at and how often it was written since, a range delete becomes one delete for each key that lives, and a delete
//! of a key that is not there is left out.
//!
//! A draft is made before the commit lock, because tables may have to be read for it, at a revision s. Under the lock
//! `complete` makes it right: what came after s is in memtables alone, unless one was flushed meanwhile, which the caller
//! finds out. A draft with range deletes is made anew if anything came.

use crate::batch::{self, HEADER_BYTES, Op, OpKind, Origin, Reason, Summary};
use crate::blob::Files;
use crate::disk::Wait;
use crate::entry::{Entry, NO_DEADLINE};
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::limits;
use crate::read::{Range, StoredKey};
use crate::snapshot::View;
use crate::state::{Readable, State};
use std::collections::BTreeMap;
use std::ops::Bound;

pub struct Draft {
    /// The record as it is logged, its header not set.
    pub body: Vec<u8>,
    pub summary: Summary,
    /// With range deletes: keys that had a value and have none any more.
    pub deleted: Option<u64>,
    /// The operations in their order.
    steps: Vec<Step>,
    keys: Vec<Met>,
    /// The draft holds for this revision and until this time.
    revision: Revision,
    until_ms: i64,
}

/// A key that is written.
struct Met {
    user_key: Box<[u8]>,
    /// What was before.
    before: Option<Life>,
    /// Whether the first operation on it is a delete, which is left out if there was nothing before.
    is_deleted_first: bool,
}

/// An operation on one of the keys: of a put, where its fields are.
#[derive(Clone, Copy)]
struct Step {
    key: usize,
    fields: Option<usize>,
}

/// The put that a key is at.
#[derive(Clone, Copy)]
struct Life {
    create_revision: Revision,
    version: u64,
    deadline_ms: i64,
}

impl Life {
    fn of(entry: Entry<'_>) -> Option<Life> {
        let Entry { create_revision, version, deadline_ms, .. } = entry;
        entry.kind.is_put().then_some(Life { create_revision, version, deadline_ms })
    }
}

/// A draft being made.
struct Drafting<'a> {
    state: &'a State,
    readable: &'a Readable,
    wait: Wait,
    draft: Draft,
    /// The index of each key that was met, and what came so far.
    met: BTreeMap<Box<[u8]>, (usize, Now)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Now {
    Put,
    Deleted,
    PutAnew,
}

impl State {
    /// The draft of a validated body. With `Wait::Never` it fails with `WouldBlock` where the disk would have to be read,
    /// or a range to be walked.
    pub fn draft(&self, body: &[u8], wait: Wait) -> Result<Draft> {
        let (readable, revision) = self.pin_newest();
        let draft = Draft {
            body: vec![0; HEADER_BYTES],
            summary: Summary::default(),
            deleted: None,
            steps: Vec::new(),
            keys: Vec::new(),
            revision: revision + 1,
            until_ms: NO_DEADLINE,
        };
        let mut drafting = Drafting { state: self, readable: &readable, wait, draft, met: BTreeMap::new() };
        for op in batch::ops(body) {
            match op.kind {
                OpKind::RangeDelete => drafting.delete_range(&op)?,
                OpKind::Delete => drafting.delete_key(op.key, op.reason)?,
                OpKind::Put | OpKind::Reference | OpKind::System => drafting.put(&op)?,
            }
        }
        let mut draft = drafting.draft;
        draft.summary = batch::validate(&draft.body, Origin::Engine)?;
        draft.fill(revision + 1, self.time.now_ms());
        Ok(draft)
    }
}

impl Drafting<'_> {
    fn put(&mut self, op: &Op<'_>) -> Result<()> {
        let key = match self.met.get_mut(op.key) {
            Some((key, now)) => {
                *now = if *now == Now::Put { Now::Put } else { Now::PutAnew };
                *key
            }
            None => {
                let before = self.before(op.key)?;
                self.meet(Met { user_key: op.key.into(), before, is_deleted_first: false }, Now::Put)
            }
        };
        let fields = batch::push_put(&mut self.draft.body, op);
        self.draft.steps.push(Step { key, fields: Some(fields) });
        Ok(())
    }

    fn delete_key(&mut self, user_key: &[u8], reason: Reason) -> Result<()> {
        match self.met.get_mut(user_key) {
            // There is nothing that it would delete.
            Some((_, Now::Deleted)) => {}
            Some((key, now)) => {
                *now = Now::Deleted;
                let key = *key;
                self.push_delete(key, user_key, reason);
            }
            None => {
                let before = self.before(user_key)?;
                self.delete_first(user_key, before, reason);
            }
        }
        Ok(())
    }

    fn delete_first(&mut self, user_key: &[u8], before: Option<Life>, reason: Reason) {
        let met = Met { user_key: user_key.into(), before, is_deleted_first: true };
        let key = self.meet(met, Now::Deleted);
        if before.is_some() {
            self.push_delete(key, user_key, reason);
        }
    }

    fn push_delete(&mut self, key: usize, user_key: &[u8], reason: Reason) {
        batch::push_delete(&mut self.draft.body, reason, user_key);
        self.draft.steps.push(Step { key, fields: None });
    }

    fn meet(&mut self, met: Met, now: Now) -> usize {
        let key = self.draft.keys.len();
        self.met.insert(met.user_key.clone(), (key, now));
        self.draft.keys.push(met);
        key
    }

    fn before(&self, user_key: &[u8]) -> Result<Option<Life>> {
        let key = StoredKey::new(user_key);
        let life = |entry: Entry<'_>, _: Files<'_>| Life::of(entry);
        Ok(self.state.get_in(self.readable, key.bytes(), Revision::MAX, self.wait, life)?.flatten())
    }

    /// One delete for each key in the range that has a value, also for those whose deadline has passed: they are there for
    /// whoever reads at a revision.
    fn delete_range(&mut self, op: &Op<'_>) -> Result<()> {
        if self.wait == Wait::Never {
            return Err(Error::new(
                Code::WouldBlock,
                "a range is deleted key by key in a database with history",
            ));
        }
        let upper = match op.value {
            [] => Bound::Unbounded,
            upper => Bound::Excluded(upper),
        };
        // Those that earlier operations have put.
        let inside = (Bound::Included(op.key), upper);
        let put: Vec<Box<[u8]>> = self
            .met
            .range::<[u8], _>(inside)
            .filter(|(_, (_, now))| *now != Now::Deleted)
            .map(|(key, _)| key.clone())
            .collect();
        let before = self.draft.revision - 1;
        let range = Range {
            lower: Bound::Included(op.key.to_vec()),
            upper: upper.map(<[u8]>::to_vec),
            reverse: false,
        };
        let now_ms = self.state.time.now_ms();
        let view = View { revision: before, now_ms: Some(i64::MIN) };
        let mut rows = self.state.range_in(self.state.pin_newest(), range, view);
        let mut deleted = self.draft.deleted.unwrap_or(0);
        while rows.advance()? {
            let (user_key, is_live) = (rows.key()[1..].to_vec(), rows.entry().is_live(now_ms));
            match self.met.get(&user_key[..]) {
                // One of those above.
                Some((_, Now::Put)) => deleted += u64::from(is_live),
                // This commit has deleted what there was before.
                Some((_, Now::Deleted | Now::PutAnew)) => {}
                None => {
                    deleted += u64::from(is_live);
                    self.delete_first(&user_key, Life::of(rows.entry()), op.reason);
                    self.check_bytes()?;
                }
            }
        }
        for user_key in put {
            self.delete_key(&user_key, op.reason)?;
        }
        self.draft.deleted = Some(deleted);
        Ok(())
    }

    fn check_bytes(&self) -> Result<()> {
        if self.draft.body.len() <= limits::RECORD_BYTES_MAX {
            return Ok(());
        }
        let max = limits::RECORD_BYTES_MAX;
        let message = format!(
            "the range holds so many keys that their deletes take over {max} bytes, the limit of a commit: with history each \
             key of a range is deleted by itself, so delete it in parts"
        );
        Err(Error::new(Code::TooLarge, message))
    }
}

impl Draft {
    /// Under the commit lock: makes the draft that of the commit after `last`, or answers false if it has to be made anew.
    /// No memtable was flushed since the draft was begun.
    pub fn complete(&mut self, readable: &Readable, last: Revision, time_ms: i64) -> bool {
        let is_current = self.revision == last + 1;
        if is_current && time_ms < self.until_ms {
            return true;
        }
        if !is_current {
            if self.deleted.is_some() {
                return false;
            }
            for met in &mut self.keys {
                let key = StoredKey::new(&met.user_key);
                let newest =
                    readable.get_from_memtables(key.bytes(), Revision::MAX, |entry, _| Life::of(entry));
                let Some(before) = newest else { continue };
                if met.is_deleted_first && before.is_some() != met.before.is_some() {
                    return false;
                }
                met.before = before;
            }
        }
        self.fill(last + 1, time_ms);
        true
    }

    /// The operations act in order: a put after a delete begins a new life, and several puts count once.
    fn fill(&mut self, revision: Revision, now_ms: i64) {
        self.revision = revision;
        self.until_ms = NO_DEADLINE;
        let mut lives: Vec<Option<Life>> = Vec::with_capacity(self.keys.len());
        for Met { before, .. } in &self.keys {
            let alive = before.filter(|life| life.deadline_ms > now_ms);
            if let Some(life) = alive {
                self.until_ms = self.until_ms.min(life.deadline_ms);
            }
            lives.push(alive);
        }
        let mut is_written = vec![false; lives.len()];
        for Step { key, fields } in &self.steps {
            let Some(at) = fields else {
                (lives[*key], is_written[*key]) = (None, true);
                continue;
            };
            let life = match lives[*key] {
                None => Life { create_revision: revision, version: 1, deadline_ms: NO_DEADLINE },
                Some(life) if is_written[*key] => life,
                Some(life) => Life { version: life.version.saturating_add(1), ..life },
            };
            (lives[*key], is_written[*key]) = (Some(life), true);
            batch::set_fields(&mut self.body, *at, life.create_revision, life.version);
        }
    }
}
