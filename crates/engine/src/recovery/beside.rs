//! Reading a folder in which another process may be writing, without disturbing it.
//!
//! `Pinned` is the folder at one moment: names listed once, files held open from then on, also those that only what was
//! appended since names. A writer may go on to append to them, which adds a later end; it may remove them, which takes only their names; and it may take a segment into use
//! again, which overwrites it from its header on. So whoever has read segments looks at their headers again: if they are
//! what they were, so is what was read. What else a writer does meanwhile looks like damage from here, and is told from
//! it by looking again: damage stays.

use crate::disk::{Access, Disk, File, Lock, SyncPoint};
use crate::error::{Code, Error, Result};
use crate::manifest;
use crate::names::FileName;
use crate::wal::SEGMENT_HEADER_BYTES;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Looks at a folder that changes all the time before it is given up.
const LOOKS_MAX: u32 = 100;

/// Reads a folder until nothing changed under `read`, or the same damage was seen twice.
pub fn read_beside<R>(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    mut read: impl FnMut(&Arc<dyn Disk>) -> Result<R>,
) -> Result<R> {
    let mut seen: Option<Error> = None;
    for _ in 0..LOOKS_MAX {
        let pinned = match Pinned::new(disk, folder) {
            Ok(pinned) => Arc::new(pinned),
            // A file went between the listing and its opening.
            Err(error) if error.code() == Code::NotFound && disk.list(folder).is_ok() => continue,
            Err(error) => return Err(error),
        };
        let answer = read(&(pinned.clone() as Arc<dyn Disk>));
        if !pinned.is_unchanged()? {
            seen = None;
            continue;
        }
        match answer {
            Err(error) if error.code() == Code::Corrupt => {
                let place = |error: &Error| (error.file().map(Path::to_owned), error.offset());
                if seen.as_ref().is_some_and(|seen| place(seen) == place(&error)) {
                    return Err(error);
                }
                seen = Some(error);
            }
            answer => return answer,
        }
    }
    let message = "the files change faster than they can be read beside their writer: try again";
    Err(Error::new(Code::Busy, message).in_file(folder))
}

/// One folder as it was. Nothing can be changed through it.
struct Pinned {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    names: Vec<String>,
    files: Mutex<BTreeMap<PathBuf, Arc<dyn File>>>,
    /// As they were before anything was read.
    headers: Vec<(PathBuf, Vec<u8>)>,
    /// What CURRENT said.
    manifest: Option<u64>,
}

impl Pinned {
    fn new(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Pinned> {
        let manifest = manifest::current(disk.as_ref(), folder).ok();
        let mut pinned = Pinned {
            disk: disk.clone(),
            folder: folder.to_owned(),
            names: disk.list(folder)?.into_iter().filter(|name| !is_of_writer(name)).collect(),
            files: Mutex::default(),
            headers: Vec::new(),
            manifest,
        };
        for name in &pinned.names {
            let name = match FileName::parse(name) {
                Some(FileName::CurrentReplacement | FileName::Current | FileName::Lock) | None => continue,
                Some(name) => name,
            };
            let path = name.in_folder(folder);
            let file: Arc<dyn File> = disk.open(&path, Access::Read)?.into();
            if let FileName::Segment(_) = name {
                pinned.headers.push((path.clone(), header(file.as_ref())?));
            }
            pinned.files.get_mut().insert(path, file);
        }
        Ok(pinned)
    }

    /// Whether every segment is still what it was, and no other manifest came into use, whose edits this one lacks.
    fn is_unchanged(&self) -> Result<bool> {
        for (path, before) in &self.headers {
            let file = self.files.lock()[path].clone();
            if header(file.as_ref())? != *before {
                return Ok(false);
            }
        }
        Ok(manifest::current(self.disk.as_ref(), &self.folder).ok() == self.manifest)
    }
}

/// What waits to become a segment means nothing to a reader, and comes and goes.
fn is_of_writer(name: &str) -> bool {
    matches!(FileName::parse(name), Some(FileName::SpareSegment | FileName::FreshSegment))
}

/// The first bytes of a segment; fewer where it is shorter.
fn header(file: &dyn File) -> Result<Vec<u8>> {
    let mut bytes = vec![0; file.size()?.min(SEGMENT_HEADER_BYTES as u64) as usize];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

fn refuse(path: &Path) -> Error {
    Error::new(Code::ReadOnly, "the folder was opened with readOnly").in_file(path)
}

impl Disk for Pinned {
    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        if folder == self.folder { Ok(self.names.clone()) } else { self.disk.list(folder) }
    }

    fn is_same_folder(&self, one: &Path, other: &Path) -> Result<bool> {
        self.disk.is_same_folder(one, other)
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>> {
        if access == Access::ReadWrite {
            return Err(refuse(path));
        }
        let mut files = self.files.lock();
        if let Some(file) = files.get(path) {
            return Ok(Box::new(PinnedFile(file.clone())));
        }
        let file: Arc<dyn File> = self.disk.open(path, access)?.into();
        // Made after the names were listed: a part of a large value, which a record names that was logged since.
        if path.parent() == Some(&self.folder) {
            files.insert(path.to_owned(), file.clone());
        }
        Ok(Box::new(PinnedFile(file)))
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        Err(refuse(path))
    }

    fn create(&self, path: &Path) -> Result<Box<dyn File>> {
        Err(refuse(path))
    }

    fn rename(&self, from: &Path, _to: &Path) -> Result<()> {
        Err(refuse(from))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        Err(refuse(path))
    }

    fn link(&self, from: &Path, _to: &Path) -> Result<()> {
        Err(refuse(from))
    }

    fn sync_folder(&self, path: &Path, _point: SyncPoint) -> Result<()> {
        Err(refuse(path))
    }

    fn lock(&self, path: &Path, _holder: &str) -> Result<Box<dyn Lock>> {
        Err(refuse(path))
    }
}

struct PinnedFile(Arc<dyn File>);

impl File for PinnedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, buffer)
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.0.try_read_at(offset, buffer)
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Err(Error::new(Code::ReadOnly, "the file was opened with readOnly"))
    }

    fn set_len(&self, _bytes: u64) -> Result<()> {
        Err(Error::new(Code::ReadOnly, "the file was opened with readOnly"))
    }

    fn size(&self) -> Result<u64> {
        self.0.size()
    }

    fn sync(&self, _point: SyncPoint) -> Result<()> {
        Err(Error::new(Code::ReadOnly, "the file was opened with readOnly"))
    }
}
