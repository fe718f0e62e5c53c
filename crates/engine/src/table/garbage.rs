//! When a table turns into garbage: counted entry by entry as it is written, kept as two moments in its summary, so that
//! a compaction finds what is worth collecting without reading it. One thread.

use super::summary::VersionSummary;
use crate::entry::Entry;
use crate::key::Revision;

/// An entry that is dead from the beginning: a delete, or a version under a newer one.
pub const ALWAYS: i64 = i64::MIN;
/// The part of a table that makes it worth rewriting.
pub const GARBAGE_PERCENT: usize = 20;
/// So many entries, evenly spread, stand for all.
const SAMPLE: usize = 1024;

#[derive(Debug)]
pub struct Garbage {
    /// When entries die.
    times: Sample<i64>,
    dead_ms: i64,
    /// Only with history.
    versions: Option<Versions>,
}

/// How far the database must be trimmed for entries to die.
#[derive(Debug)]
struct Versions {
    trims: Sample<Revision>,
    summary: VersionSummary,
}

impl Default for Garbage {
    fn default() -> Self {
        Garbage { times: Sample::default(), dead_ms: ALWAYS, versions: None }
    }
}

impl Garbage {
    /// Of a database with history, trimmed to here when the table is written; none: of one without.
    pub fn with_history(trim: Option<Revision>) -> Garbage {
        let none = |trim| VersionSummary { trim, dead: 0, first: Revision::MAX, fifth: Revision::MAX };
        let versions = trim.map(|trim| Versions { trims: Sample::default(), summary: none(trim) });
        Garbage { versions, ..Garbage::default() }
    }

    /// `newer`: the revision of the next newer version of the key, if one stands in the same table.
    #[inline]
    pub fn count(&mut self, entry: &Entry<'_>, newer: Option<Revision>) {
        let dies_ms = if newer.is_none() && entry.kind.is_put() { entry.deadline_ms } else { ALWAYS };
        self.dead_ms = self.dead_ms.max(dies_ms);
        self.times.offer(dies_ms);
        if let Some(versions) = &mut self.versions {
            versions.count(entry, newer);
        }
    }

    /// By when about a fifth of the entries are dead; `entry::NO_DEADLINE`: that never comes.
    pub fn garbage_ms(&self) -> i64 {
        // Without entries nothing is alive.
        self.times.fifth().unwrap_or(ALWAYS)
    }

    pub fn versions(&self) -> Option<VersionSummary> {
        let Versions { trims, summary } = self.versions.as_ref()?;
        Some(VersionSummary { fifth: trims.fifth().unwrap_or(Revision::MAX), ..*summary })
    }

    /// By when no key of the table is alive in it.
    pub fn dead_ms(&self) -> i64 {
        self.dead_ms
    }
}

impl Versions {
    fn count(&mut self, entry: &Entry<'_>, newer: Option<Revision>) {
        // A delete goes once nobody reads below it, a put once nobody reads below what replaced it.
        let dies_at = if entry.kind.is_put() { newer.unwrap_or(Revision::MAX) } else { entry.revision };
        self.trims.offer(dies_at);
        self.summary.dead += u64::from(dies_at != Revision::MAX);
        self.summary.first = self.summary.first.min(dies_at);
    }
}

/// Some of many values, evenly spread over the order in which they come.
#[derive(Debug)]
struct Sample<T> {
    taken: Vec<T>,
    /// Values from one taken to the next, and until the next.
    stride: u64,
    skip: u64,
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Sample { taken: Vec::new(), stride: 1, skip: 0 }
    }
}

impl<T: Ord + Copy> Sample<T> {
    #[inline]
    fn offer(&mut self, value: T) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.taken.push(value);
        self.skip = self.stride - 1;
        if self.taken.len() == SAMPLE {
            let mut at = 0;
            self.taken.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// Of all values about a fifth are at or below it.
    fn fifth(&self) -> Option<T> {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * GARBAGE_PERCENT).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::NO_DEADLINE;

    fn of(entries: impl IntoIterator<Item = (Entry<'static>, bool)>) -> (i64, i64) {
        let mut garbage = Garbage::default();
        entries.into_iter().for_each(|(entry, newest)| garbage.count(&entry, (!newest).then_some(99)));
        assert_eq!(garbage.versions(), None);
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

    #[test]
    fn a_version_dies_when_what_replaced_it_is_the_oldest_that_is_read_and_a_delete_with_itself() {
        let mut garbage = Garbage::with_history(Some(3));
        let mut newer = None;
        for entry in [Entry::put(30, b""), Entry::delete(20), Entry::put(10, b"")] {
            garbage.count(&entry, newer);
            newer = Some(entry.revision);
        }
        (0..7).for_each(|_| garbage.count(&Entry::put(5, b""), None));
        let expected = VersionSummary { trim: 3, dead: 2, first: 20, fifth: 20 };
        assert_eq!(garbage.versions(), Some(expected));
        garbage.count(&Entry::put(5, b""), None);
        assert_eq!(garbage.versions(), Some(VersionSummary { fifth: Revision::MAX, ..expected }));
    }
}
