//! Merging tables downwards: what to merge and when (`policy`, pure), which versions survive (`retention`, pure), and
//! doing it (`run`).

mod hidden;
mod output;
mod policy;
mod retention;
mod run;

pub use output::Output;
pub use policy::{Levels, Plan, PolicyOptions, RoundRobin, Step, TableView, pick, pick_in_range};
pub use retention::{Fate, Retention};
