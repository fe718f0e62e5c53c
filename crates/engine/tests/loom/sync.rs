//! What `src/sync.rs` names, made of loom's parts, with the calls of the libraries that the engine uses.

pub use loom::hint::spin_loop;
pub use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
pub use loom::thread::yield_now;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

/// As parking_lot's: a lock is not poisoned.
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// Empty only while its condition is waited for.
pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap()))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

pub struct Condvar(loom::sync::Condvar);

pub struct Woken;

impl Woken {
    pub fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub fn new() -> Self {
        Condvar(loom::sync::Condvar::new())
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = Some(self.0.wait(guard.0.take().unwrap()).unwrap());
    }

    /// Loom knows no time: who waits for some waits to be woken.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _until: Instant) -> Woken {
        self.wait(guard);
        Woken
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// As arc_swap's: a place for an `Arc` that is replaced whole.
pub struct Swap<T>(Mutex<Arc<T>>);

impl<T> Swap<T> {
    pub fn new(value: T) -> Self {
        Swap(Mutex::new(Arc::new(value)))
    }

    pub fn load(&self) -> Arc<T> {
        self.load_full()
    }

    pub fn load_full(&self) -> Arc<T> {
        self.0.lock().clone()
    }

    pub fn rcu(&self, change: impl Fn(&T) -> T) {
        let mut current = self.0.lock();
        *current = Arc::new(change(&current));
    }
}
