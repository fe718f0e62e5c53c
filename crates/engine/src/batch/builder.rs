//! Packs a body in Rust, for tests, tools and the engine's own writes; JavaScript packs its own. One thread at a time.

use super::{HAS_DEADLINE, HEADER_BYTES, OpKind, Reason};
use crate::error::{Code, Error, Result};
use crate::limits;

/// Packs a body operation by operation, for callers in Rust.
#[derive(Clone, Debug)]
pub struct Batch {
    body: Vec<u8>,
    count: u32,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { body: vec![0; HEADER_BYTES], count: 0 }
    }
}

impl Batch {
    pub fn new() -> Self {
        Batch::default()
    }

    /// A key that is too long is `TooLarge`; the size of the whole is checked by `validate`.
    pub fn put(
        &mut self,
        keyspace: u8,
        key: &[u8],
        value: &[u8],
        deadline_ms: Option<i64>,
    ) -> Result<&mut Self> {
        let flags = if deadline_ms.is_some() { HAS_DEADLINE } else { 0 };
        self.start(OpKind::Put, Reason::User, keyspace, flags, key, value)?;
        if let Some(deadline_ms) = deadline_ms {
            self.body.extend_from_slice(&deadline_ms.to_le_bytes());
        }
        self.body.extend_from_slice(key);
        self.body.extend_from_slice(value);
        Ok(self)
    }

    pub fn delete(&mut self, keyspace: u8, key: &[u8], reason: Reason) -> Result<&mut Self> {
        self.start(OpKind::Delete, reason, keyspace, 0, key, &[])?;
        self.body.extend_from_slice(key);
        Ok(self)
    }

    /// Deletes the keys from `lower` on and below `upper`; no upper bound: to the end of the keyspace.
    pub fn delete_range(&mut self, keyspace: u8, lower: &[u8], upper: Option<&[u8]>) -> Result<&mut Self> {
        let upper = upper.unwrap_or_default();
        self.start(OpKind::RangeDelete, Reason::User, keyspace, 0, lower, upper)?;
        self.body.extend_from_slice(lower);
        self.body.extend_from_slice(upper);
        Ok(self)
    }

    fn start(
        &mut self,
        kind: OpKind,
        reason: Reason,
        keyspace: u8,
        flags: u8,
        key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        let Ok(key_bytes) = u16::try_from(key.len()) else {
            return Err(Error::new(
                Code::TooLarge,
                format!("a key of {} bytes is over the limit", key.len()),
            ));
        };
        if value.len() > limits::VALUE_BYTES_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format!("a value of {} bytes is over the limit", value.len()),
            ));
        }
        self.body.extend_from_slice(&[kind as u8, reason as u8, keyspace, flags]);
        self.body.extend_from_slice(&key_bytes.to_le_bytes());
        self.body.extend_from_slice(&[0; 2]);
        self.body.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.count += 1;
        Ok(())
    }

    /// Operations so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Forgets the operations and keeps the memory.
    pub fn clear(&mut self) {
        self.body.truncate(HEADER_BYTES);
        self.count = 0;
    }

    /// The record as packed so far, its header as `set_header` left it.
    pub fn body(&mut self) -> &mut [u8] {
        &mut self.body
    }
}
