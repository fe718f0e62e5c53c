//! Fills one page after another with entries; the other half of `page`.

use super::page::{FLAG_DEADLINE, FLAG_HISTORY, FLAG_LEASE};
use crate::coding::put_varint;
use crate::entry::{Entry, NO_DEADLINE};
use crate::limits::RESTART_INTERVAL;

/// No entry takes more than this beside its key and value: three lengths, flags, revision and every optional field.
const HEADER_BYTES_MAX: usize = 3 * 5 + 1 + 10 + 8 + 8 + 10 + 10;

#[derive(Default)]
pub(super) struct PageWriter {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    since_restart: usize,
}

impl PageWriter {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A bound of the page's size once an entry with these lengths is added.
    pub fn bytes_with(&self, suffix: usize, value: usize) -> usize {
        self.bytes.len() + HEADER_BYTES_MAX + suffix + value + 4 * (self.restarts.len() + 2)
    }

    /// `shared` bytes of the key are those of the key before, and no more.
    pub fn add(&mut self, key: &[u8], shared: usize, entry: &Entry<'_>) {
        let restart = self.bytes.is_empty() || self.since_restart == RESTART_INTERVAL;
        let shared = if restart { 0 } else { shared };
        if restart {
            self.restarts.push(self.bytes.len() as u32);
            self.since_restart = 0;
        }
        self.since_restart += 1;

        let history = entry.create_revision != 0 || entry.version != 0;
        let mut flags = entry.kind as u8;
        flags |= if entry.deadline_ms != NO_DEADLINE { FLAG_DEADLINE } else { 0 };
        flags |= if entry.lease != 0 { FLAG_LEASE } else { 0 };
        flags |= if history { FLAG_HISTORY } else { 0 };
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, (key.len() - shared) as u64);
        put_varint(&mut self.bytes, entry.value.len() as u64);
        self.bytes.push(flags);
        put_varint(&mut self.bytes, entry.revision);
        if flags & FLAG_DEADLINE != 0 {
            self.bytes.extend_from_slice(&entry.deadline_ms.to_le_bytes());
        }
        if flags & FLAG_LEASE != 0 {
            self.bytes.extend_from_slice(&entry.lease.to_le_bytes());
        }
        if flags & FLAG_HISTORY != 0 {
            put_varint(&mut self.bytes, entry.create_revision);
            put_varint(&mut self.bytes, entry.version);
        }
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(entry.value);
    }

    /// Adds the restart points: the payload of the page.
    pub fn payload(&mut self) -> &[u8] {
        for restart in &self.restarts {
            self.bytes.extend_from_slice(&restart.to_le_bytes());
        }
        self.bytes.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        &self.bytes
    }

    /// Starts the next page.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.restarts.clear();
        self.since_restart = 0;
    }
}
