//! How long commits are kept waiting: locks that count the longest time that one of them was held by somebody else. A lock
//! that is free costs no look at the clock.

use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The longest wait so far, in nanoseconds.
#[derive(Default)]
pub struct LongestWait(AtomicU64);

impl LongestWait {
    #[inline]
    pub fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        mutex.try_lock().unwrap_or_else(|| self.wait(mutex))
    }

    pub fn nanoseconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[cold]
    fn wait<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        let began = Instant::now();
        let guard = mutex.lock();
        let waited = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(waited, Ordering::Relaxed);
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_free_is_no_wait() {
        let (waits, mutex) = (LongestWait::default(), Mutex::new(()));
        drop(waits.lock(&mutex));
        assert_eq!(waits.nanoseconds(), 0);
    }

    #[test]
    fn a_lock_that_another_holds_is_waited_for_and_counted() {
        let (waits, mutex) = (LongestWait::default(), Mutex::new(0));
        std::thread::scope(|scope| {
            // It comes while the lock is held sooner or later.
            scope.spawn(|| {
                while waits.nanoseconds() == 0 {
                    *waits.lock(&mutex) += 1;
                }
            });
            while waits.nanoseconds() == 0 {
                let _held = mutex.lock();
                std::thread::yield_now();
            }
        });
        assert!(waits.nanoseconds() > 0);
    }
}
