//! What differs between two moments of a database, or of two that this thread has open. Read by tasks, a piece at a time.

use super::range::bounds;
use super::snapshot::standing;
use crate::context::Context;
use crate::engine::{Change, Diff, WholeEntry};
use crate::message::{Found, Outcome};
use crate::raw::{Call, Owned, Value};
use crate::{pool, task};
use coppice_engine::error::Result;
use napi_derive::napi;
use parking_lot::Mutex;
use std::sync::Arc;

/// Bits of the `flags` argument, besides those of bounds: what is wanted as text.
const KEYS_AS_TEXT: u64 = 1 << 1;
const VALUES_AS_TEXT: u64 = 1 << 3;

/// Of two handles, which may be the same.
pub struct OpenDiff {
    pub handles: [u64; 2],
    diff: Arc<Mutex<Box<Diff>>>,
    owned: [fn(Vec<u8>) -> Owned; 2],
}

#[napi(object, object_from_js = false)]
pub struct ChangeData {
    pub key: Owned,
    pub before: Option<Found>,
    pub after: Option<Found>,
}

/// What a task has made, to be kept in the context.
pub struct Made {
    handles: [u64; 2],
    flags: u64,
    diff: Box<Diff>,
}

/// `diffOpen(handle, flags, snapshot, before, beforeSnapshot, lower, upper): number`, a task: the number of the diff. It leads
/// from `before` to `handle`; a snapshot of 0 is whatever is newest.
pub fn open(context: &mut Context, call: &Call) -> Result<Value> {
    let handles = [call.integer(3)?, call.integer(0)?];
    let flags = call.integer(1)?;
    let range = bounds(call, flags, 5)?;
    let before = standing(context, call, 3, 4)?;
    let after = standing(context, call, 0, 2)?;
    let task = task::start(context.mailbox()?, "diff", move |_| {
        let diff = Box::new(Diff::new(before, after, 0, range)?);
        Ok(Outcome::Diff(Made { handles, flags, diff }))
    })?;
    call.value(task)
}

impl Made {
    pub fn keep(self, context: &mut Context) -> Result<f64> {
        // A handle may have been closed meanwhile.
        self.handles.iter().try_for_each(|handle| context.handles.get(*handle).map(drop))?;
        let owned = |text| if self.flags & text != 0 { Owned::Text } else { Owned::Bytes as fn(_) -> _ };
        let owned = [owned(KEYS_AS_TEXT), owned(VALUES_AS_TEXT)];
        let diff = Arc::new(Mutex::new(self.diff));
        Ok(context.diffs.insert(OpenDiff { handles: self.handles, diff, owned })? as f64)
    }
}

/// `diffNext(diff, bytes): number`, a task: the next changes, about as many bytes of them; none at the end.
pub fn next(context: &mut Context, call: &Call) -> Result<Value> {
    let OpenDiff { diff, owned, .. } = context.diffs.get(call.integer(0)?)?;
    let (diff, owned) = (diff.clone(), *owned);
    let bytes_max = call.integer(1)? as usize;
    let task = task::read(context.mailbox()?, move |_| {
        let mut diff = diff.lock();
        let mut changes = Vec::new();
        let mut bytes = 0;
        while bytes < bytes_max {
            let Some(change) = diff.next()? else { break };
            bytes += bytes_of(&change);
            changes.push(data(change, owned));
        }
        Ok(Outcome::Changes(changes))
    })?;
    call.value(task)
}

/// `diffClose(diff): void`; harmless for a stale number.
pub fn close(context: &mut Context, call: &Call) -> Result<Value> {
    if let Some(diff) = context.diffs.remove(call.integer(0)?) {
        pool::let_go(diff);
    }
    Ok(call.undefined())
}

/// With what a change takes besides.
fn bytes_of(change: &Change) -> usize {
    let values = [&change.before, &change.after];
    128 + change.key.len() + values.into_iter().flatten().map(|(_, value)| value.len()).sum::<usize>()
}

fn data(change: Change, [key, value]: [fn(Vec<u8>) -> Owned; 2]) -> ChangeData {
    let found = |held: Option<WholeEntry>| held.map(|(entry, bytes)| Found::new(&entry, value(bytes)));
    ChangeData { key: key(change.key), before: found(change.before), after: found(change.after) }
}
