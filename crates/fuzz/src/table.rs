//! Tables and their parts.

use coppice_engine::cursor::Cursor;
use coppice_engine::disk::Disk;
use coppice_engine::disk::Wait;
use coppice_engine::disk::simulated::SimulatedDisk;
use coppice_engine::error::{Code, Result};
use coppice_engine::filter::{self, Candidates, PageFilter};
use coppice_engine::key::Revision;
use coppice_engine::table::{self, PageCache, Table, TableSummary};
use std::path::Path;
use std::sync::Arc;

pub const FOOTER_BYTES: usize = 208;

// What is refused is refused: a wrong answer or none at all is what these look for.
pub fn footer(input: &[u8]) {
    let _ = table::fuzz::footer(input.to_vec());
}

pub fn index(input: &[u8]) {
    let _ = table::fuzz::index(input);
}

pub fn page(input: &[u8]) {
    let _ = table::fuzz::page(&mut input.to_vec());
}

pub fn ranges(input: &[u8]) {
    let _ = table::fuzz::ranges(input);
}

pub fn properties(input: &[u8]) {
    let _ = table::fuzz::properties(input);
}

pub fn filter(input: &[u8]) {
    let Ok(found) = PageFilter::parse(input.to_vec()) else { return };
    let hashes = (0..64u64).map(|number| filter::hash(&number.to_le_bytes(), 5));
    for hash in hashes.chain([0, u64::MAX, 1 << 63]) {
        if let Candidates::Pages(pages) = found.candidates(hash) {
            assert!(pages.as_slice().iter().all(|page| *page < found.pages()), "a page that is not there");
        }
    }
}

/// A whole file whose checksums are right, read in every way. Its entries may be out of order, which only `verify` sees;
/// the others must answer all the same.
pub fn table(input: &[u8]) {
    let mut bytes = input.to_vec();
    let Some(summary) = table::fuzz::sign(&mut bytes) else { return };
    if let Err(error) = read(&bytes, summary) {
        assert!(matches!(error.code(), Code::Corrupt | Code::Format), "{error}");
        assert!(error.file().is_some() && error.offset().is_some(), "damage has a place: {error:?}");
    }
}

fn read(bytes: &[u8], summary: TableSummary) -> Result<()> {
    let (disk, path) = (SimulatedDisk::default(), Path::new("/000001.table"));
    disk.create(path)?.write_at(0, bytes)?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let seed = filter_seed(bytes);
    let table = Arc::new(Table::new(&disk, path, 1, summary, &Arc::new(PageCache::new(1 << 20))));
    let problems = table.verify(&mut |_| ())?;
    let forward = walk(&table, true);
    let backward = walk(&table, false);
    if let Some(problem) = problems.into_iter().next() {
        probe(&table, seed, b"")?;
        return Err(problem);
    }
    // Nothing is wrong with it: then all ways of reading find the same.
    let (forward, mut backward) = (forward?, backward?);
    backward.reverse();
    assert_eq!(forward, backward, "backward is not forward turned round");
    for (key, revision) in &forward {
        let found = probe(&table, seed, key)?;
        assert!(found.is_some_and(|newest| newest >= *revision), "a get misses what a scan finds");
    }
    Ok(())
}

/// The one that the footer says the filter was made with.
fn filter_seed(table: &[u8]) -> u64 {
    let footer = &table[table.len() - FOOTER_BYTES..];
    u64::from_le_bytes(*footer[32..].first_chunk().expect("within the footer"))
}

fn probe(table: &Arc<Table>, seed: u64, key: &[u8]) -> Result<Option<Revision>> {
    table.get(key, filter::hash(key, seed), Revision::MAX, Wait::ForDisk, |entry| entry.revision)
}

fn walk(table: &Arc<Table>, forward: bool) -> Result<Vec<(Vec<u8>, Revision)>> {
    let mut cursor = table.cursor();
    let mut found = Vec::new();
    if forward {
        cursor.seek_to_first()?
    } else {
        cursor.seek_to_last()?
    }
    while cursor.valid() {
        found.push((cursor.key().to_vec(), cursor.entry().revision));
        if forward { cursor.next()? } else { cursor.prev()? }
    }
    for (key, revision) in found.iter().take(8) {
        cursor.seek(key, *revision)?;
        cursor.seek_before(key, *revision)?;
    }
    Ok(found)
}
