//! The protocols without locks, or around few, run in every order of their threads' steps that memory allows.
//!
//! What runs is the engine's own code: its files are compiled here once more, with loom's atomics and locks as
//! `crate::sync`. Loom explores all orders of small programs, so each test is one: two threads, a few steps.

#[path = "../../src/memtable/node.rs"]
#[allow(dead_code)] // the index levels go through the same functions
mod node;
#[path = "../../src/pin.rs"]
mod pin;
#[path = "../../src/work.rs"]
#[allow(dead_code)] // flushes and compactions are asked for in the same way as syncs
mod work;

mod blocks;
mod entry;
mod key;
mod pinning;
mod sync;
mod waking;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs a program in every order of its threads' steps in which no more than so many times a thread is left that could
/// have gone on: two or three show what reordering can do in programs of this size.
#[expect(clippy::print_stderr, reason = "the counts are what this is run for")]
fn explore(preemptions: usize, program: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    let orders = Arc::new(AtomicU64::new(0));
    let counted = orders.clone();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        program();
    });
    eprintln!("figures: {{\"programs\":1,\"orders\":{}}}", orders.load(Ordering::Relaxed));
}
