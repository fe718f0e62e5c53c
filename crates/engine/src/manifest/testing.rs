//! What the tests of this folder share.

use super::Creation;
use crate::entry::NO_DEADLINE;
use crate::table::{TableMeta, TableSummary};

/// A table that holds `smallest..=largest`, with every other field made from its number.
pub fn table(number: u64, smallest: &str, largest: &str) -> TableMeta {
    let summary = TableSummary {
        id: [number as u8; 16],
        bytes: number * 1000,
        sha256: [number as u8; 32],
        footer_crc: number as u32,
        entries: number + 2,
        deletes: 1,
        smallest: smallest.into(),
        largest: largest.into(),
        min_revision: number,
        max_revision: number + 1,
        min_deadline_ms: 1_000_000,
        garbage_ms: 2_000_000,
        dead_ms: NO_DEADLINE,
        raw_bytes: number * 3000,
        range_deletes: number % 3,
    };
    TableMeta { number, summary }
}

pub fn creation() -> Creation {
    Creation { history: false, format: 1, filter_seed: 0x5eed, database_id: *b"sixteen bytes id" }
}
