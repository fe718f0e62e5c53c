//! Reads of single keys.

use crate::call::{call, given};
use crate::code::Code;
use crate::database::Database;
use crate::engine::{EngineEntry, NO_DEADLINE};
use crate::pointer::{Data, Out, Owned, Room};
use crate::snapshot::{Snapshot, view};
use crate::write::COPPICE_NEVER;

/// What is known of a value beside itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Of the commit that wrote it; 0: there is none, or, in a transaction, it is its own.
    pub revision: u64,
    /// When it expires, in Unix milliseconds; COPPICE_NEVER.
    pub deadline_ms: i64,
    /// With history: the commit that wrote the key when it had no value; else 0.
    pub create_revision: u64,
    /// With history: how often the key was written since, from 1 on; else 0.
    pub version: u64,
}

impl Entry {
    pub fn of(entry: &EngineEntry<'_>) -> Entry {
        Entry {
            revision: entry.revision,
            deadline_ms: if entry.deadline_ms == NO_DEADLINE { COPPICE_NEVER } else { entry.deadline_ms },
            create_revision: entry.create_revision,
            version: entry.version,
        }
    }
}

/// A value, for coppice_free to free; where the key has none it is NULL, and the code COPPICE_OK. An empty value is not NULL.
/// `snapshot`: NULL reads what is newest.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_get(
    db: Option<&Database>,
    snapshot: Option<&Snapshot>,
    key: Data<'_>,
    key_length: usize,
    value: Out<'_, Owned>,
    value_length: Out<'_, usize>,
) -> Code {
    coppice_get_entry(db, snapshot, key, key_length, value, value_length, Out::NOBODY)
}

/// The same, and what is known of the value beside: its revision is 0 where the key has none. Any of the last three may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_get_entry(
    db: Option<&Database>,
    snapshot: Option<&Snapshot>,
    key: Data<'_>,
    key_length: usize,
    mut value: Out<'_, Owned>,
    mut value_length: Out<'_, usize>,
    mut entry: Out<'_, Entry>,
) -> Code {
    call(|| {
        value.put(Owned::NONE);
        value_length.put(0);
        entry.put(Entry::default());
        let shared = given(db, "db")?.shared();
        let (key, view) = (key.bytes(key_length, "key")?, view(shared, snapshot)?);
        shared.db.get(key, view, |found| {
            if value.is_wanted() {
                value.put(Owned::copy(found.value));
            }
            value_length.put(found.value.len());
            entry.put(Entry::of(found));
        })?;
        Ok(())
    })
}

/// A value, copied to where the caller has room for `capacity` bytes: as much as there is room for. `value_length` is the length
/// of all of it, so that more than `capacity` says how much room it takes. `found`: 1, or 0 where the key has no value.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_get_into(
    db: Option<&Database>,
    snapshot: Option<&Snapshot>,
    key: Data<'_>,
    key_length: usize,
    room: Room<'_>,
    capacity: usize,
    mut value_length: Out<'_, usize>,
    mut found: Out<'_, i32>,
) -> Code {
    call(|| {
        value_length.put(0);
        found.put(0);
        let shared = given(db, "db")?.shared();
        let (key, view) = (key.bytes(key_length, "key")?, view(shared, snapshot)?);
        shared.db.get(key, view, |entry| {
            room.fill(capacity, entry.value);
            value_length.put(entry.value.len());
            found.put(1);
        })?;
        Ok(())
    })
}

/// `found`: 1 if the key has a value, else 0. Reads no value.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_has(
    db: Option<&Database>,
    snapshot: Option<&Snapshot>,
    key: Data<'_>,
    key_length: usize,
    mut found: Out<'_, i32>,
) -> Code {
    call(|| {
        found.put(0);
        let shared = given(db, "db")?.shared();
        let key = key.bytes(key_length, "key")?;
        found.put(shared.db.has(key, view(shared, snapshot)?)?.into());
        Ok(())
    })
}

/// Frees what a call has made for the caller. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_free(bytes: Owned) {
    bytes.free();
}
