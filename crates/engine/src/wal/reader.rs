//! Reads the frames of one segment, and looks for traces behind the place where they end. One thread, at open.

use super::frame::{self, FRAME_BYTES_MIN, FrameHeader};
use super::segment::{self, Header};
use super::segment_path;
use crate::batch::{self, RecordKind};
use crate::disk::{Access, Disk, File};
use crate::encryption::{KeyId, Keys, Seal};
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use crate::limits::{COUNTER_MAX, SEGMENT_BYTES_MAX};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Read at once; a larger record is read by itself.
const WINDOW_BYTES: u64 = 1 << 20;
/// As much for those who want a few records.
const NARROW_WINDOW_BYTES: u64 = 64 << 10;

/// Frames do not overlap, so that checking all of them reads a segment once. What looks like frames may overlap, and is
/// given up when checking it has read this many segments.
const CHECKED_FACTOR: u64 = 8;

pub(super) struct SegmentReader {
    pub number: u64,
    pub path: PathBuf,
    /// At most as many as a segment can have.
    pub bytes: u64,
    /// Of the file, if it is longer than any segment can be. None of it is read beyond `bytes`.
    pub too_long: Option<u64>,
    /// `None`: what should be the header is not one. Its number is larger than the name's if the file was recycled and
    /// a power cut brought the old name back.
    pub header: Option<Header>,
    /// None if the header is lost that would say it.
    seal: Option<Seal>,
    window: Window,
}

/// A frame that is whole.
pub(super) struct Frame<'a> {
    pub salt: u32,
    pub record: batch::Header,
    /// As it is stored.
    stored: &'a [u8],
    seal: Option<&'a Seal>,
    offset: u64,
    /// Where the next frame begins.
    pub end: u64,
    /// The segment was known to be synced up to here when the frame was written.
    pub synced: u64,
}

impl<'a> Frame<'a> {
    pub fn body(&self) -> Result<Cow<'a, [u8]>> {
        let lost = || Error::corrupt("the data key of a log record is lost with the segment's header");
        frame::open(self.seal.ok_or_else(lost)?, self.offset, self.stored)
    }
}

/// What stands behind the place where a log breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// A frame that was written after what is broken had been synced.
    Vouched { at: u64 },
    /// At most frames that were never synced; the last of them ends here, or where the search began.
    Unsynced { end: u64 },
}

impl SegmentReader {
    pub fn open(disk: &dyn Disk, keys: &Keys, folder: &Path, number: u64) -> Result<SegmentReader> {
        SegmentReader::open_ahead(disk, keys, folder, number, WINDOW_BYTES)
    }

    /// For whoever goes to one place of the segment and reads little there.
    pub fn open_narrow(disk: &dyn Disk, keys: &Keys, folder: &Path, number: u64) -> Result<SegmentReader> {
        SegmentReader::open_ahead(disk, keys, folder, number, NARROW_WINDOW_BYTES)
    }

    fn open_ahead(
        disk: &dyn Disk,
        keys: &Keys,
        folder: &Path,
        number: u64,
        ahead: u64,
    ) -> Result<SegmentReader> {
        let path = segment_path(folder, number);
        let file = disk.open(&path, Access::Read)?;
        let size = file.size()?;
        let bytes = size.min(SEGMENT_BYTES_MAX);
        let too_long = (size > bytes).then_some(size);
        let mut window = Window { file, bytes, ahead, start: 0, read: Vec::new() };
        let header = match window.get(0, segment::HEADER_BYTES as u64)? {
            Some(read) => {
                let read = read.first_chunk().expect("a whole header was read");
                Header::parse(read).map_err(|error| error.in_file(&path))?
            }
            None => None,
        };
        let seal = match &header {
            // A life of the file that is over: nothing of it is read.
            Some(header) if header.number != number => None,
            Some(header) => {
                let seal = keys.seal_of(&segment::MAGIC, header.wrapped.as_ref());
                Some(seal.map_err(|error| error.in_file(&path).at_offset(0))?)
            }
            None => keys.current().is_none().then(Seal::default),
        };
        Ok(SegmentReader { number, path, bytes, too_long, header, seal, window })
    }

    /// The frame at `offset`; `None` if there is no whole one of this life of the file. With an unknown header any salt
    /// will do.
    pub fn frame(&mut self, offset: u64) -> Result<Option<Frame<'_>>> {
        let salt = self.header.map(|header| header.salt);
        let Some(header) = self.window.frame_header(offset)? else { return Ok(None) };
        if salt.is_some_and(|salt| salt != header.salt) {
            return Ok(None);
        }
        let length = frame::HEADER_BYTES + header.body_bytes;
        let Some(bytes) = self.window.get(offset, length as u64)? else { return Ok(None) };
        if !header.is_whole(bytes) {
            return Ok(None);
        }
        let stored = &bytes[frame::HEADER_BYTES..];
        let record = batch::header(stored).map_err(|error| error.in_file(&self.path).at_offset(offset))?;
        let end = offset + frame::bytes_of(header.body_bytes) as u64;
        let (salt, synced, seal) = (header.salt, header.synced, self.seal.as_ref());
        Ok(Some(Frame { salt, record, stored, seal, offset, end, synced }))
    }

    /// Whether nothing was ever written at `offset`.
    pub fn is_blank(&mut self, offset: u64) -> Result<bool> {
        let bytes = self.window.get(offset, FRAME_BYTES_MIN as u64)?;
        Ok(bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0)))
    }

    /// As `frame`. With an unknown header only what looks like a record is checked: a checksum of whatever may be a frame
    /// at every place would read the segment over and over.
    pub fn frame_of_life(&mut self, offset: u64) -> Result<Option<Frame<'_>>> {
        if self.header.is_none() && !self.shows_newer_record(offset, 0)? {
            return Ok(None);
        }
        self.frame(offset)
    }

    /// What encrypts it; none: nothing does, or its header is lost.
    pub fn key(&self) -> Option<KeyId> {
        self.header.and_then(|header| header.key())
    }

    /// The header is lost, but a frame of this life of the file was found.
    pub fn assume_salt(&mut self, salt: u32) {
        self.header.get_or_insert(Header { number: self.number, salt, wrapped: None });
    }

    /// Whether the bytes at `offset` would be this record's if they had a right frame header. Earlier lives of the file
    /// left none that are as new.
    fn shows_record(&mut self, offset: u64, sequence: Sequence) -> Result<bool> {
        let bytes = self.window.get(offset, FRAME_BYTES_MIN as u64)?;
        let record = bytes.map(|bytes| batch::header(&bytes[frame::HEADER_BYTES..]));
        Ok(matches!(record, Some(Ok(record)) if record.sequence == sequence))
    }

    fn shows_newer_record(&mut self, offset: u64, known: Sequence) -> Result<bool> {
        let bytes = self.window.get(offset, FRAME_BYTES_MIN as u64)?;
        let record = bytes.map(|bytes| batch::header(&bytes[frame::HEADER_BYTES..]));
        Ok(matches!(record, Some(Ok(record)) if record.sequence > known && record.sequence <= COUNTER_MAX))
    }

    /// Looks at every place from `from` where a frame could begin. A frame vouches if its record is newer than `known`
    /// and it was written when this segment was synced up to `synced_min` at least, or if it closes the log.
    ///
    /// Records up to `known` vouch for nothing: they are what a recycled file, or a value that holds a copy of this
    /// very segment, may contain.
    pub fn trace(&mut self, from: u64, synced_min: u64, known: Sequence) -> Result<Trace> {
        let salt = self.header.map(|header| header.salt);
        let mut end = if self.shows_record(from, known + 1)? { from + FRAME_BYTES_MIN as u64 } else { from };
        let mut offset = from.next_multiple_of(frame::ALIGNMENT as u64);
        let mut checked_bytes = 0;
        while let Some(header) = self.window.frame_header_or_end(offset)? {
            let at = offset;
            offset += frame::ALIGNMENT as u64;
            let Some(header) = header.filter(|header| salt.is_none_or(|salt| salt == header.salt)) else {
                continue;
            };
            let claimed = at + frame::bytes_of(header.body_bytes) as u64;
            // The salt tells our frames from most of what could be one. Without it what the record says of itself does.
            if salt.is_none() && !self.shows_newer_record(at, known)? {
                continue;
            }
            // What would end behind the segment is no whole frame, and costs nothing to find out: a header that was torn
            // may claim any length.
            let reaches = at + (frame::HEADER_BYTES + header.body_bytes) as u64;
            checked_bytes += if reaches <= self.bytes { reaches - at } else { 0 };
            if checked_bytes > CHECKED_FACTOR * self.bytes.max(WINDOW_BYTES) {
                let message = "the log breaks off, and what stands behind looks like frames that overlap";
                return Err(Error::corrupt(message).in_file(&self.path).at_offset(from));
            }
            match self.frame(at) {
                Ok(Some(frame)) if frame.record.sequence > known => {
                    if frame.synced >= synced_min || frame.record.kind == RecordKind::Close {
                        return Ok(Trace::Vouched { at });
                    }
                    end = end.max(frame.end);
                }
                // Torn, but of this life.
                Ok(_) if salt.is_some() => end = end.max(claimed.min(self.bytes)),
                Ok(_) => {}
                Err(error) if error.code() == Code::Format => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Trace::Unsynced { end })
    }
}

/// A moving part of a file in memory.
struct Window {
    file: Box<dyn File>,
    bytes: u64,
    /// Read at once.
    ahead: u64,
    start: u64,
    read: Vec<u8>,
}

impl Window {
    /// `None` if the file ends before `offset + length`.
    fn get(&mut self, offset: u64, length: u64) -> Result<Option<&[u8]>> {
        if length > self.bytes || offset > self.bytes - length {
            return Ok(None);
        }
        if offset < self.start || offset + length > self.start + self.read.len() as u64 {
            let wanted = length.max(self.ahead).min(self.bytes - offset);
            self.start = offset;
            self.read.resize(wanted as usize, 0);
            if let Err(error) = self.file.read_at(offset, &mut self.read) {
                self.read.clear();
                return Err(error);
            }
        }
        let from = (offset - self.start) as usize;
        Ok(Some(&self.read[from..from + length as usize]))
    }

    fn frame_header(&mut self, offset: u64) -> Result<Option<FrameHeader>> {
        Ok(self.frame_header_or_end(offset)?.flatten())
    }

    /// `None` past the last place where a frame header would fit.
    fn frame_header_or_end(&mut self, offset: u64) -> Result<Option<Option<FrameHeader>>> {
        let read = self.get(offset, frame::HEADER_BYTES as u64)?;
        Ok(read.map(|bytes| FrameHeader::parse(bytes.first_chunk().expect("a whole frame header was read"))))
    }
}
