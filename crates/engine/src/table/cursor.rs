//! Walks one table in both directions. It holds the page that it stands on, so its entry stays readable whatever the
//! cache does; it belongs to one thread at a time.

use super::contents::Contents;
use super::page::{Item, Page, malformed};
use super::reader::Table;
use super::wait::Patience;
use crate::blob::Files;
use crate::cursor::Cursor;
use crate::disk::{Wait, would_block};
use crate::entry::Entry;
use crate::error::Result;
use crate::key::{self, Revision};
use std::sync::Arc;

/// Pages that a cursor takes one after the other before it counts as a long scan: from then on it reads several pages
/// at once, and caches a page only where that displaces no other.
const SHORT_SCAN_PAGES: u32 = 4;
/// The most stored bytes that one read takes ahead.
const READ_AHEAD_BYTES: usize = 256 << 10;

pub struct TableCursor {
    table: Arc<Table>,
    caching: bool,
    patience: Patience,
    /// The page held, if any, and its number; kept when the cursor becomes invalid, for the next seek.
    page: Option<Arc<Page>>,
    number: u32,
    valid: bool,
    item: Item,
    /// Everything of the entry but its value.
    fields: Entry<'static>,
    offset: usize,
    key: Vec<u8>,
    /// Entries between the last restart point and this one, for walking back: each is unpacked once, not once a step.
    behind: Vec<Behind>,
    behind_keys: Vec<u8>,
    /// Pages taken in a row since the last seek.
    run: u32,
    ahead: Ahead,
}

struct Behind {
    offset: usize,
    key_start: usize,
}

/// Stored bytes of the pages `first..end`.
#[derive(Default)]
struct Ahead {
    first: u32,
    end: u32,
    offset: u64,
    bytes: Vec<u8>,
}

impl TableCursor {
    pub(super) fn new(table: Arc<Table>, caching: bool) -> TableCursor {
        TableCursor {
            table,
            caching,
            patience: Patience::default(),
            page: None,
            number: 0,
            valid: false,
            item: Item::default(),
            fields: Entry::put(0, &[]),
            offset: 0,
            key: Vec::new(),
            behind: Vec::new(),
            behind_keys: Vec::new(),
            run: 0,
            ahead: Ahead::default(),
        }
    }

    /// Waits for the disk as long as `patience` says.
    pub fn with(self, patience: Patience) -> TableCursor {
        TableCursor { patience, ..self }
    }

    /// What references of the table count by.
    pub fn files(&self) -> Files<'_> {
        Files::Listed(self.table.blobs())
    }

    /// The page in hand. Every caller has loaded one.
    #[inline]
    fn page(&self) -> &Page {
        self.page.as_deref().expect("a page is loaded before it is walked")
    }

    fn contents(&self) -> Result<&Contents> {
        self.table.contents_now(self.patience.wait())
    }

    fn load(&mut self, number: u32) -> Result<()> {
        if self.page.is_some() && self.number == number {
            return Ok(());
        }
        self.page = None;
        if let Some(page) = self.table.cached_page(number) {
            self.page = Some(page);
        } else {
            let table = self.table.clone();
            let contents = table.contents_now(self.patience.wait())?;
            let page = self.read(contents, number).map_err(|error| error.in_file(table.path()))?;
            let page = Arc::new(page);
            if self.caching && (self.run < SHORT_SCAN_PAGES || table.cache_has_room(&page)) {
                table.cache_page(number, &page);
            }
            self.page = Some(page);
        }
        self.number = number;
        Ok(())
    }

    fn read(&mut self, contents: &Contents, number: u32) -> Result<Page> {
        if (self.ahead.first..self.ahead.end).contains(&number) {
            let handle = contents.index.page(number);
            let start = (handle.offset - self.ahead.offset) as usize;
            return contents.unpack(number, &self.ahead.bytes[start..start + handle.bytes as usize]);
        }
        let ahead = !self.caching || self.run >= SHORT_SCAN_PAGES;
        if ahead && self.read_ahead(contents, number)? {
            return self.read(contents, number);
        }
        contents.read_page(number, self.patience.wait())
    }

    /// Reads as many whole pages from `number` on as fit; false if that is none.
    fn read_ahead(&mut self, contents: &Contents, number: u32) -> Result<bool> {
        let offset = contents.index.page(number).offset;
        let mut end = number;
        let mut bytes = 0;
        while end < contents.index.len() {
            let with = bytes + contents.index.page(end).bytes as usize;
            if with > READ_AHEAD_BYTES {
                break;
            }
            bytes = with;
            end += 1;
        }
        self.ahead = Ahead { first: number, end, offset, bytes: std::mem::take(&mut self.ahead.bytes) };
        self.ahead.bytes.resize(bytes, 0);
        let read = match self.patience.wait() {
            Wait::ForDisk | Wait::ForPages => contents.file.read_at(offset, &mut self.ahead.bytes),
            Wait::Never if contents.file.try_read_at(offset, &mut self.ahead.bytes) => Ok(()),
            Wait::Never => Err(would_block()),
        };
        if read.is_err() {
            self.ahead.end = number;
        }
        read.map(|()| end > number)
    }

    /// Stands on the entry at `offset` of the page in hand; the key in hand is that of the entry before it, or
    /// anything at a restart point.
    #[inline]
    fn stand(&mut self, offset: usize) -> Result<()> {
        self.valid = false;
        let page = self.page.as_deref().expect("a page is loaded before it is walked");
        let read = page.item(offset).and_then(|item| {
            if item.shared > self.key.len() {
                return Err(malformed());
            }
            Ok((item, page.entry(&item)?))
        });
        match read {
            Ok((item, entry)) => {
                self.key.truncate(item.shared);
                self.key.extend_from_slice(page.suffix(&item));
                self.fields = Entry { value: &[], ..entry };
                self.item = item;
                self.offset = offset;
                self.valid = true;
                Ok(())
            }
            Err(error) => Err(self.misplaced(error)),
        }
    }

    #[cold]
    fn misplaced(&self, error: crate::error::Error) -> crate::error::Error {
        match self.table.contents() {
            Ok(contents) => self.table.place(error, contents, self.number),
            Err(_) => error.in_file(self.table.path()),
        }
    }

    /// Stands on the first entry of a page, or becomes invalid past the last page.
    fn stand_first(&mut self, number: u32) -> Result<()> {
        self.valid = false;
        if number == self.contents()?.index.len() {
            return Ok(());
        }
        self.load(number)?;
        self.key.clear();
        self.stand(0)
    }

    /// Stands on the last entry of the page in hand that begins before `end`, which is not the first.
    fn stand_before(&mut self, end: usize) -> Result<()> {
        self.valid = false;
        if self.behind.is_empty() {
            self.unpack_behind(end).map_err(|error| self.misplaced(error))?;
        }
        let behind = self.behind.pop().expect("a restart point is before every other entry");
        self.key.clear();
        self.key.extend_from_slice(&self.behind_keys[behind.key_start..]);
        self.behind_keys.truncate(behind.key_start);
        // The key in hand is already the entry's own, and shares with it all that it shares with the one before.
        self.stand(behind.offset)
    }

    /// Unpacks the keys from the restart point before `end` up to there.
    fn unpack_behind(&mut self, end: usize) -> Result<()> {
        let page = self.page.as_deref().expect("a page is loaded before it is walked");
        let (mut low, mut high) = (0, page.restarts());
        while low < high {
            let middle = low.midpoint(high);
            if page.restart(middle) < end {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut offset = page.restart(low.checked_sub(1).ok_or_else(malformed)?);
        let mut start = 0;
        self.behind_keys.clear();
        while offset < end {
            let item = page.item(offset)?;
            if item.shared > self.behind_keys.len() - start {
                return Err(malformed());
            }
            let key_start = self.behind_keys.len();
            self.behind_keys.extend_from_within(start..start + item.shared);
            self.behind_keys.extend_from_slice(page.suffix(&item));
            self.behind.push(Behind { offset, key_start });
            start = key_start;
            offset = item.end;
        }
        Ok(())
    }

    fn start(&mut self) {
        self.valid = false;
        self.behind.clear();
    }

    /// A seek to this page: one that goes on where the cursor was is part of the same scan.
    fn go_on(&mut self, number: u32) {
        if number != self.number && number != self.number + 1 {
            self.run = 0;
        }
    }
}

impl Cursor for TableCursor {
    fn seek_to_first(&mut self) -> Result<()> {
        self.start();
        self.run = 0;
        self.stand_first(0)
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.start();
        self.run = 0;
        let Some(last) = self.contents()?.index.len().checked_sub(1) else { return Ok(()) };
        self.load(last)?;
        self.stand_before(self.page().entries_end())
    }

    fn seek(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        self.start();
        let Some(number) = self.contents()?.index.search(key, revision) else {
            return Ok(());
        };
        self.go_on(number);
        self.load(number)?;
        let through = match self.page().restarts_through(key, revision) {
            Ok(through) => through,
            Err(error) => return Err(self.misplaced(error)),
        };
        let mut offset = self.page().restart(through.saturating_sub(1));
        self.key.clear();
        loop {
            if offset == self.page().entries_end() {
                return self.stand_first(number + 1);
            }
            self.stand(offset)?;
            if key::compare((&self.key, self.item.revision), (key, revision)).is_ge() {
                return Ok(());
            }
            offset = self.item.end;
        }
    }

    fn seek_before(&mut self, key: &[u8], revision: Revision) -> Result<()> {
        self.seek(key, revision)?;
        if self.valid { self.prev() } else { self.seek_to_last() }
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        assert!(self.valid, "the cursor stands on no entry");
        self.behind.clear();
        if self.item.end < self.page().entries_end() {
            return self.stand(self.item.end);
        }
        self.run = self.run.saturating_add(1);
        self.stand_first(self.number + 1)
    }

    fn prev(&mut self) -> Result<()> {
        assert!(self.valid, "the cursor stands on no entry");
        if self.offset > 0 {
            return self.stand_before(self.offset);
        }
        self.valid = false;
        self.behind.clear();
        let Some(before) = self.number.checked_sub(1) else {
            return Ok(());
        };
        self.load(before)?;
        self.stand_before(self.page().entries_end())
    }

    #[inline]
    fn valid(&self) -> bool {
        self.valid
    }

    #[inline]
    fn key(&self) -> &[u8] {
        assert!(self.valid, "the cursor stands on no entry");
        &self.key
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        assert!(self.valid, "the cursor stands on no entry");
        Entry { value: self.page().value(&self.item), ..self.fields }
    }
}
