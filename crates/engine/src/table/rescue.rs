//! Reads what can be read of a table that nobody vouches for: no manifest is needed, and a page that is damaged, or that
//! the disk does not give, is passed over. For `salvage`; one thread.

use super::checksum::{PART_INDEX, PART_PROPERTIES, PART_RANGES, Seed};
use super::footer::Footer;
use super::index::Index;
use super::page::{Page, malformed};
use super::properties::Properties;
use super::ranges;
use crate::disk::{Access, Disk, File};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::{self, Revision};
use crate::range_delete::RangeDelete;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A table whose footer and index are whole. The filter is not looked at.
pub struct Rescue {
    path: PathBuf,
    file: Box<dyn File>,
    seed: Seed,
    index: Index,
    pub filter_seed: u64,
    pub ranges: Result<Vec<RangeDelete>>,
    /// The newest revision in it, as its properties say; none if they are damaged.
    pub newest: Option<Revision>,
    /// No key in it is smaller. Empty if the properties are damaged.
    pub smallest: Vec<u8>,
    /// The ids of the blob files that its references count by; none if the properties are damaged.
    pub blobs: Option<Arc<[[u8; 16]]>>,
    pub pages_read: u64,
    started: bool,
    next_page: u32,
    page: Option<Page>,
    offset: usize,
    /// Of the entry in hand.
    key: Vec<u8>,
    /// Of the entry in hand; where there is none, of the last one.
    revision: Revision,
    entry: Option<usize>,
}

/// Entries that could not be read.
#[derive(Clone, Debug)]
pub struct LostPage {
    pub error: Error,
    /// No stored key of theirs is smaller, and none is larger. None: no bound is known.
    pub from: Option<Vec<u8>>,
    pub to: Vec<u8>,
}

impl Rescue {
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Rescue> {
        let open = || {
            let file = disk.open(path, Access::Read)?;
            let footer = Footer::read(&*file, file.size()?)?;
            let seed = Seed::new(&footer.id);
            let mut bytes = vec![0; footer.index.bytes as usize];
            file.read_at(footer.index.offset, &mut bytes)?;
            if seed.checksum(PART_INDEX, &bytes) != footer.index.crc {
                let message = "the index of the table fails its checksum";
                return Err(Error::corrupt(message).at_offset(footer.index.offset));
            }
            let index = Index::decode(&bytes, footer.index.offset)
                .map_err(|error| error.at_offset(footer.index.offset))?;
            let mut bytes = vec![0; footer.ranges.bytes as usize];
            let ranges = file
                .read_at(footer.ranges.offset, &mut bytes)
                .and_then(|()| match seed.checksum(PART_RANGES, &bytes) == footer.ranges.crc {
                    true => ranges::decode(&bytes),
                    false => Err(Error::corrupt("the range deletes of the table fail their checksum")),
                })
                .map_err(|error| error.in_file(path).at_offset(footer.ranges.offset));
            let mut bytes = vec![0; footer.properties.bytes as usize];
            let properties = file.read_at(footer.properties.offset, &mut bytes).ok();
            let properties = properties
                .filter(|()| seed.checksum(PART_PROPERTIES, &bytes) == footer.properties.crc)
                .and_then(|()| Properties::decode(&bytes).ok());
            Ok(Rescue {
                path: path.to_owned(),
                file,
                seed,
                index,
                filter_seed: footer.filter_seed,
                ranges,
                newest: properties.as_ref().map(|properties| properties.max_revision),
                blobs: properties
                    .as_ref()
                    .map(|properties| properties.blobs.iter().map(|(id, _)| *id).collect()),
                smallest: properties.map_or_else(Vec::new, |properties| properties.smallest),
                pages_read: 0,
                started: false,
                next_page: 0,
                page: None,
                offset: 0,
                key: Vec::new(),
                revision: 0,
                entry: None,
            })
        };
        open().map_err(|error: Error| error.in_file(path))
    }

    /// Bytes of the file up to the end of the page in hand.
    pub fn bytes_passed(&self) -> u64 {
        match self.next_page.checked_sub(1) {
            Some(page) => self.index.page(page).offset + u64::from(self.index.page(page).bytes),
            None => 0,
        }
    }

    /// Moves to the next entry that can be read, in order; false at the end. What cannot be read is told.
    pub fn advance(&mut self, lost: &mut dyn FnMut(LostPage)) -> bool {
        self.entry = None;
        loop {
            if self.page.is_none() {
                if self.next_page == self.index.len() {
                    return false;
                }
                let number = self.next_page;
                self.next_page += 1;
                match self.read_page(number) {
                    Ok(page) => {
                        self.pages_read += 1;
                        self.page = Some(page);
                    }
                    Err(error) => {
                        lost(self.lost(number, error));
                        continue;
                    }
                }
                self.offset = 0;
            }
            match self.step() {
                Ok(true) => return true,
                Ok(false) => self.page = None,
                Err(error) => {
                    self.page = None;
                    lost(self.lost(self.next_page - 1, error));
                }
            }
        }
    }

    fn read_page(&self, number: u32) -> Result<Page> {
        let handle = self.index.page(number);
        let mut stored = vec![0; handle.bytes as usize];
        self.file.read_at(handle.offset, &mut stored)?;
        Page::decode(&stored, self.seed, number, handle.crc)
    }

    /// False at the end of the page.
    fn step(&mut self) -> Result<bool> {
        let page = self.page.as_ref().expect("a page is in hand");
        if self.offset >= page.entries_end() {
            return Ok(false);
        }
        let item = page.item(self.offset)?;
        page.entry(&item)?;
        // Whoever merges tables relies on their order.
        let ascends = self.key.get(item.shared..).is_some_and(|rest| {
            key::compare((rest, self.revision), (page.suffix(&item), item.revision)).is_lt()
        });
        if self.started && !ascends || item.shared > self.key.len() {
            return Err(malformed());
        }
        self.started = true;
        self.key.truncate(item.shared);
        self.key.extend_from_slice(page.suffix(&item));
        self.revision = item.revision;
        self.entry = Some(self.offset);
        self.offset = item.end;
        Ok(true)
    }

    fn lost(&self, page: u32, error: Error) -> LostPage {
        let error = error.in_file(&self.path).at_offset(self.index.page(page).offset);
        let from = page.checked_sub(1).map(|before| self.index.separator(before).to_vec());
        LostPage { error, from, to: self.index.separator(page).to_vec() }
    }

    /// The stored key of the entry in hand.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Panics where `advance` answered false.
    pub fn entry(&self) -> Entry<'_> {
        let page = self.page.as_ref().expect("an entry is in hand");
        let read = page.item(self.entry.expect("an entry is in hand")).and_then(|item| page.entry(&item));
        read.expect("it was read before")
    }
}
