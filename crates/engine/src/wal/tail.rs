//! Reading records back while the log goes on: what a leader ships, in the bytes in which it was logged. Any thread;
//! nothing is locked while the disk is read.
//!
//! Only what is durable is handed out: a record that a power cut may take back must not be anywhere else. A segment may be
//! released meanwhile and its file used anew; the frames that are read then have another salt, so that no record of one
//! life is taken for one of another.

use super::reader::SegmentReader;
use super::segment::FIRST_FRAME;
use super::writer::Log;
use super::{LogEnd, segment_number};
use crate::batch::{self, Header, RecordKind};
use crate::disk::Disk;
use crate::encryption::Keys;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use std::path::Path;

/// Consecutive records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    pub first: Sequence,
    /// The header of the last one.
    pub last: Header,
    /// As `batch::put_body` makes them.
    pub bytes: Vec<u8>,
}

/// Between two frames.
#[derive(Clone, Copy)]
pub(super) struct Place {
    segment: u64,
    offset: u64,
    /// The last record before it.
    after: Sequence,
}

impl Log {
    /// Durable records after `after`: at least one, and no further one once they have `bytes_max` bytes. None if none is
    /// durable yet; `Compacted` if the log does not reach back so far.
    pub fn read(&self, after: Sequence, bytes_max: usize) -> Result<Option<Records>> {
        let durable = self.durable().sequence;
        if after >= durable {
            return Ok(None);
        }
        let mut records: Option<Records> = None;
        let mut place = self.place_of(after)?;
        while place.after < durable && records.as_ref().is_none_or(|records| records.bytes.len() < bytes_max)
        {
            let read = self.read_segment(&mut place, after, durable, bytes_max, &mut records);
            let is_listed = self.next_segment_after(place.segment.wrapping_sub(1)) == Some(place.segment);
            match read {
                Ok(()) => {}
                Err(_) if !is_listed => return Err(not_kept(after)),
                Err(error) => return Err(error),
            }
            if place.offset > 0 {
                continue;
            }
            // Behind a seal or a close.
            let Some(next) = self.next_segment_after(place.segment) else { break };
            place = Place { segment: next, offset: FIRST_FRAME, ..place };
        }
        *self.place.lock() = Some(place);
        Ok(records)
    }

    /// Reads the segments below a number that are kept for others, and calls `damaged` for each that is not whole; how many
    /// bytes they have. What is let go of meanwhile is nobody's business.
    pub fn check_kept(&self, below: u64, damaged: &mut dyn FnMut(Error)) -> Result<u64> {
        let mut bytes = 0;
        let mut number = self.next_segment_after(0).filter(|number| *number < below);
        while let Some(segment) = number {
            match self.check_segment(segment) {
                Ok(read) => bytes += read,
                Err(_) if self.next_segment_after(segment - 1) != Some(segment) => {}
                Err(error) if error.code() == Code::Corrupt => damaged(error),
                Err(error) => return Err(error),
            }
            number = self.next_segment_after(segment).filter(|number| *number < below);
        }
        Ok(bytes)
    }

    fn check_segment(&self, segment: u64) -> Result<u64> {
        let Environment { disk, keys, .. } = &self.environment;
        let mut reader = SegmentReader::open(&**disk, keys, &self.folder, segment)?;
        let path = reader.path.clone();
        let damaged = |offset| Err(broken(&path, offset));
        if reader.header.is_none_or(|header| header.number != segment) {
            return damaged(0);
        }
        let mut offset = FIRST_FRAME;
        while offset < reader.bytes {
            let Some(frame) = reader.frame(offset)? else { return damaged(offset) };
            frame.body().map_err(|error| error.in_file(&path).at_offset(offset))?;
            let is_last = frame.record.kind != RecordKind::Data;
            offset = frame.end;
            if is_last {
                break;
            }
        }
        Ok(offset)
    }

    /// From where to read on for what comes after a record: at or before it.
    fn place_of(&self, after: Sequence) -> Result<Place> {
        let buffer = self.buffer.lock();
        let sealed = buffer.sealed.iter().map(|segment| (segment.number, segment.after));
        let active = buffer.active.as_ref().map(|active| (active.number, buffer.active_after));
        let holding = sealed.chain(active).rfind(|(_, before)| *before <= after);
        let (segment, before) = holding.ok_or_else(|| not_kept(after))?;
        drop(buffer);
        let known = self.place.lock().filter(|place| place.segment == segment && place.offset > 0);
        let begin = Place { segment, offset: FIRST_FRAME, after: before };
        Ok(known.filter(|known| (before..=after).contains(&known.after)).unwrap_or(begin))
    }

    fn next_segment_after(&self, number: u64) -> Option<u64> {
        let buffer = self.buffer.lock();
        let sealed = buffer.sealed.iter().map(|segment| segment.number);
        let active = buffer.active.as_ref().map(|active| active.number);
        sealed.chain(active).find(|other| *other > number)
    }

    /// Reads on in one segment; leaves the place at 0 behind its last frame.
    fn read_segment(
        &self,
        place: &mut Place,
        after: Sequence,
        durable: Sequence,
        bytes_max: usize,
        records: &mut Option<Records>,
    ) -> Result<()> {
        let Environment { disk, keys, .. } = &self.environment;
        let mut reader = SegmentReader::open_narrow(&**disk, keys, &self.folder, place.segment)?;
        let path = reader.path.clone();
        let damaged = |offset: u64| broken(&path, offset);
        if reader.header.is_none_or(|header| header.number != place.segment) {
            return Err(damaged(0));
        }
        while place.after < durable && records.as_ref().is_none_or(|records| records.bytes.len() < bytes_max)
        {
            if place.offset >= reader.bytes {
                place.offset = 0; // A tail that was cut.
                return Ok(());
            }
            let frame = reader.frame(place.offset)?.ok_or_else(|| damaged(place.offset))?;
            if frame.record.kind != RecordKind::Data {
                place.offset = 0;
                return Ok(());
            }
            if frame.record.sequence != place.after + 1 {
                // What is between was let go of.
                return Err(not_kept(place.after));
            }
            if frame.record.sequence > after {
                let body = frame.body().map_err(|error| error.in_file(&path).at_offset(place.offset))?;
                push(records, frame.record, &body);
            }
            (place.offset, place.after) = (frame.end, frame.record.sequence);
        }
        Ok(())
    }
}

fn push(records: &mut Option<Records>, header: Header, body: &[u8]) {
    let first = header.sequence;
    let records = records.get_or_insert_with(|| Records { first, last: header, bytes: Vec::new() });
    records.last = header;
    batch::put_body(&mut records.bytes, body);
}

fn broken(path: &Path, offset: u64) -> Error {
    Error::corrupt("a record of the log that was synced is not whole").in_file(path).at_offset(offset)
}

fn not_kept(after: Sequence) -> Error {
    let next = after + 1;
    Error::new(Code::Compacted, format!("the log does not hold record {next} any more"))
}

/// Where the log that a closed folder has from segment `from` on ends if no record after `last` is wanted; none if there
/// is none.
pub fn end_of(
    disk: &dyn Disk,
    keys: &Keys,
    folder: &Path,
    from: u64,
    last: Sequence,
) -> Result<Option<LogEnd>> {
    let mut segments: Vec<u64> = disk.list(folder)?.iter().filter_map(|name| segment_number(name)).collect();
    segments.retain(|number| *number >= from);
    segments.sort_unstable();
    for segment in segments {
        let mut reader = SegmentReader::open(disk, keys, folder, segment)?;
        // Recovery judges what is not whole.
        if reader.header.is_none_or(|header| header.number != segment) {
            continue;
        }
        let mut offset = FIRST_FRAME;
        while let Some(frame) = reader.frame(offset)? {
            if frame.record.kind != RecordKind::Data {
                break;
            }
            if frame.record.sequence > last {
                return Ok(Some(LogEnd { segment, offset }));
            }
            offset = frame.end;
        }
    }
    Ok(None)
}
