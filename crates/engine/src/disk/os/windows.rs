//! What Windows does in its own way.

use std::fs;
use std::io::{ErrorKind, Result};
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_WRITE: u32 = 2;
const GENERIC_WRITE: u32 = 0x4000_0000;
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const ERROR_SHARING_VIOLATION: i32 = 32;

pub fn read_exact_at(file: &fs::File, mut buffer: &mut [u8], mut offset: u64) -> Result<()> {
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Windows does not tell what is in memory.
pub fn try_read_exact_at(_file: &fs::File, _buffer: &mut [u8], _offset: u64) -> bool {
    false
}

pub fn write_all_at(file: &fs::File, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Of a file or folder, by whatever path: the path without its detours.
pub fn identity(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path)
}

/// A folder opens only with this flag, and flushes only if opened for writing.
pub fn sync_folder(path: &Path) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.access_mode(GENERIC_WRITE).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    options.open(path)?.sync_all()
}

/// `None`: someone else has it. A handle that shares reading only is the lock: a second one for writing is refused until
/// it is closed, by hand or by the end of the process, and the holder's name stays readable, as it would not inside a
/// range locked with `LockFileEx`.
pub fn lock(path: &Path) -> Result<Option<fs::File>> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).share_mode(FILE_SHARE_READ);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A lock file that someone else holds, for reading.
pub fn open_locked(path: &Path) -> Result<fs::File> {
    fs::OpenOptions::new().read(true).share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE).open(path)
}
