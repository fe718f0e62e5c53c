//! What a salvage found, and what it did not.

use crate::error::Error;
use crate::key::Revision;
use crate::table::{LostPage, TableMeta};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SalvageReport {
    /// The newest commit of which anything is known.
    pub revision: Revision,
    /// Keys in the new database.
    pub keys: u64,
    pub tables_written: u64,
    pub bytes_written: u64,
    /// Tables of which something was read, and those of which nothing was.
    pub tables_read: u64,
    pub tables_lost: u64,
    pub pages_read: u64,
    pub pages_lost: u64,
    /// Log records that were used; the others are in tables.
    pub records_kept: u64,
    /// Every place that could not be read.
    pub lost: Vec<Lost>,
    /// What else is to be known about the result, a sentence each: what the loss of CURRENT or of the manifest means.
    pub notes: Vec<String>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    pub file: PathBuf,
    pub offset: u64,
    pub what: String,
    /// No key of the lost entries is smaller, and none is larger. None: no bound is known.
    pub from: Option<Vec<u8>>,
    pub to: Option<Vec<u8>>,
}

impl SalvageReport {
    /// `place` where the error names no file itself.
    pub(super) fn lose(&mut self, error: &Error, place: &Path) -> &mut Lost {
        self.lost.push(Lost {
            file: error.file().unwrap_or(place).to_owned(),
            offset: error.offset().unwrap_or(0),
            what: error.message().to_owned(),
            from: None,
            to: None,
        });
        self.lost.last_mut().expect("pushed above")
    }

    /// The value of one stored key.
    pub(super) fn lose_value(&mut self, error: &Error, place: &Path, key: &[u8]) {
        let lost = self.lose(error, place);
        lost.from = user_key(key);
        lost.to = user_key(key);
    }

    pub(super) fn lose_page(&mut self, page: LostPage, place: &Path) {
        self.pages_lost += 1;
        let lost = self.lose(&page.error, place);
        lost.from = page.from.as_deref().and_then(user_key);
        lost.to = page.to.as_deref().and_then(user_key);
    }

    /// A table of which nothing can be read.
    pub(super) fn lose_table(&mut self, error: &Error, place: &Path, known: Option<&TableMeta>) {
        self.tables_lost += 1;
        self.lose_in(error, place, known);
    }

    /// Something in a table that concerns any of its keys.
    pub(super) fn lose_in(&mut self, error: &Error, place: &Path, known: Option<&TableMeta>) {
        let lost = self.lose(error, place);
        lost.from = known.and_then(|table| user_key(&table.summary.smallest));
        lost.to = known.and_then(|table| user_key(&table.summary.largest));
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// A stored key without its keyspace.
fn user_key(stored: &[u8]) -> Option<Vec<u8>> {
    stored.split_first().map(|(_, key)| key.to_vec())
}
