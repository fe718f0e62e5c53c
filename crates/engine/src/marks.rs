//! When which revision was the newest: what tells a database that trims by age how far. Pure; kept in the manifest.

use crate::key::Revision;

/// At this time, in engine time, this was the newest revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub time_ms: i64,
    pub revision: Revision,
}

/// Oldest first; times and revisions rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

/// What is kept is marked about so many times.
const STEPS: i64 = 32;
/// More than the steps, for those of quiet moments come between.
pub const MARKS_MAX: usize = 96;

impl Marks {
    /// As a manifest has them. None if they do not rise, or are too many.
    pub fn of(marks: Vec<Mark>) -> Option<Marks> {
        let rise = marks
            .windows(2)
            .all(|pair| pair[0].time_ms < pair[1].time_ms && pair[0].revision < pair[1].revision);
        (rise && marks.len() <= MARKS_MAX).then_some(Marks(marks))
    }

    /// Those that a crash has left: of commits up to this one.
    pub fn up_to(mut self, last: Revision) -> Marks {
        self.0.retain(|mark| mark.revision <= last);
        self
    }

    pub fn all(&self) -> &[Mark] {
        &self.0
    }

    /// `revision` is the newest at `time_ms`. Kept if the last mark is so old that one is due, or if this is one of the
    /// moments after which nothing may follow for long.
    pub fn note(&mut self, mark: Mark, keep_ms: u64, is_quiet: bool) {
        let keep_ms = i64::try_from(keep_ms).unwrap_or(i64::MAX);
        let step_ms = (keep_ms / STEPS).max(1);
        let wait_ms = if is_quiet { 1 } else { step_ms };
        let last = self.0.last();
        if last.is_some_and(|last| {
            mark.time_ms.saturating_sub(last.time_ms) < wait_ms || mark.revision <= last.revision
        }) {
            return;
        }
        // A quiet moment that something followed so soon was none: its mark gives way, or they would crowd out the old ones.
        if self
            .0
            .windows(2)
            .last()
            .is_some_and(|pair| pair[1].time_ms.saturating_sub(pair[0].time_ms) < step_ms)
        {
            self.0.pop();
        }
        if self.0.len() == MARKS_MAX {
            let mut at = 0;
            self.0.retain(|_| {
                at += 1;
                at % 2 == 0
            });
        }
        self.0.push(mark);
    }

    /// The newest revision that was the newest so long ago.
    pub fn older_than(&self, now_ms: i64, keep_ms: u64) -> Option<Revision> {
        let until_ms = now_ms.saturating_sub(i64::try_from(keep_ms).unwrap_or(i64::MAX));
        self.0.iter().rev().find(|mark| mark.time_ms <= until_ms).map(|mark| mark.revision)
    }

    /// When the next answer of `older_than` comes.
    pub fn next_ms(&self, now_ms: i64, keep_ms: u64) -> Option<i64> {
        let keep_ms = i64::try_from(keep_ms).unwrap_or(i64::MAX);
        self.0.iter().map(|mark| mark.time_ms.saturating_add(keep_ms)).find(|at_ms| *at_ms > now_ms)
    }

    /// Trimmed to here, nobody asks for these any more.
    pub fn forget(&mut self, trim: Revision) {
        self.0.retain(|mark| mark.revision > trim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time_ms: i64, revision: Revision) -> Mark {
        Mark { time_ms, revision }
    }

    #[test]
    fn what_was_the_newest_so_long_ago_is_known_up_to_a_step() {
        let mut marks = Marks::default();
        (0..10_000).for_each(|ms| marks.note(at(ms, 2 + ms as u64), 3_200, false));
        assert!(marks.all().len() <= MARKS_MAX);
        let found = marks.older_than(10_000, 3_200).expect("there is one");
        assert!((6_802 - 200..=6_802).contains(&found), "{found}");
        assert_eq!(marks.older_than(3_199, 3_200), None);
        marks.forget(found);
        assert!(marks.older_than(10_000, 3_200).is_none() && !marks.all().is_empty());
    }

    /// A trickle of commits is quiet again and again.
    #[test]
    fn marks_of_quiet_moments_do_not_crowd_out_the_old_ones() {
        const KEEP_MS: u64 = 3_600_000;
        let mut marks = Marks::default();
        let mut trim = 0;
        for second in 0..12 * 3_600 {
            let (now_ms, newest) = (second * 1_000, 2 + second as u64);
            marks.note(at(now_ms, newest), KEEP_MS, second % 5 == 0);
            trim = marks.older_than(now_ms, KEEP_MS).unwrap_or(0).max(trim);
            marks.forget(trim);
            let needed = newest.saturating_sub(3_600);
            assert!(trim <= needed.max(2), "{trim} is young at {newest}");
            assert!(second < 4_000 || trim + 300 >= needed, "{trim} of {needed}");
        }
    }

    #[test]
    fn a_quiet_moment_is_marked_at_once_but_only_if_something_came() {
        let mut marks = Marks::default();
        marks.note(at(0, 2), 64_000, false);
        marks.note(at(500, 9), 64_000, false);
        assert_eq!(marks.all().len(), 1);
        marks.note(at(600, 9), 64_000, true);
        marks.note(at(5_000, 9), 64_000, true);
        assert_eq!(marks.all(), [at(0, 2), at(600, 9)]);
        assert_eq!(marks.next_ms(1, 64_000), Some(64_000));
        assert_eq!(marks.next_ms(64_000, 64_000), Some(64_600));
        assert_eq!(marks.next_ms(64_600, 64_000), None);
    }
}
