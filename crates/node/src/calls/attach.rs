//! What an environment does once, and what it asks now and then.

use crate::context::Context;
use crate::mailbox::Mailbox;
use crate::message::Failure;
use crate::raw::{Call, Value};
use crate::registry;
use crate::shared::Shared;
use crate::task;
use coppice_engine::error::Result;

/// `attach(shared: Uint8Array, wake: (kind, number, a, b) => void): void`
pub fn attach(context: &mut Context, call: &Call) -> Result<Value> {
    let shared = Shared::new(call, 0)?;
    let mailbox = Mailbox::new(call, 1)?;
    context.attach(call.env(), shared, mailbox)?;
    Ok(call.undefined())
}

/// `takeFailure(): Failure | undefined`, why the last call answered `null`.
pub fn take_failure(context: &mut Context, call: &Call) -> Result<Value> {
    match context.failure.take() {
        Some(failure) => call.object(Failure::from(&failure)),
        None => Ok(call.undefined()),
    }
}

/// `hold(held: 0 | 1): void`, whether something is awaited that must keep the event loop alive.
pub fn hold(context: &mut Context, call: &Call) -> Result<Value> {
    let held = call.integer(0)? != 0;
    context.mailbox()?.hold(call.env(), held)?;
    Ok(call.undefined())
}

/// `census(): void`. Header: [engines, tasks] of the process, [databases, ranges, snapshots] of this thread.
pub fn census(context: &mut Context, call: &Call) -> Result<Value> {
    let Context { handles, cursors, snapshots, shared, .. } = context;
    let counts = [registry::engines(), task::running(), handles.len(), cursors.len(), snapshots.len()];
    Shared::of(shared)?.set_header(&counts.map(|count| count as f64));
    Ok(call.undefined())
}
