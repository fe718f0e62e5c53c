//! Appending, writing out and syncing.
//!
//! Three locks, always taken in this order: `syncing` (one sync at a time), `io` (the order of writes), `buffer` (what is
//! appended and not yet written). A commit takes `buffer` for one copy and never waits for the disk there, unless its
//! record opens a new segment. `making` (see `space`) comes before `buffer` too.

use super::frame::Framing;
use super::segment::Segment;
use super::tail::Place;
use super::{LogFiles, LogOptions, SegmentFile, Watermark, frame};
use crate::batch::{self, Header, RecordKind};
use crate::disk::SyncPoint;
use crate::encryption::{KeyId, TAG_BYTES};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use crate::limits;
use crate::names::FileNumbers;
use crate::waits::LongestWait;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

/// A buffer that one huge record has made larger than this is given back after it was written.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

pub struct Log {
    pub(super) environment: Environment,
    pub(super) folder: PathBuf,
    pub(super) options: LogOptions,
    /// The folder's file numbers; each is taken once.
    pub(super) numbers: Arc<FileNumbers>,
    pub(super) buffer: Mutex<Buffer>,
    /// For the buffer, of records to be appended.
    waits: LongestWait,
    io: Mutex<Io>,
    syncing: Mutex<()>,
    /// Held by whoever makes or recycles the spare.
    pub(super) making: Mutex<()>,
    marks: Mutex<Marks>,
    /// Where the last reader of records has stopped.
    pub(super) place: Mutex<Option<Place>>,
    /// The failure after which nothing may be written.
    failed: OnceLock<Error>,
}

/// What appending needs.
pub(super) struct Buffer {
    pub active: Option<Arc<Segment>>,
    /// Where in the active segment `bytes` belong.
    start: u64,
    bytes: Vec<u8>,
    /// The ends of segments that were sealed since the last write.
    full: Vec<Chunk>,
    /// The newest record appended.
    pub last: Header,
    /// The last record before those of the active segment.
    pub active_after: Sequence,
    /// When the active segment was opened.
    pub opened_ms: i64,
    /// Whether `append` has said that the active segment wants a successor.
    asked_for_spare: bool,
    pub sealed: Vec<SegmentFile>,
    pub spare: Spare,
    /// The newest record known to be in a table.
    pub flushed: Sequence,
    /// Segments with a record after this one stay.
    pub needed_after: Sequence,
    pub closed: bool,
}

pub(super) enum Spare {
    None,
    /// A file of this size without a header that may be used.
    Raw(u64),
    /// Numbered after the active segment, its header synced: a rename makes it a segment.
    Ready(Box<Segment>),
}

struct Chunk {
    segment: Arc<Segment>,
    start: u64,
    bytes: Vec<u8>,
}

/// What writing needs.
struct Io {
    /// Swapped with the buffer's, so that neither is allocated again.
    bytes: Vec<u8>,
    /// Segments not yet synced whole, oldest first, and where what was written to each ends.
    unsynced: Vec<(Arc<Segment>, u64)>,
}

struct Marks {
    written: Watermark,
    durable: Watermark,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// It is the first one of a new segment.
    pub new_segment: bool,
    /// Once a segment, when it is half full: somebody should `prepare_spare` now.
    pub wants_spare: bool,
}

impl Log {
    /// Goes on after `last` in a folder that `recover` has looked at. Touches no disk.
    pub fn new(
        environment: Environment,
        folder: &Path,
        options: LogOptions,
        numbers: Arc<FileNumbers>,
        files: LogFiles,
        last: Watermark,
    ) -> Log {
        let Watermark { sequence, revision } = last;
        let buffer = Buffer {
            active: None,
            start: 0,
            bytes: Vec::new(),
            full: Vec::new(),
            last: Header { kind: RecordKind::Data, count: 0, sequence, revision, time_ms: 0 },
            active_after: sequence,
            opened_ms: 0,
            asked_for_spare: false,
            sealed: files.segments,
            spare: files.spare_bytes.map_or(Spare::None, Spare::Raw),
            flushed: 0,
            needed_after: if options.keeps { 0 } else { Sequence::MAX },
            closed: false,
        };
        Log {
            environment,
            folder: folder.to_owned(),
            options,
            numbers,
            buffer: Mutex::new(buffer),
            waits: LongestWait::default(),
            io: Mutex::new(Io { bytes: Vec::new(), unsynced: Vec::new() }),
            syncing: Mutex::new(()),
            making: Mutex::new(()),
            marks: Mutex::new(Marks { written: last, durable: last }),
            place: Mutex::new(None),
            failed: OnceLock::new(),
        }
    }

    /// Takes one record whose header is set and whose operations were validated. It is in memory after this, and its
    /// space on disk is taken.
    ///
    /// Called in sequence order, that is under the commit lock. `DiskFull` if a new segment has no room: nothing was
    /// changed and the same record may be tried again.
    pub fn append(&self, body: &[u8]) -> Result<Appended> {
        self.check()?;
        let header = batch::header(body)?;
        assert!(header.kind == RecordKind::Data, "seals and closes are the log's own");
        assert!(body.len() <= limits::RECORD_BYTES_MAX, "a validated record is within its limit");
        let mut buffer = self.waits.lock(&self.buffer);
        if buffer.closed {
            return Err(Error::new(Code::Closed, "the log is closed"));
        }
        assert_eq!(header.sequence, buffer.last.sequence + 1, "records are appended in sequence");
        let new_segment = !buffer.has_room(body.len(), self.tag_bytes());
        if new_segment {
            let next = self.next_segment(&mut buffer, body.len())?;
            buffer.switch_to(next, self.environment.clock.now_ms());
        }
        buffer.put(body);
        buffer.last = header;
        Ok(Appended { new_segment, wants_spare: buffer.asks_for_spare() })
    }

    /// The longest time that a record to be appended has waited for others, in nanoseconds.
    pub fn append_wait_ns_max(&self) -> u64 {
        self.waits.nanoseconds()
    }

    /// Everything appended so far is with the operating system after this. Any thread.
    pub fn write_out(&self) -> Result<()> {
        let mut io = self.io.lock();
        self.check()?;
        let Io { bytes, unsynced } = &mut *io;
        let (active, start, full, last) = {
            let mut buffer = self.buffer.lock();
            if buffer.bytes.is_empty() && buffer.full.is_empty() {
                return Ok(());
            }
            std::mem::swap(&mut buffer.bytes, bytes);
            let start = buffer.start;
            buffer.start += bytes.len() as u64;
            (buffer.active.clone(), start, std::mem::take(&mut buffer.full), buffer.last)
        };
        for chunk in &full {
            self.write_at(unsynced, &chunk.segment, chunk.start, &chunk.bytes)?;
        }
        if let Some(active) = active {
            self.write_at(unsynced, &active, start, bytes)?;
        }
        bytes.clear();
        bytes.shrink_to(BUFFER_BYTES_KEPT);
        self.marks.lock().written = Watermark { sequence: last.sequence, revision: last.revision };
        Ok(())
    }

    fn write_at(
        &self,
        unsynced: &mut Vec<(Arc<Segment>, u64)>,
        segment: &Arc<Segment>,
        start: u64,
        bytes: &[u8],
    ) -> Result<()> {
        segment.file.write_at(start, bytes).map_err(|error| self.fail(error.in_file(&segment.path)))?;
        let end = start + bytes.len() as u64;
        match unsynced.last_mut() {
            Some((newest, written)) if newest.number == segment.number => *written = end,
            _ => unsynced.push((segment.clone(), end)),
        }
        Ok(())
    }

    /// Everything appended before the call is durable after it, and the position up to which all is durable comes back.
    /// Waits for the disk; commits and writes go on meanwhile.
    pub fn sync(&self) -> Result<Watermark> {
        let _turn = self.syncing.lock();
        self.write_out()?;
        let (unsynced, written) = {
            let io = self.io.lock();
            (io.unsynced.clone(), self.marks.lock().written)
        };
        let due: Vec<_> = unsynced.iter().filter(|(segment, end)| segment.synced() < *end).collect();
        if due.is_empty() {
            return Ok(self.durable());
        }

        // Names first: by the time a segment says `synced`, it can be found again.
        if due.iter().any(|(segment, _)| !segment.named.load(Ordering::Relaxed)) {
            let synced = self.environment.disk.sync_folder(&self.folder, SyncPoint::LogFolder);
            synced.map_err(|error| self.fail(error))?;
            due.iter().for_each(|(segment, _)| segment.named.store(true, Ordering::Relaxed));
        }
        // Oldest first: a frame that says its segment is synced vouches for every segment before it.
        for (segment, end) in &due {
            segment.sync_to(*end).map_err(|error| self.fail(error.in_file(&segment.path)))?;
        }
        // Nothing is kept open that may be removed; but more may have been written meanwhile.
        self.io.lock().unsynced.retain(|(segment, end)| segment.synced() < *end);
        self.marks.lock().durable = written;
        Ok(written)
    }

    /// What is with the operating system.
    pub fn written(&self) -> Watermark {
        self.marks.lock().written
    }

    /// What is on the disk.
    pub fn durable(&self) -> Watermark {
        self.marks.lock().durable
    }

    /// Makes everything durable, ends it with a close record and leaves at most one spare of the smallest size, and the
    /// segments that hold records not yet in tables. Later appends are `Closed`; closing again does nothing.
    pub fn close(&self) -> Result<()> {
        // The close record vouches for all before it, so that has to be durable before it is written.
        self.sync()?;
        {
            let mut buffer = self.buffer.lock();
            if buffer.closed {
                return Ok(());
            }
            buffer.closed = true;
            if buffer.active.is_some() {
                buffer.put_control(RecordKind::Close);
            }
        }
        self.sync()?;
        let _making = self.making.lock();
        self.leave_one_spare()
    }

    /// Of each record.
    pub(super) fn tag_bytes(&self) -> usize {
        if self.environment.keys.current().is_some() { TAG_BYTES } else { 0 }
    }

    /// What encrypts each segment that is there; none: it is plain.
    pub fn keys(&self) -> Vec<Option<KeyId>> {
        let buffer = self.buffer.lock();
        let active = buffer.active.iter().map(|active| active.seal.key());
        buffer.sealed.iter().map(|segment| segment.key).chain(active).collect()
    }

    /// Why nothing may be written any more, if so.
    pub fn failure(&self) -> Option<&Error> {
        self.failed.get()
    }

    pub(super) fn check(&self) -> Result<()> {
        self.failed.get().map_or(Ok(()), |error| Err(error.as_poison()))
    }

    /// Keeps the first failure for every later call. A disk that is full in space that was taken is a failure like any
    /// other: `DiskFull` would invite to try again.
    pub(super) fn fail(&self, error: Error) -> Error {
        let error = match (error.code(), error.file()) {
            (Code::DiskFull, Some(file)) => Error::new(Code::Io, error.message()).in_file(file),
            _ => error,
        };
        let _ = self.failed.set(error.clone());
        error
    }
}

impl Buffer {
    /// Where the next frame goes.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Room for the record that ends it is always left.
    fn has_room(&self, body_bytes: usize, tag_bytes: usize) -> bool {
        let frames = (frame::bytes_of(body_bytes + tag_bytes) + frame::control_bytes(tag_bytes)) as u64;
        self.active.as_ref().is_some_and(|active| self.end() + frames <= active.capacity)
    }

    pub fn is_half_full(&self) -> bool {
        self.active.as_ref().is_some_and(|active| self.end() >= active.capacity / 2)
    }

    fn asks_for_spare(&mut self) -> bool {
        let asks = !self.asked_for_spare && !matches!(self.spare, Spare::Ready(_)) && self.is_half_full();
        self.asked_for_spare |= asks;
        asks
    }

    fn put(&mut self, body: &[u8]) {
        let active = self.active.as_ref().expect("there is a segment to append to");
        let framing = Framing { salt: active.salt, seal: &active.seal };
        let end = self.start + self.bytes.len() as u64;
        framing.put(&mut self.bytes, end, active.synced(), body);
    }

    fn put_control(&mut self, kind: RecordKind) {
        let mut body = [0; batch::HEADER_BYTES];
        batch::set_header(&mut body, Header { kind, count: 0, ..self.last });
        self.put(&body);
    }

    /// Ends the active segment, if there is one: nothing is appended to it any more.
    pub fn seal(&mut self) {
        if self.active.is_some() {
            self.put_control(RecordKind::Seal);
        }
        if let Some(segment) = self.active.take() {
            let file = segment.as_file(self.active_after);
            self.sealed.push(file);
            let bytes = std::mem::take(&mut self.bytes);
            self.full.push(Chunk { segment, start: self.start, bytes });
        }
    }

    /// Seals the active segment; what is appended from now on goes to `next`.
    fn switch_to(&mut self, next: Segment, now_ms: i64) {
        self.seal();
        self.active = Some(Arc::new(next));
        self.active_after = self.last.sequence;
        self.start = super::segment::FIRST_FRAME;
        self.opened_ms = now_ms;
        self.asked_for_spare = false;
    }
}
