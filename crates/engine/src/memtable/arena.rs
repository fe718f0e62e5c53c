//! One allocation that holds a whole memtable, addressed by 32-bit offsets and freed at once.
//!
//! Entries grow from the front, nodes from the back, so that both pack without gaps and nodes stay near each other. The
//! memory starts as zeros that the operating system provides page by page: what is never reached costs nothing. Who may
//! write where is the writer's business (`list`); this file only turns offsets into references.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Both ends start on a cache line.
const LINE: usize = 64;

/// From this size on huge pages are asked for.
#[cfg(target_os = "linux")]
const HUGE_PAGES_MIN: usize = 16 << 20;

pub struct Arena {
    allocation: NonNull<u8>,
    layout: Layout,
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
        let capacity = bytes.next_multiple_of(LINE);
        // Asking the allocator itself for the alignment would make it write the zeros.
        let layout = Layout::from_size_align(capacity + LINE, 8).expect("32 bits fit a layout");
        // SAFETY: the layout is not empty.
        let pointer = unsafe { alloc_zeroed(layout) };
        let Some(allocation) = NonNull::new(pointer) else { handle_alloc_error(layout) };
        advise_huge_pages(allocation, layout.size());
        let padding = allocation.align_offset(LINE);
        // SAFETY: an allocation aligned to 8 has fewer than LINE bytes in front of the next line, and it is LINE longer
        // than the capacity.
        let base = unsafe { allocation.add(padding) };
        Arena { allocation, layout, base, capacity }
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
        // SAFETY: allocated in `new` with this layout; references into it borrow from `self`.
        unsafe { dealloc(self.allocation.as_ptr(), self.layout) };
    }
}

/// Searches jump all over the arena: with pages of 4 KiB each jump would also miss the processor's page tables. A wish
/// only. Small arenas go without, because a database that holds little should take little.
fn advise_huge_pages(allocation: NonNull<u8>, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_PAGES_MIN {
        use rustix::mm::{Advice, madvise};
        let page = rustix::param::page_size();
        let start = allocation.align_offset(page);
        let place = allocation.as_ptr().wrapping_add(start).cast();
        // SAFETY: whole pages inside an allocation that this arena owns; the advice changes no byte.
        let _ = unsafe { madvise(place, (bytes - start) / page * page, Advice::LinuxHugepage) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (allocation, bytes);
}
