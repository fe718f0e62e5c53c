//! How work that found a full disk waits before it looks for space again: longer each time, and no longer once somebody
//! says that something has changed. On the thread that does the work.

use crate::state::State;
use crate::work::Due;
use parking_lot::Condvar;
use std::time::{Duration, Instant};

const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Writes wait for a flush, or are refused until one comes through.
pub const FLUSH_PAUSE_MAX: Duration = Duration::from_secs(4);
/// A compaction may write many bytes before it finds the disk full.
pub const COMPACTION_PAUSE_MAX: Duration = Duration::from_secs(16);

pub struct Backoff {
    pause: Duration,
    max: Duration,
}

impl Backoff {
    pub fn new(max: Duration) -> Self {
        Backoff { pause: PAUSE_MIN, max }
    }

    /// How long to wait this time.
    fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(self.max);
        pause
    }

    /// Waits, but not after `take_change` found that the work was asked for anew. False when the database stops.
    pub fn wait(&mut self, state: &State, condvar: &Condvar, take_change: fn(&mut Due) -> bool) -> bool {
        let until = Instant::now() + self.next();
        let mut due = state.work.lock();
        while !state.work.is_stopping() {
            if take_change(&mut due) {
                self.pause = PAUSE_MIN;
                break;
            }
            if condvar.wait_until(&mut due, until).timed_out() {
                break;
            }
        }
        !state.work.is_stopping()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_left_alone_twice_as_long_each_time_up_to_a_bound() {
        let mut backoff = Backoff::new(FLUSH_PAUSE_MAX);
        let pauses: Vec<u128> = (0..6).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 4000, 4000]);
    }
}
