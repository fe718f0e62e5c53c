//! Sorted, immutable files of entries.

mod summary;

pub use summary::{TableMeta, TableSummary};
