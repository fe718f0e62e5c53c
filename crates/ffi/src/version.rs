//! Which version this is.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no zero"),
};

/// The version of the library, as "0.1.0". Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_version() -> *const c_char {
    VERSION.as_ptr()
}
