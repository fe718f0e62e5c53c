//! Writes. JavaScript packs a batch as the log records it; a single operation is packed here, straight from its
//! arguments. A write answers its revision, or a negative number that says why there is none.

use crate::context::Context;
use crate::engine::{Conflict, Guard, LargeValue, Written};
use crate::message::Outcome;
use crate::raw::{Call, Value};
use crate::shared::Shared;
use crate::task;
use coppice_engine::batch::{HEADER_BYTES, OP_BYTES};
use coppice_engine::entry::Kind;
use coppice_engine::error::{Code, Error, Result};
use coppice_engine::limits::{KEY_BYTES_MAX, RECORD_BYTES_MAX};
use std::sync::Arc;

/// Nothing was done for want of memory; the event `room` follows.
pub const STALLED: f64 = -1.0;
/// A guard failed. Header: [revision, conflicts]; data: for each [guard, revision or 0, bytes of its key or -1], as `f64`,
/// then the keys.
pub const REFUSED: f64 = -2.0;
/// Nothing was done: with history the commit has to read what there was, which `commitLater` does on another thread.
const LATER: f64 = -3.0;

/// Flag of an operation that carries a deadline.
const HAS_DEADLINE: u8 = 1;
/// What is told of a conflict, without its key.
const CONFLICT_BYTES: usize = 24;
/// Room for one operation is kept from call to call up to this size.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// `put(handle, key, value, deadlineMs): number`; a deadline of 0 is none.
pub fn put(context: &mut Context, call: &Call) -> Result<Value> {
    let deadline_ms = call.integer(3)?;
    single(context, call, |body| {
        start(body, Kind::Put, if deadline_ms == 0 { 0 } else { HAS_DEADLINE });
        if deadline_ms != 0 {
            body.extend_from_slice(&deadline_ms.to_le_bytes());
        }
        let key_start = body.len();
        call.append_bytes(1, KEY_BYTES_MAX, "key", body)?;
        let value_start = body.len();
        call.append_bytes(2, RECORD_BYTES_MAX - value_start, "value", body)?;
        let end = body.len();
        set_lengths(body, value_start - key_start, end - value_start);
        Ok(())
    })
}

/// `del(handle, key): number`
pub fn del(context: &mut Context, call: &Call) -> Result<Value> {
    single(context, call, |body| {
        start(body, Kind::Delete, 0);
        let key_start = body.len();
        call.append_bytes(1, KEY_BYTES_MAX, "key", body)?;
        let end = body.len();
        set_lengths(body, end - key_start, 0);
        Ok(())
    })
}

#[inline]
fn single(
    context: &mut Context,
    call: &Call,
    pack: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<Value> {
    let Context { handles, body, shared, .. } = context;
    let db = handles.get(call.integer(0)?)?.db();
    if body.capacity() > KEPT_BYTES_MAX {
        *body = Vec::new();
    }
    body.clear();
    pack(body)?;
    answer(call, Shared::of(shared)?, db.write_now(body, &[]))
}

#[inline]
fn start(body: &mut Vec<u8>, kind: Kind, flags: u8) {
    body.resize(HEADER_BYTES + OP_BYTES, 0);
    body[HEADER_BYTES] = kind as u8;
    body[HEADER_BYTES + 3] = flags;
}

/// Key and value have been appended, so their lengths are known to be in range.
#[inline]
fn set_lengths(body: &mut [u8], key: usize, value: usize) {
    body[HEADER_BYTES + 4..][..2].copy_from_slice(&(key as u16).to_le_bytes());
    body[HEADER_BYTES + 8..][..4].copy_from_slice(&(value as u32).to_le_bytes());
}

/// `commit(handle, body: Uint8Array, bytes, guards: Uint8Array | undefined): number`; the record is the first `bytes`.
/// The guards are packed as `unpack` says.
pub fn commit(context: &mut Context, call: &Call) -> Result<Value> {
    let Context { handles, shared, .. } = context;
    let db = handles.get(call.integer(0)?)?.db();
    let length = call.integer(2)? as usize;
    let mut packed = Vec::new();
    if !call.is_undefined(3) {
        call.append_bytes(3, RECORD_BYTES_MAX, "list of guards", &mut packed)?;
    }
    let guards = unpack(&packed)?;
    let written = call.with_array(1, length, |body| Ok(db.write_now(body, &guards)))?;
    answer(call, Shared::of(shared)?, written)
}

/// `commitLarge(handle, body, bytes, guards, large: Uint8Array): number`, as `commit`. Some puts have large values and
/// are empty in the body: their index and the number of the value, as `f64` each, in the order of the operations.
pub fn commit_large(context: &mut Context, call: &Call) -> Result<Value> {
    let length = call.integer(2)? as usize;
    let mut packed = Vec::new();
    if !call.is_undefined(3) {
        call.append_bytes(3, RECORD_BYTES_MAX, "list of guards", &mut packed)?;
    }
    let values = large_values(context, call)?;
    let Context { handles, shared, .. } = context;
    let db = handles.get(call.integer(0)?)?.db();
    let guards = unpack(&packed)?;
    let borrowed: Vec<(usize, &LargeValue)> =
        values.iter().map(|(index, value)| (*index, &**value)).collect();
    let written = call.with_array(1, length, |body| {
        // It may have to wait for the disk.
        if db.keeps_history() || guards.iter().any(Guard::is_range) {
            return Ok(Err(Error::new(Code::WouldBlock, "large values are committed on another thread")));
        }
        Ok(db.write_large(body, &guards, &borrowed))
    })?;
    answer(call, Shared::of(shared)?, written)
}

/// `commitLater(handle, body, bytes, guards, large: Uint8Array): number`, the task that does what `commitLarge` does, with
/// any number of large values.
pub fn commit_later(context: &mut Context, call: &Call) -> Result<Value> {
    let db = context.handles.get(call.integer(0)?)?.db().clone();
    let length = call.integer(2)? as usize;
    let mut packed = Vec::new();
    if !call.is_undefined(3) {
        call.append_bytes(3, RECORD_BYTES_MAX, "list of guards", &mut packed)?;
    }
    let values = large_values(context, call)?;
    let mut body = call.with_array(1, length, |body| Ok(body.to_vec()))?;
    let task = task::read(context.mailbox()?, move |_| {
        let guards = unpack(&packed)?;
        let borrowed: Vec<(usize, &LargeValue)> =
            values.iter().map(|(index, value)| (*index, &**value)).collect();
        let written = match borrowed.is_empty() {
            true => db.write(&mut body, &guards)?,
            false => db.write_large(&body, &guards, &borrowed)?,
        };
        Ok(Outcome::Committed(written))
    })?;
    call.value(task)
}

/// Argument 4 of the calls that take large values.
fn large_values(context: &Context, call: &Call) -> Result<Vec<(usize, Arc<LargeValue>)>> {
    let mut pairs = Vec::new();
    call.append_bytes(4, RECORD_BYTES_MAX, "list of large values", &mut pairs)?;
    let pairs = pairs.chunks_exact(16).map(|pair| (integer(&pair[..8]) as usize, integer(&pair[8..])));
    pairs.map(|(index, number)| Ok((index, context.large.get(number)?.whole()?))).collect()
}

fn integer(bytes: &[u8]) -> u64 {
    f64::from_le_bytes(bytes.try_into().expect("eight bytes")) as u64
}

#[inline]
fn answer(call: &Call, shared: &mut Shared, written: Result<Written>) -> Result<Value> {
    let written = match written {
        Err(error) if error.code() == Code::WouldBlock => return call.value(LATER),
        written => written?,
    };
    match written {
        Written::Committed(revision) | Written::Deleted { revision, .. } => call.value(revision as f64),
        Written::Stalled => call.value(STALLED),
        Written::Conflict { revision, conflicts } => {
            let told = tell(shared.data(), &conflicts);
            shared.set_header(&[revision as f64, told as f64]);
            call.value(REFUSED)
        }
    }
}

/// As many conflicts as there is room for.
fn tell(data: &mut [u8], conflicts: &[Conflict]) -> usize {
    let key = |conflict: &Conflict| conflict.key.as_ref().map_or(0, Vec::len);
    let mut bytes = 0;
    let fits = |conflict: &&Conflict| {
        bytes += CONFLICT_BYTES + key(conflict);
        bytes <= data.len()
    };
    let told = conflicts.iter().take_while(fits).count();
    let (fixed, mut keys) = data.split_at_mut(told * CONFLICT_BYTES);
    for (place, conflict) in fixed.chunks_exact_mut(CONFLICT_BYTES).zip(conflicts) {
        let length = conflict.key.as_ref().map_or(-1.0, |key| key.len() as f64);
        let numbers = [conflict.guard as f64, conflict.revision.unwrap_or(0) as f64, length];
        for (place, number) in place.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        let (place, rest) = keys.split_at_mut(key(conflict));
        place.copy_from_slice(conflict.key.as_deref().unwrap_or_default());
        keys = rest;
    }
    told
}

/// One after the other, little endian. Of a key: `0 u8, revision f64 (0: must not exist), key`; of a range: `1 u8,
/// since f64, lower, upper`. What has bytes has `length u32` before them.
fn unpack(mut packed: &[u8]) -> Result<Vec<Guard<'_>>> {
    let mut guards = Vec::new();
    while let Some((kind, rest)) = packed.split_first() {
        let (revision, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let revision = f64::from_le_bytes(*revision) as u64;
        let (key, rest) = unpack_bytes(rest)?;
        packed = rest;
        guards.push(match kind {
            0 => Guard::Key { key, revision: (revision != 0).then_some(revision) },
            1 => {
                let (upper, rest) = unpack_bytes(packed)?;
                packed = rest;
                Guard::Range { lower: key, upper, since: revision }
            }
            _ => return Err(malformed()),
        });
    }
    Ok(guards)
}

fn unpack_bytes(packed: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = packed.split_first_chunk::<4>().ok_or_else(malformed)?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(malformed)
}

fn malformed() -> Error {
    Error::invalid("guards are not packed as they should be")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(kind: u8, revision: f64, keys: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&revision.to_le_bytes());
        for key in keys {
            bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
            bytes.extend_from_slice(key);
        }
        bytes
    }

    #[test]
    fn guards_are_unpacked_in_order() {
        let bytes = [packed(0, 7.0, &[b"a"]), packed(1, 9.0, &[b"b", b""]), packed(0, 0.0, &[b""])].concat();
        let guards = unpack(&bytes).unwrap();
        assert!(matches!(guards[0], Guard::Key { key: b"a", revision: Some(7) }));
        assert!(matches!(guards[1], Guard::Range { lower: b"b", upper: b"", since: 9 }));
        assert!(matches!(guards[2], Guard::Key { key: b"", revision: None }));
        assert_eq!(guards.len(), 3);
    }

    #[test]
    fn guards_cut_anywhere_or_of_another_kind_are_refused() {
        for bytes in [packed(0, 7.0, &[b"key"]), packed(1, 7.0, &[b"lower", b"upper"])] {
            assert!(unpack(&bytes).is_ok());
            for length in 1..bytes.len() {
                assert!(unpack(&bytes[..length]).is_err(), "{length}");
            }
        }
        assert!(unpack(&packed(2, 7.0, &[b"key"])).is_err());
    }

    #[test]
    fn as_many_conflicts_are_told_as_there_is_room_for() {
        let conflicts = [
            Conflict { guard: 1, key: Some(b"key".to_vec()), revision: None },
            Conflict { guard: 2, key: None, revision: Some(7) },
            Conflict { guard: 5, key: Some(Vec::new()), revision: Some(9) },
        ];
        for (room, told) in [(26, 0), (27, 1), (50, 1), (51, 2), (74, 2), (75, 3), (200, 3)] {
            assert_eq!(tell(&mut vec![0; room], &conflicts), told, "{room} bytes");
        }
        let mut data = [0; 75];
        tell(&mut data, &conflicts);
        let numbers = data[..72].chunks_exact(8).map(|number| f64::from_ne_bytes(number.try_into().unwrap()));
        assert_eq!(numbers.collect::<Vec<_>>(), [1.0, 0.0, 3.0, 2.0, 7.0, -1.0, 5.0, 9.0, 0.0]);
        assert_eq!(&data[72..], b"key");
    }
}
