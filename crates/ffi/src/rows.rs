//! Rows of a snapshot in both directions, in a transaction with what it has written on top.
//!
//! The engine's cursors go one way; a turn begins a new one behind the row in hand. What a transaction has written is looked
//! up at each step, so that it shows whenever it was written; what a step has passed over is what the transaction has read.

use crate::alone::alone;
use crate::call::Result;
use crate::database::Shared;
use crate::engine::{EngineEntry, EngineSnapshot, Range, RangeCursor};
use crate::range::Bounds;
use crate::transaction::{Own, State};
use parking_lot::Mutex;
use std::ops::Bound;
use std::sync::Arc;

pub struct Rows {
    shared: Arc<Shared>,
    snapshot: EngineSnapshot,
    transaction: Option<Arc<Mutex<State>>>,
    bounds: Bounds,
    place: Place,
    /// What `place` is about.
    key: Vec<u8>,
    walk: Option<Walk>,
    /// The row in hand, if the transaction has written it.
    own: Option<Own>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As new: both ends are ahead.
    Anywhere,
    /// Between the keys before `key`, and `key` with those after it.
    Before,
    On,
    Start,
    End,
}

/// A cursor, and whether it stands on a row that was not given out yet.
struct Walk {
    cursor: RangeCursor,
    reverse: bool,
    ready: bool,
    over: bool,
}

impl Walk {
    /// The key of the next row.
    fn peek(&mut self) -> Result<Option<&[u8]>> {
        if !self.ready && !self.over {
            self.ready = self.cursor.next()?;
            self.over = !self.ready;
        }
        Ok(self.ready.then(|| self.cursor.key()))
    }

    fn take(&mut self) {
        self.ready = false;
    }
}

impl Rows {
    pub fn new(shared: Arc<Shared>, snapshot: EngineSnapshot, bounds: Bounds) -> Rows {
        Rows {
            shared,
            snapshot,
            transaction: None,
            bounds,
            place: Place::Anywhere,
            key: Vec::new(),
            walk: None,
            own: None,
        }
    }

    pub fn within(self, transaction: Arc<Mutex<State>>) -> Rows {
        Rows { transaction: Some(transaction), ..self }
    }

    pub fn reset(&mut self) {
        self.place = Place::Anywhere;
        self.walk = None;
    }

    pub fn seek(&mut self, key: &[u8]) {
        self.reset();
        self.place = Place::Before;
        self.key = key.to_vec();
    }

    /// Moves to the next row in a direction; false at the end.
    pub fn step(&mut self, reverse: bool) -> Result<bool> {
        self.shared.check_open()?;
        self.own = None;
        let goes_on =
            self.walk.as_ref().is_some_and(|walk| walk.reverse == reverse) && self.place == Place::On;
        let found = match self.transaction.clone() {
            None if goes_on => self.step_on()?,
            None => self.begin(reverse)?.is_some() && self.step_on()?,
            Some(transaction) => {
                let mut state = alone(&transaction, "a transaction")?;
                state.check_open()?;
                self.step_within(&mut state, reverse, goes_on)?
            }
        };
        self.place = match (found, reverse) {
            (true, _) => Place::On,
            (false, true) => Place::Start,
            (false, false) => Place::End,
        };
        Ok(found)
    }

    fn step_on(&mut self) -> Result<bool> {
        let walk = self.walk.as_mut().expect("begun");
        let Some(key) = walk.peek()? else { return Ok(false) };
        key.clone_into(&mut self.key);
        walk.take();
        Ok(true)
    }

    fn step_within(&mut self, state: &mut State, reverse: bool, goes_on: bool) -> Result<bool> {
        let ahead = if goes_on { self.ahead(reverse) } else { self.begin(reverse)? };
        let Some(ahead) = ahead else { return Ok(false) };
        let walk = self.walk.as_mut().expect("begun");
        let mut written = state.writes.within(&ahead, reverse).peekable();
        let found = loop {
            match (walk.peek()?, written.peek()) {
                (None, None) => break false,
                (Some(key), own)
                    if own.is_none_or(|(own, _)| if reverse { key > own } else { key < own }) =>
                {
                    let shows = !state.writes.has_deleted(key);
                    if shows {
                        key.clone_into(&mut self.key);
                    }
                    walk.take();
                    if shows {
                        break true;
                    }
                }
                (key, Some((own_key, own))) => {
                    if key == Some(own_key) {
                        walk.take();
                    }
                    if own.value.is_some() {
                        (*own_key).clone_into(&mut self.key);
                        self.own = Some((*own).clone());
                        break true;
                    }
                    written.next();
                }
                (Some(_), None) => unreachable!("matched above"),
            }
        };
        drop(written);
        let row = Bound::Included(self.key.clone());
        let passed = match (found, reverse) {
            (false, _) => ahead,
            (true, false) => Bounds { upper: row, ..ahead },
            (true, true) => Bounds { lower: row, ..ahead },
        };
        if let Some(span) = passed.span() {
            state.guards.range(span)?;
        }
        if found && self.own.is_none() {
            state.guards.row(&self.key, &walk.cursor.fields())?;
        }
        Ok(found)
    }

    /// Starts a cursor over what is ahead, and says what that is; none if nothing can be.
    fn begin(&mut self, reverse: bool) -> Result<Option<Bounds>> {
        let ahead = self.ahead(reverse);
        self.walk = match ahead.clone() {
            None => None,
            Some(Bounds { lower, upper }) => {
                let cursor = self.shared.db.range(Range { lower, upper, reverse }, self.snapshot.view())?;
                Some(Walk { cursor, reverse, ready: false, over: false })
            }
        };
        Ok(ahead)
    }

    fn ahead(&self, reverse: bool) -> Option<Bounds> {
        let Bounds { lower, upper } = self.bounds.clone();
        let key = || self.key.clone();
        let ahead = match (self.place, reverse) {
            (Place::Start, true) | (Place::End, false) => return None,
            (Place::Anywhere | Place::Start | Place::End, _) => Bounds { lower, upper },
            (Place::Before, false) => Bounds { lower: self.bounds.not_before(key()), upper },
            (Place::Before, true) => Bounds { lower, upper: self.bounds.not_from(key()) },
            (Place::On, false) => Bounds { lower: Bound::Excluded(key()), upper },
            (Place::On, true) => Bounds { lower, upper: Bound::Excluded(key()) },
        };
        (!ahead.are_empty()).then_some(ahead)
    }

    /// The key of the row in hand, and the row, with its value if that is wanted.
    pub fn row(&mut self, wants_value: bool) -> Result<(&[u8], EngineEntry<'_>, usize)> {
        if let Some(own) = &self.own {
            let value = own.value.as_deref().unwrap_or_default();
            return Ok((&self.key, own.entry(value), value.len()));
        }
        let cursor = &mut self.walk.as_mut().expect("there is a row in hand").cursor;
        if !wants_value {
            return Ok((&self.key, cursor.fields(), cursor.value_bytes()?));
        }
        let entry = cursor.entry()?;
        Ok((&self.key, entry, entry.value.len()))
    }
}

#[cfg(test)]
mod tests;
