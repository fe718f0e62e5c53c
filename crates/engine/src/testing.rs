//! Randomness for tests that can be replayed: `COPPICE_SEED=... cargo test NAME` runs a failed one again.

/// A generator (SplitMix64) that prints its seed; the test harness shows that line only when the test fails.
pub struct Seeded(u64);

impl Seeded {
    /// The seed from the environment, else a fresh one.
    #[expect(clippy::print_stderr, reason = "the seed is what makes a failure replayable")]
    pub fn new() -> Self {
        let seed = match std::env::var("COPPICE_SEED") {
            Ok(text) => text.parse().expect("COPPICE_SEED is a decimal number of 64 bits"),
            Err(_) => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                now.expect("the clock is past 1970").as_nanos() as u64
            }
        };
        eprintln!("COPPICE_SEED={seed}");
        Seeded(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}
