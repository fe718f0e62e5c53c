//! What a transaction has written so far: of each key the last put or delete, and which ranges it has deleted.
//!
//! Order is resolved as the writes come, so that what is read back and what is committed are one thing: first the ranges are
//! deleted, then the keys are written.

use super::spans::Spans;
use crate::call::Result;
use crate::engine::{EngineEntry, KEY_BYTES_MAX, LARGE_BYTES_MAX, NO_DEADLINE};
use crate::range::{Bounds, Span};
use crate::write::{COMMIT_BYTES_MAX, LARGE_VALUE_BYTES, Pack, WRITE_BYTES, too_large};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

#[derive(Default)]
pub struct Writes {
    own: BTreeMap<Vec<u8>, Own>,
    deleted: Spans,
    bytes: usize,
    large_bytes: usize,
}

/// What was written to a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// None: it was deleted.
    pub value: Option<Arc<[u8]>>,
    pub deadline_ms: Option<i64>,
}

impl Own {
    pub fn entry<'a>(&self, value: &'a [u8]) -> EngineEntry<'a> {
        let deadline_ms = self.deadline_ms.unwrap_or(NO_DEADLINE);
        EngineEntry { deadline_ms, ..EngineEntry::put(0, value) }
    }
}

impl Writes {
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.deleted.is_empty()
    }

    /// What was made of a key; none: nothing.
    pub fn find(&self, key: &[u8]) -> Option<Own> {
        let own = self.own.get(key).cloned();
        own.or_else(|| self.deleted.hold(key).then(Own::default))
    }

    /// Whether a key lies in a deleted range.
    pub fn has_deleted(&self, key: &[u8]) -> bool {
        self.deleted.hold(key)
    }

    /// The keys between two bounds that do not cross, in a direction.
    pub fn within(&self, bounds: &Bounds, reverse: bool) -> impl Iterator<Item = (&[u8], &Own)> {
        let Bounds { lower, upper } = bounds;
        let bounds = (lower.as_ref().map(Vec::as_slice), upper.as_ref().map(Vec::as_slice));
        let mut own = self.own.range::<[u8], _>(bounds);
        std::iter::from_fn(move || if reverse { own.next_back() } else { own.next() })
            .map(|(key, own)| (key.as_slice(), own))
    }

    pub fn all(&self) -> impl Iterator<Item = (&[u8], &Own)> {
        self.own.iter().map(|(key, own)| (key.as_slice(), own))
    }

    pub fn deleted(&self) -> impl Iterator<Item = Span> {
        self.deleted
            .iter()
            .map(|(lower, upper)| Span { lower: lower.to_vec(), upper: upper.map(<[u8]>::to_vec) })
    }

    pub fn set(&mut self, key: &[u8], own: Own) -> Result<()> {
        if key.len() > KEY_BYTES_MAX {
            return Err(too_large("a key", KEY_BYTES_MAX));
        }
        let before = self.own.get(key).map_or((0, 0), |own| weight(key, own));
        let after = weight(key, &own);
        let (bytes, large_bytes) = (self.bytes - before.0 + after.0, self.large_bytes - before.1 + after.1);
        self.check(bytes + self.range_bytes(), large_bytes)?;
        (self.bytes, self.large_bytes) = (bytes, large_bytes);
        self.own.insert(key.to_vec(), own);
        Ok(())
    }

    pub fn delete_range(&mut self, span: Span) -> Result<()> {
        let ends = span.lower.len() + span.upper.as_ref().map_or(0, Vec::len);
        self.check(self.bytes + self.range_bytes() + WRITE_BYTES + ends, self.large_bytes)?;
        let bounds = (
            Bound::Included(span.lower.as_slice()),
            span.upper.as_deref().map_or(Bound::Unbounded, Bound::Excluded),
        );
        let gone: Vec<Vec<u8>> = self.own.range::<[u8], _>(bounds).map(|(key, _)| key.clone()).collect();
        for key in gone {
            let (bytes, large_bytes) = self.own.remove(&key).map_or((0, 0), |own| weight(&key, &own));
            self.bytes -= bytes;
            self.large_bytes -= large_bytes;
        }
        self.deleted.add(span);
        Ok(())
    }

    pub fn pack<'a>(&'a self, pack: &mut Pack<'a>) -> Result<()> {
        self.deleted().try_for_each(|span| pack.delete_range(&span))?;
        self.all().try_for_each(|(key, own)| match &own.value {
            Some(value) => pack.put(key, Cow::Borrowed(value), own.deadline_ms),
            None if self.deleted.hold(key) => Ok(()),
            None => pack.delete(key),
        })
    }

    fn range_bytes(&self) -> usize {
        WRITE_BYTES * self.deleted.count() + self.deleted.bytes()
    }

    fn check(&self, bytes: usize, large_bytes: usize) -> Result<()> {
        if bytes > COMMIT_BYTES_MAX {
            return Err(too_large("a transaction", COMMIT_BYTES_MAX));
        }
        if large_bytes > LARGE_BYTES_MAX {
            return Err(too_large("a transaction, in its large values,", LARGE_BYTES_MAX));
        }
        Ok(())
    }
}

/// What it takes in the log, and in large values.
fn weight(key: &[u8], own: &Own) -> (usize, usize) {
    let value = own.value.as_deref().map_or(0, <[u8]>::len);
    match value > LARGE_VALUE_BYTES {
        true => (WRITE_BYTES + key.len(), value),
        false => (WRITE_BYTES + key.len() + value, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    fn put(value: &[u8]) -> Own {
        Own { value: Some(value.into()), deadline_ms: None }
    }

    #[test]
    fn the_last_write_of_a_key_counts_and_a_deleted_range_takes_what_came_before() {
        let mut writes = Writes::default();
        writes.set(b"b", put(b"1")).expect("room");
        writes.set(b"b", put(b"2")).expect("room");
        writes.set(b"x", Own::default()).expect("room");
        assert_eq!(writes.find(b"b"), Some(put(b"2")));
        writes.delete_range(Span { lower: b"a".to_vec(), upper: Some(b"c".to_vec()) }).expect("room");
        assert_eq!(writes.find(b"b"), Some(Own::default()));
        assert_eq!((writes.find(b"a"), writes.find(b"c")), (Some(Own::default()), None));
        writes.set(b"b", put(b"3")).expect("room");
        assert_eq!(writes.all().map(|(key, _)| key).collect::<Vec<_>>(), [b"b", b"x"]);
    }

    #[test]
    fn what_is_over_the_limit_of_a_commit_is_refused_when_it_is_written() {
        let mut writes = Writes::default();
        let value = vec![0; LARGE_VALUE_BYTES];
        let fit = COMMIT_BYTES_MAX / LARGE_VALUE_BYTES;
        for at in 0..fit {
            writes.set(&at.to_be_bytes(), put(&value)).expect("room");
            writes.set(&at.to_be_bytes(), put(&value)).expect("the same again takes none");
        }
        writes.set(b"a", put(&value[1024..])).expect("room");
        let too_large = Err(Code::TooLarge);
        assert_eq!(writes.set(b"a", put(&value)).map_err(|failure| failure.code), too_large);
        assert_eq!(writes.find(b"a"), Some(put(&value[1024..])));
        writes.delete_range(Span { lower: vec![], upper: None }).expect("room");
        writes.set(b"a", put(&value)).expect("room again");
        assert_eq!(
            writes.set(&[b'k'; KEY_BYTES_MAX + 1], put(b"")).map_err(|failure| failure.code),
            too_large
        );
    }

    #[test]
    fn what_was_taken_fits_into_a_commit() {
        let mut writes = Writes::default();
        let mut value = vec![0; LARGE_VALUE_BYTES];
        let dated = |value: &[u8]| Own { deadline_ms: Some(1), ..put(value) };
        for at in 0..4_u8 {
            writes.delete_range(Span { lower: vec![at, 1], upper: Some(vec![at, 2]) }).expect("room");
        }
        for at in 0_u32.. {
            while value.len() > 1 && writes.set(&at.to_be_bytes(), dated(&value)).is_err() {
                value.truncate(value.len() / 2);
            }
            if writes.set(&at.to_be_bytes(), dated(&value)).is_err() {
                break;
            }
        }
        writes.pack(&mut Pack::default()).expect("it fits");
    }
}
