//! Reads a whole table and checks all that can be checked: that every byte is what was written, and that what was
//! written is a table. Meant to find damage before a reader does, so nothing is taken from memory or from the cache.

use super::contents::Contents;
use super::garbage::Garbage;
use super::lineage::Lineage;
use super::page::{Page, malformed};
use super::properties::Properties;
use super::reader::Table;
use super::summary::TableSummary;
use crate::blob::Reference;
use crate::damage::Damage;
use crate::disk::{Wait, Whole};
use crate::entry::{Entry, Kind, NO_DEADLINE};
use crate::error::{Error, Result};
use crate::filter::{self, Candidates};
use crate::key::{self, Revision};

impl Table {
    /// Everything that is wrong, each with file and offset, at most one for a page; empty if the table is whole. Calls
    /// `progress` with the bytes of the file passed since the last call. Fails only if the disk cannot be read.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Vec<Error>> {
        let mut damage = Damage::of(self.path());
        let all = self.read_contents().and_then(|contents| {
            contents.filter()?;
            Ok(contents)
        });
        match all {
            Ok(contents) => {
                let TableSummary { bytes, sha256, .. } = *self.summary();
                let whole = Whole { file: &*contents.file, path: self.path(), bytes, sha256 };
                let hashed = whole.check(&mut |chunk| {
                    progress(chunk.len() as u64);
                    Ok(())
                });
                hashed.or_else(|error| damage.note(error))?;
                Walk::new(self, &contents).run(&mut damage)?;
            }
            Err(error) => damage.note(error)?,
        }
        Ok(damage.into_errors())
    }
}

/// Every entry of every page, in order.
struct Walk<'a> {
    table: &'a Table,
    contents: &'a Contents,
    /// The entry before, if it could be read.
    last: Option<(Vec<u8>, Revision)>,
    /// Of its key.
    lineage: Lineage,
    key: Vec<u8>,
    found: Properties,
    garbage: Garbage,
    /// Of the page in hand.
    min_deadline_ms: i64,
    /// Values in blob files that are not what was written.
    lost_values: Vec<Error>,
}

impl<'a> Walk<'a> {
    fn new(table: &'a Table, contents: &'a Contents) -> Walk<'a> {
        Walk {
            table,
            contents,
            last: None,
            lineage: Lineage::default(),
            key: Vec::new(),
            found: Properties {
                blobs: table.summary().blobs.iter().map(|used| (used.id, 0)).collect(),
                ..Properties::new()
            },
            garbage: Garbage::with_history(table.summary().versions.map(|versions| versions.trim)),
            min_deadline_ms: NO_DEADLINE,
            lost_values: Vec::new(),
        }
    }

    fn run(mut self, damage: &mut Damage<'_>) -> Result<()> {
        let mut whole = true;
        for number in 0..self.contents.index.len() {
            let checked = self
                .contents
                .read_page(number, Wait::ForDisk)
                .and_then(|page| self.check_page(number, &page));
            if let Err(error) = checked {
                damage.note(error.at_offset(self.contents.index.page(number).offset))?;
                whole = false;
                self.last = None;
            }
            self.lost_values.drain(..).try_for_each(|error| damage.note(error))?;
        }
        let offset = self.contents.footer.properties.offset;
        if let Some((largest, _)) = self.last.take() {
            self.found.largest = largest;
        }
        self.found.settle(&self.garbage);
        self.found.count_ranges(&self.contents.ranges.all());
        if whole && self.found != Properties::of(self.table.summary()) {
            damage.note(
                Error::corrupt("the entries and range deletes are not those that the properties sum up")
                    .at_offset(offset),
            )?;
        }
        Ok(())
    }

    fn check_page(&mut self, number: u32, page: &Page) -> Result<()> {
        self.min_deadline_ms = NO_DEADLINE;
        let mut offset = 0;
        let mut restart = 0;
        while offset < page.entries_end() {
            let at_restart = restart < page.restarts() && page.restart(restart) == offset;
            restart += usize::from(at_restart);
            offset = self.check_entry(number, page, offset, at_restart)?;
        }
        if restart < page.restarts() {
            return Err(Error::corrupt("a restart point is not where an entry begins"));
        }
        let (key, revision) = self.last.as_ref().ok_or_else(malformed)?;
        let index = &self.contents.index;
        if index.compare(number, key, *revision).is_lt() {
            return Err(Error::corrupt("the last entry of the page is above its separator"));
        }
        if index.page(number).min_deadline_ms != self.min_deadline_ms {
            return Err(Error::corrupt("the page's earliest deadline is not what the index says"));
        }
        Ok(())
    }

    /// Checks the entry at `offset`; gives the offset of the next.
    fn check_entry(&mut self, number: u32, page: &Page, offset: usize, at_restart: bool) -> Result<usize> {
        let item = page.item(offset)?;
        let entry = page.entry(&item)?;
        let suffix = page.suffix(&item);
        let shares_all = item.shared == self.key.len() || self.key.get(item.shared) != suffix.first();
        if item.shared > self.key.len() || (at_restart && item.shared > 0) || !(at_restart || shares_all) {
            return Err(Error::corrupt("a key shares more or less with the key before than the page says"));
        }
        self.key.truncate(item.shared);
        self.key.extend_from_slice(suffix);
        let key = &self.key[..];
        let index = &self.contents.index;
        if number > 0 && index.compare(number - 1, key, entry.revision).is_ge() {
            return Err(Error::corrupt("an entry belongs before its page"));
        }
        let mut newer = None;
        if let Some((last_key, last_revision)) = &self.last {
            if key::compare((last_key, *last_revision), (key, entry.revision)).is_ge() {
                return Err(Error::corrupt("the entries of the table are out of order"));
            }
            newer = (last_key == key).then_some(*last_revision);
        } else if number > 0 {
            // After a page that could not be read: its last key may be this one.
            newer = (index.separator(number - 1) == key).then_some(Revision::MAX);
        }
        if newer.is_none() {
            self.check_filter(number)?;
        }
        if self.table.summary().versions.is_some() {
            let goes_on = newer.is_some() && self.last.is_some();
            self.lineage.check(&entry, goes_on)?;
        }
        if self.found.entries == 0 {
            self.found.smallest.clone_from(&self.key);
        }
        self.found.count(&self.key, &entry);
        self.garbage.count(&entry, newer);
        if entry.kind == Kind::Reference {
            self.check_reference(&entry)?;
        }
        self.min_deadline_ms = self.min_deadline_ms.min(entry.deadline_ms);
        let last = self.last.get_or_insert_default();
        last.0.clone_from(&self.key);
        last.1 = entry.revision;
        Ok(item.end)
    }

    /// A reader that follows the reference must find the value.
    fn check_reference(&mut self, entry: &Entry<'_>) -> Result<()> {
        let reference = Reference::decode(entry.value)?;
        let value = reference.find(self.table.blobs())?;
        self.found.refer(&reference);
        self.lost_values.extend(value.check().err());
        Ok(())
    }

    /// A reader that asks the filter for the key in hand must be sent to this page.
    fn check_filter(&self, number: u32) -> Result<()> {
        let Some(Some(pages)) = self.contents.filter_now() else {
            return Ok(());
        };
        let hash = filter::hash(&self.key, self.contents.footer.filter_seed);
        match pages.candidates(hash) {
            Candidates::Pages(pages) if !pages.as_slice().contains(&number) => {
                Err(Error::corrupt("the filter does not know a key of the page"))
            }
            _ => Ok(()),
        }
    }
}
