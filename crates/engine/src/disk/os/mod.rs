//! The disk of the operating system.
//!
//! Positioned reads, writes and syncs go through the standard library, which issues exactly `pread`, `pwrite`,
//! `fdatasync` and, on macOS, `F_FULLFSYNC` (a plain `fsync` there leaves bytes in the drive's cache). What it does not
//! offer in one shape for every system (locks, folder syncs) stands in `unix` and `windows`.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;
#[cfg(test)]
mod tests;

use super::{Access, Disk, File, Lock, SyncPoint};
use crate::error::{Code, Error, Result};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Files of this machine. Holds nothing itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

struct OsFile {
    file: fs::File,
    path: PathBuf,
}

struct OsLock {
    // The lock lives exactly as long as this handle.
    _file: fs::File,
}

/// How much of a lock file is quoted: a holder is one line, and the file may hold anything.
const HOLDER_BYTES_MAX: u64 = 256;

impl Disk for OsDisk {
    fn create_folder(&self, path: &Path) -> Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Error::invalid("this is a file, where a folder is wanted").in_file(path))
            }
            made => made.map_err(|error| Error::io("create the folder", path, &error)),
        }
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let failed = |error: std::io::Error| Error::io("list the folder", folder, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            // A name that is not UTF-8 is none of ours; it is passed over like any other stranger.
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        Ok(names)
    }

    fn is_same_folder(&self, one: &Path, other: &Path) -> Result<bool> {
        let identity = |path: &Path| match system::identity(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some).map_err(|error| Error::io("look at the folder", path, &error)),
        };
        let one = identity(one)?;
        Ok(one.is_some() && one == identity(other)?)
    }

    fn create(&self, path: &Path) -> Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(|error| Error::io("create the file", path, &error))?;
        Ok(Box::new(OsFile { file, path: path.to_owned() }))
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(access == Access::ReadWrite).open(path);
        let file = file.map_err(|error| Error::io("open the file", path, &error))?;
        Ok(Box::new(OsFile { file, path: path.to_owned() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to)
            .map_err(|error| Error::io(&format!("rename the file to {}", to.display()), from, &error))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|error| Error::io("remove the file", path, &error))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        match fs::hard_link(from, to) {
            Ok(()) => Ok(()),
            // Some file systems answer "not permitted" where they mean "no such thing as a link". If the permission is
            // really missing, the copy fails with the same words.
            Err(error) if may_be_copied(error.kind()) => copy(from, to),
            Err(error) => Err(Error::io(&format!("link the file to {}", to.display()), from, &error)),
        }
    }

    fn sync_folder(&self, path: &Path, _point: SyncPoint) -> Result<()> {
        system::sync_folder(path).map_err(|error| Error::io("sync the folder", path, &error))
    }

    fn lock(&self, path: &Path, holder: &str) -> Result<Box<dyn Lock>> {
        let failed = |error: std::io::Error| Error::io("lock the file", path, &error);
        let Some(mut file) = system::lock(path).map_err(failed)? else {
            return Err(locked(path));
        };
        // Blanks over the rest of a longer name: cutting a file that was just written can wait for the disk.
        let width = HOLDER_BYTES_MAX.min(file.metadata().map_err(failed)?.len()) as usize;
        file.write_all(format!("{holder:width$}").as_bytes()).map_err(failed)?;
        Ok(Box::new(OsLock { _file: file }))
    }
}

impl File for OsFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match system::read_exact_at(&self.file, buffer, offset) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(ends_early(buffer.len())),
            read => read.map_err(|error| Error::io("read the file", &self.path, &error)),
        }
        .map_err(|error| error.in_file(&self.path).at_offset(offset))
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        system::try_read_exact_at(&self.file, buffer, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        system::write_all_at(&self.file, bytes, offset)
            .map_err(|error| Error::io("write the file", &self.path, &error).at_offset(offset))
    }

    fn set_len(&self, bytes: u64) -> Result<()> {
        self.file.set_len(bytes).map_err(|error| Error::io("resize the file", &self.path, &error))
    }

    fn size(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| Error::io("measure the file", &self.path, &error))?.len())
    }

    fn sync(&self, point: SyncPoint) -> Result<()> {
        // Only log records are synced often enough for the cheaper call to matter, and they go to a file whose length
        // is settled; everywhere else the whole inode is made durable, cut lengths included.
        let synced = match point {
            SyncPoint::LogRecords => self.file.sync_data(),
            _ => self.file.sync_all(),
        };
        synced.map_err(|error| Error::io("sync the file", &self.path, &error))
    }
}

impl Lock for OsLock {}

/// What every disk says of a read past the end of a file.
pub(super) fn ends_early(wanted: usize) -> Error {
    Error::corrupt(format!("the file ends before the {wanted} bytes that should be here"))
}

/// What every disk says of a lock that `holder` has.
pub(super) fn locked_by(holder: &str, path: &Path) -> Error {
    let holder = if holder.is_empty() { "another process" } else { holder };
    Error::new(Code::Locked, format!("the database is open elsewhere: {holder}")).in_file(path)
}

fn locked(path: &Path) -> Error {
    let mut holder = Vec::new();
    // The name of the holder is a courtesy: failing to read it changes nothing about being locked.
    if let Ok(file) = system::open_locked(path) {
        let _ = file.take(HOLDER_BYTES_MAX).read_to_end(&mut holder);
    }
    locked_by(String::from_utf8_lossy(&holder).trim(), path)
}

fn may_be_copied(kind: ErrorKind) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(kind, CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = || -> std::io::Result<()> {
        let mut source = fs::File::open(from)?;
        let mut target = fs::OpenOptions::new().write(true).create_new(true).open(to)?;
        std::io::copy(&mut source, &mut target)?;
        // The bytes under the first name were durable, so those under the second are too.
        target.sync_all()
    };
    copied().map_err(|error| Error::io(&format!("copy the file to {}", to.display()), from, &error))
}
