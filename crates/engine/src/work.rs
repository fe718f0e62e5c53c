//! What the background threads have to do, and how they learn of it. Nothing polls: a thread sleeps until it is told,
//! or until the one deadline that it was given.

use crate::entry::NO_DEADLINE;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use std::time::{Duration, Instant};

pub struct Work {
    due: Mutex<Due>,
    /// Wakes the log thread.
    pub log: Condvar,
    /// Wakes the flush thread.
    pub flush: Condvar,
    /// Wakes the compaction thread.
    pub compaction: Condvar,
    /// Ends the waits of who has written too fast.
    pub rate: Condvar,
    /// Tells whoever waits for a flush or compaction that one ended.
    pub ended: Condvar,
    /// Mirrors `due.unsynced`, so that a commit finds out without the lock.
    unsynced: AtomicBool,
    stopping: AtomicBool,
}

impl Default for Work {
    fn default() -> Self {
        Work {
            due: Mutex::new(Due {
                sync: false,
                unsynced: false,
                spare: false,
                flush: false,
                compact: false,
                changed: false,
                upkeep_at_ms: NO_DEADLINE,
                compact_at_ms: NO_DEADLINE,
                room_at: None,
                interval_at_ms: NO_DEADLINE,
            }),
            log: Condvar::new(),
            flush: Condvar::new(),
            compaction: Condvar::new(),
            rate: Condvar::new(),
            ended: Condvar::new(),
            unsynced: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }
}

/// Each flag is set by whoever finds the work and cleared by the thread that takes it.
pub struct Due {
    /// Someone waits for the log to be synced.
    pub sync: bool,
    /// Records are waiting that nobody asked to sync yet.
    pub unsynced: bool,
    /// The log has used up its spare segment.
    pub spare: bool,
    pub flush: bool,
    pub compact: bool,
    /// Something has changed since a compaction found the disk full.
    pub changed: bool,
    /// When the database is looked after if nobody writes; `NO_DEADLINE`: not at all.
    pub upkeep_at_ms: i64,
    /// When deadlines that pass may make a compaction due; `NO_DEADLINE`: never.
    pub compact_at_ms: i64,
    /// When writes that keep the pace of compaction are to be tried again.
    pub room_at: Option<Instant>,
    /// When everything is to be merged down, if that was asked for and something was flushed.
    pub interval_at_ms: i64,
}

impl Work {
    pub fn lock(&self) -> MutexGuard<'_, Due> {
        self.due.lock()
    }

    pub fn request_sync(&self) {
        self.due.lock().sync = true;
        self.log.notify_one();
    }

    pub fn request_spare(&self) {
        self.due.lock().spare = true;
        self.log.notify_one();
    }

    /// Called for every commit: the first one after a sync starts the log thread's clock. The record is in the log by
    /// then, behind a lock that a sync takes after `take_sync`: so either that sync finds it, or this finds the flag down.
    #[inline]
    pub fn note_unsynced(&self) {
        if !self.unsynced.load(Ordering::Relaxed) && !self.unsynced.swap(true, Ordering::AcqRel) {
            self.due.lock().unsynced = true;
            self.log.notify_one();
        }
    }

    /// Takes the log's work; before the sync, so that a commit during it is noted anew.
    pub fn take_sync(&self, due: &mut Due) {
        due.sync = false;
        due.unsynced = false;
        due.spare = false;
        self.unsynced.store(false, Ordering::Release);
    }

    /// Sees to it that `Event::Room` comes after so long.
    pub fn request_room(&self, wait: Duration) {
        let mut due = self.due.lock();
        due.room_at.get_or_insert(Instant::now() + wait);
        self.log.notify_one();
    }

    pub fn request_flush(&self) {
        self.due.lock().flush = true;
        self.flush.notify_one();
    }

    /// Something was written, or let go of, that compactions may make use of.
    pub fn request_compaction(&self) {
        let mut due = self.due.lock();
        (due.compact, due.changed) = (true, true);
        // Also those that wait for room on the disk.
        self.compaction.notify_all();
    }

    /// There may be a compaction for another thread. It is no news to those that wait for room on the disk.
    pub fn pass_compaction_on(&self) {
        self.due.lock().compact = true;
        self.compaction.notify_all();
    }

    /// Waits so long, or until the database stops.
    pub fn wait_for_rate(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut due = self.due.lock();
        while !self.is_stopping() && !self.rate.wait_until(&mut due, until).timed_out() {}
    }

    pub fn stop(&self) {
        let _due = self.due.lock();
        self.stopping.store(true, Ordering::Release);
        for condvar in [&self.log, &self.flush, &self.compaction, &self.rate, &self.ended] {
            condvar.notify_all();
        }
    }

    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
