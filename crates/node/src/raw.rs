//! Node-API without ceremony: arguments in, values out, each call checked. The thinnest layer that is still safe.
//!
//! A raw function runs on the thread of its environment and never calls back into JavaScript. It answers a value, or
//! `null` when it failed; the failure then waits in the context for `takeFailure`. A panic becomes a failure too.

use crate::context::{Context, ContextCell};
use coppice_engine::error::{Code, Error, Result};
use napi::bindgen_prelude::ToNapiValue;
use napi::sys;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

pub const ARGUMENTS_MAX: usize = 8;
const INTEGER_MAX: f64 = ((1u64 << 53) - 1) as f64;

/// A value of JavaScript, good until the raw function returns.
#[derive(Clone, Copy)]
pub struct Value(sys::napi_value);

/// One call from JavaScript: its arguments, and the environment to make answers in.
pub struct Call {
    env: sys::napi_env,
    arguments: [sys::napi_value; ARGUMENTS_MAX],
}

impl Value {
    pub fn raw(self) -> sys::napi_value {
        self.0
    }
}

pub type Function = fn(&mut Context, &Call) -> Result<Value>;
pub type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Makes the callback that Node-API wants of a `Function`.
macro_rules! callback {
    ($function:path) => {{
        unsafe extern "C" fn enter(
            env: napi::sys::napi_env,
            info: napi::sys::napi_callback_info,
        ) -> napi::sys::napi_value {
            // SAFETY: Node-API calls this with the arguments it promises, and `export` alone hands it out.
            unsafe { crate::raw::enter(env, info, $function) }
        }
        enter as crate::raw::Callback
    }};
}
pub(crate) use callback;

/// Adds a raw function to the exports of this environment's instance of the module.
pub fn export(
    env: sys::napi_env,
    exports: sys::napi_value,
    context: *const ContextCell,
    name: &CStr,
    callback: Callback,
) -> napi::Result<()> {
    let mut function = ptr::null_mut();
    // SAFETY: `env` is the environment being set up on this thread, `name` ends with a zero, and `context` is its
    // instance data, which outlives every call of a function of this environment.
    let status = unsafe {
        sys::napi_create_function(
            env,
            name.as_ptr(),
            name.count_bytes() as isize,
            Some(callback),
            context.cast_mut().cast::<c_void>(),
            &mut function,
        )
    };
    accepted(status)?;
    // SAFETY: `exports` and `function` are live values of this environment.
    let status = unsafe { sys::napi_set_named_property(env, exports, name.as_ptr(), function) };
    accepted(status)
}

pub fn accepted(status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(napi::Error::from_status(napi::Status::from(status)))
}

/// A value that napi-rs knows how to make. To be called on the thread of `env`, from a callback of its.
pub fn made<T: ToNapiValue>(env: sys::napi_env, value: T) -> napi::Result<sys::napi_value> {
    // SAFETY: `env` is the environment whose callback runs on this thread.
    unsafe { T::to_napi_value(env, value) }
}

/// The body of every callback.
///
/// # Safety
/// To be called by Node-API only, as a function that `export` made.
#[inline]
pub unsafe fn enter(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    function: Function,
) -> sys::napi_value {
    let mut call = Call { env, arguments: [ptr::null_mut(); ARGUMENTS_MAX] };
    let mut count = ARGUMENTS_MAX;
    let mut context = ptr::null_mut();
    // SAFETY: Node-API called us with this `env` and `info`; it fills `ARGUMENTS_MAX` arguments, absent ones with
    // `undefined`.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            call.arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut context,
        )
    };
    if status != sys::Status::napi_ok || context.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `export` gave this pointer with the function, and instance data is freed only after the environment can
    // run no more JavaScript.
    let cell = unsafe { &*context.cast::<ContextCell>() };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut context = cell.borrow()?;
        function(&mut context, &call)
    }));
    let failure = match outcome {
        Ok(Ok(value)) => return value.0,
        Ok(Err(failure)) => failure,
        Err(panic) => panicked(panic.as_ref()),
    };
    if let Ok(mut context) = cell.borrow() {
        context.failure = Some(failure);
    }
    call.null().0
}

/// A bug of ours, told as an error rather than by ending the process.
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let what = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(Code::Poisoned, format!("a bug in coppice, please report it: {what}"))
}

impl Call {
    pub fn number(&self, index: usize) -> Result<f64> {
        let mut number = 0.0;
        // SAFETY: the argument is a live value of this call.
        let status = unsafe { sys::napi_get_value_double(self.env, self.arguments[index], &mut number) };
        if status != sys::Status::napi_ok {
            return Err(self.refuse(index, "a number"));
        }
        Ok(number)
    }

    /// An integer from 0 to 2^53 - 1.
    #[inline]
    pub fn integer(&self, index: usize) -> Result<u64> {
        let number = self.number(index)?;
        if !(0.0..=INTEGER_MAX).contains(&number) || number.fract() != 0.0 {
            return Err(self.refuse(index, "an integer"));
        }
        Ok(number as u64)
    }

    pub fn is_undefined(&self, index: usize) -> bool {
        let mut kind = 0;
        // SAFETY: the argument is a live value of this call.
        let status = unsafe { sys::napi_typeof(self.env, self.arguments[index], &mut kind) };
        status == sys::Status::napi_ok && kind == sys::ValueType::napi_undefined
    }

    /// Appends a string, as UTF-8, or the bytes of a `Uint8Array`; at most `bytes_max` of them.
    #[inline]
    pub fn append_bytes(&self, index: usize, bytes_max: usize, what: &str, to: &mut Vec<u8>) -> Result<()> {
        const ENOUGH_MOSTLY: usize = 4096;
        // No character takes more than this, so that fewer spare bytes may mean that one did not fit.
        const CHARACTER_BYTES_MAX: usize = 4;
        to.reserve(ENOUGH_MOSTLY);
        let spare = to.capacity() - to.len();
        let Some(copied) = self.copy_text(index, to, spare) else {
            return self.append_array(index, bytes_max, what, to);
        };
        if copied + CHARACTER_BYTES_MAX < spare {
            return within(copied, bytes_max, what);
        }
        to.truncate(to.len() - copied);
        let length = self.text_length(index);
        within(length, bytes_max, what)?;
        to.reserve(length + 1);
        let spare = to.capacity() - to.len();
        self.copy_text(index, to, spare);
        Ok(())
    }

    /// Appends as many whole characters as `spare` holds, which must be that of `to`; none if this is not a string.
    #[inline]
    fn copy_text(&self, index: usize, to: &mut Vec<u8>, spare: usize) -> Option<usize> {
        debug_assert!(spare <= to.capacity() - to.len());
        let mut copied = 0;
        let target = to.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: `target` has room for `spare` bytes, of which Node-API writes at most `spare - 1` and a zero.
        let status = unsafe {
            sys::napi_get_value_string_utf8(self.env, self.arguments[index], target, spare, &mut copied)
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let length = to.len() + copied;
        // SAFETY: Node-API has just written `copied` bytes behind the old length, within the capacity.
        unsafe { to.set_len(length) };
        Some(copied)
    }

    #[cold]
    fn text_length(&self, index: usize) -> usize {
        let mut length = 0;
        // SAFETY: without a buffer Node-API only measures.
        let status = unsafe {
            sys::napi_get_value_string_utf8(self.env, self.arguments[index], ptr::null_mut(), 0, &mut length)
        };
        if status == sys::Status::napi_ok { length } else { 0 }
    }

    #[inline]
    fn append_array(&self, index: usize, bytes_max: usize, what: &str, to: &mut Vec<u8>) -> Result<()> {
        let (data, length) = self.array(index)?;
        within(length, bytes_max, what)?;
        to.reserve(length);
        let target = to.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        if length > 0 {
            // SAFETY: V8 keeps `length` bytes at `data` alive for this call, and `to` has room for as many; the two do
            // not overlap, one belonging to V8 and one to us.
            unsafe { ptr::copy_nonoverlapping(data, target, length) };
        }
        let length = to.len() + length;
        // SAFETY: the bytes up to the new length were written above.
        unsafe { to.set_len(length) };
        Ok(())
    }

    /// Works on the first `length` bytes of a `Uint8Array`, which the caller, our own TypeScript, leaves alone meanwhile.
    /// Not to be nested: two arguments may be one array.
    pub fn with_array<R>(
        &self,
        index: usize,
        length: usize,
        work: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<R> {
        let (data, available) = self.array(index)?;
        if length > available {
            return Err(self.refuse(index, &format!("at least {length} bytes long")));
        }
        if length == 0 {
            return work(&mut []);
        }
        // SAFETY: V8 keeps these bytes alive for this call, and the thread that could change them is inside it.
        work(unsafe { std::slice::from_raw_parts_mut(data, length) })
    }

    #[inline]
    pub fn array(&self, index: usize) -> Result<(*mut u8, usize)> {
        let mut kind = 0;
        let mut length = 0;
        let mut data = ptr::null_mut();
        // SAFETY: the argument is a live value of this call; Node-API refuses what is no typed array.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.arguments[index],
                &mut kind,
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return Err(self.refuse(index, "a string or a Uint8Array"));
        }
        Ok((data.cast(), length))
    }

    #[cold]
    fn refuse(&self, index: usize, expected: &str) -> Error {
        Error::invalid(format!("argument {index} of a native call must be {expected}"))
    }

    pub fn env(&self) -> sys::napi_env {
        self.env
    }

    pub fn argument(&self, index: usize) -> sys::napi_value {
        self.arguments[index]
    }

    /// What JavaScript sees as `undefined`.
    #[inline]
    pub fn undefined(&self) -> Value {
        Value(ptr::null_mut())
    }

    #[inline]
    pub fn value(&self, value: f64) -> Result<Value> {
        let mut made = ptr::null_mut();
        // SAFETY: `env` is the environment of this call.
        let status = unsafe { sys::napi_create_double(self.env, value, &mut made) };
        made_or_refused(status, made).map(Value)
    }

    /// A string from UTF-8; what is no UTF-8 is replaced as `Buffer#toString` does.
    #[inline]
    pub fn text(&self, bytes: &[u8]) -> Result<Value> {
        text(self.env, bytes).map(Value)
    }

    /// A `Buffer` that JavaScript owns. Far dearer than the shared buffer for small values.
    pub fn buffer(&self, bytes: &[u8]) -> Result<Value> {
        buffer(self.env, bytes).map(Value)
    }

    /// As `buffer`, of bytes that are the caller's own.
    pub fn owned_buffer(&self, bytes: Vec<u8>) -> Result<Value> {
        owned_buffer(self.env, bytes).map(Value)
    }

    /// A value that napi-rs knows how to make.
    pub fn object<T: ToNapiValue>(&self, value: T) -> Result<Value> {
        made(self.env, value).map(Value).map_err(|error| Error::invalid(error.reason.clone()))
    }

    fn null(&self) -> Value {
        let mut made = ptr::null_mut();
        // SAFETY: `env` is the environment of this call. Should it fail, JavaScript sees `undefined`.
        unsafe { sys::napi_get_null(self.env, &mut made) };
        Value(made)
    }
}

#[inline]
fn text(env: sys::napi_env, bytes: &[u8]) -> Result<sys::napi_value> {
    let mut made = ptr::null_mut();
    // SAFETY: `env` is the environment whose callback runs on this thread; V8 copies the bytes before the call returns.
    let status =
        unsafe { sys::napi_create_string_utf8(env, bytes.as_ptr().cast(), bytes.len() as isize, &mut made) };
    made_or_refused(status, made)
}

fn buffer(env: sys::napi_env, bytes: &[u8]) -> Result<sys::napi_value> {
    let (mut made, unused) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: as above; Node allocates the buffer and copies the bytes before the call returns.
    let status =
        unsafe { sys::napi_create_buffer_copy(env, bytes.len(), bytes.as_ptr().cast(), unused, &mut made) };
    made_or_refused(status, made)
}

/// From so many bytes on a buffer takes the memory of the bytes, where copying them would hold the event loop up, and for a
/// moment take them twice.
const BYTES_LENT_MIN: usize = 256 << 10;

/// A `Buffer` of bytes that are the caller's own.
fn owned_buffer(env: sys::napi_env, bytes: Vec<u8>) -> Result<sys::napi_value> {
    if bytes.len() < BYTES_LENT_MIN {
        return buffer(env, &bytes);
    }
    let mut made = ptr::null_mut();
    let mut held = Box::new(bytes);
    let (data, length) = (held.as_mut_ptr(), held.len());
    let hint = Box::into_raw(held);
    // SAFETY: as above; `data` stays where it is until `let_go` is called with `hint`, which owns it.
    let status = unsafe {
        sys::napi_create_external_buffer(env, length, data.cast(), Some(let_go), hint.cast(), &mut made)
    };
    if status == sys::Status::napi_ok {
        return Ok(made);
    }
    // SAFETY: it was made above, and nobody else has it: a call that fails takes nothing over.
    let bytes = unsafe { Box::from_raw(hint) };
    // A runtime that lends no memory to JavaScript copies.
    buffer(env, &bytes)
}

unsafe extern "C" fn let_go(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: called once for each buffer, with the box that `owned_buffer` gave away for it.
    drop(unsafe { Box::from_raw(hint.cast::<Vec<u8>>()) });
}

/// Bytes read on another thread, handed over to JavaScript when the message that holds them is taken.
pub enum Owned {
    Text(Vec<u8>),
    Bytes(Vec<u8>),
}

impl ToNapiValue for Owned {
    unsafe fn to_napi_value(env: sys::napi_env, owned: Owned) -> napi::Result<sys::napi_value> {
        let made = match owned {
            Owned::Text(bytes) => text(env, &bytes),
            Owned::Bytes(bytes) => owned_buffer(env, bytes),
        };
        made.map_err(|error| napi::Error::from_reason(error.message().to_owned()))
    }
}

fn made_or_refused(status: sys::napi_status, made: sys::napi_value) -> Result<sys::napi_value> {
    if status == sys::Status::napi_ok {
        return Ok(made);
    }
    Err(Error::new(
        Code::TooLarge,
        format!("JavaScript cannot hold this value (status {status} of Node-API)"),
    ))
}

fn within(length: usize, bytes_max: usize, what: &str) -> Result<()> {
    if length <= bytes_max {
        return Ok(());
    }
    Err(Error::new(Code::TooLarge, format!("a {what} of {length} bytes is over the limit of {bytes_max}")))
}
