//! The parts of large values that are logged and not yet in a table: a memtable keeps them for its references. Any thread.

use super::{BlobFile, Found, Reference};
use crate::error::{Error, Result};
use crate::limits::{MEMTABLE_PART_BYTES_MAX, MEMTABLE_PARTS_MAX};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// By file number.
#[derive(Default)]
pub struct Parts(Mutex<BTreeMap<u64, Arc<BlobFile>>>);

impl Parts {
    /// Takes the parts of a value, before an entry that refers to them can be found.
    pub fn adopt(&self, parts: &[Arc<BlobFile>]) {
        self.0.lock().extend(parts.iter().map(|part| (part.number(), part.clone())));
    }

    pub fn get(&self, number: u64) -> Option<Arc<BlobFile>> {
        self.0.lock().get(&number).cloned()
    }

    /// Of every value that was ever adopted, replaced ones included.
    pub fn all(&self) -> Vec<Arc<BlobFile>> {
        self.0.lock().values().cloned().collect()
    }

    /// What they take on the disk.
    pub fn bytes(&self) -> u64 {
        self.0.lock().values().map(|part| part.meta().bytes).sum()
    }

    /// Whether a memtable with these should be flushed: those that were replaced take room until then.
    pub fn are_many(&self) -> bool {
        let count = self.0.lock().len();
        count >= MEMTABLE_PARTS_MAX || self.bytes() >= MEMTABLE_PART_BYTES_MAX
    }
}

/// What references count by: a table has a list, in a memtable each says it itself.
#[derive(Clone, Copy)]
pub enum Files<'a> {
    Listed(&'a [Arc<BlobFile>]),
    Parts(&'a Parts),
}

impl Files<'_> {
    /// Where the value is that a reference, as it is stored, leads to.
    pub fn find(self, reference: &[u8]) -> Result<Found> {
        let reference = Reference::decode(reference)?;
        match self {
            Files::Listed(files) => reference.find(files),
            Files::Parts(parts) => {
                let held = reference.parts.iter().map(|part| parts.get(part.number));
                let missing = || Error::corrupt("a large value is in a part that nobody holds");
                reference.find(&held.collect::<Option<Vec<_>>>().ok_or_else(missing)?)
            }
        }
    }
}
