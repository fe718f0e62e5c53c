//! Reading back everything that the database relies on. Problems are listed, not thrown: one bad page does not hide the
//! next one.

use crate::error::{Error, Result};
use crate::manifest;
use crate::rate::Rate;
use crate::recovery::read_beside;
use crate::state::State;
use crate::wal::{self, LogFloor, Reading};
use std::path::{Path, PathBuf};

/// How far a long call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done_bytes: u64,
    pub total_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    pub checked_bytes: u64,
    pub problems: Vec<Problem>,
}

/// One place that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub offset: u64,
    pub what: String,
}

impl Problem {
    /// `place` where the error names no file itself.
    fn new(error: &Error, place: &Path) -> Self {
        let file = error.file().unwrap_or(place).to_owned();
        Problem { file, offset: error.offset().unwrap_or(0), what: error.message().to_owned() }
    }
}

/// Checks a file, and tells the bytes passed.
type Verify<'a> = dyn Fn(&mut dyn FnMut(u64)) -> Result<Vec<Error>> + 'a;

impl State {
    /// Checks every page, index and filter of every table against its checksums, its hash and its order, every value in a
    /// blob file that a table refers to, every blob file against its hash, and every record of the log. Reads go on
    /// meanwhile; flushes wait while the log is read, and writes too if it looks damaged.
    ///
    /// With `bytes_per_second` tables and blob files are read no faster, so that others have the disk too.
    pub fn verify(
        &self,
        bytes_per_second: Option<u64>,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<VerifyReport> {
        self.check_open()?;
        let rate = bytes_per_second.map(|bytes| Rate::new(bytes, self.environment.clock.now_ms()));
        let mut report = VerifyReport::default();
        // Pinned before the log is read: what is flushed meanwhile was checked as log.
        let (readable, _) = self.pin();
        self.verify_log(&mut report);
        let total_bytes = report.checked_bytes + readable.disk_bytes();
        let mut check = |path: &Path, verify: &Verify<'_>| {
            self.check_open()?;
            let done_bytes = &mut report.checked_bytes;
            let problems = verify(&mut |bytes| {
                *done_bytes += bytes;
                if let Some(rate) = &rate {
                    self.work.wait_for_rate(rate.take(bytes, self.environment.clock.now_ms()));
                }
                on_progress(Progress { done_bytes: *done_bytes, total_bytes });
            })?;
            report.problems.extend(problems.iter().map(|error| Problem::new(error, path)));
            Ok(())
        };
        for table in readable.version.tables() {
            check(table.path(), &|passed| table.verify(passed))?;
        }
        for blob in readable.version.blobs() {
            check(blob.file.path(), &|passed| blob.file.verify(passed))?;
        }
        for part in readable.memtables().flat_map(|memtable| memtable.parts().all()) {
            check(part.path(), &|passed| part.verify(passed))?;
        }
        Ok(report)
    }

    fn verify_log(&self, report: &mut VerifyReport) {
        // While this is held no edit moves the log's floor, so that no segment above it is taken away.
        let _install = self.install.lock();
        if self.options.read_only {
            return self.read_log_beside(report);
        }
        let disk = self.environment.disk.as_ref();
        let floor = match manifest::recover(disk, &self.environment.keys, &self.folder) {
            Ok(found) => found.state.log_floor,
            Err(error) => return report.problems.push(Problem::new(&error, &self.folder)),
        };
        if self.sync_log().is_err() {
            return; // Poisoned: what the log holds is looked at by the next open.
        }
        // Below the floor only those have records whose log others need.
        if self.replicated.is_some() {
            let problems = &mut report.problems;
            let damaged = &mut |error| problems.push(Problem::new(&error, &self.folder));
            match self.log.check_kept(floor.segment, damaged) {
                Ok(read) => report.checked_bytes += read,
                Err(error) => report.problems.push(Problem::new(&error, &self.folder)),
            }
        }
        let mut moving = VerifyReport::default();
        self.read_log(floor, &mut moving);
        if !moving.problems.is_empty() {
            // Segments are made, named and written while they are read, which looks like damage from here. Only what is
            // wrong while nothing moves is.
            let _commit = self.commit.lock();
            moving = VerifyReport::default();
            self.log.hold_still(|| match self.sync_log() {
                Ok(()) => self.read_log(floor, &mut moving),
                Err(_poisoned) => {}
            });
        }
        report.checked_bytes += moving.checked_bytes;
        report.problems.extend(moving.problems);
    }

    /// What the log holds now, which may be more than what was there when the database was opened.
    fn read_log_beside(&self, report: &mut VerifyReport) {
        let keys = &self.environment.keys;
        let read = read_beside(&self.environment.disk, &self.folder, |disk| {
            let floor = manifest::recover(disk.as_ref(), keys, &self.folder)?.state.log_floor;
            let reading = Reading { keys, floor, keeps: false, read_only: true, end: None };
            let mut checked_bytes = 0;
            wal::recover(disk.as_ref(), &self.folder, reading, &mut |_, body| {
                checked_bytes += body.len() as u64;
                Ok(())
            })?;
            Ok(checked_bytes)
        });
        match read {
            Ok(checked_bytes) => report.checked_bytes += checked_bytes,
            Err(error) => report.problems.push(Problem::new(&error, &self.folder)),
        }
    }

    fn read_log(&self, floor: LogFloor, report: &mut VerifyReport) {
        let checked_bytes = &mut report.checked_bytes;
        let keys = &self.environment.keys;
        let reading = Reading { keys, floor, keeps: false, read_only: true, end: None };
        let recovered =
            wal::recover(self.environment.disk.as_ref(), &self.folder, reading, &mut |_, body| {
                *checked_bytes += body.len() as u64;
                Ok(())
            });
        if let Err(error) = recovered {
            report.problems.push(Problem::new(&error, &self.folder));
        }
    }
}
