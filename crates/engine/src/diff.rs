//! What differs between two moments of a database, or of two databases that have grown from the same tables.
//!
//! A table that both sides have, and that holds nothing later than either moment, says the same on both. So only keys that
//! something else holds, and those that a range delete of something else may hold, are looked at; of them the newest
//! version of either side is looked up, and compared. What both sides share is read for nothing but that.

use crate::cursor::Keys;
use crate::disk::Wait;
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Revision;
use crate::range_delete::Flat;
use crate::read::{Range, Snapshot, stored_bounds};
use crate::snapshot::View;
use crate::sources::{Bounds, borrowed, clamp};
use crate::state::Readable;
use crate::table::{Patience, Table};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// A key that differs, and what either side holds of it; never the same on both.
pub struct Change {
    pub key: Vec<u8>,
    pub before: Option<WholeEntry>,
    pub after: Option<WholeEntry>,
}

/// The fields of an entry without its value, and the value.
pub type WholeEntry = (Entry<'static>, Vec<u8>);

/// The changes of a range in the order of their keys. Owned by one thread at a time; it keeps both sides as they are.
pub struct Diff {
    before: Side,
    after: Side,
    /// Where both have a version of a key at a revision up to this one, it is the same version.
    same_until: Revision,
    /// What range deletes that are not shared may hold, as stored keys.
    deleted: Flat,
    shared: Shared,
}

/// One of the two moments.
struct Side {
    snapshot: Snapshot,
    readable: Arc<Readable>,
    view: View,
    /// Of what the other has not.
    keys: Keys,
}

/// A stored key that may differ, with its newest version on either side in what is not shared.
struct Candidate {
    key: Vec<u8>,
    before: Option<Revision>,
    after: Option<Revision>,
}

/// Keys of shared tables that range deletes of others may hold: one range after the other.
struct Shared {
    readable: Arc<Readable>,
    tables: HashSet<[u8; 16]>,
    at: Revision,
    ranges: VecDeque<Bounds>,
    keys: Option<Keys>,
}

impl Diff {
    /// `same_until`: the last revision that both have in common, if the two are not moments of one database; 0 if nobody
    /// knows, which costs reading what both have rewritten since. What has expired by now counts as absent.
    pub fn new(before: Snapshot, after: Snapshot, same_until: Revision, range: Range) -> Result<Diff> {
        let is_one = Arc::ptr_eq(before.state(), after.state());
        let same_until = if is_one { Revision::MAX } else { same_until };
        let range = stored_bounds(range.lower, range.upper);
        let now_ms = after.state().time.now_ms();
        let views = [&before, &after].map(|side| View { now_ms: Some(now_ms), ..side.view() });
        let [was, is] = [&before, &after].map(|side| side.state().pin().0);
        let least = views[0].revision.min(views[1].revision);
        let ids = |readable: &Readable| -> HashSet<[u8; 16]> {
            let settled = readable.version.tables().filter(|table| table.summary().max_revision <= least);
            settled.map(|table| table.summary().id).collect()
        };
        let tables: HashSet<_> = ids(&was).intersection(&ids(&is)).copied().collect();

        let bounds = borrowed(&range);
        let is_unshared = |table: &Table| !tables.contains(&table.summary().id);
        let mut deletes = Vec::new();
        for (readable, view) in [(&was, views[0]), (&is, views[1])] {
            let all = readable.range_deletes_in(bounds, &is_unshared, Wait::ForDisk)?;
            deletes.extend(all.into_iter().filter(|range| range.revision <= view.revision));
        }
        let deleted = Flat::of(deletes);
        let ranges = deleted.ranges().iter().map(|range| clamp(range, bounds)).collect();
        let side = |snapshot, readable: Arc<Readable>, view: View| -> Result<Side> {
            let sources = readable.sources_in(bounds, 0, &is_unshared, &Patience::default());
            let keys = Keys::new(sources, view.revision, bounds.0, range.1.clone())?;
            Ok(Side { snapshot, readable, view, keys })
        };
        let before = side(before, was.clone(), views[0])?;
        let after = side(after, is, views[1])?;
        let mut shared = Shared { readable: was, tables, at: least, ranges, keys: None };
        shared.find()?;
        Ok(Diff { before, after, same_until, deleted, shared })
    }

    /// The next change; none at the end. After a failure it is at its end.
    #[expect(clippy::should_implement_trait, reason = "it may fail")]
    pub fn next(&mut self) -> Result<Option<Change>> {
        while let Some(Candidate { key, before, after }) = self.candidate()? {
            let is_same = before.is_some() && before == after && before <= Some(self.same_until);
            if is_same && self.deleted.find(&key).is_none() {
                continue;
            }
            let (before, after) = (self.before.get(&key)?, self.after.get(&key)?);
            if is_change(&before, &after, self.same_until) {
                return Ok(Some(Change { key: key[1..].to_vec(), before, after }));
            }
        }
        Ok(None)
    }

    fn candidate(&mut self) -> Result<Option<Candidate>> {
        let places = [self.before.keys.here(), self.after.keys.here(), self.shared.here()];
        let Some(key) = places.iter().flatten().map(|(key, _)| *key).min() else { return Ok(None) };
        let key = key.to_vec();
        let before = take(&mut self.before.keys, &key)?;
        let after = take(&mut self.after.keys, &key)?;
        if self.shared.here().is_some_and(|(here, _)| here == key) {
            self.shared.advance()?;
        }
        Ok(Some(Candidate { key, before, after }))
    }
}

/// Leaves a key, if it stands there.
fn take(keys: &mut Keys, key: &[u8]) -> Result<Option<Revision>> {
    let found = keys.here().filter(|(here, _)| *here == key).map(|(_, revision)| revision);
    if found.is_some() {
        keys.advance()?;
    }
    Ok(found)
}

/// The same version, or one that says the same, is no change.
fn is_change(before: &Option<WholeEntry>, after: &Option<WholeEntry>, same_until: Revision) -> bool {
    match (before, after) {
        (None, None) => false,
        (Some((was, value)), Some((is, other))) => {
            let is_one = was.revision == is.revision && was.revision <= same_until;
            !is_one && (was.deadline_ms != is.deadline_ms || value != other)
        }
        _ => true,
    }
}

impl Side {
    fn get(&self, key: &[u8]) -> Result<Option<WholeEntry>> {
        self.snapshot.state().get_pinned(&self.readable, key, self.view, Wait::ForPages)
    }
}

impl Shared {
    fn here(&self) -> Option<(&[u8], Revision)> {
        self.keys.as_ref().and_then(Keys::here)
    }

    fn advance(&mut self) -> Result<()> {
        if let Some(keys) = &mut self.keys {
            keys.advance()?;
        }
        self.find()
    }

    /// Goes on to the next range that holds a key, if this one has none left.
    fn find(&mut self) -> Result<()> {
        while self.here().is_none() {
            let Some((lower, upper)) = self.ranges.pop_front() else { return Ok(()) };
            let range = (lower, upper);
            let bounds = borrowed(&range);
            let is_shared = |table: &Table| self.tables.contains(&table.summary().id);
            let sources = self.readable.table_sources(bounds, &is_shared, &Patience::default());
            self.keys = Some(Keys::new(sources, self.at, bounds.0, range.1.clone())?);
        }
        Ok(())
    }
}
