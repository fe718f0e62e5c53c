//! How keys and revisions are ordered.
//!
//! A *stored key* is one keyspace byte followed by the user key; inside the engine "key" means a stored key. Entries are
//! ordered by stored key ascending, then revision descending, so that the newest version of a key comes first. The
//! revision is never compared as part of the key's bytes: `a` must sort before `a\0` at every revision.

use std::cmp::Ordering;

/// One per commit that changes user keys; an empty database is at 1.
pub type Revision = u64;
/// Numbers every log record, system records included.
pub type Sequence = u64;

pub const EMPTY_REVISION: Revision = 1;

/// The keyspace byte of what users store.
pub const KEYSPACE_USER: u8 = 0;

#[inline]
pub fn compare(a: (&[u8], Revision), b: (&[u8], Revision)) -> Ordering {
    a.0.cmp(b.0).then_with(|| b.1.cmp(&a.1))
}
