//! Deletes of key ranges: what one is, and how many together are asked about one key.
//!
//! **What one hides.** `[lower, upper) @ r` hides every version below `r` of every key in it, from readers at `r` or
//! later. It never hides a version at `r` itself: that is either an operation of the same commit that came after it, or
//! one that came before it and was entered as a delete. So a range delete and an entry are compared by revision alone.
//!
//! Bounds are stored keys. `lower` belongs to the range and `upper` does not; `upper` may be one byte longer than a key,
//! or the first key of the next keyspace.
//!
//! `flat` holds disjoint ranges in order, for readers above all of them; `set` answers readers at any revision. Values
//! here are immutable or owned, and shared by reference: any thread.

mod flat;
mod set;
#[cfg(test)]
mod tests;

pub use flat::Flat;
pub use set::{Node, RangeDeletes};

use crate::key::Revision;
use std::sync::Arc;

/// One range delete. `lower < upper`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeDelete {
    pub lower: Arc<[u8]>,
    pub upper: Arc<[u8]>,
    pub revision: Revision,
}

impl RangeDelete {
    #[inline]
    pub fn holds(&self, key: &[u8]) -> bool {
        self.lower[..] <= *key && *key < self.upper[..]
    }

    /// A key that no key of the range comes after: the last one where there is one, else the upper bound.
    pub fn largest(&self) -> &[u8] {
        match self.upper.split_last() {
            Some((0, last)) => last,
            _ => &self.upper,
        }
    }
}
