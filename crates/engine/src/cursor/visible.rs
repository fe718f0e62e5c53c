//! What a reader sees of a range: of every key the newest version at its revision, if that version is alive, between
//! two bounds, in one direction.

use super::{Cursor, DeadWalk, Hidden, MergeCursor, Source};
use crate::blob::Found;
use crate::dead_runs::DeadRun;
use crate::disk::Wait;
use crate::entry::{Entry, Kind};
use crate::error::{Code, Result};
use crate::key::Revision;
use crate::table::Patience;
use std::ops::Bound;

/// After this many dead versions of one key in a row, seeking past the key is cheaper than walking.
const VERSIONS_WALKED_MAX: usize = 8;
/// Backwards that takes two seeks: one to the version that is seen, one away from the key.
const VERSIONS_WALKED_BACK_MAX: usize = 32;
/// After this many keys in a row that a range delete hides, seeking to where it ends is cheaper than walking.
const HIDDEN_WALKED_MAX: usize = 8;

/// Bounds of stored keys, the direction, and the moment that the reader stands at.
#[derive(Clone, Debug)]
pub struct Window {
    pub lower: Bound<Vec<u8>>,
    pub upper: Bound<Vec<u8>>,
    pub reverse: bool,
    pub revision: Revision,
    pub now_ms: i64,
    /// That of all cursors of the merge.
    pub patience: Patience,
}

enum State {
    /// The next call seeks to the range's first row, or to the key that was asked for.
    Before(Option<Vec<u8>>),
    On,
    /// The merge stands nowhere; the last row was that of `left`.
    Behind,
    Done,
}

/// Makes what a cursor merges, newest first, and what range deletes hide of it. It may have to read for that.
pub type Open = Box<dyn FnMut(&Window) -> Result<(Vec<Source>, Hidden)> + Send>;

/// Owned by one thread at a time; pins what its merge reads.
pub struct VisibleCursor {
    /// None once the first `advance` has called it.
    open: Option<Open>,
    merge: MergeCursor,
    hidden: Hidden,
    /// Keys in a row that range deletes hid.
    hidden_run: usize,
    dead: DeadWalk,
    window: Window,
    state: State,
    /// The row's key. Forwards the merge stands on its entry; backwards the merge has passed it and `row` holds it.
    key: Vec<u8>,
    row: Row,
    /// The key of the row before, kept by an `advance` that may not wait.
    left: Vec<u8>,
}

/// An owned copy of the entry, filled only when reading backwards.
#[derive(Default)]
struct Row {
    value: Vec<u8>,
    fields: Option<Entry<'static>>,
    /// Where the value is, of an entry that refers to blob files.
    found: Option<Found>,
}

impl Row {
    fn keep(&mut self, entry: Entry<'_>, found: Option<Found>) {
        self.found = found;
        self.value.clear();
        self.value.extend_from_slice(entry.value);
        self.fields = Some(Entry { value: &[], ..entry });
    }
}

impl VisibleCursor {
    /// Reads nothing yet.
    pub fn new(open: Open, dead: DeadWalk, window: Window) -> Self {
        VisibleCursor {
            open: Some(open),
            merge: MergeCursor::new(Vec::new()),
            hidden: Hidden::default(),
            hidden_run: 0,
            dead,
            window,
            state: State::Before(None),
            key: Vec::new(),
            row: Row::default(),
            left: Vec::new(),
        }
    }

    /// Whether `advance` may wait for the disk; at first it may.
    pub fn set_wait(&self, wait: Wait) {
        self.window.patience.set(wait);
    }

    pub fn wait(&self) -> Wait {
        self.window.patience.wait()
    }

    /// The next call of `advance` gives the first row at or past `key`, in the range's direction.
    pub fn seek(&mut self, key: Vec<u8>) {
        self.state = State::Before(Some(key));
    }

    /// Moves to the next row; false at the end of the range, and after a failure until the next seek: the merge then
    /// stands nowhere. After `WouldBlock` the next call tries again.
    pub fn advance(&mut self) -> Result<bool> {
        let again = match self.window.patience.wait() {
            Wait::ForDisk | Wait::ForPages => State::Done,
            Wait::Never => self.standing(),
        };
        let found = match (std::mem::replace(&mut self.state, State::Done), self.window.reverse) {
            (State::Done, _) => Ok(false),
            (State::Before(from), false) => self.opened().and_then(|()| self.start_forward(from)),
            (State::Before(from), true) => self.opened().and_then(|()| self.start_backward(from)),
            (State::On, false) => self.skip_versions().and_then(|()| self.find_forward()),
            (State::On, true) => self.find_backward(),
            (State::Behind, false) => self.restart_forward(),
            (State::Behind, true) => self.restart_backward(),
        };
        match &found {
            Ok(true) => self.state = State::On,
            Ok(false) => {}
            Err(error) if error.code() == Code::WouldBlock => self.state = again,
            Err(_) => {}
        }
        found
    }

    fn opened(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let (sources, hidden) = open(&self.window)?;
        (self.merge, self.hidden, self.open) = (MergeCursor::new(sources), hidden, None);
        Ok(())
    }

    /// From where a step can be done once more, should it come to nothing.
    fn standing(&mut self) -> State {
        match &self.state {
            State::Before(from) => State::Before(from.clone()),
            State::On => {
                self.left.clone_from(&self.key);
                State::Behind
            }
            State::Behind => State::Behind,
            State::Done => State::Done,
        }
    }

    fn restart_forward(&mut self) -> Result<bool> {
        self.dead.leave();
        self.merge.seek(&successor(&self.left), Revision::MAX)?;
        self.find_forward()
    }

    fn restart_backward(&mut self) -> Result<bool> {
        self.dead.leave();
        self.merge.seek_before(&self.left, Revision::MAX)?;
        self.find_backward()
    }

    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    #[inline]
    pub fn entry(&self) -> Entry<'_> {
        match (self.window.reverse, self.row.fields) {
            (true, Some(fields)) => Entry { value: &self.row.value, ..fields },
            _ => self.merge.entry(),
        }
    }

    /// Where the row's value is, of an entry that refers to blob files.
    pub fn found(&self) -> Result<Found> {
        let found = match (self.window.reverse, &self.row.found) {
            (true, found) => found.clone(),
            _ => find(&self.merge)?,
        };
        Ok(found.expect("asked of a reference only"))
    }

    fn start_forward(&mut self, from: Option<Vec<u8>>) -> Result<bool> {
        let from = from.filter(|key| self.is_inside_lower(key));
        let from = match (from, &self.window.lower) {
            (Some(key), _) => key,
            (None, Bound::Unbounded) => Vec::new(),
            (None, Bound::Included(key)) => key.clone(),
            (None, Bound::Excluded(key)) => successor(key),
        };
        self.dead.leave();
        match self.dead.known(&from) {
            Some(run) => self.jump_forward(&run)?,
            None => self.merge.seek(&from, Revision::MAX)?,
        }
        self.find_forward()
    }

    fn start_backward(&mut self, from: Option<Vec<u8>>) -> Result<bool> {
        let from = from.filter(|key| self.is_inside_upper(key));
        self.dead.leave();
        match (from, &self.window.upper) {
            (Some(key), _) => self.merge.seek_before(&successor(&key), Revision::MAX)?,
            (None, Bound::Unbounded) => self.merge.seek_to_last()?,
            (None, Bound::Included(key)) => {
                let after = successor(key);
                self.merge.seek_before(&after, Revision::MAX)?;
            }
            (None, Bound::Excluded(key)) => self.merge.seek_before(key, Revision::MAX)?,
        }
        self.find_backward()
    }

    /// From the first version of a key on: stops on the first live row inside the range.
    fn find_forward(&mut self) -> Result<bool> {
        let mut newer = 0;
        while self.merge.valid() && self.is_inside_upper(self.merge.key()) {
            let entry = self.merge.entry();
            if entry.revision > self.window.revision {
                newer += 1;
                self.pass_newer(newer)?;
                continue;
            }
            newer = 0;
            let (live, passed, revision) = self.judge(&entry);
            self.key.clear();
            self.key.extend_from_slice(self.merge.key());
            if self.hidden.hides(&self.key, revision) {
                self.dead.pass(&self.key, passed, false);
                self.leave_hidden_forward()?;
                continue;
            }
            self.hidden_run = 0;
            if live {
                self.dead.end(&self.key, true, false);
                return Ok(true);
            }
            match self.dead.known(&self.key) {
                Some(run) => self.jump_forward(&run)?,
                None => {
                    self.dead.pass(&self.key, passed, false);
                    self.skip_versions()?;
                }
            }
        }
        self.dead.end(&self.key, false, false);
        Ok(false)
    }

    /// Leaves a version that came later than the reader; it is the last of so many in a row.
    fn pass_newer(&mut self, newer: usize) -> Result<()> {
        if !newer.is_multiple_of(VERSIONS_WALKED_MAX) {
            return self.merge.next();
        }
        let key = self.merge.key().to_vec();
        self.merge.seek(&key, self.window.revision)
    }

    /// Whether an entry is live, the deadline that has passed if that is why not, and its revision.
    #[inline]
    fn judge(&self, entry: &Entry<'_>) -> (bool, i64, Revision) {
        let live = entry.is_live(self.window.now_ms);
        let passed = if live || entry.kind == Kind::Delete { i64::MIN } else { entry.deadline_ms };
        (live, passed, entry.revision)
    }

    fn jump_forward(&mut self, run: &DeadRun) -> Result<()> {
        self.dead.jump(run, false);
        self.merge.seek(&run.upper, Revision::MAX)
    }

    fn jump_backward(&mut self, run: &DeadRun) -> Result<()> {
        self.dead.jump(run, true);
        self.merge.seek_before(&run.lower, Revision::MAX)
    }

    /// Leaves a key that a range delete hides; with it, after some such keys, all that the range delete hides in older
    /// sources, which there hold nothing else. A newer source may hold a later put.
    fn leave_hidden_forward(&mut self) -> Result<()> {
        self.hidden_run += 1;
        if self.hidden_run > HIDDEN_WALKED_MAX {
            self.hidden_run = 0;
            let stretch = self.hidden.at(&self.key);
            if let Some(until) = &stretch.until {
                self.merge.skip_to(stretch.older_from, until)?;
            }
        }
        if self.merge.valid() && self.merge.key() == self.key { self.skip_versions() } else { Ok(()) }
    }

    fn leave_hidden_backward(&mut self) -> Result<()> {
        self.hidden_run += 1;
        if self.hidden_run > HIDDEN_WALKED_MAX {
            self.hidden_run = 0;
            let stretch = self.hidden.at(&self.key);
            if let Some(from) = &stretch.from {
                self.merge.skip_before(stretch.older_from, from)?;
            }
        }
        Ok(())
    }

    /// Leaves the current key: its older versions are hidden by the one that was looked at.
    fn skip_versions(&mut self) -> Result<()> {
        for _ in 0..VERSIONS_WALKED_MAX {
            self.merge.next()?;
            if !self.merge.valid() || self.merge.key() != self.key {
                return Ok(());
            }
        }
        let after = successor(&self.key);
        self.merge.seek(&after, Revision::MAX)
    }

    /// Backwards the versions of a key come oldest first: the last one at or below the revision is the row.
    fn find_backward(&mut self) -> Result<bool> {
        while self.merge.valid() && self.is_inside_lower(self.merge.key()) {
            self.key.clear();
            self.key.extend_from_slice(self.merge.key());
            self.row.fields = None;
            let mut walked = 0;
            while self.merge.valid() && self.merge.key() == self.key {
                walked += 1;
                if walked > VERSIONS_WALKED_BACK_MAX {
                    self.jump_versions_backward()?;
                    break;
                }
                let entry = self.merge.entry();
                if entry.revision <= self.window.revision {
                    self.row.keep(entry, find(&self.merge)?);
                }
                self.merge.prev()?;
            }
            let Some(fields) = self.row.fields else { continue };
            let (live, passed, revision) = self.judge(&fields);
            if self.hidden.hides(&self.key, revision) {
                self.dead.pass(&self.key, passed, true);
                self.leave_hidden_backward()?;
                continue;
            }
            self.hidden_run = 0;
            if live {
                self.dead.end(&self.key, true, true);
                return Ok(true);
            }
            match self.dead.known(&self.key) {
                Some(run) => self.jump_backward(&run)?,
                None => self.dead.pass(&self.key, passed, true),
            }
        }
        self.dead.end(&self.key, false, true);
        Ok(false)
    }

    /// From any version of the key on: keeps the one that is seen, and leaves the key.
    fn jump_versions_backward(&mut self) -> Result<()> {
        self.merge.seek(&self.key, self.window.revision)?;
        if self.merge.valid() && self.merge.key() == self.key {
            self.row.keep(self.merge.entry(), find(&self.merge)?);
        }
        self.merge.seek_before(&self.key, Revision::MAX)
    }

    #[inline]
    fn is_inside_upper(&self, key: &[u8]) -> bool {
        match &self.window.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= &upper[..],
            Bound::Excluded(upper) => key < &upper[..],
        }
    }

    #[inline]
    fn is_inside_lower(&self, key: &[u8]) -> bool {
        match &self.window.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => key >= &lower[..],
            Bound::Excluded(lower) => key > &lower[..],
        }
    }
}

fn find(merge: &MergeCursor) -> Result<Option<Found>> {
    match merge.entry().kind {
        Kind::Reference => merge.find().map(Some),
        _ => Ok(None),
    }
}

/// The smallest key after `key`.
pub(super) fn successor(key: &[u8]) -> Vec<u8> {
    let mut after = Vec::with_capacity(key.len() + 1);
    after.extend_from_slice(key);
    after.push(0);
    after
}
