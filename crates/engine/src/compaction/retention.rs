//! Which versions survive a flush or a compaction. Pure: it reads neither clock nor disk.
//!
//! The live snapshots cut the revisions into stripes; of each key the newest version in each stripe is kept, the rest
//! is hidden from everyone. With history the revision that is trimmed to is one more such cut, and so is the one up to
//! which readers see where they do not see all; above it every version is kept. A delete, or an entry whose deadline has passed for everyone, goes too once nothing older
//! of its key can be left anywhere below.
//!
//! A range delete takes with it what it hides of its own stripe, and of several in one stripe each key needs the newest
//! alone. It goes too where no snapshot is below it and nothing older can be left of any key that it holds.

use crate::entry::{Entry, Kind};
use crate::key::Revision;
use crate::range_delete::{Flat, RangeDelete};
use crate::snapshot::Pinned;

pub struct Retention {
    snapshots: Vec<Revision>,
    /// Deadlines at or before it have passed for every reader, now and later.
    expired_before_ms: i64,
    /// Every version above it stays.
    whole_above: Revision,
    key: Vec<u8>,
    /// The stripe of the last version seen of `key`; none before the first.
    stripe: Option<usize>,
    /// The range deletes of each stripe, from the oldest stripe; of none at all if there are none.
    ranges: Vec<Flat>,
    /// Those above which every version stays: each hides something from some reader to come.
    whole: Vec<RangeDelete>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Keep,
    /// Keep that the key ends here, without the value.
    KeepAsDelete,
    Drop,
}

impl Retention {
    /// `ranges` are all range deletes of what is merged, in any order.
    pub fn new(pinned: Pinned, ranges: Vec<RangeDelete>) -> Self {
        let Pinned { revisions: snapshots, now_ms, whole_above } = pinned;
        let (whole, ranges): (Vec<_>, Vec<_>) =
            ranges.into_iter().partition(|range| range.revision > whole_above);
        let mut striped = vec![Vec::new(); if ranges.is_empty() { 0 } else { snapshots.len() + 1 }];
        for range in ranges {
            striped[stripe_of(&snapshots, range.revision)].push(range);
        }
        let ranges = striped.into_iter().map(Flat::of).collect();
        let (key, stripe) = (Vec::new(), None);
        Retention { snapshots, expired_before_ms: now_ms, whole_above, key, stripe, ranges, whole }
    }

    /// The range deletes that stay, by lower bound. `is_bottom` says whether no table below the output can hold an older
    /// version of a key in the range.
    pub fn ranges(&self, is_bottom: impl Fn(&RangeDelete) -> bool) -> Vec<RangeDelete> {
        let striped = self.ranges.iter().map(Flat::ranges).enumerate();
        let all = striped.flat_map(|(stripe, ranges)| ranges.iter().map(move |range| (stripe, range)));
        // With no snapshot below it, what it hides in this merge goes with it.
        let kept = all.filter(|(stripe, range)| *stripe > 0 || !is_bottom(range));
        let mut kept: Vec<RangeDelete> = kept.map(|(_, range)| range).chain(&self.whole).cloned().collect();
        kept.sort_by(|a, b| a.lower.cmp(&b.lower));
        kept
    }

    /// Entries come in order. `is_bottom` says whether no table below the output can hold an older version of the key.
    pub fn judge(&mut self, key: &[u8], entry: &Entry<'_>, is_bottom: impl FnOnce() -> bool) -> Fate {
        if self.stripe.is_none() || self.key != key {
            self.key.clear();
            self.key.extend_from_slice(key);
            self.stripe = None;
        }
        let stripe = stripe_of(&self.snapshots, entry.revision);
        let is_hidden = self.stripe.replace(stripe) == Some(stripe);
        if entry.revision > self.whole_above {
            return Fate::Keep;
        }
        if is_hidden {
            return Fate::Drop;
        }
        let range = self.ranges.get(stripe).and_then(|ranges| ranges.find(key));
        if range.is_some_and(|range| range.revision > entry.revision) {
            return Fate::Drop;
        }
        if entry.is_live(self.expired_before_ms) {
            return Fate::Keep;
        }
        // With no snapshot below it, every older version in this merge falls into the same stripe and goes with it.
        if stripe == 0 && is_bottom() {
            return Fate::Drop;
        }
        if entry.kind == Kind::Delete { Fate::Keep } else { Fate::KeepAsDelete }
    }
}

/// How many snapshots are too old to see what was written at a revision.
fn stripe_of(snapshots: &[Revision], revision: Revision) -> usize {
    snapshots.partition_point(|&snapshot| snapshot < revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(snapshots: &[Revision], now_ms: i64, bottom: bool, versions: &[(&str, Entry<'_>)]) -> Vec<Fate> {
        let pinned = Pinned { revisions: snapshots.to_vec(), now_ms, whole_above: Revision::MAX };
        judge_with(pinned, bottom, versions)
    }

    fn judge_with(pinned: Pinned, bottom: bool, versions: &[(&str, Entry<'_>)]) -> Vec<Fate> {
        let mut retention = Retention::new(pinned, Vec::new());
        versions.iter().map(|(key, entry)| retention.judge(key.as_bytes(), entry, || bottom)).collect()
    }

    #[test]
    fn without_snapshots_only_the_newest_version_stays() {
        let versions = [("a", Entry::put(9, b"x")), ("a", Entry::put(5, b"y")), ("b", Entry::put(5, b"z"))];
        assert_eq!(judge(&[], 0, false, &versions), [Fate::Keep, Fate::Drop, Fate::Keep]);
    }

    #[test]
    fn each_snapshot_keeps_the_version_it_sees() {
        let versions = [9, 7, 6, 3, 2].map(|revision| ("a", Entry::put(revision, b"")));
        let fates = judge(&[6, 8], 0, true, &versions);
        assert_eq!(fates, [Fate::Keep, Fate::Keep, Fate::Keep, Fate::Drop, Fate::Drop]);
    }

    #[test]
    fn a_delete_goes_only_at_the_bottom_and_takes_what_it_hides_with_it() {
        let versions = [("a", Entry::delete(9)), ("a", Entry::put(5, b"y"))];
        assert_eq!(judge(&[], 0, true, &versions), [Fate::Drop, Fate::Drop]);
        assert_eq!(judge(&[], 0, false, &versions), [Fate::Keep, Fate::Drop]);
    }

    #[test]
    fn a_delete_stays_while_a_snapshot_still_sees_what_it_hides() {
        let versions = [("a", Entry::delete(9)), ("a", Entry::put(5, b"y"))];
        assert_eq!(judge(&[6], 0, true, &versions), [Fate::Keep, Fate::Keep]);
    }

    #[test]
    fn an_expired_entry_hides_older_versions_until_the_bottom() {
        let expired = Entry { deadline_ms: 100, ..Entry::put(9, b"x") };
        let versions = [("a", expired), ("a", Entry::put(5, b"y"))];
        assert_eq!(judge(&[], 100, false, &versions), [Fate::KeepAsDelete, Fate::Drop]);
        assert_eq!(judge(&[], 100, true, &versions), [Fate::Drop, Fate::Drop]);
        assert_eq!(judge(&[], 99, true, &versions), [Fate::Keep, Fate::Drop]);
    }

    #[test]
    fn the_empty_key_is_a_key_like_any_other() {
        let versions = [("", Entry::put(9, b"x")), ("", Entry::put(5, b"y"))];
        assert_eq!(judge(&[], 0, true, &versions), [Fate::Keep, Fate::Drop]);
    }

    #[test]
    fn with_history_every_version_stays_until_it_is_trimmed_away() {
        let history = |snapshots: &[Revision], trim| {
            let versions = [
                ("a", Entry::put(9, b"")),
                ("a", Entry::delete(8)),
                ("a", Entry { deadline_ms: 1, ..Entry::put(6, b"") }),
                ("a", Entry::put(4, b"")),
                ("b", Entry::delete(6)),
                ("b", Entry::put(2, b"")),
            ];
            let kept = |bottom| -> Vec<bool> {
                let fates = judge_with(at(snapshots).whole_above(trim), bottom, &versions);
                fates.into_iter().map(|fate| fate == Fate::Keep).collect()
            };
            (kept(true), kept(false))
        };
        let all = vec![true; 6];
        assert_eq!(history(&[], 1), (all.clone(), all.clone()));
        assert_eq!(history(&[], 5), (all.clone(), all.clone()));
        let expired_stays = vec![true, true, true, false, false, false];
        assert_eq!(history(&[], 6), (expired_stays.clone(), vec![true, true, true, false, true, false]));
        assert_eq!(history(&[], 7).0, expired_stays);
        assert_eq!(history(&[], 8).0, [true, false, false, false, false, false]);
        assert_eq!(history(&[], 8).1, [true, true, false, false, true, false]);
        assert_eq!(
            history(&[4], 9).0,
            [true, false, false, true, true, true],
            "a snapshot holds what it sees"
        );
    }

    fn at(snapshots: &[Revision]) -> Pinned {
        Pinned { revisions: snapshots.to_vec(), now_ms: 0, whole_above: Revision::MAX }
    }

    fn range(lower: &str, upper: &str, revision: Revision) -> RangeDelete {
        RangeDelete { lower: lower.as_bytes().into(), upper: upper.as_bytes().into(), revision }
    }

    #[test]
    fn a_range_delete_takes_what_is_older_unless_a_snapshot_sees_it() {
        let versions = [9, 7, 6, 5, 3].map(|revision| ("b", Entry::put(revision, b"")));
        let fates = |snapshots: &[Revision]| {
            let mut retention = Retention::new(at(snapshots), vec![range("a", "c", 7)]);
            versions.map(|(key, entry)| retention.judge(key.as_bytes(), &entry, || true) == Fate::Keep)
        };
        assert_eq!(fates(&[]), [true, false, false, false, false]);
        assert_eq!(fates(&[7]), [true, true, false, false, false], "of its own revision it hides nothing");
        assert_eq!(fates(&[8]), [true, true, false, false, false]);
        assert_eq!(fates(&[5]), [true, false, false, true, false]);
        assert_eq!(fates(&[4, 6]), [true, false, true, false, true]);
    }

    #[test]
    fn where_every_version_stays_so_does_every_range_delete_and_takes_nothing() {
        let pinned = at(&[]).whole_above(6);
        let mut retention =
            Retention::new(pinned, vec![range("a", "d", 5), range("a", "d", 7), range("b", "c", 9)]);
        let above = [range("a", "d", 7), range("b", "c", 9)];
        assert_eq!(retention.ranges(|_| true), above);
        let below = [range("a", "d", 5), range("a", "d", 7), range("b", "c", 9)];
        assert_eq!(retention.ranges(|_| false), below);
        let versions = [8, 6, 4, 3].map(|revision| ("b", Entry::put(revision, b"")));
        let fates =
            versions.map(|(key, entry)| retention.judge(key.as_bytes(), &entry, || true) == Fate::Keep);
        assert_eq!(fates, [true, true, false, false]);
    }

    #[test]
    fn a_range_delete_stays_while_something_older_may_be_left_below_or_for_a_snapshot() {
        let ranges = || vec![range("a", "d", 7), range("b", "c", 9), range("x", "y", 3)];
        let kept =
            |snapshots: &[Revision], bottom: bool| Retention::new(at(snapshots), ranges()).ranges(|_| bottom);
        assert_eq!(kept(&[], true), []);
        let newest_of_each_key =
            [range("a", "b", 7), range("b", "c", 9), range("c", "d", 7), range("x", "y", 3)];
        assert_eq!(kept(&[], false), newest_of_each_key);
        assert_eq!(kept(&[8], true), [range("b", "c", 9)]);
        assert_eq!(kept(&[8], false), [range("a", "d", 7), range("b", "c", 9), range("x", "y", 3)]);
    }
}
