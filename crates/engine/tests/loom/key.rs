//! The one name that `pin.rs` wants of the engine's `key`.

pub type Revision = u64;
