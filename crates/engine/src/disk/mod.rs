//! The only way to the file system. Everything durable goes through `Disk`, so that a test can stand in for it, lose
//! what was not synced, and fail any call.
//!
//! Names and bytes are synced apart: a file's bytes survive a power cut after `File::sync`, its name after
//! `Disk::sync_folder` of the folder that holds it.

mod os;
#[cfg(any(test, feature = "simulation"))]
pub mod simulated;
mod whole;

pub use os::OsDisk;
pub use whole::{Whole, hash_whole, read_whole};

use crate::error::{Code, Error, Result};
use std::path::Path;

/// Why a sync is made. Each names one promise; a simulated disk can leave one of them out to show that it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncPoint {
    /// The bytes of a new segment's header and zeros, before it can be used.
    SegmentPrepared,
    /// Log records: what `disk` durability waits for.
    LogRecords,
    /// The name of a new segment, before a record in it counts as durable.
    LogFolder,
    /// What recovery read of the log and cut off it, before a new segment follows and vouches for it.
    LogCut,
    /// Copies of what a point-in-time recovery leaves out of the log, before that is cut.
    LeftOut,
    /// A table's bytes, before an edit names it.
    Table,
    /// A table's name, and those of the blob files it refers to, before an edit names them.
    TableFolder,
    /// A blob file's bytes, before an edit names it.
    Blob,
    /// A blob part's bytes, before a log record names it.
    BlobPart,
    /// The names of blob parts, before a log record names them.
    BlobPartFolder,
    /// An edit, before the version it makes is used to delete anything.
    ManifestEdit,
    /// A whole new manifest, before CURRENT names it.
    ManifestNew,
    /// A new manifest's name, before CURRENT names it.
    ManifestFolder,
    /// The bytes of CURRENT's replacement, before it is renamed over CURRENT.
    Current,
    /// The rename of CURRENT, before the old manifest is removed.
    CurrentFolder,
    /// The bytes and names of a checkpoint, before it is announced.
    Checkpoint,
    /// A new database's folder in its parent.
    ParentFolder,
}

/// Whether a read may wait for the disk; else it fails with `WouldBlock` where it would have to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    ForDisk,
    /// For pages, and not for a filter: of few keys of a table that are most likely in it.
    ForPages,
    Never,
}

#[cold]
pub fn would_block() -> Error {
    Error::new(Code::WouldBlock, "the disk would have to be read")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
}

/// Files of one machine. Methods may be called from any thread.
pub trait Disk: Send + Sync + 'static {
    /// Makes one folder; it may exist already.
    fn create_folder(&self, path: &Path) -> Result<()>;
    /// Names in a folder, in no order. `NotFound` if there is none.
    fn list(&self, folder: &Path) -> Result<Vec<String>>;
    /// Whether two paths lead to one folder, which is there.
    fn is_same_folder(&self, one: &Path, other: &Path) -> Result<bool>;
    /// Makes a new, empty file for reading and writing. `Exists` if the name is taken.
    fn create(&self, path: &Path) -> Result<Box<dyn File>>;
    /// `NotFound` if there is none.
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>>;
    /// Replaces `to` if it exists.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    fn remove(&self, path: &Path) -> Result<()>;
    /// A second name for the same bytes; copies where the file system has no links.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Result<()>;
    /// Takes the folder's lock file, creating it if needed; held until dropped or the process ends. `Locked`, naming
    /// the holder as it described itself, if another process (or handle) has it.
    fn lock(&self, path: &Path, holder: &str) -> Result<Box<dyn Lock>>;
}

/// An open file. Offsets are explicit; there is no cursor, so threads may share it.
pub trait File: Send + Sync {
    /// Fills `buffer` from `offset`; `Corrupt` with file and offset if the file ends before that.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
    /// Fills `buffer` from `offset` if that needs no wait for the device; else, or where nobody can tell, answers false
    /// and leaves anything in it. A failure too is left to `read_at` to find.
    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> bool;
    /// Writes all of `bytes`; the file grows as needed. A short write is an error.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Cuts the file, or grows it with zeros.
    fn set_len(&self, bytes: u64) -> Result<()>;
    fn size(&self) -> Result<u64>;
    /// Makes the bytes and the length durable. Never called again on a file after it failed.
    fn sync(&self, point: SyncPoint) -> Result<()>;
}

/// Held while a database is open; dropping it gives the folder back.
pub trait Lock: Send + Sync {}
