//! The one name that `work.rs` wants of the engine's `entry`.

pub const NO_DEADLINE: i64 = i64::MAX;
