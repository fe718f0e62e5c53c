//! Merging tables downwards: what to merge and when (`policy`, pure), which versions survive (`retention`, pure), who
//! does it (`turns`) and doing it (`run`).

mod blobs;
mod hidden;
mod output;
mod policy;
mod retention;
mod run;
mod turns;

pub use output::{Output, Outputs};
pub use policy::{
    Asked, Levels, Plan, PolicyOptions, Reason, RoundRobin, Step, TableView, Work, debt, next_garbage_ms,
    pick, pick_in_range, pick_worn,
};
pub use retention::{Fate, Retention};
pub use turns::{Turn, Turns};
