//! The keys that some sources hold, in order, each with its newest version at or below a revision.

use super::visible::successor;
use super::{Cursor, MergeCursor, Source};
use crate::error::Result;
use crate::key::Revision;
use std::ops::Bound;

/// After this many versions of one key in a row, seeking past the key is cheaper than walking.
const VERSIONS_WALKED_MAX: usize = 8;

/// Whatever kind of version: a delete makes a key known too. Owned by one thread at a time; pins what it reads.
pub struct Keys {
    merge: MergeCursor,
    at: Revision,
    upper: Bound<Vec<u8>>,
    /// The key in hand, and its newest version; None: at the end.
    here: Option<(Vec<u8>, Revision)>,
}

impl Keys {
    /// Stands on the first key of the bounds.
    pub fn new(
        sources: Vec<Source>,
        at: Revision,
        lower: Bound<&[u8]>,
        upper: Bound<Vec<u8>>,
    ) -> Result<Keys> {
        let mut merge = MergeCursor::new(sources);
        match lower {
            Bound::Unbounded => merge.seek_to_first()?,
            Bound::Included(key) => merge.seek(key, Revision::MAX)?,
            Bound::Excluded(key) => merge.seek(&successor(key), Revision::MAX)?,
        }
        let mut keys = Keys { merge, at, upper, here: None };
        keys.find()?;
        Ok(keys)
    }

    pub fn here(&self) -> Option<(&[u8], Revision)> {
        self.here.as_ref().map(|(key, revision)| (&key[..], *revision))
    }

    /// Leaves the key in hand.
    pub fn advance(&mut self) -> Result<()> {
        let Some((left, _)) = self.here.take() else { return Ok(()) };
        let mut walked = 0;
        while self.merge.valid() && self.merge.key() == left {
            walked += 1;
            if walked > VERSIONS_WALKED_MAX {
                self.merge.seek(&successor(&left), Revision::MAX)?;
                break;
            }
            self.merge.next()?;
        }
        self.find()
    }

    /// From the first version of a key on.
    fn find(&mut self) -> Result<()> {
        let mut newer = 0;
        while self.merge.valid() && self.is_inside(self.merge.key()) {
            let revision = self.merge.entry().revision;
            if revision <= self.at {
                self.here = Some((self.merge.key().to_vec(), revision));
                return Ok(());
            }
            newer += 1;
            if newer % VERSIONS_WALKED_MAX == 0 {
                let key = self.merge.key().to_vec();
                self.merge.seek(&key, self.at)?;
            } else {
                self.merge.next()?;
            }
        }
        Ok(())
    }

    fn is_inside(&self, key: &[u8]) -> bool {
        match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= &upper[..],
            Bound::Excluded(upper) => key < &upper[..],
        }
    }
}
