//! The versions of one key, newest first: what a database with history keeps of it.

use super::visible::Open;
use super::{Cursor, MergeCursor, Window};
use crate::blob::Found;
use crate::disk::Wait;
use crate::entry::{Entry, Kind};
use crate::error::{Code, Result};
use crate::key::Revision;

#[derive(Clone, Copy)]
enum State {
    New,
    On,
    /// The merge stands nowhere; the last row was of this revision.
    Behind(Revision),
    Done,
}

/// Owned by one thread at a time; pins what it reads.
pub struct VersionCursor {
    /// None once the first `advance` has called it.
    open: Option<Open>,
    merge: MergeCursor,
    /// The key, stored.
    key: Vec<u8>,
    /// No older version is a row.
    from: Revision,
    /// Of the versions at or below it the newest alone is a row, and that only if it is a put: the rest may be gone already.
    trim: Revision,
    window: Window,
    state: State,
}

impl VersionCursor {
    /// Reads nothing yet. The window holds the key and nothing else.
    pub fn new(open: Open, key: Vec<u8>, from: Revision, trim: Revision, window: Window) -> Self {
        let merge = MergeCursor::new(Vec::new());
        VersionCursor { open: Some(open), merge, key, from, trim, window, state: State::New }
    }

    /// Whether `advance` may wait for the disk; at first it may.
    pub fn set_wait(&self, wait: Wait) {
        self.window.patience.set(wait);
    }

    pub fn wait(&self) -> Wait {
        self.window.patience.wait()
    }

    /// Moves to the next older version; false at the end, and after a failure. After `WouldBlock` the next call tries again.
    pub fn advance(&mut self) -> Result<bool> {
        let again = match self.state {
            State::On => State::Behind(self.merge.entry().revision),
            other => other,
        };
        let found = match std::mem::replace(&mut self.state, State::Done) {
            State::New => self.opened().and_then(|()| self.merge.seek(&self.key, self.window.revision)),
            State::On if self.merge.entry().revision <= self.trim => return Ok(false),
            State::On => self.merge.next(),
            State::Behind(revision) if revision <= self.trim => return Ok(false),
            State::Behind(revision) => self.merge.seek(&self.key, revision - 1),
            State::Done => return Ok(false),
        };
        if let Err(error) = found {
            if error.code() == Code::WouldBlock {
                self.state = again;
            }
            return Err(error);
        }
        let is_row = self.merge.valid() && self.merge.key() == self.key && {
            let Entry { kind, revision, .. } = self.merge.entry();
            revision >= self.from && (revision > self.trim || kind.is_put())
        };
        if is_row {
            self.state = State::On;
        }
        Ok(is_row)
    }

    fn opened(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        // Nothing is hidden: with history ranges are deleted key by key.
        let (sources, _) = open(&self.window)?;
        (self.merge, self.open) = (MergeCursor::new(sources), None);
        Ok(())
    }

    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// A delete is a version too.
    pub fn entry(&self) -> Entry<'_> {
        self.merge.entry()
    }

    /// Where the version's value is, of one that refers to blob files.
    pub fn found(&self) -> Result<Found> {
        debug_assert!(self.entry().kind == Kind::Reference, "asked of a reference only");
        self.merge.find()
    }
}
