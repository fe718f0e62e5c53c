//! Which tables are live, from which segment the log counts, and what was fixed when the database was made: a log of
//! *edits* in `NNNNNN.manifest`, found through `CURRENT`. The bytes are in docs/formats/manifest.md.
//!
//! What must hold: an edit is synced before anything is done because of it, and what a reader acts on was synced.
//! `recover` reads and changes nothing; `ManifestLog` is the one writer of a folder and is called under the engine's
//! lock. Neither reads the clock.

mod current;
mod edit;
mod frame;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod log;
mod recovery;
mod state;

pub use crate::wal::LogFloor;
pub use current::read as current;
pub use edit::{Creation, Edit};
pub use frame::Tail;
pub use log::{ManifestLog, ManifestOptions, to_bytes};
pub use recovery::{Recovered, files, from_bytes, read_numbered, recover};
pub use state::State;

/// The format this version reads and writes, of manifest, CURRENT and database.
pub const FORMAT: u32 = 1;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
