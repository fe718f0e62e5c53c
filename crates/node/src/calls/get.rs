//! Point reads. A key comes in as a string or bytes; a value goes out as a string, or as bytes in the shared buffer.
//!
//! A read that may not wait (`wait` is 0) answers at once where nothing has to come from the disk. Else it goes on in the
//! read pool, and the answer is its task, as a negative number.

use super::snapshot::standing;
use super::snapshot::view;
use crate::context::Context;
use crate::engine::{Db, View};
use crate::message::{Found, Outcome};
use crate::raw::{Call, Owned, Value};
use crate::shared::Shared;
use crate::task;
use coppice_engine::entry::{Entry, NO_DEADLINE};
use coppice_engine::error::{Code, Result};
use coppice_engine::limits::KEY_BYTES_MAX;

/// Up to this many bytes two copies, here and in JavaScript, cost less than having Node make a buffer.
const SHARED_BYTES_MAX: usize = 4096;

/// What every point read is told: `(handle, key, snapshot, wait: 0 | 1)`.
struct Question<'a> {
    db: &'a Db,
    key: &'a [u8],
    view: View,
    wait: bool,
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
        let wait = call.integer(3)? != 0;
        Ok(Question { db, key, view, wait, shared: Shared::of(shared)? })
    }

    #[inline]
    fn ask<R>(self, read: impl FnOnce(&Entry<'_>, &mut Shared) -> R) -> Result<Option<R>> {
        let Question { db, key, view, wait, shared } = self;
        let read = |entry: &Entry<'_>| read(entry, shared);
        if wait { db.get(key, view, read) } else { db.get_now(key, view, read) }
    }
}

/// The answer to a question, in the pool if it has to wait for the disk.
#[inline]
fn answer(
    context: &mut Context,
    call: &Call,
    owned: fn(Vec<u8>) -> Owned,
    read: impl FnOnce(&Entry<'_>, &mut Shared) -> Result<Value>,
    nothing: impl FnOnce() -> Result<Value>,
) -> Result<Value> {
    match Question::new(context, call)?.ask(read) {
        Ok(found) => found.unwrap_or_else(nothing),
        Err(error) if error.code() == Code::WouldBlock => {
            read_in_pool(context, call, move |db, key, view| {
                let found = db.get_value(key, view)?;
                Ok(found.map(|(entry, value)| Found::new(&entry, owned(value))))
            })
        }
        Err(error) => Err(error),
    }
}

/// What is read is what stood there when it was asked for, whatever is written and merged meanwhile.
#[cold]
fn read_in_pool(
    context: &Context,
    call: &Call,
    read: impl FnOnce(&Db, &[u8], View) -> Result<Option<Found>> + Send + 'static,
) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db().clone();
    let snapshot = standing(context, call, 0, 2)?;
    let key = context.key.clone();
    let task = task::read(context.mailbox()?, move |_| Ok(Outcome::Read(read(&db, &key, snapshot.view())?)))?;
    call.value(-task)
}

/// `getText(handle, key, snapshot, wait): string | undefined | number`
pub fn get_text(context: &mut Context, call: &Call) -> Result<Value> {
    answer(context, call, Owned::Text, |entry, _| call.text(entry.value), || Ok(call.undefined()))
}

/// `getBytes(handle, key, snapshot, wait): number | Buffer | undefined`; a number from 0 on counts bytes in the shared
/// buffer.
pub fn get_bytes(context: &mut Context, call: &Call) -> Result<Value> {
    let read = |entry: &Entry<'_>, shared: &mut Shared| bytes(call, shared, entry.value);
    answer(context, call, Owned::Bytes, read, || Ok(call.undefined()))
}

/// `getEntry(handle, key, snapshot, wait, text: 0 | 1): string | number | Buffer | undefined`, as the two above; header:
/// [revision, deadline in unix milliseconds or 0, create revision and version, both 0 without history].
pub fn get_entry(context: &mut Context, call: &Call) -> Result<Value> {
    let as_text = call.integer(4)? != 0;
    let owned = if as_text { Owned::Text } else { Owned::Bytes };
    let read = |entry: &Entry<'_>, shared: &mut Shared| {
        let history = [entry.create_revision as f64, entry.version as f64];
        shared.set_header(&[entry.revision as f64, deadline(entry), history[0], history[1]]);
        if as_text { call.text(entry.value) } else { bytes(call, shared, entry.value) }
    };
    answer(context, call, owned, read, || Ok(call.undefined()))
}

/// `has(handle, key, snapshot, wait): 0 | 1 | number`
pub fn has(context: &mut Context, call: &Call) -> Result<Value> {
    let Question { db, key, view, wait, .. } = Question::new(context, call)?;
    match if wait { db.has(key, view) } else { db.has_now(key, view) } {
        Ok(found) => call.value(if found { 1.0 } else { 0.0 }),
        Err(error) if error.code() == Code::WouldBlock => {
            read_in_pool(context, call, |db, key, view| Ok(db.has(key, view)?.then_some(Found::default())))
        }
        Err(error) => Err(error),
    }
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
