//! How other threads reach an environment: one weak threadsafe function, and a list of what to say.
//!
//! Anything may be posted from any thread at any time; JavaScript is woken once for all that has gathered, however many
//! commits that covers. Weak: an idle database does not keep its process alive; `hold` does while something is awaited.

use crate::message::Message;
use crate::raw::Call;
use coppice_engine::error::{Code, Error, Result};
use napi::sys;
use parking_lot::Mutex;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// Events of one environment that it has not yet taken; further ones are dropped, the newest first. (What is awaited,
/// results of tasks and durable revisions, is bounded by what was asked and is never dropped.)
const EVENTS_MAX: usize = 4096;

pub struct Mailbox(Mutex<State>);

struct State {
    /// `None` once the environment is ending.
    function: Option<Function>,
    waiting: Vec<Message>,
    /// JavaScript has been woken and has not looked yet.
    woken: bool,
}

struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API lets any thread call and release a threadsafe function until it is released, and the mailbox's lock
// keeps calls from overlapping the release.
unsafe impl Send for Function {}

impl Mailbox {
    /// Argument `index` of the call is the JavaScript function to wake.
    pub fn new(call: &Call, index: usize) -> Result<Arc<Mailbox>> {
        let name = call.text(b"coppice")?;
        let mailbox =
            Arc::new(Mailbox(Mutex::new(State { function: None, waiting: Vec::new(), woken: false })));
        let context = Arc::into_raw(mailbox.clone()).cast_mut();
        let mut function = ptr::null_mut();
        // SAFETY: all values belong to this call; `finalize` gives back the count that `context` holds.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                call.env(),
                call.argument(index),
                ptr::null_mut(),
                name.raw(),
                0,
                1,
                context.cast::<c_void>(),
                Some(finalize),
                context.cast::<c_void>(),
                Some(deliver),
                &mut function,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: Node-API took nothing, so the count made above is still ours.
            drop(unsafe { Arc::from_raw(context) });
            return Err(Error::invalid(format!(
                "argument {index} must be a function (status {status} of Node-API)"
            )));
        }
        // SAFETY: the function was just made, on this thread.
        unsafe { sys::napi_unref_threadsafe_function(call.env(), function) };
        mailbox.0.lock().function = Some(Function(function));
        Ok(mailbox)
    }

    /// One of an environment that has ended.
    #[cfg(test)]
    pub fn deaf() -> Arc<Mailbox> {
        Arc::new(Mailbox(Mutex::new(State { function: None, waiting: Vec::new(), woken: false })))
    }

    /// From any thread. Nothing happens once the environment is ending.
    pub fn post(&self, message: Message) {
        let mut state = self.0.lock();
        let Some(Function(function)) = state.function else { return };
        if let Message::Durable { handle, revision } = message
            && let Some(Message::Durable { revision: last, .. }) =
                state.waiting.iter_mut().rev().find(|waiting| waiting.is_durable_of(handle))
        {
            *last = revision.max(*last);
            return;
        }
        if let Message::Logged { handle, seq } = message
            && let Some(Message::Logged { seq: last, .. }) =
                state.waiting.iter_mut().rev().find(|waiting| waiting.is_logged_of(handle))
        {
            *last = seq.max(*last);
            return;
        }
        if let Message::Seat { member } = message
            && state.waiting.iter().any(|waiting| waiting.is_seat_of(member))
        {
            return;
        }
        if message.may_be_dropped() && state.waiting.len() >= EVENTS_MAX {
            return;
        }
        state.waiting.push(message);
        if state.woken {
            return;
        }
        // SAFETY: the function is released under this lock only, and then taken out of the state.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                function,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        state.woken = status == sys::Status::napi_ok;
    }

    /// Whether the environment's event loop stays alive for what is awaited here. On its own thread.
    pub fn hold(&self, env: sys::napi_env, held: bool) -> Result<()> {
        let state = self.0.lock();
        let Some(Function(function)) = state.function else { return Ok(()) };
        let change =
            if held { sys::napi_ref_threadsafe_function } else { sys::napi_unref_threadsafe_function };
        // SAFETY: the function is not released, and this is the thread of its environment.
        let status = unsafe { change(env, function) };
        if status == sys::Status::napi_ok {
            return Ok(());
        }
        Err(Error::new(
            Code::Unsupported,
            format!("cannot hold the event loop (status {status} of Node-API)"),
        ))
    }

    /// The environment is ending: what was posted is dropped, and so is all that will be.
    pub fn shut(&self) {
        let mut state = self.0.lock();
        let waiting = std::mem::take(&mut state.waiting);
        if let Some(Function(function)) = state.function.take() {
            // SAFETY: taken out of the state under its lock, so no call can follow.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
        // A handle in there takes other locks as it goes.
        drop(state);
        drop(waiting);
    }

    fn take(&self) -> Vec<Message> {
        let mut state = self.0.lock();
        state.woken = false;
        std::mem::take(&mut state.waiting)
    }
}

/// Runs on the environment's thread, from its event loop.
unsafe extern "C" fn deliver(
    env: sys::napi_env,
    wake: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    // Both are null while the environment is torn down.
    if env.is_null() || wake.is_null() {
        return;
    }
    // SAFETY: `new` made the pointer from an `Arc` whose count is given back by `finalize`, after the last delivery.
    let mailbox = unsafe { &*context.cast::<Mailbox>() };
    for message in mailbox.take() {
        let Ok(arguments) = message.into_arguments(env) else { continue };
        say(env, wake, &arguments);
    }
}

/// JavaScript may call native functions from inside: nothing is borrowed or locked here.
fn say(env: sys::napi_env, wake: sys::napi_value, arguments: &[sys::napi_value]) {
    let mut receiver = ptr::null_mut();
    // SAFETY: `env` is the environment whose loop runs this.
    unsafe { sys::napi_get_undefined(env, &mut receiver) };
    // SAFETY: receiver, function and arguments are live values of this callback's scope.
    let status = unsafe {
        sys::napi_call_function(env, receiver, wake, arguments.len(), arguments.as_ptr(), ptr::null_mut())
    };
    if status == sys::Status::napi_pending_exception {
        report(env);
    }
}

/// Reports what JavaScript threw as an uncaught exception. Left pending it would keep all further messages from being made.
fn report(env: sys::napi_env) {
    let mut thrown = ptr::null_mut();
    // SAFETY: `env` is the environment whose loop runs this.
    if unsafe { sys::napi_get_and_clear_last_exception(env, &mut thrown) } == sys::Status::napi_ok {
        // SAFETY: `thrown` is a live value of this callback's scope. An environment that is ending refuses the call.
        unsafe { sys::napi_fatal_exception(env, thrown) };
    }
}

unsafe extern "C" fn finalize(_env: sys::napi_env, context: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `new` gave this count away, and Node-API finalizes a threadsafe function once.
    drop(unsafe { Arc::from_raw(context.cast::<Mailbox>()) });
}
