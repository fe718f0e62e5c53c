//! Watermarks, time and pressure: asking where they are, and for the durable one to advance.

use crate::context::Context;
use crate::raw::{Call, Value};
use coppice_engine::error::Result;

/// `revision(handle): number`, the newest one that reads see.
pub fn revision(context: &mut Context, call: &Call) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db();
    call.value(db.visible() as f64)
}

/// `keepsHistory(handle): 0 | 1`
pub fn keeps_history(context: &mut Context, call: &Call) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db();
    call.value(if db.keeps_history() { 1.0 } else { 0.0 })
}

/// `now(handle): number`, the engine's time in Unix milliseconds.
pub fn now(context: &mut Context, call: &Call) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db();
    call.value(db.now_ms() as f64)
}

/// `pressure(handle): number`, how far compaction is behind.
pub fn pressure(context: &mut Context, call: &Call) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db();
    call.value(db.pressure())
}

/// `writeOut(handle): number`, the revision up to which everything is now with the operating system.
pub fn write_out(context: &mut Context, call: &Call) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db();
    call.value(db.write_out()? as f64)
}

/// `requestSync(handle, revision): number`, the durable revision as of now. If that is below the one asked for, it is
/// told when more is durable.
pub fn request_sync(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = context.handles.get(call.integer(0)?)?;
    let revision = call.integer(1)?;
    handle.inbox().wait_for(revision);
    let durable = handle.db().durable();
    if durable < revision {
        handle.db().request_sync();
    }
    call.value(durable as f64)
}
