//! Iterators: a place among the rows of a range, that moves in both directions.

use crate::alone::alone;
use crate::call::{Failure, Result, answer, call, given};
use crate::code::Code;
use crate::database::Database;
use crate::pointer::{Data, Out};
use crate::range::KeyRange;
use crate::read::Entry;
use crate::rows::Rows;
use crate::snapshot::{Snapshot, stand};
use parking_lot::Mutex;
use std::ptr;

/// Values are not read: of a row `value` is NULL, and `value_length` tells how long it is.
pub const COPPICE_KEYS_ONLY: u32 = 1;

/// A place in a range of a snapshot. One thread at a time.
pub struct RowIterator {
    rows: Mutex<Rows>,
    wants_values: bool,
}

/// A row, valid until the next call with its iterator. `key` NULL: there is none.
#[repr(C)]
pub struct Row {
    pub key: *const u8,
    pub key_length: usize,
    pub value: *const u8,
    pub value_length: usize,
    pub entry: Entry,
}

impl Row {
    const NONE: Row = Row {
        key: ptr::null(),
        key_length: 0,
        value: ptr::null(),
        value_length: 0,
        entry: Entry { revision: 0, deadline_ms: 0, create_revision: 0, version: 0 },
    };
}

impl RowIterator {
    pub fn new(rows: Rows, flags: u32) -> Result<Box<RowIterator>> {
        if flags & !COPPICE_KEYS_ONLY != 0 {
            return Err(Failure::invalid(format!("{flags} are no flags of an iterator")));
        }
        Ok(Box::new(RowIterator { rows: Mutex::new(rows), wants_values: flags & COPPICE_KEYS_ONLY == 0 }))
    }

    fn step(&self, reverse: bool) -> Result<Row> {
        let mut rows = alone(&self.rows, "an iterator")?;
        if !rows.step(reverse)? {
            return Ok(Row::NONE);
        }
        let (key, entry, value_length) = rows.row(self.wants_values)?;
        // Of no bytes, too, it is not NULL.
        let key_length = key.len();
        let key = if key_length == 0 { ptr::dangling() } else { key.as_ptr() };
        let value = match (self.wants_values, value_length) {
            (false, _) => ptr::null(),
            (true, 0) => ptr::dangling(),
            (true, _) => entry.value.as_ptr(),
        };
        Ok(Row { key, key_length, value, value_length, entry: Entry::of(&entry) })
    }
}

fn step(iterator: Option<&RowIterator>, mut row: Out<'_, Row>, reverse: bool) -> Code {
    call(|| {
        row.put(Row::NONE);
        row.put(given(iterator, "iterator")?.step(reverse)?);
        Ok(())
    })
}

/// An iterator over the keys of `range` (NULL: all) as they are in `snapshot` (NULL: now; it keeps a snapshot of its own then).
/// `flags`: 0 or COPPICE_KEYS_ONLY. It stands nowhere: the first coppice_iterator_next moves it to the first row, the first
/// coppice_iterator_prev to the last.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_iterator_new(
    db: Option<&Database>,
    snapshot: Option<&Snapshot>,
    range: Option<&KeyRange<'_>>,
    flags: u32,
    mut iterator: Out<'_, Option<Box<RowIterator>>>,
) -> Code {
    call(|| {
        iterator.begin(None, "iterator")?;
        let shared = given(db, "db")?.shared();
        let rows = Rows::new(shared.clone(), stand(shared, snapshot)?, KeyRange::read(range)?);
        iterator.put(Some(RowIterator::new(rows, flags)?));
        Ok(())
    })
}

/// Moves to the row after the one it stands on; `row.key` is NULL, and the code COPPICE_OK, where there is none. Past the end it
/// stays there, and coppice_iterator_prev gives the last row.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_iterator_next(iterator: Option<&RowIterator>, row: Out<'_, Row>) -> Code {
    step(iterator, row, false)
}

/// Moves to the row before the one it stands on, in the same way.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_iterator_prev(iterator: Option<&RowIterator>, row: Out<'_, Row>) -> Code {
    step(iterator, row, true)
}

/// Stands between the keys before `key` and the others: coppice_iterator_next gives the first row at `key` or after it,
/// coppice_iterator_prev the last one before it.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_iterator_seek(
    iterator: Option<&RowIterator>,
    key: Data<'_>,
    key_length: usize,
) -> Code {
    call(|| {
        let iterator = given(iterator, "iterator")?;
        alone(&iterator.rows, "an iterator")?.seek(key.bytes(key_length, "key")?);
        Ok(())
    })
}

/// Stands nowhere again, as when it was new. It sees what it saw before.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_iterator_reset(iterator: Option<&RowIterator>) -> Code {
    call(|| {
        alone(&given(iterator, "iterator")?.rows, "an iterator")?.reset();
        Ok(())
    })
}

/// NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_iterator_free(iterator: Option<Box<RowIterator>>) {
    answer((), || drop(iterator));
}

/// How many keys of `range` (NULL: all) have a value, by reading them. `snapshot`: NULL counts what is newest.
#[unsafe(no_mangle)]
pub extern "C" fn coppice_count(
    db: Option<&Database>,
    snapshot: Option<&Snapshot>,
    range: Option<&KeyRange<'_>>,
    mut count: Out<'_, u64>,
) -> Code {
    call(|| {
        count.put(0);
        let shared = given(db, "db")?.shared();
        let mut rows = Rows::new(shared.clone(), stand(shared, snapshot)?, KeyRange::read(range)?);
        let mut counted = 0;
        while rows.step(false)? {
            counted += 1;
        }
        count.put(counted);
        Ok(())
    })
}
