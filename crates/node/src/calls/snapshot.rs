//! Pinned views, and how a read says which view it wants.

use crate::context::Context;
use crate::engine::{Snapshot, View};
use crate::raw::{Call, Value};
use crate::slots::Slots;
use coppice_engine::error::Result;

pub struct Pinned {
    pub handle: u64,
    pub snapshot: Snapshot,
}

/// `snapshot(handle): number`
pub fn snapshot(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let snapshot = context.handles.get(handle)?.db().snapshot()?;
    let number = context.snapshots.insert(Pinned { handle, snapshot })?;
    call.value(number as f64)
}

/// `snapshotAt(handle, revision): number`
pub fn at(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let snapshot = context.handles.get(handle)?.db().snapshot_at(call.integer(1)?)?;
    let number = context.snapshots.insert(Pinned { handle, snapshot })?;
    call.value(number as f64)
}

/// `snapshotRevision(snapshot): number`
pub fn revision(context: &mut Context, call: &Call) -> Result<Value> {
    let pinned = context.snapshots.get(call.integer(0)?)?;
    call.value(pinned.snapshot.view().revision as f64)
}

/// `releaseSnapshot(snapshot): void`; harmless for a stale number.
pub fn release(context: &mut Context, call: &Call) -> Result<Value> {
    context.snapshots.remove(call.integer(0)?);
    Ok(call.undefined())
}

/// A snapshot of its own of the database that argument `handle` names, where argument `index` says as in `view`.
pub fn standing(context: &Context, call: &Call, handle: usize, index: usize) -> Result<Snapshot> {
    let db = context.handles.get(call.integer(handle)?)?.db();
    match call.integer(index)? {
        0 => db.snapshot(),
        number => Ok(context.snapshots.get(number)?.snapshot.clone()),
    }
}

/// The view that argument `index` names: a snapshot's number, or 0 for whatever is newest.
#[inline]
pub fn view(snapshots: &Slots<Pinned>, call: &Call, index: usize) -> Result<View> {
    match call.integer(index)? {
        0 => Ok(View::LATEST),
        number => Ok(snapshots.get(number)?.snapshot.view()),
    }
}
