//! Forgetting the past: a database with history is trimmed to a revision, below which nothing is read any more. The log has
//! it, so that it is shipped and replayed like a commit; it costs one record, and compaction collects what nobody reads.
//!
//! What must hold: no table leaves out more than the manifest that names it says is trimmed. So merges trim no further than
//! to the newest commit in tables (`State::trim_at`), and every edit says how far that is.

use crate::batch::{self, Header, RecordKind};
use crate::entry::NO_DEADLINE;
use crate::error::{Code, Error, Result};
use crate::key::{Revision, Sequence};
use crate::marks::Mark;
use crate::state::{Commit, State};
use crate::wal::{Appended, Watermark};
use std::sync::atomic::Ordering;

/// Of what `retain` keeps, a sixteenth more gathers before it is trimmed.
const SLACK: u64 = 16;

impl State {
    /// Trims to a revision; durable when it returns. Going back changes nothing.
    pub fn trim_to(&self, revision: Revision) -> Result<()> {
        self.check_leads()?;
        if !self.creation.history {
            let message = "this database keeps no history, so there is nothing to trim";
            return Err(Error::new(Code::Unsupported, message));
        }
        {
            let mut commit = self.commit.lock();
            let newest = commit.last.revision;
            if revision > newest {
                let message = format!("revision {revision} does not exist yet: the newest is {newest}");
                return Err(Error::new(Code::FutureRevision, message));
            }
            self.log_trim(&mut commit, revision)?;
        }
        self.sync_log()?;
        self.collect_trimmed();
        Ok(())
    }

    /// After a commit: what `retain` asks for, now and then. A full disk puts it off, any other failure has poisoned.
    pub fn trim_after(&self, commit: &mut Commit, time_ms: i64) {
        let retain = &self.options.retain;
        if !self.creation.history || (retain.revisions.is_none() && retain.ms.is_none()) {
            return;
        }
        let newest = commit.last.revision;
        if let Some(keep_ms) = retain.ms {
            self.marks.lock().note(Mark { time_ms, revision: newest }, keep_ms, false);
        }
        let to = self.trim_wanted(newest, time_ms);
        let slack = retain.revisions.map_or(0, |revisions| revisions / SLACK);
        if to > self.trim.load(Ordering::Relaxed) + slack {
            let _ = self.log_trim(commit, to);
        }
    }

    /// When nobody writes: trims what has become old, and sees to it that this is called again when more has.
    pub fn trim_by_age(&self) {
        let Some(keep_ms) = self.options.retain.ms else { return };
        let (trimmed, now_ms) = {
            let mut commit = self.commit.lock();
            // Under the lock, or a commit that came while it was waited for would be taken for older than it is.
            let (newest, now_ms) = (commit.last.revision, self.time.now_ms());
            self.marks.lock().note(Mark { time_ms: now_ms, revision: newest }, keep_ms, true);
            let to = self.trim_wanted(newest, now_ms);
            (to > self.trim.load(Ordering::Relaxed) && self.log_trim(&mut commit, to).is_ok(), now_ms)
        };
        if trimmed {
            self.collect_trimmed();
        }
        let next_ms = self.marks.lock().next_ms(now_ms, keep_ms);
        let mut due = self.work.lock();
        due.upkeep_at_ms = due.upkeep_at_ms.min(next_ms.unwrap_or(NO_DEADLINE));
    }

    /// How far `retain` lets a database trim: nothing goes that either of its two keeps.
    fn trim_wanted(&self, newest: Revision, now_ms: i64) -> Revision {
        let retain = &self.options.retain;
        let by_count = retain.revisions.map(|revisions| newest.saturating_sub(revisions - 1));
        let by_age = retain.ms.map(|keep_ms| self.marks.lock().older_than(now_ms, keep_ms).unwrap_or(0));
        by_count.into_iter().chain(by_age).min().unwrap_or(0)
    }

    /// Under the commit lock.
    fn log_trim(&self, commit: &mut Commit, revision: Revision) -> Result<()> {
        // What nobody has seen yet may be taken back, and nobody could read anything.
        let revision = revision.min(self.visible.load(Ordering::Acquire));
        if revision <= self.trim.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_leads()?;
        let Watermark { sequence, revision: last } = commit.last;
        let sequence = sequence + 1;
        let time_ms = self.time.now_ms();
        let mut record = batch::trim_record(revision);
        let header = Header { kind: RecordKind::Data, count: 1, sequence, revision: last, time_ms };
        batch::set_header(&mut record, header);
        let appended = self.append(&record)?;
        self.enter_trim(commit, sequence, revision, appended);
        Ok(())
    }

    /// What commits have trimmed since the last time: they do not wake compaction themselves.
    pub fn collect_since(&self) {
        let trim = self.trim.load(Ordering::Relaxed);
        if self.collected_trim.swap(trim, Ordering::Relaxed) < trim {
            self.work.request_compaction();
        }
    }

    /// What a record does that was logged. Under the commit lock.
    pub fn enter_trim(
        &self,
        commit: &mut Commit,
        sequence: Sequence,
        revision: Revision,
        appended: Appended,
    ) {
        commit.last.sequence = sequence;
        self.trim.fetch_max(revision, Ordering::SeqCst);
        self.marks.lock().forget(revision);
        self.note_appended(appended, sequence);
    }

    pub fn collect_trimmed(&self) {
        self.collected_trim.store(self.trim.load(Ordering::Relaxed), Ordering::Relaxed);
        self.work.request_compaction();
        self.arm_upkeep(&mut self.work.lock());
    }
}
