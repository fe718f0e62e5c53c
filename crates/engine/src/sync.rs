//! Atomics and locks under one name, for the files that `tests/loom` compiles once more with loom's in their place.

pub use arc_swap::ArcSwap as Swap;
pub use parking_lot::{Condvar, Mutex, MutexGuard};
pub use std::hint::spin_loop;
pub use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
pub use std::thread::yield_now;
