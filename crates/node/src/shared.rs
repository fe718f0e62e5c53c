//! The buffer through which bytes reach JavaScript: allocated there, one for each environment, never leaving
//! `ts/native/`. Written only inside a call from the thread that owns it, and read by that thread right after.
//!
//! The first `HEADER_BYTES` are numbers (`f64`, native order); what they mean is said by each call. The rest is data.

use crate::context::not_attached;
use crate::raw::Call;
use coppice_engine::error::{Code, Error, Result};
use napi::sys;
use std::ptr;

pub const HEADER_BYTES: usize = 64;
/// A chunk of one row must fit whatever its key: columns and the longest key.
const BYTES_MIN: usize = 128 << 10;

pub struct Shared {
    start: *mut u8,
    length: usize,
}

impl Shared {
    /// Takes the `Uint8Array` that is argument `index`, over a `SharedArrayBuffer`: such memory cannot be detached.
    pub fn new(call: &Call, index: usize) -> Result<Self> {
        let (start, length) = call.array(index)?;
        if length < BYTES_MIN || !start.cast::<f64>().is_aligned() {
            return Err(Error::invalid(format!(
                "the shared buffer must be aligned and at least {BYTES_MIN} bytes long"
            )));
        }
        let mut reference = ptr::null_mut();
        // Never deleted: it keeps the memory alive until the environment ends.
        // SAFETY: the argument is a live object of this environment.
        let status =
            unsafe { sys::napi_create_reference(call.env(), call.argument(index), 1, &mut reference) };
        if status != sys::Status::napi_ok {
            return Err(Error::new(
                Code::Invalid,
                format!("cannot keep the shared buffer (status {status})"),
            ));
        }
        Ok(Shared { start, length })
    }

    /// What a context has of it.
    #[inline]
    pub fn of(shared: &mut Option<Shared>) -> Result<&mut Shared> {
        shared.as_mut().ok_or_else(not_attached)
    }

    #[inline]
    fn all(&mut self) -> &mut [u8] {
        // SAFETY: the reference made in `new` keeps these bytes alive and in place; JavaScript, the only other user,
        // waits on this very thread for the call to return.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }

    #[inline]
    pub fn data(&mut self) -> &mut [u8] {
        &mut self.all()[HEADER_BYTES..]
    }

    #[inline]
    pub fn set_header(&mut self, numbers: &[f64]) {
        let header = &mut self.all()[..HEADER_BYTES];
        for (place, number) in header.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
    }
}
