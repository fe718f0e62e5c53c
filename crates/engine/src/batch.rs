//! The body of a log record: a header, then operations in the order they act. The same bytes stand in a segment, in a
//! slot of the repository and on the wire between peers; `docs/formats/log.md` gives every byte.
//!
//! JavaScript packs operations straight into this form, so a body is checked once (`validate`) where it enters and then
//! read without further checks (`ops`). The header is filled in under the commit lock (`set_header`). Nothing here is
//! shared between threads.

mod bodies;
mod builder;
mod history;
mod large;

pub use bodies::{bodies, put_body};
pub use builder::Batch;
pub use history::{FIELDS_BYTES, push_delete, push_put, set_fields, trim_record, trimmed};
pub use large::with_references;

use crate::entry::{Entry, Kind, NO_DEADLINE};
use crate::error::{Code, Error, Result};
use crate::key::{Revision, Sequence};
use crate::limits;
use crate::range_delete::{RangeDelete, RangeDeletes};

/// Bytes before the first operation.
pub const HEADER_BYTES: usize = 32;
/// Bytes of an operation before its optional fields, key and value.
pub const OP_BYTES: usize = 12;

const HAS_DEADLINE: u8 = 1;
const HAS_LEASE: u8 = 2;
const HAS_HISTORY: u8 = 4;

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// Operations.
    Data = 1,
    /// The last record of a segment: the next one follows.
    Seal = 2,
    /// The last record of a database that was closed well.
    Close = 3,
}

/// The first 32 bytes of a body. Seal and close records count no operations and repeat the sequence and revision of the
/// last data record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: RecordKind,
    pub count: u32,
    pub sequence: Sequence,
    pub revision: Revision,
    /// The engine's time of the commit, unix milliseconds.
    pub time_ms: i64,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OpKind {
    Put = 1,
    Delete = 2,
    /// Of all keys from `key` on and below `value`; no value: to the end of the keyspace.
    RangeDelete = 3,
    /// Something about the database as a whole: the key says what. The only operation of its record.
    System = 4,
    /// A put whose value is in blob parts.
    Reference = 5,
}

/// Why an operation was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    User = 0,
    /// Its deadline had passed.
    Ttl = 1,
    /// Its lease had ended.
    Lease = 2,
}

/// Who packed a body, which decides what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A public call: the user's keyspace only, and no fields that the commit computes.
    User,
    /// The engine itself, or a log.
    Engine,
}

/// What a body asks for, summed while it is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Operations, which is also the entries they make in a memtable.
    pub entries: usize,
    /// Bytes of stored keys (with their keyspace byte) and values.
    pub key_and_value_bytes: usize,
    /// Whether a key of the user's keyspace changes, so that the commit takes a revision.
    pub changes_user_keys: bool,
    /// Operations that store something.
    pub puts: usize,
    pub range_deletes: usize,
    /// Puts whose value is in blob parts.
    pub references: usize,
    /// Whether the record is about the database as a whole: it then makes no entry.
    pub system: bool,
}

impl Summary {
    /// What the operations bring to a memtable beside the records that it makes of entries.
    pub fn memtable_bytes(&self) -> usize {
        self.key_and_value_bytes + RangeDeletes::bytes_of(0) * self.range_deletes
    }
}

/// One checked operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op<'a> {
    pub kind: OpKind,
    pub reason: Reason,
    pub keyspace: u8,
    /// Unix milliseconds, or `NO_DEADLINE`.
    pub deadline_ms: i64,
    /// 0: none.
    pub lease: i64,
    /// 0: not computed.
    pub create_revision: Revision,
    /// 0: not computed.
    pub version: u64,
    /// Without the keyspace byte.
    pub key: &'a [u8],
    pub value: &'a [u8],
}

impl<'a> Op<'a> {
    /// The version of the key that this operation makes at `revision`. Not for a range delete.
    #[inline]
    pub fn entry(&self, revision: Revision) -> Entry<'a> {
        debug_assert!(self.makes_a_version(), "neither a range delete nor what is not about a key");
        Entry {
            kind: match self.kind {
                OpKind::Put => Kind::Put,
                OpKind::Reference => Kind::Reference,
                OpKind::Delete | OpKind::RangeDelete | OpKind::System => Kind::Delete,
            },
            revision,
            deadline_ms: self.deadline_ms,
            lease: self.lease,
            create_revision: self.create_revision,
            version: self.version,
            value: self.value,
        }
    }

    fn makes_a_version(&self) -> bool {
        !matches!(self.kind, OpKind::RangeDelete | OpKind::System)
    }

    /// What this operation, a range delete, hides at `revision`.
    pub fn range_delete(&self, revision: Revision) -> RangeDelete {
        let upper = match self.value {
            [] => vec![self.keyspace + 1],
            upper => stored(self.keyspace, upper),
        };
        RangeDelete { lower: stored(self.keyspace, self.key).into(), upper: upper.into(), revision }
    }
}

fn stored(keyspace: u8, key: &[u8]) -> Vec<u8> {
    [&[keyspace], key].concat()
}

/// Writes the header over the first bytes of `body`. Panics if there is no room for one.
pub fn set_header(body: &mut [u8], header: Header) {
    let to = &mut body[..HEADER_BYTES];
    to[0] = header.kind as u8;
    to[1..4].fill(0);
    to[4..8].copy_from_slice(&header.count.to_le_bytes());
    to[8..16].copy_from_slice(&header.sequence.to_le_bytes());
    to[16..24].copy_from_slice(&header.revision.to_le_bytes());
    to[24..32].copy_from_slice(&header.time_ms.to_le_bytes());
}

/// Reads the header of a body from a log. A flag of a later version is `Format`.
pub fn header(body: &[u8]) -> Result<Header> {
    let Some(bytes) = body.first_chunk::<HEADER_BYTES>() else {
        return Err(Error::corrupt(format!(
            "a log record of {} bytes has no room for its header",
            body.len()
        )));
    };
    let kind = match bytes[0] {
        1 => RecordKind::Data,
        2 => RecordKind::Seal,
        3 => RecordKind::Close,
        other => return Err(Error::new(Code::Format, format!("unknown kind of log record {other}"))),
    };
    if bytes[1..4] != [0; 3] {
        return Err(Error::new(Code::Format, format!("unknown log record flags {:#04x}", bytes[1])));
    }
    Ok(Header {
        kind,
        count: u32_at(bytes, 4),
        sequence: u64_at(bytes, 8),
        revision: u64_at(bytes, 16),
        time_ms: i64_at(bytes, 24),
    })
}

/// Checks every operation of a body once; after it `ops` may be used. What stands in the header is not looked at.
///
/// Over a limit is `TooLarge`, malformed or not allowed from `origin` is `Invalid`, and what this version cannot do yet
/// is `Unsupported`.
pub fn validate(body: &[u8], origin: Origin) -> Result<Summary> {
    if body.len() > limits::RECORD_BYTES_MAX {
        let max = limits::RECORD_BYTES_MAX;
        let message = format!("a batch of {} bytes is over the limit of {max} bytes", body.len());
        return Err(Error::new(Code::TooLarge, message));
    }
    if body.len() < HEADER_BYTES {
        return Err(Error::invalid("a batch has no room for its header"));
    }
    let mut summary = Summary::default();
    let mut rest = &body[HEADER_BYTES..];
    while !rest.is_empty() {
        let (op, after) = split_checked(rest, origin)?;
        summary.entries += 1;
        summary.key_and_value_bytes += 1 + op.key.len() + op.value.len();
        summary.puts += usize::from(matches!(op.kind, OpKind::Put | OpKind::Reference));
        summary.references += usize::from(op.kind == OpKind::Reference);
        summary.range_deletes += usize::from(op.kind == OpKind::RangeDelete);
        summary.system |= op.kind == OpKind::System;
        summary.changes_user_keys |= op.keyspace == crate::key::KEYSPACE_USER && op.kind != OpKind::System;
        rest = after;
    }
    if summary.system && summary.entries > 1 {
        return Err(Error::invalid("what is about the database as a whole has a record of its own"));
    }
    if summary.entries > limits::RECORD_OPS_MAX {
        let (found, max) = (summary.entries, limits::RECORD_OPS_MAX);
        return Err(Error::new(
            Code::TooLarge,
            format!("a batch of {found} operations is over the limit of {max}"),
        ));
    }
    Ok(summary)
}

/// Checks a body that a log gave back, header and operations; what `validate` finds wrong is `Corrupt` here.
pub fn validate_logged(body: &[u8]) -> Result<(Header, Summary)> {
    let header = header(body)?;
    if header.revision > limits::REVISION_MAX {
        return Err(Error::corrupt(format!("a log record has the revision {}", header.revision)));
    }
    let summary = validate(body, Origin::Engine).map_err(|error| match error.code() {
        Code::Unsupported => error,
        _ => Error::corrupt(format!("a log record is malformed: {}", error.message())),
    })?;
    if summary.entries != header.count as usize {
        let (counted, count) = (summary.entries, header.count);
        return Err(Error::corrupt(format!("a log record holds {counted} operations and says {count}")));
    }
    Ok((header, summary))
}

/// The operations of a body that `validate` accepted. Panics on one that it would not have.
pub fn ops(body: &[u8]) -> Ops<'_> {
    Ops { rest: &body[HEADER_BYTES..] }
}

/// See `ops`.
#[derive(Clone, Debug)]
pub struct Ops<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Ops<'a> {
    type Item = Op<'a>;

    #[inline]
    fn next(&mut self) -> Option<Op<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (op, rest) = split(self.rest).expect("the body was validated");
        self.rest = rest;
        Some(op)
    }
}

fn split_checked(bytes: &[u8], origin: Origin) -> Result<(Op<'_>, &[u8])> {
    let (op, rest) = split(bytes).ok_or_else(|| Error::invalid("an operation of a batch is malformed"))?;
    let flags = bytes[3];
    if op.kind == OpKind::Delete && (flags & !HAS_HISTORY != 0 || !op.value.is_empty()) {
        return Err(Error::invalid("a delete has no value, deadline or lease"));
    }
    if op.kind != OpKind::Delete && op.reason != Reason::User {
        return Err(Error::invalid("only a delete can be made by a deadline or a lease"));
    }
    match op.kind {
        OpKind::RangeDelete => check_range_delete(&op, flags)?,
        OpKind::System => history::check_system(&op, flags)?,
        _ => {}
    }
    if flags & HAS_DEADLINE != 0 && (op.deadline_ms <= 0 || op.deadline_ms == NO_DEADLINE) {
        return Err(Error::invalid(format!("the deadline {} is out of range", op.deadline_ms)));
    }
    if origin == Origin::User {
        if op.keyspace != crate::key::KEYSPACE_USER {
            return Err(Error::invalid(format!("the keyspace {} is not open to users", op.keyspace)));
        }
        if flags & HAS_HISTORY != 0 {
            return Err(Error::invalid("history fields are computed by the commit"));
        }
        if matches!(op.kind, OpKind::Reference | OpKind::System) {
            return Err(Error::invalid("references and system operations are made by the engine"));
        }
    }
    if op.value.len() > limits::VALUE_BYTES_MAX {
        return Err(Error::new(
            Code::TooLarge,
            format!("a value of {} bytes is over the limit", op.value.len()),
        ));
    }
    Ok((op, rest))
}

fn check_range_delete(op: &Op<'_>, flags: u8) -> Result<()> {
    if flags != 0 || op.keyspace == u8::MAX {
        return Err(Error::invalid("a range delete has no flags, and none reaches the last keyspace"));
    }
    // One byte more than a key: the bound that lies just behind the longest one.
    if op.value.len() > limits::KEY_BYTES_MAX + 1 {
        let message = format!("the upper bound of a range delete has {} bytes: too many", op.value.len());
        return Err(Error::new(Code::TooLarge, message));
    }
    if !op.value.is_empty() && op.key >= op.value {
        return Err(Error::invalid("a range delete ends before it begins"));
    }
    Ok(())
}

/// The first operation and what follows it; `None` if it is malformed in itself.
#[inline]
fn split(bytes: &[u8]) -> Option<(Op<'_>, &[u8])> {
    let (fixed, mut rest) = bytes.split_first_chunk::<OP_BYTES>()?;
    let [kind, reason, keyspace, flags, key_low, key_high, 0, 0, ..] = *fixed else { return None };
    let kind = match kind {
        1 => OpKind::Put,
        2 => OpKind::Delete,
        3 => OpKind::RangeDelete,
        4 => OpKind::System,
        5 => OpKind::Reference,
        _ => return None,
    };
    let reason = match reason {
        0 => Reason::User,
        1 => Reason::Ttl,
        2 => Reason::Lease,
        _ => return None,
    };
    if flags & !(HAS_DEADLINE | HAS_LEASE | HAS_HISTORY) != 0 {
        return None;
    }
    let key_bytes = usize::from(u16::from_le_bytes([key_low, key_high]));
    let value_bytes = u32_at(fixed, 8) as usize;
    let mut field = |present: bool| -> Option<[u8; 8]> {
        if !present {
            return Some([0; 8]);
        }
        let (field, after) = rest.split_first_chunk::<8>()?;
        rest = after;
        Some(*field)
    };
    let deadline_ms = match flags & HAS_DEADLINE {
        0 => NO_DEADLINE,
        _ => i64::from_le_bytes(field(true)?),
    };
    let lease = i64::from_le_bytes(field(flags & HAS_LEASE != 0)?);
    let create_revision = u64::from_le_bytes(field(flags & HAS_HISTORY != 0)?);
    let version = u64::from_le_bytes(field(flags & HAS_HISTORY != 0)?);
    let (key, rest) = rest.split_at_checked(key_bytes)?;
    let (value, rest) = rest.split_at_checked(value_bytes)?;
    Some((Op { kind, reason, keyspace, deadline_ms, lease, create_revision, version, key, value }, rest))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    u64_at(bytes, at) as i64
}

#[cfg(test)]
mod tests;
