//! Rare calls that block run on a thread of their own, never on libuv's few: a long compaction must hold up neither the
//! program's file reads nor its exit. Point reads that have to wait for the disk share the read pool instead. JavaScript
//! gets a number at once and the outcome later, through the mailbox.

use crate::mailbox::Mailbox;
use crate::message::{Message, Outcome};
use crate::pool;
use crate::raw::panicked;
use coppice_engine::error::{Code, Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Tasks of the whole process that may run at a time.
const TASKS_MAX: usize = 256;

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Where a running task reports to.
pub struct Report {
    pub task: u64,
    pub mailbox: Arc<Mailbox>,
}

/// Counts one task for as long as it runs, whichever way it ends.
struct Running;

impl Running {
    fn begin() -> Result<Running> {
        let running = Running;
        if RUNNING.fetch_add(1, Ordering::Relaxed) < TASKS_MAX {
            return Ok(running);
        }
        Err(Error::new(
            Code::Busy,
            format!("{TASKS_MAX} opens, flushes, compactions and the like run already"),
        ))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a read that waits for the disk, on a thread of the pool; answers as `start` does.
pub fn read(
    mailbox: &Arc<Mailbox>,
    work: impl FnOnce(&Report) -> Result<Outcome> + Send + 'static,
) -> Result<f64> {
    let task = NEXT.fetch_add(1, Ordering::Relaxed);
    let report = Report { task, mailbox: mailbox.clone() };
    pool::run(move || perform(&report, work))?;
    Ok(task as f64)
}

fn perform(report: &Report, work: impl FnOnce(&Report) -> Result<Outcome>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| work(report)));
    let outcome = outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
    report.mailbox.post(Message::Done { task: report.task, outcome });
}

/// How many tasks this process runs now.
pub fn running() -> usize {
    RUNNING.load(Ordering::Relaxed)
}

/// Starts `work`; answers the number under which its outcome will be told.
pub fn start(
    mailbox: &Arc<Mailbox>,
    name: &str,
    work: impl FnOnce(&Report) -> Result<Outcome> + Send + 'static,
) -> Result<f64> {
    let running = Running::begin()?;
    let task = NEXT.fetch_add(1, Ordering::Relaxed);
    let report = Report { task, mailbox: mailbox.clone() };
    let run = move || {
        let _running = running;
        perform(&report, work);
    };
    std::thread::Builder::new()
        .name(format!("coppice-{name}"))
        .spawn(run)
        .map_err(|cause| Error::new(Code::Busy, format!("cannot start a thread: {cause}")))?;
    Ok(task as f64)
}
