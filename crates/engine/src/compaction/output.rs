//! The tables that a flush or a compaction writes: one after another, cut where a size is reached and a key ends; and
//! the blob files that go with them.

use super::blobs::BlobOutput;
use super::{Fate, Reason};
use crate::blob::{BlobMeta, Found};
use crate::entry::{Entry, Kind, NO_DEADLINE};
use crate::error::Result;
use crate::manifest::Edit;
use crate::range_delete::RangeDelete;
use crate::state::State;
use crate::table::{TableBuilder, TableMeta};
use crate::version::Version;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes between two looks at how fast the background writes.
const BYTES_BETWEEN_LOOKS: u64 = 64 << 10;

pub struct Output<'a> {
    state: &'a State,
    /// Whether it waits when the background writes too fast.
    waits: bool,
    /// Bytes of the table in hand and of all blob files that were counted.
    counted: u64,
    /// Where a table is cut; none: it is one, whatever its size.
    cut: Option<Cut>,
    builder: Option<(u64, TableBuilder)>,
    finished: Vec<TableMeta>,
    blobs: BlobOutput<'a>,
    /// The last key added: versions of one key are never spread over tables of a level.
    key: Vec<u8>,
    /// By lower bound: the range deletes that no finished table holds yet.
    ranges: Vec<RangeDelete>,
}

/// A table ends when it has so many bytes or refers to so many blob files.
struct Cut {
    bytes: u64,
    blobs: usize,
}

/// What came out.
#[derive(Default)]
pub struct Outputs {
    pub tables: Vec<TableMeta>,
    pub blobs: Vec<BlobMeta>,
}

impl Outputs {
    pub fn bytes(&self) -> u64 {
        let tables = self.tables.iter().map(|table| table.summary.bytes).sum::<u64>();
        tables + self.blobs.iter().map(|blob| blob.bytes).sum::<u64>()
    }

    /// What an edit adds, without the tables that it only moves.
    pub fn made_by(edit: &Edit) -> Outputs {
        let moved = |number| edit.removed.iter().any(|(_, removed)| *removed == number);
        let made = edit.added.iter().filter(|(_, table)| !moved(table.number));
        Outputs { tables: made.map(|(_, table)| table.clone()).collect(), blobs: edit.blobs.clone() }
    }

    /// Takes back what no edit has named.
    pub fn discard(&self, state: &State) {
        self.tables.iter().for_each(|table| remove(state, table.number));
        super::blobs::discard(state, &self.blobs);
    }
}

impl<'a> Output<'a> {
    /// One table, which is written as fast as the disk can: somebody may wait for its memtable. `ranges` are the range deletes
    /// to write, by lower bound.
    pub fn of_flush(state: &'a State, ranges: Vec<RangeDelete>) -> Self {
        Output { waits: false, ..Output::new(state, 0, BlobOutput::separating(state), ranges) }
    }

    /// A merge of tables of `version`: one table whatever its size at `level` 0, which so has one table a run.
    pub fn of_merge(
        state: &'a State,
        version: &Version,
        level: u8,
        reason: Reason,
        ranges: Vec<RangeDelete>,
    ) -> Self {
        let mut worn = version.worn_blobs(state.options.tuning.blob_copy_bytes);
        if reason == Reason::Asked {
            // Who asks for a range leaves nothing in it that an earlier key encrypts.
            worn.append(&mut version.stale_blobs(state.environment.keys.current()));
        }
        Output::new(state, level, BlobOutput::rewriting(state, worn), ranges)
    }

    fn new(state: &'a State, level: u8, blobs: BlobOutput<'a>, ranges: Vec<RangeDelete>) -> Self {
        let tuning = &state.options.tuning;
        let cut = (level > 0).then_some(Cut { bytes: tuning.table_bytes, blobs: tuning.table_blobs });
        Output {
            state,
            waits: true,
            counted: 0,
            cut,
            builder: None,
            finished: Vec::new(),
            blobs,
            key: Vec::new(),
            ranges,
        }
    }

    /// `find`: where the value is, of an entry that is a reference.
    pub fn add(
        &mut self,
        key: &[u8],
        entry: &Entry<'_>,
        fate: Fate,
        find: impl FnOnce() -> Result<Found>,
    ) -> Result<()> {
        let entry = match fate {
            Fate::Drop => return Ok(()),
            Fate::Keep => *entry,
            Fate::KeepAsDelete => {
                Entry { kind: Kind::Delete, deadline_ms: NO_DEADLINE, value: &[], ..*entry }
            }
        };
        if self.is_full() && self.key != key {
            // Between the last key and any other: so each table ends with a key, and the next begins after it.
            let cut: Arc<[u8]> = [&self.key[..], &[0]].concat().into();
            let ranges = self.ranges_below(&cut);
            self.finish_table(ranges)?;
        }
        self.builder()?;
        let (_, builder) = self.builder.as_mut().expect("made above");
        match self.blobs.place(&entry, find)? {
            None => builder.add(key, &entry)?,
            Some(pieces) => builder.add_reference(key, &entry, pieces)?,
        }
        let written = builder.bytes_written() + self.blobs.bytes_written();
        if written - self.counted >= BYTES_BETWEEN_LOOKS {
            self.count(written);
        }
        if self.cut.is_some() {
            self.key.clear();
            self.key.extend_from_slice(key);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        match (&self.cut, &self.builder) {
            (Some(cut), Some((_, table))) => table.bytes_written() >= cut.bytes || table.blobs() >= cut.blobs,
            _ => false,
        }
    }

    fn builder(&mut self) -> Result<&mut TableBuilder> {
        if self.builder.is_none() {
            let number = self.state.numbers.take();
            let path = self.state.table_path(number);
            let builder = TableBuilder::begin(&self.state.environment, &path, self.state.table_options())?;
            self.builder = Some((number, builder));
        }
        let (_, builder) = self.builder.as_mut().expect("made above");
        Ok(builder)
    }

    /// Takes what range deletes hold below `cut`, and leaves the rest of them.
    fn ranges_below(&mut self, cut: &Arc<[u8]>) -> Vec<RangeDelete> {
        let end = self.ranges.partition_point(|range| range.lower < *cut);
        let mut below: Vec<RangeDelete> = self.ranges.drain(..end).collect();
        let mut rest = Vec::new();
        for range in below.iter_mut().filter(|range| range.upper > *cut) {
            rest.push(RangeDelete { lower: cut.clone(), ..range.clone() });
            range.upper = cut.clone();
        }
        self.ranges.splice(..0, rest);
        below
    }

    fn finish_table(&mut self, ranges: Vec<RangeDelete>) -> Result<()> {
        if !ranges.is_empty() {
            let builder = self.builder()?;
            ranges.into_iter().for_each(|range| builder.add_range_delete(range));
        }
        let Some((number, builder)) = self.builder.take() else { return Ok(()) };
        match builder.finish() {
            Ok(summary) => {
                let of_blobs = self.blobs.bytes_written();
                self.count(summary.bytes + of_blobs);
                self.counted = of_blobs;
                self.finished.push(TableMeta { number, summary });
            }
            Err(error) => {
                remove(self.state, number);
                return Err(error);
            }
        }
        Ok(())
    }

    /// So much of the table in hand is written.
    fn count(&mut self, written: u64) {
        let bytes = written - self.counted;
        self.counted = written;
        let Some(rate) = &self.state.rate else { return };
        let wait = rate.take(bytes, self.state.environment.clock.now_ms());
        if self.waits {
            self.state.counters.limited_ms.fetch_add(wait.as_millis() as u64, Ordering::Relaxed);
            if self.state.environment.threads {
                self.state.work.wait_for_rate(wait);
            }
        }
    }

    /// All files, synced; their names are not yet.
    pub fn finish(mut self) -> Result<Outputs> {
        let ranges = std::mem::take(&mut self.ranges);
        let finished = self.blobs.finish_file().and_then(|()| self.finish_table(ranges));
        finished.inspect_err(|_| self.discard())?;
        Ok(Outputs { tables: std::mem::take(&mut self.finished), blobs: self.blobs.take() })
    }

    /// Takes back what was written, after a failure or a cancelled compaction.
    pub fn discard(&mut self) {
        if let Some((number, _)) = self.builder.take() {
            remove(self.state, number);
        }
        std::mem::take(&mut self.finished).iter().for_each(|table| remove(self.state, table.number));
        self.blobs.discard();
    }
}

/// A file that stays is in nobody's way: the next open removes what no manifest names.
fn remove(state: &State, number: u64) {
    let _ = state.environment.disk.remove(&state.table_path(number));
}
