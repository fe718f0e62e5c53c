//! Changing inputs without knowing what they mean: the way where no tool can say what a change reaches.

use coppice_engine::simulation::SeededRandom;

/// Makes inputs from others, the same ones from the same seed.
pub struct Mutator {
    random: SeededRandom,
    pool: Vec<Vec<u8>>,
    bytes_max: usize,
}

/// Numbers at which decoders turn: ends of ranges, lengths of fields.
const NUMBERS: [u64; 14] =
    [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff_ffff, 0xffff_ffff, 1 << 53, 1 << 63, u64::MAX];

impl Mutator {
    pub fn new(seed: u64, pool: Vec<Vec<u8>>, bytes_max: usize) -> Mutator {
        assert!(!pool.is_empty(), "there is something to begin with");
        Mutator { random: SeededRandom::new(seed), pool, bytes_max }
    }

    pub fn input(&self) -> Vec<u8> {
        let random = &self.random;
        let mut input = self.pool[random.below(self.pool.len())].clone();
        // Most often few changes: many at once are refused by whatever looks first.
        for _ in 0..1 + random.below(1 << random.below(5)) {
            self.change(&mut input);
        }
        input.truncate(self.bytes_max);
        input
    }

    fn change(&self, input: &mut Vec<u8>) {
        let random = &self.random;
        let (start, end) = self.run(input.len());
        match random.below(10) {
            0..3 if !input.is_empty() => {
                let at = random.below(input.len());
                input[at] ^= 1 << random.below(8);
            }
            3 if !input.is_empty() => {
                let at = random.below(input.len());
                input[at] = input[at].wrapping_add(random.below(33) as u8).wrapping_sub(16);
            }
            4..6 => {
                let number =
                    NUMBERS[random.below(NUMBERS.len())].wrapping_add(random.below(3) as u64).to_le_bytes();
                let width = [1, 2, 4, 8][random.below(4)].min(input.len() - start);
                input[start..start + width].copy_from_slice(&number[..width]);
            }
            6 => drop(input.drain(start..end)),
            7 => {
                let copy = input[start..end].to_vec();
                let at = random.below(input.len() + 1);
                drop(input.splice(at..at, copy));
            }
            8 => {
                let other = &self.pool[random.below(self.pool.len())];
                let (from, to) = self.run(other.len());
                drop(input.splice(start..end, other[from..to].iter().copied()));
            }
            _ => input[start..end].iter_mut().for_each(|byte| *byte = random.next() as u8),
        }
    }

    /// A run of bytes, nearly always a short one.
    fn run(&self, length: usize) -> (usize, usize) {
        let start = self.random.below(length + 1);
        let longest = if self.random.chance(90) { 16 } else { length };
        (start, (start + self.random.below(longest + 1)).min(length))
    }
}
