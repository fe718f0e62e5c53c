//! What a transaction has written so far: of each key the last put or delete, and which ranges it has deleted.
//!
//! Order is resolved as the writes come, so that what is read back and what is committed are one thing: first the ranges are
//! deleted, then the keys are written.

use super::spans::Spans;
use crate::call::Result;
use crate::engine::{EngineEntry, LARGE_BYTES_MAX, NO_DEADLINE, OP_BYTES, RECORD_BYTES_MAX};
use crate::range::{Bounds, Span};
use crate::write::{LARGE_VALUE_BYTES, Pack, too_large};
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
        let before = self.own.get(key).map_or((0, 0), |own| weight(key, own));
        let after = weight(key, &own);
        let (bytes, large_bytes) = (self.bytes - before.0 + after.0, self.large_bytes - before.1 + after.1);
        self.check(bytes + self.deleted.bytes(), large_bytes)?;
        (self.bytes, self.large_bytes) = (bytes, large_bytes);
        self.own.insert(key.to_vec(), own);
        Ok(())
    }

    pub fn delete_range(&mut self, span: Span) -> Result<()> {
        let ends = span.lower.len() + span.upper.as_ref().map_or(0, Vec::len);
        self.check(self.bytes + self.deleted.bytes() + ends, self.large_bytes)?;
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

    fn check(&self, bytes: usize, large_bytes: usize) -> Result<()> {
        if bytes > RECORD_BYTES_MAX {
            return Err(too_large("a transaction", RECORD_BYTES_MAX));
        }
        if large_bytes > LARGE_BYTES_MAX {
            return Err(too_large("a transaction, in its large values,", LARGE_BYTES_MAX));
        }
        Ok(())
    }
}

/// What it takes in a log record, and in large values.
fn weight(key: &[u8], own: &Own) -> (usize, usize) {
    let value = own.value.as_deref().map_or(0, <[u8]>::len);
    match value > LARGE_VALUE_BYTES {
        true => (OP_BYTES + key.len(), value),
        false => (OP_BYTES + key.len() + value, 0),
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
        let fit = RECORD_BYTES_MAX / LARGE_VALUE_BYTES - 1;
        for at in 0..fit {
            writes.set(&at.to_be_bytes(), put(&value)).expect("room");
            writes.set(&at.to_be_bytes(), put(&value)).expect("the same again takes none");
        }
        writes.set(b"a", put(&value[1024..])).expect("room");
        assert_eq!(writes.set(b"a", put(&value)).map_err(|failure| failure.code), Err(Code::TooLarge));
        assert_eq!(writes.find(b"a"), Some(put(&value[1024..])));
        writes.delete_range(Span { lower: vec![], upper: None }).expect("room");
        writes.set(b"a", put(&value)).expect("room again");
    }
}
