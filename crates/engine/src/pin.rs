//! How a reader gets two things that belong together, neither of which it locks: what there is to read, and up to which
//! revision. Writers and background threads replace both meanwhile. `tests/loom` runs it in every order.

use crate::key::Revision;
use crate::sync::{AtomicU64, Ordering, Swap};
use std::sync::Arc;

/// `visible` is raised after a commit is in what `readable` held before it. What replaces `readable` has every commit
/// that was visible then, and may lack what only older revisions need.
pub fn pin<T>(readable: &Swap<T>, visible: &AtomicU64) -> (Arc<T>, Revision) {
    loop {
        // Revision first: a commit may land in a newer memtable in between. Tables second: a compaction may drop
        // what the revision still needs. Only if nothing was replaced meanwhile do the two belong together.
        let pinned = readable.load_full();
        let revision = visible.load(Ordering::Acquire);
        if Arc::ptr_eq(&pinned, &readable.load()) {
            return (pinned, revision);
        }
    }
}
