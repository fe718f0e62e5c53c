//! One chunk of rows being packed. Every place is checked against the buffer: a row that does not fit is not begun.

use crate::calls::get::deadline;
use crate::engine::RangeCursor;
use crate::raw::{Call, Value};
use crate::shared::Shared;
use coppice_engine::entry::Entry;
use coppice_engine::error::Result;

/// With columns for so many rows the longest key still fits the smallest shared buffer.
const ROWS_MAX: u64 = 2048;

/// What of a row JavaScript asked for; the low bits of the `flags` argument.
#[derive(Clone, Copy)]
pub struct Wanted {
    keys: bool,
    keys_as_text: bool,
    values: bool,
    values_as_text: bool,
    details: bool,
    /// Besides details.
    versions: bool,
}

impl Wanted {
    pub fn from_bits(bits: u64) -> Self {
        let bit = |index: u32| bits & 1 << index != 0;
        Wanted {
            keys: bit(0),
            keys_as_text: bit(1),
            values: bit(2),
            values_as_text: bit(3),
            details: bit(4),
            versions: bit(5),
        }
    }

    pub fn values(self) -> bool {
        self.values
    }

    fn nothing(self) -> bool {
        !(self.keys || self.values || self.details)
    }
}

/// Bits of the chunk's own flags: text that is all ASCII can be decoded in one piece and then cut.
const KEYS_ASCII: u32 = 1;
const VALUES_ASCII: u32 = 2;
const VALUE_TOO_LARGE: u32 = 4;
const COLD: u32 = 8;

pub struct Chunk {
    wanted: Wanted,
    /// How many rows there are columns for.
    room: u32,
    pub rows: u32,
    /// No row follows.
    pub last: bool,
    /// The number of the cursor that goes on after this chunk.
    pub cursor: u64,
    flags: u32,
    /// Where keys begin, and how far they reach.
    keys_start: usize,
    keys_end: usize,
    /// Where values reach down to, and how many bytes they are.
    values_start: usize,
    values_bytes: usize,
}

pub enum Pushed {
    Whole,
    /// Without its value, which must be asked for by itself. Nothing more may be pushed.
    WithoutValue,
    /// Not at all; the chunk has other rows.
    Not,
}

impl Chunk {
    pub fn new(shared: &mut Shared, wanted: Wanted, rows_max: u64) -> Self {
        // When rows are only counted they take no room.
        let most = match wanted {
            _ if wanted.nothing() => u64::from(u32::MAX),
            Wanted { versions: true, .. } => ROWS_MAX / 2,
            _ => ROWS_MAX,
        };
        let room = rows_max.min(most) as u32;
        let column_bytes = match (wanted.details, wanted.versions) {
            (false, _) => 8,
            (true, false) => 24,
            (true, true) => 40,
        };
        let keys_start = if wanted.nothing() { 0 } else { room as usize * column_bytes };
        Chunk {
            wanted,
            room,
            rows: 0,
            last: false,
            cursor: 0,
            flags: KEYS_ASCII | VALUES_ASCII,
            keys_start,
            keys_end: keys_start,
            values_start: shared.data().len(),
            values_bytes: 0,
        }
    }

    /// It ends here because what follows is not in memory.
    pub fn set_cold(&mut self) {
        self.flags |= COLD;
    }

    pub fn is_full(&self) -> bool {
        self.rows >= self.room
    }

    /// The row that a range stands on.
    #[inline]
    pub fn push(&mut self, shared: &mut Shared, range: &mut RangeCursor) -> Result<Pushed> {
        match range.entry_here() {
            Some(entry) => Ok(self.push_row(shared, range.key(), entry.value, &entry)),
            None => self.push_large(shared, range),
        }
    }

    /// A row whose value is in blob files, which is read only if it is wanted and its turn has come.
    #[cold]
    fn push_large(&mut self, shared: &mut Shared, range: &mut RangeCursor) -> Result<Pushed> {
        if !self.wanted.values {
            return Ok(self.push_row(shared, range.key(), &[], &range.fields()));
        }
        if self.rows > 0 && range.value_bytes()? > self.values_start - self.keys_end {
            return Ok(Pushed::Not);
        }
        let (key, entry) = range.row()?;
        Ok(self.push_row(shared, key, entry.value, &entry))
    }

    #[inline]
    fn push_row(&mut self, shared: &mut Shared, key: &[u8], value: &[u8], entry: &Entry<'_>) -> Pushed {
        let key = if self.wanted.keys { key } else { &[] };
        let value = if self.wanted.values { value } else { &[] };
        if key.len() + value.len() > self.values_start - self.keys_end {
            return self.push_key(shared, key, entry);
        }
        self.put(shared, key, value, entry);
        Pushed::Whole
    }

    /// A row whose value does not fit.
    fn push_key(&mut self, shared: &mut Shared, key: &[u8], entry: &Entry<'_>) -> Pushed {
        if self.rows > 0 {
            return Pushed::Not;
        }
        let key = if self.wanted.keys { key } else { &[] };
        self.flags |= VALUE_TOO_LARGE;
        self.put(shared, key, &[], entry);
        Pushed::WithoutValue
    }

    #[inline]
    fn put(&mut self, shared: &mut Shared, key: &[u8], value: &[u8], entry: &Entry<'_>) {
        let row = self.rows as usize;
        self.rows += 1;
        if self.wanted.nothing() {
            return;
        }
        let data = shared.data();
        data[self.keys_end..][..key.len()].copy_from_slice(key);
        self.keys_end += key.len();
        self.values_start -= value.len();
        data[self.values_start..][..value.len()].copy_from_slice(value);
        self.values_bytes += value.len();
        if self.wanted.keys_as_text && !key.is_ascii() {
            self.flags &= !KEYS_ASCII;
        }
        if self.wanted.values_as_text && !value.is_ascii() {
            self.flags &= !VALUES_ASCII;
        }
        let room = self.room as usize;
        data[row * 4..][..4].copy_from_slice(&((self.keys_end - self.keys_start) as u32).to_ne_bytes());
        data[(room + row) * 4..][..4].copy_from_slice(&(self.values_bytes as u32).to_ne_bytes());
        if self.wanted.details {
            data[(room + row) * 8..][..8].copy_from_slice(&(entry.revision as f64).to_ne_bytes());
            data[(2 * room + row) * 8..][..8].copy_from_slice(&deadline(entry).to_ne_bytes());
            if self.wanted.versions {
                let create_revision = entry.create_revision as f64;
                data[(3 * room + row) * 8..][..8].copy_from_slice(&create_revision.to_ne_bytes());
                data[(4 * room + row) * 8..][..8].copy_from_slice(&(entry.version as f64).to_ne_bytes());
            }
        }
    }

    /// The answer of the calls that make chunks.
    pub fn tell(&self, call: &Call, shared: &mut Shared) -> Result<Value> {
        shared.set_header(&[
            self.cursor as f64,
            f64::from(self.room),
            (self.keys_end - self.keys_start) as f64,
            self.values_bytes as f64,
            f64::from(self.flags),
        ]);
        call.value(f64::from(self.rows))
    }
}
