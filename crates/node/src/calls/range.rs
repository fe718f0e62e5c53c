//! Ranges. One call opens a range, seeks, copies a chunk of rows into the shared buffer and closes it if that was all.
//!
//! A chunk, in the data part of the shared buffer, for at most `n` rows: `n` key ends (`u32`), `n` value ends (`u32`),
//! with details `n` revisions and `n` deadlines (`f64`, 0: none), with versions `n` create revisions and `n` versions
//! (`f64`); then the keys one after the other, and from the end of
//! the buffer backwards the values, each in front of the one before. Ends count from where keys and values begin.
//! Header: [cursor or 0 if the range is exhausted, n, key bytes, value bytes, flags of the chunk].
//!
//! A call that may not wait for the disk ends its chunk early where it would have to, and says so in the flags. `rangeWarm`
//! then has the read pool take the cursor to the next row and read its value; until that is done no other call may use
//! the cursor.

mod chunk;

use super::snapshot::view;
use crate::context::Context;
use crate::engine::{Range, RangeCursor, Wait};
use crate::message::Outcome;
use crate::pool;
use crate::raw::{Call, Value};
use crate::shared::Shared;
use crate::task;
use chunk::{Chunk, Pushed, Wanted};
use coppice_engine::error::{Code, Error, Result};
use coppice_engine::limits::KEY_BYTES_MAX;
use std::ops::Bound;

/// Bits of the `flags` argument, besides those of `Wanted`.
const REVERSE: u64 = 1 << 8;
const HAS_LOWER: u64 = 1 << 9;
const HAS_UPPER: u64 = 1 << 10;
const LOWER_EXCLUSIVE: u64 = 1 << 11;
const UPPER_EXCLUSIVE: u64 = 1 << 12;
/// `rangeOpen` may wait for the disk.
const WAITS: u64 = 1 << 13;

pub struct Cursor {
    pub handle: u64,
    /// None while the read pool has it.
    range: Option<Box<RangeCursor>>,
    /// `Db::installs` when it was begun.
    installs: u64,
    wanted: Wanted,
    stands: Stands,
}

/// Where the engine's cursor stands between two calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Behind a row that a chunk held, or before the first one.
    Behind,
    /// On a row that no chunk held yet.
    OnNext,
    /// On a row whose key a chunk held, but whose value was too large for it.
    OnLarge,
    /// Behind the last row.
    AtEnd,
}

/// A cursor that comes back from the read pool.
pub struct Warmed {
    cursor: u64,
    range: Box<RangeCursor>,
    found: bool,
}

/// `rangeOpen(handle, flags, snapshot, rows, limit, lower, upper): number`, how many rows the chunk holds. After `limit`
/// rows in all the range counts as exhausted.
pub fn open(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let flags = call.integer(1)?;
    let range = bounds(call, flags, 5)?;
    let view = view(&context.snapshots, call, 2)?;
    let db = context.handles.get(handle)?.db();
    let installs = db.installs();
    let range = db.range(range, view)?;
    begin(context, call, Cursor::new(handle, range, installs, flags), wait(flags & WAITS != 0))
}

/// The range of `flags` and of the arguments `at` and the one after it.
pub fn bounds(call: &Call, flags: u64, at: usize) -> Result<Range> {
    let bound = |has: u64, exclusive: u64, index: usize| {
        if flags & has == 0 {
            return Ok(Bound::Unbounded);
        }
        let mut key = Vec::new();
        call.append_bytes(index, KEY_BYTES_MAX, "key", &mut key)?;
        Ok(if flags & exclusive != 0 { Bound::Excluded(key) } else { Bound::Included(key) })
    };
    Ok(Range {
        lower: bound(HAS_LOWER, LOWER_EXCLUSIVE, at)?,
        upper: bound(HAS_UPPER, UPPER_EXCLUSIVE, at + 1)?,
        reverse: flags & REVERSE != 0,
    })
}

/// `versionsOpen(handle, flags, snapshot, rows, limit, key, from, to): number`, as `rangeOpen`: the versions of a key, newest
/// first. Revisions of 0 are none; a row with version 0 is a delete.
pub fn open_versions(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let flags = call.integer(1)?;
    let mut key = Vec::new();
    call.append_bytes(5, KEY_BYTES_MAX, "key", &mut key)?;
    let revision = |index: usize| -> Result<Option<u64>> {
        Ok(Some(call.integer(index)?).filter(|revision| *revision != 0))
    };
    let view = view(&context.snapshots, call, 2)?;
    let db = context.handles.get(handle)?.db();
    let installs = db.installs();
    let range = db.versions(&key, (revision(6)?, revision(7)?), view)?;
    begin(context, call, Cursor::new(handle, range, installs, flags), wait(flags & WAITS != 0))
}

/// Packs the first chunk; arguments 3 and 4 are its rows and the limit.
fn begin(context: &mut Context, call: &Call, mut cursor: Cursor, wait: Wait) -> Result<Value> {
    let mut chunk =
        cursor.fill(Shared::of(&mut context.shared)?, call.integer(3)?, call.integer(4)?, wait)?;
    if !chunk.last {
        chunk.cursor = context.cursors.insert(cursor)?;
    }
    chunk.tell(call, Shared::of(&mut context.shared)?)
}

/// `rangeNext(cursor, rows, limit, wait: 0 | 1): number`
pub fn next(context: &mut Context, call: &Call) -> Result<Value> {
    let number = call.integer(0)?;
    let Context { cursors, shared, .. } = context;
    let cursor = cursors.get_mut(number)?;
    let shared = Shared::of(shared)?;
    let filled = cursor.fill(shared, call.integer(1)?, call.integer(2)?, wait(call.integer(3)? != 0));
    if filled.as_ref().map_or(true, |chunk| chunk.last) {
        remove(context, number);
    }
    let mut chunk = filled?;
    if !chunk.last {
        chunk.cursor = number;
    }
    chunk.tell(call, Shared::of(&mut context.shared)?)
}

/// `rangeWarm(cursor): number`, the task after which `rangeNext` has a row without waiting.
pub fn warm(context: &mut Context, call: &Call) -> Result<Value> {
    let number = call.integer(0)?;
    let mailbox = context.mailbox()?.clone();
    let cursor = context.cursors.get_mut(number)?;
    cursor.range()?;
    let (stands, values) = (cursor.stands, cursor.wanted.values());
    let Some(mut range) = cursor.range.take() else { return Ok(call.undefined()) };
    let task = task::read(&mailbox, move |_| {
        range.set_wait(Wait::ForDisk);
        let found = stands == Stands::OnNext || range.next()?;
        if found && values {
            range.load()?;
        }
        Ok(Outcome::Warmed(Warmed { cursor: number, range, found }))
    })?;
    call.value(task)
}

impl Warmed {
    /// Gives the cursor back, unless it was closed meanwhile.
    pub fn accept(self, context: &mut Context) -> Result<()> {
        if let Ok(cursor) = context.cursors.get_mut(self.cursor) {
            cursor.range = Some(self.range);
            cursor.stands = if self.found { Stands::OnNext } else { Stands::AtEnd };
        } else {
            pool::let_go(self.range);
        }
        Ok(())
    }
}

/// `rangeValue(cursor, text: 0 | 1): string | Buffer`, the value that was too large for the chunk of its row, which is
/// the only row of its chunk.
pub fn value(context: &mut Context, call: &Call) -> Result<Value> {
    let cursor = context.cursors.get_mut(call.integer(0)?)?;
    if cursor.stands != Stands::OnLarge {
        return Err(Error::new(Code::Invalid, "the range does not stand on a large value"));
    }
    let value = cursor.range()?.take_value()?;
    if call.integer(1)? != 0 { call.text(&value) } else { call.owned_buffer(value) }
}

/// `rangeSeek(cursor, key): void`; the next chunk begins at the first row at or past the key.
pub fn seek(context: &mut Context, call: &Call) -> Result<Value> {
    let Context { cursors, key, .. } = context;
    key.clear();
    call.append_bytes(1, KEY_BYTES_MAX, "key", key)?;
    let cursor = cursors.get_mut(call.integer(0)?)?;
    cursor.range()?.seek(key);
    cursor.stands = Stands::Behind;
    Ok(call.undefined())
}

/// `rangeClose(cursor): void`; harmless for a stale number.
pub fn close(context: &mut Context, call: &Call) -> Result<Value> {
    remove(context, call.integer(0)?);
    Ok(call.undefined())
}

/// If files were replaced since the range was begun it may be the last to hold them. To remove them takes its time, which
/// is not to be that of the event loop; else there is nothing to spare it, and waking another thread takes longer.
fn remove(context: &mut Context, number: u64) {
    let Some(cursor) = context.cursors.remove(number) else { return };
    let handle = context.handles.get(cursor.handle);
    if handle.is_ok_and(|handle| handle.db().installs() != cursor.installs) {
        pool::let_go(cursor);
    }
}

impl Cursor {
    fn new(handle: u64, range: RangeCursor, installs: u64, flags: u64) -> Cursor {
        let range = Some(Box::new(range));
        Cursor { handle, range, installs, wanted: Wanted::from_bits(flags), stands: Stands::Behind }
    }

    fn range(&mut self) -> Result<&mut RangeCursor> {
        let away = || Error::new(Code::Busy, "the next rows of this range are being read: await them first");
        self.range.as_deref_mut().ok_or_else(away)
    }

    fn fill(&mut self, shared: &mut Shared, rows_max: u64, limit: u64, wait: Wait) -> Result<Chunk> {
        let mut chunk = Chunk::new(shared, self.wanted, rows_max.min(limit));
        let mut stands = self.stands;
        let range = self.range()?;
        range.set_wait(wait);
        while !chunk.is_full() {
            if stands != Stands::OnNext {
                match range.next() {
                    Ok(true) => {}
                    Ok(false) => stands = Stands::AtEnd,
                    Err(error) if error.code() == Code::WouldBlock => {
                        chunk.set_cold();
                        stands = Stands::Behind;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            if stands == Stands::AtEnd {
                break;
            }
            stands = match chunk.push(shared, range) {
                Ok(Pushed::Whole) => Stands::Behind,
                Ok(Pushed::WithoutValue) => Stands::OnLarge,
                Ok(Pushed::Not) => Stands::OnNext,
                Err(error) if error.code() == Code::WouldBlock => {
                    chunk.set_cold();
                    Stands::OnNext
                }
                Err(error) => return Err(error),
            };
            if stands != Stands::Behind {
                break;
            }
        }
        chunk.last = stands == Stands::AtEnd || (chunk.is_full() && u64::from(chunk.rows) == limit);
        if !chunk.last && chunk.is_full() && stands == Stands::Behind && chunk.rows > 0 {
            // Looking one row ahead tells a short range that it is over, which saves it a call.
            match range.next() {
                Ok(found) => {
                    chunk.last = !found;
                    stands = Stands::OnNext;
                }
                Err(error) if error.code() == Code::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.stands = stands;
        Ok(chunk)
    }
}

fn wait(may: bool) -> Wait {
    if may { Wait::ForDisk } else { Wait::Never }
}
