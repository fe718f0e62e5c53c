//! Range deletes without overlaps: for each key the newest one that holds it.

use super::RangeDelete;
use crate::key::Revision;
use std::sync::Arc;

/// Disjoint and in order. Where one ends the next may begin, at another revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flat(Vec<RangeDelete>);

/// Where a key stands among the ranges of a `Flat`.
pub struct Place<'a> {
    /// The range that holds the key.
    pub range: Option<&'a RangeDelete>,
    /// The same is so of all keys at or above this one,
    pub from: Option<&'a Arc<[u8]>>,
    /// and below this one. None: of all.
    pub until: Option<&'a Arc<[u8]>>,
}

impl Flat {
    pub fn one(range: RangeDelete) -> Flat {
        Flat(vec![range])
    }

    /// Of ranges in any order.
    pub fn of(ranges: Vec<RangeDelete>) -> Flat {
        if ranges.windows(2).all(|pair| pair[0].upper <= pair[1].lower) {
            return Flat(ranges);
        }
        let mut lists: Vec<Flat> = ranges.into_iter().map(Flat::one).collect();
        while lists.len() > 1 {
            lists = lists
                .chunks(2)
                .map(|pair| pair.get(1).map_or_else(|| pair[0].clone(), |other| pair[0].merge(other)))
                .collect();
        }
        lists.pop().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ranges(&self) -> &[RangeDelete] {
        &self.0
    }

    /// The range that holds a key.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<&RangeDelete> {
        let after = self.0.partition_point(|range| range.lower[..] <= *key);
        self.0[..after].last().filter(|range| *key < range.upper[..])
    }

    pub fn place(&self, key: &[u8]) -> Place<'_> {
        let after = self.0.partition_point(|range| range.lower[..] <= *key);
        let next = self.0.get(after).map(|range| &range.lower);
        match self.0[..after].last() {
            Some(range) if *key < range.upper[..] => {
                Place { range: Some(range), from: Some(&range.lower), until: Some(&range.upper) }
            }
            before => Place { range: None, from: before.map(|range| &range.upper), until: next },
        }
    }

    /// Where both hold a key, the newer one does.
    pub fn merge(&self, other: &Flat) -> Flat {
        let mut merged = Flat(Vec::with_capacity(self.0.len() + other.0.len()));
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        // Everything below it is merged.
        let mut done: Option<Arc<[u8]>> = None;
        loop {
            let rest = |range: &RangeDelete| match &done {
                Some(done) if *done > range.lower => done.clone(),
                _ => range.lower.clone(),
            };
            let a = ours.peek().map(|range| (rest(range), *range));
            let b = theirs.peek().map(|range| (rest(range), *range));
            let (from, upper, revision) = match (&a, &b) {
                (None, None) => return merged,
                (Some((from, range)), None) | (None, Some((from, range))) => {
                    (from.clone(), range.upper.clone(), range.revision)
                }
                (Some((x, a)), Some((y, b))) if x == y => {
                    (x.clone(), (&a.upper).min(&b.upper).clone(), a.revision.max(b.revision))
                }
                (Some((x, a)), Some((y, _))) if x < y => (x.clone(), (&a.upper).min(y).clone(), a.revision),
                (Some((x, _)), Some((y, b))) => (y.clone(), (&b.upper).min(x).clone(), b.revision),
            };
            ours.next_if(|range| range.upper <= upper);
            theirs.next_if(|range| range.upper <= upper);
            done = Some(upper.clone());
            merged.push(from, upper, revision);
        }
    }

    fn push(&mut self, lower: Arc<[u8]>, upper: Arc<[u8]>, revision: Revision) {
        match self.0.last_mut() {
            Some(last) if last.upper == lower && last.revision == revision => last.upper = upper,
            _ => self.0.push(RangeDelete { lower, upper, revision }),
        }
    }
}
