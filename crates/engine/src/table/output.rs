//! Tables written into a folder one after another, cut at a size: what a salvage or a backup makes. Where each key comes
//! once any cut will do.

use super::{TableBuilder, TableMeta, TableOptions};
use crate::blob::{BlobName, Piece};
use crate::entry::Entry;
use crate::environment::Environment;
use crate::error::Result;
use crate::names::{FileName, FileNumbers};
use crate::range_delete::RangeDelete;
use std::path::Path;

pub struct TableOutput<'a> {
    environment: &'a Environment,
    folder: &'a Path,
    options: TableOptions,
    numbers: &'a FileNumbers,
    bytes_max: u64,
    builder: Option<(u64, TableBuilder)>,
    finished: Vec<TableMeta>,
    /// The last one added: its versions stay together.
    key: Vec<u8>,
}

impl<'a> TableOutput<'a> {
    pub fn new(
        environment: &'a Environment,
        folder: &'a Path,
        options: TableOptions,
        numbers: &'a FileNumbers,
    ) -> TableOutput<'a> {
        TableOutput {
            environment,
            folder,
            options,
            numbers,
            bytes_max: u64::MAX,
            builder: None,
            finished: Vec::new(),
            key: Vec::new(),
        }
    }

    pub fn cut_at(self, bytes_max: u64) -> TableOutput<'a> {
        TableOutput { bytes_max, ..self }
    }

    pub fn add(&mut self, key: &[u8], entry: &Entry<'_>) -> Result<()> {
        self.make_room(key)?;
        self.builder()?.add(key, entry)
    }

    fn make_room(&mut self, key: &[u8]) -> Result<()> {
        let is_full =
            self.builder.as_ref().is_some_and(|(_, builder)| builder.bytes_written() >= self.bytes_max);
        if is_full && self.key != key {
            self.finish_table()?;
        }
        if self.bytes_max != u64::MAX {
            self.key.clear();
            self.key.extend_from_slice(key);
        }
        Ok(())
    }

    /// As `add`, of an entry whose value is in blob files.
    pub fn add_reference(
        &mut self,
        key: &[u8],
        entry: &Entry<'_>,
        pieces: &[(BlobName, Piece)],
    ) -> Result<()> {
        self.make_room(key)?;
        self.builder()?.add_reference(key, entry, pieces)
    }

    /// Belongs to the table in hand, wherever it lies: not for tables of a level where they must not overlap.
    pub fn add_range_delete(&mut self, range: RangeDelete) -> Result<()> {
        self.builder()?.add_range_delete(range);
        Ok(())
    }

    fn builder(&mut self) -> Result<&mut TableBuilder> {
        if self.builder.is_none() {
            let number = self.numbers.take();
            let path = FileName::Table(number).in_folder(self.folder);
            let builder = TableBuilder::begin(self.environment, &path, self.options)?;
            self.builder = Some((number, builder));
        }
        let (_, builder) = self.builder.as_mut().expect("made above");
        Ok(builder)
    }

    fn finish_table(&mut self) -> Result<()> {
        let Some((number, builder)) = self.builder.take() else { return Ok(()) };
        self.finished.push(TableMeta { number, summary: builder.finish()? });
        Ok(())
    }

    /// All tables, synced; their names are not yet.
    pub fn finish(mut self) -> Result<Vec<TableMeta>> {
        self.finish_table()?;
        Ok(self.finished)
    }
}
