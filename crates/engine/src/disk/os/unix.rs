//! What Linux, macOS and the BSDs do in their own way.

use rustix::fs::{FlockOperation, flock};
use std::fs;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

pub fn read_exact_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> Result<()> {
    file.read_exact_at(buffer, offset)
}

/// Only Linux tells what its page cache holds, and not for every file system.
pub fn try_read_exact_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{ReadWriteFlags, preadv2};
        let wanted = buffer.len();
        let read = preadv2(file, &mut [std::io::IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT);
        read == Ok(wanted)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, buffer, offset);
        false
    }
}

pub fn write_all_at(file: &fs::File, bytes: &[u8], offset: u64) -> Result<()> {
    file.write_all_at(bytes, offset)
}

/// Of a file or folder, by whatever path: the device and the number there.
pub fn identity(path: &Path) -> Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// File systems whose folders need no sync, or have none, answer "invalid argument".
pub fn sync_folder(path: &Path) -> Result<()> {
    match fs::File::open(path)?.sync_all() {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// `None`: someone else has it. `flock` and not `fcntl`: a POSIX record lock is given back when any handle of this
/// process on the file is closed, and does not keep two handles of one process apart.
pub fn lock(path: &Path) -> Result<Option<fs::File>> {
    let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A lock file that someone else holds, for reading.
pub fn open_locked(path: &Path) -> Result<fs::File> {
    fs::File::open(path)
}
