//! What is done to the folder of a database that nobody has open: it is made of files that came from elsewhere, emptied, or
//! freed of records that its branch does not have. Each holds the folder's lock, and can be begun again after whatever has
//! stopped it.

use super::pinned;
use crate::disk::{Access, Disk, SyncPoint};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use crate::manifest::{self, ManifestLog, Tail};
use crate::names::{FileName, FileNumbers};
use crate::recovery::sync_names;
use crate::wal::{self, LogFloor, Reading, Watermark};
use std::path::Path;

/// Makes a database of the files that `files_of` names, which stand in the folder and hash to what it says: the caller has
/// seen to that, as they came. They are synced first. Whatever else of a database is there is removed. `Exists` if there
/// is one, `Corrupt`, with its name, if a file is not as long as the manifest says. Blocking.
pub fn install(folder: &Path, manifest: &[u8], environment: &Environment, holder: &str) -> Result<Watermark> {
    let mut state = manifest::from_bytes(manifest)?;
    let disk = environment.disk.as_ref();
    let _lock = disk.lock(&FileName::Lock.in_folder(folder), holder)?;
    state.expect_keys(&environment.keys, folder)?;
    let wanted: Vec<_> = pinned::files(&state).collect();
    let found = manifest::files(disk, folder)?;
    if found.contains(&FileName::Current) {
        return Err(Error::new(Code::Exists, "there is a database in this folder").in_file(folder));
    }
    // A segment of an earlier database would be taken for the log of this one.
    let is_wanted = |name: &FileName| wanted.iter().any(|file| file.name == name.to_string());
    for name in found.iter().filter(|name| !is_wanted(name) && **name != FileName::Lock) {
        disk.remove(&name.in_folder(folder))?;
    }
    for file in &wanted {
        sync_whole(disk, &folder.join(&file.name), file.bytes)?;
    }
    let numbers = FileNumbers::starting_at(state.next_number);
    state.log_floor = LogFloor { segment: numbers.take(), flushed_sequence: state.last_sequence };
    let last = Watermark { sequence: state.last_sequence, revision: state.last_revision };
    ManifestLog::install(environment, folder, &numbers, state)?;
    sync_names(disk, folder, SyncPoint::ParentFolder)?;
    Ok(last)
}

fn sync_whole(disk: &dyn Disk, path: &Path, bytes: u64) -> Result<()> {
    let file = disk.open(path, Access::ReadWrite)?;
    let size = file.size()?;
    if size != bytes {
        let message = format!("the file has {size} bytes, and {bytes} in the manifest");
        return Err(Error::corrupt(message).in_file(path).at_offset(size.min(bytes)));
    }
    file.sync(SyncPoint::Table)
}

/// Removes every file of a database from a folder, if there is one; others stay. Blocking.
pub fn clear(folder: &Path, environment: &Environment, holder: &str) -> Result<()> {
    let disk = environment.disk.as_ref();
    let _lock = match disk.lock(&FileName::Lock.in_folder(folder), holder) {
        Err(error) if error.code() == Code::NotFound => return Ok(()),
        taken => taken?,
    };
    let mut found = manifest::files(disk, folder)?;
    // First, and for good: what is left does not pass for a database that has lost something.
    found.sort_by_key(|name| *name != FileName::Current);
    found.retain(|name| *name != FileName::Lock);
    for name in &found {
        disk.remove(&name.in_folder(folder))?;
        if *name == FileName::Current {
            disk.sync_folder(folder, SyncPoint::CurrentFolder)?;
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    disk.sync_folder(folder, SyncPoint::CurrentFolder)
}

/// Takes every record after `last` out of the log, durably. False, with nothing done, if there may be such records in
/// tables already. Blocking.
pub fn cut(folder: &Path, last: Sequence, environment: &Environment, holder: &str) -> Result<bool> {
    let disk = environment.disk.as_ref();
    let _lock = disk.lock(&FileName::Lock.in_folder(folder), holder)?;
    let keys = &environment.keys;
    let found = manifest::recover(disk, keys, folder)?;
    let floor = found.state.log_floor;
    // After a crash tables may be there that the manifest does not know, which the next open looks for in the log.
    if found.tail != Tail::Marked || floor.flushed_sequence.max(found.state.last_sequence) > last {
        return Ok(false);
    }
    let end = wal::end_of(disk, keys, folder, floor.segment, last)?;
    let reading = Reading { keys, floor, keeps: true, read_only: false, end };
    wal::recover(disk, folder, reading, &mut |_, _| Ok(()))?;
    Ok(true)
}
