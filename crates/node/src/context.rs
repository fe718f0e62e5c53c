//! What one environment holds: its instance data. No two environments share any of it, so nothing here is locked.
//!
//! At the end of an environment, whether by return, `process.exit` or termination of a worker with calls in flight, the
//! cleanup hook marks every handle closed, then releases the threadsafe function, then lets go of the engines, in that
//! order: no result may reach an environment that is going away, and none of these steps waits for the disk. Threads
//! still working for it finish on their own clones and find the mailbox shut.

use crate::calls::diff::OpenDiff;
use crate::calls::large::Large;
use crate::calls::range::Cursor;
use crate::calls::snapshot::Pinned;
use crate::mailbox::Mailbox;
use crate::pool;
use crate::raw::{accepted, panicked};
use crate::registry::{Handle, Member};
use crate::replication::PinnedFiles;
use crate::shared::Shared;
use crate::slots::Slots;
use coppice_engine::disk::Lock;
use coppice_engine::error::{Code, Error, Result};
use napi::{Env, sys};
use std::cell::{RefCell, RefMut};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

pub struct Context {
    pub handles: Slots<Handle>,
    pub cursors: Slots<Cursor>,
    pub snapshots: Slots<Pinned>,
    pub large: Slots<Large>,
    pub pins: Slots<PinnedFiles>,
    pub diffs: Slots<OpenDiff>,
    pub locks: Slots<Box<dyn Lock>>,
    pub members: Slots<Member>,
    /// Room for a key on its way in, kept from call to call.
    pub key: Vec<u8>,
    /// Room for the log record of a single put or delete.
    pub body: Vec<u8>,
    /// Why the last raw function answered `null`.
    pub failure: Option<Error>,
    /// `None` until JavaScript hands it over, and again once the environment is ending; likewise the mailbox.
    pub shared: Option<Shared>,
    mailbox: Option<Arc<Mailbox>>,
}

/// Instance data is reached through a shared pointer; a borrow that overlaps another is an error, never two references.
pub struct ContextCell(RefCell<Context>);

impl ContextCell {
    #[inline]
    pub fn borrow(&self) -> Result<RefMut<'_, Context>> {
        self.0.try_borrow_mut().map_err(|_| Error::invalid("a native call was made inside another one"))
    }
}

impl Context {
    pub fn install(env: &Env) -> napi::Result<()> {
        let context = Context {
            handles: Slots::new("database"),
            cursors: Slots::new("range"),
            snapshots: Slots::new("snapshot"),
            large: Slots::new("large value"),
            pins: Slots::new("pinned version"),
            diffs: Slots::new("diff"),
            locks: Slots::new("lock"),
            members: Slots::new("seat"),
            key: Vec::new(),
            body: Vec::new(),
            failure: None,
            shared: None,
            mailbox: None,
        };
        let cell = Box::into_raw(Box::new(ContextCell(RefCell::new(context))));
        // SAFETY: `env` is being set up on this thread; `finalize` takes the box back exactly once.
        let status =
            unsafe { sys::napi_set_instance_data(env.raw(), cell.cast(), Some(finalize), ptr::null_mut()) };
        accepted(status)
    }

    pub fn cell(env: &Env) -> napi::Result<&ContextCell> {
        let mut cell: *mut c_void = ptr::null_mut();
        // SAFETY: `env` is the environment of the current call.
        accepted(unsafe { sys::napi_get_instance_data(env.raw(), &mut cell) })?;
        if cell.is_null() {
            return Err(napi::Error::from_reason("this environment was not set up"));
        }
        // SAFETY: `install` put it there, and it lives as long as the environment, whose borrow bounds the reference.
        Ok(unsafe { &*cell.cast::<ContextCell>() })
    }

    /// Runs the body of a `#[napi]` function. `None`, in JavaScript `null`, says that it failed, as with a raw function.
    pub fn answer<R>(env: &Env, body: impl FnOnce(&mut Context) -> Result<R>) -> Option<R> {
        let cell = Context::cell(env).ok()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&mut *cell.borrow()?)));
        let failure = match outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
            Ok(answer) => return Some(answer),
            Err(failure) => failure,
        };
        if let Ok(mut context) = cell.borrow() {
            context.failure = Some(failure);
        }
        None
    }

    /// Works on the context for a message that has come.
    pub fn with<R>(env: &Env, work: impl FnOnce(&mut Context) -> Result<R>) -> Result<R> {
        let cell = Context::cell(env).map_err(|error| Error::invalid(error.reason.clone()))?;
        work(&mut *cell.borrow()?)
    }

    /// Gives a handle that a task opened its number, and what its engine told before it had one.
    pub fn adopt(&mut self, handle: Handle) -> Result<u64> {
        let number = self.handles.insert(handle)?;
        self.handles.get(number)?.start(number);
        Ok(number)
    }

    /// Takes the shared buffer and the function to wake. Once.
    pub fn attach(&mut self, env: sys::napi_env, shared: Shared, mailbox: Arc<Mailbox>) -> Result<()> {
        if self.mailbox.is_some() {
            return Err(Error::invalid("this thread has attached to the addon already"));
        }
        let cell = instance_data(env);
        // Hooks run last in, first out: this one is added after the threadsafe function was made, so it runs before
        // Node's own hook for that.
        // SAFETY: `cell` is this environment's instance data, which is finalized after its hooks have run.
        let status = unsafe { sys::napi_add_env_cleanup_hook(env, Some(clean_up), cell) };
        if status != sys::Status::napi_ok {
            return Err(Error::new(
                Code::Unsupported,
                format!("no cleanup hook (status {status} of Node-API)"),
            ));
        }
        self.shared = Some(shared);
        self.mailbox = Some(mailbox);
        Ok(())
    }

    pub fn mailbox(&self) -> Result<&Arc<Mailbox>> {
        self.mailbox.as_ref().ok_or_else(not_attached)
    }

    /// Forgets a handle and all that was opened through it.
    pub fn take_handle(&mut self, number: u64) -> Result<Taken> {
        let handle = self.handles.remove(number).ok_or_else(|| self.handles.closed())?;
        drop(self.snapshots.remove_where(|pinned| pinned.handle == number));
        let cursors = self.cursors.remove_where(|cursor| cursor.handle == number);
        let large = self.large.remove_where(|large| large.handle == number);
        let pins = self.pins.remove_where(|pinned| pinned.handle == number);
        let diffs = self.diffs.remove_where(|diff| diff.handles.contains(&number));
        Ok(Taken { cursors, large, pins, diffs, handle })
    }
}

/// A handle that JavaScript knows no more, and what may be the last to hold files of it.
pub struct Taken {
    cursors: Vec<Cursor>,
    large: Vec<Large>,
    pins: Vec<PinnedFiles>,
    diffs: Vec<OpenDiff>,
    handle: Handle,
}

impl Taken {
    /// Removes those files, then closes the handle. Blocks.
    pub fn close(self) -> Result<()> {
        drop((self.cursors, self.large, self.pins, self.diffs));
        self.handle.close()
    }
}

#[cold]
pub fn not_attached() -> Error {
    Error::new(Code::Closed, "this thread is not attached to the addon, or is ending")
}

fn instance_data(env: sys::napi_env) -> *mut c_void {
    let mut cell = ptr::null_mut();
    // SAFETY: `env` is the environment of the current call. A failure leaves null, which the hook ignores.
    unsafe { sys::napi_get_instance_data(env, &mut cell) };
    cell
}

unsafe extern "C" fn clean_up(cell: *mut c_void) {
    if cell.is_null() {
        return;
    }
    // SAFETY: `attach` registered this pointer, and instance data is finalized after the hooks.
    let cell = unsafe { &*cell.cast::<ContextCell>() };
    let Ok(mut context) = cell.borrow() else { return };
    let snapshots = context.snapshots.remove_where(|_| true);
    let cursors = context.cursors.remove_where(|_| true);
    let large = context.large.remove_where(|_| true);
    let pins = context.pins.remove_where(|_| true);
    let diffs = context.diffs.remove_where(|_| true);
    let handles = context.handles.remove_where(|_| true);
    let locks = context.locks.remove_where(|_| true);
    let members = context.members.remove_where(|_| true);
    context.shared = None;
    if let Some(mailbox) = context.mailbox.take() {
        mailbox.shut();
    }
    if !cursors.is_empty() || !large.is_empty() || !pins.is_empty() || !diffs.is_empty() {
        pool::let_go((cursors, large, pins, diffs));
    }
    drop((snapshots, handles, locks));
    // Whoever goes on finds nothing of this environment any more.
    drop(members);
}

unsafe extern "C" fn finalize(_env: sys::napi_env, cell: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `install` made it from a box, and Node-API finalizes instance data once.
    drop(unsafe { Box::from_raw(cell.cast::<ContextCell>()) });
}
