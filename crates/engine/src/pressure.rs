//! How far compaction is behind, and what that allows writers: from half of what is bearable on, each byte takes a little
//! longer, so that what comes in meets what compaction gets done before anything has to stop. Pure but for the atomics
//! that the write path looks at; reads no clock.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How fast the smoothed figures follow.
const SMOOTHING_MS: f64 = 1_000.0;
/// From here on writes are slowed down.
const SLOW_FROM: f64 = 0.5;
/// However far behind compaction is: what comes in while it works must not take for ever.
const BYTES_PER_SECOND_MIN: f64 = 256.0 * 1024.0;

/// What waits to be merged, in parts of what is bearable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Debt {
    /// Tables of level 0, where writes stop at `level0_stop`.
    pub level0_tables: u64,
    pub level0_stop: u64,
    /// Level 0, and what levels hold beyond their share as often as that is going to be written.
    pub bytes: u64,
    pub bytes_bearable: u64,
}

impl Debt {
    fn ratio(&self) -> f64 {
        let by_tables = self.level0_tables as f64 / self.level0_stop.max(1) as f64;
        by_tables.max(self.bytes as f64 / self.bytes_bearable.max(1) as f64)
    }
}

pub struct Pressure {
    /// Bytes a second that may be written; `UNLIMITED` below half.
    allowed: AtomicU64,
    /// Of the smoothed ratio, in thousandths.
    ratio: AtomicU64,
    smoothed: Mutex<Smoothed>,
}

const UNLIMITED: u64 = u64::MAX;

#[derive(Default)]
struct Smoothed {
    ratio: f64,
    /// Bytes of users' that compactions took out of level 0, a second.
    drained: f64,
    at_ms: i64,
}

impl Pressure {
    pub fn new(now_ms: i64) -> Pressure {
        let smoothed = Smoothed { at_ms: now_ms, ..Smoothed::default() };
        Pressure {
            allowed: AtomicU64::new(UNLIMITED),
            ratio: AtomicU64::new(0),
            smoothed: Mutex::new(smoothed),
        }
    }

    /// After a change of the version, in which `drained` bytes of what users wrote have left level 0.
    pub fn observe(&self, debt: &Debt, drained: u64, now_ms: i64) {
        let mut smoothed = self.smoothed.lock();
        let passed_ms = now_ms.saturating_sub(smoothed.at_ms).clamp(0, 60_000) as f64;
        smoothed.at_ms = now_ms;
        let weight = 1.0 - (-passed_ms / SMOOTHING_MS).exp();
        smoothed.ratio += (debt.ratio() - smoothed.ratio) * weight;
        // The sum of what was drained, of which as much is forgotten as has passed: bytes in the last second or so.
        let kept = (-passed_ms / (5.0 * SMOOTHING_MS)).exp();
        smoothed.drained = smoothed.drained * kept + drained as f64 / 5.0;
        let behind = (smoothed.ratio - SLOW_FROM) / (1.0 - SLOW_FROM);
        let allowed = match behind > 0.0 && debt.ratio() > SLOW_FROM {
            true => ((smoothed.drained / behind).max(BYTES_PER_SECOND_MIN)) as u64,
            false => UNLIMITED,
        };
        self.allowed.store(allowed, Ordering::Relaxed);
        self.ratio.store((smoothed.ratio * 1000.0) as u64, Ordering::Relaxed);
    }

    /// 0: nothing is behind. From 0.5 on writes are slowed down; at 1 they are as slow as compaction.
    pub fn ratio(&self) -> f64 {
        self.ratio.load(Ordering::Relaxed) as f64 / 1000.0
    }

    /// Bytes a second that may be written, if that is limited.
    #[inline]
    pub fn allowed(&self) -> Option<u64> {
        let allowed = self.allowed.load(Ordering::Relaxed);
        (allowed != UNLIMITED).then_some(allowed)
    }
}

/// What a writer may still write. Under the commit lock.
#[derive(Default)]
pub struct Allowance {
    left: i64,
    at_ms: i64,
}

impl Allowance {
    /// Takes a commit's bytes, or answers how long there will be nothing to take. The last commit may have taken more
    /// than was there: one of any size is let through, and those after it wait.
    pub fn take(&mut self, bytes: u64, allowed: u64, now_ms: i64) -> Result<(), u64> {
        let passed_ms = now_ms.saturating_sub(self.at_ms).clamp(0, 1_000).unsigned_abs();
        self.at_ms = now_ms;
        let allowed = allowed.min(1 << 40);
        // No more gathers than a moment's worth.
        let most = (allowed / 50) as i64;
        self.left = self.left.saturating_add((allowed * passed_ms / 1000) as i64).min(most);
        if self.left < 0 {
            return Err((self.left.unsigned_abs() * 1000).div_ceil(allowed));
        }
        self.left -= i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Lets the next commit through whatever was taken.
    pub fn forgive(&mut self) {
        self.left = self.left.max(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debt(tables: u64) -> Debt {
        Debt { level0_tables: tables, level0_stop: 20, bytes: 0, bytes_bearable: 1 }
    }

    /// After so many seconds with so many tables at level 0 and so much drained in each.
    fn after(seconds: i64, tables: u64, drained: u64) -> Pressure {
        let pressure = Pressure::new(0);
        (1..=seconds).for_each(|second| pressure.observe(&debt(tables), drained, second * 1000));
        pressure
    }

    #[test]
    fn below_half_nothing_is_slowed_down() {
        assert_eq!(after(100, 10, 1 << 20).allowed(), None);
        let by_bytes = Debt { bytes: 49, bytes_bearable: 100, ..debt(0) };
        let pressure = Pressure::new(0);
        pressure.observe(&by_bytes, 0, 100_000);
        assert_eq!((pressure.allowed(), pressure.ratio()), (None, 0.49));
    }

    #[test]
    fn from_half_on_what_is_allowed_falls_steadily_to_what_is_drained() {
        let allowed: Vec<u64> =
            (11..=20).map(|tables| after(100, tables, 10 << 20).allowed().unwrap()).collect();
        assert!(allowed.windows(2).all(|pair| pair[0] > pair[1]), "{allowed:?}");
        let drained = (10 << 20) as f64;
        assert!(
            (allowed[9] as f64 / drained - 1.0).abs() < 0.15,
            "at the end it is what is drained: {allowed:?}"
        );
        assert!(allowed[0] as f64 > 8.0 * drained, "and hardly felt at the beginning: {allowed:?}");
    }

    #[test]
    fn a_burst_is_felt_little_by_little_and_its_end_at_once() {
        let pressure = Pressure::new(0);
        let ratios: Vec<f64> = (1..=5)
            .map(|step| {
                pressure.observe(&debt(20), 1 << 20, step * 200);
                pressure.ratio()
            })
            .collect();
        assert!(ratios[0] < 0.2 && ratios.windows(2).all(|pair| pair[0] < pair[1]), "{ratios:?}");
        pressure.observe(&debt(20), 0, 100_000);
        assert!(pressure.allowed().is_some());
        pressure.observe(&debt(2), 0, 100_001);
        assert_eq!(pressure.allowed(), None);
    }

    #[test]
    fn a_commit_that_took_more_than_there_was_makes_the_next_ones_wait() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.take(100_000, 1_000_000, 1_000), Ok(()));
        assert_eq!(allowance.take(1, 1_000_000, 1_000), Err(80));
        assert_eq!(allowance.take(1, 1_000_000, 1_079), Err(1));
        assert_eq!(allowance.take(1, 1_000_000, 1_080), Ok(()));
        allowance.take(1 << 30, 1_000_000, 1_180).unwrap();
        allowance.forgive();
        assert_eq!(allowance.take(1, 1_000_000, 1_180), Ok(()));
    }
}
