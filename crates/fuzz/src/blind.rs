//! Running inputs made by blind changes, for where no tool can say what a change reaches.

use crate::{Mutator, Target};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// No input needs longer, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs inputs until the time is over; how many. The one that panics is shown; one that does not end ends the program.
pub fn run_blind(target: &Target, seed: u64, kept: Vec<Vec<u8>>, time: Duration) -> u64 {
    let pool = [kept, (target.samples)()].concat();
    let mutator = Mutator::new(seed, pool, target.bytes_max);
    let (next, watched) = channel::<Vec<u8>>();
    let name = target.name;
    let watch = move || {
        let mut current = Vec::new();
        loop {
            match watched.recv_timeout(PATIENCE) {
                Ok(input) => current = input,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    show(name, "does not end", &current);
                    std::process::abort();
                }
            }
        }
    };
    let watcher = std::thread::spawn(watch);
    let until = Instant::now() + time;
    let mut runs = 0;
    while Instant::now() < until {
        let input = mutator.input();
        next.send(input.clone()).expect("the watcher ends after this");
        run(target, &input);
        runs += 1;
    }
    drop(next);
    watcher.join().expect("the watcher only looks");
    runs
}

/// Runs one input, and shows it if it panics.
pub fn run(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        show(target.name, "panics", input);
        resume_unwind(panic);
    }
}

#[expect(clippy::print_stderr, reason = "the input is what makes a failure replayable")]
fn show(target: &str, what: &str, input: &[u8]) {
    let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
    eprintln!("target {target} {what} with the input {hex}");
}
