//! What every call has around it: a failure becomes its code, its words are kept for the thread that has called, and a
//! panic goes no further.

use crate::code::Code;
use crate::engine::Error;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub type Result<T> = std::result::Result<T, Failure>;

/// Why a call has failed.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(Code::Invalid, message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::new(error.code().into(), error.to_string())
    }
}

/// An argument that must be there.
pub fn given<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| Failure::invalid(format!("{name} is NULL")))
}

/// Runs the body of a call.
pub fn call(body: impl FnOnce() -> Result<()>) -> Code {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    match outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
        Ok(()) => Code::Ok,
        Err(Failure { code, message }) => {
            remember(message);
            code
        }
    }
}

/// Runs the body of a call that cannot say that it failed.
pub fn answer<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

/// A bug of ours, told as an error rather than by ending the process.
fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let words = words.unwrap_or("no message");
    Failure::new(Code::Poisoned, format!("a bug in coppice, please report it: {words}"))
}

thread_local! {
    static MESSAGE: RefCell<CString> = RefCell::default();
}

fn remember(message: String) {
    let message = CString::new(message.replace('\0', "\\0")).unwrap_or_default();
    // A thread that is ending has nobody left to ask.
    let _ = MESSAGE.try_with(|kept| kept.replace(message));
}

/// What went wrong, in one sentence, in the last call on this thread that failed: for people, who also find file and offset
/// there. Programs go by the code. Until the next call on this thread that fails; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_error_message() -> *const c_char {
    MESSAGE.try_with(|kept| kept.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> String {
        MESSAGE.with(|kept| kept.borrow().to_str().expect("UTF-8").to_owned())
    }

    #[test]
    fn a_panic_ends_as_a_code_and_a_message() {
        assert_eq!(call(|| panic!("at {}", "sea")), Code::Poisoned);
        assert_eq!(message(), "a bug in coppice, please report it: at sea");
        assert_eq!(answer(7, || panic!("again")), 7);
    }

    #[test]
    fn a_message_is_kept_for_its_thread_until_the_next_failure() {
        assert_eq!(call(|| Err(Failure::invalid("a\0b"))), Code::Invalid);
        assert_eq!(call(|| Ok(())), Code::Ok);
        assert_eq!(message(), "a\\0b");
        std::thread::spawn(|| assert_eq!(message(), "")).join().expect("no panic");
    }
}
