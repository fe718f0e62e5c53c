//! What of a table becomes resident at its first use: the open file, the index and the range deletes; and the filter once
//! it is wanted. Immutable, read by any thread.

use super::checksum::{PART_FILTER, PART_INDEX, PART_PROPERTIES, PART_RANGES, Seed};
use super::footer::{Block, Footer};
use super::index::Index;
use super::page::Page;
use super::properties::Properties;
use super::ranges;
use super::summary::TableSummary;
use crate::disk::{Access, Disk, File, Wait, would_block};
use crate::encryption::{Keys, Seal};
use crate::error::{Code, Error, Result};
use crate::filter::{Candidates, PageFilter};
use crate::key::Revision;
use crate::range_delete::RangeDeletes;
use std::path::Path;
use std::sync::OnceLock;

pub(super) struct Contents {
    pub file: Box<dyn File>,
    pub footer: Footer,
    pub index: Index,
    /// Read when it is first asked for; `None` inside if the table was made without.
    filter: OnceLock<Option<PageFilter>>,
    pub ranges: RangeDeletes,
    seed: Seed,
    seal: Seal,
}

impl Contents {
    /// Four reads: the footer and the blocks that it names, but for the filter. All of it is checked, against itself and
    /// against what the manifest says of the table.
    pub fn read(disk: &dyn Disk, keys: &Keys, path: &Path, summary: &TableSummary) -> Result<Contents> {
        let contents = || {
            let file = disk.open(path, Access::Read)?;
            Contents::read_file(file, keys, summary)
        };
        contents().map_err(|error| error.in_file(path))
    }

    fn read_file(file: Box<dyn File>, keys: &Keys, summary: &TableSummary) -> Result<Contents> {
        let size = file.size()?;
        if size != summary.bytes {
            let message = format!("the table has {size} bytes where the manifest says {}", summary.bytes);
            return Err(Error::corrupt(message).at_offset(size.min(summary.bytes)));
        }
        let footer = Footer::read(&*file, size)?;
        if (footer.id, footer.crc, footer.key()) != (summary.id, summary.footer_crc, summary.key) {
            let message = "the footer is not that of the table which the manifest names";
            return Err(Error::corrupt(message).at_offset(footer.properties.end()));
        }
        let (seed, seal) = (Seed::new(&footer.id), footer.seal(keys)?);
        let part = |part: u32, block: Block, name: &str| read_part(&*file, seed, &seal, part, block, name);
        let pages_end = footer.index.offset;
        let index = Index::decode(&part(PART_INDEX, footer.index, "index")?, pages_end)
            .map_err(|error| error.at_offset(pages_end))?;
        let ranges = ranges::decode(&part(PART_RANGES, footer.ranges, "range deletes")?)
            .map_err(|error| error.at_offset(footer.ranges.offset))?;
        let properties = Properties::decode(&part(PART_PROPERTIES, footer.properties, "properties")?)
            .map_err(|error| error.at_offset(footer.properties.offset))?;
        if properties != Properties::of(summary) {
            let message = "the properties of the table are not those in the manifest";
            return Err(Error::corrupt(message).at_offset(footer.properties.offset));
        }
        if properties.range_deletes != ranges.len() as u64 || (properties.entries == 0) != (index.len() == 0)
        {
            let message = "the table has more or fewer range deletes or pages than its properties say";
            return Err(Error::corrupt(message).at_offset(footer.properties.offset));
        }
        let (filter, ranges) = (OnceLock::new(), RangeDeletes::of(ranges));
        Ok(Contents { file, footer, index, filter, ranges, seed, seal })
    }

    /// The filter if it has been read already.
    #[inline]
    pub fn filter_now(&self) -> Option<&Option<PageFilter>> {
        self.filter.get()
    }

    /// The filter, from the disk at the first call.
    pub fn filter(&self) -> Result<&Option<PageFilter>> {
        if self.filter.get().is_none() {
            let block = self.footer.filter;
            let bytes = read_part(&*self.file, self.seed, &self.seal, PART_FILTER, block, "filter")?;
            let filter =
                parse_filter(bytes, self.index.len()).map_err(|error| error.at_offset(block.offset))?;
            return Ok(self.filter.get_or_init(|| filter));
        }
        Ok(self.filter.get().expect("it was just there"))
    }

    /// Unpacks a page from its stored bytes; a failure names the page's offset.
    pub fn unpack(&self, page: u32, stored: &[u8]) -> Result<Page> {
        let handle = self.index.page(page);
        Page::decode(stored, self.seed, &self.seal, page, handle.offset, handle.crc)
            .map_err(|error| error.at_offset(handle.offset))
    }

    /// Reads one page from the disk.
    pub fn read_page(&self, page: u32, wait: Wait) -> Result<Page> {
        let handle = self.index.page(page);
        let mut stored = vec![0; handle.bytes as usize];
        match wait {
            Wait::ForDisk | Wait::ForPages => self.file.read_at(handle.offset, &mut stored)?,
            Wait::Never if self.file.try_read_at(handle.offset, &mut stored) => {}
            Wait::Never => return Err(would_block()),
        }
        self.unpack(page, &stored)
    }

    /// The page in which the search for (key, `at`) ends, if the table may have an answer: the newest version at or
    /// below `at` is in that page or nowhere. Without the filter, the page where the key would be.
    #[inline]
    pub fn locate(&self, filter: Option<&PageFilter>, key: &[u8], hash: u64, at: Revision) -> Option<u32> {
        let index = &self.index;
        let candidates = match filter {
            Some(filter) => filter.candidates(hash),
            None => Candidates::Search,
        };
        let Candidates::Pages(pages) = candidates else {
            return index.search(key, at);
        };
        let wanted = index.head(key);
        for page in pages.as_slice() {
            match index.opens_head(*page, wanted) {
                Some(true) => return Some(*page),
                Some(false) => {}
                None if index.opens_key(*page, key) => {
                    // The filter knows the page of the newest version; an older one may be wanted that is some pages on.
                    let here = index.compare(*page, key, at).is_ge();
                    return if here { Some(*page) } else { index.search(key, at) };
                }
                None => {}
            }
        }
        None
    }

    pub fn filter_bytes(&self) -> usize {
        self.filter.get().and_then(Option::as_ref).map_or(0, PageFilter::resident_bytes)
    }

    pub fn resident_bytes(&self) -> usize {
        self.index.resident_bytes() + self.filter_bytes() + self.ranges.bytes()
    }
}

/// A block of the file, checked. `Footer::read` has shown that the blocks adjoin and end before the footer, so that each is
/// shorter than the file.
pub(super) fn read_part(
    file: &dyn File,
    seed: Seed,
    seal: &Seal,
    part: u32,
    block: Block,
    name: &str,
) -> Result<Vec<u8>> {
    let mut bytes = vec![0; block.bytes as usize];
    file.read_at(block.offset, &mut bytes)?;
    let computed = seed.checksum(part, &bytes);
    if computed != block.crc {
        let message =
            format!("the checksum of the {name} is {computed:08x} where the footer says {:08x}", block.crc);
        return Err(Error::corrupt(message).at_offset(block.offset));
    }
    if bytes.is_empty() || seal.key().is_none() {
        return Ok(bytes);
    }
    let opened = seal.open(block.offset, &part.to_le_bytes(), &bytes);
    Ok(opened.map_err(|error| error.at_offset(block.offset))?.into_owned())
}

/// The newest revision in a table that no manifest describes; none if the file is not a whole table.
pub fn newest_revision(disk: &dyn Disk, keys: &Keys, path: &Path) -> Result<Option<Revision>> {
    let read = || -> Result<Revision> {
        let file = disk.open(path, Access::Read)?;
        let footer = Footer::read(&*file, file.size()?)?;
        let (seed, seal) = (Seed::new(&footer.id), footer.seal(keys)?);
        let bytes = read_part(&*file, seed, &seal, PART_PROPERTIES, footer.properties, "properties")?;
        Ok(Properties::decode(&bytes)?.max_revision)
    };
    match read() {
        Ok(revision) => Ok(Some(revision)),
        Err(error) if matches!(error.code(), Code::Corrupt | Code::Format) => Ok(None),
        Err(error) => Err(error.in_file(path)),
    }
}

/// No bytes are no filter.
fn parse_filter(block: Vec<u8>, pages: u32) -> Result<Option<PageFilter>> {
    if block.is_empty() {
        return Ok(None);
    }
    let filter = PageFilter::parse(block)?;
    if filter.pages() != pages {
        let message = format!("the filter is for {} pages where the index has {pages}", filter.pages());
        return Err(Error::corrupt(message));
    }
    Ok(Some(filter))
}
