//! What is known of a table without opening it: made once by the builder, kept in the manifest, handed to every later
//! reader. Plain values, used from any thread.

use crate::blob::Use;
use crate::encryption::KeyId;
use crate::key::Revision;

/// One finished table. All of it is fixed when the file is synced and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// Random, and in the seed of every page checksum: a page of another table never passes for one of this.
    pub id: [u8; 16],
    /// The size of the whole file.
    pub bytes: u64,
    /// Of the whole file.
    pub sha256: [u8; 32],
    /// Of the footer, so that a footer fetched alone is verified alone.
    pub footer_crc: u32,
    /// Versions of keys, deletes included.
    pub entries: u64,
    pub deletes: u64,
    /// Not counted as entries; of the two there is at least 1.
    pub range_deletes: u64,
    /// Stored keys, both inclusive: of entries, and of what range deletes hold. The largest may be the upper bound of a
    /// range delete, which does not itself hold it.
    pub smallest: Vec<u8>,
    pub largest: Vec<u8>,
    pub min_revision: Revision,
    pub max_revision: Revision,
    /// The earliest deadline of any entry, `NO_DEADLINE` if none has one.
    pub min_deadline_ms: i64,
    /// By then a fifth of the entries are dead: deletes, versions under a newer one, past their deadlines. `ALWAYS` if
    /// they are from the beginning, `NO_DEADLINE` if that never comes. An estimate.
    pub garbage_ms: i64,
    /// By then no key is alive in it, exactly.
    pub dead_ms: i64,
    /// Keys and values before prefixes were shared and pages compressed.
    pub raw_bytes: u64,
    /// What its entries refer to, by the number of the blob file.
    pub blobs: Vec<Use>,
    /// Only of a database with history.
    pub versions: Option<VersionSummary>,
    /// What encrypts it; none: it is plain.
    pub key: Option<KeyId>,
}

/// What trimming a database does to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionSummary {
    /// To where the database was trimmed when the table was written, or nearly: never less than what was left out for it.
    pub trim: Revision,
    /// Entries that go when it is trimmed far enough: deletes, and versions under a newer one of the table.
    pub dead: u64,
    /// Trimmed to here the first of them goes; `Revision::MAX`: there is none.
    pub first: Revision,
    /// Trimmed to here about a fifth of all entries goes; `Revision::MAX`: that never comes.
    pub fifth: Revision,
}

impl TableSummary {
    /// What goes when the table goes: its own bytes and those that it refers to.
    pub fn held_bytes(&self) -> u64 {
        self.bytes + self.blobs.iter().map(|used| used.bytes).sum::<u64>()
    }
}

/// A table as a folder knows it: the file is `<number>.table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMeta {
    pub number: u64,
    pub summary: TableSummary,
}
