//! How one entry lies in the arena: a fixed header, the stored key, the fields that most entries lack, the value.
//!
//! Immutable once its offset is published. The key follows the header directly, so that a comparison touches one cache
//! line. These bytes never leave the process: the integers are little-endian only to be read without alignment.

use crate::entry::{Entry, Kind, NO_DEADLINE};
use crate::key::Revision;
use crate::limits;

/// Revision u64, value length u32, stored key length less one u16, kind u8, fields u8.
pub const HEADER: usize = 16;
/// The header and every optional field: what an entry needs beyond key and value at most.
pub const OVERHEAD_MAX: usize = HEADER + 8 + 8 + 16;

const DEADLINE: u8 = 1;
const LEASE: u8 = 2;
const HISTORY: u8 = 4;

const _: () =
    assert!(limits::STORED_KEY_BYTES_MAX - 1 <= u16::MAX as usize, "a key length less one is 16 bits");

/// What a comparison needs: the lengths and the revision.
#[derive(Clone, Copy)]
pub struct Header {
    pub revision: Revision,
    pub key_bytes: usize,
    value_bytes: usize,
    kind: u8,
    fields: u8,
}

impl Header {
    #[inline]
    pub fn read(bytes: &[u8]) -> Header {
        let bytes: &[u8; HEADER] = bytes.first_chunk().expect("a header was asked for");
        let [r0, r1, r2, r3, r4, r5, r6, r7, v0, v1, v2, v3, k0, k1, kind, fields] = *bytes;
        Header {
            revision: u64::from_le_bytes([r0, r1, r2, r3, r4, r5, r6, r7]),
            key_bytes: u16::from_le_bytes([k0, k1]) as usize + 1,
            value_bytes: u32::from_le_bytes([v0, v1, v2, v3]) as usize,
            kind,
            fields,
        }
    }

    /// Bytes of the whole record, header included.
    #[inline]
    pub fn record_bytes(&self) -> usize {
        HEADER + self.key_bytes + optional_bytes(self.fields) + self.value_bytes
    }

    /// The entry whose record is `record`, `record_bytes` long.
    #[inline]
    pub fn entry<'a>(&self, record: &'a [u8]) -> Entry<'a> {
        let (rest, value) = record.split_at(record.len() - self.value_bytes);
        let kind = match self.kind {
            kind if kind == Kind::Put as u8 => Kind::Put,
            kind if kind == Kind::Delete as u8 => Kind::Delete,
            _ => Kind::Reference,
        };
        let mut entry = Entry { kind, value, ..Entry::put(self.revision, value) };
        if self.fields != 0 {
            let mut optional = &rest[HEADER + self.key_bytes..];
            let mut take = || {
                let (field, rest) = optional.split_first_chunk().expect("the record was written whole");
                optional = rest;
                u64::from_le_bytes(*field)
            };
            if self.fields & DEADLINE != 0 {
                entry.deadline_ms = take().cast_signed();
            }
            if self.fields & LEASE != 0 {
                entry.lease = take().cast_signed();
            }
            if self.fields & HISTORY != 0 {
                entry.create_revision = take();
                entry.version = take();
            }
        }
        entry
    }
}

fn optional_bytes(fields: u8) -> usize {
    let eights = (fields & DEADLINE) + ((fields & LEASE) >> 1) + ((fields & HISTORY) >> 1);
    eights as usize * 8
}

fn fields(entry: &Entry<'_>) -> u8 {
    let mut fields = 0;
    if entry.deadline_ms != NO_DEADLINE {
        fields |= DEADLINE;
    }
    if entry.lease != 0 {
        fields |= LEASE;
    }
    if entry.create_revision != 0 || entry.version != 0 {
        fields |= HISTORY;
    }
    fields
}

/// Bytes of the record that `write` makes.
#[inline]
pub fn bytes_of(user_key: &[u8], entry: &Entry<'_>) -> usize {
    HEADER + 1 + user_key.len() + optional_bytes(fields(entry)) + entry.value.len()
}

/// Fills `record`, which is exactly `bytes_of` long.
#[inline]
pub fn write(record: &mut [u8], keyspace: u8, user_key: &[u8], entry: &Entry<'_>) {
    assert!(user_key.len() <= limits::KEY_BYTES_MAX, "keys are checked before they are logged");
    assert!(entry.value.len() <= u32::MAX as usize, "values are checked before they are logged");
    let fields = fields(entry);
    let (header, mut rest) = record.split_first_chunk_mut::<HEADER>().expect("bytes_of counts the header");
    header[..8].copy_from_slice(&entry.revision.to_le_bytes());
    header[8..12].copy_from_slice(&(entry.value.len() as u32).to_le_bytes());
    header[12..14].copy_from_slice(&(user_key.len() as u16).to_le_bytes());
    header[14] = entry.kind as u8;
    header[15] = fields;
    let mut put = |bytes: &[u8]| {
        let (field, left) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        field.copy_from_slice(bytes);
        rest = left;
    };
    put(&[keyspace]);
    put(user_key);
    if fields & DEADLINE != 0 {
        put(&entry.deadline_ms.to_le_bytes());
    }
    if fields & LEASE != 0 {
        put(&entry.lease.to_le_bytes());
    }
    if fields & HISTORY != 0 {
        put(&entry.create_revision.to_le_bytes());
        put(&entry.version.to_le_bytes());
    }
    put(entry.value);
    debug_assert!(rest.is_empty(), "bytes_of counts what write writes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(entry: Entry<'_>) {
        let mut record = vec![0; bytes_of(b"key", &entry)];
        write(&mut record, 7, b"key", &entry);

        let header = Header::read(&record);

        assert_eq!(header.record_bytes(), record.len());
        assert_eq!(&record[HEADER..HEADER + header.key_bytes], b"\x07key");
        assert_eq!(header.entry(&record), entry);
    }

    #[test]
    fn an_entry_comes_back_with_whichever_fields_it_has() {
        for fields in 0..8u8 {
            let mut entry = Entry::put(9, b"value");
            if fields & DEADLINE != 0 {
                entry.deadline_ms = -1;
            }
            if fields & LEASE != 0 {
                entry.lease = i64::MIN;
            }
            if fields & HISTORY != 0 {
                entry.create_revision = 3;
                entry.version = u64::MAX;
            }
            round_trip(entry);
        }
        round_trip(Entry::delete(u64::MAX));
        round_trip(Entry { version: 1, ..Entry::put(0, b"") });
    }
}
