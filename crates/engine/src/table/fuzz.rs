//! What fuzzing needs of tables beyond their calls: files that pass their checksums, and the decoders by themselves.

use super::TableSummary;
use super::checksum::{PART_FILTER, PART_INDEX, PART_PROPERTIES, PART_RANGES, Seed};
use super::footer::{Block, FOOTER_BYTES, Footer};
use super::index::Index;
use super::page::{Page, TRAILER_BYTES};
use super::properties::Properties;
use super::ranges;
use crate::blob::Use;
use crate::coding::Reader;
use crate::disk::Disk;
use crate::disk::simulated::SimulatedDisk;
use crate::encryption::Seal;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::Path;

/// Decodes a stored page, whose checksum is made right, and reads all that is in it.
pub fn page(stored: &mut [u8]) -> Result<()> {
    let seed = Seed::new(&[7; 16]);
    let crc = sign_page(stored, seed, 3).ok_or_else(|| Error::corrupt("no page is so short"))?;
    let page = Page::decode(stored, seed, &Seal::default(), 3, 0, crc)?;
    let mut key = Vec::new();
    for restart in 0..page.restarts() {
        let Range { start: mut offset, end } = page.interval(restart);
        while offset < end {
            let item = page.item(offset)?;
            assert!(item.end > offset, "every entry takes bytes");
            let entry = page.entry(&item)?;
            key.truncate(item.shared);
            key.extend_from_slice(page.suffix(&item));
            page.find(&key, entry.revision)?;
            offset = item.end;
        }
    }
    page.find(b"", 0)?;
    page.find(&[0xff; 40], u64::MAX)?;
    Ok(())
}

/// Decodes an index of pages that fill a file, and looks for its own separators.
pub fn index(bytes: &[u8]) -> Result<()> {
    let pages_end = page_places(bytes).last().map_or(0, |place| place.end);
    let index = Index::decode(bytes, pages_end)?;
    for page in 0..index.len() {
        let (separator, revision) = (index.separator(page), index.page(page).revision);
        assert_eq!(index.search(separator, revision), Some(page), "a separator is found where it is");
        for key in [separator, &separator[..separator.len() / 2], b"", &[0xff; 12]] {
            if let Some(opens) = index.opens_head(page, index.head(key)) {
                assert_eq!(opens, index.opens_key(page, key), "heads answer as whole keys do");
            }
        }
    }
    Ok(())
}

/// Decodes range deletes, which stand in one order only.
pub fn ranges(bytes: &[u8]) -> Result<()> {
    let mut ranges = ranges::decode(bytes)?;
    let sorted = ranges.clone();
    ranges::encode(&mut ranges);
    assert!(ranges == sorted, "range deletes are in order");
    Ok(())
}

/// Decodes properties; what they say comes back when they are encoded and decoded again.
pub fn properties(bytes: &[u8]) -> Result<()> {
    let properties = Properties::decode(bytes)?;
    assert!(Properties::decode(&properties.encode())? == properties, "properties change when written again");
    Ok(())
}

/// Makes every checksum of a table right, as far as its parts can be found, and describes the table as its manifest
/// would. None if the footer or the properties do not parse.
pub fn sign(table: &mut Vec<u8>) -> Option<TableSummary> {
    let footer_at = table.len().checked_sub(FOOTER_BYTES)?;
    sign_footer(&mut table[footer_at..]);
    let mut footer = read_footer(table).ok()?;
    let seed = Seed::new(&footer.id);
    let range = |block: Block| block.offset as usize..block.end() as usize;

    let index_at = range(footer.index);
    for (number, place) in (0..).zip(page_places(&table[index_at.clone()])) {
        let Some(stored) = table.get_mut(place.start as usize..place.end as usize) else { break };
        let Some(crc) = sign_page(stored, seed, number) else { break };
        let crc_at = index_at.start + place.crc_at;
        table[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    }
    for (part, block) in [
        (PART_INDEX, &mut footer.index),
        (PART_FILTER, &mut footer.filter),
        (PART_RANGES, &mut footer.ranges),
        (PART_PROPERTIES, &mut footer.properties),
    ] {
        block.crc = seed.checksum(part, &table[range(*block)]);
    }
    let properties = Properties::decode(&table[range(footer.properties)]).ok()?;
    let encoded = footer.encode();
    table[footer_at..].copy_from_slice(&encoded);
    let sha256 = Sha256::digest(&*table).into();
    let used = |(file, (id, bytes)): (u64, &([u8; 16], u64))| Use { file, id: *id, bytes: *bytes };
    let blobs = (1..).zip(&properties.blobs).map(used).collect();
    let summary = properties.into_summary(footer.id, table.len() as u64, sha256, footer.crc);
    Some(TableSummary { blobs, ..summary })
}

fn sign_page(stored: &mut [u8], seed: Seed, number: u32) -> Option<u32> {
    let crc_at = stored.len().checked_sub(4).filter(|_| stored.len() >= TRAILER_BYTES)?;
    let crc = seed.checksum(number, &stored[..crc_at]);
    stored[crc_at..].copy_from_slice(&crc.to_le_bytes());
    Some(crc)
}

fn sign_footer(footer: &mut [u8]) {
    let crc_at = FOOTER_BYTES - 16;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&footer[..crc_at]), &footer[crc_at + 4..]);
    footer[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Where a page is in the file, and where in the index its checksum is.
struct PagePlace {
    start: u64,
    end: u64,
    crc_at: usize,
}

/// Of an index that need not be a right one, the pages up to where it does not parse.
fn page_places(index: &[u8]) -> Vec<PagePlace> {
    let mut reader = Reader::new(index);
    let mut places: Vec<PagePlace> = Vec::new();
    let mut next = |start: u64| -> Result<PagePlace> {
        let flags = reader.u8()?;
        reader.bytes()?;
        if flags & 1 != 0 {
            reader.varint()?;
        }
        let end = start.saturating_add(reader.varint()?);
        let place = PagePlace { start, end, crc_at: reader.position() };
        reader.take(if flags & 2 != 0 { 12 } else { 4 })?;
        Ok(place)
    };
    while let Ok(place) = next(places.last().map_or(0, |place| place.end)) {
        places.push(place);
    }
    places
}

/// Decodes the footer that a file of these bytes ends with, whose checksum is made right.
pub fn footer(mut file: Vec<u8>) -> Result<()> {
    if let Some(footer_at) = file.len().checked_sub(FOOTER_BYTES) {
        sign_footer(&mut file[footer_at..]);
    }
    read_footer(&file).map(drop)
}

fn read_footer(bytes: &[u8]) -> Result<Footer> {
    let file = SimulatedDisk::default().create(Path::new("/table"))?;
    file.write_at(0, bytes)?;
    Footer::read(&*file, bytes.len() as u64)
}
