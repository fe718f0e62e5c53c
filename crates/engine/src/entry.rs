//! One version of one key, as memtables and tables hold it.

use crate::error::{Error, Result};
use crate::key::Revision;

/// The deadline of an entry that never expires.
pub const NO_DEADLINE: i64 = i64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Put = 1,
    Delete = 2,
    /// A put whose value is elsewhere: what stands in its place is a `blob::Reference`.
    Reference = 5,
}

impl Kind {
    pub fn from_byte(byte: u8) -> Result<Kind> {
        match byte {
            1 => Ok(Kind::Put),
            2 => Ok(Kind::Delete),
            5 => Ok(Kind::Reference),
            _ => Err(Error::corrupt(format!("unknown kind of entry {byte}"))),
        }
    }

    /// Whether the key has a value here, wherever the value is.
    #[inline]
    pub fn is_put(self) -> bool {
        matches!(self, Kind::Put | Kind::Reference)
    }
}

/// A borrowed version of a key. Fields that a database without history, leases or deadlines never sets hold their
/// neutral value and take no room on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub kind: Kind,
    pub revision: Revision,
    /// Unix milliseconds, or `NO_DEADLINE`.
    pub deadline_ms: i64,
    /// 0: none.
    pub lease: i64,
    /// 0 without history.
    pub create_revision: Revision,
    /// 0 without history.
    pub version: u64,
    pub value: &'a [u8],
}

impl<'a> Entry<'a> {
    pub fn put(revision: Revision, value: &'a [u8]) -> Self {
        Entry {
            kind: Kind::Put,
            revision,
            deadline_ms: NO_DEADLINE,
            lease: 0,
            create_revision: 0,
            version: 0,
            value,
        }
    }

    pub fn delete(revision: Revision) -> Self {
        Entry { kind: Kind::Delete, ..Entry::put(revision, &[]) }
    }

    /// Whether a reader whose clock says `now_ms` sees a value here. An expired entry reads as a delete: it hides the
    /// versions below it.
    #[inline]
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.kind.is_put() && self.deadline_ms > now_ms
    }
}
