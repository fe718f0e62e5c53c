//! The read path, top to bottom: memtables, then level 0, then one table a level, and the first version met at or below
//! the reader's revision is the answer.
//!
//! Runs on the caller's thread, takes no lock, and reads the disk there when a page is not in the cache, unless it is
//! told not to wait for it.

use crate::blob::{Files, Found};
use crate::cursor::{DeadWalk, Hidden, LevelCursor, Source, VersionCursor, VisibleCursor, Window};
use crate::disk::Wait;
use crate::entry::{Entry, Kind};
use crate::error::{Code, Error, Result};
use crate::filter;
use crate::key::{KEYSPACE_USER, Revision};
use crate::memtable::Memtable;
use crate::snapshot::View;
use crate::state::{Readable, State};
use crate::table::{Patience, Table};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A range of user keys.
#[derive(Clone, Debug)]
pub struct Range {
    pub lower: Bound<Vec<u8>>,
    pub upper: Bound<Vec<u8>>,
    pub reverse: bool,
}

impl State {
    /// Calls `read` with the live value of a user key, if there is one.
    #[inline]
    pub fn get<R>(
        &self,
        key: &[u8],
        view: View,
        wait: Wait,
        read: impl FnOnce(&Entry<'_>) -> R,
    ) -> Result<Option<R>> {
        self.check_open()?;
        // In this order: what a later revision hides may be dropped from newer tables, never from these.
        let readable = self.readable.load();
        let at = view.revision.min(self.visible.load(Ordering::Acquire));
        let key = StoredKey::new(key);
        // The closure can be called once; whichever way the value is found takes it.
        let mut read = Some(read);
        let mut answer = |entry: &Entry<'_>| (read.take().expect("called once"))(entry);
        let found = self.get_in(&readable, key.bytes(), at, wait, |entry, files| match entry.kind {
            _ if !self.is_live(&entry, view) => Ok(None),
            Kind::Reference => Err(away(&entry, files)),
            _ => Ok(Some(answer(&entry))),
        })?;
        match found {
            None => Ok(None),
            Some(Ok(answered)) => Ok(answered),
            Some(Err(away)) => {
                let (fields, found) = away?;
                let value = found.read(wait)?;
                Ok(Some(answer(&Entry { value: &value, ..fields })))
            }
        }
    }

    /// The live entry of a user key without its value, and the value as the caller's own.
    pub fn get_value(&self, key: &[u8], view: View) -> Result<Option<(Entry<'static>, Vec<u8>)>> {
        self.check_open()?;
        let readable = self.readable.load();
        let at = view.revision.min(self.visible.load(Ordering::Acquire));
        self.get_pinned(&readable, StoredKey::new(key).bytes(), View { revision: at, ..view }, Wait::ForDisk)
    }

    /// The same of a stored key, in what was pinned.
    pub fn get_pinned(
        &self,
        readable: &Readable,
        key: &[u8],
        view: View,
        wait: Wait,
    ) -> Result<Option<(Entry<'static>, Vec<u8>)>> {
        let found = self.get_in(readable, key, view.revision, wait, |entry, files| match entry.kind {
            _ if !self.is_live(&entry, view) => None,
            Kind::Reference => Some(Err(away(&entry, files))),
            _ => Some(Ok((Entry { value: &[], ..entry }, entry.value.to_vec()))),
        })?;
        match found.flatten() {
            None => Ok(None),
            Some(Ok(here)) => Ok(Some(here)),
            Some(Err(away)) => {
                let (fields, found) = away?;
                Ok(Some((fields, found.read(Wait::ForDisk)?)))
            }
        }
    }

    /// Whether a user key has a live value, wherever that is.
    pub fn has(&self, key: &[u8], view: View, wait: Wait) -> Result<bool> {
        self.check_open()?;
        let readable = self.readable.load();
        let at = view.revision.min(self.visible.load(Ordering::Acquire));
        let key = StoredKey::new(key);
        let found = self.get_in(&readable, key.bytes(), at, wait, |entry, _| self.is_live(&entry, view))?;
        Ok(found.unwrap_or(false))
    }

    /// The clock is read only for entries that have a deadline.
    #[inline]
    fn is_live(&self, entry: &Entry<'_>, view: View) -> bool {
        match view.now_ms {
            Some(now_ms) => entry.is_live(now_ms),
            None if entry.deadline_ms == crate::entry::NO_DEADLINE => entry.is_live(0),
            None => entry.is_live(self.time.now_ms()),
        }
    }

    /// The newest version of a stored key at or below `at`, live or not, and what it counts by if it is a reference.
    pub fn get_in<R>(
        &self,
        readable: &Readable,
        key: &[u8],
        at: Revision,
        wait: Wait,
        read: impl FnOnce(Entry<'_>, Files<'_>) -> R,
    ) -> Result<Option<R>> {
        // The closure can be called once; whichever place answers takes it.
        let mut read = Some(read);
        let mut answer =
            |entry: Entry<'_>, files: Files<'_>| (read.take().expect("one place answers"))(entry, files);
        if let Some(found) = readable.get_from_memtables(key, at, &mut answer) {
            return Ok(Some(found));
        }
        let version = &readable.version;
        let hash = filter::hash(key, self.creation.filter_seed);
        for table in version.level0_holding(key) {
            if let Some(found) =
                table.get(key, hash, at, wait, |entry| answer(entry, Files::Listed(table.blobs())))?
            {
                return Ok(Some(found));
            }
        }
        for table in version.deeper_holding(key) {
            if let Some(found) =
                table.get(key, hash, at, wait, |entry| answer(entry, Files::Listed(table.blobs())))?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether a revision is one that can be read. To be asked after it is known what is read, or while no compaction
    /// decides what to keep: until then it may be trimmed away.
    pub fn check_readable_at(&self, revision: Revision) -> Result<()> {
        if !self.creation.history {
            let message = "this database keeps no history: it must be made with history: true";
            return Err(Error::new(Code::Unsupported, message));
        }
        let (oldest, newest) = (self.trim.load(Ordering::SeqCst), self.visible.load(Ordering::Acquire));
        if revision < oldest {
            let message = format!("revision {revision} was trimmed: the oldest that can be read is {oldest}");
            return Err(Error::new(Code::Compacted, message));
        }
        if revision > newest {
            let message = format!("revision {revision} does not exist yet: the newest is {newest}");
            return Err(Error::new(Code::FutureRevision, message));
        }
        Ok(())
    }

    /// The versions of a user key that were written from one revision to another, both included, newest first; none: from
    /// the oldest that is kept, to the newest. What the key held at the revision that the database is trimmed to is kept.
    pub fn versions(
        &self,
        key: &[u8],
        (from, to): (Option<Revision>, Option<Revision>),
        view: View,
    ) -> Result<VersionCursor> {
        self.check_open()?;
        let (readable, latest) = self.pin();
        for asked in [from, to].into_iter().flatten() {
            self.check_readable_at(asked)?;
        }
        let trim = self.trim.load(Ordering::SeqCst);
        self.check_readable_at(trim)?;
        let newest = to.unwrap_or(Revision::MAX).min(view.revision).min(latest);
        let key = stored_key(key);
        let window = Window {
            lower: Bound::Included(key.clone()),
            upper: Bound::Included(key.clone()),
            reverse: false,
            revision: newest,
            now_ms: i64::MIN,
            patience: Patience::changeable(),
        };
        let open = Box::new(move |window: &Window| readable.sources(window));
        Ok(VersionCursor::new(open, key, from.unwrap_or(0), trim, window))
    }

    /// The rows of a range as they are at `view`. The cursor keeps them so, whatever is written meanwhile.
    pub fn range(&self, range: Range, view: View) -> Result<VisibleCursor> {
        self.check_open()?;
        Ok(self.range_in(self.pin(), range, view))
    }

    /// Of what was pinned, up to the revision that it holds.
    pub fn range_in(
        &self,
        (readable, latest): (Arc<Readable>, Revision),
        range: Range,
        view: View,
    ) -> VisibleCursor {
        let revision = view.revision.min(latest);
        let now_ms = view.now_ms.unwrap_or_else(|| self.time.now_ms());
        let (lower, upper) = stored_bounds(range.lower, range.upper);
        let window = Window {
            lower,
            upper,
            reverse: range.reverse,
            revision,
            now_ms,
            patience: Patience::changeable(),
        };
        // After the revision is known: see `dead_runs`.
        let dead = DeadWalk::new(&self.dead_runs, revision, now_ms);
        VisibleCursor::new(Box::new(move |window| readable.sources(window)), dead, window)
    }
}

/// A reference's entry without a value, and where the value is.
#[cold]
fn away(entry: &Entry<'_>, files: Files<'_>) -> Result<(Entry<'static>, Found)> {
    let found = files.find(entry.value)?;
    Ok((Entry { kind: Kind::Put, value: &[], ..*entry }, found))
}

impl Readable {
    #[inline]
    pub fn get_from_memtables<R>(
        &self,
        key: &[u8],
        at: Revision,
        mut read: impl FnMut(Entry<'_>, Files<'_>) -> R,
    ) -> Option<R> {
        self.memtables()
            .find_map(|memtable| memtable.get(key, at, |entry| read(entry, Files::Parts(memtable.parts()))))
    }

    /// Newest first.
    pub fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.active).chain(self.sealed.iter().map(|sealed| &sealed.memtable))
    }

    /// Everything that can hold a row of the window, newest first, and what range deletes hide of it.
    pub fn sources(&self, window: &Window) -> Result<(Vec<Source>, Hidden)> {
        let wait = window.patience.wait();
        let mut sources = Vec::new();
        let mut hidden = Hidden::default();
        for memtable in self.memtables() {
            if memtable.entries() > 0 {
                sources.push(Source::Memtable(memtable.cursor()));
            }
            if let Some(ranges) = memtable.range_deletes() {
                hidden.add(&ranges, window.revision, sources.len());
            }
        }
        let bounds = (window.lower.as_ref().map(Vec::as_slice), window.upper.as_ref().map(Vec::as_slice));
        for table in self.version.level0_overlapping(bounds) {
            sources.push(Source::Table(table.cursor().with(window.patience.clone())));
            hidden.add(&table.range_deletes(wait)?, window.revision, sources.len());
        }
        for tables in self.version.deeper_overlapping(bounds) {
            for table in tables.iter().filter(|table| table.summary().range_deletes > 0) {
                hidden.add(&table.range_deletes(wait)?, window.revision, sources.len() + 1);
            }
            let cursor = LevelCursor::new(tables, Table::cursor).with(window.patience.clone());
            sources.push(Source::Level(cursor));
        }
        Ok((sources, hidden))
    }
}

/// A keyspace byte and a user key side by side, on the stack where it is short.
pub struct StoredKey {
    inline: [u8; INLINE_BYTES],
    heap: Vec<u8>,
    length: usize,
}

const INLINE_BYTES: usize = 128;

impl StoredKey {
    #[inline]
    pub fn new(key: &[u8]) -> Self {
        let length = key.len() + 1;
        let mut stored = StoredKey { inline: [KEYSPACE_USER; INLINE_BYTES], heap: Vec::new(), length };
        if length <= INLINE_BYTES {
            stored.inline[1..length].copy_from_slice(key);
        } else {
            stored.heap = stored_key(key);
        }
        stored
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        if self.length <= INLINE_BYTES { &self.inline[..self.length] } else { &self.heap }
    }
}

pub fn stored_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(KEYSPACE_USER);
    stored.extend_from_slice(key);
    stored
}

/// Bounds of user keys as bounds of stored keys; they never reach into another keyspace.
pub fn stored_bounds(lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let lower = match lower {
        Bound::Unbounded => Bound::Included(vec![KEYSPACE_USER]),
        Bound::Included(key) => Bound::Included(stored_key(&key)),
        Bound::Excluded(key) => Bound::Excluded(stored_key(&key)),
    };
    let upper = match upper {
        Bound::Unbounded => Bound::Excluded(vec![KEYSPACE_USER + 1]),
        Bound::Included(key) => Bound::Included(stored_key(&key)),
        Bound::Excluded(key) => Bound::Excluded(stored_key(&key)),
    };
    (lower, upper)
}

/// A registered view: what it sees stays until it is dropped. Any thread.
pub struct Snapshot {
    state: Arc<State>,
    at: (Revision, i64),
}

impl Snapshot {
    pub fn new(state: Arc<State>) -> Result<Self> {
        state.check_open()?;
        let at = state.snapshots.register(|| (state.visible.load(Ordering::Acquire), state.time.now_ms()));
        Ok(Snapshot { state, at })
    }

    /// Of the database as it was at a revision, deadlines aside: they hide nothing of the past.
    pub fn at(state: Arc<State>, revision: Revision) -> Result<Self> {
        state.check_open()?;
        let stand = || state.check_readable_at(revision).map(|()| (revision, i64::MIN));
        let at = state.snapshots.try_register(stand)?;
        Ok(Snapshot { state, at })
    }

    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub fn view(&self) -> View {
        View { revision: self.at.0, now_ms: Some(self.at.1) }
    }
}

/// Sees the same, and for as long as it lives itself.
impl Clone for Snapshot {
    fn clone(&self) -> Self {
        let at = self.state.snapshots.register(|| self.at);
        Snapshot { state: self.state.clone(), at }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.state.snapshots.release(self.at);
        self.state.end_hold();
    }
}
