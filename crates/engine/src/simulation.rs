//! A clock that stands still and random numbers that come again, beside the simulated disk of `disk::simulated`: with
//! these three and threads off, a run of the engine depends on nothing but its seed. For tests, here and above.

use crate::disk::simulated::SimulatedDisk;
use crate::encryption::Keys;
use crate::environment::{Clock, Environment, Random};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Shows the time it was last set to.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    pub fn new(now_ms: i64) -> Self {
        FixedClock(AtomicI64::new(now_ms))
    }

    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    /// Negative steps move it back, as clocks of real machines do.
    pub fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The SplitMix64 sequence of a seed: good enough to choose test cases by, and the same on every machine.
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    pub fn new(seed: u64) -> Self {
        SeededRandom(AtomicU64::new(seed))
    }

    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound` - 1.
    pub fn below(&self, bound: usize) -> usize {
        assert!(bound > 0, "there is no number below zero");
        (self.next() % bound as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A world without threads on this disk and clock.
pub fn environment(disk: &SimulatedDisk, clock: &Arc<FixedClock>, seed: u64) -> Environment {
    Environment {
        disk: Arc::new(disk.clone()),
        clock: clock.clone(),
        random: Arc::new(SeededRandom::new(seed)),
        keys: Keys::default(),
        threads: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        let ids = |seed| [SeededRandom::new(seed).id(), SeededRandom::new(seed).id()];
        assert_eq!(ids(1)[0], ids(1)[1]);
        assert_ne!(ids(1)[0], ids(2)[0]);
        // The first number of SplitMix64 from seed 0 is published with the algorithm.
        assert_eq!(SeededRandom::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn the_clock_moves_only_when_told_to() {
        let clock = FixedClock::new(1_000);
        clock.advance(-1);
        assert_eq!(clock.now_ms(), 999);
        clock.set(5);
        assert_eq!(clock.now_ms(), 5);
    }
}
