//! Reads what can be read of one segment, past its damage. For `salvage`; one thread.

use super::frame;
use super::reader::{SegmentReader, Trace};
use super::segment::FIRST_FRAME;
use crate::batch::{self, Header, RecordKind};
use crate::disk::Disk;
use crate::encryption::Keys;
use crate::error::{Error, Result};
use std::path::Path;

/// That the segment can be read with these keys, or has lost its header.
pub fn expect_keys(disk: &dyn Disk, keys: &Keys, folder: &Path, number: u64) -> Result<()> {
    SegmentReader::open(disk, keys, folder, number).map(drop)
}

/// Calls `keep` for every whole record, and `lost` for every place where there was one and is none: with what is wrong,
/// where it begins, and how many bytes. Behind the last record stands anything, of which only what looks like a
/// record is told.
pub fn rescue(
    disk: &dyn Disk,
    keys: &Keys,
    folder: &Path,
    number: u64,
    keep: &mut dyn FnMut(Header, &[u8]),
    lost: &mut dyn FnMut(Error, u64),
) -> Result<()> {
    let mut reader = SegmentReader::open(disk, keys, folder, number)?;
    let path = reader.path.clone();
    let headless = reader.header.is_none();
    // Where the last whole frame ended.
    let mut expected = if headless { 0 } else { FIRST_FRAME };
    let mut at = FIRST_FRAME;
    let mut last = 0;
    let mut ended = false;
    while at + frame::HEADER_BYTES as u64 <= reader.bytes {
        let next = at + frame::ALIGNMENT as u64;
        let Ok(Some(frame)) = reader.frame_of_life(at) else {
            at = next;
            continue;
        };
        let end = frame.end;
        let (record, salt) = (frame.record, frame.salt);
        last = record.sequence;
        let body = frame.body().and_then(|body| {
            if record.kind == RecordKind::Data {
                batch::validate_logged(&body)?;
                keep(record, &body);
            }
            Ok(())
        });
        let whole = body.is_ok();
        if at > expected || !whole {
            let message = if whole { "log records are damaged" } else { "a log record does not parse" };
            let (from, until) = if whole { (expected, at) } else { (at, end) };
            lost(Error::corrupt(message).in_file(&path).at_offset(from), until - from);
        }
        if headless {
            // From here on it is known which life of the file this is.
            reader.assume_salt(salt);
        }
        expected = end;
        at = end;
        if record.kind != RecordKind::Data {
            ended = true;
            break;
        }
    }
    if ended || expected < FIRST_FRAME {
        return Ok(());
    }
    // What looks like records behind the last whole one is damaged, or was never written to its end.
    if let Trace::Unsynced { end } = reader.trace(expected, u64::MAX, last)?
        && end > expected
    {
        let message = "the last log records are not whole";
        lost(Error::corrupt(message).in_file(&path).at_offset(expected), end - expected);
    }
    Ok(())
}
