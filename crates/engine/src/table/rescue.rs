//! Reads what can be read of a table that nobody vouches for: no manifest is needed, and a page that is damaged, or that
//! the disk does not give, is passed over. For `salvage`; one thread.

use super::checksum::{PART_INDEX, PART_PROPERTIES, PART_RANGES, Seed};
use super::contents::read_part;
use super::footer::{Block, Footer};
use super::index::Index;
use super::page::{Page, malformed};
use super::properties::Properties;
use super::ranges;
use super::scan::{Found, find_pages};
use super::summary::TableSummary;
use crate::disk::{Access, Disk, File};
use crate::encryption::{Keys, Seal};
use crate::entry::Entry;
use crate::error::{Code, Error, Result};
use crate::key::{self, Revision};
use crate::range_delete::RangeDelete;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A table of which pages are there. The filter is not looked at.
pub struct Rescue {
    path: PathBuf,
    file: Box<dyn File>,
    seed: Seed,
    seal: Seal,
    places: Vec<Place>,
    /// Why its pages had to be searched for, some of which may not have been found.
    pub index_error: Option<Error>,
    pub filter_seed: Option<u64>,
    pub ranges: Result<Vec<RangeDelete>>,
    /// The newest revision in it, as its properties say; none if they are damaged.
    pub newest: Option<Revision>,
    /// To where its database was trimmed; none if it keeps no history, or the properties are damaged.
    pub trim: Option<Revision>,
    /// No key in it is smaller. Empty if the properties are damaged.
    pub smallest: Vec<u8>,
    /// The ids of the blob files that its references count by; none if the properties are damaged.
    pub blobs: Option<Arc<[[u8; 16]]>>,
    pub pages_read: u64,
    started: bool,
    next: usize,
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
    pub to: Option<Vec<u8>>,
}

/// Where a page is.
struct Place {
    number: u32,
    offset: u64,
    bytes: u32,
    crc: u32,
    /// No key in it is larger; none if the index is lost.
    separator: Option<Vec<u8>>,
}

/// A larger table is not searched for its pages.
const SEARCHED_BYTES_MAX: u64 = 256 << 20;

impl Rescue {
    /// `known`: what the manifest says of the table, which tells its id where its footer is lost.
    pub fn open(disk: &dyn Disk, keys: &Keys, path: &Path, known: Option<&TableSummary>) -> Result<Rescue> {
        let open = || {
            let file = disk.open(path, Access::Read)?;
            let size = file.size()?;
            let footer = match Footer::read(&*file, size) {
                Ok(footer) => footer,
                // Without its footer an encrypted table has lost its data key.
                Err(error) if keys.current().is_some() => return Err(error),
                Err(error) => {
                    let id = known.map(|known| known.id);
                    return Rescue::search(path, file, id, Seal::default(), size, error);
                }
            };
            let (seed, seal) = (Seed::new(&footer.id), footer.seal(keys)?);
            let block =
                |part: u32, block: Block, name: &str| read_part(&*file, seed, &seal, part, block, name);
            let ranges = block(PART_RANGES, footer.ranges, "range deletes")
                .and_then(|bytes| ranges::decode(&bytes))
                .map_err(|error| error.in_file(path).at_offset(footer.ranges.offset));
            let properties = block(PART_PROPERTIES, footer.properties, "properties");
            let properties = properties.and_then(|bytes| Properties::decode(&bytes)).ok();
            let index = block(PART_INDEX, footer.index, "index")
                .and_then(|bytes| Index::decode(&bytes, footer.index.offset))
                .map_err(|error| error.at_offset(footer.index.offset));
            let found = match index {
                Ok(index) => Rescue::with(path, file, seed, seal, places(&index)),
                Err(error) => Rescue::search(path, file, Some(footer.id), seal, footer.index.offset, error)?,
            };
            Ok(Rescue {
                filter_seed: Some(footer.filter_seed),
                ranges,
                newest: properties.as_ref().map(|properties| properties.max_revision),
                trim: properties.as_ref().and_then(|properties| Some(properties.versions?.trim)),
                blobs: properties
                    .as_ref()
                    .map(|properties| properties.blobs.iter().map(|(id, _)| *id).collect()),
                smallest: properties.map_or_else(Vec::new, |properties| properties.smallest),
                ..found
            })
        };
        open().map_err(|error: Error| error.in_file(path))
    }

    fn with(path: &Path, file: Box<dyn File>, seed: Seed, seal: Seal, places: Vec<Place>) -> Rescue {
        Rescue {
            path: path.to_owned(),
            file,
            seed,
            seal,
            places,
            index_error: None,
            filter_seed: None,
            ranges: Ok(Vec::new()),
            newest: None,
            trim: None,
            smallest: Vec::new(),
            blobs: None,
            pages_read: 0,
            started: false,
            next: 0,
            page: None,
            offset: 0,
            key: Vec::new(),
            revision: 0,
            entry: None,
        }
    }

    /// Looks for the pages of a table without an index in the first `bytes` bytes of its file.
    fn search(
        path: &Path,
        file: Box<dyn File>,
        id: Option<[u8; 16]>,
        seal: Seal,
        bytes: u64,
        error: Error,
    ) -> Result<Rescue> {
        let Some(id) = id.filter(|_| bytes <= SEARCHED_BYTES_MAX && error.code() == Code::Corrupt) else {
            return Err(error);
        };
        let mut pages = vec![0; bytes as usize];
        file.read_at(0, &mut pages)?;
        let seed = Seed::new(&id);
        let place = |found: Found| Place {
            number: found.number,
            offset: found.offset as u64,
            bytes: found.bytes as u32,
            crc: found.crc,
            separator: None,
        };
        let places: Vec<Place> = find_pages(&pages, seed).into_iter().map(place).collect();
        if places.is_empty() {
            return Err(error);
        }
        let ranges = Err(Error::corrupt("the footer of the table is lost, and its range deletes with it"));
        Ok(Rescue { index_error: Some(error), ranges, ..Rescue::with(path, file, seed, seal, places) })
    }

    /// Bytes of the file up to the end of the page in hand.
    pub fn bytes_passed(&self) -> u64 {
        let place = self.next.checked_sub(1).map(|page| &self.places[page]);
        place.map_or(0, |place| place.offset + u64::from(place.bytes))
    }

    /// Moves to the next entry that can be read, in order; false at the end. What cannot be read is told.
    pub fn advance(&mut self, lost: &mut dyn FnMut(LostPage)) -> bool {
        self.entry = None;
        loop {
            if self.page.is_none() {
                let Some(place) = self.places.get(self.next) else { return false };
                self.next += 1;
                match self.read_page(place) {
                    Ok(page) => {
                        self.pages_read += 1;
                        self.page = Some(page);
                    }
                    Err(error) => {
                        lost(self.lost(error));
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
                    lost(self.lost(error));
                }
            }
        }
    }

    fn read_page(&self, place: &Place) -> Result<Page> {
        let mut stored = vec![0; place.bytes as usize];
        self.file.read_at(place.offset, &mut stored)?;
        Page::decode(&stored, self.seed, &self.seal, place.number, place.offset, place.crc)
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

    /// The page that was asked for last.
    fn lost(&self, error: Error) -> LostPage {
        let page = self.next - 1;
        let error = error.in_file(&self.path).at_offset(self.places[page].offset);
        let from = page.checked_sub(1).and_then(|before| self.places[before].separator.clone());
        LostPage { error, from, to: self.places[page].separator.clone() }
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

fn places(index: &Index) -> Vec<Place> {
    let place = |number: u32| {
        let handle = index.page(number);
        let separator = Some(index.separator(number).to_vec());
        Place { number, offset: handle.offset, bytes: handle.bytes, crc: handle.crc, separator }
    };
    (0..index.len()).map(place).collect()
}
