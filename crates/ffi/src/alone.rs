//! Handles that serve one thread at a time. A second one that comes meanwhile is told so, rather than let in.

use crate::call::{Failure, Result};
use parking_lot::{Mutex, MutexGuard};

pub fn alone<'a, T>(handle: &'a Mutex<T>, name: &str) -> Result<MutexGuard<'a, T>> {
    let free = handle.try_lock();
    free.ok_or_else(|| {
        Failure::invalid(format!("{name} serves one thread at a time, and another uses it now"))
    })
}
