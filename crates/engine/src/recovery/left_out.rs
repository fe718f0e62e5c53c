//! What a point-in-time recovery leaves out of the log. It is evidence, and may be all that is left of a commit, so it
//! is copied to a folder of its own, durably, before the log is cut. A crash in between leaves the folder and the log as
//! it was; the next open then makes the same folder again.

use crate::disk::{Access, Disk, SyncPoint, read_whole};
use crate::error::{Code, Error, Result};
use crate::limits::SEGMENT_BYTES_MAX;
use crate::manifest;
use crate::names::FileName;
use crate::options::LeftOut;
use crate::wal::LogEnd;
use std::path::Path;

/// Where the log must end to be without this damage, if it is damage of the log.
pub(super) fn place(damage: &Error) -> Option<LogEnd> {
    let name = damage.file()?.file_name()?.to_str()?;
    match FileName::parse(name)? {
        FileName::Segment(segment) if damage.code() == Code::Corrupt => {
            Some(LogEnd { segment, offset: damage.offset()? })
        }
        _ => None,
    }
}

impl LeftOut {
    pub(super) fn measure(disk: &dyn Disk, folder: &Path, end: LogEnd, damage: &Error) -> Result<LeftOut> {
        let mut left_out = LeftOut {
            file: FileName::Segment(end.segment).in_folder(folder),
            offset: end.offset,
            what: damage.message().to_owned(),
            bytes: 0,
            files: 0,
            folder: None,
        };
        for name in segments_from(disk, folder, end.segment)? {
            let bytes = disk.open(&name.in_folder(folder), Access::Read)?.size()?;
            let before = if name == FileName::Segment(end.segment) { end.offset } else { 0 };
            left_out.bytes += bytes.saturating_sub(before);
            left_out.files += 1;
        }
        Ok(left_out)
    }

    /// Copies the log's files from the damaged one on, and moves tables that no edit names: the log that would show what
    /// they are is not to be trusted. Nothing is changed unless all of the log is copied.
    pub(super) fn set_aside(
        disk: &dyn Disk,
        folder: &Path,
        end: LogEnd,
        damage: &Error,
        strangers: &[FileName],
    ) -> Result<LeftOut> {
        let mut left_out = LeftOut::measure(disk, folder, end, damage)?;
        // No number is used twice, and a segment that was cut does not grow again.
        let aside = folder.join(format!("left-out-{:06}-{}", end.segment, end.offset));
        disk.create_folder(&aside)?;
        for name in segments_from(disk, folder, end.segment)? {
            copy(disk, &name.in_folder(folder), &name.in_folder(&aside))?;
        }
        disk.sync_folder(&aside, SyncPoint::LeftOut)?;
        disk.sync_folder(folder, SyncPoint::LeftOut)?;
        for name in strangers {
            match disk.rename(&name.in_folder(folder), &name.in_folder(&aside)) {
                Err(error) if error.code() == Code::NotFound => {}
                moved => moved?,
            }
        }
        disk.sync_folder(&aside, SyncPoint::LeftOut)?;
        left_out.folder = Some(aside);
        Ok(left_out)
    }
}

fn segments_from(disk: &dyn Disk, folder: &Path, first: u64) -> Result<Vec<FileName>> {
    let mut files = manifest::files(disk, folder)?;
    files.retain(|name| matches!(name, FileName::Segment(number) if *number >= first));
    Ok(files)
}

/// A whole copy, synced. Of a file that is longer than any segment can be, which has nothing of ours behind that, as
/// much as a segment can have.
fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<()> {
    match disk.remove(to) {
        Err(error) if error.code() != Code::NotFound => return Err(error),
        _ => {}
    }
    let source = disk.open(from, Access::Read)?;
    let target = disk.create(to)?;
    let bytes = source.size()?.min(SEGMENT_BYTES_MAX);
    let mut at = 0;
    read_whole(&*source, bytes, &mut |chunk| {
        target.write_at(at, chunk)?;
        at += chunk.len() as u64;
        Ok(())
    })?;
    target.sync(SyncPoint::LeftOut)
}
