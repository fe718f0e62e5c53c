//! Pointers as C gives them, made into what Rust may use: all that is `unsafe` in this crate stands here.
//!
//! What it rests on is the contract of the header: a pointer is NULL, or leads to as much as the length beside it says, and
//! what it leads to stays as it is during the call. Values of these types come from C alone, since nothing in Rust can make
//! one, tests aside; so their methods may rely on it. Handles need nothing of this: `Option<&T>` and `Option<Box<T>>` are
//! pointers that may be NULL.

use crate::call::{Failure, Result, given};
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::{ptr, slice};

/// The first of some bytes; how many is told beside it.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Data<'a>(*const u8, PhantomData<&'a [u8]>);

impl<'a> Data<'a> {
    /// No bytes may be NULL.
    pub fn bytes(self, length: usize, name: &str) -> Result<&'a [u8]> {
        if length == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() || isize::try_from(length).is_err() {
            return Err(Failure::invalid(format!("{name} is no place of {length} bytes")));
        }
        // SAFETY: there are so many bytes that nobody writes to during the call, as the contract has it.
        Ok(unsafe { slice::from_raw_parts(self.0, length) })
    }

    pub fn is_null(self) -> bool {
        self.0.is_null()
    }
}

/// Text that ends with a NUL.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Text<'a>(*const c_char, PhantomData<&'a CStr>);

impl<'a> Text<'a> {
    pub fn read(self, name: &str) -> Result<&'a str> {
        let pointer = given((!self.0.is_null()).then_some(self.0), name)?;
        // SAFETY: it ends with a NUL and is left alone during the call, as the contract has it.
        let text = unsafe { CStr::from_ptr(pointer) };
        text.to_str().map_err(|_| Failure::invalid(format!("{name} is not UTF-8")))
    }
}

/// Texts, one after the other, and a NULL after the last; or NULL, which is none.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Texts<'a>(*const Text<'a>);

impl<'a> Texts<'a> {
    pub fn all(self) -> Vec<Text<'a>> {
        let mut all = Vec::new();
        if self.0.is_null() {
            return all;
        }
        loop {
            // SAFETY: none of those before it was the NULL that ends the list.
            let place = unsafe { self.0.add(all.len()) };
            // SAFETY: the same.
            let text = unsafe { *place };
            if text.0.is_null() {
                return all;
            }
            all.push(text);
        }
    }
}

/// Where an answer goes. NULL: nobody wants it.
#[repr(transparent)]
pub struct Out<'a, T>(Option<&'a mut MaybeUninit<T>>);

impl<T> Out<'_, T> {
    pub const NOBODY: Self = Out(None);

    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// What was there before is forgotten, not dropped: at first nobody knows what it is.
    pub fn put(&mut self, value: T) {
        if let Some(place) = &mut self.0 {
            place.write(value);
        }
    }

    /// For what must be wanted: `otherwise` stands there until it is known.
    pub fn begin(&mut self, otherwise: T, name: &str) -> Result<()> {
        given(self.0.as_mut(), name)?.write(otherwise);
        Ok(())
    }
}

/// Room for bytes; how many is told beside it.
#[repr(transparent)]
pub struct Room<'a>(*mut u8, PhantomData<&'a mut [u8]>);

impl Room<'_> {
    /// Copies as many bytes as there is room for.
    pub fn fill(&self, capacity: usize, bytes: &[u8]) {
        let length = if self.0.is_null() { 0 } else { capacity.min(bytes.len()) };
        if length > 0 {
            // SAFETY: there is room for so many bytes, which nobody else uses during the call, as the contract has it.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0, length) };
        }
    }
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(place: *mut c_void);
}

/// Bytes that are the caller's own; or NULL.
#[repr(transparent)]
pub struct Owned(*mut u8);

impl Owned {
    pub const NONE: Owned = Owned(ptr::null_mut());

    /// Not NULL, also for no bytes.
    pub fn copy(bytes: &[u8]) -> Owned {
        // SAFETY: any size may be asked for.
        let place = unsafe { malloc(bytes.len().max(1)) }.cast::<u8>();
        assert!(!place.is_null(), "out of memory: {} bytes", bytes.len());
        // SAFETY: the place was just made for so many bytes.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        Owned(place)
    }

    pub fn free(self) {
        // SAFETY: NULL, or a place that `copy` has made and nobody has freed, as the contract has it.
        unsafe { free(self.0.cast()) };
    }
}

/// As C would give them.
#[cfg(test)]
mod tests {
    use super::*;

    pub fn data(bytes: &[u8]) -> (Data<'_>, usize) {
        (Data(bytes.as_ptr(), PhantomData), bytes.len())
    }

    #[test]
    fn null_with_a_length_is_refused_and_without_one_is_empty() {
        let null = Data(ptr::null(), PhantomData);
        assert_eq!(null.bytes(0, "key").expect("empty"), b"");
        assert_eq!(null.bytes(3, "key").expect_err("NULL").message, "key is no place of 3 bytes");
        assert!(data(b"abc").0.bytes(usize::MAX, "key").is_err());
    }

    #[test]
    fn a_list_of_texts_ends_with_null_and_text_is_utf8() {
        let text = |text: &'static CStr| Text(text.as_ptr(), PhantomData);
        let list = [text(c"a"), text(c"\xff"), Text(ptr::null(), PhantomData)];
        let all = Texts(list.as_ptr()).all();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].read("name").expect("text"), "a");
        assert_eq!(all[1].read("name").expect_err("bytes").message, "name is not UTF-8");
        assert!(Texts(ptr::null()).all().is_empty());
    }

    #[test]
    fn no_more_is_copied_than_there_is_room_for() {
        let mut room = [0; 4];
        Room(room.as_mut_ptr(), PhantomData).fill(2, b"abc");
        assert_eq!(&room, b"ab\0\0");
        Room(ptr::null_mut(), PhantomData).fill(2, b"abc");
    }
}
