//! One log on several nodes: what is shipped, applied, handed over and taken back.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod support;

mod folders;
mod node;
mod pair;
mod raised;
mod records;
