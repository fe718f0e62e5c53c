//! Large values on their way into a commit. A value comes piece by piece: each is copied here and written to its blob
//! parts by a task, so that neither the event loop waits for the disk nor a second copy of the whole is made.

use crate::context::Context;
use crate::engine::{LargeValue, LargeWriter};
use crate::message::Outcome;
use crate::pool;
use crate::raw::{Call, Value};
use crate::task;
use coppice_engine::error::{Error, Result};
use coppice_engine::limits::BLOB_RECORD_BYTES_MAX;
use parking_lot::Mutex;
use std::sync::Arc;

pub struct Large {
    pub handle: u64,
    value: Arc<Mutex<Staged>>,
}

enum Staged {
    Writing(Box<LargeWriter>),
    Whole(Arc<LargeValue>),
    Failed,
}

impl Large {
    /// The value, which `end` made whole.
    pub fn whole(&self) -> Result<Arc<LargeValue>> {
        match &*self.value.lock() {
            Staged::Whole(value) => Ok(value.clone()),
            Staged::Writing(_) | Staged::Failed => Err(Error::invalid("this large value is not whole")),
        }
    }
}

/// `largeBegin(handle): number`
pub fn begin(context: &mut Context, call: &Call) -> Result<Value> {
    let handle = call.integer(0)?;
    let writer = Box::new(context.handles.get(handle)?.db().large()?);
    let value = Arc::new(Mutex::new(Staged::Writing(writer)));
    call.value(context.large.insert(Large { handle, value })? as f64)
}

/// `largeWrite(large, piece): number`, a task. One at a time, in order.
pub fn write(context: &mut Context, call: &Call) -> Result<Value> {
    let value = context.large.get(call.integer(0)?)?.value.clone();
    let mut piece = Vec::new();
    call.append_bytes(1, BLOB_RECORD_BYTES_MAX, "piece of a value", &mut piece)?;
    step(context, call, value, move |writer| {
        let mut writer = writer;
        writer.write(&piece).map(|()| Staged::Writing(writer))
    })
}

/// `largeEnd(large): number`, a task. After it the value can be committed.
pub fn end(context: &mut Context, call: &Call) -> Result<Value> {
    let value = context.large.get(call.integer(0)?)?.value.clone();
    step(context, call, value, |writer| Ok(Staged::Whole(Arc::new(writer.finish()?))))
}

/// `largeDrop(large): void`; harmless for a stale number. What no commit took leaves nothing.
pub fn drop_value(context: &mut Context, call: &Call) -> Result<Value> {
    if let Some(large) = context.large.remove(call.integer(0)?) {
        pool::let_go(large);
    }
    Ok(call.undefined())
}

fn step(
    context: &Context,
    call: &Call,
    value: Arc<Mutex<Staged>>,
    work: impl FnOnce(Box<LargeWriter>) -> Result<Staged> + Send + 'static,
) -> Result<Value> {
    let task = task::start(context.mailbox()?, "large", move |_| {
        let mut staged = value.lock();
        let Staged::Writing(writer) = std::mem::replace(&mut *staged, Staged::Failed) else {
            return Err(Error::invalid("this large value is not being written"));
        };
        *staged = work(writer)?;
        Ok(Outcome::Nothing)
    })?;
    call.value(task)
}
