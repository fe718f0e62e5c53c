//! What the tests of this folder share.

use super::Creation;
use crate::blob::{BlobMeta, Use};
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
        blobs: Vec::new(),
        versions: None,
        key: None,
    };
    TableMeta { number, summary }
}

/// As `table`, with a reference to each of these blob files.
pub fn table_with_blobs(number: u64, smallest: &str, largest: &str, blobs: &[u64]) -> TableMeta {
    let mut table = table(number, smallest, largest);
    table.summary.blobs =
        blobs.iter().map(|file| Use { file: *file, id: blob(*file).id, bytes: file * 10 }).collect();
    table
}

pub fn blob(number: u64) -> BlobMeta {
    BlobMeta {
        number,
        id: [number as u8; 16],
        bytes: number * 100 + 160,
        sha256: [number as u8; 32],
        key: None,
    }
}

pub fn creation() -> Creation {
    Creation { history: false, format: 1, filter_seed: 0x5eed, database_id: *b"sixteen bytes id" }
}
