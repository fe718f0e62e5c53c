//! Point reads. A key comes in as a string or bytes; a value goes out as a string, or as bytes in the shared buffer.

use super::snapshot::view;
use crate::context::Context;
use crate::engine::{Db, View};
use crate::raw::{Call, Value};
use crate::shared::Shared;
use coppice_engine::entry::{Entry, NO_DEADLINE};
use coppice_engine::error::Result;
use coppice_engine::limits::KEY_BYTES_MAX;

/// Up to this many bytes two copies, here and in JavaScript, cost less than having Node make a buffer.
const SHARED_BYTES_MAX: usize = 4096;

/// What every point read is told: `(handle, key, snapshot)`.
struct Question<'a> {
    db: &'a Db,
    key: &'a [u8],
    view: View,
    shared: &'a mut Shared,
}

impl<'a> Question<'a> {
    #[inline]
    fn new(context: &'a mut Context, call: &Call) -> Result<Self> {
        let Context { handles, snapshots, key, shared, .. } = context;
        let db = handles.get(call.integer(0)?)?.db();
        key.clear();
        call.append_bytes(1, KEY_BYTES_MAX, "key", key)?;
        let view = view(snapshots, call, 2)?;
        Ok(Question { db, key, view, shared: Shared::of(shared)? })
    }
}

/// `getText(handle, key, snapshot): string | undefined`
pub fn get_text(context: &mut Context, call: &Call) -> Result<Value> {
    let Question { db, key, view, .. } = Question::new(context, call)?;
    let found = db.get(key, view, |entry| call.text(entry.value))?;
    found.unwrap_or_else(|| Ok(call.undefined()))
}

/// `getBytes(handle, key, snapshot): number | Buffer | undefined`; a number counts bytes in the shared buffer.
pub fn get_bytes(context: &mut Context, call: &Call) -> Result<Value> {
    let Question { db, key, view, shared } = Question::new(context, call)?;
    let found = db.get(key, view, |entry| bytes(call, shared, entry.value))?;
    found.unwrap_or_else(|| Ok(call.undefined()))
}

/// `getEntry(handle, key, snapshot, text: 0 | 1): string | number | Buffer | undefined`, as the two above; header:
/// [revision, deadline in unix milliseconds or 0].
pub fn get_entry(context: &mut Context, call: &Call) -> Result<Value> {
    let Question { db, key, view, shared } = Question::new(context, call)?;
    let as_text = call.integer(3)? != 0;
    let found = db.get(key, view, |entry| {
        shared.set_header(&[entry.revision as f64, deadline(entry)]);
        if as_text { call.text(entry.value) } else { bytes(call, shared, entry.value) }
    })?;
    found.unwrap_or_else(|| Ok(call.undefined()))
}

/// `has(handle, key, snapshot): 0 | 1`
pub fn has(context: &mut Context, call: &Call) -> Result<Value> {
    let Question { db, key, view, .. } = Question::new(context, call)?;
    let found = db.get(key, view, |_| ())?;
    call.value(found.map_or(0.0, |()| 1.0))
}

#[inline]
fn bytes(call: &Call, shared: &mut Shared, value: &[u8]) -> Result<Value> {
    if value.len() > SHARED_BYTES_MAX {
        return call.buffer(value);
    }
    shared.data()[..value.len()].copy_from_slice(value);
    call.value(value.len() as f64)
}

/// As JavaScript sees it: 0 for an entry that never expires.
pub fn deadline(entry: &Entry<'_>) -> f64 {
    if entry.deadline_ms == NO_DEADLINE { 0.0 } else { entry.deadline_ms as f64 }
}
