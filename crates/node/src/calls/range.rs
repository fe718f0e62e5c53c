//! Ranges. One call opens a range, seeks, copies a chunk of rows into the shared buffer and closes it if that was all.
//!
//! A chunk, in the data part of the shared buffer, for at most `n` rows: `n` key ends (`u32`), `n` value ends (`u32`),
//! with details `n` revisions and `n` deadlines (`f64`, 0: none); then the keys one after the other, and from the end of
//! the buffer backwards the values, each in front of the one before. Ends count from where keys and values begin.
//! Header: [cursor or 0 if the range is exhausted, n, key bytes, value bytes, flags of the chunk].

mod chunk;

use super::snapshot::view;
use crate::context::Context;
use crate::engine::{Range, RangeCursor};
use crate::raw::{Call, Value};
use crate::shared::Shared;
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

pub struct Cursor {
    pub handle: u64,
    range: RangeCursor,
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
}

/// `rangeOpen(handle, flags, snapshot, rows, limit, lower, upper): number`, how many rows the chunk holds. After `limit`
/// rows in all the range counts as exhausted.
pub fn open(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let flags = call.integer(1)?;
    let bound = |has: u64, exclusive: u64, index: usize| {
        if flags & has == 0 {
            return Ok(Bound::Unbounded);
        }
        let mut key = Vec::new();
        call.append_bytes(index, KEY_BYTES_MAX, "key", &mut key)?;
        Ok(if flags & exclusive != 0 { Bound::Excluded(key) } else { Bound::Included(key) })
    };
    let range = Range {
        lower: bound(HAS_LOWER, LOWER_EXCLUSIVE, 5)?,
        upper: bound(HAS_UPPER, UPPER_EXCLUSIVE, 6)?,
        reverse: flags & REVERSE != 0,
    };
    let view = view(&context.snapshots, call, 2)?;
    let range = context.handles.get(handle)?.db().range(range, view)?;
    let mut cursor = Cursor { handle, range, wanted: Wanted::from_bits(flags), stands: Stands::Behind };
    let mut chunk = cursor.fill(Shared::of(&mut context.shared)?, call.integer(3)?, call.integer(4)?)?;
    if !chunk.last {
        chunk.cursor = context.cursors.insert(cursor)?;
    }
    chunk.tell(call, Shared::of(&mut context.shared)?)
}

/// `rangeNext(cursor, rows, limit): number`
pub fn next(context: &mut Context, call: &Call) -> Result<Value> {
    let number = call.integer(0)?;
    let Context { cursors, shared, .. } = context;
    let cursor = cursors.get_mut(number)?;
    let shared = Shared::of(shared)?;
    let filled = cursor.fill(shared, call.integer(1)?, call.integer(2)?);
    let mut chunk = filled.inspect_err(|_| drop(cursors.remove(number)))?;
    if chunk.last {
        drop(cursors.remove(number));
    } else {
        chunk.cursor = number;
    }
    chunk.tell(call, shared)
}

/// `rangeValue(cursor, text: 0 | 1): string | Buffer`, the value that was too large for the chunk of its row, which is
/// the only row of its chunk.
pub fn value(context: &mut Context, call: &Call) -> Result<Value> {
    let cursor = context.cursors.get(call.integer(0)?)?;
    if cursor.stands != Stands::OnLarge {
        return Err(Error::new(Code::Invalid, "the range does not stand on a large value"));
    }
    let value = cursor.range.entry().value;
    if call.integer(1)? != 0 { call.text(value) } else { call.buffer(value) }
}

/// `rangeSeek(cursor, key): void`; the next chunk begins at the first row at or past the key.
pub fn seek(context: &mut Context, call: &Call) -> Result<Value> {
    let Context { cursors, key, .. } = context;
    key.clear();
    call.append_bytes(1, KEY_BYTES_MAX, "key", key)?;
    let cursor = cursors.get_mut(call.integer(0)?)?;
    cursor.range.seek(key);
    cursor.stands = Stands::Behind;
    Ok(call.undefined())
}

/// `rangeClose(cursor): void`; harmless for a stale number.
pub fn close(context: &mut Context, call: &Call) -> Result<Value> {
    context.cursors.remove(call.integer(0)?);
    Ok(call.undefined())
}

impl Cursor {
    fn fill(&mut self, shared: &mut Shared, rows_max: u64, limit: u64) -> Result<Chunk> {
        let mut chunk = Chunk::new(shared, self.wanted, rows_max.min(limit));
        while !chunk.is_full() {
            if self.stands != Stands::OnNext && !self.range.next()? {
                chunk.last = true;
                return Ok(chunk);
            }
            self.stands = match chunk.push(shared, self.range.key(), &self.range.entry()) {
                Pushed::Whole => Stands::Behind,
                Pushed::WithoutValue => Stands::OnLarge,
                Pushed::Not => Stands::OnNext,
            };
            if self.stands != Stands::Behind {
                return Ok(chunk);
            }
        }
        chunk.last = u64::from(chunk.rows) == limit;
        if !chunk.last && self.stands == Stands::Behind && chunk.rows > 0 {
            // Looking one row ahead tells a short range that it is over, which saves it a call.
            chunk.last = !self.range.next()?;
            self.stands = Stands::OnNext;
        }
        Ok(chunk)
    }
}
