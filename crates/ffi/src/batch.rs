//! Several operations as one commit, with conditions.

use crate::alone::alone;
use crate::call::{Result, answer, call, given};
use crate::code::Code;
use crate::conflict::{Conflict, Conflicts};
use crate::database::Database;
use crate::engine::Guard;
use crate::pointer::{Data, Out};
use crate::range::KeyRange;
use crate::write::{Durability, Pack, deadline};
use parking_lot::Mutex;
use std::borrow::Cow;

/// Operations and conditions that become one commit. One thread at a time; it belongs to no database.
#[derive(Default)]
pub struct Batch(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    pack: Pack<'static>,
    /// A key, and the revision that it must have; none: it must have no value.
    checks: Vec<(Vec<u8>, Option<u64>)>,
    conflicts: Conflicts,
}

impl Contents {
    fn write(&mut self, db: &Database, durability: i32) -> Result<u64> {
        let Contents { pack, checks, conflicts } = self;
        *conflicts = Conflicts::default();
        let shared = db.shared();
        let durability = Durability::read(durability, shared.durability)?;
        let guards: Vec<_> =
            checks.iter().map(|(key, revision)| Guard::Key { key, revision: *revision }).collect();
        shared.commit(pack, &guards, durability, conflicts)
    }
}

fn change(batch: Option<&Batch>, change: impl FnOnce(&mut Contents) -> Result<()>) -> Code {
    call(|| change(&mut *alone(&given(batch, "batch")?.0, "a batch")?))
}

/// An empty batch.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_new(mut batch: Out<'_, Option<Box<Batch>>>) -> Code {
    call(|| {
        batch.begin(None, "batch")?;
        batch.put(Some(Box::default()));
        Ok(())
    })
}

/// Adds a put, as coppice_put. Key and value are copied. COPPICE_TOO_LARGE beyond 32 MiB, or 1 GiB of values over 1 MiB, which
/// do not count among the first: the batch is as it was then.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_put(
    batch: Option<&Batch>,
    key: Data<'_>,
    key_length: usize,
    value: Data<'_>,
    value_length: usize,
    deadline_ms: i64,
) -> Code {
    change(batch, |Contents { pack, .. }| {
        let value = value.bytes(value_length, "value")?;
        pack.put(key.bytes(key_length, "key")?, Cow::Owned(value.to_vec()), deadline(deadline_ms)?)
    })
}

/// Adds a delete.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_delete(batch: Option<&Batch>, key: Data<'_>, key_length: usize) -> Code {
    change(batch, |Contents { pack, .. }| pack.delete(key.bytes(key_length, "key")?))
}

/// Adds a delete of a range: of what is there at the commit, and of what the batch has put there before.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_delete_range(batch: Option<&Batch>, range: Option<&KeyRange<'_>>) -> Code {
    change(batch, |Contents { pack, .. }| {
        KeyRange::read(range)?.span().map_or(Ok(()), |span| pack.delete_range(&span))
    })
}

/// Adds a condition: the key still has the value that was written at this revision (coppice_get_entry), or, with revision 0, none.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_check(
    batch: Option<&Batch>,
    key: Data<'_>,
    key_length: usize,
    revision: u64,
) -> Code {
    change(batch, |Contents { checks, .. }| {
        let key = key.bytes(key_length, "key")?;
        checks.push((key.to_vec(), (revision > 0).then_some(revision)));
        Ok(())
    })
}

/// How many operations were added.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_count(batch: Option<&Batch>, mut count: Out<'_, usize>) -> Code {
    change(batch, |Contents { pack, .. }| {
        count.put(pack.count());
        Ok(())
    })
}

/// Forgets operations and conditions.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_clear(batch: Option<&Batch>) -> Code {
    change(batch, |contents| {
        *contents = Contents::default();
        Ok(())
    })
}

/// Commits all operations, in their order, if all conditions hold: all or none, as one revision, which may be NULL. The batch
/// stays as it is and may be written again. `durability`: COPPICE_USUAL, COPPICE_PROCESS or COPPICE_DISK. Without operations no
/// revision is taken. COPPICE_CONFLICT: coppice_batch_conflict says which conditions do not hold.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_write(
    db: Option<&Database>,
    batch: Option<&Batch>,
    durability: i32,
    mut revision: Out<'_, u64>,
) -> Code {
    change(batch, |contents| {
        revision.put(contents.write(given(db, "db")?, durability)?);
        Ok(())
    })
}

/// One of the conditions that did not hold when the batch was last written, from index 0 on, in their order. The key is valid
/// until the batch is written, cleared or freed. COPPICE_INVALID where there is no more.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_conflict(
    batch: Option<&Batch>,
    index: usize,
    mut conflict: Out<'_, Conflict>,
) -> Code {
    change(batch, |Contents { conflicts, .. }| {
        conflict.put(conflicts.at(index)?);
        Ok(())
    })
}

/// NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_batch_free(batch: Option<Box<Batch>>) {
    answer((), || drop(batch));
}
