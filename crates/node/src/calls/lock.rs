//! Lock files that no database owns: what keeps two processes from changing one object of a folder store at once. The
//! system gives a lock back when its process ends, however that happens.

use crate::context::Context;
use crate::raw::{Call, Value};
use coppice_engine::disk::{Disk, OsDisk};
use coppice_engine::error::{Error, Result};
use std::path::Path;

const PATH_BYTES_MAX: usize = 4096;

/// `lockFile(path): number`; refused with `LOCKED` while anyone else has it, in this process or another.
pub fn lock(context: &mut Context, call: &Call) -> Result<Value> {
    let mut path = Vec::new();
    call.append_bytes(0, PATH_BYTES_MAX, "path", &mut path)?;
    let path = String::from_utf8(path).map_err(|_| Error::invalid("a path must be UTF-8"))?;
    let lock = OsDisk.lock(Path::new(&path), &format!("process {}", std::process::id()))?;
    call.value(context.locks.insert(lock)? as f64)
}

/// `unlockFile(lock): void`; harmless for a stale number.
pub fn unlock(context: &mut Context, call: &Call) -> Result<Value> {
    context.locks.remove(call.integer(0)?);
    Ok(call.undefined())
}
