//! The threads of a database: one syncs the log, one flushes memtables, some compact. Each sleeps until `Work` has
//! something for it. Without threads the same steps run on the caller's thread, in one fixed order.

use crate::backoff::{Backoff, COMPACTION_PAUSE_MAX, FLUSH_PAUSE_MAX};
use crate::compaction::Turn;
use crate::entry::NO_DEADLINE;
use crate::error::{Code, Error, Result};
use crate::key::KEYSPACE_USER;
use crate::options::{Event, MEMTABLES_MAX, WorkKind};
use crate::state::State;
use crate::wal::Watermark;
use crate::work::Due;
use parking_lot::Condvar;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a full disk is left alone before space for the log is looked for again.
const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

/// A deadline of the wall clock further away than this is looked at again.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

type Body = fn(&State);

/// Running threads; stopping them is `stop`, not drop.
pub struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    pub fn start(state: &Arc<State>) -> Result<Threads> {
        let mut threads = Threads(Vec::new());
        let compactions = (0..state.compaction_threads).map(|_| ("coppice-compact", run_compaction as Body));
        let bodies = [("coppice-log", run_log as Body), ("coppice-flush", run_flush as Body)];
        for (name, body) in bodies.into_iter().chain(compactions) {
            let shared = state.clone();
            let spawned = std::thread::Builder::new().name(name.into()).spawn(move || guard(&shared, body));
            match spawned {
                Ok(handle) => threads.0.push(handle),
                Err(cause) => {
                    threads.stop(state);
                    return Err(Error::io("start a thread", &state.folder, &cause));
                }
            }
        }
        Ok(threads)
    }

    /// Wakes all and waits for them; a compaction is given up, a flush is finished.
    pub fn stop(self, state: &State) {
        state.work.stop();
        for thread in self.0 {
            // The last handle may be dropped by an event on one of these threads: it cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// A panic is a bug of ours; it must not leave waiters hanging, so it poisons like a failed disk.
fn guard(state: &State, body: Body) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(state))) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        state.poison(&Error::new(Code::Poisoned, format!("a background thread panicked: {text}")));
        let _due = state.work.lock();
        state.work.ended.notify_all();
    }
}

/// It sleeps as soon as there is nothing to do. To yield for a while instead, as RocksDB's writers do, costs a turn of the scheduler
/// wherever something else wants the processor: 4 ms a commit in place of 0.2.
fn run_log(state: &State) {
    let interval = Duration::from_millis(state.options.sync_interval_ms);
    // When what nobody waits for is synced.
    let mut sync_at = None;
    loop {
        {
            let mut due = state.work.lock();
            let is_room = loop {
                if state.work.is_stopping() {
                    return;
                }
                let is_past = |at: Option<Instant>| at.is_some_and(|at| Instant::now() >= at);
                if is_past(due.room_at) {
                    due.room_at = None;
                    break true;
                }
                if due.unsynced && sync_at.is_none() {
                    sync_at = Some(Instant::now() + interval);
                }
                if due.sync || due.spare || is_past(sync_at) {
                    break false;
                }
                match sync_at.into_iter().chain(due.room_at).min() {
                    None => state.work.log.wait(&mut due),
                    Some(at) => drop(state.work.log.wait_until(&mut due, at)),
                }
            };
            if is_room {
                drop(due);
                state.end_pause();
                continue;
            }
            sync_at = None;
            if due.unsynced {
                state.arm_upkeep(&mut due);
            }
            state.work.take_sync(&mut due);
        }
        state.log_step();
    }
}

fn run_flush(state: &State) {
    while wait_for(state, &state.work.flush, |due| due.upkeep_at_ms, |due| due.flush) {
        let upkeep = {
            let mut due = state.work.lock();
            due.flush = false;
            state.take_upkeep(&mut due)
        };
        if upkeep {
            state.upkeep_step();
        }
        let mut backoff = Backoff::new(FLUSH_PAUSE_MAX);
        while state.flush_step() == Step::Pause
            && backoff.wait(state, &state.work.flush, |due| std::mem::take(&mut due.flush))
        {}
    }
}

fn run_compaction(state: &State) {
    let at_ms = |due: &Due| due.compact_at_ms.min(due.interval_at_ms);
    while wait_for(state, &state.work.compaction, at_ms, |due| due.compact) {
        {
            let mut due = state.work.lock();
            due.compact = false;
            due.compact_at_ms = NO_DEADLINE;
        }
        let mut backoff = Backoff::new(COMPACTION_PAUSE_MAX);
        while state.compaction_step() == Step::Pause
            && backoff.wait(state, &state.work.compaction, |due| std::mem::take(&mut due.changed))
        {}
    }
}

/// Sleeps until there is work or its time has come; false when the database stops.
fn wait_for(state: &State, condvar: &Condvar, at_ms: fn(&Due) -> i64, is_due: fn(&Due) -> bool) -> bool {
    let mut due = state.work.lock();
    loop {
        if state.work.is_stopping() {
            return false;
        }
        let left_ms = match at_ms(&due) {
            NO_DEADLINE => i64::MAX,
            at_ms => at_ms.saturating_sub(state.environment.clock.now_ms()),
        };
        if is_due(&due) || left_ms <= 0 {
            return true;
        }
        // The wall clock may be set meanwhile: a long wait looks at it again now and then.
        let left = Duration::from_millis(left_ms.unsigned_abs()).min(SLEEP_MAX);
        if left_ms == i64::MAX {
            condvar.wait(&mut due);
        } else {
            condvar.wait_for(&mut due, left);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing more is due, or nothing more can be done.
    Done,
    /// The disk is full: try again later.
    Pause,
}

impl State {
    /// Syncs what is written, then sees that the next segment is ready.
    fn log_step(&self) {
        // A failure has poisoned the database, which is how everyone hears of it.
        let _ = self.sync_log();
        self.prepare_spare();
        self.check_log();
    }

    /// Without a spare the next segment is made when it is needed. On a full disk that is tried again after a pause: it
    /// would cost every sync the filling of a file.
    fn prepare_spare(&self) {
        let now_ms = self.environment.clock.now_ms();
        // Also over when the clock has stepped back.
        let pause_left_ms = self.spare_again_ms.load(Ordering::Relaxed) - now_ms;
        if (1..=FULL_DISK_PAUSE.as_millis() as i64).contains(&pause_left_ms) {
            return;
        }
        let mut announced = None;
        let prepared = self.log.prepare_spare(|| announced = Some(self.announce(WorkKind::Segment)));
        if prepared.is_err_and(|error| error.code() == Code::DiskFull) {
            self.spare_again_ms.store(now_ms + FULL_DISK_PAUSE.as_millis() as i64, Ordering::Relaxed);
        }
    }

    /// After a quiet while: gives back what memtable and log need not take.
    fn upkeep_step(&self) {
        // A failure of the log poisons; a full disk is told to whoever writes next.
        if self.begin_upkeep().is_ok() && self.flush_step() == Step::Done {
            let _ = self.end_upkeep();
        }
    }

    /// Flushes all sealed memtables.
    fn flush_step(&self) -> Step {
        let result = loop {
            match self.flush_oldest() {
                Ok(true) => self.set_flush_error(None),
                Ok(false) => break Step::Done,
                Err(error) => break self.flush_failed(error),
            }
        };
        let _due = self.work.lock();
        self.work.ended.notify_all();
        result
    }

    fn flush_failed(&self, error: Error) -> Step {
        let full = error.code() == Code::DiskFull;
        if !full {
            self.poison(&error);
        }
        self.set_flush_error(Some(error));
        if full {
            // Writes that wait for this flush are to be refused now.
            self.announce_room();
        }
        if full { Step::Pause } else { Step::Done }
    }

    /// Merges everything if it is time for that, and what is due.
    fn compaction_step(&self) -> Step {
        let mut ended = Ok(());
        if self.take_interval() {
            // What writers wait for goes on between the steps: there may be no other thread for it.
            ended = self.compact_steps((&[KEYSPACE_USER], &[KEYSPACE_USER + 1]), || self.compact_due());
        }
        match ended.and_then(|()| self.compact_due()) {
            Ok(()) => Step::Done,
            Err(error) => self.compaction_failed(error),
        }
    }

    /// Runs compactions until none is due.
    fn compact_due(&self) -> Result<()> {
        loop {
            let turns = self.next_turns()?;
            if turns.is_empty() {
                return Ok(());
            }
            // The newest first: no end must depend on the order.
            for turn in turns.into_iter().rev() {
                self.run_turn(turn)?;
            }
        }
    }

    /// Whether it is time to merge everything; takes that time.
    fn take_interval(&self) -> bool {
        let mut due = self.work.lock();
        let is_due = due.interval_at_ms <= self.environment.clock.now_ms();
        if is_due {
            due.interval_at_ms = NO_DEADLINE;
        }
        is_due
    }

    fn compaction_failed(&self, error: Error) -> Step {
        let full = match error.code() {
            Code::Closed => return Step::Done,
            Code::DiskFull => {
                self.set_compaction_pause(Some(error));
                true
            }
            // Reads and writes go on: only what this compaction would have merged stays as it is.
            _ => {
                self.fail_compaction(&error);
                self.options.listener.event(Event::Failed(error));
                false
            }
        };
        // Writes that wait for this compaction are to be refused now.
        self.announce_room();
        if full { Step::Pause } else { Step::Done }
    }

    /// One compaction for this thread, another thread being told that there may be more; without threads as many as
    /// threads would run at once.
    fn next_turns(&self) -> Result<Vec<Turn<'_>>> {
        let mut turns = Vec::new();
        while let Some(turn) = self.next_turn()? {
            turns.push(turn);
            if self.environment.threads {
                if self.compaction_threads > 1 {
                    self.work.pass_compaction_on();
                }
                break;
            }
        }
        Ok(turns)
    }

    /// Without threads: does everything that is due, in one fixed order.
    pub fn run_background(&self) {
        let mut due = self.work.lock();
        let sync = due.sync || due.unsynced || due.spare;
        self.work.take_sync(&mut due);
        if sync {
            self.arm_upkeep(&mut due);
        }
        let upkeep = self.take_upkeep(&mut due);
        due.flush = false;
        due.compact = false;
        drop(due);
        if sync {
            self.log_step();
        }
        if upkeep {
            self.upkeep_step();
        }
        self.flush_step();
        self.compaction_step();
        self.end_pause();
    }

    /// Who kept the pace of compaction has waited long enough, whatever the clock says.
    fn end_pause(&self) {
        self.commit.lock().allowance.forgive();
        self.announce_room();
    }

    /// Seals the active memtable and waits until everything written before is in tables.
    pub fn flush(&self) -> Result<()> {
        self.check_writable()?;
        let readable = self.readable.load_full();
        if let Some(oldest) = readable.sealed.last().filter(|_| readable.sealed.len() + 1 >= MEMTABLES_MAX) {
            // On a full disk every call would else seal one more.
            self.wait_for_flush(oldest.last)?;
        }
        let commit = self.commit.lock();
        let target = commit.last;
        self.rotate(&commit, 0);
        drop(commit);
        self.wait_for_flush(target)
    }

    /// Waits until tables hold every commit up to `target`, which is in sealed memtables or in tables already.
    fn wait_for_flush(&self, target: Watermark) -> Result<()> {
        self.set_flush_error(None);
        if !self.environment.threads {
            self.flush_step();
        }
        self.work.request_flush();
        let mut due = self.work.lock();
        loop {
            if self.readable.load().flushed.sequence >= target.sequence {
                return Ok(());
            }
            self.check_poison()?;
            if let Some(error) = self.flush_error() {
                return Err(error);
            }
            if self.work.is_stopping() || !self.environment.threads {
                return Err(Error::new(Code::Closed, "the database was closed during a flush"));
            }
            self.work.ended.wait(&mut due);
        }
    }
}
