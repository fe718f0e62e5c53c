//! The read pool: threads that wait for the disk in place of JavaScript's, be it to read or to remove files.
//!
//! One for the process, because what it spares is the threads that could wait for one device. A read comes here only
//! when its pages are not in memory. Threads start as reads queue up and end when there was nothing to read for a while.

use coppice_engine::error::{Code, Error, Result};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;

/// Reads that wait for the disk at a time: what keeps a solid-state drive busy, and few enough to cost little memory.
const THREADS_MAX: usize = 8;
/// How long a thread stays for the next read.
const IDLE: Duration = Duration::from_secs(2);

type Read = Box<dyn FnOnce() + Send>;

struct Pool {
    waiting: VecDeque<Read>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { waiting: VecDeque::new(), threads: 0, idle: 0 });
static CAME: Condvar = Condvar::new();

/// Runs `read` soon, on a thread of the pool.
pub fn run(read: impl FnOnce() + Send + 'static) -> Result<()> {
    let mut pool = POOL.lock();
    if pool.waiting.len() >= pool.idle && pool.threads < THREADS_MAX {
        let spawned = std::thread::Builder::new().name("coppice-read".to_owned()).spawn(serve);
        match spawned {
            Ok(_) => pool.threads += 1,
            // Those that run already take it in turn.
            Err(_) if pool.threads > 0 => {}
            Err(cause) => return Err(Error::new(Code::Busy, format!("cannot start a thread: {cause}"))),
        }
    }
    pool.waiting.push_back(Box::new(read));
    CAME.notify_one();
    Ok(())
}

/// Drops what may be the last to hold files. Where no thread can be had it goes here after all.
pub fn let_go(held: impl Send + 'static) {
    let _ = run(move || drop(held));
}

fn serve() {
    let mut pool = POOL.lock();
    loop {
        if let Some(read) = pool.waiting.pop_front() {
            drop(pool);
            read();
            pool = POOL.lock();
            continue;
        }
        pool.idle += 1;
        let timed_out = CAME.wait_for(&mut pool, IDLE).timed_out();
        pool.idle -= 1;
        if timed_out && pool.waiting.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier, mpsc};

    #[test]
    fn every_read_runs_once_and_as_many_at_a_time_as_there_are_threads() {
        let together = Arc::new(Barrier::new(THREADS_MAX + 1));
        for _ in 0..THREADS_MAX {
            let together = together.clone();
            run(move || {
                together.wait();
            })
            .unwrap();
        }
        together.wait();

        let ran = Arc::new(AtomicUsize::new(0));
        let (done, all_done) = mpsc::channel::<()>();
        for _ in 0..1000 {
            let (ran, done) = (ran.clone(), done.clone());
            run(move || {
                ran.fetch_add(1, Ordering::Relaxed);
                drop(done);
            })
            .unwrap();
        }
        drop(done);
        assert!(all_done.recv().is_err(), "all of them are gone");
        assert_eq!(ran.load(Ordering::Relaxed), 1000);
        assert!(POOL.lock().threads <= THREADS_MAX);
    }
}
