//! What a database with history logs besides: the fields that a commit computes of each put, and where it is trimmed.

use super::{HAS_DEADLINE, HAS_HISTORY, HAS_LEASE, HEADER_BYTES, Op, OpKind, Reason, ops};
use crate::entry::NO_DEADLINE;
use crate::error::{Code, Error, Result};
use crate::key::{KEYSPACE_USER, Revision};
use crate::limits;

/// Create revision and version.
pub const FIELDS_BYTES: usize = 16;

/// The key of a system operation: the value is the revision below which nothing is read any more.
const TRIM: &[u8] = b"trim";

/// Appends a put with room for its fields; answers where that is.
pub fn push_put(body: &mut Vec<u8>, op: &Op<'_>) -> usize {
    let has_deadline = op.deadline_ms != NO_DEADLINE;
    let flags = if has_deadline { HAS_DEADLINE } else { 0 };
    let flags = flags | if op.lease != 0 { HAS_LEASE } else { 0 };
    start(body, op, flags | HAS_HISTORY);
    if has_deadline {
        body.extend_from_slice(&op.deadline_ms.to_le_bytes());
    }
    if op.lease != 0 {
        body.extend_from_slice(&op.lease.to_le_bytes());
    }
    let fields = body.len();
    body.extend_from_slice(&[0; FIELDS_BYTES]);
    body.extend_from_slice(op.key);
    body.extend_from_slice(op.value);
    fields
}

/// Appends a delete of a user's key.
pub fn push_delete(body: &mut Vec<u8>, reason: Reason, key: &[u8]) {
    let none = |kind, value| Op {
        kind,
        reason,
        keyspace: KEYSPACE_USER,
        deadline_ms: NO_DEADLINE,
        lease: 0,
        create_revision: 0,
        version: 0,
        key,
        value,
    };
    start(body, &none(OpKind::Delete, &[]), 0);
    body.extend_from_slice(key);
}

fn start(body: &mut Vec<u8>, op: &Op<'_>, flags: u8) {
    body.extend_from_slice(&[op.kind as u8, op.reason as u8, op.keyspace, flags]);
    body.extend_from_slice(&(op.key.len() as u16).to_le_bytes());
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(&(op.value.len() as u32).to_le_bytes());
}

/// Fills in the fields of a put, where `push_put` has left room for them.
pub fn set_fields(body: &mut [u8], at: usize, create_revision: Revision, version: u64) {
    body[at..at + 8].copy_from_slice(&create_revision.to_le_bytes());
    body[at + 8..at + FIELDS_BYTES].copy_from_slice(&version.to_le_bytes());
}

/// The body of a record that trims, its header not set.
pub fn trim_record(revision: Revision) -> Vec<u8> {
    let mut body = vec![0; HEADER_BYTES];
    body.extend_from_slice(&[OpKind::System as u8, Reason::User as u8, KEYSPACE_USER, 0]);
    body.extend_from_slice(&(TRIM.len() as u16).to_le_bytes());
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(&8u32.to_le_bytes());
    body.extend_from_slice(TRIM);
    body.extend_from_slice(&revision.to_le_bytes());
    body
}

/// The revision that a record with a system operation trims to.
pub fn trimmed(body: &[u8]) -> Revision {
    let op = ops(body).next().expect("it has one operation");
    Revision::from_le_bytes(op.value.try_into().expect("it was validated"))
}

pub(super) fn check_system(op: &Op<'_>, flags: u8) -> Result<()> {
    if op.key != TRIM {
        let message = format!("the system operation \"{}\" is of a later version", op.key.escape_ascii());
        return Err(Error::new(Code::Unsupported, message));
    }
    let revision = op.value.try_into().map(Revision::from_le_bytes);
    if flags != 0 || op.keyspace != KEYSPACE_USER || !revision.is_ok_and(|it| it <= limits::REVISION_MAX) {
        return Err(Error::invalid("an operation that trims holds a revision and nothing else"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Origin, validate};

    #[test]
    fn a_put_with_its_fields_reads_as_before_and_has_them() {
        for deadline_ms in [None, Some(7)] {
            let mut batch = Batch::new();
            batch.put(KEYSPACE_USER, b"key", b"value", deadline_ms).expect("a put");
            let before = ops(batch.body()).next().expect("one");
            let mut body = vec![0; HEADER_BYTES];
            let at = push_put(&mut body, &before);
            set_fields(&mut body, at, 5, 2);
            push_delete(&mut body, Reason::User, b"gone");
            let summary = validate(&body, Origin::Engine).expect("it is valid");
            assert_eq!((summary.entries, summary.puts), (2, 1));
            let after: Vec<Op<'_>> = ops(&body).collect();
            assert_eq!(after[0], Op { create_revision: 5, version: 2, ..before });
            assert_eq!((after[1].kind, after[1].key), (OpKind::Delete, &b"gone"[..]));
            assert_eq!(validate(&body, Origin::User).expect_err("fields").code(), Code::Invalid);
        }
    }

    #[test]
    fn what_trims_stands_alone_and_comes_from_no_user() {
        let record = trim_record(77);
        let golden = [4, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, b't', b'r', b'i', b'm', 77, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(record[HEADER_BYTES..], golden);
        let summary = validate(&record, Origin::Engine).expect("it is valid");
        assert!(summary.system && !summary.changes_user_keys && trimmed(&record) == 77);
        assert_eq!(validate(&record, Origin::User).expect_err("a user's").code(), Code::Invalid);
        let twice = [&record[..], &record[HEADER_BYTES..]].concat();
        assert_eq!(validate(&twice, Origin::Engine).expect_err("two").code(), Code::Invalid);
        let mut other = record.clone();
        other[HEADER_BYTES + 12] = b'T';
        assert_eq!(validate(&other, Origin::Engine).expect_err("unknown").code(), Code::Unsupported);
        let beyond = trim_record(limits::REVISION_MAX + 1);
        assert_eq!(validate(&beyond, Origin::Engine).expect_err("beyond").code(), Code::Invalid);
    }
}
