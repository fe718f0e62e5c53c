//! Reads the log back at open: applies what is whole, cuts what is torn, and refuses what is damaged.
//!
//! The log breaks off at the first frame that is not whole, or where sequence numbers leave a gap. If anything behind
//! that place shows that what is missing had been synced, bytes were damaged: open fails and nothing is changed. If
//! nothing does, the tail was never promised to anyone and is cut. One thread, before anything else runs.

use super::reader::{SegmentReader, Trace};
use super::segment::{self, FIRST_FRAME};
use super::{
    FRESH_NAME, LogFiles, LogFloor, SPARE_NAME, SegmentFile, Watermark, segment_number, segment_path,
};
use crate::batch::{self, Header, RecordKind};
use crate::disk::{Access, Disk, SyncPoint};
use crate::encryption::Keys;
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use std::path::{Path, PathBuf};

/// What the log held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The newest record, which may be older than the floor's `flushed_sequence`; `None` if there was none at all.
    pub last: Option<Watermark>,
    /// The largest time of a record, unix milliseconds; `i64::MIN` if there was none.
    pub time_ms: i64,
    /// Records given to `apply`.
    pub applied: u64,
    /// What was cut, if anything that looked like a record was.
    pub torn: Option<Torn>,
    pub files: LogFiles,
    /// The largest number seen in a segment's name, so that it is not used again.
    pub largest_number: u64,
    /// Whether the log ends with a close record, or holds nothing.
    pub clean: bool,
}

/// The end of the log that was being written when the machine stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// How the log is to be read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// What the log may be encrypted with.
    pub keys: &'a Keys,
    pub floor: LogFloor,
    /// Whole segments below the floor stay, and are among the files that were found.
    pub keeps: bool,
    /// Nothing is cut or synced.
    pub read_only: bool,
    /// The log is read as if it ended here, whatever stands behind and says that it was synced.
    pub end: Option<LogEnd>,
}

/// The end of the last whole record that is wanted. Ordered as the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogEnd {
    pub segment: u64,
    pub offset: u64,
}

/// The part of a segment from `from` on, whose bytes no frame that was read knows to be synced.
struct Unsure {
    number: u64,
    from: u64,
}

/// Written again at once.
const REWRITE_BYTES: u64 = 1 << 20;

/// How reading one segment ended.
enum End {
    /// The log goes on in the next segment, if there is one.
    Whole,
    Broken(Break),
}

/// Where the log breaks off.
struct Break {
    offset: u64,
    /// Because the caller wants no more.
    wanted: bool,
    /// A frame of this segment written when it was synced up to here knew what is missing.
    synced_min: u64,
    message: String,
}

/// Calls `apply` for every record above the floor's flushed sequence, in order, each with validated operations.
///
/// `Corrupt`, with file and offset, if something that had been synced is not there or not what was written. Unless
/// `read_only`, a torn tail and everything behind it is removed durably, so that new segments may follow; so is what
/// stands behind `end`.
pub fn recover(
    disk: &dyn Disk,
    folder: &Path,
    reading: Reading<'_>,
    apply: &mut dyn FnMut(Header, &[u8]) -> Result<()>,
) -> Result<Recovered> {
    let Reading { keys, floor, keeps, read_only, end } = reading;
    let mut found = Found::list(disk, folder)?;
    let (mut unneeded, needed) = found.split(disk, folder, floor, keeps)?;
    let (kept, needed) = needed.split_at(needed.partition_point(|number| *number < floor.segment));
    let mut walk = Walk {
        floor,
        end,
        last: 0,
        after: 0,
        clean: true,
        unsure: Vec::new(),
        recovered: Recovered::default(),
        apply,
    };
    walk.recovered.time_ms = i64::MIN;
    walk.recovered.largest_number = found.segments.last().copied().unwrap_or(0);
    for &number in kept {
        let before = walk.recovered.files.segments.last().copied();
        match kept_segment(disk, keys, folder, number, before)? {
            Some(segment) => walk.recovered.files.segments.push(segment),
            None => unneeded.push(segment_path(folder, number)),
        }
    }
    let kept = walk.recovered.files.segments.len();

    for (at, &number) in needed.iter().enumerate() {
        let mut reader = SegmentReader::open(disk, keys, folder, number)?;
        let End::Broken(place) = walk.segment(&mut reader)? else {
            let (bytes, after, key) = (reader.bytes, walk.after, reader.key());
            walk.recovered.files.segments.push(SegmentFile { number, bytes, after, key });
            continue;
        };
        let later = &needed[at + 1..];
        let bytes = match place.wanted {
            true => 0,
            false => walk.unsynced_bytes(disk, keys, folder, &mut reader, &place, later)?,
        };
        if bytes > 0 {
            let file = reader.path.clone();
            walk.recovered.torn = Some(Torn { file, offset: place.offset, bytes });
        }
        walk.clean = false;
        let stays = place.offset > FIRST_FRAME;
        if stays {
            let (bytes, after, key) = (place.offset, walk.after, reader.key());
            walk.recovered.files.segments.push(SegmentFile { number, bytes, after, key });
        }
        if !read_only {
            let dropped = if stays { later } else { &needed[at..] };
            cut(disk, folder, dropped, stays.then_some((number, place.offset)))?;
        }
        break;
    }

    let Walk { mut recovered, clean, unsure, .. } = walk;
    recovered.clean = clean;
    if let Some(path) = &found.spare {
        recovered.files.spare_bytes = Some(disk.open(path, Access::Read)?.size()?);
    }
    if !read_only {
        unneeded.extend(found.fresh);
        unneeded.iter().try_for_each(|path| disk.remove(path))?;
        sync_kept(disk, folder, &recovered.files.segments[kept..], &unsure)?;
    }
    Ok(recovered)
}

/// After a process was killed the system may hold records that were never synced, and a cut is not durable yet. The
/// segments to come vouch for all that was read here and nothing else, so it is made durable first.
///
/// If the last process ended because a sync failed, the system may show bytes that it has given up writing, and a
/// second sync claims success without them. So what nothing vouches for is written again: the same bytes to the same
/// place, which a crash may tear without harm.
fn sync_kept(disk: &dyn Disk, folder: &Path, segments: &[SegmentFile], unsure: &[Unsure]) -> Result<()> {
    for segment in segments {
        let file = disk.open(&segment_path(folder, segment.number), Access::ReadWrite)?;
        let unsure = unsure.iter().find(|unsure| unsure.number == segment.number);
        let mut from = unsure.map_or(segment.bytes, |unsure| unsure.from);
        while from < segment.bytes {
            let mut bytes = vec![0; (segment.bytes - from).min(REWRITE_BYTES) as usize];
            file.read_at(from, &mut bytes)?;
            file.write_at(from, &bytes)?;
            from += bytes.len() as u64;
        }
        file.sync(SyncPoint::LogCut)?;
    }
    if !segments.is_empty() {
        disk.sync_folder(folder, SyncPoint::LogCut)?;
    }
    Ok(())
}

/// Later segments go first, newest first, and durably: were the cut durable before them, the log would seem to go on in
/// a segment that does not follow. `sync_kept` makes the cut itself durable.
fn cut(disk: &dyn Disk, folder: &Path, dropped: &[u64], kept: Option<(u64, u64)>) -> Result<()> {
    for &number in dropped.iter().rev() {
        disk.remove(&segment_path(folder, number))?;
    }
    if !dropped.is_empty() {
        disk.sync_folder(folder, SyncPoint::LogCut)?;
    }
    if let Some((number, end)) = kept {
        disk.open(&segment_path(folder, number), Access::ReadWrite)?.set_len(end)?;
    }
    Ok(())
}

/// A segment below the floor, whose records are all in tables. One that holds nothing is none. One whose beginning is
/// damaged stays all the same, for what comes after the segment before it: whoever reads that is told of the damage.
fn kept_segment(
    disk: &dyn Disk,
    keys: &Keys,
    folder: &Path,
    number: u64,
    previous: Option<SegmentFile>,
) -> Result<Option<SegmentFile>> {
    let mut reader = SegmentReader::open(disk, keys, folder, number)?;
    let (bytes, key) = (reader.bytes, reader.key());
    if reader.header.is_some_and(|header| header.number == number) {
        if let Some(frame) = reader.frame(FIRST_FRAME)? {
            return Ok(Some(SegmentFile { number, bytes, after: before(&frame.record), key }));
        }
        if reader.is_blank(FIRST_FRAME)? {
            return Ok(None);
        }
    }
    let after = previous.map_or(Ok(0), |previous| last_of(disk, keys, folder, previous))?;
    Ok(Some(SegmentFile { number, bytes, after, key }))
}

/// The last record that is whole in a segment, or the last before it.
fn last_of(
    disk: &dyn Disk,
    keys: &Keys,
    folder: &Path,
    SegmentFile { number, after, .. }: SegmentFile,
) -> Result<Sequence> {
    let mut reader = SegmentReader::open(disk, keys, folder, number)?;
    let (mut last, mut offset) = (after, FIRST_FRAME);
    if reader.header.is_none_or(|header| header.number != number) {
        return Ok(last);
    }
    while let Some(frame) = reader.frame(offset)? {
        (last, offset) = (frame.record.sequence, frame.end);
    }
    Ok(last)
}

/// The last record before this one.
fn before(record: &Header) -> Sequence {
    record.sequence.saturating_sub(u64::from(record.kind == RecordKind::Data))
}

/// The log's files in a folder.
struct Found {
    /// Ascending.
    segments: Vec<u64>,
    spare: Option<PathBuf>,
    fresh: Option<PathBuf>,
}

impl Found {
    fn list(disk: &dyn Disk, folder: &Path) -> Result<Found> {
        let names = disk.list(folder)?;
        let has = |name: &str| names.iter().any(|it| it == name).then(|| folder.join(name));
        let mut segments: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
        segments.sort_unstable();
        Ok(Found { segments, spare: has(SPARE_NAME), fresh: has(FRESH_NAME) })
    }

    /// Files that may go, and the numbers of the segments to read.
    ///
    /// A file is recycled only when its records are flushed, and its names are not synced at once. So a power cut may
    /// bring back an old name, which the number in the header tells, or leave the spare's name beside the segment's.
    fn split(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        floor: LogFloor,
        keeps: bool,
    ) -> Result<(Vec<PathBuf>, Vec<u64>)> {
        let mut unneeded = Vec::new();
        let mut needed = Vec::new();
        for &number in &self.segments {
            let in_use = (keeps || number >= floor.segment) && {
                let header = header_of(disk, &segment_path(folder, number))?;
                header.is_none_or(|header| header.number <= number)
            };
            match in_use {
                true => needed.push(number),
                false => unneeded.push(segment_path(folder, number)),
            }
        }
        if let Some(path) = &self.spare
            && let Some(header) = header_of(disk, path)?
            && needed.contains(&header.number)
        {
            unneeded.extend(self.spare.take());
        }
        Ok((unneeded, needed))
    }
}

/// The header of a file that may be shorter than one.
fn header_of(disk: &dyn Disk, path: &Path) -> Result<Option<segment::Header>> {
    let file = disk.open(path, Access::Read)?;
    let mut bytes = [0; segment::HEADER_BYTES];
    if file.size()? < FIRST_FRAME {
        return Ok(None);
    }
    file.read_at(0, &mut bytes)?;
    segment::Header::parse(&bytes).map_err(|error| error.in_file(path))
}

struct Walk<'a> {
    floor: LogFloor,
    end: Option<LogEnd>,
    /// The newest record read.
    last: Sequence,
    /// The last one before those of the segment that is being read.
    after: Sequence,
    clean: bool,
    /// Of the segments read so far.
    unsure: Vec<Unsure>,
    recovered: Recovered,
    apply: &'a mut dyn FnMut(Header, &[u8]) -> Result<()>,
}

impl Walk<'_> {
    fn segment(&mut self, reader: &mut SegmentReader) -> Result<End> {
        let end = self.end.filter(|end| end.segment == reader.number).map(|end| end.offset);
        let wanted =
            |offset| End::Broken(Break { offset, wanted: true, synced_min: 0, message: String::new() });
        if let Some(end) = end.filter(|end| *end <= FIRST_FRAME) {
            return Ok(wanted(end));
        }
        if let (Some(bytes), None) = (reader.too_long, end) {
            let message = format!("the log segment has {bytes} bytes, more than any can have");
            return Err(Error::corrupt(message).in_file(&reader.path).at_offset(reader.bytes));
        }
        let Some(header) = reader.header else {
            let message = "the log segment has no whole header".to_owned();
            return Ok(End::Broken(Break { offset: 0, wanted: false, synced_min: FIRST_FRAME, message }));
        };
        let path = reader.path.clone();
        if header.number != reader.number {
            let message = "the log segment's header names another segment than its file name";
            return Err(Error::corrupt(message).in_file(&path).at_offset(0));
        }
        self.unsure.push(Unsure { number: reader.number, from: 0 });
        // Of one that has none yet.
        self.after = self.last.max(self.floor.flushed_sequence);
        let mut offset = FIRST_FRAME;
        // The end of the file at the end of a frame is a tail that was cut.
        while offset < reader.bytes {
            if end.is_some_and(|end| end <= offset) {
                return Ok(wanted(offset));
            }
            let Some(frame) = reader.frame(offset)? else {
                let message = "the log record is not whole".to_owned();
                return Ok(End::Broken(Break { offset, wanted: false, synced_min: offset + 1, message }));
            };
            if let Some(message) = self.misfit(&frame.record) {
                if offset == FIRST_FRAME {
                    let synced_min = FIRST_FRAME;
                    return Ok(End::Broken(Break { offset, wanted: false, synced_min, message }));
                }
                return Err(Error::corrupt(message).in_file(&path).at_offset(offset));
            }
            if offset == FIRST_FRAME {
                self.after = before(&frame.record);
            }
            self.vouch(frame.synced);
            let located = |error: Error| error.in_file(&path).at_offset(offset);
            let (record, end) = (frame.record, frame.end);
            frame.body().and_then(|body| self.record(record, &body)).map_err(located)?;
            offset = end;
            if record.kind != RecordKind::Data {
                break;
            }
        }
        Ok(if end.is_some() { wanted(offset) } else { End::Whole })
    }

    /// A frame of the segment being read was written when that was synced up to here. Segments are synced in order, so
    /// any such sync came after those of earlier segments.
    fn vouch(&mut self, synced: u64) {
        if synced >= FIRST_FRAME {
            let mut current = self.unsure.pop().expect("the segment being read is the last one");
            current.from = current.from.max(synced);
            self.unsure.clear();
            self.unsure.push(current);
        }
    }

    /// Why this record does not follow what was read, if it does not. Flushed records may be missing: a table had them
    /// before the log was synced, and the log was cut.
    fn misfit(&self, record: &Header) -> Option<String> {
        let reached = self.last.max(self.floor.flushed_sequence);
        let fits = match record.kind {
            RecordKind::Data => self.last < record.sequence && record.sequence <= reached + 1,
            RecordKind::Seal | RecordKind::Close => (self.last..=reached).contains(&record.sequence),
        };
        (!fits)
            .then(|| format!("log record {} does not follow {reached}: records are missing", record.sequence))
    }

    fn record(&mut self, header: Header, body: &[u8]) -> Result<()> {
        self.last = header.sequence;
        self.clean = header.kind == RecordKind::Close;
        self.recovered.last = Some(Watermark { sequence: header.sequence, revision: header.revision });
        if header.kind != RecordKind::Data {
            return Ok(());
        }
        self.recovered.time_ms = self.recovered.time_ms.max(header.time_ms);
        if header.sequence > self.floor.flushed_sequence {
            batch::validate_logged(body)?;
            (self.apply)(header, body)?;
            self.recovered.applied += 1;
        }
        Ok(())
    }

    /// How much behind the break looks like records that were never synced; `Corrupt` if something there shows that
    /// what is missing had been.
    fn unsynced_bytes(
        &self,
        disk: &dyn Disk,
        keys: &Keys,
        folder: &Path,
        broken: &mut SegmentReader,
        place: &Break,
        later: &[u64],
    ) -> Result<u64> {
        let known = self.last.max(self.floor.flushed_sequence);
        let broken_path = broken.path.clone();
        let corrupt = |witness: &Path, at: u64| {
            let message = format!(
                "{}, although a record at {at} of {} was written after it was synced",
                place.message,
                witness.file_name().unwrap_or_default().display()
            );
            Error::corrupt(message).in_file(&broken_path).at_offset(place.offset)
        };
        let mut bytes = match broken.trace(place.offset, place.synced_min, known)? {
            Trace::Vouched { at } => return Err(corrupt(&broken_path, at)),
            Trace::Unsynced { end } => end - place.offset,
        };
        for &number in later {
            let mut reader = match SegmentReader::open(disk, keys, folder, number) {
                Err(error) if error.code() == Code::NotFound => continue,
                opened => opened?,
            };
            match reader.trace(FIRST_FRAME, FIRST_FRAME, known)? {
                Trace::Vouched { at } => return Err(corrupt(&reader.path, at)),
                Trace::Unsynced { end } => bytes += end - FIRST_FRAME,
            }
        }
        Ok(bytes)
    }
}
