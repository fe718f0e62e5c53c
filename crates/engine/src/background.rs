//! The threads of a database: one syncs the log, one flushes memtables, one compacts. Each sleeps until `Work` has
//! something for it. Without threads the same steps run on the caller's thread, in one fixed order.

use crate::error::{Code, Error, Result};
use crate::options::{Event, MEMTABLES_MAX, WorkKind};
use crate::state::State;
use crate::wal::Watermark;
use parking_lot::Condvar;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a full disk is left alone before space is looked for again, and only while there is work that needs it.
const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

type Body = fn(&State);

/// Running threads; stopping them is `stop`, not drop.
pub struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    pub fn start(state: &Arc<State>) -> Result<Threads> {
        let mut threads = Threads(Vec::new());
        let bodies: [(&str, Body); 3] =
            [("coppice-log", run_log), ("coppice-flush", run_flush), ("coppice-compact", run_compaction)];
        for (name, body) in bodies {
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

fn run_log(state: &State) {
    let interval = Duration::from_millis(state.options.sync_interval_ms);
    loop {
        {
            let mut due = state.work.lock();
            while !due.sync && !due.unsynced && !due.spare && !state.work.is_stopping() {
                state.work.log.wait(&mut due);
            }
            let deadline = Instant::now() + interval;
            while !due.sync && !due.spare && !state.work.is_stopping() {
                if state.work.log.wait_until(&mut due, deadline).timed_out() {
                    break;
                }
            }
            if state.work.is_stopping() {
                return;
            }
            state.work.take_sync(&mut due);
        }
        state.log_step();
    }
}

fn run_flush(state: &State) {
    while wait_for(state, &state.work.flush, |due| std::mem::take(&mut due.flush)) {
        while state.flush_step() == Step::Pause && pause(state, &state.work.flush) {}
    }
}

fn run_compaction(state: &State) {
    while wait_for(state, &state.work.compaction, |due| std::mem::take(&mut due.compact)) {
        while state.compaction_step() == Step::Pause && pause(state, &state.work.compaction) {}
    }
}

/// Sleeps until there is work; false when the database stops.
fn wait_for(state: &State, condvar: &Condvar, take: fn(&mut crate::work::Due) -> bool) -> bool {
    let mut due = state.work.lock();
    loop {
        if state.work.is_stopping() {
            return false;
        }
        if take(&mut due) {
            return true;
        }
        condvar.wait(&mut due);
    }
}

/// False when the database stops.
fn pause(state: &State, condvar: &Condvar) -> bool {
    let mut due = state.work.lock();
    if !state.work.is_stopping() {
        condvar.wait_for(&mut due, FULL_DISK_PAUSE);
    }
    !state.work.is_stopping()
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

    /// Runs compactions until none is due.
    fn compaction_step(&self) -> Step {
        loop {
            let mut turns = self.compacting.lock();
            if self.work.is_stopping() || self.check_poison().is_err() || self.check_compaction().is_err() {
                return Step::Done;
            }
            match self.compact_once(&mut turns) {
                Ok(more) => {
                    self.set_compaction_pause(None);
                    if !more {
                        return Step::Done;
                    }
                }
                Err(error) if error.code() == Code::Closed => return Step::Done,
                Err(error) if error.code() == Code::DiskFull => {
                    self.set_compaction_pause(Some(error));
                    self.announce_room();
                    return Step::Pause;
                }
                Err(error) => {
                    // Reads and writes go on: only what this compaction would have merged stays as it is.
                    self.fail_compaction(&error);
                    self.options.listener.event(Event::Failed(error));
                    // Writes that wait for this compaction are to be refused now.
                    self.announce_room();
                    return Step::Done;
                }
            }
        }
    }

    /// Without threads: does everything that is due, in one fixed order.
    pub fn run_background(&self) {
        let mut due = self.work.lock();
        let sync = due.sync || due.unsynced || due.spare;
        self.work.take_sync(&mut due);
        due.flush = false;
        due.compact = false;
        drop(due);
        if sync {
            self.log_step();
        }
        self.flush_step();
        self.compaction_step();
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
