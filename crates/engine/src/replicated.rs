//! What the nodes of a replicated database differ in from one that is alone: whether this one makes the commits, and up to
//! where its readers see.
//!
//! What must hold: only who leads gives sequences and revisions to records; so nobody leads who was not told to, and whoever
//! was told to stop has made the last commit by then. With `Visible::Raised` readers come to stand at every revision from
//! the one that is visible on, one after the other; so merges keep every version above it, as they keep what a history
//! has not trimmed. A database that is alone pays one comparison a commit for all of this.

use crate::error::{Code, Error, Result};
use crate::key::{Revision, Sequence};
use crate::options::Visible;
use crate::pin::pin;
use crate::state::{Readable, State};
use crate::wal::Watermark;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub struct Replicated {
    /// Whether this process makes the commits. Changed under the commit lock.
    leads: AtomicBool,
    /// The last record that `Event::Logged` has told of.
    logged: AtomicU64,
    /// With `Visible::Raised`: the newest revision there is, of which readers see those that were raised to.
    newest: Option<AtomicU64>,
}

impl Replicated {
    /// `last` is what recovery has read, and made durable.
    pub fn new(visible: Visible, last: Watermark) -> Replicated {
        Replicated {
            leads: AtomicBool::new(false),
            logged: AtomicU64::new(last.sequence),
            newest: (visible == Visible::Raised).then(|| AtomicU64::new(last.revision)),
        }
    }

    /// Whether nobody was told yet that the log is durable up to here.
    pub fn note_logged(&self, durable: Sequence) -> bool {
        self.logged.fetch_max(durable, Ordering::AcqRel) < durable
    }
}

impl State {
    /// `Unsupported` in a database that is alone.
    pub fn replicated(&self) -> Result<&Replicated> {
        let absent = || Error::new(Code::Unsupported, "the database was not opened as a replicated one");
        self.replicated.as_ref().ok_or_else(absent)
    }

    /// `NotLeader` where commits are another node's to make.
    #[inline]
    pub fn check_leads(&self) -> Result<()> {
        self.check_writable()?;
        match &self.replicated {
            Some(replicated) if !replicated.leads.load(Ordering::Acquire) => Err(not_leader()),
            _ => Ok(()),
        }
    }

    /// From now on commits are made here, or no more.
    pub fn lead(&self, leads: bool) -> Result<()> {
        self.check_open()?;
        let replicated = self.replicated()?;
        let _commit = self.commit.lock();
        replicated.leads.store(leads, Ordering::Release);
        Ok(())
    }

    pub fn raise(&self, revision: Revision) -> Result<()> {
        self.check_open()?;
        self.replicated()?;
        // Else they are visible as soon as they are applied.
        let Some(newest) = self.raised() else { return Ok(()) };
        let revision = revision.min(newest.load(Ordering::Acquire));
        if self.visible.fetch_max(revision, Ordering::AcqRel) < revision {
            self.end_hold();
        }
        Ok(())
    }

    /// The newest revision, if that is not the one that is visible.
    #[inline]
    fn raised(&self) -> Option<&AtomicU64> {
        self.replicated.as_ref().and_then(|replicated| replicated.newest.as_ref())
    }

    /// A commit was applied.
    #[inline]
    pub fn show(&self, revision: Revision) {
        self.raised().unwrap_or(&self.visible).store(revision, Ordering::Release);
    }

    /// As `pin`, of whatever was committed. For commits, which build on one another.
    pub fn pin_newest(&self) -> (Arc<Readable>, Revision) {
        pin(&self.readable, self.raised().unwrap_or(&self.visible))
    }

    /// Every version above it has to stay, and what it sees.
    pub fn raised_to(&self) -> Option<Revision> {
        self.raised().map(|_| self.visible.load(Ordering::SeqCst))
    }

    /// The oldest revision that somebody stands at, or will.
    pub fn oldest_pin(&self) -> Option<Revision> {
        self.raised_to().into_iter().chain(self.snapshots.oldest()).min()
    }

    /// Who was kept from dropping something looks again.
    pub fn end_hold(&self) {
        if self.compaction_held.swap(false, Ordering::SeqCst) {
            self.work.request_compaction();
        }
        if self.upkeep_held.swap(false, Ordering::SeqCst) {
            self.arm_upkeep(&mut self.work.lock());
        }
    }
}

#[cold]
fn not_leader() -> Error {
    Error::new(Code::NotLeader, "this node does not lead: another one may be making commits")
}
