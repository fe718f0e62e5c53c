//! Where the log's space comes from and goes to: the spare, new segments, release of old ones.
//!
//! A segment in use always had its space taken before, by zeros or by an earlier life. A recycled file gets its new
//! header synced *before* it gets a segment's name, so that bytes of an earlier life never stand behind a header that
//! could belong to this one. `making` is held while the spare changes hands outside `append`.

use super::segment::{self, Header, Segment};
use super::writer::{Buffer, Log, Spare};
use super::{FRESH_NAME, LogFloor, SPARE_NAME, SegmentFile, segment_path};
use crate::disk::{Access, File, SyncPoint};
use crate::encryption::Seal;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::key::Sequence;
use std::path::Path;

/// A segment half full within this time is followed by one of twice the size; a slower one by the smallest.
const FAST_FILL_MS: i64 = 10_000;

/// What a closed database keeps for its next first segment: a small one, so that little data takes little disk.
const SPARE_BYTES_AT_REST: u64 = 128 << 10;

impl Log {
    /// The segment that the next record goes to has this number or a larger one. What a memtable's successor takes as
    /// its log floor.
    pub fn active_segment(&self) -> u64 {
        let buffer = self.buffer.lock();
        match (&buffer.active, &buffer.spare) {
            (Some(active), _) => active.number,
            (None, Spare::Ready(spare)) => spare.number,
            (None, _) => self.numbers.next(),
        }
    }

    /// Bytes that the log's files take.
    pub fn bytes_on_disk(&self) -> u64 {
        let buffer = self.buffer.lock();
        let sealed: u64 = buffer.sealed.iter().map(|segment| segment.bytes).sum();
        let active = buffer.active.as_ref().map_or(0, |active| active.capacity);
        let spare = match &buffer.spare {
            Spare::None => 0,
            Spare::Raw(bytes) => *bytes,
            Spare::Ready(spare) => spare.capacity,
        };
        sealed + active + spare
    }

    /// Makes the next segment ready if the active one is half full, so that no commit has to. Called by whoever syncs,
    /// and when `append` asks for it. `begin` is called if there is work to do.
    /// `DiskFull` harms nothing: the commit that needs the segment tries again.
    pub fn prepare_spare(&self, begin: impl FnOnce()) -> Result<()> {
        self.check()?;
        let _making = self.making.lock();
        let (found, bytes) = {
            let mut buffer = self.buffer.lock();
            let Some(active) = buffer.active.as_ref().filter(|_| !buffer.closed) else { return Ok(()) };
            let capacity = active.capacity;
            let early = !buffer.is_half_full();
            match std::mem::replace(&mut buffer.spare, Spare::None) {
                Spare::Raw(bytes) if bytes >= self.options.segment_bytes_min => (true, bytes),
                Spare::Raw(_) | Spare::None if early => return Ok(()),
                Spare::Raw(_) | Spare::None => (false, self.bytes_wanted(capacity, buffer.opened_ms)),
                ready => {
                    buffer.spare = ready;
                    return Ok(());
                }
            }
        };
        begin();
        let path = self.folder.join(SPARE_NAME);
        let file = match found {
            true => self.environment.disk.open(&path, Access::ReadWrite)?,
            false => self.make(&path, bytes)?,
        };
        self.install_spare(file, bytes)
    }

    /// Calls `look` while no spare is made and no segment released. Under the commit lock, with everything synced, the
    /// log's files stay as they are meanwhile.
    pub fn hold_still(&self, look: impl FnOnce()) {
        let _making = self.making.lock();
        look();
    }

    /// Gives back the segments that the manifest no longer needs, after the edit that says so is durable. One becomes
    /// the spare if there is none.
    pub fn release(&self, floor: LogFloor) -> Result<()> {
        self.check()?;
        let _making = self.making.lock();
        let (mut released, has_spare) = {
            let mut buffer = self.buffer.lock();
            // Somebody else may have the folder by now.
            if buffer.closed {
                return Ok(());
            }
            buffer.flushed = buffer.flushed.max(floor.flushed_sequence);
            (buffer.take_sealed(floor.segment), !matches!(buffer.spare, Spare::None))
        };
        if released.is_empty() {
            return Ok(());
        }
        let spare_bytes = self.free(&mut released, !has_spare).inspect_err(|_| {
            let mut buffer = self.buffer.lock();
            buffer.sealed.append(&mut released);
            buffer.sealed.sort_by_key(|segment| segment.number);
        })?;
        let Some(bytes) = spare_bytes else { return Ok(()) };
        let file = self.environment.disk.open(&self.folder.join(SPARE_NAME), Access::ReadWrite)?;
        self.install_spare(file, bytes)
    }

    /// Removes segments, one of them by making it the file of the spare if `recycle`; the size of that. What is left
    /// after a failure is still there.
    fn free(&self, released: &mut Vec<SegmentFile>, recycle: bool) -> Result<Option<u64>> {
        // Bytes of a released segment may still wait to be written, and must not reach the file in its next life.
        self.sync()?;
        let recycled = if recycle { self.pick_recycled(released) } else { None };
        let freed = self.remove_segments(released).and_then(|()| match recycled {
            Some(segment) => self.make_spare(segment),
            None => Ok(()),
        });
        if freed.is_err() {
            released.extend(recycled);
        }
        freed.map(|()| recycled.map(|segment| segment.bytes))
    }

    fn make_spare(&self, segment: SegmentFile) -> Result<()> {
        let path = self.folder.join(SPARE_NAME);
        self.environment.disk.rename(&segment_path(&self.folder, segment.number), &path)
    }

    /// What `rest` would give back.
    pub fn bytes_beyond_rest(&self) -> u64 {
        let kept = self.buffer.lock().kept_bytes();
        self.bytes_on_disk().saturating_sub(kept).saturating_sub(self.bytes_at_rest())
    }

    /// Of the segments that hold records after this one.
    pub fn bytes_after(&self, after: Sequence) -> u64 {
        let buffer = self.buffer.lock();
        let sealed = buffer.sealed_to_last().filter(|(_, last)| *last > after);
        let active = if buffer.active.is_some() && buffer.last.sequence > after { buffer.end() } else { 0 };
        sealed.map(|(segment, _)| segment.bytes).sum::<u64>() + active
    }

    /// Whether somebody needs this record.
    pub fn needs(&self, sequence: Sequence) -> bool {
        sequence > self.buffer.lock().needed_after
    }

    /// With `LogOptions::keeps`: nobody needs the records up to this one any more, so that the next `release` takes their
    /// segments. Going back changes nothing.
    pub fn keep(&self, after: Sequence) {
        let mut buffer = self.buffer.lock();
        buffer.needed_after = buffer.needed_after.max(after);
    }

    fn bytes_at_rest(&self) -> u64 {
        self.options.segment_bytes_min.min(SPARE_BYTES_AT_REST)
    }

    /// If all records are in tables: keeps one small spare, ready for the next commit, and gives the rest back.
    pub fn rest(&self) -> Result<()> {
        let _making = self.making.lock();
        {
            let mut buffer = self.buffer.lock();
            if buffer.flushed >= buffer.last.sequence {
                // Whole, like every segment before a later one: should it not go, that one vouches for it.
                buffer.seal();
            }
        }
        self.sync()?;
        self.leave_one_spare()?;
        let bytes = {
            let mut buffer = self.buffer.lock();
            // Taken out: a commit that comes meanwhile must not make a segment of the same file.
            match std::mem::replace(&mut buffer.spare, Spare::None) {
                Spare::Raw(bytes) => bytes,
                other => {
                    buffer.spare = other;
                    return Ok(());
                }
            }
        };
        let file = self.environment.disk.open(&self.folder.join(SPARE_NAME), Access::ReadWrite)?;
        self.install_spare(file, bytes)
    }

    /// The end of `close`, under `making`: everything that is not needed goes, but for one small spare.
    pub(super) fn leave_one_spare(&self) -> Result<()> {
        let (mut unneeded, spare) = {
            let mut buffer = self.buffer.lock();
            let mut unneeded = Vec::new();
            if buffer.flushed >= buffer.last.sequence {
                unneeded = buffer.take_sealed(u64::MAX);
                // Of a log that goes on the active one is not sealed.
                let goes = buffer.closed && buffer.last.sequence <= buffer.needed_after;
                let active = if goes { buffer.active.take() } else { None };
                let after = buffer.active_after;
                unneeded.extend(active.map(|it| it.as_file(after)));
            }
            (unneeded, std::mem::replace(&mut buffer.spare, Spare::None))
        };
        let path = self.folder.join(SPARE_NAME);
        let found = match spare {
            Spare::None => self.pick_recycled(&mut unneeded).map(|segment| (Some(segment), segment.bytes)),
            Spare::Raw(bytes) => Some((None, bytes)),
            Spare::Ready(spare) => Some((None, spare.capacity)),
        };
        if let Err(error) = self.remove_segments(&mut unneeded) {
            let recycled = found.and_then(|(recycled, _)| recycled);
            let mut buffer = self.buffer.lock();
            buffer.sealed.extend(unneeded.into_iter().chain(recycled));
            buffer.sealed.sort_by_key(|segment| segment.number);
            return Err(error);
        }
        let Some((recycled, bytes)) = found else { return Ok(()) };
        recycled.map_or(Ok(()), |segment| self.make_spare(segment))?;
        let bytes_left = bytes.min(self.bytes_at_rest());
        if bytes > bytes_left {
            self.environment.disk.open(&path, Access::ReadWrite)?.set_len(bytes_left)?;
        }
        self.buffer.lock().spare = Spare::Raw(bytes_left);
        Ok(())
    }

    /// A segment with its final name, empty, with room for a record of `body_bytes`. Inside `append`.
    pub(super) fn next_segment(&self, buffer: &mut Buffer, body_bytes: usize) -> Result<Segment> {
        let needed = segment::bytes_for(body_bytes, self.tag_bytes());
        match std::mem::replace(&mut buffer.spare, Spare::None) {
            Spare::Ready(spare) if spare.capacity >= needed => {
                let file = self.folder.join(SPARE_NAME);
                self.name_segment(&file, *spare).map_err(|(error, spare)| {
                    buffer.spare = Spare::Ready(Box::new(spare));
                    error
                })
            }
            // What an earlier process left: numbered here, once after an open.
            Spare::Raw(bytes) if bytes >= needed => {
                buffer.spare = Spare::Raw(bytes);
                let path = self.folder.join(SPARE_NAME);
                let spare = self.number(self.environment.disk.open(&path, Access::ReadWrite)?, bytes)?;
                let named = self.name_segment(&path, spare).map_err(|(error, _)| error)?;
                buffer.spare = Spare::None;
                Ok(named)
            }
            // The segment made here is numbered after the spare, so the spare needs a new number before it is used.
            Spare::Ready(spare) => {
                buffer.spare = Spare::Raw(spare.capacity);
                self.fresh_segment(needed)
            }
            other => {
                buffer.spare = other;
                self.fresh_segment(needed)
            }
        }
    }

    /// A segment made on the spot. Its header is not synced: the file is new, so nothing of an earlier life can stand
    /// behind a header that is lost.
    fn fresh_segment(&self, needed: u64) -> Result<Segment> {
        let bytes = needed.max(self.options.segment_bytes_min);
        let path = self.folder.join(FRESH_NAME);
        let file = self.make(&path, bytes)?;
        let (header, seal) = self.new_header();
        file.write_at(0, &header.encode())?;
        let segment = Segment::new(header, seal, segment_path(&self.folder, header.number), file, bytes);
        self.name_segment(&path, segment).map_err(|(error, _)| error)
    }

    /// Renames a segment that is ready to its final name, or gives it back. Only a full disk surely leaves the old name
    /// in place; after any other failure an empty segment might stand in the middle of the log, so it is final.
    fn name_segment(&self, from: &Path, segment: Segment) -> std::result::Result<Segment, (Error, Segment)> {
        match self.environment.disk.rename(from, &segment.path) {
            Ok(()) => Ok(segment),
            Err(error) if error.code() == Code::DiskFull => Err((error, segment)),
            Err(error) => Err((self.fail(error), segment)),
        }
    }

    /// A new file full of zeros; nothing is left of it if that fails.
    fn make(&self, path: &Path, bytes: u64) -> Result<Box<dyn File>> {
        let disk = &self.environment.disk;
        let file = match disk.create(path) {
            // An earlier attempt could not be removed.
            Err(error) if error.code() == Code::Exists => {
                disk.remove(path)?;
                disk.create(path)?
            }
            created => created?,
        };
        match segment::fill(&*file, bytes) {
            Ok(()) => Ok(file),
            Err(error) => {
                drop(file);
                // The first failure is the one to tell; what cannot be removed is removed by the next attempt.
                let _ = disk.remove(path);
                Err(error.in_file(path))
            }
        }
    }

    /// Gives the file of `spare.log` a header and offers it to the next commit that needs a segment.
    fn install_spare(&self, file: Box<dyn File>, bytes: u64) -> Result<()> {
        let mut spare = self.number(file, bytes)?;
        loop {
            let mut buffer = self.buffer.lock();
            if buffer.active.as_ref().is_none_or(|active| active.number < spare.number) {
                buffer.spare = Spare::Ready(Box::new(spare));
                return Ok(());
            }
            // A commit could not wait and made its own segment, with a larger number.
            drop(buffer);
            spare = self.number(spare.file, bytes)?;
        }
    }

    fn number(&self, file: Box<dyn File>, bytes: u64) -> Result<Segment> {
        let (header, seal) = self.new_header();
        file.write_at(0, &header.encode())?;
        file.sync(SyncPoint::SegmentPrepared).map_err(|error| self.fail(error))?;
        Ok(Segment::new(header, seal, segment_path(&self.folder, header.number), file, bytes))
    }

    /// Of a new life of a file, with a salt and a data key that no earlier one had.
    fn new_header(&self) -> (Header, Seal) {
        let Environment { random, keys, .. } = &self.environment;
        let mut salt = [0; 4];
        random.fill(&mut salt);
        let seal = keys.seal_new(&**random, &segment::MAGIC);
        let wrapped = seal.key().map(|_| seal.wrapped());
        (Header { number: self.numbers.take(), salt: u32::from_le_bytes(salt), wrapped }, seal)
    }

    fn bytes_wanted(&self, capacity: u64, opened_ms: i64) -> u64 {
        let fast = self.environment.clock.now_ms().saturating_sub(opened_ms) < FAST_FILL_MS;
        let wanted = if fast { capacity.saturating_mul(2) } else { self.options.segment_bytes_min };
        wanted.clamp(self.options.segment_bytes_min, self.options.segment_bytes_max)
    }

    /// Takes the largest segment worth using again out of the list.
    fn pick_recycled(&self, segments: &mut Vec<SegmentFile>) -> Option<SegmentFile> {
        let sizes = self.options.segment_bytes_min..=self.options.segment_bytes_max;
        let fitting = segments.iter().enumerate().filter(|(_, segment)| sizes.contains(&segment.bytes));
        let (at, _) = fitting.max_by_key(|(_, segment)| segment.bytes)?;
        Some(segments.remove(at))
    }

    /// Those it has removed are no longer in the list.
    fn remove_segments(&self, segments: &mut Vec<SegmentFile>) -> Result<()> {
        while let Some(segment) = segments.last() {
            self.environment.disk.remove(&segment_path(&self.folder, segment.number))?;
            segments.pop();
        }
        Ok(())
    }
}

impl Buffer {
    /// Takes the sealed segments below a number that nobody needs.
    fn take_sealed(&mut self, below: u64) -> Vec<SegmentFile> {
        let is_free = |segment: &SegmentFile, last| segment.number < below && last <= self.needed_after;
        let (taken, kept): (Vec<_>, Vec<_>) =
            self.sealed_to_last().partition(|(segment, last)| is_free(segment, *last));
        self.sealed = kept.into_iter().map(|(segment, _)| segment).collect();
        taken.into_iter().map(|(segment, _)| segment).collect()
    }

    /// Each with the last record in it or before it.
    fn sealed_to_last(&self) -> impl Iterator<Item = (SegmentFile, Sequence)> {
        let newest = if self.active.is_some() { self.active_after } else { self.last.sequence };
        let lasts = self.sealed.iter().skip(1).map(|next| next.after).chain([newest]);
        self.sealed.iter().copied().zip(lasts)
    }

    /// What segments take whose records are all in tables, and that stay all the same.
    fn kept_bytes(&self) -> u64 {
        let is_kept = |last: Sequence| last > self.needed_after && last <= self.flushed;
        let sealed = self.sealed_to_last().filter(|(_, last)| is_kept(*last));
        let active = self.active.as_ref().filter(|_| is_kept(self.last.sequence));
        sealed.map(|(segment, _)| segment.bytes).sum::<u64>() + active.map_or(0, |active| active.capacity)
    }
}
