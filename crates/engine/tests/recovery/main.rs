//! What is left of a damaged database, and how it is opened, read beside a writer, copied and repaired.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod support;

mod backup;
mod beside;
mod point_in_time;
mod salvage;
