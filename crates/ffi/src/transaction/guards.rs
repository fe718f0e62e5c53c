//! What a transaction has seen of what others write, and what therefore must still be so when it commits.
//!
//! A key is guarded by the revision that it was seen with, which also finds an entry that has expired meanwhile; a range by
//! nothing in it having been written since. A key in such a range needs no guard of its own, unless it expires.

use super::spans::Spans;
use crate::call::Result;
use crate::engine::{EngineEntry, Guard, NO_DEADLINE, RECORD_BYTES_MAX, Revision};
use crate::range::Span;
use crate::write::too_large;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Guards {
    keys: BTreeMap<Vec<u8>, Seen>,
    ranges: Spans,
    key_bytes: usize,
}

struct Seen {
    /// None: the key had no value.
    revision: Option<Revision>,
    expires: bool,
}

impl Guards {
    pub fn key(&mut self, key: &[u8], entry: Option<&EngineEntry<'_>>) -> Result<()> {
        if self.keys.contains_key(key) {
            return Ok(());
        }
        let expires = entry.is_some_and(|entry| entry.deadline_ms != NO_DEADLINE);
        self.key_bytes += key.len();
        self.keys.insert(key.to_vec(), Seen { revision: entry.map(|entry| entry.revision), expires });
        self.check()
    }

    /// A row of a range, which is guarded itself.
    pub fn row(&mut self, key: &[u8], entry: &EngineEntry<'_>) -> Result<()> {
        if entry.deadline_ms == NO_DEADLINE { Ok(()) } else { self.key(key, Some(entry)) }
    }

    pub fn range(&mut self, span: Span) -> Result<()> {
        self.ranges.add(span);
        self.check()
    }

    pub fn all(&self, since: Revision) -> Vec<Guard<'_>> {
        let needed = self.keys.iter().filter(|(key, seen)| seen.expires || !self.ranges.hold(key));
        let keys = needed.map(|(key, seen)| Guard::Key { key, revision: seen.revision });
        let range =
            |(lower, upper): (_, Option<_>)| Guard::Range { lower, upper: upper.unwrap_or_default(), since };
        keys.chain(self.ranges.iter().map(range)).collect()
    }

    fn check(&self) -> Result<()> {
        match self.key_bytes + self.ranges.bytes() > RECORD_BYTES_MAX {
            true => {
                Err(too_large("a transaction, in the keys and ranges that it has read,", RECORD_BYTES_MAX))
            }
            false => Ok(()),
        }
    }
}
