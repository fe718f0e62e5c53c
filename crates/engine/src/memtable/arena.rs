//! One allocation that holds a whole memtable, addressed by 32-bit offsets and freed at once.
//!
//! Entries grow from the front, nodes from the back, so that both pack without gaps and nodes stay near each other. The
//! memory starts as zeros that the operating system provides page by page: what is never reached costs nothing. Who may
//! write where is the writer's business (`list`); this file only turns offsets into references.

use pages::{free, zeroed};
use std::ptr::NonNull;

/// Both ends start on a cache line.
const LINE: usize = 64;

/// From this size on huge pages are asked for. A smaller one would be mostly the pages that it begins and ends with.
#[cfg(target_os = "linux")]
const HUGE_PAGES_MIN: usize = 8 << 20;

pub struct Arena {
    base: NonNull<u8>,
    capacity: usize,
}

// SAFETY: the arena owns its allocation and has no thread affinity; what crosses threads inside it is either immutable
// once published or made of atomics, which the contracts of the unsafe functions below demand.
unsafe impl Send for Arena {}
// SAFETY: as for Send.
unsafe impl Sync for Arena {}

impl Arena {
    /// At least `bytes`, at most what 32-bit offsets reach.
    pub fn new(bytes: usize) -> Arena {
        assert!(bytes <= u32::MAX as usize - LINE, "an offset in the arena is stored in 32 bits");
        let capacity = bytes.next_multiple_of(LINE).max(LINE);
        let base = zeroed(capacity);
        advise_huge_pages(base, capacity);
        Arena { base, capacity }
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    fn pointer(&self, offset: u32, length: usize) -> *mut u8 {
        debug_assert!(offset as usize + length <= self.capacity, "{offset} + {length} is past the arena");
        // SAFETY: callers pass places inside the arena, which is one allocation.
        unsafe { self.base.as_ptr().add(offset as usize) }
    }

    /// # Safety
    /// The bytes lie inside the arena, were completely written before `offset` reached this thread through an acquiring
    /// load or this thread wrote them, and are never written again.
    pub unsafe fn bytes(&self, offset: u32, length: usize) -> &[u8] {
        // SAFETY: inside the allocation and initialised (it started as zeros); immutable by the contract.
        unsafe { std::slice::from_raw_parts(self.pointer(offset, length), length) }
    }

    /// # Safety
    /// The bytes lie inside the arena and nobody else has, or gets before the reference ends, one to any of them.
    #[allow(clippy::mut_from_ref)] // exclusive by the contract: fresh bytes belong to the writer alone
    pub unsafe fn fresh(&self, offset: u32, length: usize) -> &mut [u8] {
        // SAFETY: inside the allocation and initialised; exclusive by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(offset, length), length) }
    }

    /// # Safety
    /// A `T` made only of atomics, for which zeros are a value, has its own place at `offset`, inside the arena and
    /// aligned for it, and no other kind of reference to that place is ever made.
    pub unsafe fn atomics<T>(&self, offset: u32) -> &T {
        let place = self.pointer(offset, size_of::<T>()).cast::<T>();
        debug_assert!(place.is_aligned(), "{offset} is not aligned");
        // SAFETY: aligned, inside the allocation and initialised by the contract; only shared references are made.
        unsafe { &*place }
    }

    /// Asks the processor to bring these bytes near, all lines at once; changes nothing else.
    #[inline]
    pub fn prefetch(&self, offset: u32, length: usize) {
        #[cfg(target_arch = "x86_64")]
        for line in (0..length).step_by(LINE) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let place = self.base.as_ptr().wrapping_add(offset as usize + line).cast();
            // SAFETY: a prefetch reads nothing and faults on no address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (offset, length);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: made in `new` with this size; references into it borrow from `self`.
        unsafe { free(self.base, self.capacity) };
    }
}

/// Asked of the system itself: the allocator would hand out memory that it has had back, after writing the zeros into all of
/// it, which takes a millisecond for 8 MiB and falls on the commit that needs the next memtable.
#[cfg(unix)]
mod pages {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    use std::alloc::{Layout, handle_alloc_error};
    use std::ptr::{NonNull, null_mut};

    pub fn zeroed(bytes: usize) -> NonNull<u8> {
        // SAFETY: a new mapping, wherever the system wants it, takes nobody's place.
        let mapped = unsafe {
            mmap_anonymous(null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        match mapped.ok().and_then(|start| NonNull::new(start.cast())) {
            Some(start) => start,
            None => handle_alloc_error(Layout::from_size_align(bytes, super::LINE).expect("a mappable size")),
        }
    }

    /// # Safety
    /// From `zeroed` with this size, and nobody refers to it any more.
    pub unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: a whole mapping, by the contract.
        let unmapped = unsafe { munmap(start.as_ptr().cast(), bytes) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours is gone: {unmapped:?}");
    }
}

#[cfg(not(unix))]
mod pages {
    use super::LINE;
    use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
    use std::ptr::NonNull;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, LINE).expect("32 bits fit a layout")
    }

    pub fn zeroed(bytes: usize) -> NonNull<u8> {
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout(bytes)) };
        NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout(bytes)))
    }

    /// # Safety
    /// From `zeroed` with this size, and nobody refers to it any more.
    pub unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: allocated with this layout, by the contract.
        unsafe { dealloc(start.as_ptr(), layout(bytes)) };
    }
}

/// Searches jump all over the arena: with pages of 4 KiB each jump would also miss the processor's page tables, and each first
/// touch of one asks the system for zeros. A wish only. Small arenas go without, because a database that holds little should
/// take little; the others take two huge pages, one at each end, before they hold anything.
fn advise_huge_pages(start: NonNull<u8>, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_PAGES_MIN {
        use rustix::mm::{Advice, madvise};
        let page = rustix::param::page_size();
        // SAFETY: whole pages of a mapping that this arena owns; the advice changes no byte.
        let _ = unsafe { madvise(start.as_ptr().cast(), bytes / page * page, Advice::LinuxHugepage) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}
