//! Transactions: reads of one moment, and writes that become one commit if what was read still is so.

mod before;
mod guards;
mod spans;
mod state;
mod writes;

pub use state::State;
pub use writes::Own;

use crate::alone::alone;
use crate::call::{Failure, Result, answer, call, given};
use crate::code::Code;
use crate::conflict::Conflict;
use crate::database::Database;
use crate::iterator::RowIterator;
use crate::pointer::{Data, Out, Owned};
use crate::range::KeyRange;
use crate::rows::Rows;
use crate::write::deadline;
use parking_lot::Mutex;
use std::sync::Arc;

/// What a commit overwrites is read before it and kept until coppice_transaction_free, so that coppice_transaction_rollback can
/// put it back.
pub const COPPICE_BEFORE_IMAGES: u32 = 1;

/// A transaction, serializable and optimistic: nobody waits for it, and its commit compares. One thread at a time, its iterators
/// included.
pub struct Transaction(Arc<Mutex<State>>);

fn within(transaction: Option<&Transaction>, body: impl FnOnce(&mut State) -> Result<()>) -> Code {
    call(|| body(&mut *alone(&given(transaction, "transaction")?.0, "a transaction")?))
}

/// Begins one. It sees the database as it is now, with its own writes on top, until it is committed or rolled back; while it lives
/// the engine keeps what it sees. `flags`: 0 or COPPICE_BEFORE_IMAGES.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_begin(
    db: Option<&Database>,
    flags: u32,
    mut transaction: Out<'_, Option<Box<Transaction>>>,
) -> Code {
    call(|| {
        transaction.begin(None, "transaction")?;
        if flags & !COPPICE_BEFORE_IMAGES != 0 {
            return Err(Failure::invalid(format!("{flags} are no flags of a transaction")));
        }
        let state = State::new(given(db, "db")?.shared().clone(), flags & COPPICE_BEFORE_IMAGES != 0)?;
        transaction.put(Some(Box::new(Transaction(Arc::new(Mutex::new(state))))));
        Ok(())
    })
}

/// As coppice_get. What was read, a value or that there is none, must still be so at the commit.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_get(
    transaction: Option<&Transaction>,
    key: Data<'_>,
    key_length: usize,
    mut value: Out<'_, Owned>,
    mut value_length: Out<'_, usize>,
) -> Code {
    value.put(Owned::NONE);
    value_length.put(0);
    within(transaction, |state| {
        state.get(key.bytes(key_length, "key")?, |found| {
            if value.is_wanted() {
                value.put(Owned::copy(found));
            }
            value_length.put(found.len());
        })
    })
}

/// Writes a value when the transaction commits. Key and value are copied. COPPICE_TOO_LARGE beyond what a batch may hold.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_put(
    transaction: Option<&Transaction>,
    key: Data<'_>,
    key_length: usize,
    value: Data<'_>,
    value_length: usize,
    deadline_ms: i64,
) -> Code {
    within(transaction, |state| {
        state.check_open()?;
        let value = value.bytes(value_length, "value")?;
        let own = Own { value: Some(value.into()), deadline_ms: deadline(deadline_ms)? };
        state.writes.set(key.bytes(key_length, "key")?, own)
    })
}

/// Removes a key when the transaction commits.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_delete(
    transaction: Option<&Transaction>,
    key: Data<'_>,
    key_length: usize,
) -> Code {
    within(transaction, |state| {
        state.check_open()?;
        state.writes.set(key.bytes(key_length, "key")?, Own::default())
    })
}

/// Removes all keys of a range (NULL: all) when the transaction commits, also those that others have put there by then.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_delete_range(
    transaction: Option<&Transaction>,
    range: Option<&KeyRange<'_>>,
) -> Code {
    within(transaction, |state| {
        state.check_open()?;
        KeyRange::read(range)?.span().map_or(Ok(()), |span| state.writes.delete_range(span))
    })
}

/// As coppice_iterator_new, of what the transaction sees; its own writes have the revision 0. What an iterator has moved over must be
/// at the commit as it was, so that a key which comes into it is noticed too. To be freed as others; COPPICE_CLOSED once the
/// transaction has ended.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_iterator(
    transaction: Option<&Transaction>,
    range: Option<&KeyRange<'_>>,
    flags: u32,
    mut iterator: Out<'_, Option<Box<RowIterator>>>,
) -> Code {
    call(|| {
        iterator.begin(None, "iterator")?;
        let whole = &given(transaction, "transaction")?.0;
        let state = alone(whole, "a transaction")?;
        let rows = Rows::new(state.shared.clone(), state.snapshot()?.clone(), KeyRange::read(range)?);
        iterator.put(Some(RowIterator::new(rows.within(whole.clone()), flags)?));
        Ok(())
    })
}

/// Writes everything as one commit, if what was read still is so. Whatever comes of it, this is the end of the transaction. Without
/// writes nothing is compared, and the revision is the one that it has read; `revision` may be NULL. `durability`: COPPICE_USUAL,
/// COPPICE_PROCESS or COPPICE_DISK. COPPICE_CONFLICT: nothing was written, coppice_transaction_conflict says why; begin again.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_commit(
    transaction: Option<&Transaction>,
    durability: i32,
    mut revision: Out<'_, u64>,
) -> Code {
    within(transaction, |state| {
        revision.put(state.commit(durability)?);
        Ok(())
    })
}

/// Before the commit, and after one that was not made: discards everything. After a commit, of a transaction begun with
/// COPPICE_BEFORE_IMAGES: puts back what it has overwritten, as one commit. COPPICE_CONFLICT if any of the keys was changed since:
/// nothing was written, and it may be tried again. COPPICE_INVALID where nothing was kept.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_rollback(transaction: Option<&Transaction>) -> Code {
    within(transaction, State::rollback)
}

/// One of the keys that the commit or the rollback has lost to, from index 0 on. The key is valid until the next call with the
/// transaction. COPPICE_INVALID where there is no more.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_conflict(
    transaction: Option<&Transaction>,
    index: usize,
    mut conflict: Out<'_, Conflict>,
) -> Code {
    within(transaction, |state| {
        conflict.put(state.conflicts.at(index)?);
        Ok(())
    })
}

/// Discards what was not committed, and what was kept for a rollback. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_transaction_free(transaction: Option<Box<Transaction>>) {
    // Iterators may live on: they find that it has ended.
    answer((), || transaction.iter().for_each(|transaction| transaction.0.lock().end()));
}
