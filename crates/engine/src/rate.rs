//! One bucket of tokens for all that the background writes to tables and blob files. Any thread. Flushes take from it and never wait, so
//! that compactions, which do, make way for them.

use parking_lot::Mutex;
use std::time::Duration;

pub struct Rate {
    bytes_per_second: u64,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    /// Bytes that may be written at once; below 0: to be waited for.
    left: i64,
    at_ms: i64,
}

impl Rate {
    pub fn new(bytes_per_second: u64, now_ms: i64) -> Rate {
        Rate { bytes_per_second, bucket: Mutex::new(Bucket { left: 0, at_ms: now_ms }) }
    }

    /// Takes what is about to be written; how long to wait until it was there.
    pub fn take(&self, bytes: u64, now_ms: i64) -> Duration {
        let mut bucket = self.bucket.lock();
        // A clock that steps, either way, is worth a tenth of a second, as is a pause in the work.
        let passed_ms = now_ms.saturating_sub(bucket.at_ms).clamp(0, 1000).unsigned_abs();
        bucket.at_ms = now_ms;
        let most = i64::try_from(self.bytes_per_second / 10).unwrap_or(i64::MAX);
        let earned =
            i64::try_from(self.bytes_per_second.saturating_mul(passed_ms) / 1000).unwrap_or(i64::MAX);
        bucket.left = bucket.left.saturating_add(earned).min(most);
        bucket.left = bucket.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        let owed = bucket.left.min(0).unsigned_abs();
        Duration::from_millis(owed.saturating_mul(1000) / self.bytes_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_beyond_the_rate_is_waited_for() {
        let rate = Rate::new(1_000_000, 0);
        assert_eq!(rate.take(50_000, 100).as_millis(), 0, "a tenth of a second has gathered");
        assert_eq!(rate.take(250_000, 100).as_millis(), 200);
        // A flush does not wait, but what it took is taken.
        assert_eq!(rate.take(100_000, 100).as_millis(), 300);
        assert_eq!(rate.take(0, 300).as_millis(), 100);
        assert_eq!(rate.take(0, 400).as_millis(), 0);
    }

    #[test]
    fn time_without_work_and_a_clock_that_steps_gather_no_more_than_a_tenth_of_a_second() {
        let rate = Rate::new(1_000_000, 0);
        assert_eq!(rate.take(200_000, 1_000_000).as_millis(), 100);
        assert_eq!(rate.take(0, -5_000).as_millis(), 100);
        assert_eq!(rate.take(0, -4_900).as_millis(), 0);
    }
}
