//! When a table turns into garbage: counted entry by entry as it is written, kept as two moments in its summary, so that
//! a compaction finds what is worth collecting without reading it. One thread.

use crate::entry::Entry;

/// An entry that is dead from the beginning: a delete, or a version under a newer one.
pub const ALWAYS: i64 = i64::MIN;
/// The part of a table that makes it worth rewriting.
pub const GARBAGE_PERCENT: usize = 20;
/// So many entries, evenly spread, stand for all.
const SAMPLE: usize = 1024;

#[derive(Debug)]
pub struct Garbage {
    /// When each sampled entry dies.
    sample: Vec<i64>,
    /// Entries from one sampled to the next, and until the next.
    stride: u64,
    skip: u64,
    dead_ms: i64,
}

impl Default for Garbage {
    fn default() -> Self {
        Garbage { sample: Vec::new(), stride: 1, skip: 0, dead_ms: ALWAYS }
    }
}

impl Garbage {
    /// `newest`: no newer version of the key stands in the same table.
    #[inline]
    pub fn count(&mut self, entry: &Entry<'_>, newest: bool) {
        let dies_ms = if newest && entry.kind.is_put() { entry.deadline_ms } else { ALWAYS };
        self.dead_ms = self.dead_ms.max(dies_ms);
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.sample.push(dies_ms);
        self.skip = self.stride - 1;
        if self.sample.len() == SAMPLE {
            let mut at = 0;
            self.sample.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// By when about a fifth of the entries are dead; `entry::NO_DEADLINE`: that never comes.
    pub fn garbage_ms(&self) -> i64 {
        let mut sample = self.sample.clone();
        sample.sort_unstable();
        let at = (sample.len() * GARBAGE_PERCENT).div_ceil(100).saturating_sub(1);
        // Without entries nothing is alive.
        sample.get(at).copied().unwrap_or(ALWAYS)
    }

    /// By when no key of the table is alive in it.
    pub fn dead_ms(&self) -> i64 {
        self.dead_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::NO_DEADLINE;

    fn of(entries: impl IntoIterator<Item = (Entry<'static>, bool)>) -> (i64, i64) {
        let mut garbage = Garbage::default();
        entries.into_iter().for_each(|(entry, newest)| garbage.count(&entry, newest));
        (garbage.garbage_ms(), garbage.dead_ms())
    }

    fn until(deadline_ms: i64) -> (Entry<'static>, bool) {
        (Entry { deadline_ms, ..Entry::put(1, b"") }, true)
    }

    #[test]
    fn a_fifth_is_dead_at_the_deadline_that_a_fifth_has_passed() {
        assert_eq!(of((1..=100).map(until)), (20, 100));
        assert_eq!(of([until(NO_DEADLINE)]), (NO_DEADLINE, NO_DEADLINE));
        let (garbage_ms, dead_ms) = of((1..=1_000_000).map(until));
        assert!((195_000..=205_000).contains(&garbage_ms) && dead_ms == 1_000_000, "{garbage_ms}");
    }

    #[test]
    fn deletes_and_versions_under_newer_ones_are_dead_from_the_beginning() {
        let delete = (Entry::delete(9), true);
        let under = (Entry::put(8, b"x"), false);
        assert_eq!(of([delete, under]), (ALWAYS, ALWAYS));
        assert_eq!(of([delete, until(7), until(7), until(7), until(NO_DEADLINE)]), (ALWAYS, NO_DEADLINE));
        assert_eq!(of([until(7), under]), (ALWAYS, 7), "the newest version is what keeps a key alive");
    }
}
