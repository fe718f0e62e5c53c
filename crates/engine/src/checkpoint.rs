//! A copy of the database as of now in another folder of the same file system: tables and blob files are linked, the
//! manifest is written anew, and there is no log because everything was flushed first. Writers do not stop for it.

use crate::disk::{Access, SyncPoint};
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::names::FileName;
use crate::recovery::{create_folders, sync_names};
use crate::state::State;
use std::path::{Path, PathBuf};

/// CURRENT is one line.
const CURRENT_BYTES_MAX: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointInfo {
    pub folder: PathBuf,
    /// Holds every commit up to this one, and no later one.
    pub revision: Revision,
    pub tables: u64,
    /// Of tables and blob files, as a backup counts them.
    pub bytes: u64,
}

impl State {
    /// `Exists` if the folder is there and not empty; on failure what was made of it is removed again.
    pub fn checkpoint(&self, folder: &Path) -> Result<CheckpointInfo> {
        self.flush()?;
        let disk = self.environment.disk.as_ref();
        create_folders(disk, folder)?;
        if !disk.list(folder)?.is_empty() {
            return Err(Error::new(Code::Exists, "a checkpoint needs an empty folder").in_file(folder));
        }
        let filled = self.fill_checkpoint(folder);
        if filled.is_err() {
            // Best effort: the error that matters is the one above.
            for name in disk.list(folder).unwrap_or_default() {
                let _ = disk.remove(&folder.join(name));
            }
        }
        filled
    }

    fn fill_checkpoint(&self, folder: &Path) -> Result<CheckpointInfo> {
        let disk = self.environment.disk.as_ref();
        let (manifest, version, revision) = {
            // While this is held the manifest names exactly the version's tables.
            let install = self.install.lock();
            // An edit that failed may be in the manifest, and is in no version.
            self.check_poison()?;
            let Some(manifest) = install.as_ref() else {
                return Err(Error::new(Code::Closed, "the database was closed during a checkpoint"));
            };
            let (name, bytes) = manifest.file();
            let readable = self.readable.load_full();
            let contents = [
                (name, self.read_file(name, bytes)?),
                (FileName::Current, self.read_file(FileName::Current, CURRENT_BYTES_MAX)?),
            ];
            (contents, readable.version.clone(), readable.flushed.revision)
        };
        // The pinned version keeps its files even if a compaction replaces them meanwhile.
        let mut info = CheckpointInfo { folder: folder.to_owned(), revision, tables: 0, bytes: 0 };
        for table in version.tables() {
            disk.link(table.path(), &FileName::Table(table.number()).in_folder(folder))?;
            info.tables += 1;
            info.bytes += table.summary().bytes;
        }
        for blob in version.blobs() {
            disk.link(blob.file.path(), &FileName::Blob(blob.file.number()).in_folder(folder))?;
            info.bytes += blob.file.meta().bytes;
        }
        // CURRENT comes last: a folder without it is not mistaken for a database.
        for (name, bytes) in manifest {
            disk.sync_folder(folder, SyncPoint::Checkpoint)?;
            let file = disk.create(&name.in_folder(folder))?;
            file.write_at(0, &bytes)?;
            file.sync(SyncPoint::Checkpoint)?;
        }
        disk.sync_folder(folder, SyncPoint::Checkpoint)?;
        sync_names(disk, folder, SyncPoint::Checkpoint)?;
        Ok(info)
    }

    fn read_file(&self, name: FileName, bytes_max: u64) -> Result<Vec<u8>> {
        let file = self.environment.disk.open(&name.in_folder(&self.folder), Access::Read)?;
        let length = file.size()?.min(bytes_max);
        let mut bytes = vec![0; usize::try_from(length).expect("a manifest fits into memory")];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }
}
