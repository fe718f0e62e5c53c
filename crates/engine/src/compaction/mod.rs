//! Merging tables downwards: what to merge and when.

mod policy;

pub use policy::{Levels, Plan, PolicyOptions, Reason, RoundRobin, Step, TableView, pick, pick_in_range};
