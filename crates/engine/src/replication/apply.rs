//! The side of who takes another's records over. What a commit does, less what it decides: the record says all of it.

use crate::batch::{self, Header, Summary};
use crate::error::{Code, Error, Result};
use crate::key::Revision;
use crate::marks::Mark;
use crate::options::MEMTABLES_MAX;
use crate::recovery::{expect_known, follows};
use crate::state::{Commit, State};
use crate::wal::Watermark;

/// A moment of a database: all commits up to a revision, or up to a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    Revision(Revision),
    TimeMs(i64),
}

impl Until {
    fn is_before(self, record: &Header) -> bool {
        match self {
            Until::Revision(revision) => record.revision > revision,
            Until::TimeMs(time_ms) => record.time_ms > time_ms,
        }
    }
}

impl State {
    pub fn apply(&self, records: &[u8], until: &[Until]) -> Result<Watermark> {
        self.check_writable()?;
        self.replicated()?;
        let mut trims = false;
        for body in batch::bodies(records) {
            let body = body?;
            let (header, summary) = batch::validate_logged(body)?;
            if until.iter().any(|until| until.is_before(&header)) {
                break;
            }
            trims |= summary.system;
            while !self.apply_one(body, header, &summary)? {
                self.wait_for_room();
            }
        }
        if trims {
            self.collect_trimmed();
        }
        Ok(self.commit.lock().last)
    }

    /// False if there is no room for it now.
    fn apply_one(&self, body: &[u8], header: Header, summary: &Summary) -> Result<bool> {
        let mut commit = self.commit.lock();
        if header.sequence <= commit.last.sequence {
            return Ok(true);
        }
        self.check_follows(body, header, summary, commit.last)?;
        if !summary.system && self.make_room(&commit, summary)?.is_some() {
            return Ok(false);
        }
        self.enter_foreign(&mut commit, body, header, summary).map(|()| true)
    }

    fn enter_foreign(
        &self,
        commit: &mut Commit,
        body: &[u8],
        header: Header,
        summary: &Summary,
    ) -> Result<()> {
        let appended = self.append(body)?;
        // What is committed here some day is no earlier.
        self.time.observe(header.time_ms);
        if summary.system {
            self.enter_trim(commit, header.sequence, batch::trimmed(body), appended);
            return Ok(());
        }
        self.enter(commit, body, header, summary, appended);
        if let Some(keep_ms) = self.options.retain.ms {
            let mark = Mark { time_ms: header.time_ms, revision: header.revision };
            self.marks.lock().note(mark, keep_ms, false);
        }
        Ok(())
    }

    /// Whether a record is one that comes next in this database.
    fn check_follows(&self, body: &[u8], header: Header, summary: &Summary, last: Watermark) -> Result<()> {
        let sequence = header.sequence;
        if sequence > last.sequence + 1 {
            let message = format!("record {sequence} does not follow {}: records are missing", last.sequence);
            return Err(Error::invalid(message));
        }
        expect_known(body)?;
        if summary.references > 0 {
            let message = "a record has a value beside the log, which nobody has shipped";
            return Err(Error::new(Code::Unsupported, message));
        }
        if follows(body, header, summary, last.revision, self.creation.history) {
            return Ok(());
        }
        Err(Error::corrupt(format!("record {sequence} is not of the log that this database follows")))
    }

    /// Until a flush or a compaction has ended that makes room, or cannot.
    fn wait_for_room(&self) {
        if !self.environment.threads {
            return self.run_background();
        }
        let mut due = self.work.lock();
        loop {
            let readable = self.readable.load();
            let waits_for_flush = readable.sealed.len() + 1 >= MEMTABLES_MAX && self.flush_error().is_none();
            let waits_for_merge = readable.version.levels[0].len() >= self.options.tuning.level0_stop
                && self.compaction_pause().is_none()
                && self.check_compaction().is_ok();
            let goes_on = !self.work.is_stopping() && self.check_poison().is_ok();
            if !goes_on || !(waits_for_flush || waits_for_merge) {
                return; // Whoever tries again finds out why.
            }
            self.work.ended.wait(&mut due);
        }
    }
}
